// Table metadata to JSON (Iceberg spec, Appendix C "Table Metadata and Snapshots"). Absent values
// are left out: readers stumble over nulls.
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

Json SnapshotToJson(const Snapshot& snapshot) {
  Json out = {{"sequence-number", snapshot.sequence_number}, {"snapshot-id", snapshot.id}};
  SetIf(out, "parent-snapshot-id", snapshot.parent_id);
  out["timestamp-ms"] = snapshot.timestamp_ms;
  if (!snapshot.summary.empty()) out["summary"] = ToObject(snapshot.summary);
  out["manifest-list"] = snapshot.manifest_list;
  SetIf(out, "schema-id", snapshot.schema_id);
  return out;
}

Json RefToJson(const SnapshotRef& ref) {
  Json out = {{"snapshot-id", ref.snapshot_id}, {"type", ref.is_branch ? "branch" : "tag"}};
  SetIf(out, "min-snapshots-to-keep", ref.min_snapshots_to_keep);
  SetIf(out, "max-snapshot-age-ms", ref.max_snapshot_age_ms);
  SetIf(out, "max-ref-age-ms", ref.max_ref_age_ms);
  return out;
}

void WriteSnapshots(const TableMetadata& metadata, Json& out) {
  // -1 rather than nothing: readers of v2 want the member (spec, Appendix F).
  out["current-snapshot-id"] = metadata.current_snapshot_id.value_or(-1);
  Json refs = Json::object();
  for (const auto& [name, ref] : metadata.refs) refs[name] = RefToJson(ref);
  out["refs"] = std::move(refs);
  Json snapshots = Json::array();
  for (const Snapshot& snapshot : metadata.snapshots) snapshots.push_back(SnapshotToJson(snapshot));
  out["snapshots"] = std::move(snapshots);
  Json log = Json::array();
  for (const auto& entry : metadata.snapshot_log) {
    log.push_back({{"timestamp-ms", entry.timestamp_ms}, {"snapshot-id", entry.snapshot_id}});
  }
  out["snapshot-log"] = std::move(log);
  Json files = Json::array();
  for (const auto& entry : metadata.metadata_log) {
    files.push_back({{"timestamp-ms", entry.timestamp_ms}, {"metadata-file", entry.metadata_file}});
  }
  out["metadata-log"] = std::move(files);
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
  WriteSnapshots(metadata, out);
  // A comment of an SQL_ASCII source may not be UTF-8; JSON must be.
  return out.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace sluice::iceberg
