// The values of an Arrow array that are not null, as Parquet stores them: numbers side by side,
// strings as views, decimals as integers of their width or as big-endian bytes.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::parquet {

// One a column, so that its memory is reused. What a call returns is good until the next one, and
// as long as the array.
template <typename T>
class NumberValues {
 public:
  // Of an array whose values are of T's size, or of decimals that fit T.
  std::span<const T> Of(const arrow::Array& array);

 private:
  std::vector<T> values_;
};

class BytesValues {
 public:
  // Of strings, binaries, fixed-size binaries, or decimals, which become `decimal_bytes` bytes.
  explicit BytesValues(int decimal_bytes) : decimal_bytes_(decimal_bytes) {}
  std::span<const std::string_view> Of(const arrow::Array& array);

 private:
  void TakeDecimals(const arrow::Array& array);

  int decimal_bytes_;
  std::vector<std::string_view> values_;
  std::string decimals_;
};

}  // namespace sluice::parquet
