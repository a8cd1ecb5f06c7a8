// `status`, `wait`, `tables`.
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/lake_status.h"
#include "postgres/wal_position.h"

namespace sluice::cli {

namespace {

std::string AuditWords(const Json& audit) {
  if (audit.is_null()) return "-";
  if (audit.at("differences") != 0) return "DIFFERED at " + audit.at("cut_lsn").get<std::string>();
  return "equal at " + audit.at("cut_lsn").get<std::string>();
}

void PrintTables(const Json& status) {
  std::vector<std::vector<std::string>> rows = {
      {"TABLE", "STATE", "ROWS", "CUT", "LAG", "BEHIND", "FILES", "DELETES", "AUDIT", "ICEBERG"}};
  for (const Json& table : status.at("tables")) {
    rows.push_back({table.at("name"), table.at("state"), FormatCount(table.at("rows")),
                    table.at("cut_lsn"), FormatSeconds(table.at("lag_seconds")),
                    FormatBytes(table.at("lag_bytes")), FormatCount(table.at("data_files")),
                    FormatCount(table.at("delete_files")), AuditWords(table.at("last_audit")),
                    table.at("iceberg")});
  }
  Print(FormatTable(rows));
  for (const Json& table : status.at("tables")) {
    if (table.at("state") != "failed") continue;
    Print(fmt::format("\n{} failed: {}\n  what to do: {}\n", table.at("name").get<std::string>(),
                      table.at("reason").get<std::string>(), table.at("hint").get<std::string>()));
  }
}

void PrintStatus(const Json& status, bool running) {
  const Json& source = status.at("source");
  const Json& bus = status.at("bus");
  Print(fmt::format("pipeline {}: {}\n", status.at("pipeline").get<std::string>(),
                    running ? "running" : "not running (read from the lake)"));
  if (running) {
    Print(fmt::format(
        "source   {} slot {}: {}, WAL {}, confirmed {}, keeps {}\n",
        source.at("database").get<std::string>(), source.at("slot").get<std::string>(),
        source.at("connected").get<bool>()
            ? "connected"
            : "NOT connected: " + source.at("problem").get<std::string>(),
        source.at("wal_lsn").get<std::string>(), source.at("confirmed_lsn").get<std::string>(),
        FormatBytes(source.at("retained_bytes"))));
    Print(fmt::format("bus      {} from {} to {}, {} free{}\n", FormatBytes(bus.at("bytes")),
                      bus.at("first_lsn").get<std::string>(), bus.at("last_lsn").get<std::string>(),
                      FormatBytes(bus.at("disk_free_bytes")),
                      bus.at("full").get<bool>() ? ", FULL: capture waits" : ""));
  }
  Print(fmt::format("cut      {}\n\n", status.at("cut").at("lsn").get<std::string>()));
  PrintTables(status);
  for (const Json& name : status.value("unmirrored", Json::array())) {
    Print(fmt::format("\n{} matches a rule and is not mirrored yet: restart `sluice run`\n",
                      name.get<std::string>()));
  }
}

// Live from a running pipeline, else from the lake.
Result<std::pair<Json, bool>> ReadStatus(const Config& config) {
  SLUICE_LET(auto live, service::ControlClient(ControlSocket(config)).Status());
  if (live) return std::pair(std::move(*live), true);
  SLUICE_LET(const auto status, ReadLakeStatus(config));
  SLUICE_LET(const auto audits,
             audit::ReadLastAudits(LocalFileSystem(), config.options.state_folder));
  return std::pair(service::StatusToJson(status, audits, SystemClock().WallMicros()), false);
}

int PrintReadStatus(const Context& context, const Config& config) {
  SLUICE_CLI_LET(const auto status, ReadStatus(config));
  if (context.json) {
    PrintJson(status.first);
  } else {
    PrintStatus(status.first, status.second);
  }
  return static_cast<int>(Exit::kDone);
}

Result<std::string> SourcePosition(const Config& config) {
  SLUICE_LET(const auto connection, postgres::Connection::Open(config.options.source));
  SLUICE_LET(const Lsn lsn, postgres::PositionToReach(*connection));
  return ToString(lsn);
}

// By the running pipeline, else in the lake. One that is still opening holds the lock and does not
// answer yet: it is waited for.
Status OrderTable(const Config& config, const std::string& order, const std::string& table) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    const auto done =
        service::ControlClient(ControlSocket(config)).Order(order, {{"table", table}});
    if (done) return {};
    if (done.error().code() != "no_run") return done.error();
    Status marked = MarkTable(config, table, order);
    if (marked || marked.error().code() != "locked" || steady_clock::now() > deadline) {
      return marked;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

int ShowStatus(const Context& context, bool watch) {
  SLUICE_CLI_LET(const Config config, context.Load());
  if (!watch) return PrintReadStatus(context, config);
  for (;;) {
    if (!context.json) Print("\033[H\033[2J");
    const int code = PrintReadStatus(context, config);
    if (code != 0) return code;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

int Wait(const Context& context, const WaitOptions& options) {
  SLUICE_CLI_LET(const Config config, context.Load());
  std::map<std::string, std::string> parameters;
  if (options.lsn.empty()) {
    SLUICE_CLI_LET(parameters["lsn"], SourcePosition(config));
  } else {
    SLUICE_CLI_LET(const Lsn lsn, ParseLsn(options.lsn));
    parameters["lsn"] = ToString(lsn);
  }
  if (!options.timeout.empty()) {
    SLUICE_CLI_LET(const int64_t micros, ParseDuration(options.timeout));
    parameters["timeout_us"] = std::to_string(micros);
  }
  const auto waited = service::ControlClient(ControlSocket(config)).Order("wait", parameters);
  if (!waited) {
    const int code = Fail(context, waited.error());
    const bool timed_out = waited.error().kind() == ErrorKind::kExhausted;
    return timed_out ? static_cast<int>(Exit::kTimeout) : code;
  }
  if (context.json) {
    PrintJson({{"lsn", parameters["lsn"]}});
  } else {
    Print(fmt::format("the lake holds everything up to {}\n", parameters["lsn"]));
  }
  return static_cast<int>(Exit::kDone);
}

int ListTables(const Context& context) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const auto status, ReadStatus(config));
  if (context.json) {
    PrintJson(status.first.at("tables"));
  } else {
    PrintTables(status.first);
  }
  return static_cast<int>(Exit::kDone);
}

int OrderTables(const Context& context, const std::string& order,
                const std::vector<std::string>& names, bool all) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const auto status, ReadStatus(config));
  std::vector<std::string> tables = names;
  if (all) {
    for (const Json& table : status.first.at("tables")) tables.push_back(table.at("name"));
  }
  if (tables.empty()) {
    return Fail(context, MakeError(ErrorKind::kConfig, "no table named")
                             .WithHint("name tables as `sluice tables list` shows them, or --all"));
  }
  for (const std::string& table : tables) {
    const Status ordered = OrderTable(config, order, table);
    if (!ordered) return Fail(context, ordered.error());
    if (!context.json) Print(fmt::format("{}: {} ordered\n", table, order));
  }
  if (context.json) PrintJson({{"order", order}, {"tables", tables}});
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
