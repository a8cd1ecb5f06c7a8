// From a row delta to a commit of one mirror table: position-delete files merged in tiers,
// manifests, the manifest list, marks in the summary and properties, history thinned. Writes the
// files, durable; the catalog makes them count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"
#include "iceberg/catalog/catalog.h"
#include "iceberg/history.h"
#include "iceberg/manifest.h"
#include "merge/row_delta.h"
#include "store/object_store.h"

namespace sluice::iceberg {

// What ties a snapshot to the source (interface.md, "Marks in the lake").
struct Marks {
  Cut cut;
  std::string source;  // "<system identifier>/<timeline>/<database>"
  std::string slot;
  std::string pipeline;
  uint64_t epoch = 0;
};
std::map<std::string, std::string> SummaryOf(const Marks& marks, const std::string& commit_id);
// The newest marks of `source` and `pipeline` in the head's ancestry and their snapshot; falls back
// to the table properties when the ancestry is cut short. Nothing: no commit of ours.
struct FoundMarks {
  Marks marks;
  SnapshotId snapshot_id = 0;
  std::string commit_id;
  bool foreign_on_top = false;  // snapshots without our marks stand above it
};
Result<std::optional<FoundMarks>> FindMarks(const TableMetadata& metadata,
                                            const std::string& source,
                                            const std::string& pipeline);

// The live files of a snapshot, as merge needs them.
struct LiveDataFile {
  parquet::DataFile file;
  int64_t sequence_number = 0;
};
struct LiveDeleteFile {
  store::Location location;
  int64_t sequence_number = 0;
  int64_t record_count = 0;
};
struct TableFiles {
  std::vector<LiveDataFile> data;
  std::vector<LiveDeleteFile> deletes;
};
Result<TableFiles> ReadTableFiles(store::ObjectStore& store, const TableMetadata& metadata);
// Deleted rows of every live data file, by location.
Result<parquet::PositionDeletes> ReadLiveDeletes(store::ObjectStore& store,
                                                 const TableFiles& files);

struct PreparedCommit {
  TableCommit commit;
  SnapshotId snapshot_id = 0;
  std::vector<store::Location> written;  // ours to delete if the commit is known to have failed
  // Files no retained snapshot refers to once this commit has happened: delete after it.
  std::vector<store::Location> expired;
};

struct CommitOptions {
  HistoryPolicy history;
  int64_t now_ms = 0;  // at least the head's timestamp + 1: the caller takes max over the cut
  int manifests_merge_min = 20;
  int delete_tier_files = 10;  // so many delete files of one tier become one of the next
};

// `delta` may be empty of rows (a first commit of an empty table, a moved mark).
Result<PreparedCommit> PrepareCommit(store::ObjectStore& store, const LoadedTable& table,
                                     const merge::RowDelta& delta, const Marks& marks,
                                     const CommitOptions& options);

}  // namespace sluice::iceberg
