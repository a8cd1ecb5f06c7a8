#include "audit/float_text.h"

#include <cfenv>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace sluice::audit {

namespace {

// Shortest digits that read back as the value, in scientific form. Postgres' Ryu (d2s.c) takes none
// that lie on the very boundary to a neighbour (1e23 is 9.999999999999999e+22 there).
template <typename T>
std::string Scientific(T value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  return {text, end.ptr};
}

long double ReadRounding(int mode, const std::string& digits) {
  const int before = std::fegetround();
  std::fesetround(mode);
  const long double out = std::strtold(digits.c_str(), nullptr);
  std::fesetround(before);
  return out;
}

// A boundary has one bit more than T, so a long double holds it; what reads the same however it is
// rounded is held, too, and the comparison is exact.
template <typename T>
bool OnBoundary(T value, const std::string& digits) {
  const long double read = std::strtold(digits.c_str(), nullptr);
  const auto wide = static_cast<long double>(value);
  if (read == wide) return false;
  const T towards = static_cast<T>(read > wide ? HUGE_VAL : -HUGE_VAL);
  if (read != (wide + static_cast<long double>(std::nextafter(value, towards))) / 2) return false;
  return ReadRounding(FE_DOWNWARD, digits) == ReadRounding(FE_UPWARD, digits);
}

template <typename T>
std::string Shortest(T value, int digits_max) {
  std::string out = Scientific(value);
  if (!OnBoundary(value, out)) return out;
  const size_t mantissa = out.find('e');
  for (auto precision = static_cast<int>(mantissa < 2 ? 1 : mantissa - 1); precision < digits_max;
       ++precision) {
    char text[64];
    const auto end =
        std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific, precision);
    std::string longer(text, end.ptr);
    T back = 0;
    std::from_chars(longer.data(), longer.data() + longer.size(), back);
    if (back == value && !OnBoundary(value, longer)) return longer;
  }
  return out;
}

template <typename T>
void Append(T value, int fixed_below, int digits_max, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  const std::string scientific = Shortest(value, digits_max);
  const size_t at = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + at + 1);
  if (exponent < -4 || exponent >= fixed_below) {  // to_chars() of d2s.c, f2s.c
    out += scientific;
    return;
  }
  const bool negative = scientific.front() == '-';
  std::string digits;
  for (const char c : scientific.substr(0, at)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (negative) out += '-';
  if (exponent < 0) {
    out += "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
    return;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    out += digits + std::string(whole - digits.size(), '0');
  } else {
    out += digits.substr(0, whole) + "." + digits.substr(whole);
  }
}

}  // namespace

void AppendFloat(double value, std::string& out) { Append(value, 15, 17, out); }
void AppendFloat(float value, std::string& out) { Append(value, 6, 9, out); }

}  // namespace sluice::audit
