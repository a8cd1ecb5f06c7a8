// The table metadata file as a structure (Iceberg spec, "Table Metadata Fields"), format v2.
// Pure data and JSON; commit logic is elsewhere. Unknown properties of files written by others are
// kept (`extra`), so that reading and writing loses nothing.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "iceberg/json.h"

namespace sluice::iceberg {

using SnapshotId = int64_t;

struct Field {
  int id = 0;
  std::string name;
  bool required = false;
  // A lake type (change/table_schema.h) or map<string, long>.
  std::shared_ptr<arrow::DataType> type;
  int element_id = 0;  // of a list; a map's key
  int value_id = 0;    // of a map
  std::string doc;
};

struct Schema {
  int schema_id = 0;
  std::vector<Field> fields;
  std::vector<int> identifier_field_ids;
};

struct Snapshot {
  SnapshotId id = 0;
  std::optional<SnapshotId> parent_id;
  int64_t sequence_number = 0;
  int64_t timestamp_ms = 0;
  std::string manifest_list;
  std::map<std::string, std::string> summary;  // with "operation"
  std::optional<int> schema_id;
};

struct SnapshotRef {
  SnapshotId snapshot_id = 0;
  bool is_branch = true;
  std::optional<int> min_snapshots_to_keep = std::nullopt;
  std::optional<int64_t> max_snapshot_age_ms = std::nullopt;
  std::optional<int64_t> max_ref_age_ms = std::nullopt;
};

struct TableMetadata {  // NOLINT(bugprone-exception-escape): moving a Json only asserts
  std::string table_uuid;
  std::string location;
  int64_t last_sequence_number = 0;
  int64_t last_updated_ms = 0;
  int last_column_id = 0;
  std::vector<Schema> schemas;
  int current_schema_id = 0;
  std::map<std::string, std::string> properties;
  std::optional<SnapshotId> current_snapshot_id;
  std::vector<Snapshot> snapshots;
  std::map<std::string, SnapshotRef> refs;
  struct LogEntry {
    int64_t timestamp_ms = 0;
    SnapshotId snapshot_id = 0;
  };
  std::vector<LogEntry> snapshot_log;
  struct MetadataLogEntry {
    int64_t timestamp_ms = 0;
    std::string metadata_file;
  };
  std::vector<MetadataLogEntry> metadata_log;
  Json extra;  // every other top-level member, as it was read (partition specs of others, ...)

  const Schema& current_schema() const;
  const Snapshot* FindSnapshot(SnapshotId id) const;
  const Snapshot* current_snapshot() const;  // null: an empty table
  // Head first, following parents as far as `snapshots` reaches.
  std::vector<const Snapshot*> Ancestry() const;
};

// A new, empty, unpartitioned v2 table. `schema` comes with its ids.
TableMetadata NewTableMetadata(std::string uuid, std::string location, Schema schema,
                               std::map<std::string, std::string> properties, int64_t now_ms);

std::string ToJson(const TableMetadata& metadata);
// kCorrupt: not metadata; kUnsupported: format version 1 or above 2.
Result<TableMetadata> ParseTableMetadata(std::string_view json);

// Iceberg's JSON of one schema, as manifests carry it too.
Json SchemaToJson(const Schema& schema);
Result<Schema> SchemaFromJson(const Json& json);
// Fields with PARQUET:field_id metadata, required <=> not nullable: what parquet/ writes and reads.
std::shared_ptr<arrow::Schema> ToArrowSchema(const Schema& schema);

}  // namespace sluice::iceberg
