#include "iceberg/schema_for.h"

#include <arrow/type.h>

#include <algorithm>
#include <string_view>

namespace sluice::iceberg {

namespace {

// The one Postgres type, as format_type() spells it, that a lake type stands for.
std::string ObviousType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "boolean";
    case arrow::Type::INT32:
      return "integer";
    case arrow::Type::INT64:
      return "bigint";
    case arrow::Type::FLOAT:
      return "real";
    case arrow::Type::DOUBLE:
      return "double precision";
    case arrow::Type::DATE32:
      return "date";
    case arrow::Type::TIME64:
      return "time without time zone";
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).timezone().empty()
                 ? "timestamp without time zone"
                 : "timestamp with time zone";
    case arrow::Type::STRING:
      return "text";
    case arrow::Type::BINARY:
      return "bytea";
    case arrow::Type::FIXED_SIZE_BINARY:
      return "uuid";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
      return fmt::format("numeric({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
      return ObviousType(*static_cast<const arrow::ListType&>(type).value_type()) + "[]";
    default:
      return {};
  }
}

// As people write it: format_type() says "character varying(40)".
std::string ShortType(const std::string& text) {
  constexpr std::string_view kLong = "character varying";
  if (!text.starts_with(kLong)) return text;
  return "varchar" + text.substr(kLong.size());
}

bool MayIdentify(const Field& field) {
  const arrow::Type::type id = field.type->id();
  return id != arrow::Type::FLOAT && id != arrow::Type::DOUBLE && id != arrow::Type::LIST;
}

}  // namespace

std::string DocFor(const Column& column) {
  if (column.type_text == ObviousType(*column.lake_type)) return column.comment;
  const std::string type = "pg: " + ShortType(column.type_text);
  return column.comment.empty() ? type : column.comment + " (" + type + ")";
}

Schema SchemaFor(const TableSchema& table) {
  Schema out;
  int id = 0;
  for (const Column& column : table.columns) {
    Field field;
    field.id = ++id;
    field.name = column.name;
    field.required = column.key;
    field.type = column.lake_type;
    field.doc = DocFor(column);
    if (column.key) out.identifier_field_ids.push_back(field.id);
    out.fields.push_back(std::move(field));
  }
  for (Field& field : out.fields) {
    if (field.type->id() == arrow::Type::LIST) field.element_id = ++id;
  }
  const bool identifies = std::all_of(out.fields.begin(), out.fields.end(), [](const Field& field) {
    return !field.required || MayIdentify(field);
  });
  if (!identifies) out.identifier_field_ids.clear();
  return out;
}

}  // namespace sluice::iceberg
