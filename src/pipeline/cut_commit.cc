#include "pipeline/cut_commit.h"

#include <algorithm>
#include <map>

#include "base/fault_point.h"
#include "base/log.h"
#include "pipeline/error_scope.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kLedgerRowsMax = 1000;
constexpr int kUnknownAnswersMax = 10;

// max(now, newest snapshot + 1 ms) over all tables of the cut: timestamps never go backwards.
int64_t CutMillis(const Lake& lake, const std::vector<MirrorTable*>& tables,
                  const iceberg::Ledger* ledger) {
  int64_t out = lake.clock.WallMicros() / 1000;
  const auto after = [&](const iceberg::TableMetadata& metadata) {
    out = std::max(out, metadata.last_updated_ms + 1);
    for (const iceberg::Snapshot& snapshot : metadata.snapshots) {
      out = std::max(out, snapshot.timestamp_ms + 1);
    }
  };
  for (const MirrorTable* table : tables) after(table->loaded().metadata);
  if (ledger != nullptr) after(ledger->table.metadata);
  return out;
}

bool HoldsSnapshot(const iceberg::TableMetadata& metadata, iceberg::SnapshotId snapshot) {
  const auto ancestry = metadata.Ancestry();
  return std::any_of(ancestry.begin(), ancestry.end(),
                     [&](const iceberg::Snapshot* one) { return one->id == snapshot; });
}

// One cut on its way: what was written for it and what the catalog says of it.
class Attempt {
 public:
  Attempt(const Lake& lake, const std::vector<MirrorTable*>& tables, iceberg::Ledger* ledger,
          Cut cut)
      : lake_(lake), tables_(tables), ledger_(ledger), cut_(cut) {}

  Status Prepare(const std::vector<MirrorTable*>& listed) {
    const int64_t now_ms = CutMillis(lake_, tables_, ledger_);
    for (MirrorTable* table : tables_) {
      Result<iceberg::PreparedCommit> prepared = table->Prepare(cut_, now_ms);
      if (!prepared && IsTheTables(prepared.error())) {
        broken_.emplace_back(table, std::move(prepared.error()));
        continue;
      }
      SLUICE_TRY(prepared);
      prepared_.push_back(std::move(*prepared));
    }
    if (ledger_ == nullptr || !broken_.empty()) return {};
    iceberg::LedgerRow row;
    row.marks = lake_.MarksAt(cut_);
    row.committed_at_us = now_ms * 1000;
    for (const MirrorTable* table : listed) {
      if (const iceberg::Snapshot* head = table->loaded().metadata.current_snapshot()) {
        row.tables[table->loaded().identifier.ToString()] = head->id;
      }
    }
    for (size_t i = 0; i < tables_.size(); ++i) {
      row.tables[tables_[i]->loaded().identifier.ToString()] = prepared_[i].snapshot_id;
    }
    iceberg::CommitOptions options;
    options.now_ms = now_ms;
    options.cache = lake_.manifests;
    options.history = WidestHistory(lake_.options);  // rows reach as far back as any snapshot
    SLUICE_LET(ledger_commit_,
               iceberg::PrepareLedgerCommit(lake_.store, *ledger_, row, kLedgerRowsMax, options));
    row_ = std::move(row);
    return {};
  }

  Result<bool> Send() {
    std::vector<iceberg::TableCommit> commits;
    commits.reserve(prepared_.size() + 1);
    for (size_t i = 0; i < tables_.size(); ++i) {
      commits.push_back(prepared_[i].commit);
      commits.back().base = &tables_[i]->loaded();
    }
    if (ledger_ != nullptr) {
      commits.push_back(ledger_commit_.commit);
      commits.back().base = &ledger_->table;
    }
    for (int i = 0; i < kUnknownAnswersMax; ++i) {
      auto sent = lake_.catalog.Commit(commits);
      if (sent) {
        committed_ = std::move(*sent);
        return true;
      }
      if (sent.error().kind() == ErrorKind::kConflict) {
        SLUICE_LET(const bool happened, AllHappened(), "asking for a refused commit");
        return happened;
      }
      // Whose head it is that cannot be read, Conflicted() finds.
      if (IsTheTables(sent.error())) {
        SLUICE_LET(const auto conflicted, Conflicted());
        if (!conflicted.empty()) return false;
      }
      if (sent.error().kind() != ErrorKind::kCommitUnknown) return sent.error();
      unclear_ = true;
      // The same commit again, with the same snapshot ids: it can count only once.
      SLUICE_LET(const bool happened, AllHappened(), "asking for an unclear commit");
      if (happened) return true;
    }
    return MakeError(ErrorKind::kUnavailable, "the catalog does not say whether a commit happened");
  }

  Status Publish() {
    for (size_t i = 0; i < tables_.size(); ++i) {
      SLUICE_LET(iceberg::LoadedTable loaded, Now(i, tables_[i]->loaded().identifier));
      SLUICE_TRY(tables_[i]->Committed(cut_, prepared_[i].snapshot_id, std::move(loaded)));
      ReachFaultPoint("commit.index_published");
      Remove(prepared_[i].expired);
      if (!prepared_[i].expired.empty()) ReachFaultPoint("commit.expired_removed");
    }
    if (ledger_ == nullptr) return {};
    SLUICE_LET(ledger_->table, Now(tables_.size(), ledger_->table.identifier));
    ledger_->rows = iceberg::RetainedRows(std::move(ledger_->rows), row_, kLedgerRowsMax,
                                          WidestHistory(lake_.options));
    Remove(ledger_commit_.expired);
    return {};
  }

