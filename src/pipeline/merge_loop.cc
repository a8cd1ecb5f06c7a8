#include "pipeline/merge_loop.h"

#include <algorithm>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "iceberg/replaced_tables.h"
#include "pipeline/merge_loop_internal.h"
#include "pipeline/replaced_files.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kIdleLedgerUs = 10'000'000;  // between ledger commits when nothing changed
constexpr int64_t kPublishUs = 250'000;
constexpr int64_t kRemovalUs = 60'000'000;  // between looks for replaced tables

}  // namespace

MergeLoop::MergeLoop(const Lake& lake, ReaderFactory readers, iceberg::Ledger ledger, Cut position,
                     StatusBoard& board)
    : lake_(lake), readers_(std::move(readers)), ledger_(std::move(ledger)), board_(board) {
  main_ = std::make_unique<MergeGroup>(lake_, nullptr, position);
  last_commit_ = {lake_.clock.SteadyMicros(), lake_.clock.SteadyMicros()};
  committed_ = position.lsn.value;
}

void MergeLoop::Post(std::function<void(MergeLoop&)> work) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
}

void MergeLoop::RunPosted() {
  std::vector<std::function<void(MergeLoop&)>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (const auto& one : work) one(*this);
}

Result<StepResult> MergeLoop::Step() {
  RunPosted();
  if (rewind_due_) {
    const Status rewound = RewindAll();
    if (!rewound) return AfterTrouble(rewound.error());
  }
  TakeArrivals();
  StepResult out;
  std::vector<MergeGroup*> groups = {main_.get()};
  for (const auto& group : catching_up_) groups.push_back(group.get());
  for (MergeGroup* group : groups) {
    const Result<bool> worked = StepGroup(*group, group == main_.get());
    if (!worked) return AfterTrouble(worked.error());
    out.worked = out.worked || *worked;
  }
  const Status finished = FinishGroups();
  if (!finished) return AfterTrouble(finished.error());
  const Status recorded = RecordMembers();
  if (!recorded) return AfterTrouble(recorded.error());
  if (out.worked) troubles_ = 0;
  const Status removed = RemoveReplacedFiles();
  if (!removed) return AfterTrouble(removed.error());
  Publish();
  out.wake_in_us = 20'000;
  return out;
}

// What passes by itself is tried again from the last commit; what does not ends the pipeline.
Result<StepResult> MergeLoop::AfterTrouble(const Error& error) {
  if (!Passes(error)) return error;
  log::Get("merge")->warn("trouble with the lake, trying again: {}", error.message());
  rewind_due_ = true;
  StepResult out;
  out.wake_in_us = Backoff(troubles_++);
  return out;
}

Status MergeLoop::RewindAll() {
  SLUICE_TRY(main_->Rewind());
  for (const auto& group : catching_up_) SLUICE_TRY(group->Rewind());
  rewind_due_ = false;
  return {};
}

Result<bool> MergeLoop::StepGroup(MergeGroup& group, bool is_main) {
  if (group.empty()) return false;
  std::optional<Lsn> limit;
  if (!is_main && group.end()) {
    limit = group.end()->at.lsn;
  } else if (!is_main && !main_->empty()) {
    limit = main_->position().lsn;
  }
  if (CommitDue(group, is_main)) return CommitGroup(group, is_main);
  std::vector<TableFault> faults;
  SLUICE_LET(const bool worked, group.Advance(limit, faults));
  const uint64_t room = LeftOf(lake_.memory().windows(), group, &MergeGroup::window_bytes);
  SLUICE_TRY(group.SpillWindows(room, faults));
  for (const TableFault& fault : faults) SLUICE_TRY(HandleFault(group, fault));
  if (!group.empty() && CommitDue(group, is_main)) return CommitGroup(group, is_main);
  return worked;
}

bool MergeLoop::CommitDue(const MergeGroup& group, bool is_main) const {
  if (!group.at_cut() || !group.may_commit()) return false;
  if (!is_main && group.end() && group.window_cut().lsn >= group.end()->at.lsn) return true;
  const bool joins =
      !is_main && (main_->empty() || group.window_cut().lsn >= main_->position().lsn);
  if (joins) return true;
  if (flush_ > group.position().lsn || (is_main && IsAwaited())) return true;
  const int64_t now = lake_.clock.SteadyMicros();
  const int64_t interval = group.has_changes() ? group.freshness_us() : kIdleLedgerUs;
  // From begin to begin; but a third of the time at least belongs to what is read between commits.
  const auto& [begun, ended] = last_commit_;
  return now - begun >= interval && now - ended >= (ended - begun) / 2;
}

