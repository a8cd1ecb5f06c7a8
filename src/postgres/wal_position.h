// How far the stream must come so that it holds everything committed before.
#pragma once

#include "base/error.h"
#include "change/lsn.h"
#include "postgres/connection.h"

namespace sluice::postgres {

// The WAL insert position: every transaction visible now ended below it. Records that nobody waits
// for (page pruning, hints) may lie unflushed at the end of an idle server's WAL, and the stream
// ends where the flush does; so this also commits an empty transaction of its own (one xid, no
// row), which makes the WAL writer flush past the position within three wal_writer_delay
// (postgresql.org, "Asynchronous Commit"). Not inside a transaction.
Result<Lsn> PositionToReach(Connection& connection);

}  // namespace sluice::postgres
