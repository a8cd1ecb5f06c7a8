#include "iceberg/reachability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "iceberg/commit_testing.h"

namespace sluice::iceberg {
namespace {

using testing::TestTable;

// Every object that a snapshot of the table refers to, read file by file.
std::set<store::Location> Reachable(TestTable& table, const TableMetadata& metadata) {
  std::set<store::Location> out;
  for (const Snapshot& snapshot : metadata.snapshots) {
    out.insert(snapshot.manifest_list);
    for (const ManifestFile& manifest : table.Manifests(snapshot)) out.insert(manifest.path);
    out.merge(table.LivePaths(snapshot));
  }
  return out;
}

// A random window: new files, deleted rows, files that are wholly gone.
merge::RowDelta RandomDelta(TestTable& table, std::mt19937_64& random) {
  merge::RowDelta delta;
  const LoadedTable loaded = table.Load();
  const auto files = ReadTableFiles(*table.store, loaded.metadata);
  EXPECT_TRUE(files);
  for (const LiveDataFile& live : files->data) {
    const uint64_t dice = random() % 10;
    if (dice == 0) {
      delta.removed.push_back(live.file.location);
    } else if (dice < 4) {
      delta.deleted[live.file.location].add(random() % 1000);
    }
  }
  for (uint64_t i = random() % 3; i > 0; --i) delta.added.push_back(table.NewFile(1000));
  return delta;
}

// Somebody else's tag, branch or rollback, through the catalog's own rules where it has any.
void DoSomethingForeign(TestTable& table, std::mt19937_64& random) {
  LoadedTable loaded = table.Load();
  if (loaded.metadata.snapshots.empty()) return;
  const SnapshotId any = loaded.metadata.snapshots[random() % loaded.metadata.snapshots.size()].id;
  TableCommit commit{table.name, "foreign", {}, {}};
  switch (random() % 3) {
    case 0:
      commit.updates = {SetTag{"theirs", any}};
      break;
    case 1:
      commit.updates = {RemoveRef{"theirs"}};
      break;
    default:  // a rollback, which no update of ours can say
      TableMetadata metadata = loaded.metadata;
      metadata.current_snapshot_id = any;
      metadata.refs["main"].snapshot_id = any;
      metadata.snapshot_log.push_back({metadata.last_updated_ms, any});
      commit.requirements = {AssertTableUuid{metadata.table_uuid}};
      commit.updates = {CreateTable{metadata}};
  }
  ASSERT_TRUE(table.catalog.Commit(std::span(&commit, 1)));
}

class RandomHistory : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomHistory, WhatIsDeletedIsExactlyWhatNoSnapshotReaches) {
  std::mt19937_64 random(GetParam());
  TestTable table;
  table.options.delete_tier_files = 2 + static_cast<int>(random() % 3);
  table.options.manifests_merge_min = 2 + static_cast<int>(random() % 4);
  table.options.history = {.all_ms = 20'000,
                           .every_minute_ms = 300'000,
                           .every_hour_ms = 0,
                           .every_day_ms = 0,
                           .snapshots_max = 12};
  ManifestCache tiny(GetParam() % 2 == 0 ? 2000 : 1 << 20);
  table.options.cache = &tiny;
  for (int i = 0; i < 40; ++i) {
    table.step_us = static_cast<int64_t>(1'000'000 * (1 + random() % 15));
    const merge::RowDelta delta = RandomDelta(table, random);
    const PreparedCommit prepared = table.Commit(delta);
    EXPECT_FALSE(prepared.expiry_failed);
    if (random() % 5 == 0) DoSomethingForeign(table, random);
    ASSERT_EQ(table.Objects(), Reachable(table, table.Load().metadata)) << "commit " << i;
  }
  EXPECT_LT(table.Load().metadata.snapshots.size(), 40U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, ::testing::Range<uint64_t>(1, 11));

merge::RowDelta Adding(parquet::DataFile file) {
  merge::RowDelta delta;
  delta.added.push_back(std::move(file));
  return delta;
}

TEST(Reachability, AReadErrorExpiresNothingAndSaysSo) {
  TestTable table;
  for (int i = 0; i < 4; ++i) table.Commit(Adding(table.NewFile(1)));
  const std::string lost = table.Load().metadata.snapshots[1].manifest_list;
  ASSERT_TRUE(table.store->Delete(std::span(&lost, 1)));
  ManifestCache fresh;
  table.options.cache = &fresh;
  table.options.history = {
      .all_ms = 0, .every_minute_ms = 0, .every_hour_ms = 0, .every_day_ms = 0};
  const PreparedCommit prepared = table.Commit(Adding(table.NewFile(1)));
  EXPECT_TRUE(prepared.expiry_failed);
  EXPECT_TRUE(prepared.expired.empty());
  EXPECT_EQ(table.Load().metadata.snapshots.size(), 5U);
}

TEST(Reachability, StatisticsFilesGoWithTheirSnapshot) {
  TestTable table;
  for (int i = 0; i < 3; ++i) table.Commit(Adding(table.NewFile(1)));
  TableMetadata metadata = table.Load().metadata;
  const SnapshotId first = metadata.snapshots[0].id;
  metadata.extra["statistics"] = {
      {{"snapshot-id", first}, {"statistics-path", "file:///lake/a.puffin"}},
      {{"snapshot-id", first}, {"statistics-path", "file:///lake/b.puffin"}},
      {{"snapshot-id", metadata.snapshots[1].id}, {"statistics-path", "file:///lake/b.puffin"}}};
  const auto out = UnreachableFiles(*table.store, table.cache, metadata, std::span(&first, 1));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(std::count(out->begin(), out->end(), "file:///lake/a.puffin"), 1);
  EXPECT_EQ(std::count(out->begin(), out->end(), "file:///lake/b.puffin"), 0);
}

// Counts what is read.
class CountingStore final : public store::ObjectStore {
 public:
  explicit CountingStore(store::ObjectStore& below) : below_(below) {}
  Result<std::unique_ptr<store::ObjectWriter>> Create(const store::Location& at) override {
    return below_.Create(at);
  }
  Status PutIfAbsent(const store::Location& at, std::shared_ptr<arrow::Buffer> bytes) override {
    return below_.PutIfAbsent(at, std::move(bytes));
  }
  Result<uint64_t> Size(const store::Location& at) override { return below_.Size(at); }
  Result<std::shared_ptr<arrow::Buffer>> Read(const store::Location& at, uint64_t from,
                                              uint64_t size) override {
    ++reads;
    return below_.Read(at, from, size);
  }
  Result<std::vector<store::Object>> List(const store::Location& folder) override {
    return below_.List(folder);
  }
  Status Delete(std::span<const store::Location> objects) override {
    return below_.Delete(objects);
  }
  int reads = 0;

