#include "postgres/lock_wait.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "postgres/row_reader.h"

namespace sluice::postgres {

namespace {

// What stands in the way of each (PostgreSQL documentation, table 13.2), granted or waiting before
// us.
constexpr std::string_view kAgainstRead = "'AccessExclusiveLock'";
constexpr std::string_view kAgainstAlter =
    "'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', "
    "'AccessExclusiveLock'";

// The strings are for people: what is locked, and by whom. A table's indexes are locked with it,
// and some statements (REINDEX) lock one of them alone.
constexpr std::string_view kHolders = R"sql(
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) ||
       CASE WHEN l.granted THEN ' is locked by ' ELSE ' is about to be locked by ' END ||
       coalesce('pid ' || l.pid, 'a prepared transaction') ||
       coalesce(' (' || nullif(a.application_name, '') || ')', '') ||
       coalesce(' since ' || date_trunc('second', a.xact_start), ''), l.pid
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode IN ({0}) AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND (l.relation IN ({1}) OR
        l.relation IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid IN ({1})))
 ORDER BY l.granted DESC, a.xact_start LIMIT 3)sql";

constexpr char kLookForHolders[] =
    "look in pg_locks and pg_blocking_pids() for who keeps tables locked";

std::string Patience(Connection& connection) {
  const auto rows = connection.Query("SELECT current_setting('lock_timeout')");
  return rows && !rows->empty() ? RowReader(rows->front()).Text() : "too long";
}

}  // namespace

Error ExplainLockWait(Connection& connection, std::span<const uint32_t> relations,
                      WantedLock wanted, Error error) {
  if (error.code() != kLockNotAvailable) return error;
  const auto rows = connection.Query(
      fmt::format(kHolders, wanted == WantedLock::kRead ? kAgainstRead : kAgainstAlter,
                  fmt::join(relations, ", ")));
  std::string who;
  std::string pid;
  for (const Row& row : rows.value_or(Rows{})) {
    RowReader in(row);
    who += (who.empty() ? "" : ", ") + in.Text();
    if (pid.empty()) pid = in.Text();
  }
  return MakeError(error.kind(), "waited {} for a lock: {} (SQLSTATE {})", Patience(connection),
                   who.empty() ? "nobody holds one any more" : who, error.code())
      .WithCode(error.code())
      .WithHint(pid.empty() ? kLookForHolders
                            : fmt::format("let that transaction end, or end it: SELECT "
                                          "pg_terminate_backend({}); then try again",
                                          pid));
}

}  // namespace sluice::postgres
