#include "postgres/values/numeric.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>

namespace sluice::postgres {

namespace {

// src/backend/utils/adt/numeric.c
constexpr uint16_t kPositive = 0x0000;
constexpr uint16_t kNegative = 0x4000;
constexpr uint16_t kNan = 0xC000;
constexpr uint16_t kInfinity = 0xD000;
constexpr uint16_t kMinusInfinity = 0xF000;
constexpr int kGroupDigits = 4;
constexpr uint32_t kGroupLimit = 10000;
constexpr size_t kHeaderBytes = 8;

constexpr int kPowersMax = 38;  // 10^38 < 2^127
constexpr auto kPowers = [] {
  std::array<Uint128, kPowersMax + 1> out{};
  out[0] = 1;
  for (size_t i = 1; i < out.size(); ++i) out[i] = out[i - 1] * 10;
  return out;
}();

// The group at an index.
uint32_t Group(const char* digits, int index) {
  uint16_t raw = 0;
  std::memcpy(&raw, digits + 2 * static_cast<std::ptrdiff_t>(index), sizeof(raw));
  return __builtin_bswap16(raw);
}

struct Header {
  int count = 0;
  int weight = 0;
  uint16_t sign = 0;
  int dscale = 0;
};

inline Fault ReadHeader(std::string_view bytes, Header& out) {
  if (bytes.size() < kHeaderBytes) return Fault::kMalformed;
  uint64_t word = 0;  // four fields of two bytes
  std::memcpy(&word, bytes.data(), sizeof(word));
  word = __builtin_bswap64(word);
  out.count = static_cast<uint16_t>(word >> 48);
  out.weight = static_cast<int16_t>(word >> 32);
  out.sign = static_cast<uint16_t>(word >> 16);
  out.dscale = static_cast<uint16_t>(word);
  if (bytes.size() != kHeaderBytes + 2 * static_cast<size_t>(out.count)) return Fault::kMalformed;
  if (out.sign == kPositive || out.sign == kNegative) return Fault::kNone;
  if (out.sign == kNan) return Fault::kNan;
  if (out.sign == kInfinity || out.sign == kMinusInfinity) return Fault::kInfinity;
  return Fault::kMalformed;
}

constexpr int kSmallGroups = 4;  // 16 digits: what 64 bits hold

// Divides by 10^digits, 1 to 3: by constants, which is a multiplication. False: not exact.
bool CutDigits(uint64_t& value, int digits) {
  uint64_t quotient = value / 1000;
  uint64_t back = quotient * 1000;
  if (digits == 2) {
    quotient = value / 100;
    back = quotient * 100;
  } else if (digits == 1) {
    quotient = value / 10;
    back = quotient * 10;
  }
  const bool exact = back == value;
  value = quotient;
  return exact;
}

constexpr uint64_t kLanes = 0x0001000100010001;  // a one in each group of a word

// The last `count` groups before `end` as one number. The word that ends there is loaded whole (the
// header stands before the groups), what is no group shifted out.
bool LoadGroups(const char* end, int count, uint64_t& out) {
  out = 0;
  if (count == 0) return true;
  uint64_t word = 0;
  std::memcpy(&word, end - sizeof(word), sizeof(word));
  word >>= 16 * (kSmallGroups - count);  // memory order: the first group is lowest
  word = __builtin_bswap64(word) >> (16 * (kSmallGroups - count));
  // The top bit of a lane comes up where a group is 10,000 or more.
  const uint64_t above = word | (word + (0x8000 - kGroupLimit) * kLanes);
  if ((above & 0x8000 * kLanes) != 0) return false;
  const uint64_t high = (word >> 48) * kGroupLimit + ((word >> 32) & 0xFFFF);
  const uint64_t low = ((word >> 16) & 0xFFFF) * kGroupLimit + (word & 0xFFFF);
  out = high * (kGroupLimit * kGroupLimit) + low;
  return true;
}

// Few groups, of which at most a part of the last is behind the scale: almost every value.
Fault Small(const char* end, int count, int exponent, Uint128& out) {
  uint64_t value = 0;
  if (!LoadGroups(end, count, value)) return Fault::kMalformed;
  if (exponent < 0) {
    if (!CutDigits(value, -exponent)) return Fault::kPrecision;
    out = value;
  } else {
    out = value * kPowers[static_cast<size_t>(exponent)];
  }
  return Fault::kNone;
}

// Any number of groups, a scale that cuts the last one, trailing zero groups.
Fault Large(const char* digits, int count, int exponent, Uint128& out) {
  while (count > 0 && Group(digits, count - 1) == 0) {
    --count;
    exponent += kGroupDigits;
  }
  out = 0;
  if (count == 0) return Fault::kNone;
  Fault fault = exponent <= -kGroupDigits ? Fault::kPrecision : Fault::kNone;
  bool overflow = exponent > kPowersMax;
  for (int i = 0; i < count; ++i) {
    uint32_t group = Group(digits, i);
    if (group >= kGroupLimit) return Fault::kMalformed;
    uint32_t factor = kGroupLimit;
    if (i + 1 == count && exponent < 0 && fault == Fault::kNone) {
      const auto cut = static_cast<uint32_t>(kPowers[static_cast<size_t>(-exponent)]);
      if (group % cut != 0) fault = Fault::kPrecision;
      group /= cut;
      factor /= cut;
    }
    overflow = __builtin_mul_overflow(out, Uint128{factor}, &out) || overflow;
    overflow = __builtin_add_overflow(out, Uint128{group}, &out) || overflow;
  }
  if (!overflow && exponent > 0) {
    overflow = __builtin_mul_overflow(out, kPowers[static_cast<size_t>(exponent)], &out);
  }
  if (fault != Fault::kNone) return fault;
  return overflow ? Fault::kOutOfRange : Fault::kNone;
}

}  // namespace

DecimalReader::DecimalReader(int precision, int scale)
    : scale_(scale), limit_(kPowers[static_cast<size_t>(precision)]) {}

Fault DecimalReader::Sign(Uint128 magnitude, bool negative, Int128& out) const {
  if (magnitude >= limit_) return Fault::kOutOfRange;
  out = negative ? -static_cast<Int128>(magnitude) : static_cast<Int128>(magnitude);
  return Fault::kNone;
}

Fault DecimalReader::Binary(std::string_view bytes, Int128& out) const {
  Header header;
  if (const Fault fault = ReadHeader(bytes, header); fault != Fault::kNone) return fault;
  const char* digits = bytes.data() + kHeaderBytes;
  // Power of ten of the last group, in units of the scale.
  const int exponent = kGroupDigits * (header.weight - header.count + 1) + scale_;
  Uint128 magnitude = 0;
  const bool small = header.count <= kSmallGroups && exponent > -kGroupDigits &&
                     exponent <= kPowersMax - kGroupDigits * kSmallGroups;
  const Fault fault = small ? Small(bytes.data() + bytes.size(), header.count, exponent, magnitude)
                            : Large(digits, header.count, exponent, magnitude);
  if (fault != Fault::kNone) return fault;
  return Sign(magnitude, header.sign == kNegative, out);
}

namespace {

// The digits of "123.450" as they are read: up to `scale` of them behind the point, then only zeros
// may follow.
class DecimalDigits {
 public:
  explicit DecimalDigits(int scale) : scale_(scale) {}

