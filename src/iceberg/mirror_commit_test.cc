#include "iceberg/mirror_commit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "iceberg/commit_testing.h"
#include "iceberg/delete_tiers.h"

namespace sluice::iceberg {
namespace {

using testing::TestTable;

merge::RowDelta Adding(parquet::DataFile file) {
  merge::RowDelta delta;
  delta.added.push_back(std::move(file));
  return delta;
}

merge::RowDelta Deleting(const store::Location& from, std::initializer_list<uint64_t> rows) {
  merge::RowDelta delta;
  for (const uint64_t row : rows) delta.deleted[from].add(row);
  return delta;
}

std::string Summary(const TableMetadata& metadata, const std::string& name) {
  const Snapshot* head = metadata.current_snapshot();
  const auto found = head->summary.find(name);
  return found == head->summary.end() ? "absent" : found->second;
}

TEST(MirrorCommit, ATableAppearsWithItsFirstRows) {
  TestTable table;
  const parquet::DataFile file = table.NewFile(5);
  table.Commit(Adding(file));
  const LoadedTable loaded = table.Load();
  EXPECT_EQ(loaded.metadata.snapshots.size(), 1U);
  EXPECT_EQ(Summary(loaded.metadata, "operation"), "append");
  EXPECT_EQ(Summary(loaded.metadata, "added-records"), "5");
  EXPECT_EQ(Summary(loaded.metadata, "total-records"), "5");
  EXPECT_EQ(Summary(loaded.metadata, "total-files-size"), "1000");
  EXPECT_EQ(loaded.metadata.properties.at("write.delete.mode"), "merge-on-read");
  const auto files = ReadTableFiles(*table.store, loaded.metadata);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->data.size(), 1U);
  EXPECT_EQ(files->data[0].file.location, file.location);
  EXPECT_EQ(files->data[0].sequence_number, 1);
}

TEST(MirrorCommit, AnEmptyTableIsAValidAppendOfNothing) {
  TestTable table;
  table.Commit({});
  table.Commit({});
  const TableMetadata metadata = table.Load().metadata;
  EXPECT_EQ(metadata.snapshots.size(), 2U);
  EXPECT_EQ(Summary(metadata, "operation"), "append");
  EXPECT_EQ(Summary(metadata, "total-records"), "0");
  EXPECT_TRUE(table.Manifests(*metadata.current_snapshot()).empty());
  EXPECT_TRUE(ReadTableFiles(*table.store, metadata)->data.empty());
}

TEST(MirrorCommit, TheOperationSaysWhatOthersMustCheck) {
  TestTable table;
  const parquet::DataFile first = table.NewFile(10);
  const parquet::DataFile second = table.NewFile(10);
  const parquet::DataFile third = table.NewFile(10);
  table.Commit(Adding(first));
  table.Commit(Adding(second));
  EXPECT_EQ(Summary(table.Load().metadata, "operation"), "append");
  table.Commit(Deleting(first.location, {3, 4}));
  EXPECT_EQ(Summary(table.Load().metadata, "operation"), "delete");
  merge::RowDelta both = Deleting(second.location, {0});
  both.added.push_back(third);
  both.deleted[third.location].add(uint64_t{9});
  table.Commit(both);
  EXPECT_EQ(Summary(table.Load().metadata, "operation"), "overwrite");
  EXPECT_EQ(Summary(table.Load().metadata, "added-position-deletes"), "2");
  merge::RowDelta removing;
  removing.removed = {first.location};
  table.Commit(removing);
  const TableMetadata metadata = table.Load().metadata;
  EXPECT_EQ(Summary(metadata, "operation"), "overwrite");
  EXPECT_EQ(Summary(metadata, "deleted-data-files"), "1");
  EXPECT_EQ(Summary(metadata, "deleted-records"), "10");
  EXPECT_EQ(Summary(metadata, "removed-delete-files"), "1") << "it named only the removed file";
  EXPECT_EQ(Summary(metadata, "total-data-files"), "2");
  EXPECT_EQ(Summary(metadata, "total-delete-files"), "1");
  EXPECT_EQ(Summary(metadata, "total-position-deletes"), "2");
  const auto deletes = ReadLiveDeletes(*table.store, *ReadTableFiles(*table.store, metadata));
  ASSERT_TRUE(deletes);
  EXPECT_EQ(deletes->size(), 2U);
  EXPECT_TRUE(deletes->at(second.location).contains(uint64_t{0}));
  EXPECT_TRUE(deletes->at(third.location).contains(uint64_t{9}));
}

TEST(MirrorCommit, RemovedFilesAreMarkedOnceByTheirRemover) {
  TestTable table;
  std::vector<parquet::DataFile> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(table.NewFile(1));
    table.Commit(Adding(files.back()));
  }
  merge::RowDelta removing;
  removing.removed = {files[1].location};
  const SnapshotId remover = table.Commit(removing).snapshot_id;
  const auto removed_in = [&](const Snapshot& snapshot) {
    std::vector<ManifestEntry> out;
    for (const ManifestFile& manifest : table.Manifests(snapshot)) {
      const auto entries = ReadManifest(*table.store, manifest);
      for (const ManifestEntry& entry : entries.value()) {
        if (!IsLive(entry)) out.push_back(entry);
      }
    }
    return out;
  };
  const auto marked = removed_in(*table.Load().metadata.current_snapshot());
  ASSERT_EQ(marked.size(), 1U);
  EXPECT_EQ(marked[0].file.location, files[1].location);
  EXPECT_EQ(marked[0].snapshot_id, remover);
  EXPECT_EQ(marked[0].sequence_number, 2);
  EXPECT_EQ(marked[0].file_sequence_number, 2);
  table.Commit(Adding(table.NewFile(1)));
  EXPECT_TRUE(removed_in(*table.Load().metadata.current_snapshot()).empty());
}

