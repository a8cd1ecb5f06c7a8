// Tables that read the bus together: same reader, same position. The main group holds every live
// table; a table that was just copied, resumed or re-opened catches up in a group of its own and
// joins the main one at the same cut. Belongs to the merge thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "pipeline/cut_commit.h"
#include "pipeline/mirror_table.h"

namespace sluice::pipeline {

// A table that cannot go on, and why.
struct TableFault {
  TableId table;
  std::string reason;
  std::string hint = {};
  // The stream itself ends here for this table: what precedes the window's cut is still good.
  bool stopped_by_stream = false;
  Cut before = {};  // the last cut before that end
};

class MergeGroup {
 public:
  // `reader` stands at `position`.
  MergeGroup(const Lake& lake, std::unique_ptr<bus::BusReader> reader, Cut position)
      : lake_(lake), reader_(std::move(reader)), position_(position), window_cut_(position) {}

  void Add(std::unique_ptr<MirrorTable> table);
  std::unique_ptr<MirrorTable> Remove(TableId table);
  MirrorTable* Find(TableId table) const;
  std::vector<MirrorTable*> tables() const;
  bool empty() const { return tables_.empty(); }

  // After this cut the tables fail with these words (a replay up to where their stream ended).
  struct End {
    Cut at;
    std::string reason;
    std::string hint;
  };
  void EndAt(End end) { end_ = std::move(end); }
  const std::optional<End>& end() const { return end_; }

  // Takes records up to the next cut, never past `limit`. Returns whether it did anything.
  Result<bool> Advance(std::optional<Lsn> limit, std::vector<TableFault>& faults);
  // The window can be committed now: everything applied is at or below window_cut().
  bool at_cut() const { return !applied_past_cut_ && window_cut_.lsn > position_.lsn; }
  // Nothing was applied since the last commit: another table at this position may join.
  bool clean() const { return !applied_past_cut_ && window_cut_ == position_; }
  Cut position() const { return position_; }
  Cut window_cut() const { return window_cut_; }
  bool has_changes() const;
  bool may_commit() const;
  // The smallest freshness among tables with changes.
  int64_t freshness_us() const;

  // Commits the window; with a ledger its row too. Nothing was committed where tables are returned,
  // whose heads moved, or faults: without those tables the window has to be rewound.
  Result<std::vector<TableId>> Commit(iceberg::Ledger* ledger, std::vector<TableFault>& faults);
  // Writes the ledger's row for position() anew: which tables stand there has changed.
  Status Record(iceberg::Ledger& ledger) const;
  // Memory of the tables' windows and of their indexes (mirror_table.h), and how it is freed, the
  // largest table first, until at most so much is left: windows at any time, indexes after Commit.
  uint64_t window_bytes() const;
  uint64_t index_bytes() const;
  Status SpillWindows(uint64_t bytes_max, std::vector<TableFault>& faults);
  Status SpillIndexes(uint64_t bytes_max);
  // Forgets the window and reads it again.
  Status Rewind();

 private:
  Status Take(bus::Record& record, std::vector<TableFault>& faults);
  MirrorTable* FindReceiver(TableId table) const;
  Status TakeBatch(const ChangeBatch& batch, std::vector<TableFault>& faults);

  const Lake& lake_;
  std::unique_ptr<bus::BusReader> reader_;
  std::map<TableId, std::unique_ptr<MirrorTable>> tables_;
  std::deque<bus::Record> records_;
  Cut position_;    // committed
  Cut window_cut_;  // the newest cut read
  bool applied_past_cut_ = false;
  std::optional<End> end_;
};

}  // namespace sluice::pipeline
