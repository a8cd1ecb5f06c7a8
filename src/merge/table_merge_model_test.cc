// Random windows against a map: whatever the order of changes, the size of windows and files, the
// collisions, abandoned windows and restarts, the lake is the map after every commit.
#include <gtest/gtest.h>

#include <random>

#include "base/file_system_fake.h"
#include "merge/merge_test_support.h"
#include "merge/table_merge.h"

namespace sluice::merge {
namespace {

// A source table that writes changes as Postgres would send them. With a deferrable key a
// transaction may let several rows share a key for a while.
class Source {
 public:
  Source(uint64_t seed, bool deferrable) : random_(seed), deferrable_(deferrable) {}

  std::vector<TestChange> Transaction() {
    changes_.clear();
    const int steps = Below(8) + 1;
    for (int i = 0; i < steps; ++i) Step();
    return changes_;
  }
  const TestTable& table() const { return table_; }
  int Below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

 private:
  static constexpr int kKeys = 40;

  void Step() {
    const int dice = Below(100);
    if (dice < 25) return InsertFree();
    if (dice < 55) return UpdateSome();
    if (dice < 70) return DeleteSome();
    if (dice < 85) return MoveToFree();
    if (dice < 91) return deferrable_ ? SwapDirectly() : SwapThroughThird();
    if (dice < 97) return ShiftUp();
    if (dice < 98) return TruncateAll();
    if (const auto id = Existing()) {  // delete and insert again
      Write(Delete(*id));
      table_.erase(*id);
      InsertAt(*id);
    }
  }

  std::optional<int64_t> Existing() {
    if (table_.empty()) return std::nullopt;
    return std::next(table_.begin(), Below(static_cast<int>(table_.size())))->first;
  }
  std::optional<int64_t> Free() {
    const int64_t id = Below(kKeys);
    if (table_.contains(id)) return std::nullopt;
    return id;
  }
  TestRow RandomRow() {
    TestRow row;
    if (Below(4) != 0) row.name = "n" + std::to_string(random_() % 1000);
    if (Below(3) != 0)
      row.body = std::string(static_cast<size_t>(Below(60)), 'b') + std::to_string(random_());
    row.n = Below(1000);
    return row;
  }
  // A new image of a row; values that are there may stay as they are, and are not sent then.
  void Write(TestChange change) { changes_.push_back(std::move(change)); }
  TestRow Rewrite(const TestRow& old, TestChange change) {
    TestRow now = RandomRow();
    const bool may_keep = !deferrable_;  // REPLICA IDENTITY FULL sends everything
    if (may_keep && old.body && Below(2) == 0) {
      now.body = old.body;
      change.body_unsent = true;
    }
    if (may_keep && old.name && Below(5) == 0) {
      now.name = old.name;
      change.name_unsent = true;
    }
    change.row = now;
    if (change.body_unsent) change.row.body.reset();
    if (change.name_unsent) change.row.name.reset();
    Write(std::move(change));
    return now;
  }

  void InsertAt(int64_t id) {
    table_[id] = RandomRow();
    Write(Insert(id, table_[id]));
  }
  void InsertFree() {
    if (const auto id = Free()) InsertAt(*id);
  }
  void UpdateSome() {
    if (const auto id = Existing()) table_[*id] = Rewrite(table_[*id], Update(*id, {}));
  }
  void DeleteSome() {
    const auto id = Existing();
    if (!id) return;
    Write(Delete(*id));
    table_.erase(*id);
  }
  void MoveRow(int64_t from, int64_t to) {
    const TestRow old = table_.extract(from).mapped();
    table_[to] = Rewrite(old, Move(from, to, {}));
  }
  void MoveToFree() {
    const auto from = Existing();
    const auto to = Free();
    if (from && to) MoveRow(*from, *to);
  }
  void SwapThroughThird() {
    const auto a = Existing();
    const auto b = Existing();
    if (!a || *a == *b) return;
    MoveRow(*a, -1);
    MoveRow(*b, *a);
    MoveRow(-1, *b);
  }
  // Rows that move onto keys that are not free yet: each takes the place of the next.
  void Rotate(const std::vector<int64_t>& from, const std::vector<int64_t>& to) {
    std::vector<TestRow> old;
    for (const int64_t id : from) old.push_back(table_.extract(id).mapped());
    for (size_t i = 0; i < from.size(); ++i)
      table_[to[i]] = Rewrite(old[i], Move(from[i], to[i], {}));
  }
  void SwapDirectly() {
    const auto a = Existing();
    const auto b = Existing();
    if (a && *a != *b) Rotate({*a, *b}, {*b, *a});
  }
  // id = id + 1 over a range: upwards with a deferrable key, from the top with an immediate one.
  void ShiftUp() {
    const auto first = Existing();
    if (!first) return;
    std::vector<int64_t> ids;
    for (int64_t id = *first; table_.contains(id); ++id) ids.push_back(id);
    if (deferrable_) {
      std::vector<int64_t> to;
      for (const int64_t id : ids) to.push_back(id + 1);
      Rotate(ids, to);
    } else {
      for (auto id = ids.rbegin(); id != ids.rend(); ++id) MoveRow(*id, *id + 1);
    }
  }
  void TruncateAll() {
    Write(Truncate());
    table_.clear();
  }

