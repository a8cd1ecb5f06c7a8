#include "simulate/database.h"

#include <algorithm>

#include "base/error.h"
#include "simulate/schema.h"

namespace sluice::simulate {

namespace {

constexpr int kKeys = 24;  // few, so that rows are written again and again
constexpr int kOpenMax = 4;
constexpr uint64_t kFirstNormalXid = 3;  // transam.h: the first after a wrap

std::string Padded(uint64_t number) { return fmt::format("#{:08}", number); }

}  // namespace

struct Database::Transaction {
  uint64_t xid = 0;
  bool truncates = false;
  int steps_left = 0;
  std::map<Place, std::optional<Row>> written;  // nothing: deleted
  std::vector<size_t> truncated;
  struct Sub {
    uint64_t xid = 0;
    std::map<Place, std::optional<Row>> before;
  };
  std::vector<Sub> subs;
  std::set<Place> locks;

  uint64_t writer() const { return subs.empty() ? xid : subs.back().xid; }
};

Database::Database(uint64_t seed, std::function<int64_t()> wall_us)
    : random_(seed), wall_us_(std::move(wall_us)), tables_(MakeTables()) {
  for (size_t i = 0; i < tables_.size(); ++i) visible_.push_back(std::make_shared<Rows>());
  history_[Lsn{0}] = visible_;
  Fill();
}

Database::~Database() = default;

// Rows from before anybody mirrored anything.
void Database::Fill() {
  auto one = std::make_unique<Transaction>();
  one->xid = NewXid();
  for (size_t table = 0; table < tables_.size(); ++table) {
    for (int i = random_.Below(kKeys / 2); i > 0; --i) {
      const std::string key = tables_[table].keyless ? Padded(next_number_++) : RandomKey(table);
      if (!Lock(*one, table, key)) continue;
      Row row = RandomRow(table, key);
      if (tables_[table].money_column >= 0)
        row[static_cast<size_t>(tables_[table].money_column)] = "1000";
      one->written[{table, key}] = row;
      Write(*one, {'I', table, {}, row, {}});
    }
  }
  open_.push_back(std::move(one));
  Commit(open_.size() - 1);
  ShowAll();
}

const State& Database::At(Lsn lsn) const { return std::prev(history_.upper_bound(lsn))->second; }

Lsn Database::Advance() {
  const Lsn at = next_;
  next_.value += 8 + 8 * static_cast<uint64_t>(random_.Below(12));
  return at;
}

uint64_t Database::NewXid() {
  const uint64_t xid = next_xid_++;
  if ((next_xid_ & 0xffffffff) < kFirstNormalXid) next_xid_ += kFirstNormalXid;
  return xid;
}

void Database::Noise() { Advance(); }

void Database::Write(Transaction& one, Change change) {
  WalRecord record;
  record.lsn = Advance();
  record.end = next_;
  record.xid = one.xid;
  record.subxid = one.writer();
  record.change = std::move(change);
  wal_.push_back(std::move(record));
}

std::string Database::RandomKey(size_t table) {
  const int number = random_.Below(kKeys);
  const bool text = tables_[table].source.columns[0].type.oid == kTextOid;
  return text ? fmt::format("key {}", number) : std::to_string(number);
}

Row Database::RandomRow(size_t table, const std::string& key) {
  const Table& shape = tables_[table];
  Row row;
  for (size_t i = 0; i < shape.source.columns.size(); ++i) {
    const bool text = shape.source.columns[i].type.oid == kTextOid;
    if (i == 0 && !shape.keyless) {
      row.push_back(key);
    } else if (static_cast<int>(i) == shape.money_column) {
      row.push_back("0");
    } else if (random_.OneIn(6)) {
      row.push_back(std::nullopt);
    } else if (static_cast<int>(i) == shape.wide_column) {
      row.push_back(fmt::format("{:x}", random_.Next()) +
                    std::string(static_cast<size_t>(random_.Below(600)), 'w'));
    } else {
      row.push_back(text ? fmt::format("t{}", random_.Below(1000))
                         : std::to_string(random_.Below(2000) - 1000));
    }
  }
  return row;
}

bool Database::Lock(Transaction& one, size_t table, const std::string& key) {
  const Place place{table, key};
  if (one.locks.contains(place)) return true;
  if (!locked_.insert(place).second) return false;
  one.locks.insert(place);
  return true;
}

std::optional<Row> Database::See(const Transaction& one, size_t table,
                                 const std::string& key) const {
  const auto own = one.written.find({table, key});
  if (own != one.written.end()) return own->second;
  const auto found = visible_[table]->find(key);
  return found == visible_[table]->end() ? std::nullopt : std::optional<Row>(found->second);
}

std::optional<std::pair<std::string, Row>> Database::Pick(Transaction& one, size_t table) {
  for (int attempt = 0; attempt < 6; ++attempt) {
    std::string key = RandomKey(table);
    std::optional<Row> row = See(one, table, key);
    if (row && Lock(one, table, key)) return std::make_pair(std::move(key), std::move(*row));
  }
  return std::nullopt;
}

void Database::Begin() {
  auto one = std::make_unique<Transaction>();
  one->xid = NewXid();
  one->steps_left = random_.OneIn(8) ? random_.Between(20, 60) : random_.Between(1, 6);
  open_.push_back(std::move(one));
}

void Database::Step() {
  if (open_.empty() || (static_cast<int>(open_.size()) < kOpenMax && random_.OneIn(4))) {
    if (random_.OneIn(25) && Truncate()) return;
    return Begin();
  }
  const auto index = static_cast<size_t>(random_.Below(static_cast<int>(open_.size())));
  Transaction& one = *open_[index];
  if (one.steps_left-- > 0) return Work(one);
  if (random_.OneIn(8)) return Abort(index);
  Commit(index);
}

void Database::Work(Transaction& one) {
  const int dice = random_.Below(100);
  if (dice < 28) return Insert(one);
  if (dice < 55) return Update(one);
  if (dice < 68) return Delete(one);
  if (dice < 78) return MoveKey(one);
  if (dice < 88) return Transfer(one);
  if (dice < 94) return Savepoint(one);
  RollBackTo(one);
}

void Database::Insert(Transaction& one) {
  const auto table = static_cast<size_t>(random_.Below(static_cast<int>(tables_.size())));
  const std::string key = tables_[table].keyless ? Padded(next_number_++) : RandomKey(table);
  if (See(one, table, key) || !Lock(one, table, key)) return;
  const Row row = RandomRow(table, key);
  one.written[{table, key}] = row;
  Write(one, {'I', table, {}, row, {}});
}

void Database::Update(Transaction& one) {
  const auto table = static_cast<size_t>(random_.Below(static_cast<int>(tables_.size())));
  if (tables_[table].keyless) return;
  const auto picked = Pick(one, table);
  if (!picked) return;
  Row row = RandomRow(table, picked->first);
  for (size_t i = 1; i < row.size(); ++i) {
    const bool wide = static_cast<int>(i) == tables_[table].wide_column;
    const bool money = static_cast<int>(i) == tables_[table].money_column;
    if (money || (wide && !random_.OneIn(3))) row[i] = picked->second[i];
  }
  one.written[{table, picked->first}] = row;
  Write(one, {'U', table, picked->second, row, {}});
}

// Money goes with the row, so only a row without any may go.
void Database::Delete(Transaction& one) {
  const auto table = static_cast<size_t>(random_.Below(static_cast<int>(tables_.size())));
  if (tables_[table].keyless) return;
  const auto picked = Pick(one, table);
  if (!picked) return;
  const int money = tables_[table].money_column;
  if (money >= 0 && picked->second[static_cast<size_t>(money)] != "0") return;
  one.written[{table, picked->first}] = std::nullopt;
  Write(one, {'D', table, picked->second, {}, {}});
}

void Database::MoveKey(Transaction& one) {
  const auto table = static_cast<size_t>(random_.Below(static_cast<int>(tables_.size())));
  if (tables_[table].keyless) return;
  const auto picked = Pick(one, table);
  const std::string to = RandomKey(table);
  if (!picked || See(one, table, to) || !Lock(one, table, to)) return;
  Row row = picked->second;
  row[0] = to;
  one.written[{table, picked->first}] = std::nullopt;
  one.written[{table, to}] = row;
  Write(one, {'U', table, picked->second, row, {}});
}

// From one row to another, often of another table.
void Database::Transfer(Transaction& one) {
  std::vector<size_t> with_money;
  for (size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].money_column >= 0) with_money.push_back(i);
  }
  const auto any = [&] { return with_money[random_.Next() % with_money.size()]; };
  const int amount = random_.Between(1, 300);
  const size_t tables[2] = {any(), any()};
  const auto from = Pick(one, tables[0]);
  const auto to = Pick(one, tables[1]);
  if (!from || !to || (tables[0] == tables[1] && from->first == to->first)) return;
  const std::pair<std::string, Row> rows[2] = {*from, *to};
  for (int side = 0; side < 2; ++side) {
    const auto column = static_cast<size_t>(tables_[tables[side]].money_column);
    Row row = rows[side].second;
    const int64_t before = std::stoll(row[column].value_or("0"));
    row[column] = std::to_string(side == 0 ? before - amount : before + amount);
    one.written[{tables[side], rows[side].first}] = row;
    Write(one, {'U', tables[side], rows[side].second, row, {}});
  }
}

