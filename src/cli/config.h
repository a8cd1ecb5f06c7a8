// The configuration file (interface.md names the keys): read, checked and made absolute. Unknown or
// contradictory keys are errors that name the nearest valid one; what this version does not have is
// refused by name. Secrets never show.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/options.h"

namespace sluice::cli {

// One effective value and where it came from, for `sluice config`.
struct Setting {
  std::string key;     // "source.slot"
  std::string value;   // masked where it is a secret
  std::string origin;  // "default" or "line 7"
};

struct Config {
  std::string file;  // absolute
  pipeline::PipelineOptions options;
  std::vector<Setting> settings;
};

// kConfig with file and line: not YAML, an unknown key, a value that does not fit, ${ENV} unset, a
// feature that is not in this version.
Result<Config> LoadConfig(const std::string& path);
Result<Config> ParseConfig(const std::string& text, const std::string& absolute_path);

// "10s", "250ms", "72h", "3d" -> microseconds. "512MiB", "50GiB", "1GB" -> bytes. kConfig else.
Result<int64_t> ParseDuration(std::string_view text);
Result<uint64_t> ParseSize(std::string_view text);
// The valid key most like `key`, if one is near enough to be meant.
std::string NearestKey(const std::string& key, const std::vector<std::string>& valid);
// A connection string without its password, for messages.
std::string MaskPassword(const std::string& url);

}  // namespace sluice::cli
