#include "pipeline/merge_group.h"

#include <algorithm>
#include <limits>

#include "pipeline/error_scope.h"

namespace sluice::pipeline {

namespace {
constexpr size_t kPollBytes = 4 << 20;

TableFault FaultOf(const MirrorTable& table, const Error& error) {
  return {table.id(), error.message(), error.hint()};
}

using Bytes = uint64_t (MirrorTable::*)() const;

uint64_t Sum(const std::vector<MirrorTable*>& tables, Bytes bytes) {
  uint64_t out = 0;
  for (const MirrorTable* table : tables) out += (table->*bytes)();
  return out;
}

// The largest ones that have to give way so that the others fit, the largest first.
std::vector<MirrorTable*> Largest(std::vector<MirrorTable*> tables, Bytes bytes, uint64_t max) {
  uint64_t sum = Sum(tables, bytes);
  if (sum <= max) return {};
  std::sort(tables.begin(), tables.end(), [&](const MirrorTable* a, const MirrorTable* b) {
    return (a->*bytes)() > (b->*bytes)();
  });
  std::vector<MirrorTable*> out;
  for (MirrorTable* table : tables) {
    if (sum <= max) break;
    sum -= (table->*bytes)();
    out.push_back(table);
  }
  return out;
}

}  // namespace

void MergeGroup::Add(std::unique_ptr<MirrorTable> table) {
  const TableId id = table->id();
  tables_[id] = std::move(table);
}

std::unique_ptr<MirrorTable> MergeGroup::Remove(TableId table) {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return nullptr;
  std::unique_ptr<MirrorTable> out = std::move(found->second);
  tables_.erase(found);
  return out;
}

MirrorTable* MergeGroup::Find(TableId table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : found->second.get();
}

// A table that is copied again gets another incarnation before the stream knows it, and keeps the
// old one when a crash cuts the copy off: the bus may hold its changes under either.
MirrorTable* MergeGroup::FindReceiver(TableId table) const {
  const auto found = tables_.lower_bound(TableId{table.oid, 0});
  const bool same = found != tables_.end() && found->first.oid == table.oid;
  return same ? found->second.get() : nullptr;
}

std::vector<MirrorTable*> MergeGroup::tables() const {
  std::vector<MirrorTable*> out;
  for (const auto& [id, table] : tables_) out.push_back(table.get());
  return out;
}

Result<bool> MergeGroup::Advance(std::optional<Lsn> limit, std::vector<TableFault>& faults) {
  if (limit && window_cut_.lsn >= *limit) return false;
  if (records_.empty()) {
    SLUICE_LET(std::vector<bus::Record> polled, reader_->Poll(0, kPollBytes), "reading the bus");
    for (bus::Record& record : polled) records_.push_back(std::move(record));
  }
  if (records_.empty()) return false;
  while (!records_.empty()) {
    bus::Record record = std::move(records_.front());
    records_.pop_front();
    SLUICE_TRY(Take(record, faults));
    if (std::holds_alternative<Cut>(record)) break;
  }
  return true;
}

Status MergeGroup::Take(bus::Record& record, std::vector<TableFault>& faults) {
  if (const auto* cut = std::get_if<Cut>(&record)) {
    if (cut->lsn >= window_cut_.lsn) window_cut_ = *cut;
    applied_past_cut_ = false;
  } else if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
    return TakeBatch(*batch, faults);
  } else if (const auto* stop = std::get_if<TableStop>(&record)) {
    if (Find(stop->table) != nullptr) {
      faults.push_back({stop->table, stop->reason, stop->hint, true, window_cut_});
    }
  }
  return {};
}

