#include "iceberg/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace sluice::iceberg {

namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;
// Iceberg's default of history.expire.max-snapshot-age-ms.
constexpr int64_t kUnreferencedAgeMs = 5 * kDayMs;
constexpr std::string_view kTagPrefix = "sluice_";

int64_t Bucket(int64_t time_ms, int64_t width_ms) {
  return time_ms >= 0 ? time_ms / width_ms : (time_ms - width_ms + 1) / width_ms;
}

Keep ReasonByAge(std::span<const int64_t> times, size_t i, const HistoryPolicy& policy,
                 int64_t now_ms) {
  const int64_t age = now_ms - times[i];
  const auto newest_of = [&](int64_t width) {
    return i + 1 == times.size() || Bucket(times[i + 1], width) != Bucket(times[i], width);
  };
  if (age <= policy.every_day_ms && newest_of(kDayMs)) return Keep::kDay;
  if (age <= policy.every_hour_ms && newest_of(kHourMs)) return Keep::kHour;
  if (age <= policy.every_minute_ms && newest_of(kMinuteMs)) return Keep::kMinute;
  return Keep::kNothing;
}

void DropBeyondCap(std::vector<Keep>& keep, size_t tail, int snapshots_max) {
  const size_t max = static_cast<size_t>(std::max(snapshots_max, 1));
  const size_t tagged_max = std::max(max - std::min(max, tail), max / 2);
  const auto is_tagged = [](Keep one) { return one != Keep::kNothing && one != Keep::kTail; };
  auto tagged = static_cast<size_t>(std::count_if(keep.begin(), keep.end(), is_tagged));
  for (const Keep finest : {Keep::kMinute, Keep::kHour, Keep::kDay}) {
    for (size_t i = 0; i < keep.size() && tagged > tagged_max; ++i) {
      if (keep[i] != finest) continue;
      keep[i] = Keep::kNothing;
      --tagged;
    }
  }
}

