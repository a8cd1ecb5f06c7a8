// One function a command; each returns the process' exit code.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace sluice::cli {

struct InitOptions {
  std::string url;
  std::string output = "sluice.yaml";
  bool force = false;
};
int Init(const Context& context, const InitOptions& options);
int Check(const Context& context);
int Plan(const Context& context);
int Run(const Context& context, bool once);
struct WaitOptions {
  std::string lsn;
  std::string timeout;
};
int Wait(const Context& context, const WaitOptions& options);
int ShowStatus(const Context& context, bool watch);
int Query(const Context& context, const std::string& table, const std::string& engine);
struct AuditArguments {
  std::vector<std::string> tables;
  double sample_percent = 100;
  std::string timeout;
  bool show_keys = false;
  bool repair = false;
};
int Audit(const Context& context, const AuditArguments& arguments);
int ListTables(const Context& context);
// `order`: resync, pause, resume.
int OrderTables(const Context& context, const std::string& order,
                const std::vector<std::string>& names, bool all);
int BusInfo(const Context& context);
int BusDump(const Context& context, int64_t records_max);
struct DropOptions {
  bool keep_lake = false;
  bool yes = false;
};
int Drop(const Context& context, const DropOptions& options);
int ShowConfig(const Context& context);
int ShowVersion(const Context& context);
// For tests: where SLUICE_FAULT_POINT can end `run` (base/fault_point.h).
int ListFaultPoints(const Context& context);

}  // namespace sluice::cli
