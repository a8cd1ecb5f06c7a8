// The Parquet schema of a lake table, node by node, as Iceberg's table of types wants it (spec,
// Appendix A): Arrow's own mapping leaves out the UUID annotation and calls every time UTC.
#pragma once

#include <arrow/type_fwd.h>
#include <parquet/schema.h>

#include <memory>
#include <vector>

#include "base/error.h"

namespace sluice::parquet {

// A lake column has exactly one leaf (lists nest, but hold one type), so leaf i is column i.
struct Leaf {
  int field_id = 0;  // of the column; a list's element has its own
  // Of the column, of its element, of that one's element, ...: size is the depth of lists plus one.
  std::vector<bool> nullable;
  std::shared_ptr<arrow::DataType> type;  // of the values: never a list

  bool in_list() const { return nullable.size() > 1; }
};

struct ParquetSchema {
  std::shared_ptr<::parquet::schema::GroupNode> root;
  std::vector<Leaf> leaves;
};

// kInternal for a type that is no lake type and for a field without PARQUET:field_id.
Result<ParquetSchema> MakeParquetSchema(const arrow::Schema& schema);

// From "PARQUET:field_id" metadata; kInternal when there is none.
Result<int> FieldIdOf(const arrow::Field& field);

}  // namespace sluice::parquet
