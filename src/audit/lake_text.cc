#include "audit/lake_text.h"

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>
#include <strings.h>

#include <chrono>

#include "audit/float_text.h"
#include "base/error.h"

namespace sluice::audit {

namespace {

constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;

void AppendHex(std::string_view bytes, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

void AppendUuid(std::string_view bytes, std::string& out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    AppendHex(bytes.substr(i, 1), out);
  }
}

// Year 0 is 1 BC. Returns what stands behind the time.
std::string AppendDate(int64_t days, std::string& out) {
  // Whole 400-year cycles aside, so that std::chrono's years (16 bit) hold what is left.
  constexpr int64_t kCycleDays = 146'097;
  const int64_t cycles = (days >= 0 ? days : days - kCycleDays + 1) / kCycleDays;
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{days - cycles * kCycleDays}}};
  const int64_t year = static_cast<int>(date.year()) + cycles * 400;
  out += fmt::format("{:04}-{:02}-{:02}", year > 0 ? year : 1 - year,
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return year > 0 ? "" : " BC";
}

void AppendTime(int64_t micros, std::string& out) {
  const int64_t seconds = micros / 1'000'000;
  out += fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (micros % 1'000'000 == 0) return;
  std::string fraction = fmt::format(".{:06}", micros % 1'000'000);
  while (fraction.back() == '0') fraction.pop_back();
  out += fraction;
}

void AppendTimestamp(int64_t micros, bool zone, std::string& out) {
  int64_t days = micros / kDayMicros;
  if (micros % kDayMicros < 0) --days;
  const std::string behind = AppendDate(days, out);
  out += ' ';
  AppendTime(micros - days * kDayMicros, out);
  if (zone) out += "+00";
  out += behind;
}

// array_out (src/backend/utils/adt/arrayfuncs.c): what needs quotes.
bool NeedsQuotes(const std::string& text, char delimiter) {
  if (text.empty() || strcasecmp(text.c_str(), "NULL") == 0) return true;
  const std::string special = std::string("\"\\{} \t\n\r\v\f") + delimiter;
  return text.find_first_of(special) != std::string::npos;
}

void AppendElement(const std::string& text, char delimiter, std::string& out) {
  if (!NeedsQuotes(text, delimiter)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void AppendList(const arrow::ListArray& lists, int64_t row, char delimiter, std::string& out) {
  const arrow::Array& values = *lists.values();
  const int64_t first = lists.value_offset(row);
  out += '{';
  for (int64_t i = first; i < first + lists.value_length(row); ++i) {
    if (i > first) out += delimiter;
    if (values.IsNull(i)) {
      out += "NULL";
      continue;
    }
    std::string text;
    AppendLakeText(values, i, delimiter, text);
    AppendElement(text, delimiter, out);
  }
  out += '}';
}

template <typename ArrayType>
auto At(const arrow::Array& values, int64_t row) {
  return static_cast<const ArrayType&>(values).GetView(row);
}

void AppendDecimal(const arrow::Array& values, int64_t row, std::string& out) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*values.type());
  const auto& decimals = static_cast<const arrow::Decimal128Array&>(values);
  std::string digits = arrow::Decimal128(decimals.GetValue(row)).ToIntegerString();
  const bool negative = digits.front() == '-';
  if (negative) digits.erase(0, 1);
  const auto scale = static_cast<size_t>(type.scale());
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  out += (negative ? "-" : "") + digits;
}

}  // namespace

void AppendLakeText(const arrow::Array& values, int64_t row, char delimiter, std::string& out) {
  switch (values.type_id()) {
    case arrow::Type::BOOL:
      out += static_cast<const arrow::BooleanArray&>(values).Value(row) ? 't' : 'f';
      return;
    case arrow::Type::INT32:
      out += std::to_string(At<arrow::Int32Array>(values, row));
      return;
    case arrow::Type::INT64:
      out += std::to_string(At<arrow::Int64Array>(values, row));
      return;
    case arrow::Type::FLOAT:
      AppendFloat(At<arrow::FloatArray>(values, row), out);
      return;
    case arrow::Type::DOUBLE:
      AppendFloat(At<arrow::DoubleArray>(values, row), out);
      return;
    case arrow::Type::DECIMAL128:
      AppendDecimal(values, row, out);
      return;
    case arrow::Type::DATE32: {
      const std::string behind = AppendDate(At<arrow::Date32Array>(values, row), out);
      out += behind;
      return;
    }
    case arrow::Type::TIME64:
      AppendTime(At<arrow::Time64Array>(values, row), out);
      return;
    case arrow::Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*values.type());
      AppendTimestamp(At<arrow::TimestampArray>(values, row), !type.timezone().empty(), out);
      return;
    }
    case arrow::Type::STRING:
      out += At<arrow::StringArray>(values, row);
      return;
    case arrow::Type::BINARY:
      out += "\\x";
      AppendHex(At<arrow::BinaryArray>(values, row), out);
      return;
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendUuid(At<arrow::FixedSizeBinaryArray>(values, row), out);
      return;
    case arrow::Type::LIST:
      AppendList(static_cast<const arrow::ListArray&>(values), row, delimiter, out);
      return;
    default:
      SLUICE_CHECK(false, "{} is no lake type", values.type()->ToString());
  }
}

}  // namespace sluice::audit
