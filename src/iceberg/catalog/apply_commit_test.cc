#include <gtest/gtest.h>

#include <algorithm>

#include "iceberg/catalog/catalog.h"
#include "iceberg/catalog/metadata_file.h"

namespace sluice::iceberg {
namespace {

const TableIdentifier kName{"shop", "orders"};
constexpr int64_t kNow = 1'700'000'000'000;

Snapshot MakeSnapshot(SnapshotId id, std::optional<SnapshotId> parent, int64_t sequence,
                      int64_t time_ms) {
  Snapshot snapshot;
  snapshot.id = id;
  snapshot.parent_id = parent;
  snapshot.sequence_number = sequence;
  snapshot.timestamp_ms = time_ms;
  snapshot.manifest_list = "file:///lake/list-" + std::to_string(id);
  snapshot.summary = {{"operation", "append"}};
  return snapshot;
}

LoadedTable EmptyTable() {
  return {kName, "file:///lake/metadata/00000-a.metadata.json",
          NewTableMetadata("uuid-1", "file:///lake", Schema{}, {}, kNow)};
}

// Applies one more snapshot and takes the result as the next base.
void Advance(LoadedTable& table, SnapshotId id, int64_t time_ms, std::vector<Update> more = {}) {
  const TableMetadata& base = table.metadata;
  TableCommit commit{kName, "commit-" + std::to_string(id), {}, {}};
  commit.requirements = {AssertTableUuid{base.table_uuid}, AssertHead{base.current_snapshot_id}};
  commit.updates.emplace_back(AddSnapshot{
      MakeSnapshot(id, base.current_snapshot_id, base.last_sequence_number + 1, time_ms)});
  commit.updates.insert(commit.updates.end(), more.begin(), more.end());
  auto next = ApplyCommit(&table, commit, kNow);
  ASSERT_TRUE(next) << next.error().message();
  const std::string location = MetadataLocation(*next, table.metadata_location, commit.commit_id);
  table = {kName, location, *next};
}

ErrorKind FailureOf(const std::optional<LoadedTable>& base, std::vector<Requirement> requirements,
                    std::vector<Update> updates) {
  const auto result = ApplyCommit(base ? &*base : nullptr,
                                  {kName, "c", std::move(requirements), std::move(updates)}, kNow);
  EXPECT_FALSE(result);
  return result ? ErrorKind::kInternal : result.error().kind();
}

TEST(ApplyCommit, ATableIsBornWithItsFirstSnapshot) {
  const TableMetadata empty = NewTableMetadata("uuid-1", "file:///lake", Schema{}, {}, kNow);
  const TableCommit commit{
      kName,
      "c",
      {AssertCreate{}},
      {CreateTable{empty}, AddSnapshot{MakeSnapshot(7, std::nullopt, 1, kNow + 5)},
       SetProperties{{{"owner", "sluice"}}}}};
  const auto made = ApplyCommit(nullptr, commit, kNow);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->current_snapshot_id, 7);
  EXPECT_EQ(made->refs.at("main").snapshot_id, 7);
  EXPECT_EQ(made->last_sequence_number, 1);
  EXPECT_EQ(made->last_updated_ms, kNow + 5);
  EXPECT_EQ(made->snapshot_log.size(), 1U);
  EXPECT_TRUE(made->metadata_log.empty());
  EXPECT_EQ(made->properties.at("owner"), "sluice");
}

TEST(ApplyCommit, EveryRequirementThatFailsIsAConflict) {
  LoadedTable table = EmptyTable();
  Advance(table, 1, kNow);
  const Update update = SetProperties{{{"a", "b"}}};
  EXPECT_EQ(FailureOf(table, {AssertCreate{}}, {update}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {AssertTableUuid{"uuid-2"}}, {update}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {AssertHead{2}}, {update}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {AssertHead{std::nullopt}}, {update}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(std::nullopt, {AssertTableUuid{"uuid-1"}}, {update}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(std::nullopt, {}, {update}), ErrorKind::kConflict);
}

TEST(ApplyCommit, ASnapshotMadeForAnOlderStateIsAConflict) {
  LoadedTable table = EmptyTable();
  Advance(table, 1, kNow);
  Advance(table, 2, kNow + 1);
  const auto add = [&](Snapshot snapshot) {
    return FailureOf(table, {}, {AddSnapshot{std::move(snapshot)}});
  };
  EXPECT_EQ(add(MakeSnapshot(3, 1, 3, kNow + 2)), ErrorKind::kConflict);  // another parent
  EXPECT_EQ(add(MakeSnapshot(3, 2, 2, kNow + 2)), ErrorKind::kConflict);  // number taken
  EXPECT_EQ(add(MakeSnapshot(2, 2, 3, kNow + 2)), ErrorKind::kConflict);  // id taken
  EXPECT_EQ(add(MakeSnapshot(3, 2, 3, kNow)), ErrorKind::kInternal);      // goes back in time
}

TEST(ApplyCommit, TheSnapshotLogEndsWhereExpiryMadeAGap) {
  LoadedTable table = EmptyTable();
  for (SnapshotId id = 1; id <= 4; ++id) Advance(table, id, kNow + id);
  Advance(table, 5, kNow + 5, {SetTag{"kept", 1}, RemoveSnapshots{{2}}});
  std::vector<SnapshotId> log;
  for (const auto& entry : table.metadata.snapshot_log) log.push_back(entry.snapshot_id);
  EXPECT_EQ(log, (std::vector<SnapshotId>{3, 4, 5}));
  EXPECT_NE(table.metadata.FindSnapshot(1), nullptr);
  EXPECT_EQ(table.metadata.FindSnapshot(2), nullptr);
}

TEST(ApplyCommit, MetadataLogHoldsAsManyFilesAsThePropertySays) {
  LoadedTable table = EmptyTable();
  table.metadata.properties["write.metadata.previous-versions-max"] = "3";
  std::vector<std::string> locations;
  for (SnapshotId id = 1; id <= 6; ++id) {
    locations.push_back(table.metadata_location);
    Advance(table, id, kNow + id);
  }
  ASSERT_EQ(table.metadata.metadata_log.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(table.metadata.metadata_log[i].metadata_file, locations[3 + i]);
    EXPECT_EQ(table.metadata.metadata_log[i].timestamp_ms, kNow + 3 + static_cast<int64_t>(i));
  }
  EXPECT_EQ(table.metadata_location, "file:///lake/metadata/00006-commit-6.metadata.json");
}

TEST(ApplyCommit, TheTimeOfTheLastUpdateNeverGoesBack) {
  LoadedTable table = EmptyTable();
  Advance(table, 1, kNow + 1000);
  const auto next =
      ApplyCommit(&table, {kName, "c", {}, {SetProperties{{{"a", "b"}}}}}, kNow - 5000);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->last_updated_ms, kNow + 1000);
}

TEST(ApplyCommit, ACommitWithASnapshotMakesTheSameBytesAtAnyTime) {
  const LoadedTable table = EmptyTable();
  const TableCommit commit{
      kName, "c", {}, {AddSnapshot{MakeSnapshot(1, std::nullopt, 1, kNow + 7)}}};
  const auto first = ApplyCommit(&table, commit, kNow + 10);
  const auto second = ApplyCommit(&table, commit, kNow + 99'999);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(ToJson(*first), ToJson(*second));
}

TEST(ApplyCommit, MainKeepsTheRetentionSomebodyGaveIt) {
  LoadedTable table = EmptyTable();
  Advance(table, 1, kNow);
  table.metadata.refs["main"].max_snapshot_age_ms = 99;
  Advance(table, 2, kNow + 1);
  EXPECT_EQ(table.metadata.refs.at("main").max_snapshot_age_ms, 99);
  EXPECT_EQ(table.metadata.refs.at("main").snapshot_id, 2);
}

TEST(ApplyCommit, NoRefMayLoseItsSnapshot) {
  LoadedTable table = EmptyTable();
  for (SnapshotId id = 1; id <= 3; ++id) Advance(table, id, kNow + id);
  table.metadata.refs["theirs"] = {.snapshot_id = 1, .is_branch = false};
  EXPECT_EQ(FailureOf(table, {}, {RemoveSnapshots{{1}}}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {}, {RemoveSnapshots{{3}}}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {}, {SetTag{"new", 77}}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {}, {SetTag{"main", 1}}), ErrorKind::kConflict);
  EXPECT_EQ(FailureOf(table, {}, {RemoveRef{"main"}}), ErrorKind::kInternal);
  EXPECT_TRUE(
      ApplyCommit(&table, {kName, "c", {}, {RemoveRef{"theirs"}, RemoveSnapshots{{1}}}}, kNow));
}

TEST(ApplyCommit, StatisticsLeaveWithTheirSnapshot) {
  LoadedTable table = EmptyTable();
  for (SnapshotId id = 1; id <= 2; ++id) Advance(table, id, kNow + id);
  table.metadata.extra["statistics"] = Json::parse(
      R"([{"snapshot-id": 1, "statistics-path": "a"}, {"snapshot-id": 2, "statistics-path": "b"}])");
  const auto next = ApplyCommit(&table, {kName, "c", {}, {RemoveSnapshots{{1}}}}, kNow);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->extra.at("statistics").dump(), R"([{"snapshot-id":2,"statistics-path":"b"}])");
}

TEST(ApplyCommit, ATableIsReplacedOnlyByWhoKnowsWhatStandsThere) {
  LoadedTable table = EmptyTable();
  Advance(table, 1, kNow);
  const TableMetadata fresh = NewTableMetadata("uuid-2", "file:///lake2", Schema{}, {}, kNow + 9);
  const std::vector<Update> updates{CreateTable{fresh},
                                    AddSnapshot{MakeSnapshot(5, std::nullopt, 1, kNow + 10)}};
  EXPECT_EQ(FailureOf(table, {}, updates), ErrorKind::kInternal);
  EXPECT_EQ(FailureOf(table, {AssertTableUuid{"uuid-0"}}, updates), ErrorKind::kConflict);
  const auto next = ApplyCommit(&table, {kName, "c", {AssertTableUuid{"uuid-1"}}, updates}, kNow);
  ASSERT_TRUE(next) << next.error().message();
  EXPECT_EQ(next->table_uuid, "uuid-2");
  EXPECT_EQ(next->snapshots.size(), 1U);
  EXPECT_TRUE(next->metadata_log.empty());
}

TEST(MetadataFile, NamesGoOnFromThePreviousNumber) {
  const TableMetadata metadata = NewTableMetadata("u", "s3://b/t", Schema{}, {}, kNow);
  EXPECT_EQ(MetadataLocation(metadata, "", "id"), "s3://b/t/metadata/00000-id.metadata.json");
  EXPECT_EQ(MetadataLocation(metadata, "s3://b/t/metadata/00009-x.metadata.json", "id"),
            "s3://b/t/metadata/00010-id.metadata.json");
  EXPECT_EQ(MetadataLocation(metadata, "s3://b/t/metadata/123456-x.gz.metadata.json", "id"),
            "s3://b/t/metadata/123457-id.metadata.json");
  EXPECT_EQ(MetadataLocation(metadata, "s3://b/t/metadata/v3.metadata.json", "id"),
            "s3://b/t/metadata/00000-id.metadata.json");
}

}  // namespace
}  // namespace sluice::iceberg
