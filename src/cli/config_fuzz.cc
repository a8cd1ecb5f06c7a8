// Any bytes as a configuration file: a configuration or an error that says what to do, and never a
// secret in what is shown of it.
#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace cli = sluice::cli;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = cli::ParseConfig(text, "/etc/shop/sluice.yaml");
  if (!config) {
    SLUICE_CHECK(!config.error().message().empty());
    return 0;
  }
  const std::string& secret = config->options.source.password;
  constexpr size_t kTelling = 8;  // shorter ones stand in other values by chance
  for (const cli::Setting& setting : config->settings) {
    SLUICE_CHECK(secret.size() < kTelling || setting.key != "source.password" ||
                 setting.value.find(secret) == std::string::npos);
  }
  (void)cli::ParseDuration(text);
  (void)cli::ParseSize(text);
  (void)cli::MaskPassword(text);
  (void)cli::NearestKey(text.substr(0, 64), {"source", "lake", "tables"});
  return 0;
}
