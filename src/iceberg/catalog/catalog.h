// The catalog seam, REST's model: a commit is requirements and updates; the SQL catalog applies the
// updates itself and writes the metadata file.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

struct TableIdentifier {
  std::string name_space;  // levels joined by '.'
  std::string name;
  friend auto operator<=>(const TableIdentifier&, const TableIdentifier&) = default;
  std::string ToString() const { return name_space + "." + name; }
};

struct LoadedTable {
  TableIdentifier identifier;
  std::string metadata_location;
  TableMetadata metadata;
};

// Requirements (REST: assert-create, assert-table-uuid, assert-ref-snapshot-id on main).
struct AssertCreate {};
struct AssertTableUuid {
  std::string uuid;
};
struct AssertHead {
  std::optional<SnapshotId> snapshot_id;  // nothing: the table has no snapshot
};
using Requirement = std::variant<AssertCreate, AssertTableUuid, AssertHead>;

// Updates, in order.
struct CreateTable {  // stands with AssertCreate; with AssertTableUuid it replaces that table
  TableMetadata metadata;
};
struct AddSnapshot {  // and main points to it
  Snapshot snapshot;
};
struct SetTag {
  std::string name;
  SnapshotId snapshot_id = 0;
};
struct RemoveRef {
  std::string name;
};
struct RemoveSnapshots {
  std::vector<SnapshotId> ids;
};
struct SetProperties {
  std::map<std::string, std::string> properties;
};
struct RemoveProperties {
  std::vector<std::string> names;
};
using Update = std::variant<CreateTable, AddSnapshot, SetTag, RemoveRef, RemoveSnapshots,
                            SetProperties, RemoveProperties>;

struct TableCommit {
  TableIdentifier table;
  std::string commit_id;  // UUID; in the summary and the metadata file's name: the same on a retry
  std::vector<Requirement> requirements;
  std::vector<Update> updates;
  // What it was prepared on, as Load gave it: where the catalog still has that, it need not read
  // and parse it again. Outlives the call; nothing is as good.
  const LoadedTable* base = nullptr;
};

// Thread-safe.
class Catalog {
 public:
  virtual ~Catalog() = default;
  // 1, or how many tables one Commit takes all-or-nothing.
  virtual size_t CommitTablesMax() const = 0;
  virtual Result<std::optional<LoadedTable>> Load(const TableIdentifier& table) = 0;
  virtual Result<std::vector<TableIdentifier>> List() = 0;
  // All or none; the tables as they are then. kConflict: a requirement failed, nothing happened,
  // the files of the commit may go. kCommitUnknown: ask with Load before anything else; delete
  // nothing.
  virtual Result<std::vector<LoadedTable>> Commit(std::span<const TableCommit> commits) = 0;
  // Removes the entry, not the files.
  virtual Status Drop(const TableIdentifier& table) = 0;
};

// Applies updates to metadata (pure; `base` is null where no table stands yet): sequence numbers,
// logs, refs, last-updated-ms as the spec wants. The base's location goes into metadata-log, capped
// at write.metadata.previous-versions-max. `now_ms` counts only in a commit without a snapshot, so
// that sending a commit again makes the same bytes. kConflict: a requirement fails, or what the
// updates name (snapshots, refs, the next sequence number) is no longer as the commit takes it to
// be.
Result<TableMetadata> ApplyCommit(const LoadedTable* base, const TableCommit& commit,
                                  int64_t now_ms);

}  // namespace sluice::iceberg
