// Which snapshots stay for time travel: all of the last while, then one a minute, an hour, a day,
// each of these kept by a named tag. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

struct HistoryPolicy {  // ages in milliseconds
  int64_t all_ms = 10 * 60'000;
  int64_t every_minute_ms = int64_t{2} * 3600'000;
  int64_t every_hour_ms = int64_t{3} * 24 * 3600'000;
  int64_t every_day_ms = int64_t{30} * 24 * 3600'000;
  int snapshots_max = 300;
};

struct HistoryPlan {
  struct Tag {
    std::string name;  // "sluice_<timestamp-ms>": ours to remove
    SnapshotId snapshot_id = 0;
  };
  std::vector<Tag> tags_added;
  std::vector<std::string> tags_removed;
  std::vector<SnapshotId> removed;
};

// The head, every snapshot that a foreign branch or tag holds (and what those branches' retention
// keeps), and the unbroken tail of `all_ms` always stay.
HistoryPlan PlanHistory(const TableMetadata& metadata, const HistoryPolicy& policy, int64_t now_ms);

}  // namespace sluice::iceberg
