// From a source table to what the lake holds of it: which columns, of which lake types. Pure.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "change/table_schema.h"
#include "postgres/source_catalog.h"
#include "postgres/type_mapping.h"

namespace sluice::postgres {

struct ColumnChoice {
  std::set<std::string> excluded;
  std::map<std::string, std::shared_ptr<arrow::DataType>> types;
};

struct MirroredTable {
  TableSchema schema;
  std::vector<SourceType> types;  // parallel to schema.columns
  std::vector<Mapping> mappings;  // parallel to schema.columns
  bool append_only = false;
  // Columns left out and why: "total: generated columns never reach the stream before Postgres 18".
  std::vector<std::pair<std::string, std::string>> left_out;
  std::vector<std::string> notes;  // for `plan`: "append-only: no primary key ..."
};

// kConfig: a column named in `choice` does not exist, a key column excluded or of a type that may
// not be a key, a type that cannot be carried. `id.incarnation` and `version` are set by the
// caller.
Result<MirroredTable> MirrorOf(const SourceTable& table, const ColumnChoice& choice,
                               int server_version);

}  // namespace sluice::postgres
