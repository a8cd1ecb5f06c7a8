// Decides what of the last segment counts when a writer opens: docs/formats/segment.md, "What
// counts". Reads only.
#pragma once

#include <map>
#include <string>

#include "bus/embedded/segment_file.h"

namespace sluice::bus {

struct RecoveredSegment {
  Cut last_cut;            // the newest whole one
  bool proved = false;     // a proof follows it
  uint64_t cut_end = 0;    // where it ends, or the segment's first proof
  uint64_t end = 0;        // as cut_end, with the proofs behind it; what follows is forgotten
  uint64_t forgotten = 0;  // bytes
  // The newest schema of each table, as JSON.
  std::map<TableId, std::string> schemas;
};

// kCorrupt when damage stands before a proof.
Result<RecoveredSegment> RecoverSegment(SegmentFile& segment);

}  // namespace sluice::bus
