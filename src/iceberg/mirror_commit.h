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
#include "iceberg/manifest_cache.h"
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
// to the table properties when the ancestry is cut short. Nothing: no commit of ours. kConfig: the
// ancestry is cut short and the table was rolled back below our last commit, so nobody can tell.
struct FoundMarks {
  Marks marks;
  SnapshotId snapshot_id = 0;
  std::string commit_id;
  bool foreign_on_top = false;  // snapshots without our marks stand above it
};
Result<std::optional<FoundMarks>> FindMarks(const TableMetadata& metadata,
                                            const std::string& source, const std::string& pipeline);

// Properties of a new mirror table, so that foreign writers and old metadata files behave.
std::map<std::string, std::string> MirrorProperties();

// The live files of a snapshot, as merge needs them: without column statistics and split offsets.
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
// kUnsupported: another writer's equality deletes or deletion vectors are among them.
Result<TableFiles> ReadTableFiles(store::ObjectStore& store, const TableMetadata& metadata);
// Deleted rows of every live data file, by location.
Result<parquet::PositionDeletes> ReadLiveDeletes(store::ObjectStore& store,
                                                 const TableFiles& files);

struct PreparedCommit {
  TableCommit commit;
  SnapshotId snapshot_id = 0;
  std::vector<store::Location> written;  // ours to delete if the commit is known to have failed
  // Files no retained snapshot refers to once this commit has happened: delete after it. Those of a
  // crash between the two stay as orphans.
  std::vector<store::Location> expired;
  // Why no snapshot was expired though some are due: a file of theirs could not be read. Logged.
  std::optional<Error> expiry_failed;
};

struct CommitOptions {
  HistoryPolicy history;
  int64_t now_ms = 0;  // at least the head's timestamp + 1: the caller takes max over the cut
  int manifests_merge_min = 20;
  int delete_tier_files = 10;  // so many delete files of one tier become one of the next
  // What immutable metadata files say, kept between commits. Null: everything is read again, the
  // manifest lists of all retained snapshots included, as soon as one expires.
  ManifestCache* cache = nullptr;
  std::string commit_id;  // a UUID; empty: a random one. Names the files and the snapshot.
};

// `delta` may be empty of rows (a first commit of an empty table, a moved mark): an `append` of no
// files then. A table without `metadata_location` is created by the commit, with its first
// snapshot. On an error nothing that was written remains. kConflict: `delta` removes or deletes
// from a file that is not live; load the table again.
Result<PreparedCommit> PrepareCommit(store::ObjectStore& store, const LoadedTable& table,
                                     const merge::RowDelta& delta, const Marks& marks,
                                     const CommitOptions& options);

}  // namespace sluice::iceberg
