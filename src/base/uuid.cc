#include "base/uuid.h"

#include <fmt/format.h>

#include <random>

namespace sluice {

std::string MakeUuid() {
  thread_local std::random_device source;
  const auto word = [] { return static_cast<uint32_t>(source()); };
  const uint32_t a = word();
  const uint32_t b = (word() & 0xFFFF0FFF) | 0x00004000;  // version 4
  const uint32_t c = (word() & 0x3FFFFFFF) | 0x80000000;  // RFC 4122 variant
  const uint32_t d = word();
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", a, b >> 16, b & 0xFFFF, c >> 16,
                     c & 0xFFFF, d);
}

}  // namespace sluice
