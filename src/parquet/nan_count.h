// How many values of a floating-point array are NaN, which Parquet's statistics leave out.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>

namespace sluice::parquet {

// 0 for arrays of other types. Nulls do not count.
int64_t CountNan(const arrow::Array& values);

}  // namespace sluice::parquet
