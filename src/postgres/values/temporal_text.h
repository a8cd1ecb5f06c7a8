// Binary dates, times and intervals to the text that Postgres prints under DateStyle=ISO,
// TimeZone=UTC, IntervalStyle=iso_8601 (src/backend/utils/adt/datetime.c). Each appends.
#pragma once

#include <string>
#include <string_view>

#include "postgres/values/fault.h"

namespace sluice::postgres {

Fault DateToText(std::string_view bytes, std::string& out);
Fault TimeToText(std::string_view bytes, std::string& out);
Fault TimeTzToText(std::string_view bytes, std::string& out);
Fault TimestampToText(std::string_view bytes, std::string& out);
Fault TimestampTzToText(std::string_view bytes, std::string& out);
Fault IntervalToText(std::string_view bytes, std::string& out);

}  // namespace sluice::postgres