  std::mt19937_64 random_;
  bool deferrable_;
  TestTable table_;
  std::vector<TestChange> changes_;
};

class ModelRun {
 public:
  explicit ModelRun(uint64_t seed)
      : deferrable_(seed % 4 == 3),
        source_(seed, deferrable_),
        schema_(TestSchema(deferrable_ ? ReplicaIdentity::kFull : ReplicaIdentity::kDefault)),
        file_schema_(WithFieldIds(schema_)) {
    index_options_.folder = "/state/index";
    index_options_.fingerprint_bits = Pick<int>({64, 64, 8, 3});
    index_options_.recent_entries_max = Pick<uint64_t>({1 << 20, 1 << 20, 16, 5});
    index_options_.runs_max = Pick<uint32_t>({1, 3});
    merge_options_.window_bytes = Pick<uint64_t>({1, 4000, 1 << 20});
    merge_options_.file_bytes = Pick<int64_t>({1, 2000, 1 << 20});
    merge_options_.next_location = [this] {
      return fmt::format("file:///lake/{}.parquet", ++number_);
    };
    Restart();
  }

  void Go() {
    const int windows = source_.Below(8) + 3;
    for (int window = 0; window < windows && !::testing::Test::HasFailure(); ++window) {
      OneWindow(window);
    }
  }

 private:
  template <typename T>
  T Pick(std::vector<T> choices) {
    return choices[static_cast<size_t>(source_.Below(static_cast<int>(choices.size())))];
  }

  void Restart() {
    merge_.reset();
    index_.reset();
    files_ = {};
    lake_.LoadInto(files_);
    OpenedIndex opened = Must(OpenTieredIndex(fs_, files_, index_options_));
    index_ = std::move(opened.index);
    Must(LoadFiles(schema_, *file_schema_, store_, files_, opened.missing, *index_));
    merge_ = TableMerge::Make(schema_, file_schema_, store_, files_, *index_, merge_options_);
  }

  // Transactions cut into batches anywhere; those with an odd xid are somebody else's.
  std::vector<ChangeBatch> MakeWindow() {
    std::vector<ChangeBatch> out;
    std::vector<TestRun> runs;
    const auto close = [&] {
      if (!runs.empty()) out.push_back(MakeBatch(schema_, runs));
      runs.clear();
    };
    const int transactions = source_.Below(6);
    for (int i = 0; i < transactions; ++i) {
      xid_ += 2;
      if (source_.Below(5) == 0) {
        runs.push_back({.xid = xid_ + 1, .changes = {Truncate(), Insert(1, {}), Delete(1)}});
      }
      TestRun run{.xid = xid_, .changes = {}};
      for (TestChange& change : source_.Transaction()) {
        run.changes.push_back(std::move(change));
        if (source_.Below(4) != 0) continue;
        runs.push_back(std::exchange(run, {.xid = xid_, .changes = {}}));
        close();
      }
      if (!run.changes.empty()) runs.push_back(std::move(run));
      if (source_.Below(2) == 0) close();
    }
    close();
    return out;
  }

  void ApplyAll(const std::vector<ChangeBatch>& batches, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Must(merge_->Apply(batches[i], [](const TransactionRun& run) { return run.xid % 2 == 0; }));
      if (source_.Below(6) == 0) {  // memory is short
        Must(merge_->SpillWindow());
        EXPECT_EQ(index_->statistics().staged_bytes, 0U);
      }
    }
  }

  void OneWindow(int window) {
    const std::vector<ChangeBatch> batches = MakeWindow();
    if (source_.Below(4) == 0) {  // a commit that fails, or an error half way
      ApplyAll(batches, source_.Below(2) == 0 ? batches.size() : batches.size() / 2);
      if (source_.Below(2) == 0) Must(merge_->Finish({{xid_}, 0}));
      const size_t objects = lake_.files().size();
      Must(merge_->Abandon());
      EXPECT_EQ(store_.count() - useless_, objects);
    }
    ApplyAll(batches, batches.size());
    const RowDelta delta = Must(merge_->Finish({{xid_}, 0}));
    lake_.Commit(delta);
    useless_ += delta.removed.size();
    EXPECT_EQ(store_.count() - useless_, lake_.files().size()) << "files that nobody names";
    Must(merge_->Committed(window + 1));
    if (source_.Below(5) == 0) {
      Must(index_->SpillRecent());
      EXPECT_EQ(index_->statistics().recent_bytes, 0U);
    }
    EXPECT_EQ(lake_.Read(store_, *file_schema_), source_.table()) << "window " << window;
    if (source_.Below(3) == 0) Restart();
  }

  bool deferrable_;
  Source source_;
  TableSchema schema_;
  std::shared_ptr<arrow::Schema> file_schema_;
  FakeFileSystem fs_;
  MemoryStore store_;
  TestLake lake_;
  FileSet files_;
  TieredIndexOptions index_options_;
  MergeOptions merge_options_;
  std::unique_ptr<KeyIndex> index_;
  std::unique_ptr<TableMerge> merge_;
  uint64_t xid_ = 0;
  size_t useless_ = 0;  // files that the table has dropped; expiring them is not merge's
  int number_ = 0;
};

TEST(TableMergeModel, TheLakeIsTheSourceAfterEveryWindow) {
  for (uint64_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    ModelRun(seed).Go();
  }
}

}  // namespace
}  // namespace sluice::merge
