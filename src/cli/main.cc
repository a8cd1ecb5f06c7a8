// The program: commands and their options, as interface.md fixes them.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>

#include "base/log.h"
#include "cli/commands.h"

namespace sluice::cli {

namespace {

struct Arguments {
  Context context;
  std::string log_format = "text";
  std::string log_level = "info";
  InitOptions init;
  bool once = false;
  WaitOptions wait;
  AuditArguments audit;
  bool watch = false;
  std::string table;
  std::string engine = "duckdb";
  std::vector<std::string> names;
  bool all = false;
  int64_t records = 100;
  DropOptions drop;
  std::function<int()> command;
};

std::string DefaultConfig() {
  const char* from_environment = std::getenv("SLUICE_CONFIG");
  return from_environment != nullptr ? from_environment : "./sluice.yaml";
}

CLI::App* Command(CLI::App& app, Arguments& arguments, const std::string& name,
                  const std::string& what, std::function<int()> run) {
  CLI::App* command = app.add_subcommand(name, what);
  command->fallthrough();
  command->final_callback([&arguments, run = std::move(run)] { arguments.command = run; });
  return command;
}

void AddTables(CLI::App& app, Arguments& a) {
  CLI::App* tables = app.add_subcommand("tables", "states of the tables, and orders for them");
  tables->require_subcommand(1);
  tables->fallthrough();
  Command(*tables, a, "list", "states of all tables", [&a] { return ListTables(a.context); });
  const std::pair<const char*, const char*> orders[] = {
      {"resync", "copy tables again; readers see the last good state until that is done"},
      {"pause", "stop merging tables; the bus keeps their changes for its retention"},
      {"resume", "go on with paused tables"}};
  for (const auto& [name, what] : orders) {
    const std::string order = name;
    CLI::App* one = Command(*tables, a, order, what,
                            [&a, order] { return OrderTables(a.context, order, a.names, a.all); });
    one->add_option("NAME", a.names, "tables as `tables list` shows them");
    one->add_flag("--all", a.all, "every table");
  }
}

void AddBus(CLI::App& app, Arguments& a) {
  CLI::App* bus = app.add_subcommand("bus", "what the bus holds");
  bus->require_subcommand(1);
  bus->fallthrough();
  Command(*bus, a, "info", "range, size and room", [&a] { return BusInfo(a.context); });
  Command(*bus, a, "dump", "its records, one JSON object a line, without row values", [&a] {
    return BusDump(a.context, a.records);
  })->add_option("--records", a.records, "at most so many");
}

void AddAudit(CLI::App& app, Arguments& a) {
  CLI::App* audit = Command(app, a, "audit", "compare source and lake row by row at one cut",
                            [&a] { return Audit(a.context, a.audit); });
  audit->add_option("TABLE", a.audit.tables, "source or lake names; none: all");
  audit->add_option("--sample", a.audit.sample_percent, "only this share of the keys, in percent")
      ->check(CLI::Range(0.001, 100.0));
  audit->add_option("--timeout", a.audit.timeout, "wait so long for the bus (60s)");
  audit->add_flag("--show-keys", a.audit.show_keys, "name the keys of rows that differ");
  audit->add_flag("--repair", a.audit.repair, "not in this version");
}

void AddCommands(CLI::App& app, Arguments& a) {
  CLI::App* init = Command(app, a, "init", "look at a database and write a commented sluice.yaml",
                           [&a] { return Init(a.context, a.init); });
  init->add_option("URL", a.init.url, "postgres://user@host/database")->required();
  init->add_option("-o,--output", a.init.output, "the file to write");
  init->add_flag("--force", a.init.force, "replace an existing file");
  Command(app, a, "check", "every prerequisite, and what mends it",
          [&a] { return Check(a.context); });
  Command(app, a, "plan", "what `run` will make, copy and refuse",
          [&a] { return Plan(a.context); });
  Command(app, a, "run", "copy what is new, then follow", [&a] {
    return Run(a.context, a.once);
  })->add_flag("--once", a.once, "stop when the lake holds all that was committed at the start");
  CLI::App* wait = Command(app, a, "wait", "until the lake holds everything committed before",
                           [&a] { return Wait(a.context, a.wait); });
  wait->add_option("--lsn", a.wait.lsn, "up to here instead of now");
  wait->add_option("--timeout", a.wait.timeout, "give up after this (exit code 4)");
  Command(app, a, "status", "tables, lag, source and bus", [&a] {
    return ShowStatus(a.context, a.watch);
  })->add_flag("--watch", a.watch, "again every second");
  CLI::App* query = Command(app, a, "query", "a snippet that reads a table with an engine",
                            [&a] { return Query(a.context, a.table, a.engine); });
  query->add_option("TABLE", a.table, "source or lake name")->required();
  query->add_option("--for", a.engine, "duckdb, pyiceberg or spark")
      ->check(CLI::IsMember({"duckdb", "pyiceberg", "spark"}));
  AddAudit(app, a);
  AddTables(app, a);
  AddBus(app, a);
  CLI::App* drop = Command(app, a, "drop", "remove slot, publication and what is here",
                           [&a] { return Drop(a.context, a.drop); });
  drop->add_flag("--keep-lake", a.drop.keep_lake, "leave the lake's tables");
  drop->add_flag("--yes", a.drop.yes, "do not ask");
  Command(app, a, "config", "the effective configuration, secrets masked",
          [&a] { return ShowConfig(a.context); });
  Command(app, a, "version", "the program's version", [&a] { return ShowVersion(a.context); });
  Command(app, a, "fault-points", "where tests can end the program", [&a] {
    return ListFaultPoints(a.context);
  })->group("");  // not in the help
}

// Commands and options of interface.md that this version does not have.
bool NotInThisVersion(int argc, char** argv) {
  const std::vector<std::pair<std::string, std::string>> absent = {{"maintain", ""},
                                                                   {"quarantine", ""},
                                                                   {"tables", "add"},
                                                                   {"tables", "remove"},
                                                                   {"bus", "replay"}};
  const std::string first = argc > 1 ? argv[1] : "";
  const std::string second = argc > 2 ? argv[2] : "";
  for (const auto& [command, order] : absent) {
    if (first != command || (!order.empty() && second != order)) continue;
    Fail({}, MakeError(ErrorKind::kConfig, "`sluice {}{}{}` is not in this version", command,
                       order.empty() ? "" : " ", order)
                 .WithHint("`sluice --help` lists what is"));
    return true;
  }
  return false;
}

int Main(int argc, char** argv) {
  if (NotInThisVersion(argc, argv)) return static_cast<int>(Exit::kOperator);
  CLI::App app("keeps an Apache Iceberg lake equal to a Postgres database", "sluice");
  Arguments arguments;
  arguments.context.config_path = DefaultConfig();
  app.require_subcommand(1);
  app.add_option("-c,--config", arguments.context.config_path,
                 "default $SLUICE_CONFIG, then "
                 "./sluice.yaml");
  app.add_flag("--json", arguments.context.json, "for programs");
  app.add_option("--log-format", arguments.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", arguments.log_level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  AddCommands(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure) == 0 ? 0 : static_cast<int>(Exit::kOperator);
  }
  log::Configure(arguments.log_format == "json" ? log::Format::kJson : log::Format::kText,
                 arguments.log_level);
  return arguments.command();
}

}  // namespace

}  // namespace sluice::cli

// Column buffers come and go a hundred times a second. An allocator that hands their pages back in
// between has the kernel clear them anew each time: a tenth of a copy's CPU. So freed memory up to
// a limit stays with the process. Before anything allocates; a user's own choice of pool stands.
static void KeepFreedMemory() {
  constexpr int kMapFrom = 32 << 20;  // the most that glibc takes
  constexpr int kKeep = 64 << 20;
  mallopt(M_MMAP_THRESHOLD, kMapFrom);
  mallopt(M_TRIM_THRESHOLD, kKeep);
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
}

int main(int argc, char** argv) {
  KeepFreedMemory();
  try {
    return sluice::cli::Main(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "sluice: internal error: %s\n", failure.what());
    return static_cast<int>(sluice::cli::Exit::kFailed);
  }
}
