// How far the stream must come so that it holds everything committed before.
#pragma once

#include "base/error.h"
#include "change/lsn.h"
#include "postgres/connection.h"

namespace sluice::postgres {

// The WAL insert position: every transaction visible now ended below it. Records that nobody waits
// for (page pruning, hints) may lie unflushed at the end of an idle server's WAL, and the stream
// ends where the flush does; then an empty transaction moves it. Not inside a transaction.
Result<Lsn> PositionToReach(Connection& connection);

// One xid, no row, and nothing to wait for. It makes the WAL writer flush past the position within
// three wal_writer_delay (postgresql.org, "Asynchronous Commit"), so that the stream comes above it
// also where nothing happens; and a snapshot taken next lists every older transaction that has not
// ended. Not inside a transaction.
Status EndEmptyTransaction(Connection& connection);

}  // namespace sluice::postgres
