#include "base/uuid.h"

#include <fmt/format.h>

#include <optional>
#include <random>

namespace sluice {

namespace {

thread_local std::optional<std::mt19937> seeded;

uint32_t Word() {
  thread_local std::random_device source;
  return static_cast<uint32_t>(seeded ? (*seeded)() : source());
}

}  // namespace

void SeedUuids(uint64_t seed) { seeded.emplace(static_cast<uint32_t>(seed ^ (seed >> 32))); }

std::string MakeUuid() {
  const uint32_t a = Word();
  const uint32_t b = (Word() & 0xFFFF0FFF) | 0x00004000;  // version 4
  const uint32_t c = (Word() & 0x3FFFFFFF) | 0x80000000;  // RFC 4122 variant
  const uint32_t d = Word();
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", a, b >> 16, b & 0xFFFF, c >> 16,
                     c & 0xFFFF, d);
}

}  // namespace sluice
