// `audit`: exit code 0 equal, 3 a difference, 1 a table that could not be compared.
#include "audit/audit.h"
#include "audit/last_audit.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/lake_status.h"

namespace sluice::cli {

namespace {

std::string_view KindName(audit::DifferenceKind kind) {
  switch (kind) {
    case audit::DifferenceKind::kOnlySource:
      return "only_source";
    case audit::DifferenceKind::kOnlyLake:
      return "only_lake";
    default:
      return "differs";
  }
}

Json ToJson(const audit::Difference& difference, bool show_keys) {
  Json out = {{"kind", KindName(difference.kind)}, {"columns", difference.columns}};
  if (show_keys) {
    out["key"] = Json::object();
    for (const auto& [column, text] : difference.key) out["key"][column] = text;
  }
  return out;
}

Json ToJson(const audit::TableReport& table, bool show_keys) {
  Json found = Json::array();
  for (const auto& difference : table.found) found.push_back(ToJson(difference, show_keys));
  return {{"name", table.name},
          {"iceberg", table.iceberg},
          {"cut_lsn", ToString(table.cut)},
          {"snapshot_id", table.snapshot_id},
          {"audited", table.not_audited.empty()},
          {"reason", table.not_audited},
          {"rows_source", table.rows_source},
          {"rows_lake", table.rows_lake},
          {"differences", table.differences},
          {"complete", table.complete},
          {"found", std::move(found)},
          {"seconds", table.seconds}};
}

Exit ExitOf(const audit::AuditReport& report) {
  bool all = true;
  for (const auto& table : report.tables) {
    if (table.differences > 0) return Exit::kDifference;
    all = all && table.not_audited.empty();
  }
  return all ? Exit::kDone : Exit::kFailed;
}

void PrintDifferences(const audit::TableReport& table, bool show_keys) {
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < std::min(table.found.size(), kShown); ++i) {
    const audit::Difference& difference = table.found[i];
    std::string line = fmt::format("  {}: ", table.name);
    line += difference.kind == audit::DifferenceKind::kOnlySource ? "a row only in the source"
            : difference.kind == audit::DifferenceKind::kOnlyLake ? "a row only in the lake"
                                                                  : "a row differs in";
    for (const std::string& column : difference.columns) line += " " + column;
    if (show_keys) {
      line += ", key";
      for (const auto& [column, text] : difference.key) line += fmt::format(" {}={}", column, text);
    }
    Print(line + "\n");
  }
  if (table.found.size() > kShown) Print(fmt::format("  {}: and more (--json)\n", table.name));
}

void PrintReport(const audit::AuditReport& report, bool show_keys) {
  std::vector<std::vector<std::string>> rows = {
      {"TABLE", "CUT", "ROWS", "DIFFERENCES", "SECONDS", "RESULT"}};
  for (const auto& table : report.tables) {
    const std::string result = !table.not_audited.empty() ? "not audited: " + table.not_audited
                               : table.differences == 0   ? "equal"
                                                          : "DIFFERS";
    rows.push_back(
        {table.name, ToString(table.cut), FormatCount(static_cast<int64_t>(table.rows_source)),
         (table.complete ? "" : "at least ") + FormatCount(static_cast<int64_t>(table.differences)),
         fmt::format("{:.1f}", table.seconds), result});
  }
  Print(FormatTable(rows));
  for (const auto& table : report.tables) PrintDifferences(table, show_keys);
}

audit::ReachCut ReachThrough(const Config& config) {
  return [socket = ControlSocket(config)](Lsn lsn, int64_t timeout_us) -> Status {
    const std::map<std::string, std::string> parameters = {
        {"lsn", ToString(lsn)}, {"timeout_us", std::to_string(timeout_us)}, {"of", "bus"}};
    const auto done = service::ControlClient(socket).Order("wait", parameters);
    return done ? Status() : Status(done.error());
  };
}

Result<audit::AuditOptions> OptionsOf(const Config& config, const AuditArguments& arguments) {
  if (arguments.repair) {
    return MakeError(ErrorKind::kConfig, "`audit --repair` is not in this version")
        .WithHint("`sluice tables resync TABLE` copies a table again");
  }
  audit::AuditOptions out;
  out.pipeline = config.options;
  out.tables = arguments.tables;
  out.sample_percent = arguments.sample_percent;
  if (arguments.timeout.empty()) return out;
  SLUICE_LET(out.timeout_us, ParseDuration(arguments.timeout));
  return out;
}

}  // namespace

int Audit(const Context& context, const AuditArguments& arguments) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const audit::AuditOptions options, OptionsOf(config, arguments));
  const auto store = store::MakeLocalStore();
  const SystemClock clock;
  SLUICE_CLI_LET(const auto catalog, OpenLakeCatalog(config, *store, clock, true));
  SLUICE_CLI_LET(const audit::AuditReport report,
                 audit::Audit(options, *catalog, *store, LocalFileSystem(), ReachThrough(config)));
  const Status recorded = audit::RecordAudit(LocalFileSystem(), config.options.state_folder, report,
                                             options.sample_percent, clock.WallMicros());
  if (!recorded) return Fail(context, recorded.error());
  const Exit code = ExitOf(report);
  if (context.json) {
    Json tables = Json::array();
    for (const auto& table : report.tables) tables.push_back(ToJson(table, arguments.show_keys));
    PrintJson({{"sample_percent", options.sample_percent},
               {"equal", code == Exit::kDone},
               {"tables", std::move(tables)}});
  } else {
    PrintReport(report, arguments.show_keys);
  }
  return static_cast<int>(code);
}

}  // namespace sluice::cli