void Database::Savepoint(Transaction& one) { one.subs.push_back({NewXid(), one.written}); }

// Innermost first, as Postgres logs them.
void Database::RollBackTo(Transaction& one) {
  if (one.subs.empty()) return;
  for (int depth = random_.Between(1, static_cast<int>(one.subs.size())); depth > 0; --depth) {
    WalRecord record;
    record.kind = WalRecord::Kind::kSubAbort;
    record.lsn = Advance();
    record.end = next_;
    record.xid = one.xid;
    record.subxid = one.subs.back().xid;
    wal_.push_back(std::move(record));
    one.written = std::move(one.subs.back().before);
    one.subs.pop_back();
  }
}

// Alone in its transaction, when nobody else holds a row of those tables. Money stays.
bool Database::Truncate() {
  auto one = std::make_unique<Transaction>();
  for (size_t table = 0; table < tables_.size(); ++table) {
    const bool busy = std::any_of(locked_.begin(), locked_.end(),
                                  [&](const Place& place) { return place.first == table; });
    if (!busy && tables_[table].money_column < 0 && random_.OneIn(2)) {
      one->truncated.push_back(table);
    }
  }
  if (one->truncated.empty()) return false;
  one->xid = NewXid();
  one->truncates = true;
  Write(*one, {'T', one->truncated.front(), {}, {}, one->truncated});
  // Rows from the same transaction follow the truncate.
  for (const size_t table : one->truncated) {
    if (!random_.OneIn(2)) continue;
    const std::string key = tables_[table].keyless ? Padded(next_number_++) : RandomKey(table);
    if (!Lock(*one, table, key)) continue;
    const Row row = RandomRow(table, key);
    one->written[{table, key}] = row;
    Write(*one, {'I', table, {}, row, {}});
  }
  open_.push_back(std::move(one));
  Commit(open_.size() - 1);
  ShowAll();  // the lock on the whole table is not modelled; nobody waits for it
  return true;
}

