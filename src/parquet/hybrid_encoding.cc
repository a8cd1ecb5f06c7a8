#include "parquet/hybrid_encoding.h"

#include <algorithm>
#include <cstring>

namespace sluice::parquet {

namespace {

constexpr size_t kGroup = 8;                // packed values come in groups of eight
constexpr size_t kPackedMax = 63 * kGroup;  // so that a packed run's header is one byte

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

template <typename T>
size_t RunLength(std::span<const T> values) {
  size_t length = 1;
  while (length < values.size() && values[length] == values[0]) ++length;
  return length;
}

// At most kPackedMax values; the last group is filled up with zeros.
template <typename T>
void AppendPacked(std::span<const T> values, int bit_width, std::string& out) {
  if (values.empty()) return;
  const size_t groups = (values.size() + kGroup - 1) / kGroup;
  out += static_cast<char>(groups << 1 | 1);
  const size_t begin = out.size();
  const size_t end = begin + groups * static_cast<size_t>(bit_width);
  out.resize(end + sizeof(uint64_t));  // room for whole words
  char* to = out.data() + begin;
  uint64_t bits = 0;
  int filled = 0;
  for (const T value : values) {
    bits |= static_cast<uint64_t>(value) << filled;
    filled += bit_width;
    if (filled < 32) continue;
    std::memcpy(to, &bits, sizeof(uint32_t));
    to += sizeof(uint32_t);
    bits >>= 32;
    filled -= 32;
  }
  std::memcpy(to, &bits, sizeof(bits));
  out.resize(end);
}

}  // namespace

void AppendHybridRun(uint32_t value, uint64_t count, int bit_width, std::string& out) {
  AppendVarint(count << 1, out);
  out.append(reinterpret_cast<const char*>(&value), static_cast<size_t>(bit_width + 7) / 8);
}

template <typename T>
void AppendHybrid(std::span<const T> values, int bit_width, std::string& out) {
  size_t packed = 0;  // where the packed run begins that ends at `at`; a whole number of groups
  size_t at = 0;
  while (at < values.size()) {
    const std::span<const T> rest = values.subspan(at);
    if (rest.size() >= kGroup && RunLength(rest.first(kGroup)) == kGroup) {
      const size_t run = RunLength(rest);
      AppendPacked(values.subspan(packed, at - packed), bit_width, out);
      AppendHybridRun(static_cast<uint32_t>(rest[0]), run, bit_width, out);
      at += run;
      packed = at;
      continue;
    }
    at += std::min(kGroup, rest.size());
    if (at - packed < kPackedMax) continue;
    AppendPacked(values.subspan(packed, at - packed), bit_width, out);
    packed = at;
  }
  AppendPacked(values.subspan(packed), bit_width, out);
}

template void AppendHybrid(std::span<const int16_t>, int, std::string&);
template void AppendHybrid(std::span<const uint32_t>, int, std::string&);

}  // namespace sluice::parquet
