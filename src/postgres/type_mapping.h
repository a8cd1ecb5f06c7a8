// What a source column becomes in the lake, by default and by configuration, and how its values
// come over the wire.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "change/table_schema.h"

namespace sluice::postgres {

// A type as pg_type describes it, domains resolved to their base.
struct SourceType {
  uint32_t oid = 0;          // as declared
  uint32_t base_oid = 0;     // after domains
  int32_t typmod = -1;       // of the column, or of the domain where the column has none
  char kind = 'b';           // pg_type.typtype of the base: b c e r m p
  char category = 'U';       // pg_type.typcategory
  std::string name;          // base type's schema-qualified name when not of pg_catalog
  uint32_t element_oid = 0;  // base type of an array's elements (after domains), 0: no array
  int32_t element_typmod = -1;
  char element_kind = 'b';
  char element_delimiter = ',';  // pg_type.typdelim of the element
  int array_dimensions = 0;      // pg_attribute.attndims
  bool has_send = true;          // a binary form exists, recursively
  bool nondeterministic_collation = false;
  int money_digits = 2;
};

struct Mapping {
  std::shared_ptr<arrow::DataType> lake_type;
  // The decoder takes pgoutput's/COPY's binary form of this type; else text.
  bool binary = false;
  // What a value may hold that the lake type cannot (it would stop the table), empty: nothing.
  // "NaN", "infinity", "24:00:00", "more than one dimension".
  std::string cannot_hold;
  // Not empty: why this type may not be (part of) a key, e.g. its equality is not that of bytes.
  std::string not_a_key;
};

// `wanted`: the lake type configured under `columns: types:`. kConfig when the type cannot be
// carried in it; the hint names what can.
Result<Mapping> MapType(const SourceType& type, const std::shared_ptr<arrow::DataType>& wanted);

// The line of configuration that gives a column another lake type:
// "columns: { types: { amount: string } }".
std::string ColumnTypeLine(std::string_view column, std::string_view lake_type);

}  // namespace sluice::postgres
