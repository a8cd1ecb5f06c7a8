// What a file holds, as the lake type that the reader wants.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "base/error.h"

namespace sluice::parquet {

// Widened integers, floats and decimals, extension types' storage, unpacked dictionaries, bytes
// that are strings. kCorrupt where a value would change; the error names types only.
Result<std::shared_ptr<arrow::Array>> CastColumn(std::shared_ptr<arrow::Array> column,
                                                 const std::shared_ptr<arrow::DataType>& type);

}  // namespace sluice::parquet
