// Why one value was not taken. Small on purpose: parsers answer with it a hundred million times a
// minute, and words (column, lake type, way out) are found only when one is needed.
#pragma once

#include <cstdint>

namespace sluice::postgres {

enum class Fault : uint8_t {
  kNone,
  kMalformed,    // no value of the type at all
  kNan,          // NaN, and the lake type has none
  kInfinity,     // ±infinity, and the lake type has none
  kOutOfRange,   // too large, too early, too late
  kPrecision,    // digits after the point that the lake type would drop
  kEndOfDay,     // time 24:00:00
  kDimensions,   // an array that is no plain list
  kInvalidUtf8,  // out of a SQL_ASCII database
  kTooLarge,     // the batch holds 2 GiB of this column already
  kMemory,       // no memory for it
};

}  // namespace sluice::postgres
