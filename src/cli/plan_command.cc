// `check`, `plan` and `init`: what would be done, before anything is.
#include <algorithm>
#include <filesystem>

#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/lake_status.h"
#include "pipeline/table_rules.h"
#include "postgres/preflight.h"
#include "postgres/source_catalog.h"

namespace sluice::cli {

namespace {

using pipeline::ChosenTable;
using pipeline::TableChoice;

struct SourceView {
  postgres::SourceIdentity identity;
  std::vector<postgres::SourceTable> tables;
};

Result<SourceView> LookAtSource(const postgres::ConnectionOptions& source) {
  SLUICE_LET(const auto connection, postgres::Connection::Open(source), "connecting to the source");
  SourceView out;
  SLUICE_LET(out.identity, postgres::IdentifySource(*connection));
  SLUICE_LET(out.tables, postgres::ListTables(*connection), "listing the source's tables");
  return out;
}

std::string_view IdentityName(ReplicaIdentity identity) {
  switch (identity) {
    case ReplicaIdentity::kDefault:
      return "default";
    case ReplicaIdentity::kNothing:
      return "nothing";
    case ReplicaIdentity::kFull:
      return "full";
    case ReplicaIdentity::kIndex:
      return "index";
  }
  return "?";
}

Json ColumnsToJson(const ChosenTable& table) {
  Json out = Json::array();
  for (size_t i = 0; i < table.mirror.schema.columns.size(); ++i) {
    const Column& column = table.mirror.schema.columns[i];
    out.push_back({{"name", column.name},
                   {"postgres", column.type_text},
                   {"iceberg", LakeTypeName(*column.lake_type)},
                   {"key", column.key},
                   {"cannot_hold", table.mirror.mappings[i].cannot_hold}});
  }
  return out;
}

Json LeftOutToJson(const ChosenTable& table) {
  Json out = Json::array();
  for (const auto& [name, why] : table.mirror.left_out) {
    out.push_back({{"name", name}, {"why", why}});
  }
  return out;
}

Json PlanToJson(const Config& config, const TableChoice& choice, bool slot_exists) {
  Json tables = Json::array();
  int64_t bytes = 0;
  for (const ChosenTable& table : choice.chosen) {
    bytes += table.source.bytes;
    tables.push_back({{"name", table.mirror.schema.QualifiedName()},
                      {"iceberg", table.lake.ToString()},
                      {"rows_estimate", table.source.row_estimate},
                      {"bytes", table.source.bytes},
                      {"identity", IdentityName(table.mirror.schema.identity)},
                      {"append_only", table.mirror.append_only},
                      {"columns", ColumnsToJson(table)},
                      {"left_out", LeftOutToJson(table)},
                      {"notes", table.mirror.notes}});
  }
  Json refused = Json::array();
  for (const pipeline::RefusedTable& table : choice.refused) {
    refused.push_back({{"name", table.name}, {"reason", table.reason}, {"hint", table.hint}});
  }
  return {{"pipeline", config.options.name},
          {"slot", {{"name", config.options.slot}, {"create", !slot_exists}}},
          {"publication", config.options.publication},
          {"warehouse", config.options.warehouse},
          {"catalog", config.options.catalog_path},
          {"bytes", bytes},
          {"tables", std::move(tables)},
          {"refused", std::move(refused)},
          {"left_out", choice.left_out}};
}

void PrintTablePlan(const Json& table) {
  Print(fmt::format("\n{} -> {}  (about {} rows, {}, identity {})\n",
                    table.at("name").get<std::string>(), table.at("iceberg").get<std::string>(),
                    FormatCount(table.at("rows_estimate")), FormatBytes(table.at("bytes")),
                    table.at("identity").get<std::string>()));
  std::vector<std::vector<std::string>> rows = {{"  COLUMN", "POSTGRES", "ICEBERG", ""}};
  for (const Json& column : table.at("columns")) {
    const std::string cannot = column.at("cannot_hold");
    std::string note = column.at("key").get<bool>() ? "key" : "";
    if (!cannot.empty()) note += (note.empty() ? "" : "; ") + ("stops at: " + cannot);
    rows.push_back({"  " + column.at("name").get<std::string>(), column.at("postgres"),
                    column.at("iceberg"), note});
  }
  Print(FormatTable(rows));
  for (const Json& column : table.at("left_out")) {
    Print(fmt::format("  left out: {}: {}\n", column.at("name").get<std::string>(),
                      column.at("why").get<std::string>()));
  }
  for (const Json& note : table.at("notes"))
    Print(fmt::format("  note: {}\n", note.get<std::string>()));
}

void PrintPlan(const Json& plan) {
  const Json& slot = plan.at("slot");
  Print(fmt::format(
      "`sluice run` will\n  {} replication slot {}\n  use publication {}\n  mirror {} "
      "tables, {} to copy, into {}\n",
      slot.at("create").get<bool>() ? "make" : "use", slot.at("name").get<std::string>(),
      plan.at("publication").get<std::string>(), plan.at("tables").size(),
      FormatBytes(plan.at("bytes")), plan.at("warehouse").get<std::string>()));
  Print("  Spark, Trino, DuckDB, PyIceberg, Athena and Snowflake can read every table (v2)\n");
  for (const Json& table : plan.at("tables")) PrintTablePlan(table);
  for (const Json& table : plan.at("refused")) {
    Print(fmt::format("\nREFUSED {}: {}\n  what to do: {}\n", table.at("name").get<std::string>(),
                      table.at("reason").get<std::string>(), table.at("hint").get<std::string>()));
  }
  if (plan.at("left_out").empty()) return;
  Print(fmt::format("\n{} tables no rule takes:\n", plan.at("left_out").size()));
  for (const Json& name : plan.at("left_out")) Print("  " + name.get<std::string>() + "\n");
}

std::string YamlQuote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

// The URL without its password; true when it had one.
std::string WithoutPassword(const std::string& url, bool& had_one) {
  std::string masked = MaskPassword(url);
  had_one = masked != url;
  for (const std::string part : {":***", "password=***"}) {
    const size_t at = masked.find(part);
    if (at != std::string::npos) masked.erase(at, part.size());
  }
  return masked;
}

std::string InitialConfig(const std::string& url, const SourceView& source) {
  bool had_password = false;
  std::string out =
      "# What sluice mirrors from where to where. `sluice check` and `sluice plan` read this "
      "file.\n"
      "pipeline: main                        # names the slot, publication, state and marks\n"
      "source:\n"
      "  url: " +
      YamlQuote(WithoutPassword(url, had_password)) + "\n";
  out += had_password ? "  password: ${SLUICE_PASSWORD}          # or file:/run/secrets/x\n"
                      : "  # password: ${SLUICE_PASSWORD}        # or file:/run/secrets/x\n";
  out += "tables:                               # first match wins; `exclude:` leaves tables out\n";
  for (const postgres::SourceTable& table : source.tables) {
    const bool keyed = std::any_of(table.columns.begin(), table.columns.end(),
                                   [](const auto& column) { return column.key; });
    const std::string name = QuoteIdentifier(table.schema_name) + "." + QuoteIdentifier(table.name);
    out += fmt::format("  {}- include: {}  # about {} rows, {}{}\n", keyed ? "" : "# ",
                       YamlQuote(name), FormatCount(table.row_estimate), FormatBytes(table.bytes),
                       keyed ? "" : "; no key: only inserts would arrive");
  }
  out +=
      "defaults:\n"
      "  freshness: 10s                      # how old a table may get\n"
      "lake:\n"
      "  warehouse: ./lake                   # a folder; its catalog is lake/catalog.db\n"
      "bus: { path: ./bus, retention: 72h, max_bytes: 50GiB }\n"
      "state: ./state                        # caches; may be deleted, costs time only\n"
      "memory: 512MiB\n"
      "http: 127.0.0.1:8642                  # /status /metrics /healthz /readyz\n";
  return out;
}

bool IsFail(const postgres::CheckLine& line) {
  return line.outcome == postgres::CheckLine::Outcome::kFail;
}

std::string_view OutcomeName(postgres::CheckLine::Outcome outcome) {
  switch (outcome) {
    case postgres::CheckLine::Outcome::kOk:
      return "ok";
    case postgres::CheckLine::Outcome::kWarn:
      return "warn";
    case postgres::CheckLine::Outcome::kFail:
      return "FAIL";
  }
  return "?";
}

Result<std::vector<postgres::CheckLine>> CheckChosenTables(const Config& config) {
  SLUICE_LET(const auto connection, postgres::Connection::Open(config.options.source));
  SLUICE_LET(const auto identity, postgres::IdentifySource(*connection));
  SLUICE_LET(const auto all, postgres::ListTables(*connection));
  SLUICE_LET(const TableChoice choice,
             pipeline::ChooseTables(all, config.options, identity.server_version));
  std::vector<postgres::SourceTable> tables;
  std::vector<postgres::PublishedTable> published;
  for (const ChosenTable& chosen : choice.chosen) {
    tables.push_back(chosen.source);
    published.push_back({chosen.source.oid, chosen.source.schema_name, chosen.source.name,
                         chosen.mirror.append_only});
  }
  SLUICE_LET(auto lines,
             postgres::CheckTables(*connection, config.options.publication, tables, published));
  for (const pipeline::RefusedTable& table : choice.refused) {
    lines.push_back({postgres::CheckLine::Outcome::kFail, table.name, table.reason, table.hint});
  }
  return lines;
}

}  // namespace

int Check(const Context& context) {
  SLUICE_CLI_LET(const Config config, context.Load());
  std::vector<postgres::CheckLine> lines =
      postgres::CheckSource(config.options.source, config.options.slot);
  if (std::none_of(lines.begin(), lines.end(), IsFail)) {
    auto tables = CheckChosenTables(config);
    if (!tables) return Fail(context, tables.error());
    lines.insert(lines.end(), tables->begin(), tables->end());
  }
  Json json = Json::array();
  for (const postgres::CheckLine& line : lines) {
    const std::string_view outcome = OutcomeName(line.outcome);
    json.push_back(
        {{"outcome", outcome}, {"name", line.name}, {"what", line.what}, {"mend", line.mend}});
    if (context.json) continue;
    Print(fmt::format("{:<5} {}: {}\n", outcome, line.name, line.what));
    if (!line.mend.empty()) Print(fmt::format("      {}\n", line.mend));
  }
  if (context.json) PrintJson({{"checks", json}});
  const bool failed = std::any_of(lines.begin(), lines.end(), IsFail);
  return static_cast<int>(failed ? Exit::kOperator : Exit::kDone);
}

int Plan(const Context& context) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const auto connection, postgres::Connection::Open(config.options.source));
  SLUICE_CLI_LET(const auto identity, postgres::IdentifySource(*connection));
  SLUICE_CLI_LET(const auto tables, postgres::ListTables(*connection));
  SLUICE_CLI_LET(const auto slot, postgres::FindSlot(*connection, config.options.slot));
  SLUICE_CLI_LET(const TableChoice choice,
                 pipeline::ChooseTables(tables, config.options, identity.server_version));
  const Json plan = PlanToJson(config, choice, slot.has_value());
  if (context.json) {
    PrintJson(plan);
  } else {
    PrintPlan(plan);
  }
  return static_cast<int>(choice.refused.empty() ? Exit::kDone : Exit::kOperator);
}

int Init(const Context& context, const InitOptions& options) {
  const std::string path = std::filesystem::absolute(options.output).string();
  SLUICE_CLI_LET(const bool exists, LocalFileSystem().Exists(path));
  if (exists && !options.force) {
    return Fail(context, MakeError(ErrorKind::kConfig, "{} exists already", path)
                             .WithHint("--force replaces it, -o writes another file"));
  }
  postgres::ConnectionOptions source_options;
  source_options.url = options.url;
  SLUICE_CLI_LET(const SourceView source, LookAtSource(source_options));
  const Status written =
      WriteFileAtomically(LocalFileSystem(), path, InitialConfig(options.url, source));
  if (!written) return Fail(context, written.error());
  if (context.json) {
    PrintJson({{"file", path}, {"tables", source.tables.size()}});
  } else {
    Print(
        fmt::format("wrote {} with {} tables; next: `sluice check`, `sluice plan`, `sluice run`\n",
                    path, source.tables.size()));
  }
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
