#include "iceberg/manifest_schema.h"

#include <utility>

namespace sluice::iceberg {

namespace {

// Order, names and ids as the Java library writes them: some readers go by position or by name.
constexpr const char* kManifestList = R"({"type":"struct","schema-id":0,"fields":[
{"id":500,"name":"manifest_path","required":true,"type":"string"},
{"id":501,"name":"manifest_length","required":true,"type":"long"},
{"id":502,"name":"partition_spec_id","required":true,"type":"int"},
{"id":517,"name":"content","required":true,"type":"int"},
{"id":515,"name":"sequence_number","required":true,"type":"long"},
{"id":516,"name":"min_sequence_number","required":true,"type":"long"},
{"id":503,"name":"added_snapshot_id","required":true,"type":"long"},
{"id":504,"name":"added_files_count","required":true,"type":"int"},
{"id":505,"name":"existing_files_count","required":true,"type":"int"},
{"id":506,"name":"deleted_files_count","required":true,"type":"int"},
{"id":512,"name":"added_rows_count","required":true,"type":"long"},
{"id":513,"name":"existing_rows_count","required":true,"type":"long"},
{"id":514,"name":"deleted_rows_count","required":true,"type":"long"},
{"id":507,"name":"partitions","required":false,"type":{"type":"list","element-id":508,
  "element":{"type":"struct","fields":[
    {"id":509,"name":"contains_null","required":true,"type":"boolean"},
    {"id":518,"name":"contains_nan","required":false,"type":"boolean"},
    {"id":510,"name":"lower_bound","required":false,"type":"binary"},
    {"id":511,"name":"upper_bound","required":false,"type":"binary"}]},
  "element-required":true}},
{"id":519,"name":"key_metadata","required":false,"type":"binary"}]})";

constexpr const char* kManifestEntry = R"({"type":"struct","schema-id":0,"fields":[
{"id":0,"name":"status","required":true,"type":"int"},
{"id":1,"name":"snapshot_id","required":false,"type":"long"},
{"id":3,"name":"sequence_number","required":false,"type":"long"},
{"id":4,"name":"file_sequence_number","required":false,"type":"long"},
{"id":2,"name":"data_file","required":true,"type":{"type":"struct","fields":[
  {"id":134,"name":"content","required":true,"type":"int"},
  {"id":100,"name":"file_path","required":true,"type":"string"},
  {"id":101,"name":"file_format","required":true,"type":"string"},
  {"id":102,"name":"partition","required":true,"type":{"type":"struct","fields":[]}},
  {"id":103,"name":"record_count","required":true,"type":"long"},
  {"id":104,"name":"file_size_in_bytes","required":true,"type":"long"},
  {"id":108,"name":"column_sizes","required":false,"type":{"type":"map",
    "key-id":117,"key":"int","value-id":118,"value":"long","value-required":true}},
  {"id":109,"name":"value_counts","required":false,"type":{"type":"map",
    "key-id":119,"key":"int","value-id":120,"value":"long","value-required":true}},
  {"id":110,"name":"null_value_counts","required":false,"type":{"type":"map",
    "key-id":121,"key":"int","value-id":122,"value":"long","value-required":true}},
  {"id":137,"name":"nan_value_counts","required":false,"type":{"type":"map",
    "key-id":138,"key":"int","value-id":139,"value":"long","value-required":true}},
  {"id":125,"name":"lower_bounds","required":false,"type":{"type":"map",
    "key-id":126,"key":"int","value-id":127,"value":"binary","value-required":true}},
  {"id":128,"name":"upper_bounds","required":false,"type":{"type":"map",
    "key-id":129,"key":"int","value-id":130,"value":"binary","value-required":true}},
  {"id":131,"name":"key_metadata","required":false,"type":"binary"},
  {"id":132,"name":"split_offsets","required":false,"type":{"type":"list",
    "element-id":133,"element":"long","element-required":true}},
  {"id":135,"name":"equality_ids","required":false,"type":{"type":"list",
    "element-id":136,"element":"int","element-required":true}},
  {"id":140,"name":"sort_order_id","required":false,"type":"int"},
  {"id":143,"name":"referenced_data_file","required":false,"type":"string"}]}}]})";

Json ToAvroType(const Json& type, int field_id);

std::string RecordName(int field_id) { return "r" + std::to_string(field_id); }

Json ListToAvro(const Json& list) {
  const int id = list.at("element-id").get<int>();
  return {{"type", "array"}, {"items", ToAvroType(list.at("element"), id)}, {"element-id", id}};
}

// Avro's own maps have string keys only.
Json MapToAvro(const Json& map) {
  const int key_id = map.at("key-id").get<int>();
  const int value_id = map.at("value-id").get<int>();
  Json key = {{"name", "key"}, {"type", ToAvroType(map.at("key"), key_id)}, {"field-id", key_id}};
  Json value = {
      {"name", "value"}, {"type", ToAvroType(map.at("value"), value_id)}, {"field-id", value_id}};
  Json entry = {{"type", "record"},
                {"name", "k" + std::to_string(key_id) + "_v" + std::to_string(value_id)},
                {"fields", Json::array({std::move(key), std::move(value)})}};
  return {{"type", "array"}, {"items", std::move(entry)}, {"logicalType", "map"}};
}

Json ToAvroType(const Json& type, int field_id) {
  if (type.is_string()) return type == "binary" ? Json("bytes") : type;
  const Json& kind = type.at("type");
  if (kind == "list") return ListToAvro(type);
  if (kind == "map") return MapToAvro(type);
  return ToAvroSchema(type, RecordName(field_id));
}

}  // namespace

Json ToAvroSchema(const Json& iceberg_struct, const std::string& record_name) {
  Json fields = Json::array();
  for (const Json& field : iceberg_struct.at("fields")) {
    const int id = field.at("id").get<int>();
    Json type = ToAvroType(field.at("type"), id);
    Json out = {{"name", field.at("name")}};
    if (field.at("required").get<bool>()) {
      out["type"] = std::move(type);
    } else {
      out["type"] = Json::array({"null", std::move(type)});
      out["default"] = nullptr;
    }
    out["field-id"] = id;
    fields.push_back(std::move(out));
  }
  return {{"type", "record"}, {"name", record_name}, {"fields", std::move(fields)}};
}

const Json& ManifestListSchema() {
  static const Json kSchema = Json::parse(kManifestList);
  return kSchema;
}

const Json& ManifestEntrySchema() {
  static const Json kSchema = Json::parse(kManifestEntry);
  return kSchema;
}

const std::string& ManifestListAvroSchema() {
  static const std::string kText = ToAvroSchema(ManifestListSchema(), "manifest_file").dump();
  return kText;
}

const std::string& ManifestEntryAvroSchema() {
  static const std::string kText = ToAvroSchema(ManifestEntrySchema(), "manifest_entry").dump();
  return kText;
}

}  // namespace sluice::iceberg
