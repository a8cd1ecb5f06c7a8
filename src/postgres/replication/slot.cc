// Slots: made and dropped through the replication protocol and its SQL functions.
#include <fmt/format.h>

#include "postgres/replication/replication_source.h"

namespace sluice::postgres {

namespace {

// Who holds up the snapshot of a new slot: transactions with an xid, prepared ones among them.
constexpr std::string_view kBlockers = R"sql(
  SELECT 'pid ' || pid || coalesce(' (' || nullif(application_name, '') || ')', '') ||
         ' since ' || date_trunc('second', xact_start)
    FROM pg_stat_activity
   WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
  UNION ALL
  SELECT 'prepared transaction ' || gid || ' since ' || date_trunc('second', prepared)
    FROM pg_prepared_xacts
  LIMIT 5)sql";

std::string NameBlockers(Connection& replication) {
  const auto rows = replication.Query(std::string(kBlockers));
  std::string out;
  if (!rows) return out;
  for (const Row& row : *rows) {
    if (!out.empty()) out += ", ";
    out += row[0].value_or("?");
  }
  return out;
}

Error CreateFailed(Connection& replication, int wait_s, Error error) {
  const std::string code = error.code();
  if (code == "55P03") {
    const std::string blockers = NameBlockers(replication);
    return MakeError(ErrorKind::kUnavailable,
                     "the slot waited {} s for transactions that are still open: {}", wait_s,
                     blockers.empty() ? "none any more" : blockers)
        .WithCode(code)
        .WithHint("end them (pg_terminate_backend, ROLLBACK PREPARED), or wait; it is tried again");
  }
  if (code == "53400") {
    return std::move(error).WithHint(
        "raise max_replication_slots (needs a restart), or drop a slot that nobody reads: "
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
  }
  if (code == "55000") {
    return std::move(error).WithHint(
        "ALTER SYSTEM SET wal_level = logical, then restart the server (on RDS: "
        "rds.logical_replication = 1)");
  }
  if (code == "42501") {
    return std::move(error).WithHint(
        "ALTER ROLE <user> REPLICATION (on RDS: GRANT rds_replication TO <user>)");
  }
  return error;
}

}  // namespace

Result<CreatedSlot> CreateSlot(Connection& replication, const std::string& slot, int wait_s) {
  // Creation waits for every transaction that is running, one after the other, as for a lock.
  SLUICE_TRY(replication.Execute(fmt::format("SET lock_timeout = '{}s'", wait_s)));
  const std::string_view snapshot =
      replication.server_version() >= 150000 ? "(SNAPSHOT 'export')" : "EXPORT_SNAPSHOT";
  auto rows = replication.Query(
      fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput {}", SqlIdentifier(slot), snapshot));
  if (!rows) {
    Error error = CreateFailed(replication, wait_s, std::move(rows).error());
    error.AddContext(fmt::format("creating slot {}", slot));
    return error;
  }
  // slot_name, consistent_point, snapshot_name, output_plugin
  if (rows->size() != 1 || rows->front().size() < 3 || !rows->front()[1] || !rows->front()[2]) {
    return MakeError(ErrorKind::kInternal, "creating slot {}: an answer of another form", slot);
  }
  SLUICE_LET(const Lsn point, ParseLsn(*rows->front()[1]), "creating slot {}", slot);
  return CreatedSlot{point, *rows->front()[2]};
}

Status DropSlot(Connection& connection, const std::string& slot) {
  const auto dropped =
      connection.Query("SELECT pg_catalog.pg_drop_replication_slot(" + QuoteLiteral(slot) + ")");
  if (dropped || dropped.error().code() == "42704") return {};  // gone is gone
  Error error = dropped.error();
  error.AddContext(fmt::format("dropping slot {}", slot));
  return error;
}

}  // namespace sluice::postgres
