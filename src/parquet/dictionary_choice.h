// Whether a column is worth a dictionary, from a sample: hashing every value of a column that does
// not repeat is the dearest thing a Parquet writer can do for nothing.
#pragma once

#include <arrow/type_fwd.h>

namespace sluice::parquet {

// Looks at the first 8192 values. True when they repeat and few new ones turn up in the second
// half of them: keys that come in runs repeat as well, but keep growing.
bool WorthDictionary(const arrow::Array& values);

}  // namespace sluice::parquet
