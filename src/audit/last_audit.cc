#include "audit/last_audit.h"

#include <nlohmann/json.hpp>

namespace sluice::audit {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

std::string PathIn(const std::string& state_folder) { return state_folder + "/audits.json"; }

Json ToJson(const LastAudit& audit) {
  return {{"cut_lsn", audit.cut.value},
          {"time_us", audit.time_us},
          {"rows", audit.rows},
          {"differences", audit.differences},
          {"sample_percent", audit.sample_percent}};
}

LastAudit FromJson(const Json& json) {
  return {Lsn{json.at("cut_lsn").get<uint64_t>()}, json.at("time_us").get<int64_t>(),
          json.at("rows").get<uint64_t>(), json.at("differences").get<uint64_t>(),
          json.at("sample_percent").get<double>()};
}

}  // namespace

Result<LastAudits> ReadLastAudits(FileSystem& files, const std::string& state_folder) {
  SLUICE_LET(const bool exists, files.Exists(PathIn(state_folder)));
  LastAudits out;
  if (!exists) return out;
  SLUICE_LET(const std::string text, ReadSmallFile(files, PathIn(state_folder)));
  try {
    const Json json = Json::parse(text);
    if (json.at("version") == kVersion) {
      for (const auto& [name, audit] : json.at("tables").items()) out[name] = FromJson(audit);
    }
  } catch (const Json::exception&) {
    out.clear();
  }
  return out;
}

Status RecordAudit(FileSystem& files, const std::string& state_folder, const AuditReport& report,
                   double sample_percent, int64_t now_us) {
  LastAudits all = ReadLastAudits(files, state_folder).value_or(LastAudits{});
  for (const TableReport& table : report.tables) {
    if (!table.not_audited.empty()) continue;
    all[table.name] = {table.cut, now_us, table.rows_source, table.differences, sample_percent};
  }
  Json tables = Json::object();
  for (const auto& [name, audit] : all) tables[name] = ToJson(audit);
  SLUICE_TRY(WriteFileAtomically(files, PathIn(state_folder),
                                 Json{{"version", kVersion}, {"tables", tables}}.dump() + "\n"),
             "recording the audit");
  return {};
}

}  // namespace sluice::audit
