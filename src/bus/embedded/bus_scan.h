// Which transactions the bus holds, without reading their rows: what an audit needs, and whoever
// asks what a snapshot of the source lacks of them.
#pragma once

#include <cstdint>
#include <functional>

#include "bus/embedded/embedded_bus.h"
#include "change/visibility.h"

namespace sluice::bus {

// Calls `fn` for every (table, transaction) that ended above `after` and at or below `through`, in
// bus order; a transaction's rows of a table may stand in several batches, then it is named again.
// Reads heads only. kUnavailable when the bus does not hold all of that range: trimmed above
// `after` (code "TRIMMED"), or its durable cuts do not reach `through` yet (code "BEHIND").
Status ScanTransactions(FileSystem& files, const EmbeddedBusOptions& options, Lsn after,
                        Lsn through,
                        const std::function<void(Lsn end_lsn, uint64_t xid, TableId table)>& fn);

// Up to where `snapshot` sees everything that ended above `after` and at or below `through`:
// `through`, unless the bus holds a commit that the source hides (it is in the log before others
// see it, for as long as it waits for a synchronous standby). Errors as above.
Result<Lsn> SeenThrough(FileSystem& files, const EmbeddedBusOptions& options, Lsn after,
                        Lsn through, const SnapshotVisibility& snapshot);

}  // namespace sluice::bus
