// What a source table looks like at one moment, and what each column becomes in the lake. The lake
// type is an Arrow type; every module maps from it (Parquet, Iceberg) and no other list of types
// exists:
//   boolean, int32, int64, float32, float64, decimal128(p, s), date32, time64[us],
//   timestamp[us] (without zone), timestamp[us, "UTC"] (with), utf8, binary,
//   fixed_size_binary(16) (a uuid, and nothing else), list<any of these>
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace sluice {

// A table of the source, told apart from an earlier life of the same table: `tables resync` makes
// a new incarnation.
struct TableId {
  uint32_t oid = 0;
  uint32_t incarnation = 0;
  friend auto operator<=>(TableId, TableId) = default;
};

// Grows by one with every change of a table's shape that the stream shows.
struct SchemaVersion {
  uint32_t value = 0;
  friend auto operator<=>(SchemaVersion, SchemaVersion) = default;
};

enum class ReplicaIdentity : uint8_t { kDefault, kNothing, kFull, kIndex };

struct Column {
  int16_t attnum = 0;  // pg_attribute.attnum: what a column is; its name may change
  std::string name;
  uint32_t type_oid = 0;  // as declared: a domain's own oid
  int32_t typmod = -1;
  std::string type_text;  // format_type(): "numeric(10,2)", "character varying(40)"
  bool not_null = false;
  bool key = false;  // of the identity that finds a row: primary key or replica identity index
  std::string comment;
  std::shared_ptr<arrow::DataType> lake_type;
};

struct TableSchema {
  TableId id;
  SchemaVersion version;
  std::string schema_name;
  std::string name;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string comment;
  std::vector<Column> columns;  // in attnum order, only those that are mirrored

  // Indices into `columns`, in column order. Empty: the table is append-only.
  std::vector<int> KeyColumns() const;
  // Arrow schema of a row: names and lake types; key columns are not nullable.
  std::shared_ptr<arrow::Schema> RowSchema() const;
  // Only the key columns of RowSchema.
  std::shared_ptr<arrow::Schema> KeySchema() const;
  // "schema.name" with quotes where Postgres needs them, for messages.
  std::string QualifiedName() const;
};

// What makes a change of shape: everything a mirrored row's layout or meaning rests on. A widened
// varchar, a rename of an index, a comment or NOT NULL does not.
bool SameShape(const TableSchema& a, const TableSchema& b);

// Stable JSON of the whole structure, for the bus and for a table property.
std::string ToJson(const TableSchema& schema);
Result<TableSchema> TableSchemaFromJson(std::string_view json);

// The lake type's name as configuration and JSON spell it: "decimal(10, 2)", "list<int>",
// "timestamptz", ... the Iceberg names. kConfig when the text names none.
std::string LakeTypeName(const arrow::DataType& type);
Result<std::shared_ptr<arrow::DataType>> ParseLakeType(std::string_view name);

// An identifier as SQL wants it: quoted when not plain lower case.
std::string QuoteIdentifier(std::string_view name);

}  // namespace sluice
