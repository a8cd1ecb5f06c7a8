// Rule B: whether a snapshot already holds a transaction's rows. Decided by the top-level xid
// only, never by comparing LSNs (a commit is streamed before it turns visible).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice {

// pg_current_snapshot(): xmin, xmax, xip. Primary only; holds no subtransactions.
struct SnapshotVisibility {
  uint64_t xmin = 0;
  uint64_t xmax = 0;
  std::vector<uint64_t> in_progress;  // sorted

  bool Sees(uint64_t xid) const;
  // Whether it sees every transaction that `other` sees.
  bool SeesAllOf(const SnapshotVisibility& other) const;
  // The epoch-widened form of a 32-bit xid of the stream: the value nearest to xmax.
  uint64_t Widen(uint32_t xid) const;
};

// "10:20:10,14,15" as pg_snapshot prints. kCorrupt otherwise.
Result<SnapshotVisibility> ParseSnapshot(std::string_view text);

// Nearest to `reference` among the values that end in these 32 bits.
uint64_t WidenXid(uint32_t xid, uint64_t reference);

}  // namespace sluice
