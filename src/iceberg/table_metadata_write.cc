// Table metadata to JSON (Iceberg spec, Appendix C "Table Metadata and Snapshots"). Absent values
// are left out: readers stumble over nulls.
#include <algorithm>
#include <string>
#include <string_view>

#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

namespace {

template <typename T>
void SetIf(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

Json ToObject(const std::map<std::string, std::string>& strings) {
  Json out = Json::object();
  for (const auto& [key, value] : strings) out[key] = value;
  return out;
}

// A comment of an SQL_ASCII source may not be UTF-8; JSON must be.
std::string Text(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// What there is one of for each retained snapshot is written without the library's tree: it is most
// of the file, and with it most of what a small commit costs.
void Append(std::string_view string, std::string& out) {
  const bool as_it_is = std::all_of(string.begin(), string.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  if (!as_it_is) {
    out += Text(Json(string));
    return;
  }
  out += '"';
  out += string;
  out += '"';
}

// `separator` is what stands between this member and the one before.
void Append(std::string_view separator, std::string_view name, int64_t value, std::string& out) {
  out += separator;
  Append(name, out);
  out += ':';
  out += std::to_string(value);
}

void Append(std::string_view separator, std::string_view name, std::string_view value,
            std::string& out) {
  out += separator;
  Append(name, out);
  out += ':';
  Append(value, out);
}

void Append(const Snapshot& snapshot, std::string& out) {
  Append("{", "sequence-number", snapshot.sequence_number, out);
  Append(",", "snapshot-id", snapshot.id, out);
  if (snapshot.parent_id) Append(",", "parent-snapshot-id", *snapshot.parent_id, out);
  Append(",", "timestamp-ms", snapshot.timestamp_ms, out);
  if (!snapshot.summary.empty()) {
    out += ",\"summary\":";
    std::string_view separator = "{";
    for (const auto& [name, value] : snapshot.summary) {
      Append(separator, name, value, out);
      separator = ",";
    }
    out += '}';
  }
  Append(",", "manifest-list", snapshot.manifest_list, out);
  if (snapshot.schema_id) Append(",", "schema-id", *snapshot.schema_id, out);
  out += '}';
}

void Append(const TableMetadata::LogEntry& entry, std::string& out) {
  Append("{", "timestamp-ms", entry.timestamp_ms, out);
  Append(",", "snapshot-id", entry.snapshot_id, out);
  out += '}';
}

void Append(const TableMetadata::MetadataLogEntry& entry, std::string& out) {
  Append("{", "timestamp-ms", entry.timestamp_ms, out);
  Append(",", "metadata-file", entry.metadata_file, out);
  out += '}';
}

template <typename Item>
void Append(std::string_view name, const std::vector<Item>& items, std::string& out) {
  out += ',';
  Append(name, out);
  out += ":[";
  for (const Item& item : items) {
    if (&item != items.data()) out += ',';
    Append(item, out);
  }
  out += ']';
}

Json RefToJson(const SnapshotRef& ref) {
  Json out = {{"snapshot-id", ref.snapshot_id}, {"type", ref.is_branch ? "branch" : "tag"}};
  SetIf(out, "min-snapshots-to-keep", ref.min_snapshots_to_keep);
  SetIf(out, "max-snapshot-age-ms", ref.max_snapshot_age_ms);
  SetIf(out, "max-ref-age-ms", ref.max_ref_age_ms);
  return out;
}

}  // namespace

std::string ToJson(const TableMetadata& metadata) {
  Json out = {{"format-version", 2},
              {"table-uuid", metadata.table_uuid},
              {"location", metadata.location},
              {"last-sequence-number", metadata.last_sequence_number},
              {"last-updated-ms", metadata.last_updated_ms},
              {"last-column-id", metadata.last_column_id},
              {"current-schema-id", metadata.current_schema_id}};
  Json schemas = Json::array();
  for (const Schema& schema : metadata.schemas) schemas.push_back(SchemaToJson(schema));
  out["schemas"] = std::move(schemas);
  if (metadata.extra.is_object()) {
    for (const auto& [name, value] : metadata.extra.items()) out[name] = value;
  }
  out["properties"] = ToObject(metadata.properties);
  // -1 rather than nothing: readers of v2 want the member (spec, Appendix F).
  out["current-snapshot-id"] = metadata.current_snapshot_id.value_or(-1);
  Json refs = Json::object();
  for (const auto& [name, ref] : metadata.refs) refs[name] = RefToJson(ref);
  out["refs"] = std::move(refs);
  std::string text = Text(out);
  text.pop_back();  // the brace that closes it
  Append("snapshots", metadata.snapshots, text);
  Append("snapshot-log", metadata.snapshot_log, text);
  Append("metadata-log", metadata.metadata_log, text);
  return text += '}';
}

}  // namespace sluice::iceberg
