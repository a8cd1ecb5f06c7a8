// One cut into the catalog: every table's prepared commit and the ledger's row in one catalog
// transaction where the catalog takes several tables, with the answers that are no answers
// resolved by asking.
#pragma once

#include <utility>
#include <vector>

#include "base/error.h"
#include "iceberg/ledger.h"
#include "pipeline/lake.h"
#include "pipeline/mirror_table.h"

namespace sluice::pipeline {

struct CutResult {
  bool committed = false;
  // Not committed: tables whose lake head is no longer the one they were prepared on.
  std::vector<MirrorTable*> conflicted;
  // Not committed: tables whose own files stand in the way (IsTheTables), and why.
  std::vector<std::pair<MirrorTable*, Error>> broken;
};

// Commits `tables` (each with changes, or a first commit) at `cut`; with `ledger`, its row lists
// `listed` (every table whose lake content is that of the cut) and its newest state is stored back.
// On success every table has been told. kConflict: another pipeline claimed the ledger (a higher
// epoch), stop. kUnavailable: nothing happened, try again later.
Result<CutResult> CommitCut(const Lake& lake, const std::vector<MirrorTable*>& tables,
                            const std::vector<MirrorTable*>& listed, iceberg::Ledger* ledger,
                            Cut cut);

}  // namespace sluice::pipeline