std::optional<int64_t> NumberProperty(const TableMetadata& metadata, const std::string& name) {
  const auto found = metadata.properties.find(name);
  if (found == metadata.properties.end()) return std::nullopt;
  const std::string& text = found->second;
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsOurTag(const std::string& name, const SnapshotRef& ref) {
  if (ref.is_branch || !name.starts_with(kTagPrefix)) return false;
  const std::string_view digits = std::string_view(name).substr(kTagPrefix.size());
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Ancestors of a branch that its own retention keeps (spec, "Snapshot Retention Policy"). Main is
// governed by our policy unless somebody gave the ref limits of its own.
void HoldBranch(const TableMetadata& metadata, const SnapshotRef& ref, bool is_main, int64_t now_ms,
                std::unordered_set<SnapshotId>& held) {
  int64_t count_min = 1;
  int64_t age_max = -1;
  if (!is_main) {
    count_min = NumberProperty(metadata, "history.expire.min-snapshots-to-keep").value_or(1);
    age_max =
        NumberProperty(metadata, "history.expire.max-snapshot-age-ms").value_or(kUnreferencedAgeMs);
  }
  if (ref.min_snapshots_to_keep) count_min = *ref.min_snapshots_to_keep;
  if (ref.max_snapshot_age_ms) age_max = *ref.max_snapshot_age_ms;
  int64_t count = 0;
  const Snapshot* at = metadata.FindSnapshot(ref.snapshot_id);
  while (at != nullptr &&
         (count < std::max<int64_t>(count_min, 1) || now_ms - at->timestamp_ms <= age_max)) {
    held.insert(at->id);
    ++count;
    at = at->parent_id ? metadata.FindSnapshot(*at->parent_id) : nullptr;
  }
}

class Planner {
 public:
  Planner(const TableMetadata& metadata, const HistoryPolicy& policy, int64_t now_ms)
      : metadata_(metadata), policy_(policy), now_ms_(now_ms) {
    for (const Snapshot& snapshot : metadata.snapshots) by_id_[snapshot.id] = &snapshot;
  }

  HistoryPlan Plan() {
    SortRefs();
    ThinOurs();
    HoldUnreferenced();
    HistoryPlan plan;
    for (const Snapshot& snapshot : metadata_.snapshots) {
      if (!held_.contains(snapshot.id)) plan.removed.push_back(snapshot.id);
    }
    AddTags(plan);
    for (const auto& [name, id] : our_tags_) {
      if (!held_.contains(id)) plan.tags_removed.push_back(name);
    }
    return plan;
  }

 private:
  void SortRefs() {
    if (const Snapshot* head = metadata_.current_snapshot()) held_.insert(head->id);
    for (const auto& [name, ref] : metadata_.refs) {
      if (IsOurTag(name, ref)) {
        our_tags_[name] = ref.snapshot_id;
      } else if (ref.is_branch) {
        HoldBranch(metadata_, ref, name == "main", now_ms_, held_);
      } else {
        held_.insert(ref.snapshot_id);
      }
    }
  }

  // The ancestry, and what our tags keep of it beyond the gaps of earlier thinning.
  void ThinOurs() {
    ours_ = metadata_.Ancestry();
    for (const Snapshot* snapshot : ours_) known_.insert(snapshot->id);
    for (const auto& [name, id] : our_tags_) {
      const auto found = by_id_.find(id);
      if (found != by_id_.end() && known_.insert(id).second) ours_.push_back(found->second);
    }
    std::sort(ours_.begin(), ours_.end(), [](const Snapshot* a, const Snapshot* b) {
      return std::pair(a->timestamp_ms, a->sequence_number) <
             std::pair(b->timestamp_ms, b->sequence_number);
    });
    std::vector<int64_t> times;
    times.reserve(ours_.size());
    for (const Snapshot* snapshot : ours_) times.push_back(snapshot->timestamp_ms);
    keep_ = Thin(times, policy_, now_ms_);
    for (size_t i = 0; i < ours_.size(); ++i) {
      if (keep_[i] != Keep::kNothing) held_.insert(ours_[i]->id);
    }
  }

  void HoldUnreferenced() {
    const int64_t age_max = NumberProperty(metadata_, "history.expire.max-snapshot-age-ms")
                                .value_or(kUnreferencedAgeMs);
    for (const Snapshot& snapshot : metadata_.snapshots) {
      const bool ours = known_.contains(snapshot.id);
      if (!ours && now_ms_ - snapshot.timestamp_ms <= age_max) held_.insert(snapshot.id);
    }
  }

  void AddTags(HistoryPlan& plan) const {
    for (size_t i = 0; i < ours_.size(); ++i) {
      if (keep_[i] == Keep::kNothing || keep_[i] == Keep::kTail) continue;
      const std::string name = fmt::format("{}{}", kTagPrefix, ours_[i]->timestamp_ms);
      const auto found = metadata_.refs.find(name);
      if (found != metadata_.refs.end()) continue;  // ours already, or a branch called so
      plan.tags_added.push_back({name, ours_[i]->id});
    }
  }

  const TableMetadata& metadata_;
  const HistoryPolicy& policy_;
  const int64_t now_ms_;
  std::unordered_map<SnapshotId, const Snapshot*> by_id_;
  std::unordered_set<SnapshotId> held_;
  std::map<std::string, SnapshotId> our_tags_;
  std::unordered_set<SnapshotId> known_;
  std::vector<const Snapshot*> ours_;
  std::vector<Keep> keep_;
};

}  // namespace

std::vector<Keep> Thin(std::span<const int64_t> times_ms, const HistoryPolicy& policy,
                       int64_t now_ms) {
  std::vector<Keep> keep(times_ms.size(), Keep::kNothing);
  const auto young = std::find_if(times_ms.begin(), times_ms.end(),
                                  [&](int64_t time) { return now_ms - time <= policy.all_ms; });
  auto tail_begin = static_cast<size_t>(young - times_ms.begin());
  if (tail_begin > 0) --tail_begin;
  for (size_t i = 0; i < times_ms.size(); ++i) {
    keep[i] = i >= tail_begin ? Keep::kTail : ReasonByAge(times_ms, i, policy, now_ms);
  }
  DropBeyondCap(keep, times_ms.size() - tail_begin, policy.snapshots_max);
  return keep;
}

HistoryPlan PlanHistory(const TableMetadata& metadata, const HistoryPolicy& policy,
                        int64_t now_ms) {
  const auto collect = metadata.properties.find("gc.enabled");
  if (collect != metadata.properties.end() && collect->second == "false") return {};
  return Planner(metadata, policy, now_ms).Plan();
}

}  // namespace sluice::iceberg
