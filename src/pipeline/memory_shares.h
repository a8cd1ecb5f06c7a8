// How `memory:` is handed out: the one place that says so. What a stage holds is bounded by its
// share whatever the size of a row, a transaction, a table or the backlog; what does not fit goes
// to disk (spool, data files of the open window, runs of the key index).
//
// It bounds anonymous memory. Beside it stand pages of files, which the kernel takes back at will:
// the program with its libraries (some 35 MiB) and the mapped runs of the index. The shares sum up
// to less than the whole: codecs, connections and what is on its way between stages take the rest.
#pragma once

#include <algorithm>
#include <cstdint>

#include "merge/copied_keys.h"

namespace sluice::pipeline {

struct MemoryShares {
  uint64_t total_bytes;

  // Capture: decoded changes that the bus has not taken yet.
  uint64_t decoded() const { return total_bytes / 8; }
  // Capture: messages of transactions in progress, before they go to the files of the spool.
  uint64_t spooled() const { return total_bytes / 64; }
  // Copy: the open row group of each worker.
  uint64_t copied_row_group(int workers) const {
    return total_bytes / 8 / static_cast<uint64_t>(std::max(workers, 1));
  }
  // Copy: keys of each worker on their way into the index.
  uint64_t copied_keys(int workers) const {
    return total_bytes / 8 / merge::CopiedKeys::kEntryBytes /
           static_cast<uint64_t>(std::max(workers, 2));
  }
  // Copy: what each of a worker's outputs may hold that are closed beside its reads; a larger one
  // is closed before it reads on.
  uint64_t closed_output(int workers) const { return copied_row_group(workers) / 16; }
  // Merge: a table's folded window and its open row group.
  uint64_t window() const { return total_bytes / 16; }
  uint64_t row_group() const { return std::max<uint64_t>(total_bytes / 16, 1 << 20); }
  // Merge: the windows of all tables together; the largest gives way.
  uint64_t windows() const { return total_bytes / 4; }
  // Index: entries of one table in memory, before they become a run; 16 bytes each, in a hash table
  // that is between 7/16 and 7/8 full.
  uint64_t index_entries() const { return total_bytes / 16 / 32; }
  // Index: the entries of all tables together; the largest gives way.
  uint64_t indexes() const { return total_bytes / 8; }
};

}  // namespace sluice::pipeline