void Database::Apply(State& state, const Transaction& one) {
  std::map<size_t, std::shared_ptr<Rows>> fresh;
  for (const size_t table : one.truncated) fresh[table] = std::make_shared<Rows>();
  for (const auto& [place, row] : one.written) {
    auto& rows = fresh[place.first];
    if (rows == nullptr) rows = std::make_shared<Rows>(*state[place.first]);
    if (row) {
      (*rows)[place.second] = *row;
    } else {
      rows->erase(place.second);
    }
  }
  for (auto& [table, rows] : fresh) state[table] = std::move(rows);
}

std::unique_ptr<Database::Transaction> Database::TakeOpen(size_t index) {
  std::unique_ptr<Transaction> one = std::move(open_[index]);
  open_.erase(open_.begin() + static_cast<ptrdiff_t>(index));
  return one;
}

// What the log says at a transaction's end.
WalRecord Database::EndOf(const Transaction& one, WalRecord::Kind kind) {
  WalRecord record;
  record.kind = kind;
  record.lsn = Advance();
  record.end = next_;
  record.xid = record.subxid = one.xid;
  return record;
}

void Database::Commit(size_t index) {
  std::unique_ptr<Transaction> one = TakeOpen(index);
  WalRecord record = EndOf(*one, WalRecord::Kind::kCommit);
  record.time_us = wall_us_();
  State state = history_.rbegin()->second;
  Apply(state, *one);
  history_[record.end] = std::move(state);
  wal_.push_back(std::move(record));
  committed_.push_back(std::move(one));
}

