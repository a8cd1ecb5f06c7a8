#include "iceberg/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice::iceberg {
namespace {

constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kStart = 1'700'000'000'000 / kDay * kDay;  // a midnight

// A table that commits; what the plan says is done at once, as PrepareCommit does.
class Table {
 public:
  explicit Table(HistoryPolicy policy) : policy_(policy) {}

  HistoryPlan Commit(int64_t at_ms) {
    Snapshot snapshot;
    snapshot.id = ++last_id_;
    snapshot.parent_id = metadata.current_snapshot_id;
    snapshot.sequence_number = last_id_;
    snapshot.timestamp_ms = at_ms;
    metadata.snapshots.push_back(snapshot);
    metadata.current_snapshot_id = snapshot.id;
    metadata.refs["main"].snapshot_id = snapshot.id;
    const HistoryPlan plan = PlanHistory(metadata, policy_, at_ms);
    for (const auto& tag : plan.tags_added) {
      metadata.refs[tag.name] = {.snapshot_id = tag.snapshot_id, .is_branch = false};
    }
    for (const std::string& name : plan.tags_removed) metadata.refs.erase(name);
    std::erase_if(metadata.snapshots, [&](const Snapshot& one) {
      return std::find(plan.removed.begin(), plan.removed.end(), one.id) != plan.removed.end();
    });
    return plan;
  }

  std::vector<int64_t> Times() const {
    std::vector<int64_t> times;
    for (const Snapshot& snapshot : metadata.snapshots) times.push_back(snapshot.timestamp_ms);
    std::sort(times.begin(), times.end());
    return times;
  }

  TableMetadata metadata;

