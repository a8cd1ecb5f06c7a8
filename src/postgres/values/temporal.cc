#include "postgres/values/temporal.h"

#include <limits>

#include "base/byte_reader.h"
#include "postgres/values/calendar.h"

namespace sluice::postgres {

namespace {

// Reads fixed forms from the front of a text; failed once, failed for good.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool done() const { return ok_ && text_.empty(); }
  bool ok() const { return ok_; }
  bool Skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  void Expect(std::string_view expected) { ok_ = Skip(expected) && ok_; }
  // Digits, at least `low` and at most `high` of them.
  int64_t Number(size_t low, size_t high) {
    int64_t value = 0;
    size_t count = 0;
    for (; count < high && count < text_.size() && IsDigit(text_[count]); ++count) {
      value = value * 10 + (text_[count] - '0');
    }
    ok_ = ok_ && count >= low;
    text_.remove_prefix(count);
    return value;
  }
  // ".5" in microseconds; 0 when there is no point.
  int64_t Fraction() {
    if (!Skip(".")) return 0;
    int64_t micros = 0;
    int64_t unit = kMicrosPerSecond / 10;
    size_t count = 0;
    for (; count < text_.size() && IsDigit(text_[count]); ++count, unit /= 10) {
      micros += unit * (text_[count] - '0');
    }
    ok_ = ok_ && count >= 1 && count <= 6;
    text_.remove_prefix(count);
    return micros;
  }
  char Peek() const { return text_.empty() ? '\0' : text_.front(); }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  std::string_view text_;
  bool ok_ = true;
};

bool IsInfinity(std::string_view text) { return text == "infinity" || text == "-infinity"; }

constexpr int64_t kYearsMax = 10'000'000;  // beyond any Postgres date (5874897)

// "2024-01-31"; whether BC is only known at the end of the text.
CivilDate ReadDate(TextCursor& in) {
  CivilDate out;
  out.year = in.Number(4, 8);
  in.Expect("-");
  out.month = static_cast<int>(in.Number(2, 2));
  in.Expect("-");
  out.day = static_cast<int>(in.Number(2, 2));
  return out;
}

bool FinishDate(TextCursor& in, CivilDate& date) {
  const bool sane = date.year >= 1 && date.year < kYearsMax && date.month >= 1 &&
                    date.month <= 12 && date.day >= 1 && date.day <= 31;
  if (in.Skip(" BC")) date.year = 1 - date.year;
  if (!sane || !in.done()) return false;
  const CivilDate again = CivilFromDays(DaysFromCivil(date));
  return again.month == date.month && again.day == date.day;
}

// "12:00:00.5"; 24:00:00 and second 60 do not come out of a timestamp.
int64_t ReadTimeOfDay(TextCursor& in, bool& sane) {
  const int64_t hours = in.Number(2, 2);
  in.Expect(":");
  const int64_t minutes = in.Number(2, 2);
  in.Expect(":");
  const int64_t seconds = in.Number(2, 2);
  const int64_t micros = in.Fraction();
  sane = hours <= 24 && minutes <= 59 && seconds <= 59;
  return ((hours * 60 + minutes) * 60 + seconds) * kMicrosPerSecond + micros;
}

// "+05", "-05:30", "+05:53:28": microseconds east of Greenwich.
int64_t ReadOffset(TextCursor& in) {
  const bool west = in.Peek() == '-';
  in.Expect(west ? "-" : "+");
  int64_t seconds = in.Number(2, 2) * 3600;
  if (in.Skip(":")) seconds += in.Number(2, 2) * 60;
  if (in.Skip(":")) seconds += in.Number(2, 2);
  return (west ? -seconds : seconds) * kMicrosPerSecond;
}

}  // namespace

Fault DateFromBinary(std::string_view bytes, int32_t& days) {
  ByteReader in(bytes);
  const int32_t raw = in.I32();
  if (!in.done()) return Fault::kMalformed;
  if (raw == std::numeric_limits<int32_t>::max() || raw == std::numeric_limits<int32_t>::min()) {
    return Fault::kInfinity;
  }
  if (__builtin_add_overflow(raw, static_cast<int32_t>(kEpochDays), &days)) {
    return Fault::kOutOfRange;
  }
  return Fault::kNone;
}

Fault DateFromText(std::string_view text, int32_t& days) {
  if (IsInfinity(text)) return Fault::kInfinity;
  TextCursor in(text);
  CivilDate date = ReadDate(in);
  if (!FinishDate(in, date)) return Fault::kMalformed;
  const int64_t wide = DaysFromCivil(date);
  days = static_cast<int32_t>(wide);
  return days == wide ? Fault::kNone : Fault::kOutOfRange;
}

Fault TimestampFromBinary(std::string_view bytes, int64_t& micros) {
  ByteReader in(bytes);
  const int64_t raw = in.I64();
  if (!in.done()) return Fault::kMalformed;
  if (raw == std::numeric_limits<int64_t>::max() || raw == std::numeric_limits<int64_t>::min()) {
    return Fault::kInfinity;
  }
  return __builtin_add_overflow(raw, kEpochMicros, &micros) ? Fault::kOutOfRange : Fault::kNone;
}

Fault TimestampFromText(std::string_view text, bool zoned, int64_t& micros) {
  if (IsInfinity(text)) return Fault::kInfinity;
  TextCursor in(text);
  CivilDate date = ReadDate(in);
  in.Expect(" ");
  bool sane = false;
  const int64_t of_day = ReadTimeOfDay(in, sane);
  const int64_t offset = zoned ? ReadOffset(in) : 0;
  if (!FinishDate(in, date) || !sane) return Fault::kMalformed;
  bool overflow = __builtin_mul_overflow(DaysFromCivil(date), kMicrosPerDay, &micros);
  overflow = __builtin_add_overflow(micros, of_day - offset, &micros) || overflow;
  return overflow ? Fault::kOutOfRange : Fault::kNone;
}

Fault TimeFromBinary(std::string_view bytes, int64_t& micros) {
  ByteReader in(bytes);
  micros = in.I64();
  if (!in.done() || micros < 0 || micros > kMicrosPerDay) return Fault::kMalformed;
  return micros == kMicrosPerDay ? Fault::kEndOfDay : Fault::kNone;
}

Fault TimeFromText(std::string_view text, int64_t& micros) {
  TextCursor in(text);
  bool sane = false;
  micros = ReadTimeOfDay(in, sane);
  if (!in.done() || !sane || micros > kMicrosPerDay) return Fault::kMalformed;
  return micros == kMicrosPerDay ? Fault::kEndOfDay : Fault::kNone;
}

}  // namespace sluice::postgres