// By a copied table, which may only be committed further on than the main group is.
bool MergeLoop::IsAwaited() const {
  return std::any_of(catching_up_.begin(), catching_up_.end(), [this](const auto& group) {
    return !group->end() && group->window_cut().lsn >= main_->position().lsn;
  });
}

Result<bool> MergeLoop::CommitGroup(MergeGroup& group, bool is_main) {
  if (!is_main) SLUICE_TRY(CheckEpoch());
  const int64_t begun = lake_.clock.SteadyMicros();
  std::vector<TableFault> faults;
  SLUICE_LET(const std::vector<TableId> conflicted,
             group.Commit(is_main ? &ledger_ : nullptr, faults));
  if (!conflicted.empty()) SLUICE_TRY(HandleConflicts(group, conflicted));
  for (const TableFault& fault : faults) SLUICE_TRY(HandleFault(group, fault));
  rewind_due_ = rewind_due_ || !faults.empty();
  publish_due_ = true;
  last_commit_ = {begun, lake_.clock.SteadyMicros()};
  if (is_main) LedgerStandsAt(group.position());
  SLUICE_TRY(group.SpillIndexes(LeftOf(lake_.memory().indexes(), group, &MergeGroup::index_bytes)));
  return true;
}

// What the other groups leave of a share of memory.
uint64_t MergeLoop::LeftOf(uint64_t share, const MergeGroup& group,
                           uint64_t (MergeGroup::*bytes)() const) const {
  uint64_t others = main_.get() == &group ? 0 : (main_.get()->*bytes)();
  for (const auto& one : catching_up_) {
    if (one.get() != &group) others += (one.get()->*bytes)();
  }
  return share - std::min(share, others);
}

MergeMemory MergeLoop::memory() const {
  MergeMemory out{main_->window_bytes(), main_->index_bytes()};
  for (const auto& group : catching_up_) {
    out.window_bytes += group->window_bytes();
    out.index_bytes += group->index_bytes();
  }
  return out;
}

void MergeLoop::LedgerStandsAt(Cut cut) {
  members_changed_ = false;
  committed_ = cut.lsn.value;
  if (catching_up_.empty() && pins_.empty()) recorded_ = cut.lsn.value;
  board_.SetCut(cut);
}

// A table that joined between two cuts is in the ledger at once, so that whoever reads several
// tables through it finds this one from its first snapshot on.
Status MergeLoop::RecordMembers() {
  if (!members_changed_ || !main_->clean()) return {};
  SLUICE_TRY(main_->Record(ledger_), "listing a table in the ledger");
  LedgerStandsAt(main_->position());
  return {};
}

// Without a ledger commit nothing would notice that the pipeline was taken over.
Status MergeLoop::CheckEpoch() {
  SLUICE_LET(const auto loaded, lake_.catalog.Load(lake_.ledger_name()));
  if (loaded && loaded->metadata_location == ledger_.table.metadata_location) return {};
  SLUICE_LET(const auto now, iceberg::ReadLedger(lake_.catalog, lake_.store, lake_.ledger_name()));
  if (now && now->epoch == lake_.epoch) return {};
  return MakeError(ErrorKind::kConflict, "pipeline {} was taken over by another sluice",
                   lake_.options.name)
      .WithHint("only one sluice may run a pipeline; stop the other or this one");
}

// A foreign `replace` (compaction) keeps every row: the table is opened again and catches up.
// Anything else changed rows behind our back: the table fails.
Status MergeLoop::HandleConflicts(MergeGroup& group, const std::vector<TableId>& conflicted) {
  std::vector<std::unique_ptr<MirrorTable>> moved;
  for (const TableId id : conflicted) {
    if (auto table = group.Remove(id)) moved.push_back(std::move(table));
  }
  rewind_due_ = true;
  for (std::unique_ptr<MirrorTable>& table : moved) {
    const ChosenTable chosen = table->chosen();
    const Cut position = table->position();
    const auto marked = MarkedSnapshot(*table);
    const bool anothers = table->first_commit_due() && IsAnothers(*table);
    table.reset();
    if (anothers) {
      Fail({chosen.mirror.schema.id, "a table of this name appeared in the catalog during the copy",
            HintFor(chosen)});
      continue;
    }
    Reopen(chosen, position, marked);
  }
  return {};
}

