// Places where a test ends the process as SIGKILL would: between two steps whose order decides what
// a crash leaves behind. SLUICE_FAULT_POINT=NAME, or NAME:N for the N-th time, in the environment
// of `sluice run` arms one; `sluice fault-points` lists them. Not armed, a point costs one load.
// Thread-safe once armed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace sluice {

// What has just been done, in the order in which a row and a restart meet them.
inline constexpr std::array<std::string_view, 33> kFaultPoints = {
    "start.publication_made",
    "start.ledger_claim_written",
    "start.ledger_claimed",
    "start.slot_made",
    "bus.tail_copied",      // a cut without its proof: the copy is not in its place yet
    "bus.tail_cut",         // what follows the last cut is gone, the proofs are not back yet
    "bus.segment_written",  // under its temporary name
    "bus.segment_renamed",  // the folder is not synced yet
    "bus.record_appended",
    "bus.cut_written",
    "bus.cut_synced",       // not proved yet
    "bus.segment_removed",  // the folder is not synced yet
    "capture.cut_durable",  // not confirmed yet
    "capture.cut_confirmed",
    "spool.written",
    "spool.adopting",  // in part
    "spool.adopted",
    "spool.aborted",
    "copy.file_written",
    "copy.table_copied",  // not handed over yet
    "copy.handed_over",
    "merge.file_written",
    "merge.joined",       // not in the ledger yet
    "index.run_written",  // not in the manifest yet
    "index.manifest_written",
    "commit.prepared",  // data files and manifests
    "commit.metadata_written",
    "commit.row_swapped",  // in the catalog's transaction
    "commit.committed",    // the answer is not used yet
    "commit.metadata_evicted",
    "commit.index_published",
    "commit.expired_removed",
    "table.state_remembered",
};

class FaultPoint {
 public:
  // A name that is not listed does not compile.
  consteval FaultPoint(const char* name) : index_(Find(name)) {}  // NOLINT(*-explicit-*)
  size_t index() const { return index_; }

 private:
  static consteval size_t Find(std::string_view name) {
    size_t at = 0;
    while (kFaultPoints.at(at) != name) ++at;
    return at;
  }
  size_t index_;
};

namespace fault_point_internal {
inline constexpr size_t kNone = kFaultPoints.size();
inline std::atomic<size_t> armed = kNone;
void Reached();
}  // namespace fault_point_internal

inline void ReachFaultPoint(FaultPoint point) {
  using fault_point_internal::armed;
  if (armed.load(std::memory_order_relaxed) == point.index()) fault_point_internal::Reached();
}

// `wanted`: NAME or NAME:N; empty arms none. kConfig for a name that is not listed or an N below 1.
// Before other threads start.
Status ArmFaultPoint(std::string_view wanted);

}  // namespace sluice