TEST(MirrorCommit, MarksAreInTheSummaryAndTheProperties) {
  TestTable table;
  table.clock.JumpWall(-table.clock.WallMicros() + 1'767'225'600'123'456);
  const PreparedCommit made = table.Commit({});
  const TableMetadata metadata = table.Load().metadata;
  for (const auto& from : {metadata.current_snapshot()->summary, metadata.properties}) {
    EXPECT_EQ(from.at("sluice.cut-lsn"), "0/1");
    EXPECT_EQ(from.at("sluice.cut-time"), "2026-01-01T00:00:00.123456Z");
    EXPECT_EQ(from.at("sluice.source"), "77/1/shop");
    EXPECT_EQ(from.at("sluice.slot"), "slot");
    EXPECT_EQ(from.at("sluice.pipeline"), "shop");
    EXPECT_EQ(from.at("sluice.epoch"), "3");
    EXPECT_EQ(from.at("sluice.commit-id"), made.commit.commit_id);
  }
  EXPECT_EQ(metadata.properties.at("sluice.cut-snapshot-id"), std::to_string(made.snapshot_id));
  const auto found = FindMarks(metadata, "77/1/shop", "shop");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->marks.cut, (Cut{Lsn{1}, 1'767'225'600'123'456}));
  EXPECT_EQ((*found)->marks.epoch, 3U);
  EXPECT_EQ((*found)->commit_id, made.commit.commit_id);
  EXPECT_FALSE((*found)->foreign_on_top);
  EXPECT_FALSE(FindMarks(metadata, "77/2/shop", "shop")->has_value());
  EXPECT_FALSE(FindMarks(metadata, "77/1/shop", "other")->has_value());
}

// What another program's commit does to the metadata, as far as the marks are concerned.
void AddForeign(TableMetadata& metadata, SnapshotId id) {
  Snapshot snapshot;
  snapshot.id = id;
  snapshot.parent_id = metadata.current_snapshot_id;
  snapshot.sequence_number = ++metadata.last_sequence_number;
  snapshot.summary = {{"operation", "replace"}};
  metadata.snapshots.push_back(snapshot);
  metadata.current_snapshot_id = id;
}

TEST(MirrorCommit, MarksAreFoundBelowForeignSnapshotsAndAfterTheirExpiry) {
  TestTable table;
  const SnapshotId ours = table.Commit({}).snapshot_id;
  TableMetadata metadata = table.Load().metadata;
  AddForeign(metadata, 1);
  AddForeign(metadata, 2);
  auto found = FindMarks(metadata, "77/1/shop", "shop");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->snapshot_id, ours);
  EXPECT_TRUE((*found)->foreign_on_top);
  std::erase_if(metadata.snapshots, [&](const Snapshot& one) { return one.id == ours; });
  found = FindMarks(metadata, "77/1/shop", "shop");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->snapshot_id, ours);
  EXPECT_EQ((*found)->marks.cut.lsn, Lsn{1});
}

TEST(MirrorCommit, ARollbackByHandTakesTheMarksBack) {
  TestTable table;
  const SnapshotId first = table.Commit({}).snapshot_id;
  table.Commit({});
  TableMetadata metadata = table.Load().metadata;
  metadata.current_snapshot_id = first;
  const auto found = FindMarks(metadata, "77/1/shop", "shop");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->marks.cut.lsn, Lsn{1});

  AddForeign(metadata, 9);  // on top of the first, which then expires
  std::erase_if(metadata.snapshots, [&](const Snapshot& one) { return one.id == first; });
  metadata.FindSnapshot(9);
  metadata.properties["sluice.cut-sequence-number"] = "3";
  const auto unknown = FindMarks(metadata, "77/1/shop", "shop");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kConfig);
}