Status MergeLoop::HandleFault(MergeGroup& group, const TableFault& fault) {
  std::unique_ptr<MirrorTable> table = group.Remove(fault.table);
  if (table == nullptr) return {};
  const ChosenTable chosen = table->chosen();
  if (fault.stopped_by_stream && !table->first_commit_due() &&
      fault.before.lsn > table->position().lsn) {
    // The cut before the stop is still due to the lake: read up to it once more, then fail.
    const Cut position = table->position();
    const auto marked = MarkedSnapshot(*table);
    static_cast<void>(table->Abandon());
    table.reset();
    Reopen(chosen, position, marked,
           MergeGroup::End{fault.before, fault.reason,
                           fault.hint.empty() ? HintFor(chosen) : fault.hint});
    return {};
  }
  static_cast<void>(table->Abandon());
  ParkTable(std::move(table), TableState::kFailed, fault.reason,
            fault.hint.empty() ? HintFor(chosen) : fault.hint);
  return {};
}

Status MergeLoop::FinishGroups() {
  for (auto group = catching_up_.begin(); group != catching_up_.end();) {
    MergeGroup& one = **group;
    const bool ended = one.end() && one.position().lsn >= one.end()->at.lsn;
    if (ended) {
      for (MirrorTable* table : one.tables()) {
        ParkTable(one.Remove(table->id()), TableState::kFailed, one.end()->reason, one.end()->hint);
      }
    } else if (!one.end() && !one.empty() && main_->empty() && one.position().lsn.value > 0 &&
               !one.tables().front()->first_commit_due()) {
      main_ = std::move(*group);
      members_changed_ = true;
    } else if (!one.end() && !one.empty() && one.position() == main_->position() &&
               !one.tables().front()->first_commit_due()) {
      SLUICE_TRY(JoinMain(one));
    }
    group = *group == nullptr || (*group)->empty() ? catching_up_.erase(group) : std::next(group);
  }
  return {};
}

// The main group's reader may be past the position that both committed: what it read since then
// would be missing for the tables that join, so it reads its window again.
Status MergeLoop::JoinMain(MergeGroup& group) {
  if (!main_->clean()) SLUICE_TRY(main_->Rewind());
  for (MirrorTable* table : group.tables()) {
    log::Get("merge")->info("{} is live at {}", table->loaded().identifier.ToString(),
                            ToString(group.position().lsn));
    main_->Add(group.Remove(table->id()));
  }
  members_changed_ = true;
  ReachFaultPoint("merge.joined");
  return {};
}

void MergeLoop::ParkTable(std::unique_ptr<MirrorTable> table, TableState state,
                          const std::string& reason, const std::string& hint) {
  TableStatus status = table->Describe(state);
  status.reason = reason;
  status.hint = hint;
  if (state == TableState::kFailed) {
    log::Get("merge")->error("{} failed at {}: {}. {}", status.name, ToString(status.cut.lsn),
                             reason, hint);
  }
  const bool in_lake = !table->first_commit_due();
  Park(table->chosen(), status, in_lake ? std::optional<Cut>(table->position()) : std::nullopt,
       MarkedSnapshot(*table));
  if (in_lake) Remember(table->loaded().identifier, state, reason, hint);
}

void MergeLoop::Park(ChosenTable chosen, TableStatus status, std::optional<Cut> position,
                     std::optional<iceberg::SnapshotId> marked) {
  status.name = chosen.mirror.schema.QualifiedName();
  status.iceberg = chosen.lake.ToString();
  status.rows_total_estimate = chosen.source.row_estimate;
  status.freshness_us = chosen.options.freshness_us;
  if (position) status.cut = *position;
  board_.SetTable(status);
  parked_[status.name] = {std::move(chosen), status, position, marked};
}

void MergeLoop::Remember(const iceberg::TableIdentifier& table, TableState state,
                         const std::string& reason, const std::string& hint) {
  // An instance that was taken over has no say any more.
  Status remembered = CheckEpoch();
  if (remembered) remembered = RememberState(lake_.catalog, table, state, reason, hint);
  if (!remembered) {
    log::Get("merge")->warn("remembering the state of {}: {}", table.ToString(),
                            remembered.error().message());
  }
}

void MergeLoop::Fail(const TableFault& fault) {
  for (const auto& [name, parked] : parked_) {
    if (parked.chosen.mirror.schema.id != fault.table) continue;
    const ChosenTable chosen = parked.chosen;
    const auto position = parked.position;
    TableStatus status = parked.status;
    status.state = TableState::kFailed;
    status.reason = fault.reason;
    status.hint = fault.hint.empty() ? HintFor(chosen) : fault.hint;
    log::Get("merge")->error("{} failed: {}. {}", status.name, status.reason, status.hint);
    Park(chosen, status, position, parked.marked);
    Remember(chosen.lake, TableState::kFailed, status.reason, status.hint);
    return;
  }
  std::vector<MergeGroup*> groups = {main_.get()};
  for (const auto& group : catching_up_) groups.push_back(group.get());
  for (MergeGroup* group : groups) {
    if (group->Find(fault.table) == nullptr) continue;
    static_cast<void>(HandleFault(*group, fault));
    return;
  }
}