  bool Take(char c) {
    if (c == '.' && after_point_ < 0) {
      after_point_ = 0;
      return true;
    }
    if (c < '0' || c > '9') return false;
    any_ = true;
    if (after_point_ >= scale_) {
      inexact_ = inexact_ || c != '0';
      return true;
    }
    if (after_point_ >= 0) ++after_point_;
    Multiply(10);
    const auto digit = static_cast<Uint128>(c - '0');
    overflow_ = __builtin_add_overflow(magnitude_, digit, &magnitude_) || overflow_;
    return true;
  }
  Fault Finish(Uint128& out) {
    if (!any_) return Fault::kMalformed;
    Multiply(kPowers[static_cast<size_t>(scale_ - std::max(after_point_, 0))]);
    if (overflow_) return Fault::kOutOfRange;
    out = magnitude_;
    return inexact_ ? Fault::kPrecision : Fault::kNone;
  }

 private:
  void Multiply(Uint128 factor) {
    overflow_ = __builtin_mul_overflow(magnitude_, factor, &magnitude_) || overflow_;
  }

  int scale_;
  int after_point_ = -1;  // digits seen behind the point
  Uint128 magnitude_ = 0;
  bool any_ = false;
  bool overflow_ = false;
  bool inexact_ = false;
};

}  // namespace

Fault DecimalReader::Text(std::string_view text, Int128& out) const {
  if (text == "NaN") return Fault::kNan;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text == "Infinity") return Fault::kInfinity;
  DecimalDigits digits(scale_);
  for (const char c : text) {
    if (!digits.Take(c)) return Fault::kMalformed;
  }
  Uint128 magnitude = 0;
  const Fault fault = digits.Finish(magnitude);
  return fault == Fault::kNone ? Sign(magnitude, negative, out) : fault;
}

