// `config`, `version`, `fault-points`.
#include "base/fault_point.h"
#include "cli/commands.h"

namespace sluice::cli {

int ShowConfig(const Context& context) {
  SLUICE_CLI_LET(const Config config, context.Load());
  if (context.json) {
    Json settings = Json::object();
    for (const Setting& setting : config.settings) {
      settings[setting.key] = {{"value", setting.value}, {"from", setting.origin}};
    }
    PrintJson({{"file", config.file}, {"settings", settings}});
    return static_cast<int>(Exit::kDone);
  }
  std::vector<std::vector<std::string>> rows = {{"KEY", "VALUE", "FROM"}};
  for (const Setting& setting : config.settings) {
    rows.push_back({setting.key, setting.value, setting.origin});
  }
  Print(config.file + "\n" + FormatTable(rows));
  return static_cast<int>(Exit::kDone);
}

int ShowVersion(const Context& context) {
  if (context.json) {
    PrintJson({{"version", SLUICE_VERSION}});
  } else {
    Print("sluice " SLUICE_VERSION "\n");
  }
  return static_cast<int>(Exit::kDone);
}

int ListFaultPoints(const Context& context) {
  if (context.json) {
    PrintJson({{"fault_points", kFaultPoints}});
  } else {
    for (const std::string_view name : kFaultPoints) Print(fmt::format("{}\n", name));
  }
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
