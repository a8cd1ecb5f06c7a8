#include "parquet/leaf_values.h"

#include <arrow/array.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace sluice::parquet {

namespace {

// Calls `take(i)` for each value that is not null.
template <typename Take>
void ForEachValid(const arrow::Array& array, const Take& take) {
  const int64_t length = array.length();
  if (array.null_count() == 0) {
    for (int64_t i = 0; i < length; ++i) take(i);
  } else {
    for (int64_t i = 0; i < length; ++i) {
      if (array.IsValid(i)) take(i);
    }
  }
}

constexpr int64_t kDecimalWidth = 16;  // Arrow's, little end first

const uint8_t* DecimalsOf(const arrow::Array& array) {
  return array.data()->buffers[1]->data() + array.offset() * kDecimalWidth;
}

}  // namespace

template <typename T>
std::span<const T> NumberValues<T>::Of(const arrow::Array& array) {
  const bool decimal = array.type_id() == arrow::Type::DECIMAL128;
  const auto length = static_cast<size_t>(array.length());
  const auto count = static_cast<size_t>(array.length() - array.null_count());
  if (!decimal && count == length) return {array.data()->GetValues<T>(1), length};
  if (values_.size() < count) values_.resize(count);
  T* to = values_.data();
  if (decimal) {
    const uint8_t* from = DecimalsOf(array);  // the low bytes are the number, it fits
    ForEachValid(array, [&](int64_t i) { std::memcpy(to++, from + i * kDecimalWidth, sizeof(T)); });
  } else {
    const T* from = array.data()->GetValues<T>(1);
    ForEachValid(array, [&](int64_t i) { *to++ = from[i]; });
  }
  return {values_.data(), count};
}

template class NumberValues<int32_t>;
template class NumberValues<int64_t>;
template class NumberValues<float>;
template class NumberValues<double>;

std::span<const std::string_view> BytesValues::Of(const arrow::Array& array) {
  values_.clear();
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& strings = static_cast<const arrow::BinaryArray&>(array);
      ForEachValid(array, [&](int64_t i) { values_.push_back(strings.GetView(i)); });
      break;
    }
    case arrow::Type::FIXED_SIZE_BINARY: {
      const auto& fixed = static_cast<const arrow::FixedSizeBinaryArray&>(array);
      ForEachValid(array, [&](int64_t i) { values_.push_back(fixed.GetView(i)); });
      break;
    }
    default:
      TakeDecimals(array);
  }
  return values_;
}

void BytesValues::TakeDecimals(const arrow::Array& array) {
  SLUICE_CHECK(array.type_id() == arrow::Type::DECIMAL128, "{}", array.type()->ToString());
  const auto width = static_cast<size_t>(decimal_bytes_);
  decimals_.resize(static_cast<size_t>(array.length()) * width);
  char* to = decimals_.data();
  const uint8_t* from = DecimalsOf(array);
  ForEachValid(array, [&](int64_t i) {
    const uint8_t* value = from + i * kDecimalWidth;
    std::reverse_copy(value, value + width, to);
    values_.emplace_back(to, width);
    to += width;
  });
}

}  // namespace sluice::parquet