void Database::Abort(size_t index) {
  const std::unique_ptr<Transaction> one = TakeOpen(index);
  wal_.push_back(EndOf(*one, WalRecord::Kind::kAbort));
  for (const Place& place : one->locks) locked_.erase(place);
}

void Database::Show(size_t index) {
  const std::unique_ptr<Transaction> one = std::move(committed_[index]);
  committed_.erase(committed_.begin() + static_cast<ptrdiff_t>(index));
  Apply(visible_, *one);
  if (one->truncates) ++truncates_;
  for (const Place& place : one->locks) locked_.erase(place);
}

void Database::ShowOne() {
  if (committed_.empty()) return;
  Show(static_cast<size_t>(random_.Below(static_cast<int>(committed_.size()))));
}

void Database::ShowAll() {
  while (!committed_.empty()) Show(0);
}

void Database::AbortAll() {
  while (!open_.empty()) Abort(0);
}

void Database::FinishAll() {
  while (!open_.empty()) {
    if (random_.OneIn(3)) {
      Abort(0);
    } else {
      Commit(0);
    }
  }
  ShowAll();
}

void Database::RollBackTo(Lsn end) {
  next_xid_ = 0;
  while (!wal_.empty() && wal_.back().end > end) wal_.pop_back();
  for (const WalRecord& record : wal_) {
    next_xid_ = std::max({next_xid_, record.xid + 1, record.subxid + 1});
  }
  history_.erase(history_.upper_bound(end), history_.end());
  visible_ = newest();
  open_.clear();
  committed_.clear();
  locked_.clear();
  next_ = end;
}

Snapshot Database::TakeSnapshot() const {
  Snapshot out;
  out.state = visible_;
  out.truncates = truncates_;
  out.visibility.xmax = out.visibility.xmin = next_xid_;
  for (const auto* list : {&open_, &committed_}) {
    for (const auto& one : *list) out.visibility.in_progress.push_back(one->xid);
  }
  std::sort(out.visibility.in_progress.begin(), out.visibility.in_progress.end());
  if (!out.visibility.in_progress.empty()) out.visibility.xmin = out.visibility.in_progress[0];
  return out;
}

int64_t Database::Total(const State& state) const {
  int64_t total = 0;
  for (size_t table = 0; table < tables_.size(); ++table) {
    const int money = tables_[table].money_column;
    if (money < 0) continue;
    for (const auto& [key, row] : *state[table]) {
      total += std::stoll(row[static_cast<size_t>(money)].value_or("0"));
    }
  }
  return total;
}

}  // namespace sluice::simulate
