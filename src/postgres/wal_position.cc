#include "postgres/wal_position.h"

namespace sluice::postgres {

Result<Lsn> PositionToReach(Connection& connection) {
  SLUICE_LET(const Rows rows, connection.Query("SELECT pg_current_wal_insert_lsn()"),
             "reading the WAL position");
  SLUICE_TRY(connection.Query("SELECT pg_current_xact_id()"), "nudging the WAL writer");
  return ParseLsn(rows.at(0).at(0).value_or(""));
}

}  // namespace sluice::postgres
