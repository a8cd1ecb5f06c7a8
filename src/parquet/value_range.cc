#include "parquet/value_range.h"

#include <cstring>

namespace sluice::parquet {

namespace {

uint64_t FirstEight(std::string_view bytes) {
  uint64_t word = 0;
  if (bytes.size() >= sizeof(word)) {
    std::memcpy(&word, bytes.data(), sizeof(word));
    return __builtin_bswap64(word);
  }
  for (const char byte : bytes) word = word << 8 | static_cast<uint8_t>(byte);
  return bytes.empty() ? 0 : word << (8 * (sizeof(word) - bytes.size()));
}

}  // namespace

void BytesRange::Add(std::string_view value) {
  const uint64_t prefix = FirstEight(value) ^ sign_;
  if (!any_ || prefix < min_prefix_ || (prefix == min_prefix_ && value < min_)) {
    min_.assign(value);
    min_prefix_ = prefix;
  }
  if (!any_ || prefix > max_prefix_ || (prefix == max_prefix_ && value > max_)) {
    max_.assign(value);
    max_prefix_ = prefix;
  }
  any_ = true;
}

void BytesRange::Add(const BytesRange& other) {
  if (!other.any_) return;
  Add(other.min_);
  Add(other.max_);
}

void BytesRange::Store(::parquet::EncodedStatistics& out) const {
  if (any_) out.set_min(min_).set_max(max_);
}

}  // namespace sluice::parquet
