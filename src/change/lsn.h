// A position in the source's write-ahead log: a byte offset that only grows. Its own type, so that
// a bus offset or a table sequence number cannot be passed for it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice {

struct Lsn {
  uint64_t value = 0;
  friend auto operator<=>(Lsn, Lsn) = default;
};

// Postgres' text form, two hexadecimal halves: "16/B374D848". kCorrupt otherwise.
Result<Lsn> ParseLsn(std::string_view text);
std::string ToString(Lsn lsn);

}  // namespace sluice
