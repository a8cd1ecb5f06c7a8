#include "iceberg/replaced_tables.h"

#include <gtest/gtest.h>

#include "iceberg/catalog/metadata_file.h"
#include "iceberg/commit_testing.h"

namespace sluice::iceberg {
namespace {

using testing::TestTable;

TEST(ReplacedTables, ComeBackFromTheirProperty) {
  const std::vector<ReplacedTable> tables = {{"file:///lake/a \"b\".json", 5}, {"x", -1}};
  TableMetadata metadata;
  EXPECT_TRUE(ReplacedTables(metadata).empty());
  metadata.properties[kReplacedKey] = ToProperty(tables);
  EXPECT_EQ(ReplacedTables(metadata), tables);
  for (const char* other : {"", "{}", "[1]", R"([{"metadata":1,"at_ms":2}])", "["}) {
    metadata.properties[kReplacedKey] = other;
    EXPECT_TRUE(ReplacedTables(metadata).empty()) << other;
  }
}

// What the table wrote is found, to the last file.
TEST(ReplacedTables, EveryFileOfATableIsFound) {
  TestTable table;
  for (int i = 0; i < 5; ++i) {
    merge::RowDelta delta;
    delta.added.push_back(table.NewFile(100));
    if (i > 1) delta.deleted[delta.added.front().location].add(uint64_t{7});
    table.Commit(delta);
  }
  LoadedTable loaded = table.Load();
  loaded.metadata_location = MetadataLocation(loaded.metadata, "", "commit");
  loaded.metadata.metadata_log = {{1, table.location + "/metadata/earlier.metadata.json"}};
  auto expected = table.Objects();
  expected.insert({loaded.metadata_location, loaded.metadata.metadata_log[0].metadata_file});
  const auto files = FilesOfTable(*table.store, table.cache, loaded);
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(std::set<store::Location>(files->begin(), files->end()), expected);
}

TEST(ReplacedTables, WhatCannotBeReadIsAnError) {
  TestTable table;
  merge::RowDelta delta;
  delta.added.push_back(table.NewFile(100));
  table.Commit(delta);
  const std::string list = table.Load().metadata.snapshots[0].manifest_list;
  ASSERT_TRUE(table.store->Delete(std::span(&list, 1)));
  ManifestCache fresh;
  EXPECT_FALSE(FilesOfTable(*table.store, fresh, table.Load()));
}

}  // namespace
}  // namespace sluice::iceberg
