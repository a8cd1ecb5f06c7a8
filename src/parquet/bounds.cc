#include "parquet/bounds.h"

#include <arrow/util/decimal.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace sluice::parquet {

namespace {

static_assert(std::endian::native == std::endian::little, "bounds are stored little-endian");

template <typename T>
std::string Raw(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <typename T>
Bound FloatingBound(T value, T zero) {
  if (std::isnan(value)) return std::nullopt;
  return Raw(value == T{0} ? zero : value);
}

// Decodes the code point at `at` and steps over it; false when it is not UTF-8 (RFC 3629).
bool NextCodePoint(std::string_view text, size_t& at, char32_t& out) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  size_t length = 1;
  out = lead;
  if (lead >= 0x80) {
    if (lead < 0xC2 || lead > 0xF4) return false;
    length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    out = lead & (0x7F >> length);
  }
  if (text.size() - at < length) return false;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return false;
    out = (out << 6) | (byte(at + i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (out < smallest[length] || out > 0x10FFFF || (out >= 0xD800 && out <= 0xDFFF)) return false;
  at += length;
  return true;
}

void AppendCodePoint(char32_t c, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

// The first code points and where each starts; `end` is past the last.
struct Prefix {
  std::array<size_t, kBoundLengthMax> starts;
  std::array<char32_t, kBoundLengthMax> code_points;
  int count = 0;
  size_t end = 0;
};

std::optional<Prefix> CutString(std::string_view text) {
  Prefix prefix;
  while (prefix.count < kBoundLengthMax && prefix.end < text.size()) {
    const auto i = static_cast<size_t>(prefix.count);
    prefix.starts[i] = prefix.end;
    if (!NextCodePoint(text, prefix.end, prefix.code_points[i])) return std::nullopt;
    ++prefix.count;
  }
  return prefix;
}

uint64_t HalfOfUuid(std::string_view uuid, size_t from) {
  uint64_t half;
  std::memcpy(&half, uuid.data() + from, sizeof(half));
  return __builtin_bswap64(half);
}

std::string UuidFrom(uint64_t high, uint64_t low) {
  return Raw(__builtin_bswap64(high)) + Raw(__builtin_bswap64(low));
}

constexpr uint64_t kSign = uint64_t{1} << 63;

}  // namespace

std::string BooleanBound(bool value) { return std::string(1, value ? '\1' : '\0'); }
std::string IntBound(int32_t value) { return Raw(value); }
std::string LongBound(int64_t value) { return Raw(value); }

std::string DecimalBound(const arrow::Decimal128& unscaled) {
  const std::array<uint8_t, 16> little = unscaled.ToBytes();
  const std::string big(little.rbegin(), little.rend());
  return DecimalBoundFromBigEndian(big);
}

std::string DecimalBoundFromBigEndian(std::string_view unscaled) {
  // A leading byte that only repeats the sign of the next says nothing.
  while (unscaled.size() > 1) {
    const bool next_negative = (static_cast<unsigned char>(unscaled[1]) & 0x80) != 0;
    if (static_cast<unsigned char>(unscaled[0]) != (next_negative ? 0xFF : 0x00)) break;
    unscaled.remove_prefix(1);
  }
  return std::string(unscaled);
}

Bound FloatLower(float min) { return FloatingBound(min, -0.0F); }
Bound FloatUpper(float max) { return FloatingBound(max, 0.0F); }
Bound DoubleLower(double min) { return FloatingBound(min, -0.0); }
Bound DoubleUpper(double max) { return FloatingBound(max, 0.0); }

Bound StringLower(std::string_view min) {
  const auto prefix = CutString(min);
  if (!prefix) return std::nullopt;
  return std::string(min.substr(0, prefix->end));
}

Bound StringUpper(std::string_view max) {
  const auto prefix = CutString(max);
  if (!prefix) return std::nullopt;
  if (prefix->end == max.size()) return std::string(max);
  // The least string above everything that starts with the prefix: its last code point that can
  // grow grows by one, what follows is dropped. The surrogates are no code points.
  for (int i = prefix->count - 1; i >= 0; --i) {
    const char32_t last = prefix->code_points[static_cast<size_t>(i)];
    if (last == 0x10FFFF) continue;
    std::string upper(max.substr(0, prefix->starts[static_cast<size_t>(i)]));
    AppendCodePoint(last == 0xD7FF ? 0xE000 : last + 1, upper);
    return upper;
  }
  return std::nullopt;
}

std::string BinaryLower(std::string_view min) {
  return std::string(min.substr(0, kBoundLengthMax));
}

Bound BinaryUpper(std::string_view max) {
  if (max.size() <= kBoundLengthMax) return std::string(max);
  std::string upper(max.substr(0, kBoundLengthMax));
  while (!upper.empty() && static_cast<unsigned char>(upper.back()) == 0xFF) upper.pop_back();
  if (upper.empty()) return std::nullopt;
  upper.back() = static_cast<char>(static_cast<unsigned char>(upper.back()) + 1);
  return upper;
}

std::pair<Bound, Bound> UuidBounds(std::string_view min, std::string_view max) {
  SLUICE_CHECK(min.size() == 16 && max.size() == 16, "a uuid has 16 bytes");
  const uint64_t low_half = HalfOfUuid(min, 0);
  const uint64_t high_half = HalfOfUuid(max, 0);
  if (((low_half ^ high_half) & kSign) != 0) return {};
  std::pair<Bound, Bound> bounds{std::string(min), std::string(max)};
  // Among values that share the first half of a bound, the second half is ordered by bytes here and
  // by sign there. The bound is right for both if all of them have one sign, else it moves on by
  // one in the first half, where there is room without a change of sign.
  if ((HalfOfUuid(min, 8) & kSign) == 0) {
    const bool room = (low_half & ~kSign) != 0;
    bounds.first = room ? Bound(UuidFrom(low_half - 1, kSign)) : std::nullopt;
  }
  if ((HalfOfUuid(max, 8) & kSign) != 0) {
    const bool room = (~high_half & ~kSign) != 0;
    bounds.second = room ? Bound(UuidFrom(high_half + 1, 0)) : std::nullopt;
  }
  return bounds;
}

}  // namespace sluice::parquet
