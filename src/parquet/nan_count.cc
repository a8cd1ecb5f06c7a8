#include "parquet/nan_count.h"

#include <arrow/array.h>

namespace sluice::parquet {

namespace {

template <typename ArrayType>
int64_t Count(const ArrayType& values) {
  const auto* raw = values.raw_values();
  const int64_t count = values.length();
  int64_t nans = 0;
  for (int64_t i = 0; i < count; ++i) nans += raw[i] != raw[i] ? 1 : 0;
  if (nans == 0 || values.null_count() == 0) return nans;
  nans = 0;  // what lies under a null may be anything
  for (int64_t i = 0; i < count; ++i) nans += raw[i] != raw[i] && values.IsValid(i) ? 1 : 0;
  return nans;
}

}  // namespace

int64_t CountNan(const arrow::Array& values) {
  switch (values.type_id()) {
    case arrow::Type::FLOAT:
      return Count(static_cast<const arrow::FloatArray&>(values));
    case arrow::Type::DOUBLE:
      return Count(static_cast<const arrow::DoubleArray&>(values));
    default:
      return 0;
  }
}

}  // namespace sluice::parquet
