#include "pipeline/replaced_files.h"

#include <gtest/gtest.h>

#include "iceberg/catalog/metadata_file.h"
#include "iceberg/commit_testing.h"
#include "iceberg/replaced_tables.h"

namespace sluice::pipeline {
namespace {

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;

// A table with some commits behind it, replaced by an empty one now.
class ReplacedFiles : public ::testing::Test {
 protected:
  ReplacedFiles() {
    for (int i = 0; i < 3; ++i) {
      merge::RowDelta delta;
      delta.added.push_back(table_.NewFile(100));
      table_.Commit(delta);
    }
    before_ = table_.Load();
    before_.metadata_location = iceberg::MetadataLocation(before_.metadata, "", "before");
    EXPECT_TRUE(
        iceberg::WriteMetadataFile(*table_.store, before_.metadata_location, before_.metadata));
    auto fresh = iceberg::NewTableMetadata("5ce6b6ab-4a01-4b6f-a1f5-c6a2a3b0f002",
                                           table_.location + "-1", iceberg::testing::OneColumn(),
                                           iceberg::MirrorProperties(), Now());
    fresh.properties[iceberg::kReplacedKey] =
        iceberg::ToProperty({{before_.metadata_location, Now()}});
    Commit({table_.name,
            "replaces",
            {iceberg::AssertTableUuid{before_.metadata.table_uuid}},
            {iceberg::CreateTable{fresh}}});
  }

  int64_t Now() const { return table_.clock.WallMicros() / 1000; }
  void Commit(const iceberg::TableCommit& commit) {
    ASSERT_TRUE(table_.catalog.Commit(std::span(&commit, 1)));
  }
  bool Remembered() { return table_.Load().metadata.properties.contains(iceberg::kReplacedKey); }
  Status Remove() {
    const Lake lake{
        *table_.store, table_.catalog, table_.files, table_.clock, options_, "77/1/shop", 3,
        &table_.cache};
    return RemoveReplaced(lake, table_.name);
  }

  // All of them but the metadata file, while another table of the catalog consists of `theirs`.
  void StayFor(iceberg::TableMetadata theirs) {
    auto left = table_.Objects();
    theirs.table_uuid = "5ce6b6ab-4a01-4b6f-a1f5-c6a2a3b0f003";
    Commit({{"shop", "theirs"},
            "theirs",
            {iceberg::AssertCreate{}},
            {iceberg::CreateTable{std::move(theirs)}}});
    table_.clock.Advance(2 * kHourUs);
    ASSERT_TRUE(Remove());
    left.erase(before_.metadata_location);
    EXPECT_EQ(table_.Objects(), left);
  }

  iceberg::testing::TestTable table_;
  PipelineOptions options_;
  iceberg::LoadedTable before_;
};

TEST_F(ReplacedFiles, GoWhenTheHourIsOver) {
  const auto all = table_.Objects();
  ASSERT_GT(all.size(), 6U);
  table_.clock.Advance(kHourUs - 1'000'000);
  ASSERT_TRUE(Remove());
  EXPECT_EQ(table_.Objects(), all);
  EXPECT_TRUE(Remembered());
  table_.clock.Advance(1'000'000);
  ASSERT_TRUE(Remove());
  EXPECT_TRUE(table_.Objects().empty());
  EXPECT_FALSE(Remembered());
  EXPECT_TRUE(Remove()) << "nothing is left to do";
}

// As Spark's `snapshot` and `register_table` do.
TEST_F(ReplacedFiles, StayWhereAnotherTableHasThem) { StayFor(before_.metadata); }

// Spark's add_files names what it finds without an authority.
TEST_F(ReplacedFiles, StayWhereAnotherTableSpellsThemInAnotherWay) {
  auto theirs = before_.metadata;
  for (iceberg::Snapshot& snapshot : theirs.snapshots) {
    snapshot.manifest_list.replace(0, std::string("file://").size(), "file:");
  }
  StayFor(theirs);
}

TEST_F(ReplacedFiles, StayWhenSomethingCannotBeRead) {
  iceberg::TableMetadata broken = before_.metadata;
  broken.table_uuid = "5ce6b6ab-4a01-4b6f-a1f5-c6a2a3b0f003";
  broken.snapshots[0].manifest_list = "file:///lake/nowhere.avro";
  Commit({{"shop", "broken"}, "broken", {iceberg::AssertCreate{}}, {iceberg::CreateTable{broken}}});
  const auto all = table_.Objects();
  table_.clock.Advance(2 * kHourUs);
  EXPECT_FALSE(Remove());
  EXPECT_EQ(table_.Objects(), all);
  EXPECT_TRUE(Remembered());
}

// A crash between the files and the word of it.
TEST_F(ReplacedFiles, WhatIsGoneIsForgotten) {
  ASSERT_TRUE(table_.store->Delete(std::span(&before_.metadata_location, 1)));
  table_.clock.Advance(2 * kHourUs);
  ASSERT_TRUE(Remove());
  EXPECT_FALSE(Remembered());
}

}  // namespace
}  // namespace sluice::pipeline
