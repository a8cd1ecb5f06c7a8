#include "bus/embedded/retention.h"

namespace sluice::bus {

size_t SegmentsToRemove(std::span<const ClosedSegment> oldest_first, uint64_t bus_bytes,
                        const RetentionLimits& limits, Lsn pinned) {
  const uint64_t bytes_high = limits.bytes_max / 5 * 4;
  size_t count = 0;
  for (const ClosedSegment& segment : oldest_first) {
    const bool newest = &segment == &oldest_first.back();
    const bool old = !newest && segment.closed_us < limits.now_us - limits.retention_us;
    if (segment.end > pinned || (!old && bus_bytes <= bytes_high)) break;
    bus_bytes -= segment.bytes;
    ++count;
  }
  return count;
}

}  // namespace sluice::bus
