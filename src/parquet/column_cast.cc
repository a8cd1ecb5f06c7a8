#include "parquet/column_cast.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/extension_type.h>

namespace sluice::parquet {

Result<std::shared_ptr<arrow::Array>> CastColumn(std::shared_ptr<arrow::Array> column,
                                                 const std::shared_ptr<arrow::DataType>& type) {
  while (column->type_id() == arrow::Type::EXTENSION) {
    column = static_cast<const arrow::ExtensionArray&>(*column).storage();
  }
  if (column->type()->Equals(*type)) return column;
  auto cast = arrow::compute::Cast(*column, type, arrow::compute::CastOptions::Safe());
  // Arrow's message would quote the value.
  if (!cast.ok()) {
    return MakeError(ErrorKind::kCorrupt, "{} cannot be read as {}", column->type()->ToString(),
                     type->ToString());
  }
  return std::move(cast).ValueUnsafe();
}

}  // namespace sluice::parquet
