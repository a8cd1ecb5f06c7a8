// Which segments may go: decides only.
#pragma once

#include <cstdint>
#include <span>

#include "change/lsn.h"

namespace sluice::bus {

// A segment that has a successor.
struct ClosedSegment {
  Lsn end;                // the successor's base
  int64_t closed_us = 0;  // when the successor was made
  uint64_t bytes = 0;
};

struct RetentionLimits {
  int64_t now_us = 0;
  int64_t retention_us = 0;
  uint64_t bytes_max = 0;
};

// How many of the oldest segments go: those that end at or below `pinned` and are older than
// retention, but the newest one (it tells one history of the source from another, also after a
// quiet time), and, above 80 % of bytes_max, as many more of them as bring the bus below it.
// `bus_bytes` counts the open segment too.
size_t SegmentsToRemove(std::span<const ClosedSegment> oldest_first, uint64_t bus_bytes,
                        const RetentionLimits& limits, Lsn pinned);

}  // namespace sluice::bus
