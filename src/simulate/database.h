// The oracle: a database small enough to be obviously right. It remembers what it held at every
// position, and the write-ahead log that led there.
//
// Concurrency as in Postgres: transactions lock the rows they write until they are visible, and a
// commit is in the log a while before other sessions see it (so snapshots go by xid, never by LSN).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "change/lsn.h"
#include "change/visibility.h"
#include "postgres/source_catalog.h"
#include "simulate/random.h"

namespace sluice::simulate {

using Value = std::optional<std::string>;  // as text; nothing: null
using Row = std::vector<Value>;
using Rows = std::map<std::string, Row>;  // by key, or by a number where the table has none
// Every table's rows at one moment; tables that did not change are shared.
using State = std::vector<std::shared_ptr<const Rows>>;

struct Table {
  postgres::SourceTable source;
  bool keyless = false;
  int wide_column = -1;  // stored out of line: not sent again while it stays the same
  int money_column = -1;
};

struct Change {
  char op = 'I';  // I U D T
  size_t table = 0;
  Row old_row;
  Row new_row;
  std::vector<size_t> truncated;
};

struct WalRecord {
  enum class Kind : uint8_t { kChange, kSubAbort, kCommit, kAbort };
  Kind kind = Kind::kChange;
  Lsn lsn;
  Lsn end;
  uint64_t xid = 0;     // of the top transaction
  uint64_t subxid = 0;  // whoever wrote it; kSubAbort: who is undone
  int64_t time_us = 0;  // kCommit
  Change change;
};

struct Snapshot {
  State state;
  SnapshotVisibility visibility;
  uint64_t truncates = 0;  // that were visible
};

class Database {
 public:
  Database(uint64_t seed, std::function<int64_t()> wall_us);
  ~Database();

  const std::vector<Table>& tables() const { return tables_; }
  const std::deque<WalRecord>& wal() const { return wal_; }
  Lsn end() const { return next_; }
  uint64_t next_xid() const { return next_xid_; }
  // What was committed at or below `lsn`.
  const State& At(Lsn lsn) const;
  const State& newest() const { return history_.rbegin()->second; }

  // One statement, begin, savepoint, commit or abort of some transaction.
  void Step();
  // A commit that is in the log becomes visible to others.
  void ShowOne();
  bool hides_any() const { return !committed_.empty(); }
  void ShowAll();
  // Something else in the log: a checkpoint, another database.
  void Noise();
  // Every open transaction ends, as at a restart.
  void AbortAll();
  void FinishAll();
  // As a restored backup: the log ends at `end`, and nobody remembers what followed.
  void RollBackTo(Lsn end);

  Snapshot TakeSnapshot() const;
  uint64_t visible_truncates() const { return truncates_; }
  // Money over all tables of a state; never changes.
  int64_t Total(const State& state) const;

 private:
  struct Transaction;
  using Place = std::pair<size_t, std::string>;

  void AddTables();
  void Fill();
  void Begin();
  void Work(Transaction& one);
  void Insert(Transaction& one);
  void Update(Transaction& one);
  void Delete(Transaction& one);
  void MoveKey(Transaction& one);
  void Transfer(Transaction& one);
  void Savepoint(Transaction& one);
  void RollBackTo(Transaction& one);
  bool Truncate();
  std::unique_ptr<Transaction> TakeOpen(size_t index);
  WalRecord EndOf(const Transaction& one, WalRecord::Kind kind);
  void Commit(size_t index);
  void Abort(size_t index);
  void Show(size_t index);
  void Write(Transaction& one, Change change);
  Lsn Advance();
  uint64_t NewXid();
  Row RandomRow(size_t table, const std::string& key);
  std::string RandomKey(size_t table);
  // A row that the transaction may write: its own version, now locked by it.
  std::optional<std::pair<std::string, Row>> Pick(Transaction& one, size_t table);
  bool Lock(Transaction& one, size_t table, const std::string& key);
  std::optional<Row> See(const Transaction& one, size_t table, const std::string& key) const;
  static void Apply(State& state, const Transaction& one);

  Random random_;
  std::function<int64_t()> wall_us_;
  std::vector<Table> tables_;
  std::deque<WalRecord> wal_;  // records stay where they are
  Lsn next_{0x1000};
  uint64_t next_xid_ = (uint64_t{1} << 32) - 40;  // soon across an epoch
  uint64_t next_number_ = 1;
  uint64_t truncates_ = 0;
  State visible_;
  std::map<Lsn, State> history_;
  std::vector<std::unique_ptr<Transaction>> open_;
  std::vector<std::unique_ptr<Transaction>> committed_;  // not visible yet
  std::set<Place> locked_;
};

}  // namespace sluice::simulate