Status MergeGroup::TakeBatch(const ChangeBatch& batch, std::vector<TableFault>& faults) {
  MirrorTable* table = FindReceiver(batch.table);
  if (table == nullptr) return {};
  const bool faulty = std::any_of(faults.begin(), faults.end(), [&](const TableFault& fault) {
    return fault.table == table->id();
  });
  if (faulty) return {};
  applied_past_cut_ = true;
  const Status applied = table->Apply(batch);
  if (applied) return {};
  if (!IsTheTables(applied.error())) return applied.error();
  faults.push_back(FaultOf(*table, applied.error()));
  return {};
}

bool MergeGroup::has_changes() const {
  return std::any_of(tables_.begin(), tables_.end(),
                     [](const auto& entry) { return entry.second->has_changes(); });
}

bool MergeGroup::may_commit() const {
  return std::all_of(tables_.begin(), tables_.end(), [this](const auto& entry) {
    return entry.second->may_commit_at(window_cut_.lsn);
  });
}

int64_t MergeGroup::freshness_us() const {
  int64_t out = std::numeric_limits<int64_t>::max();
  for (const auto& [id, table] : tables_) {
    if (table->has_changes()) out = std::min(out, table->chosen().options.freshness_us);
  }
  return out;
}

Result<std::vector<TableId>> MergeGroup::Commit(iceberg::Ledger* ledger,
                                                std::vector<TableFault>& faults) {
  SLUICE_CHECK(at_cut());
  std::vector<MirrorTable*> changed;
  for (MirrorTable* table : tables()) {
    if (table->has_changes()) changed.push_back(table);
  }
  std::vector<TableId> conflicted;
  if (!changed.empty() || ledger != nullptr) {
    SLUICE_LET(const CutResult result, CommitCut(lake_, changed, tables(), ledger, window_cut_));
    for (const MirrorTable* table : result.conflicted) conflicted.push_back(table->id());
    for (const auto& [table, error] : result.broken) faults.push_back(FaultOf(*table, error));
    if (!result.committed) {
      if (conflicted.empty() && faults.empty()) SLUICE_TRY(Rewind());
      return conflicted;
    }
  }
  position_ = window_cut_;
  for (MirrorTable* table : tables()) table->MoveTo(position_);
  return conflicted;
}

Status MergeGroup::Record(iceberg::Ledger& ledger) const {
  SLUICE_LET(const CutResult result, CommitCut(lake_, {}, tables(), &ledger, position_));
  if (result.committed) return {};
  return MakeError(ErrorKind::kUnavailable, "another program changed the ledger");
}

uint64_t MergeGroup::window_bytes() const { return Sum(tables(), &MirrorTable::window_bytes); }
uint64_t MergeGroup::index_bytes() const { return Sum(tables(), &MirrorTable::index_bytes); }

Status MergeGroup::SpillWindows(uint64_t bytes_max, std::vector<TableFault>& faults) {
  for (MirrorTable* table : Largest(tables(), &MirrorTable::window_bytes, bytes_max)) {
    const Status spilled = table->SpillWindow();
    if (spilled) continue;
    if (!IsTheTables(spilled.error())) return spilled.error();
    faults.push_back(FaultOf(*table, spilled.error()));
  }
  return {};
}

Status MergeGroup::SpillIndexes(uint64_t bytes_max) {
  for (MirrorTable* table : Largest(tables(), &MirrorTable::index_bytes, bytes_max)) {
    SLUICE_TRY(table->SpillIndex(), "making room in memory");
  }
  return {};
}

Status MergeGroup::Rewind() {
  for (MirrorTable* table : tables()) SLUICE_TRY(table->Abandon());
  records_.clear();
  window_cut_ = position_;
  applied_past_cut_ = false;
  if (reader_ == nullptr) return {};  // the main group before its first table
  SLUICE_LET(const Lsn held, reader_->Seek(0, position_.lsn), "reading the bus again");
  if (held > position_.lsn) {
    return MakeError(ErrorKind::kCorrupt, "the bus no longer holds {} on, only {}",
                     ToString(position_.lsn), ToString(held));
  }
  return {};
}

}  // namespace sluice::pipeline
