// The event bus between capture and merge: keeps committed changes in order, so that either side
// may stop. Nothing counts until a durable Cut follows it.
//
// Promises: per partition, append order is read order; what a durable cut closes is kept until
// Trim; what follows the last durable cut is forgotten at resume. One writer, many readers (also in
// other processes).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"

namespace sluice::bus {

using PartitionId = uint32_t;

// A writer's first record: whatever a reader saw above `after` before it is void.
struct Resume {
  uint64_t epoch = 0;
  Lsn after;
};

using Record = std::variant<ChangeBatch, TableSchema, TableStop, Cut, Resume>;

class BusWriter {
 public:
  virtual ~BusWriter() = default;
  // Not durable yet. kExhausted: no room (disk, max_bytes); the record was not taken and the bus is
  // as before, the same call may be made again later.
  virtual Status Append(PartitionId partition, const Record& record) = 0;
  // Writes the cut to every partition and starts the sync. The last one once more: only what its
  // readers still need to see it.
  virtual Status AppendCut(Cut cut) = 0;
  // The newest cut that is durable: what the source may forget.
  virtual Result<Cut> DurableCut() = 0;
  // Whole segments that end at or below `through` may go. Never called for what a live table needs.
  virtual Status Trim(PartitionId partition, Lsn through) = 0;
};

class BusReader {
 public:
  virtual ~BusReader() = default;
  // Stands before the first record above `after`; returns the LSN above which everything is held.
  // A result above `after` is a hole: the bus was trimmed past it.
  virtual Result<Lsn> Seek(PartitionId partition, Lsn after) = 0;
  // The next records, at least one cut-closed record if there is any, at most about `bytes_max`
  // bytes; empty when there is nothing new. Only what a durable cut closes is returned, and each
  // record once. Never waits.
  virtual Result<std::vector<Record>> Poll(PartitionId partition, size_t bytes_max) = 0;
};

}  // namespace sluice::bus
