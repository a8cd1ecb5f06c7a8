// Table metadata from JSON, as Java, PyIceberg and others write it: null and absent are the same,
// members that are not known are kept.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "iceberg/json.h"
#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

namespace {

constexpr std::array<std::string_view, 16> kKnown = {
    "format-version",
    "table-uuid",
    "location",
    "last-sequence-number",
    "last-updated-ms",
    "last-column-id",
    "schemas",
    "current-schema-id",
    "properties",
    "snapshots",
    "current-snapshot-id",
    "refs",
    "snapshot-log",
    "metadata-log",
    "schema",
    "partition-spec",  // the last two: v1's copies of the current ones
};

Error Invalid(std::string_view why) {
  return MakeError(ErrorKind::kCorrupt, "table metadata: {}", why);
}

Status CheckFormat(ObjectReader& reader) {
  const int version = reader.Int("format-version");
  SLUICE_TRY(reader.status());
  if (version == 2) return {};
  return MakeError(ErrorKind::kUnsupported, "Iceberg format version {} is not written here",
                   version)
      .WithHint("Sluice keeps its tables at format version 2; remove and resync this one");
}

Result<std::map<std::string, std::string>> ReadStrings(const Json& json, const char* what) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : json.items()) {
    if (value.is_null()) continue;
    if (!value.is_string()) {
      return MakeError(ErrorKind::kCorrupt, "{}: '{}' is not a string", what, key);
    }
    out[key] = value.get<std::string>();
  }
  return out;
}

Result<Snapshot> SnapshotFromJson(const Json& json) {
  ObjectReader reader(json, "snapshot");
  Snapshot out;
  out.id = reader.Long("snapshot-id");
  out.parent_id = reader.LongIf("parent-snapshot-id");
  out.sequence_number = reader.LongIf("sequence-number").value_or(0);  // 0: of a former v1 table
  out.timestamp_ms = reader.Long("timestamp-ms");
  out.manifest_list = reader.StringIf("manifest-list");
  out.schema_id = reader.IntIf("schema-id");
  SLUICE_LET(out.summary, ReadStrings(reader.ObjectIf("summary"), "snapshot summary"));
  SLUICE_TRY(reader.status());
  if (out.manifest_list.empty()) {
    return MakeError(ErrorKind::kUnsupported, "snapshot {} has no manifest list", out.id);
  }
  return out;
}

Result<SnapshotRef> RefFromJson(const Json& json, const std::string& name) {
  ObjectReader reader(json, "ref '" + name + "'");
  SnapshotRef out;
  out.snapshot_id = reader.Long("snapshot-id");
  const std::string type = reader.String("type");
  out.min_snapshots_to_keep = reader.IntIf("min-snapshots-to-keep");
  out.max_snapshot_age_ms = reader.LongIf("max-snapshot-age-ms");
  out.max_ref_age_ms = reader.LongIf("max-ref-age-ms");
  SLUICE_TRY(reader.status());
  if (type != "branch" && type != "tag") return Invalid("a ref is neither branch nor tag");
  out.is_branch = type == "branch";
  return out;
}

Status ReadSchemas(ObjectReader& reader, TableMetadata& out) {
  out.last_column_id = reader.Int("last-column-id");
  out.current_schema_id = reader.Int("current-schema-id");
  bool found = false;
  for (const Json& schema : reader.Array("schemas")) {
    SLUICE_LET(Schema parsed, SchemaFromJson(schema));
    found = found || parsed.schema_id == out.current_schema_id;
    out.schemas.push_back(std::move(parsed));
  }
  SLUICE_TRY(reader.status());
  if (!found) return Invalid("the current schema is not among its schemas");
  return {};
}

Status ReadLogs(ObjectReader& reader, TableMetadata& out) {
  for (const Json& entry : reader.ArrayIf("snapshot-log")) {
    ObjectReader log(entry, "snapshot log");
    out.snapshot_log.push_back({log.Long("timestamp-ms"), log.Long("snapshot-id")});
    SLUICE_TRY(log.status());
  }
  for (const Json& entry : reader.ArrayIf("metadata-log")) {
    ObjectReader log(entry, "metadata log");
    out.metadata_log.push_back({log.Long("timestamp-ms"), log.String("metadata-file")});
    SLUICE_TRY(log.status());
  }
  return reader.status();
}

// `refs` came later than `current-snapshot-id`; where both are, they must agree.
Status ReadRefs(ObjectReader& reader, TableMetadata& out) {
  const std::optional<int64_t> current = reader.LongIf("current-snapshot-id");
  if (current && *current != -1) out.current_snapshot_id = current;
  for (const auto& [name, ref] : reader.ObjectIf("refs").items()) {
    SLUICE_LET(out.refs[name], RefFromJson(ref, name));
    if (out.FindSnapshot(out.refs[name].snapshot_id) == nullptr) {
      return Invalid("a ref points to a snapshot that is not there");
    }
  }
  SLUICE_TRY(reader.status());
  if (out.current_snapshot_id && out.current_snapshot() == nullptr) {
    return Invalid("the current snapshot is not among its snapshots");
  }
  const auto main = out.refs.find("main");
  if (main == out.refs.end()) {
    if (out.current_snapshot_id) out.refs["main"].snapshot_id = *out.current_snapshot_id;
  } else if (!main->second.is_branch || out.current_snapshot_id != main->second.snapshot_id) {
    return Invalid("branch main is not the current snapshot");
  }
  return {};
}

Status ReadSnapshots(ObjectReader& reader, TableMetadata& out) {
  for (const Json& snapshot : reader.ArrayIf("snapshots")) {
    SLUICE_LET(Snapshot parsed, SnapshotFromJson(snapshot));
    if (parsed.sequence_number > out.last_sequence_number) {
      return Invalid("a snapshot's sequence number is above the last one");
    }
    out.snapshots.push_back(std::move(parsed));
  }
  return reader.status();
}

Json ReadExtra(const Json& json) {
  Json out = Json::object();
  for (const auto& [name, value] : json.items()) {
    const bool known = std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
    if (!known && !value.is_null()) out[name] = value;
  }
  return out;
}

}  // namespace

Result<TableMetadata> ParseTableMetadata(std::string_view json) {
  SLUICE_LET(const Json parsed, ParseJson(json), "reading table metadata");
  ObjectReader reader(parsed, "table metadata");
  SLUICE_TRY(CheckFormat(reader));
  TableMetadata out;
  out.table_uuid = reader.String("table-uuid");
  out.location = reader.String("location");
  out.last_sequence_number = reader.Long("last-sequence-number");
  out.last_updated_ms = reader.Long("last-updated-ms");
  // What has no default and is written back as it is: without it no reader takes the file.
  for (const char* name : {"partition-specs", "sort-orders"}) (void)reader.Array(name);
  for (const char* name : {"default-spec-id", "last-partition-id", "default-sort-order-id"}) {
    (void)reader.Int(name);
  }
  SLUICE_TRY(reader.status());
  SLUICE_TRY(ReadSchemas(reader, out), "reading table metadata of {}", out.location);
  SLUICE_LET(out.properties, ReadStrings(reader.ObjectIf("properties"), "table properties"));
  SLUICE_TRY(ReadSnapshots(reader, out), "reading table metadata of {}", out.location);
  SLUICE_TRY(ReadRefs(reader, out), "reading table metadata of {}", out.location);
  SLUICE_TRY(ReadLogs(reader, out), "reading table metadata of {}", out.location);
  out.extra = ReadExtra(parsed);
  return out;
}

}  // namespace sluice::iceberg
