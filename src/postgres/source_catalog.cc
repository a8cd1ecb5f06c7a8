#include "postgres/source_catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/row_reader.h"

namespace sluice::postgres {

namespace {

Result<Lsn> ReadLsn(const std::string& text) {
  if (text.empty()) return Lsn{};
  return ParseLsn(text);
}

// "00000002000000A3000000F1" begins with the timeline that is being written.
uint32_t TimelineOf(const std::string& wal_file) {
  uint32_t out = 0;
  std::from_chars(wal_file.data(), wal_file.data() + std::min<size_t>(8, wal_file.size()), out, 16);
  return out;
}

// Not pg_get_publication_tables: since 16 it takes a lock on every table. Partitions are left out
// (their root stands for them), and so is what Postgres itself leaves out of a whole schema.
constexpr std::string_view kPublished = R"sql(
SELECT c.oid FROM pg_publication p CROSS JOIN pg_class c
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND
       (EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = c.oid) OR
        c.relpersistence = 'p' AND c.oid >= 16384 AND (p.puballtables{}))
   AND p.pubname = {} ORDER BY c.oid)sql";
constexpr std::string_view kBySchema =
    " OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = "
    "c.relnamespace)";

Result<std::vector<uint32_t>> ReadOids(Connection& connection, const std::string& sql) {
  SLUICE_LET(const Rows rows, connection.Query(sql));
  std::vector<uint32_t> out;
  for (const Row& row : rows) out.push_back(RowReader(row).Number<uint32_t>());
  return out;
}

}  // namespace

Result<SourceIdentity> IdentifySource(Connection& connection) {
  SLUICE_LET(const Rows standby, connection.Query("SELECT pg_is_in_recovery()"),
             "identifying the source");
  if (!standby.empty() && RowReader(standby.front()).Bool()) {
    return MakeError(ErrorKind::kConfig, "the server is a standby")
        .WithHint("connect to the primary (target_session_attrs=read-write picks it)");
  }
  SLUICE_LET(const Rows rows, connection.Query(R"sql(
      SELECT (SELECT system_identifier FROM pg_control_system()),
             pg_walfile_name(pg_current_wal_insert_lsn()), current_database(),
             (SELECT oid FROM pg_database WHERE datname = current_database()),
             pg_current_wal_insert_lsn())sql"),
             "identifying the source");
  if (rows.empty()) return MakeError(ErrorKind::kInternal, "the source does not say who it is");
  RowReader in(rows.front());
  SourceIdentity out;
  out.system_id = in.Text();
  out.timeline = TimelineOf(in.Text());
  out.database = in.Text();
  out.database_oid = in.Number<uint32_t>();
  SLUICE_LET(out.wal_lsn, ReadLsn(in.Text()), "identifying the source");
  out.server_version = connection.server_version();
  return out;
}

Result<std::optional<SlotState>> FindSlot(Connection& connection, const std::string& slot) {
  const std::string_view reason =
      connection.server_version() >= 170000 ? "invalidation_reason" : "NULL";
  SLUICE_LET(const Rows rows,
             connection.Query(fmt::format(R"sql(
      SELECT plugin, database, active, active_pid, restart_lsn, confirmed_flush_lsn, wal_status,
             {}, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::int8, safe_wal_size
        FROM pg_replication_slots WHERE slot_name = {})sql",
                                          reason, QuoteLiteral(slot))),
             "looking for slot {}", slot);
  if (rows.empty()) return std::optional<SlotState>();
  RowReader in(rows.front());
  SlotState out;
  out.plugin = in.Text();
  out.database = in.Text();
  out.active = in.Bool();
  out.active_pid = in.Number<int>();
  SLUICE_LET(out.restart_lsn, ReadLsn(in.Text()), "looking at slot {}", slot);
  SLUICE_LET(out.confirmed_lsn, ReadLsn(in.Text()), "looking at slot {}", slot);
  out.wal_status = in.Text();
  out.invalidation_reason = in.Text();
  out.retained_bytes = in.Number<int64_t>();
  if (!in.IsNull()) out.safe_wal_bytes = in.Number<int64_t>();
  return std::optional(std::move(out));
}

Result<std::optional<PublicationState>> FindPublication(Connection& connection,
                                                        const std::string& publication) {
  const std::string name = QuoteLiteral(publication);
  SLUICE_LET(const Rows rows,
             connection.Query(fmt::format(R"sql(
      SELECT pg_get_userbyid(pubowner), puballtables, pubviaroot, pubinsert, pubupdate, pubdelete,
             pubtruncate FROM pg_publication WHERE pubname = {})sql",
                                          name)),
             "looking for publication {}", publication);
  if (rows.empty()) return std::optional<PublicationState>();
  RowReader in(rows.front());
  PublicationState out;
  out.owner = in.Text();
  out.all_tables = in.Bool();
  out.via_root = in.Bool();
  out.insert = in.Bool();
  out.update = in.Bool();
  out.delete_ = in.Bool();
  out.truncate = in.Bool();
  const bool has_schemas = connection.server_version() >= 150000;
  SLUICE_LET(out.tables,
             ReadOids(connection, fmt::format(kPublished, has_schemas ? kBySchema : "", name)),
             "listing the tables of publication {}", publication);
  if (has_schemas) {
    SLUICE_LET(out.filtered,
               ReadOids(connection, fmt::format(R"sql(
        SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
         WHERE p.pubname = {} AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))sql",
                                                name)),
               "listing the filters of publication {}", publication);
  }
  return std::optional(std::move(out));
}

}  // namespace sluice::postgres
