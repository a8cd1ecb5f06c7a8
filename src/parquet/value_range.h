// Smallest and greatest of a page's or a chunk's values, in the order of Parquet's statistics
// (parquet.thrift, ColumnOrder), as they are stored there.
#pragma once

#include <parquet/statistics.h>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice::parquet {

template <typename T>
class NumberRange {
 public:
  // NaN has no place in the order.
  void Add(std::span<const T> values) {
    // In lanes, as each comparison waits for the one before it in its lane only.
    std::array<NumberRange, kLanes> lanes;
    for (; values.size() >= kLanes; values = values.subspan(kLanes)) {
      for (size_t i = 0; i < kLanes; ++i) lanes[i].AddOne(values[i]);
    }
    for (const T value : values) AddOne(value);
    for (const NumberRange& lane : lanes) Add(lane);
  }
  void Add(const NumberRange& other) {
    min_ = other.min_ < min_ ? other.min_ : min_;
    max_ = other.max_ > max_ ? other.max_ : max_;
  }
  void Store(::parquet::EncodedStatistics& out) const {
    if (!(min_ <= max_)) return;
    T min = min_;
    T max = max_;
    if constexpr (std::is_floating_point_v<T>) {
      // Readers may take either zero for the other, so a bound is the outer one.
      if (min == 0) min = -T{0};
      if (max == 0) max = T{0};
    }
    out.set_min(Bytes(min)).set_max(Bytes(max));
  }
  void Clear() { *this = NumberRange(); }

 private:
  static constexpr size_t kLanes = 8;
  using Limits = std::numeric_limits<T>;
  void AddOne(T value) {
    min_ = value < min_ ? value : min_;
    max_ = value > max_ ? value : max_;
  }
  static std::string Bytes(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
  }

  T min_ = Limits::has_infinity ? Limits::infinity() : Limits::max();
  T max_ = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
};

// Bytes as unsigned, shorter before longer; or as big-endian two's complement of one length.
class BytesRange {
 public:
  explicit BytesRange(bool is_signed) : sign_(is_signed ? uint64_t{1} << 63 : 0) {}

  void Add(std::string_view value);
  void Add(const BytesRange& other);
  void Store(::parquet::EncodedStatistics& out) const;
  void Clear() { any_ = false; }

 private:
  uint64_t sign_;
  bool any_ = false;
  std::string min_;
  std::string max_;
  // Their first eight bytes as a number, sign bit turned over: tells most values apart at once.
  uint64_t min_prefix_ = 0;
  uint64_t max_prefix_ = 0;
};

}  // namespace sluice::parquet
