// The bus as a segment log in a local folder (docs/formats/segment.md): checksummed records, group
// commit by fsync at cuts, retention by time and size.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "bus/bus.h"

namespace sluice::bus {

struct EmbeddedBusOptions {
  std::string folder;
  // Written into the bus when it is made; opening a bus of another identity is refused (kConfig).
  std::string source_identity;  // "<system id>/<database oid>/<slot>"
  uint64_t segment_bytes = 64 << 20;
  uint64_t max_bytes = uint64_t{50} << 30;
  uint64_t disk_reserve_bytes = 64 << 20;  // appends are refused below this much free disk
  int64_t retention_us = int64_t{72} * 3600 * 1'000'000;
};

struct BusInfo {
  Lsn first_lsn;  // everything above it is held
  Cut last_cut;   // the newest durable one
  uint64_t bytes = 0;
  uint64_t segments = 0;
  uint64_t disk_free_bytes = 0;
};

// Opens or creates. Cuts a torn tail (whatever follows the last durable cut is forgotten, and said
// in the log); damage before the last cut is kCorrupt and names segment, offset and the LSN range
// it costs. Takes a lock file: a second writer is refused (kConfig). `epoch` goes into the Resume
// record. `start` is where an empty bus begins (the slot's consistent point).
class EmbeddedBusWriter : public BusWriter {
 public:
  static Result<std::unique_ptr<EmbeddedBusWriter>> Open(FileSystem& files, const Clock& clock,
                                                         EmbeddedBusOptions options, uint64_t epoch,
                                                         Lsn start);
  virtual Result<BusInfo> Info() = 0;
  // False when records follow the last cut (another stream will send them again), and after a
  // failed write (nobody knows what is on disk): the bus must be opened again before more comes.
  virtual bool at_cut() = 0;
  // Up to where Retain(pinned) would remove, some segments at a time, so that they may be looked
  // through first; the bus's first LSN: nothing.
  virtual Result<Lsn> Removable(Lsn pinned) = 0;
  // Removes segments that are older than retention and end at or below `pinned` (what live and
  // copying tables still need); above 80 % of max_bytes, those not pinned go regardless of age.
  virtual Status Retain(Lsn pinned) = 0;
};

// Reads beside a writer, in the same or another process. kConfig when there is no bus.
Result<std::unique_ptr<BusReader>> OpenEmbeddedReader(FileSystem& files,
                                                      const EmbeddedBusOptions& options);
Result<BusInfo> ReadBusInfo(FileSystem& files, const EmbeddedBusOptions& options);
// What a writer that opened the bus now would hold; nothing: there is no bus. Only while no writer
// has it open: then a whole cut counts though the proof that readers wait for was lost with power.
Result<std::optional<BusInfo>> FindBus(FileSystem& files, const EmbeddedBusOptions& options);

}  // namespace sluice::bus
