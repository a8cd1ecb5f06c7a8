// Which transactions the bus holds, without reading their rows: what an audit needs.
#pragma once

#include <cstdint>
#include <functional>

#include "bus/embedded/embedded_bus.h"

namespace sluice::bus {

// Calls `fn` for every (table, transaction) that ended above `after` and at or below `through`, in
// bus order; a transaction's rows of a table may stand in several batches, then it is named again.
// Reads heads only. kUnavailable when the bus does not hold all of that range: trimmed above
// `after` (code "TRIMMED"), or its durable cuts do not reach `through` yet (code "BEHIND").
Status ScanTransactions(FileSystem& files, const EmbeddedBusOptions& options, Lsn after,
                        Lsn through,
                        const std::function<void(Lsn end_lsn, uint64_t xid, TableId table)>& fn);

}  // namespace sluice::bus
