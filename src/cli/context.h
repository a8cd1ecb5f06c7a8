// What every command gets: the global options, and how to say things to people and programs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/config.h"
#include "service/control_client.h"

namespace sluice::cli {

using service::Json;

// Exit codes of interface.md.
enum class Exit : int { kDone = 0, kFailed = 1, kOperator = 2, kDifference = 3, kTimeout = 4 };

struct Context {
  std::string config_path;  // -c, $SLUICE_CONFIG or ./sluice.yaml
  bool json = false;

  Result<Config> Load() const { return LoadConfig(config_path); }
};

inline std::string ControlSocket(const Config& config) {
  return config.options.state_folder + "/control.sock";
}

// To standard output.
void Print(const std::string& text);
void PrintJson(const Json& json);
// To standard error (text) or standard output (JSON); the exit code for this kind of error.
int Fail(const Context& context, const Error& error);
// Columns padded to their widest cell; the first row is the head.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);
// "1.5 GiB", "12,345,678", "3 s", "2 min 5 s".
std::string FormatBytes(int64_t bytes);
std::string FormatCount(int64_t count);
std::string FormatSeconds(double seconds);

// Reads a value out of one command's result, or ends the command.
#define SLUICE_CLI_LET(lhs, ...) \
  SLUICE_CLI_LET_INNER(SLUICE_CONCAT(cli_result_, __LINE__), lhs, __VA_ARGS__)
#define SLUICE_CLI_LET_INNER(result, lhs, ...)         \
  auto result = (__VA_ARGS__);                         \
  if (!result) return Fail(context, (result).error()); \
  lhs = std::move(*result)

}  // namespace sluice::cli