MergeGroup* MergeLoop::GroupOf(const std::string& name, TableId& id) const {
  std::vector<MergeGroup*> groups = {main_.get()};
  for (const auto& group : catching_up_) groups.push_back(group.get());
  for (MergeGroup* group : groups) {
    for (const MirrorTable* table : group->tables()) {
      if (table->chosen().mirror.schema.QualifiedName() != name) continue;
      id = table->id();
      return group;
    }
  }
  return nullptr;
}

void MergeLoop::Pause(const std::string& name, const std::function<void(Status)>& done) {
  TableId id;
  MergeGroup* group = GroupOf(name, id);
  if (group == nullptr || group->Find(id)->first_commit_due()) {
    return done(MakeError(ErrorKind::kConfig, "table {} cannot be paused: it is not live", name)
                    .WithHint("`sluice tables list` shows every table's state"));
  }
  std::unique_ptr<MirrorTable> table = group->Remove(id);
  const Status abandoned = table->Abandon();
  ParkTable(std::move(table), TableState::kPaused, "", "run `sluice tables resume` to go on");
  done(abandoned);
}

void MergeLoop::Resume(const std::string& name, const std::function<void(Status)>& done) {
  const auto found = parked_.find(name);
  if (found == parked_.end() || found->second.status.state != TableState::kPaused ||
      !found->second.position) {
    return done(MakeError(ErrorKind::kConfig, "table {} is not paused", name)
                    .WithHint("`sluice tables list` shows every table's state"));
  }
  const Parked parked = found->second;
  parked_.erase(found);
  Remember(parked.chosen.lake, TableState::kLive, "", "");
  Reopen(parked.chosen, *parked.position, parked.marked);
  done({});
}

std::optional<ChosenTable> MergeLoop::FindForResync(const std::string& name) const {
  TableId id;
  if (const MergeGroup* group = GroupOf(name, id)) return group->Find(id)->chosen();
  const auto found = parked_.find(name);
  if (found == parked_.end() || found->second.status.state == TableState::kCopying) return {};
  return found->second.chosen;
}

void MergeLoop::TakeForResync(const std::string& name) {
  TableId id;
  if (MergeGroup* group = GroupOf(name, id)) {
    static_cast<void>(group->Remove(id)->Abandon());
  }
  parked_.erase(name);
}

Status MergeLoop::RemoveReplacedFiles() {
  const int64_t now = lake_.clock.SteadyMicros();
  if (now - last_removal_us_ < kRemovalUs) return {};
  last_removal_us_ = now;
  for (const MirrorTable* table : main_->tables()) {
    if (!table->loaded().metadata.properties.contains(iceberg::kReplacedKey)) continue;
    SLUICE_TRY(CheckEpoch());
    const Status removed = RemoveReplaced(lake_, table->loaded().identifier);
    if (!removed) log::Get("lake")->warn("removing old files: {}", removed.error().message());
  }
  return {};
}

// At once, so that nobody trims what a snapshot taken next may lack.
void MergeLoop::Pin(TableId table, Lsn from) {
  pins_[table] = from;
  pinned_ = std::min(pinned_.load(), from.value);
}

void MergeLoop::Publish() {
  const int64_t now = lake_.clock.SteadyMicros();
  Lsn pinned = main_->empty() ? Lsn{UINT64_MAX} : main_->position().lsn;
  for (const auto& group : catching_up_) pinned = std::min(pinned, group->position().lsn);
  for (const Arrival& arrival : arrivals_) pinned = std::min(pinned, arrival.from.lsn);
  for (const auto& [table, from] : pins_) pinned = std::min(pinned, from);
  pinned_ = pinned.value;
  if (!std::exchange(publish_due_, false) && now - last_publish_us_ < kPublishUs) return;
  last_publish_us_ = now;
  for (const MirrorTable* table : main_->tables()) {
    board_.SetTable(table->Describe(TableState::kLive));
  }
  for (const auto& group : catching_up_) {
    for (const MirrorTable* table : group->tables()) {
      board_.SetTable(table->Describe(TableState::kCatchingUp));
    }
  }
}

}  // namespace sluice::pipeline
