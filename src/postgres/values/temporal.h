// Dates and times: Postgres' integers (since 2000-01-01) to the lake's (since 1970-01-01), and the
// text of DateStyle=ISO, TimeZone=UTC. The calendar is proleptic Gregorian on both sides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/values/fault.h"

namespace sluice::postgres {

// Days and microseconds since 1970-01-01 (UTC for timestamptz).
Fault DateFromBinary(std::string_view bytes, int32_t& days);
Fault DateFromText(std::string_view text, int32_t& days);
Fault TimestampFromBinary(std::string_view bytes, int64_t& micros);
// "2024-01-31 12:00:00.5", with an offset ("+05:30") where `zoned`, " BC" at the end.
Fault TimestampFromText(std::string_view text, bool zoned, int64_t& micros);
// Microseconds since midnight; 24:00:00 is kEndOfDay.
Fault TimeFromBinary(std::string_view bytes, int64_t& micros);
Fault TimeFromText(std::string_view text, int64_t& micros);

}  // namespace sluice::postgres
