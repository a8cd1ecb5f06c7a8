// Which snapshots stay for time travel: all of the last while, then one a minute, an hour, a day,
// each of these kept by a named tag. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

struct HistoryPolicy {  // ages in milliseconds
  int64_t all_ms = int64_t{10} * 60'000;
  int64_t every_minute_ms = int64_t{2} * 3600'000;
  int64_t every_hour_ms = int64_t{3} * 24 * 3600'000;
  int64_t every_day_ms = int64_t{30} * 24 * 3600'000;
  // Of the unbroken tail and the tagged ones together. The tail always stays; when it alone is near
  // the cap, tagged ones still get half of it. The finest go first: minutes, hours, days.
  int snapshots_max = 300;
};

// What keeps a moment of history; the coarsest reason counts.
enum class Keep : uint8_t { kNothing, kTail, kMinute, kHour, kDay };

// For moments in ascending order (Unix milliseconds). The newest moment of a minute, hour or day
// (UTC) stands for it, so thinning a thinned list changes nothing but what has aged. The tail is
// what is younger than `all_ms`, and the one before: it was current when that time began.
std::vector<Keep> Thin(std::span<const int64_t> times_ms, const HistoryPolicy& policy,
                       int64_t now_ms);

struct HistoryPlan {
  struct Tag {
    std::string name;  // "sluice_<timestamp-ms>": ours to remove
    SnapshotId snapshot_id = 0;
  };
  std::vector<Tag> tags_added;
  std::vector<std::string> tags_removed;
  std::vector<SnapshotId> removed;

  bool empty() const { return tags_added.empty() && tags_removed.empty() && removed.empty(); }
};

// The head, every snapshot that a foreign branch or tag holds (and what those branches' retention
// keeps), and the unbroken tail of `all_ms` always stay. Snapshots that nothing refers to (staged
// by others, or rolled back) stay for history.expire.max-snapshot-age-ms. Nothing is planned when
// the table says gc.enabled=false.
HistoryPlan PlanHistory(const TableMetadata& metadata, const HistoryPolicy& policy, int64_t now_ms);

}  // namespace sluice::iceberg
