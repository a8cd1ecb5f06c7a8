// Iceberg's JSON of a schema (spec, Appendix C "Schemas").
#include <arrow/type.h>

#include <set>

#include "change/table_schema.h"
#include "iceberg/json.h"
#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

namespace {

// Spec, "Reserved Field IDs": above it are metadata columns.
constexpr int kFieldIdMax = 2147483447;

Json ListToJson(const Field& field) {
  const auto& list = static_cast<const arrow::ListType&>(*field.type);
  return {{"type", "list"},
          {"element-id", field.element_id},
          {"element", LakeTypeName(*list.value_type())},
          {"element-required", !list.value_field()->nullable()}};
}

Json MapToJson(const Field& field) {
  const auto& map = static_cast<const arrow::MapType&>(*field.type);
  return {{"type", "map"},
          {"key-id", field.element_id},
          {"key", LakeTypeName(*map.key_type())},
          {"value-id", field.value_id},
          {"value", LakeTypeName(*map.item_type())},
          {"value-required", !map.item_field()->nullable()}};
}

Json TypeToJson(const Field& field) {
  switch (field.type->id()) {
    case arrow::Type::LIST:
      return ListToJson(field);
    case arrow::Type::MAP:
      return MapToJson(field);
    default:
      return LakeTypeName(*field.type);
  }
}

Json FieldToJson(const Field& field) {
  Json out = {{"id", field.id},
              {"name", field.name},
              {"required", field.required},
              {"type", TypeToJson(field)}};
  if (!field.doc.empty()) out["doc"] = field.doc;
  return out;
}

Error NotRead(const Field& field, std::string_view type) {
  return MakeError(ErrorKind::kUnsupported,
                   "column {} ('{}') has type {}, which Sluice never writes", field.id, field.name,
                   type);
}

Result<std::shared_ptr<arrow::DataType>> Primitive(const Field& field, const Json& json) {
  if (!json.is_string()) return NotRead(field, "of a nested type");
  const auto name = json.get<std::string>();
  if (name.starts_with("list")) return NotRead(field, name);  // a list has an element id
  auto type = ParseLakeType(name);
  if (!type) return NotRead(field, name);
  return std::move(*type);
}

Status ReadList(const Json& json, Field& field) {
  ObjectReader reader(json, "list type");
  field.element_id = reader.Int("element-id");
  const bool required = reader.Bool("element-required");
  const Json* element = reader.Find("element");
  SLUICE_TRY(reader.status());
  SLUICE_LET(auto type, Primitive(field, element == nullptr ? Json() : *element));
  field.type = arrow::list(arrow::field("element", std::move(type), !required));
  return {};
}

// The ledger's map<string, long>; no source column becomes a map.
Status ReadMap(const Json& json, Field& field) {
  ObjectReader reader(json, "map type");
  field.element_id = reader.Int("key-id");
  field.value_id = reader.Int("value-id");
  const bool required = reader.Bool("value-required");
  const Json* key = reader.Find("key");
  const Json* value = reader.Find("value");
  SLUICE_TRY(reader.status());
  SLUICE_LET(auto key_type, Primitive(field, key == nullptr ? Json() : *key));
  SLUICE_LET(auto value_type, Primitive(field, value == nullptr ? Json() : *value));
  field.type =
      arrow::map(std::move(key_type), arrow::field("value", std::move(value_type), !required));
  return {};
}

Status ReadType(const Json& json, Field& field) {
  if (json.is_object()) {
    ObjectReader reader(json, "column type");
    const std::string kind = reader.String("type");
    SLUICE_TRY(reader.status());
    if (kind == "list") return ReadList(json, field);
    if (kind == "map") return ReadMap(json, field);
    return NotRead(field, kind);
  }
  SLUICE_LET(field.type, Primitive(field, json));
  return {};
}

Result<Field> FieldFromJson(const Json& json) {
  ObjectReader reader(json, "column");
  Field out;
  out.id = reader.Int("id");
  out.name = reader.String("name");
  out.required = reader.Bool("required");
  out.doc = reader.StringIf("doc");
  const Json* type = reader.Find("type");
  SLUICE_TRY(reader.status());
  if (type == nullptr) {
    return MakeError(ErrorKind::kCorrupt, "column {} ('{}') has no type", out.id, out.name);
  }
  SLUICE_TRY(ReadType(*type, out));
  return out;
}

// Everything hangs on ids: two fields of one id would be read from the same column.
Status CheckIds(const Schema& schema) {
  std::set<int> seen;
  for (const Field& field : schema.fields) {
    std::vector<int> ids = {field.id};
    if (field.type->id() == arrow::Type::LIST) ids = {field.id, field.element_id};
    if (field.type->id() == arrow::Type::MAP) ids = {field.id, field.element_id, field.value_id};
    for (const int id : ids) {
      if (id < 0 || id > kFieldIdMax || !seen.insert(id).second) {
        return MakeError(ErrorKind::kCorrupt, "field id {} is used twice or out of range", id);
      }
    }
  }
  return {};
}

}  // namespace

Json SchemaToJson(const Schema& schema) {
  Json out = {{"type", "struct"}, {"schema-id", schema.schema_id}};
  if (!schema.identifier_field_ids.empty()) {
    out["identifier-field-ids"] = schema.identifier_field_ids;
  }
  Json fields = Json::array();
  for (const Field& field : schema.fields) fields.push_back(FieldToJson(field));
  out["fields"] = std::move(fields);
  return out;
}

Result<Schema> SchemaFromJson(const Json& json) {
  ObjectReader reader(json, "schema");
  Schema out;
  out.schema_id = reader.IntIf("schema-id").value_or(0);
  out.identifier_field_ids = reader.IntsIf("identifier-field-ids");
  const Json& fields = reader.Array("fields");
  SLUICE_TRY(reader.status());
  for (const Json& field : fields) {
    SLUICE_LET(Field parsed, FieldFromJson(field), "reading schema {}", out.schema_id);
    out.fields.push_back(std::move(parsed));
  }
  SLUICE_TRY(CheckIds(out), "reading schema {}", out.schema_id);
  return out;
}

}  // namespace sluice::iceberg
