// Merge: the bus into the lake, table by table, cut by cut. One object, one thread; other threads
// hand in work with Post. Joins merge/ and iceberg/, and decides which cuts are committed.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "pipeline/merge_group.h"
#include "pipeline/status_board.h"
#include "pipeline/step.h"

namespace sluice::pipeline {

// Opens a bus reader of its own for a group.
using ReaderFactory = std::function<Result<std::unique_ptr<bus::BusReader>>()>;

// What the tables of all groups hold (mirror_table.h).
struct MergeMemory {
  uint64_t window_bytes = 0;
  uint64_t index_bytes = 0;
};

class MergeLoop {
 public:
  // `ledger` was claimed at lake.epoch. References outlive this.
  MergeLoop(const Lake& lake, ReaderFactory readers, iceberg::Ledger ledger, Cut position,
            StatusBoard& board);

  // One bounded piece. An error ends the pipeline (kConflict: taken over); errors that pass by
  // themselves are kept inside and tried again with backoff.
  Result<StepResult> Step();

  // Runs `work` on the merge thread at its next step. Any thread.
  void Post(std::function<void(MergeLoop&)> work);

  // --- on the merge thread (through Post, or before the loop runs) ---
  // An error: what hinders may pass, and the table is in no group.
  Status AddLive(std::unique_ptr<MirrorTable> table);
  // Catches up from its position in a group of its own. A hole in the bus fails it.
  Status AddCatchingUp(std::unique_ptr<MirrorTable> table,
                       std::optional<MergeGroup::End> end = std::nullopt);
  // A table on its way into a group of its own: opened at the next step, and again while what
  // hinders may pass. Needs the bus from `from` on.
  using OpenTable = std::function<Result<std::unique_ptr<MirrorTable>>()>;
  void Arrive(ChosenTable chosen, Cut from, OpenTable open,
              std::optional<MergeGroup::End> end = std::nullopt);
  // Words for a table that is in no group: planned, copying, failed, paused.
  // With a position, `marked` is the snapshot whose marks it goes by (Reopen).
  void Park(ChosenTable chosen, TableStatus status, std::optional<Cut> position,
            std::optional<iceberg::SnapshotId> marked = std::nullopt);
  void Pause(const std::string& name, const std::function<void(Status)>& done);
  void Resume(const std::string& name, const std::function<void(Status)>& done);
  // kConflict: another sluice has taken the pipeline over; nothing may be changed any more.
  Status CheckEpoch();
  // A table that can be copied again; nothing: unknown, or being copied.
  std::optional<ChosenTable> FindForResync(const std::string& name) const;
  // Takes it out of its group.
  void TakeForResync(const std::string& name);
  // Fails a table wherever it is; remembered in the lake.
  void Fail(const TableFault& fault);
  // Commits up to `lsn` as soon as the bus has it, whatever the freshness.
  void FlushThrough(Lsn lsn) { flush_ = std::max(flush_, lsn); }
  // A copy needs the bus from `from` on until Unpin.
  void Pin(TableId table, Lsn from);
  void Unpin(TableId table) { pins_.erase(table); }

  // Between steps at most its shares (memory_shares.h).
  MergeMemory memory() const;

  // What the bus must keep (all, before the first step), and the newest cut the ledger holds; any
  // thread.
  Lsn pinned() const { return Lsn{pinned_}; }
  Lsn committed() const { return Lsn{committed_}; }
  // The newest such cut at which no table was on its own: what the lake holds without the bus.
  Lsn recorded() const { return Lsn{recorded_}; }

 private:
  struct Parked {
    ChosenTable chosen;
    TableStatus status;
    std::optional<Cut> position;  // of a table that the lake holds
    std::optional<iceberg::SnapshotId> marked;
  };

  struct Arrival {
    ChosenTable chosen;
    Cut from;
    OpenTable open;
    std::optional<MergeGroup::End> end;
    int attempts = 0;
    int64_t due_us = 0;
  };

  void RunPosted();
  Status RewindAll();
  void TakeArrivals();
  bool TakeArrival(Arrival& arrival);
  Result<bool> StepGroup(MergeGroup& group, bool is_main);
  uint64_t LeftOf(uint64_t share, const MergeGroup& group,
                  uint64_t (MergeGroup::*bytes)() const) const;
  bool CommitDue(const MergeGroup& group, bool is_main) const;
  bool IsAwaited() const;
  Result<bool> CommitGroup(MergeGroup& group, bool is_main);
  Status HandleConflicts(MergeGroup& group, const std::vector<TableId>& conflicted);
  Status HandleFault(MergeGroup& group, const TableFault& fault);
  // Where it stood, if `marked` is still its newest snapshot of ours; else where that one stands: a
  // commit whose answer never came may have moved it on, somebody may have rolled it back.
  void Reopen(const ChosenTable& chosen, Cut position, std::optional<iceberg::SnapshotId> marked,
              std::optional<MergeGroup::End> end = std::nullopt);
  Result<std::unique_ptr<MirrorTable>> OpenAgain(const ChosenTable& chosen, Cut position,
                                                 std::optional<iceberg::SnapshotId> marked) const;
  std::optional<iceberg::SnapshotId> MarkedSnapshot(const MirrorTable& table) const;
  bool IsAnothers(const MirrorTable& table) const;
  Status FinishGroups();
  Status JoinMain(MergeGroup& group);
  Status RecordMembers();
  void LedgerStandsAt(Cut cut);
  void ParkTable(std::unique_ptr<MirrorTable> table, TableState state, const std::string& reason,
                 const std::string& hint);
  void Remember(const iceberg::TableIdentifier& table, TableState state, const std::string& reason,
                const std::string& hint);
  MergeGroup* GroupOf(const std::string& name, TableId& id) const;
  Status RemoveReplacedFiles();
  void Publish();
  Result<StepResult> AfterTrouble(const Error& error);

  const Lake& lake_;
  ReaderFactory readers_;
  iceberg::Ledger ledger_;
  StatusBoard& board_;
  std::unique_ptr<MergeGroup> main_;
  std::list<std::unique_ptr<MergeGroup>> catching_up_;
  std::map<std::string, Parked> parked_;  // by source name
  std::list<Arrival> arrivals_;
  std::map<TableId, Lsn> pins_;
  Lsn flush_;
  struct {
    int64_t begun_us = 0;
    int64_t ended_us = 0;
  } last_commit_;
  int64_t last_publish_us_ = 0;
  bool publish_due_ = false;  // a commit, for which somebody may wait
  int64_t last_removal_us_ = 0;
  int troubles_ = 0;              // in a row, for backoff
  bool rewind_due_ = false;       // trouble came, and the windows are not abandoned yet
  bool members_changed_ = false;  // of the main group, since the ledger's newest row
  std::atomic<uint64_t> pinned_ = 0;
  std::atomic<uint64_t> committed_ = 0;
  std::atomic<uint64_t> recorded_ = 0;
  std::mutex posted_mutex_;
  std::vector<std::function<void(MergeLoop&)>> posted_;
};

}  // namespace sluice::pipeline
