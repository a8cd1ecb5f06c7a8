// Manifest lists and manifests (Iceberg spec, "Manifests", "Manifest Lists"), v2, unpartitioned
// tables to write; files of any partition spec to read. What is read and not kept: partition tuples
// and summaries, equality ids. So an entry of another spec than 0, or an equality delete, must not
// be written into a new manifest; carry its manifest as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "iceberg/table_metadata.h"
#include "parquet/data_file.h"
#include "store/object_store.h"

namespace sluice::iceberg {

enum class ManifestContent : uint8_t { kData = 0, kDeletes = 1 };
enum class FileContent : uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };
enum class EntryStatus : uint8_t { kExisting = 0, kAdded = 1, kDeleted = 2 };

struct ManifestFile {  // one row of a manifest list
  store::Location path;
  int64_t length = 0;
  int partition_spec_id = 0;
  ManifestContent content = ManifestContent::kData;
  int64_t sequence_number = 0;
  int64_t min_sequence_number = 0;
  SnapshotId added_snapshot_id = 0;
  int added_files = 0, existing_files = 0, deleted_files = 0;
  int64_t added_rows = 0, existing_rows = 0, deleted_rows = 0;
};

struct ManifestEntry {
  EntryStatus status = EntryStatus::kAdded;
  std::optional<SnapshotId> snapshot_id;
  std::optional<int64_t> sequence_number;       // data sequence number; null: inherited
  std::optional<int64_t> file_sequence_number;  // null: inherited
  FileContent content = FileContent::kData;
  std::string file_format = "PARQUET";
  parquet::DataFile file;
  std::optional<store::Location> referenced_data_file;
  std::optional<int> sort_order_id;
};

struct ManifestContext {  // what a manifest's header says besides its entries
  const Schema* schema = nullptr;
  SnapshotId snapshot_id = 0;
  ManifestContent content = ManifestContent::kData;
};

// Writes one manifest and returns its row of the list: counts by status, sequence numbers as
// kUnassigned (-1) where they are inherited from the commit's. Column counts that are kUnknownCount
// are left out. kInternal: an entry breaks the rules of its status; kUnsupported: equality deletes.
inline constexpr int64_t kUnassignedSequenceNumber = -1;
Result<ManifestFile> WriteManifest(store::ObjectStore& store, const store::Location& at,
                                   const ManifestContext& context,
                                   std::span<const ManifestEntry> entries);
// Entries with everything inherited filled in from `manifest` (unless it has no sequence number
// yet), removed ones too. kCorrupt also when their number is not what the list says.
Result<std::vector<ManifestEntry>> ReadManifest(store::ObjectStore& store,
                                                const ManifestFile& manifest);

// `files` with kUnassigned numbers, which must be of this snapshot, get the snapshot's. Returns the
// list's size in bytes.
Result<uint64_t> WriteManifestList(store::ObjectStore& store, const store::Location& at,
                                   const Snapshot& snapshot, std::span<const ManifestFile> files);
Result<std::vector<ManifestFile>> ReadManifestList(store::ObjectStore& store,
                                                   const store::Location& at);

}  // namespace sluice::iceberg