 private:
  HistoryPolicy policy_;
  SnapshotId last_id_ = 0;
};

TEST(History, KeepsEverySnapshotOfTheLastWhileAndTheOneBeforeIt) {
  Table table({.all_ms = kMinute, .every_minute_ms = 0, .every_hour_ms = 0, .every_day_ms = 0});
  for (int i = 0; i <= 100; ++i) table.Commit(kStart + i * 10 * kSecond);
  const std::vector<int64_t> times = table.Times();
  ASSERT_EQ(times.size(), 8U);
  EXPECT_EQ(times.front(), kStart + 930 * kSecond);
  EXPECT_EQ(table.metadata.refs.size(), 1U);
}

TEST(History, ThinsToOneAMinuteAnHourADayEachWithATag) {
  const HistoryPolicy policy;
  Table table(policy);
  const int64_t end = kStart + 40 * kDay;
  for (int64_t at = kStart; at < end - 4 * kHour; at += 10 * kMinute) table.Commit(at);
  for (int64_t at = end - 4 * kHour; at <= end; at += 20 * kSecond) table.Commit(at);
  const std::vector<int64_t> times = table.Times();
  const auto between = [&](int64_t older, int64_t younger) {
    return std::count_if(times.begin(), times.end(),
                         [&](int64_t time) { return end - time <= older && end - time > younger; });
  };
  EXPECT_EQ(between(10 * kMinute, -1), 31);
  EXPECT_EQ(between(2 * kHour, 10 * kMinute), 110);  // minutes
  EXPECT_EQ(between(3 * kDay, 2 * kHour), 70);       // hours
  EXPECT_EQ(between(30 * kDay, 3 * kDay), 27);       // days
  EXPECT_EQ(between(1000 * kDay, 30 * kDay), 0);
  for (const Snapshot& snapshot : table.metadata.snapshots) {
    const int64_t age = end - snapshot.timestamp_ms;
    if (age <= 10 * kMinute + 20 * kSecond) continue;
    const auto tag = table.metadata.refs.find(fmt::format("sluice_{}", snapshot.timestamp_ms));
    ASSERT_NE(tag, table.metadata.refs.end());
    EXPECT_EQ(tag->second.snapshot_id, snapshot.id);
  }
}

TEST(History, EveryMomentWithinAMinuteHasItsNewestStateAMinuteLater) {
  Table table({.all_ms = kMinute});
  for (int64_t at = kStart; at <= kStart + kHour; at += 7 * kSecond) table.Commit(at);
  const std::vector<int64_t> times = table.Times();
  for (int64_t minute = 0; minute < 58; ++minute) {
    const int64_t begin = kStart + minute * kMinute;
    const int64_t newest = kStart + ((minute + 1) * kMinute - 1) / (7 * kSecond) * (7 * kSecond);
    ASSERT_GE(newest, begin);
    EXPECT_TRUE(std::binary_search(times.begin(), times.end(), newest)) << minute;
  }
}

TEST(History, ForeignTagsAndBranchesKeepWhatTheyHold) {
  Table table({.all_ms = kMinute, .every_minute_ms = 0, .every_hour_ms = 0, .every_day_ms = 0});
  for (int i = 0; i < 6; ++i) table.Commit(kStart + i * 10 * kSecond);
  table.metadata.refs["before_migration"] = {.snapshot_id = 2, .is_branch = false};
  table.metadata.refs["audit"] = {
      .snapshot_id = 5, .is_branch = true, .min_snapshots_to_keep = 2, .max_snapshot_age_ms = 1};
  table.metadata.refs["sluice_notes"] = {.snapshot_id = 1, .is_branch = false};
  table.Commit(kStart + kDay);
  table.Commit(kStart + kDay + kHour);
  std::set<SnapshotId> ids;
  for (const Snapshot& snapshot : table.metadata.snapshots) ids.insert(snapshot.id);
  EXPECT_EQ(ids, (std::set<SnapshotId>{1, 2, 4, 5, 7, 8}));
  EXPECT_EQ(table.metadata.refs.size(), 4U);
}

TEST(History, SnapshotsNobodyRefersToWaitForIcebergsOwnAge) {
  Table table({.all_ms = kMinute, .every_minute_ms = 0, .every_hour_ms = 0, .every_day_ms = 0});
  table.Commit(kStart);
  Snapshot staged;
  staged.id = 99;
  staged.parent_id = 1;
  staged.timestamp_ms = kStart + 1;
  table.metadata.snapshots.push_back(staged);
  table.Commit(kStart + 4 * kDay);
  EXPECT_NE(table.metadata.FindSnapshot(99), nullptr);
  table.Commit(kStart + 6 * kDay);
  EXPECT_EQ(table.metadata.FindSnapshot(99), nullptr);
}

TEST(History, TheCapTakesTheFinestAndOldestFirstAndNeverTheTail) {
  HistoryPolicy policy{.all_ms = kMinute};
  policy.snapshots_max = 100;
  Table table(policy);
  for (int64_t at = kStart; at <= kStart + 5 * kDay; at += kMinute) table.Commit(at);
  const std::vector<int64_t> times = table.Times();
  EXPECT_EQ(times.size(), 100U);
  const int64_t end = kStart + 5 * kDay;
  EXPECT_EQ(std::count_if(times.begin(), times.end(),
                          [&](int64_t time) { return end - time > 2 * kHour; }),
            70 + 2);  // every hour of three days and the days before stay
}

TEST(History, ATailAboveTheCapLeavesHalfOfItToTheTags) {
  HistoryPolicy policy{.all_ms = 10 * kMinute};
  policy.snapshots_max = 60;
  Table table(policy);
  for (int64_t at = kStart; at <= kStart + 3 * kHour; at += 5 * kSecond) table.Commit(at);
  EXPECT_EQ(table.metadata.snapshots.size(), 122U + 30U);
}

TEST(History, NothingIsPlannedWhereCollectionIsForbidden) {
  Table table({.all_ms = 0, .every_minute_ms = 0, .every_hour_ms = 0, .every_day_ms = 0});
  table.metadata.properties["gc.enabled"] = "false";
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.Commit(kStart + i * kHour).empty());
  EXPECT_EQ(table.metadata.snapshots.size(), 10U);
}

}  // namespace
}  // namespace sluice::iceberg
