// Logging: one logger a module, to stderr, text or JSON. Info tells the operator's story. Pipeline,
// table and position go into the words of the message; a row value or a secret never does.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>

namespace sluice::log {

enum class Format : uint8_t { kText, kJson };

// Call once, before the first logger is made. Level: trace, debug, info, warn, error.
void Configure(Format format, std::string_view level);
// The logger of a module; the same object for the same name. Thread-safe.
std::shared_ptr<spdlog::logger> Get(const std::string& module);

}  // namespace sluice::log