 private:
  store::ObjectStore& below_;
};

// In the steady state a commit must not read the manifests of every retained snapshot.
TEST(Reachability, AWarmCacheKeepsReadsFew) {
  TestTable table;
  auto below = std::move(table.store);
  auto counting = std::make_unique<CountingStore>(*below);
  CountingStore& counter = *counting;
  table.store = std::move(counting);
  table.options.history = {.all_ms = 50'000};
  const auto commit = [&] { table.Commit(Adding(table.NewFile(1))); };
  for (int i = 0; i < 80; ++i) commit();
  EXPECT_GT(table.Load().metadata.snapshots.size(), 50U);
  counter.reads = 0;
  for (int i = 0; i < 40; ++i) commit();
  EXPECT_LE(counter.reads, 40 * 5);
  EXPECT_LT(table.cache.bytes(), size_t{1} << 20);
  table.store = std::move(below);
}

TEST(ManifestCache, StaysBelowItsLimit) {
  TestTable table;
  ManifestCache small(20'000);
  table.options.cache = &small;
  table.options.history = {.all_ms = 20'000};
  for (int i = 0; i < 100; ++i) table.Commit(Adding(table.NewFile(1)));
  EXPECT_LE(small.bytes(), 20'000U);
}

}  // namespace
}  // namespace sluice::iceberg
