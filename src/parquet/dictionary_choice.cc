#include "parquet/dictionary_choice.h"

#include <arrow/array.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace sluice::parquet {

namespace {

constexpr int64_t kSampleMax = 8192;
constexpr int64_t kAverageLengthMax = 256;

// Linear counting: a hash sets one bit of many, the share of clear bits tells how many differed.
class DistinctCounter {
 public:
  void Add(uint64_t hash) {
    const uint64_t bit = hash >> (64 - kLogBits);
    words_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
  double Estimate() const {
    int64_t set = 0;
    for (const uint64_t word : words_) set += std::popcount(word);
    const double bits = uint64_t{1} << kLogBits;
    return -bits * std::log1p(-static_cast<double>(set) / bits);
  }

 private:
  static constexpr int kLogBits = 16;
  std::array<uint64_t, (1 << kLogBits) / 64> words_{};
};

template <typename HashAt>
bool Sample(const arrow::Array& values, const HashAt& hash_at) {
  DistinctCounter counter;
  const int64_t count = std::min(values.length(), kSampleMax);
  double in_first_half = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i == count / 2) in_first_half = counter.Estimate();
    if (values.IsValid(i)) counter.Add(hash_at(i));
  }
  const double distinct = counter.Estimate();
  // The additions let a handful of values pass in a batch of a few rows.
  return distinct <= static_cast<double>(count) / 2 + 2 && distinct <= 1.5 * in_first_half + 2;
}

uint64_t HashBytes(const void* bytes, size_t size) { return XXH3_64bits(bytes, size); }

bool SampleFixed(const arrow::Array& values, int width) {
  const auto size = static_cast<size_t>(width);
  const uint8_t* bytes =
      values.data()->buffers[1]->data() + static_cast<size_t>(values.offset()) * size;
  return Sample(values,
                [=](int64_t i) { return HashBytes(bytes + static_cast<size_t>(i) * size, size); });
}

}  // namespace

bool WorthDictionary(const arrow::Array& values) {
  if (values.length() == 0) return true;
  switch (values.type_id()) {
    case arrow::Type::BOOL:
      return false;  // Parquet has none for one bit
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& strings = static_cast<const arrow::BinaryArray&>(values);
      // Long values overflow a dictionary page soon, and cost most to hash.
      if (strings.total_values_length() / values.length() > kAverageLengthMax) return false;
      return Sample(values, [&](int64_t i) {
        const std::string_view value = strings.GetView(i);
        return HashBytes(value.data(), value.size());
      });
    }
    default:
      return SampleFixed(values, values.type()->byte_width());
  }
}

}  // namespace sluice::parquet