TEST(MirrorCommit, WhatIsNotThereCanNotBeDeletedOrRemoved) {
  TestTable table;
  const parquet::DataFile file = table.NewFile(3);
  table.Commit(Adding(file));
  const std::set<store::Location> before = table.Objects();
  merge::RowDelta removing;
  removing.removed = {file.location + "x"};
  merge::RowDelta again = Adding(file);
  EXPECT_EQ(table.Prepare(removing).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(table.Prepare(Deleting(file.location + "x", {1})).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(table.Prepare(again).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(table.Objects(), before) << "a failed preparation left files";
}

TEST(MirrorCommit, AFailingStoreLeavesNoFilesBehind) {
  TestTable table;
  const parquet::DataFile file = table.NewFile(3);
  table.Commit(Adding(file));
  const std::set<store::Location> before = table.Objects();
  const merge::RowDelta delta = Deleting(file.location, {1});
  const uint64_t begin = table.files.operation_count();
  ASSERT_TRUE(table.store->Delete(table.Prepare(delta)->written));
  const uint64_t end = table.files.operation_count();
  int failed = 0;
  for (uint64_t at = 0; at < end - begin; ++at) {
    table.files.FailAt(table.files.operation_count() + at, Fault::kNoSpace);
    const auto prepared = table.Prepare(delta);
    const std::set<store::Location> after = table.Objects();
    if (!prepared) {
      ++failed;
      EXPECT_EQ(after, before) << at;
    }
    for (const store::Location& path : after) {
      if (before.contains(path)) continue;
      static_cast<void>(table.store->Delete(std::span(&path, 1)));  // the fault may hit this one
      static_cast<void>(table.store->Delete(std::span(&path, 1)));
    }
    ASSERT_EQ(table.Objects(), before);
  }
  EXPECT_GT(failed, 5);
}

TEST(MirrorCommit, TwoWritersOfOneHeadCanNotBothWin) {
  TestTable table;
  const parquet::DataFile file = table.NewFile(3);
  table.Commit(Adding(file));
  const auto first = table.Prepare(Deleting(file.location, {0}));
  const auto second = table.Prepare(Deleting(file.location, {1}));
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(table.catalog.Commit(std::span(&first->commit, 1)));
  const auto lost = table.catalog.Commit(std::span(&second->commit, 1));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kConflict);
}

TEST(MirrorCommit, ACommitWhoseAnswerGotLostCountsOnceWhenSentAgain) {
  TestTable table;
  for (const bool happens : {true, false}) {
    const auto prepared = table.Prepare(Adding(table.NewFile(1)));
    ASSERT_TRUE(prepared);
    table.catalog.LoseNextAnswer(happens);
    const auto send = [&] { return table.catalog.Commit(std::span(&prepared->commit, 1)); };
    EXPECT_EQ(send().error().kind(), ErrorKind::kCommitUnknown);
    EXPECT_EQ(send().has_value(), !happens);
    const TableMetadata metadata = table.Load().metadata;
    EXPECT_EQ(metadata.current_snapshot_id, prepared->snapshot_id);
    EXPECT_EQ(std::count_if(metadata.snapshots.begin(), metadata.snapshots.end(),
                            [&](const Snapshot& one) { return one.id == prepared->snapshot_id; }),
              1);
    table.clock.Advance(1'000'000);
  }
  EXPECT_EQ(Summary(table.Load().metadata, "total-records"), "2");
}

TEST(MirrorCommit, SnapshotTimesGrowThoughTheClockGoesBack) {
  TestTable table;
  table.Commit({});
  table.clock.JumpWall(-3'600'000'000);
  table.Commit({});
  const TableMetadata metadata = table.Load().metadata;
  EXPECT_EQ(metadata.snapshots[1].timestamp_ms, metadata.snapshots[0].timestamp_ms + 1);
}

// One file a commit, and a deleted row of a random older one: the bounds of the README.
TEST(MirrorCommit, AThousandCommitsLeaveFewDeleteFilesAndManifests) {
  TestTable table;
  table.options.history = {.all_ms = 5000};
  std::mt19937_64 random(1);
  std::map<store::Location, std::set<uint64_t>> model;
  std::vector<store::Location> paths;
  size_t deletes_max = 0;
  size_t manifests_max = 0;
  for (int i = 0; i < 1000; ++i) {
    merge::RowDelta delta = Adding(table.NewFile(1000));
    paths.push_back(delta.added[0].location);
    for (int row = 0; row < 3; ++row) {
      const store::Location& from = paths[random() % paths.size()];
      const uint64_t position = random() % 1000;
      if (model[from].insert(position).second) delta.deleted[from].add(position);
    }
    table.Commit(delta);
    const TableMetadata metadata = table.Load().metadata;
    deletes_max =
        std::max<size_t>(deletes_max, std::stoul(Summary(metadata, "total-delete-files")));
    const auto list = table.Manifests(*metadata.current_snapshot());
    manifests_max = std::max(manifests_max, list.size());
  }
  EXPECT_LE(deletes_max, 30U);
  EXPECT_LE(manifests_max, 2U * 40U + 1000U / 400U);
  const TableMetadata metadata = table.Load().metadata;
  const auto files = ReadTableFiles(*table.store, metadata);
  ASSERT_TRUE(files);
  EXPECT_EQ(files->data.size(), 1000U);
  const auto deletes = ReadLiveDeletes(*table.store, *files);
  ASSERT_TRUE(deletes);
  for (const auto& [path, rows] : model) {
    if (rows.empty()) continue;
    ASSERT_TRUE(deletes->contains(path));
    EXPECT_EQ(deletes->at(path).cardinality(), rows.size());
    for (const uint64_t row : rows) EXPECT_TRUE(deletes->at(path).contains(row));
  }
  EXPECT_LE(metadata.snapshots.size(), 7U + 17U);  // the tail, and one a minute
  RecordProperty("delete_files_max", static_cast<int>(deletes_max));
  RecordProperty("manifests_max", static_cast<int>(manifests_max));
}

TEST(DeleteTiers, TheTierIsInTheName) {
  EXPECT_EQ(DeleteTier("file:///l/data/5ce6-deletes-t0.parquet"), 0);
  EXPECT_EQ(DeleteTier("file:///l/data/5ce6-deletes-t12.parquet"), 12);
  for (const char* other :
       {"", "x.parquet", "x-deletes-t.parquet", "x-deletes-t1.puffin", "x-deletes-t-1.parquet",
        "x-deletes-t1x.parquet", "00000-0-deletes.parquet", "x-deletes-t99999999999.parquet"}) {
    EXPECT_FALSE(DeleteTier(other)) << other;
  }
}

TEST(DeleteTiers, AMergeForgetsRowsOfFilesThatAreGone) {
  TestTable table;
  table.options.delete_tier_files = 2;
  const parquet::DataFile gone = table.NewFile(100);
  const parquet::DataFile kept = table.NewFile(100);
  merge::RowDelta both = Adding(gone);
  both.added.push_back(kept);
  table.Commit(both);
  for (uint64_t i = 0; i < 2; ++i) {
    merge::RowDelta delta = Deleting(gone.location, {i});
    delta.deleted[kept.location].add(i);
    table.Commit(delta);
  }
  merge::RowDelta last = Deleting(kept.location, {50});
  last.removed = {gone.location};
  table.Commit(last);
  const auto files = ReadTableFiles(*table.store, table.Load().metadata);
  ASSERT_EQ(files->deletes.size(), 1U);
  EXPECT_TRUE(files->deletes[0].location.ends_with("-deletes-t1.parquet"));
  EXPECT_EQ(files->deletes[0].record_count, 3);
}

TEST(DeleteTiers, EverythingRemovedTakesTheDeletesAlong) {
  TestTable table;
  std::vector<store::Location> paths;
  for (int i = 0; i < 5; ++i) {
    const parquet::DataFile file = table.NewFile(10);
    table.Commit(Adding(file));
    table.Commit(Deleting(file.location, {1}));
    paths.push_back(file.location);
  }
  merge::RowDelta truncate;
  truncate.removed = paths;
  table.Commit(truncate);
  const TableMetadata metadata = table.Load().metadata;
  EXPECT_EQ(Summary(metadata, "total-data-files"), "0");
  EXPECT_EQ(Summary(metadata, "total-delete-files"), "0");
  EXPECT_EQ(Summary(metadata, "total-position-deletes"), "0");
  EXPECT_EQ(Summary(metadata, "total-files-size"), "0");
  EXPECT_TRUE(table.LivePaths(*metadata.current_snapshot()).empty());
}

}  // namespace
}  // namespace sluice::iceberg
