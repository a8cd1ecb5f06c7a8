// One mirrored table at work: its lake table as last committed, the live files, the key index and
// the open window. Belongs to the merge thread.
//
// Invariants: files, index and `loaded` mirror one snapshot; position() is the cut of that
// snapshot; a window is committed whole or abandoned.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "change/visibility.h"
#include "merge/table_merge.h"
#include "pipeline/lake.h"
#include "pipeline/status_board.h"
#include "pipeline/table_rules.h"

namespace sluice::pipeline {

// Rows of a copy and what they hold: every transaction that `visibility` sees. The stream decides
// for itself once it is past `filter_until` (the insert position read after the snapshot).
struct CopiedTable {
  TableId id;
  std::vector<parquet::DataFile> files;
  merge::CopiedRuns keys;  // of rows in those files
  SnapshotVisibility visibility;
  Lsn filter_until;
  Lsn bus_from;  // where its changes begin on the bus: `visibility` sees everything before
  // A resync: the lake table of this uuid is replaced by the first commit.
  std::optional<std::string> replaces_uuid;
};

class MirrorTable {
 public:
  // Of a table that the lake holds, at the position its marks say.
  static Result<std::unique_ptr<MirrorTable>> OpenLive(const Lake& lake, ChosenTable chosen,
                                                       iceberg::LoadedTable loaded, Cut position);
  // Of a table just copied: its first commit creates (or after a resync replaces) the lake table.
  // `target` is what the copy was written for: NewLakeTable's.
  static Result<std::unique_ptr<MirrorTable>> OpenCopied(const Lake& lake, ChosenTable chosen,
                                                         iceberg::LoadedTable target,
                                                         CopiedTable copied);

  const TableId& id() const { return chosen_.mirror.schema.id; }
  const ChosenTable& chosen() const { return chosen_; }
  const iceberg::LoadedTable& loaded() const { return loaded_; }
  Cut position() const { return position_; }
  // Nothing of it is in the lake yet.
  bool first_commit_due() const { return copied_.has_value(); }
  // Whether the catalog still holds (or lacks) what the next commit builds on or replaces.
  bool StandsOn(const std::optional<iceberg::LoadedTable>& now) const;
  // A copied table may be committed from here on only.
  bool may_commit_at(Lsn cut) const { return !copied_ || cut >= copied_->filter_until; }
  bool has_changes() const { return changed_ || first_commit_due(); }
  // Memory: of the open window, and of the index's published entries. The latter is freed between
  // windows only.
  uint64_t window_bytes() const { return merge_->window_bytes(); }
  uint64_t index_bytes() const { return index_->statistics().recent_bytes; }
  Status SpillWindow() { return merge_->SpillWindow(); }
  Status SpillIndex() { return index_->SpillRecent(); }

  Status Apply(const ChangeBatch& batch);
  // Files written and durable; the catalog decides. Between Prepare and Committed or Abandon
  // nothing else may be called.
  Result<iceberg::PreparedCommit> Prepare(Cut cut, int64_t now_ms);
  Status Committed(Cut cut, iceberg::SnapshotId snapshot, iceberg::LoadedTable loaded);
  // Nothing was committed: the lake holds the table at cut anyway (no changes since).
  void MoveTo(Cut cut) { position_ = cut; }
  Status Abandon();
  // The next Abandon leaves the files of the window: a commit that names them may yet happen.
  void LeaveFiles() { leave_files_ = true; }

  TableStatus Describe(TableState state) const;

 private:
  MirrorTable(const Lake& lake, ChosenTable chosen, iceberg::LoadedTable loaded, Cut position);
  Status OpenIndex();
  Status LoadFiles();
  void MakeMerge();
  Result<std::optional<iceberg::SnapshotId>> RememberReplaced(int64_t now_ms);
  bool Counts(const TransactionRun& run) const;
  Status ApplyOwn(const ChangeBatch& batch);
  Status ApplyOther(const ChangeBatch& batch);

  const Lake& lake_;
  ChosenTable chosen_;
  iceberg::LoadedTable loaded_;
  std::shared_ptr<arrow::Schema> file_schema_;
  Cut position_;
  std::optional<CopiedTable> copied_;
  std::optional<std::string> replaces_uuid_;
  bool changed_ = false;
  bool leave_files_ = false;
  int64_t rows_ = 0;         // committed
  int64_t window_rows_ = 0;  // that the prepared window adds
  merge::FileSet files_;
  std::unique_ptr<merge::KeyIndex> index_;
  std::unique_ptr<merge::TableMerge> merge_;
};

// The lake table that a copy writes for: not in the catalog yet (metadata_location is empty), or,
// when `existing` is given, the one that will replace it. `incarnation` goes into its location.
iceberg::LoadedTable NewLakeTable(const Lake& lake, const ChosenTable& chosen,
                                  const std::optional<iceberg::LoadedTable>& existing);

// A fresh location for a data file of this table.
store::Location NextDataFile(const iceberg::LoadedTable& table);

}  // namespace sluice::pipeline