  // Whose head moved under us, or cannot be read any more: opening it again says why. kConflict
  // when it is the ledger's by a higher epoch.
  Result<std::vector<MirrorTable*>> Conflicted() {
    if (ledger_ != nullptr) SLUICE_TRY(LedgerIsOurs());
    std::vector<MirrorTable*> out;
    for (MirrorTable* table : tables_) {
      SLUICE_LET(const Head now, HeadOf(table->loaded().identifier));
      if (!now.readable || !table->StandsOn(now.table)) out.push_back(table);
    }
    return out;
  }

  std::vector<std::pair<MirrorTable*, Error>>& broken() { return broken_; }

  // The commit's own files, unless it may yet have happened: whole, or some of its tables.
  void RemoveWritten() {
    if (unclear_ || unreadable_) {
      for (MirrorTable* table : tables_) table->LeaveFiles();
      return;
    }
    for (const iceberg::PreparedCommit& one : prepared_) Remove(one.written);
    Remove(ledger_commit_.written);
  }

 private:
  // The table of the commit's `i`-th part, once it happened.
  Result<iceberg::LoadedTable> Now(size_t i, const iceberg::TableIdentifier& name) {
    if (i < committed_.size()) return std::move(committed_[i]);
    SLUICE_LET(auto loaded, lake_.catalog.Load(name));
    if (!loaded) {
      return MakeError(ErrorKind::kUnsupported, "table {} vanished from the catalog",
                       name.ToString());
    }
    return std::move(*loaded);
  }

  // What the catalog has of a table now: nothing, something, or what nobody can read.
  struct Head {
    bool readable = true;
    std::optional<iceberg::LoadedTable> table;
  };

  Result<Head> HeadOf(const iceberg::TableIdentifier& name) {
    auto loaded = lake_.catalog.Load(name);
    if (loaded) return Head{true, std::move(*loaded)};
    if (!IsTheTables(loaded.error())) return loaded.error();
    return Head{false, {}};
  }

  Result<bool> AllHappened() {
    for (size_t i = 0; i < tables_.size(); ++i) {
      SLUICE_LET(const Head now, HeadOf(tables_[i]->loaded().identifier));
      unreadable_ |= !now.readable;
      if (!now.table || !HoldsSnapshot(now.table->metadata, prepared_[i].snapshot_id)) return false;
    }
    if (ledger_ == nullptr) return true;
    SLUICE_LET(const auto now, lake_.catalog.Load(ledger_->table.identifier));
    return now && HoldsSnapshot(now->metadata, ledger_commit_.snapshot_id);
  }

  Status LedgerIsOurs() {
    SLUICE_LET(auto now,
               iceberg::ReadLedger(lake_.catalog, lake_.store, ledger_->table.identifier));
    if (now && now->epoch <= lake_.epoch) {
      // It may have moved by a commit that was given up for want of an answer.
      *ledger_ = std::move(*now);
      return {};
    }
    return MakeError(ErrorKind::kConflict,
                     "pipeline {} was taken over: the ledger holds epoch {}, ours is {}",
                     lake_.options.name, now ? now->epoch : 0, lake_.epoch)
        .WithHint("another sluice runs this pipeline; only one may. Stop the other or this one");
  }

  void Remove(const std::vector<store::Location>& files) {
    const Status removed = lake_.store.Delete(files);
    if (!removed) log::Get("lake")->warn("removing old files: {}", removed.error().message());
  }

  const Lake& lake_;
  const std::vector<MirrorTable*>& tables_;
  iceberg::Ledger* ledger_;
  Cut cut_;
  std::vector<iceberg::PreparedCommit> prepared_;
  iceberg::PreparedCommit ledger_commit_;
  iceberg::LedgerRow row_;
  std::vector<std::pair<MirrorTable*, Error>> broken_;
  std::vector<iceberg::LoadedTable> committed_;  // where the catalog's answer came
  bool unclear_ = false;                         // an answer did not come
  bool unreadable_ = false;  // what the catalog names cannot be read: it may name our files
};

}  // namespace

Result<CutResult> CommitCut(const Lake& lake, const std::vector<MirrorTable*>& tables,
                            const std::vector<MirrorTable*>& listed, iceberg::Ledger* ledger,
                            Cut cut) {
  Attempt attempt(lake, tables, ledger, cut);
  const Status prepared = attempt.Prepare(listed);
  if (!prepared) attempt.RemoveWritten();
  SLUICE_TRY(prepared, "preparing the cut at {}", ToString(cut.lsn));
  CutResult out;
  out.broken = std::move(attempt.broken());
  if (!out.broken.empty()) {
    attempt.RemoveWritten();
    // What a foreign compaction and expiry took away is missing from the old head only.
    SLUICE_LET(out.conflicted, attempt.Conflicted());
    std::erase_if(out.broken, [&](const auto& broken) {
      return std::find(out.conflicted.begin(), out.conflicted.end(), broken.first) !=
             out.conflicted.end();
    });
    return out;
  }
  ReachFaultPoint("commit.prepared");
  const Result<bool> sent = attempt.Send();
  if (!sent) attempt.RemoveWritten();
  SLUICE_LET(const bool happened, sent, "committing the cut at {}", ToString(cut.lsn));
  out.committed = happened;
  if (happened) {
    SLUICE_TRY(attempt.Publish(), "after the commit of the cut at {}", ToString(cut.lsn));
    return out;
  }
  SLUICE_LET(out.conflicted, attempt.Conflicted());
  attempt.RemoveWritten();
  return out;
}

}  // namespace sluice::pipeline
