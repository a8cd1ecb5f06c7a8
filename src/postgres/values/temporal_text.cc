#include "postgres/values/temporal_text.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>
#include <limits>

#include "base/byte_reader.h"
#include "postgres/values/calendar.h"

namespace sluice::postgres {

namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

auto To(std::string& out) { return std::back_inserter(out); }

// ".5", ".000001" or nothing.
void AppendFraction(int64_t micros, std::string& out) {
  if (micros == 0) return;
  fmt::format_to(To(out), ".{:06}", micros);
  out.erase(out.find_last_not_of('0') + 1);
}

void AppendTimeOfDay(int64_t micros, std::string& out) {
  fmt::format_to(To(out), "{:02}:{:02}:{:02}", micros / kMicrosPerHour,
                 micros / kMicrosPerMinute % 60, micros / kMicrosPerSecond % 60);
  AppendFraction(micros % kMicrosPerSecond, out);
}

// Returns whether the year is before Christ, which Postgres says at the end.
bool AppendDate(int64_t days, std::string& out) {
  const CivilDate date = CivilFromDays(days);
  const bool bc = date.year <= 0;
  fmt::format_to(To(out), "{:04}-{:02}-{:02}", bc ? 1 - date.year : date.year, date.month,
                 date.day);
  return bc;
}

// EncodeTimezone: `west` is in seconds west of Greenwich.
void AppendZone(int32_t west, std::string& out) {
  const int64_t seconds = std::abs(int64_t{west});
  fmt::format_to(To(out), "{}{:02}", west <= 0 ? '+' : '-', seconds / 3600);
  if (seconds % 3600 != 0) fmt::format_to(To(out), ":{:02}", seconds / 60 % 60);
  if (seconds % 60 != 0) fmt::format_to(To(out), ":{:02}", seconds % 60);
}

Fault AppendTimestamp(std::string_view bytes, std::string_view zone, std::string& out) {
  ByteReader in(bytes);
  const int64_t micros = in.I64();
  if (!in.done()) return Fault::kMalformed;
  if (micros == std::numeric_limits<int64_t>::max()) {
    out += "infinity";
    return Fault::kNone;
  }
  if (micros == std::numeric_limits<int64_t>::min()) {
    out += "-infinity";
    return Fault::kNone;
  }
  int64_t days = micros / kMicrosPerDay;
  int64_t of_day = micros % kMicrosPerDay;
  if (of_day < 0) {
    of_day += kMicrosPerDay;
    --days;
  }
  const bool bc = AppendDate(days + kEpochDays, out);
  out += ' ';
  AppendTimeOfDay(of_day, out);
  out += zone;
  if (bc) out += " BC";
  return Fault::kNone;
}

void AppendPart(int64_t value, char unit, std::string& out) {
  if (value != 0) fmt::format_to(To(out), "{}{}", value, unit);
}

// EncodeInterval, INTSTYLE_ISO_8601: every part has its own sign.
void AppendInterval(int64_t micros, int32_t days, int32_t months, std::string& out) {
  if (micros == 0 && days == 0 && months == 0) {
    out += "PT0S";
    return;
  }
  out += 'P';
  AppendPart(months / 12, 'Y', out);
  AppendPart(months % 12, 'M', out);
  AppendPart(days, 'D', out);
  if (micros == 0) return;
  out += 'T';
  AppendPart(micros / kMicrosPerHour, 'H', out);
  AppendPart(micros / kMicrosPerMinute % 60, 'M', out);
  const int64_t rest = micros % kMicrosPerMinute;
  if (rest == 0) return;
  if (rest < 0) out += '-';
  fmt::format_to(To(out), "{}", std::abs(rest / kMicrosPerSecond));
  AppendFraction(std::abs(rest % kMicrosPerSecond), out);
  out += 'S';
}

}  // namespace

Fault DateToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const int32_t days = in.I32();
  if (!in.done()) return Fault::kMalformed;
  if (days == std::numeric_limits<int32_t>::max()) {
    out += "infinity";
  } else if (days == std::numeric_limits<int32_t>::min()) {
    out += "-infinity";
  } else if (AppendDate(days + kEpochDays, out)) {
    out += " BC";
  }
  return Fault::kNone;
}

Fault TimeToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const int64_t micros = in.I64();
  if (!in.done() || micros < 0 || micros > kMicrosPerDay) return Fault::kMalformed;
  AppendTimeOfDay(micros, out);
  return Fault::kNone;
}

Fault TimeTzToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const int64_t micros = in.I64();
  const int32_t west = in.I32();
  if (!in.done() || micros < 0 || micros > kMicrosPerDay) return Fault::kMalformed;
  AppendTimeOfDay(micros, out);
  AppendZone(west, out);
  return Fault::kNone;
}

Fault TimestampToText(std::string_view bytes, std::string& out) {
  return AppendTimestamp(bytes, "", out);
}

Fault TimestampTzToText(std::string_view bytes, std::string& out) {
  return AppendTimestamp(bytes, "+00", out);
}

Fault IntervalToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const int64_t micros = in.I64();
  const int32_t days = in.I32();
  const int32_t months = in.I32();
  if (!in.done()) return Fault::kMalformed;
  // Since 17 all fields at their end mean infinity (INTERVAL_IS_NOEND); before, that interval of
  // 178,956,970 years could be written, but stood for nothing else.
  using Micros = std::numeric_limits<int64_t>;
  using Days = std::numeric_limits<int32_t>;
  if (micros == Micros::max() && days == Days::max() && months == Days::max()) {
    out += "infinity";
  } else if (micros == Micros::min() && days == Days::min() && months == Days::min()) {
    out += "-infinity";
  } else {
    AppendInterval(micros, days, months, out);
  }
  return Fault::kNone;
}

}  // namespace sluice::postgres
