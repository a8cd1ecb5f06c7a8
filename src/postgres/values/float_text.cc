#include "postgres/values/float_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string_view>

namespace sluice::postgres {

namespace {

// Digits without a point and the exponent of the first: 123.4 is "1234", 2.
struct Shortest {
  std::string digits;
  int exponent = 0;
};

Shortest Split(std::string_view scientific) {
  Shortest out;
  const size_t e = scientific.find('e');
  for (const char c : scientific.substr(0, e)) {
    if (c != '.') out.digits += c;
  }
  const std::string exponent(scientific.substr(e + 1));
  out.exponent = static_cast<int>(std::strtol(exponent.c_str(), nullptr, 10));
  return out;
}

// Whether the text stands exactly between two floats: then reading it back relies on "ties to
// even", which Postgres' printer does not (STRICTLY_SHORTEST is off). Every midpoint of two
// neighbours is a value of the next wider type.
template <typename T, typename Wider>
bool IsTie(const std::string& scientific, T value) {
  Wider wide = 0;
  if constexpr (std::is_same_v<T, float>) {
    wide = std::strtod(scientific.c_str(), nullptr);
  } else {
    wide = std::strtold(scientific.c_str(), nullptr);
  }
  const T up = std::nextafter(value, std::numeric_limits<T>::infinity());
  const T down = std::nextafter(value, T{0});
  return wide == (Wider{value} + Wider{up}) / 2 || wide == (Wider{value} + Wider{down}) / 2;
}

template <typename T>
T Parse(const std::string& text) {
  if constexpr (std::is_same_v<T, float>) {
    return std::strtof(text.c_str(), nullptr);
  } else {
    return std::strtod(text.c_str(), nullptr);
  }
}

template <typename T, typename Wider>
Shortest ShortestOf(T positive) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), positive,
                                 std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  Shortest out = Split(text);
  for (size_t digits = out.digits.size() + 1;
       IsTie<T, Wider>(text, positive) && digits <= std::numeric_limits<T>::max_digits10;
       ++digits) {
    const std::string longer = fmt::format("{:.{}e}", positive, digits - 1);
    if (Parse<T>(longer) != positive) continue;
    text = longer;
    out = Split(text);
  }
  return out;
}

void AppendFixed(const Shortest& number, std::string& out) {
  const auto count = static_cast<int>(number.digits.size());
  if (number.exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-number.exponent - 1), '0');
    out += number.digits;
    return;
  }
  const int whole = number.exponent + 1;
  if (count <= whole) {
    out += number.digits;
    out.append(static_cast<size_t>(whole - count), '0');
    return;
  }
  out.append(number.digits, 0, static_cast<size_t>(whole));
  out += '.';
  out.append(number.digits, static_cast<size_t>(whole));
}

void AppendScientific(const Shortest& number, std::string& out) {
  out += number.digits[0];
  if (number.digits.size() > 1) {
    out += '.';
    out.append(number.digits, 1);
  }
  fmt::format_to(std::back_inserter(out), "e{}{:02}", number.exponent < 0 ? '-' : '+',
                 std::abs(number.exponent));
}

// `fixed_below`: from this exponent on the scientific form is used (15 for double, 6 for float).
template <typename T, typename Wider>
void Append(T value, int fixed_below, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  if (value == T{0}) {
    out += '0';
    return;
  }
  const Shortest number = ShortestOf<T, Wider>(std::abs(value));
  if (number.exponent >= -4 && number.exponent < fixed_below) {
    AppendFixed(number, out);
  } else {
    AppendScientific(number, out);
  }
}

}  // namespace

void AppendFloat4(float value, std::string& out) { Append<float, double>(value, 6, out); }

void AppendFloat8(double value, std::string& out) { Append<double, long double>(value, 15, out); }

}  // namespace sluice::postgres
