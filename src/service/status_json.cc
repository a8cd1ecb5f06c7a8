#include "service/status_json.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace sluice::service {

namespace {

constexpr std::array<ErrorKind, 9> kKinds = {
    ErrorKind::kUnavailable, ErrorKind::kConflict,  ErrorKind::kCommitUnknown,
    ErrorKind::kStopped,     ErrorKind::kConfig,    ErrorKind::kUnsupported,
    ErrorKind::kCorrupt,     ErrorKind::kExhausted, ErrorKind::kInternal};

Json Time(int64_t micros) {
  if (micros == 0) return nullptr;
  const std::time_t seconds = micros / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:06d}Z", text, micros % 1'000'000);
}

Json SourceToJson(const pipeline::SourceStatus& source) {
  return {{"system_id", source.system_id},
          {"timeline", source.timeline},
          {"database", source.database},
          {"slot", source.slot},
          {"connected", source.connected},
          {"problem", source.problem},
          {"wal_lsn", ToString(source.wal_lsn)},
          {"confirmed_lsn", ToString(source.confirmed_lsn)},
          {"retained_bytes", source.retained_bytes},
          {"safe_bytes", source.safe_bytes ? Json(*source.safe_bytes) : Json(nullptr)},
          {"safe_seconds", source.safe_seconds ? Json(*source.safe_seconds) : Json(nullptr)}};
}

Json BusToJson(const pipeline::BusStatus& bus) {
  return {{"first_lsn", ToString(bus.first_lsn)},
          {"last_lsn", ToString(bus.last_lsn)},
          {"bytes", bus.bytes},
          {"disk_free_bytes", bus.disk_free_bytes},
          {"full", bus.full},
          {"seconds_until_full",
           bus.seconds_until_full ? Json(*bus.seconds_until_full) : Json(nullptr)}};
}

Json AuditToJson(const audit::LastAudits& audits, const std::string& table) {
  const auto found = audits.find(table);
  if (found == audits.end()) return nullptr;
  return {{"time", Time(found->second.time_us)},
          {"cut_lsn", ToString(found->second.cut)},
          {"rows", found->second.rows},
          {"differences", found->second.differences},
          {"sample_percent", found->second.sample_percent}};
}

Json TableToJson(const pipeline::PipelineStatus& status, const pipeline::TableStatus& table,
                 const audit::LastAudits& audits, int64_t now_us) {
  return {{"name", table.name},
          {"iceberg", table.iceberg},
          {"metadata_location", table.metadata_location},
          {"state", pipeline::TableStateName(table.state)},
          {"reason", table.reason},
          {"hint", table.hint},
          {"rows", table.rows},
          {"rows_copied", table.rows_copied},
          {"rows_total_estimate", table.rows_total_estimate},
          {"bytes_copied", table.bytes_copied},
          {"cut_lsn", ToString(table.cut.lsn)},
          {"cut_time", Time(table.cut.time_us)},
          {"lag_seconds", LagSeconds(status, table, now_us)},
          {"lag_bytes", LagBytes(status, table)},
          {"pending_changes", table.pending_changes},
          {"snapshot_id", table.snapshot_id},
          {"data_files", table.data_files},
          {"delete_files", table.delete_files},
          {"deleted_rows", table.deleted_rows},
          {"last_audit", AuditToJson(audits, table.name)}};
}

}  // namespace

int64_t LagBytes(const pipeline::PipelineStatus& status, const pipeline::TableStatus& table) {
  const uint64_t newest = std::max(status.bus.last_lsn.value, status.cut.lsn.value);
  return newest > table.cut.lsn.value ? static_cast<int64_t>(newest - table.cut.lsn.value) : 0;
}

double LagSeconds(const pipeline::PipelineStatus& status, const pipeline::TableStatus& table,
                  int64_t now_us) {
  if (table.pending_changes == 0 && LagBytes(status, table) == 0) return 0;
  if (table.cut.time_us == 0) return 0;
  return static_cast<double>(std::max<int64_t>(now_us - table.cut.time_us, 0)) / 1e6;
}

Json StatusToJson(const pipeline::PipelineStatus& status, const audit::LastAudits& audits,
                  int64_t now_us) {
  Json tables = Json::array();
  for (const pipeline::TableStatus& table : status.tables) {
    tables.push_back(TableToJson(status, table, audits, now_us));
  }
  return {{"pipeline", status.pipeline},
          {"source", SourceToJson(status.source)},
          {"bus", BusToJson(status.bus)},
          {"cut", {{"lsn", ToString(status.cut.lsn)}, {"time", Time(status.cut.time_us)}}},
          {"unmirrored", status.unmirrored},
          {"tables", std::move(tables)}};
}

Json ErrorToJson(const Error& error) {
  return {{"error",
           {{"kind", ErrorKindName(error.kind())},
            {"message", error.message()},
            {"hint", error.hint()},
            {"code", error.code()}}}};
}

std::optional<Error> ErrorFromJson(const Json& answer) {
  if (!answer.is_object() || !answer.contains("error")) return std::nullopt;
  const Json& error = answer.at("error");
  const std::string kind = error.value("kind", "internal");
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](ErrorKind one) { return ErrorKindName(one) == kind; });
  return Error(found == kKinds.end() ? ErrorKind::kInternal : *found, error.value("message", ""))
      .WithHint(error.value("hint", ""))
      .WithCode(error.value("code", ""));
}

}  // namespace sluice::service
