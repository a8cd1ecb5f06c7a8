#include "postgres/wal_position.h"

namespace sluice::postgres {

Result<Lsn> PositionToReach(Connection& connection) {
  SLUICE_LET(const Rows rows,
             connection.Query("SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()"),
             "reading the WAL position");
  SLUICE_LET(const Lsn inserted, ParseLsn(rows.at(0).at(0).value_or("")));
  SLUICE_LET(const Lsn flushed, ParseLsn(rows.at(0).at(1).value_or("")));
  if (flushed < inserted) SLUICE_TRY(EndEmptyTransaction(connection));
  return inserted;
}

Status EndEmptyTransaction(Connection& connection) {
  SLUICE_TRY(connection.Query("SELECT pg_current_xact_id()"), "ending an empty transaction");
  return {};
}

}  // namespace sluice::postgres