Fault DecimalReader::Minor(int64_t minor, int digits, Int128& out) const {
  const bool negative = minor < 0;
  Uint128 magnitude =
      negative ? Uint128{0} - static_cast<Uint128>(Int128{minor}) : static_cast<Uint128>(minor);
  if (digits < 0 || digits > kPowersMax) return Fault::kMalformed;
  if (digits <= scale_) {
    const Uint128 factor = kPowers[static_cast<size_t>(scale_ - digits)];
    if (__builtin_mul_overflow(magnitude, factor, &magnitude)) return Fault::kOutOfRange;
  } else {
    const Uint128 factor = kPowers[static_cast<size_t>(digits - scale_)];
    if (magnitude % factor != 0) return Fault::kPrecision;
    magnitude /= factor;
  }
  return Sign(magnitude, negative, out);
}

namespace {

void AppendGroup(uint32_t group, std::string& out) {
  out += static_cast<char>('0' + group / 1000);
  out += static_cast<char>('0' + group / 100 % 10);
  out += static_cast<char>('0' + group / 10 % 10);
  out += static_cast<char>('0' + group % 10);
}

}  // namespace

Fault NumericToText(std::string_view bytes, std::string& out) {
  Header header;
  const Fault fault = ReadHeader(bytes, header);
  if (fault == Fault::kNan) {
    out += "NaN";
    return Fault::kNone;
  }
  if (fault == Fault::kInfinity) {
    out += header.sign == kInfinity ? "Infinity" : "-Infinity";
    return Fault::kNone;
  }
  if (fault != Fault::kNone) return fault;
  const auto group = [&](int index) -> uint32_t {
    if (index < 0 || index >= header.count) return 0;
    return Group(bytes.data() + kHeaderBytes, index);
  };
  for (int i = 0; i < header.count; ++i) {
    if (group(i) >= kGroupLimit) return Fault::kMalformed;
  }
  if (header.sign == kNegative) out += '-';
  out += std::to_string(header.weight < 0 ? 0 : group(0));
  for (int i = 1; i <= header.weight; ++i) AppendGroup(group(i), out);
  if (header.dscale == 0) return Fault::kNone;
  out += '.';
  const size_t end = out.size() + static_cast<size_t>(header.dscale);
  for (int i = header.weight + 1; out.size() < end; ++i) AppendGroup(group(i), out);
  out.resize(end);
  return Fault::kNone;
}

}  // namespace sluice::postgres
