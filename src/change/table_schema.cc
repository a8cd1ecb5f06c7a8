#include "change/table_schema.h"

#include <arrow/type.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace sluice {

namespace {

using Json = nlohmann::ordered_json;

bool SameColumn(const Column& a, const Column& b) {
  return a.attnum == b.attnum && a.name == b.name && a.type_oid == b.type_oid && a.key == b.key &&
         a.lake_type->Equals(*b.lake_type);
}

Json ToJsonObject(const Column& column) {
  return {{"attnum", column.attnum},
          {"name", column.name},
          {"type_oid", column.type_oid},
          {"typmod", column.typmod},
          {"type", column.type_text},
          {"not_null", column.not_null},
          {"key", column.key},
          {"comment", column.comment},
          {"lake_type", LakeTypeName(*column.lake_type)}};
}

Result<Column> ColumnFromJson(const Json& json) {
  Column out;
  json.at("attnum").get_to(out.attnum);
  json.at("name").get_to(out.name);
  json.at("type_oid").get_to(out.type_oid);
  json.at("typmod").get_to(out.typmod);
  json.at("type").get_to(out.type_text);
  json.at("not_null").get_to(out.not_null);
  json.at("key").get_to(out.key);
  json.at("comment").get_to(out.comment);
  SLUICE_LET(out.lake_type, ParseLakeType(json.at("lake_type").get<std::string>()));
  return out;
}

Result<TableSchema> FromJsonObject(const Json& json) {
  TableSchema out;
  json.at("oid").get_to(out.id.oid);
  json.at("incarnation").get_to(out.id.incarnation);
  json.at("version").get_to(out.version.value);
  json.at("schema").get_to(out.schema_name);
  json.at("name").get_to(out.name);
  json.at("comment").get_to(out.comment);
  const int identity = json.at("identity").get<int>();
  if (identity < 0 || identity > static_cast<int>(ReplicaIdentity::kIndex)) {
    return MakeError(ErrorKind::kCorrupt, "table schema: identity {} is unknown", identity);
  }
  out.identity = static_cast<ReplicaIdentity>(identity);
  for (const Json& column : json.at("columns")) {
    SLUICE_LET(Column parsed, ColumnFromJson(column));
    out.columns.push_back(std::move(parsed));
  }
  return out;
}

bool IsPlainIdentifier(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::vector<int> TableSchema::KeyColumns() const {
  std::vector<int> out;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].key) out.push_back(static_cast<int>(i));
  }
  return out;
}

std::shared_ptr<arrow::Schema> TableSchema::RowSchema() const {
  arrow::FieldVector fields;
  for (const Column& column : columns) {
    fields.push_back(arrow::field(column.name, column.lake_type, !column.key));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Schema> TableSchema::KeySchema() const {
  arrow::FieldVector fields;
  for (const Column& column : columns) {
    if (column.key) fields.push_back(arrow::field(column.name, column.lake_type, false));
  }
  return arrow::schema(std::move(fields));
}

std::string TableSchema::QualifiedName() const {
  return QuoteIdentifier(schema_name) + "." + QuoteIdentifier(name);
}

bool SameShape(const TableSchema& a, const TableSchema& b) {
  return a.id.oid == b.id.oid && a.schema_name == b.schema_name && a.name == b.name &&
         a.identity == b.identity &&
         std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    SameColumn);
}

std::string ToJson(const TableSchema& schema) {
  Json columns = Json::array();
  for (const Column& column : schema.columns) columns.push_back(ToJsonObject(column));
  const Json out = {{"oid", schema.id.oid},
                    {"incarnation", schema.id.incarnation},
                    {"version", schema.version.value},
                    {"schema", schema.schema_name},
                    {"name", schema.name},
                    {"identity", static_cast<int>(schema.identity)},
                    {"comment", schema.comment},
                    {"columns", std::move(columns)}};
  return out.dump();
}

Result<TableSchema> TableSchemaFromJson(std::string_view json) {
  try {
    return FromJsonObject(Json::parse(json));
  } catch (const Json::exception& failure) {
    return MakeError(ErrorKind::kCorrupt, "table schema is not the expected JSON (error {})",
                     failure.id);
  }
}

std::string QuoteIdentifier(std::string_view name) {
  if (IsPlainIdentifier(name)) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace sluice
