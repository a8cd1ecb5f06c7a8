#include "iceberg/ledger.h"

#include <gtest/gtest.h>

#include "iceberg/commit_testing.h"
#include "iceberg/ledger_file.h"

namespace sluice::iceberg {
namespace {

const TableIdentifier kCuts{"sluice", "cuts"};

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() : store_(store::MakeLocalStore(files_)), catalog_(clock_) {}

  Marks MarksAt(uint64_t lsn, uint64_t epoch) {
    return {{Lsn{lsn}, clock_.WallMicros() - 5}, "77/1/shop", "slot", "shop", epoch};
  }
  int64_t Now() const { return clock_.WallMicros() / 1000; }

  std::optional<Ledger> Read() {
    auto ledger = ReadLedger(catalog_, *store_, kCuts);
    EXPECT_TRUE(ledger) << ledger.error().message();
    return ledger ? *ledger : std::nullopt;
  }
  Status Send(const Result<PreparedCommit>& prepared) {
    if (!prepared) return prepared.error();
    clock_.Advance(1'000'000);
    SLUICE_TRY(catalog_.Commit(std::span(&prepared->commit, 1)));
    return store_->Delete(prepared->expired);
  }
  Status Claim(uint64_t epoch) {
    return Send(PrepareLedgerClaim(*store_, kCuts, "file:///lake/sluice/cuts", Read(), epoch,
                                   MarksAt(0, 0), Now()));
  }
  Status Append(const Ledger& ledger, uint64_t lsn, uint64_t epoch, size_t rows_max = 1000) {
    LedgerRow row{MarksAt(lsn, epoch), Now() * 1000, {}};
    row.tables = {{"shop.orders", static_cast<SnapshotId>(lsn) * 7}, {"shop.\"x\"", 5}};
    CommitOptions options;
    options.now_ms = Now();
    options.history = history_;
    return Send(PrepareLedgerCommit(*store_, ledger, row, rows_max, options));
  }

  FakeClock clock_;
  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> store_;
  MemoryCatalog catalog_;
  HistoryPolicy history_;
};

TEST_F(LedgerTest, IsNothingUntilSomebodyClaimsIt) {
  EXPECT_FALSE(Read());
  ASSERT_TRUE(Claim(1));
  const auto ledger = Read();
  ASSERT_TRUE(ledger);
  EXPECT_EQ(ledger->epoch, 1U);
  EXPECT_TRUE(ledger->rows.empty());
}

TEST_F(LedgerTest, RowsComeBackAsTheyWereWritten) {
  ASSERT_TRUE(Claim(1));
  ASSERT_TRUE(Append(*Read(), 100, 1));
  const int64_t time = clock_.WallMicros();
  ASSERT_TRUE(Append(*Read(), 0x16B374D848, 1));
  const auto ledger = Read();
  ASSERT_EQ(ledger->rows.size(), 2U);
  const LedgerRow& row = ledger->rows[1];
  EXPECT_EQ(row.marks.cut, (Cut{Lsn{0x16B374D848}, time - 5}));
  EXPECT_EQ(row.marks.source, "77/1/shop");
  EXPECT_EQ(row.marks.slot, "slot");
  EXPECT_EQ(row.marks.pipeline, "shop");
  EXPECT_EQ(row.marks.epoch, 1U);
  EXPECT_EQ(row.committed_at_us, time / 1000 * 1000);
  EXPECT_EQ(row.tables.at("shop.orders"), 0x16B374D848 * 7);
  EXPECT_EQ(row.tables.at("shop.\"x\""), 5);
  EXPECT_EQ(ledger->rows[0].marks.cut.lsn, Lsn{100});
}

TEST_F(LedgerTest, OneDataFileHoldsAllRows) {
  ASSERT_TRUE(Claim(1));
  for (uint64_t i = 1; i <= 30; ++i) ASSERT_TRUE(Append(*Read(), i, 1));
  const auto ledger = Read();
  EXPECT_EQ(ledger->rows.size(), 30U);
  const auto files = ReadTableFiles(*store_, ledger->table.metadata);
  ASSERT_TRUE(files);
  EXPECT_EQ(files->data.size(), 1U);
  EXPECT_EQ(files->data[0].file.record_count, 30);
  EXPECT_TRUE(files->deletes.empty());
}

TEST_F(LedgerTest, AHigherEpochStopsTheOlderWriter) {
  ASSERT_TRUE(Claim(1));
  ASSERT_TRUE(Append(*Read(), 1, 1));
  const auto old = Read();
  ASSERT_TRUE(Claim(2));
  const Status late = Append(*old, 2, 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), ErrorKind::kConflict);
  const Status informed = Append(*Read(), 2, 1);
  ASSERT_FALSE(informed);
  EXPECT_EQ(informed.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Claim(2).error().kind(), ErrorKind::kConflict);
  const auto now = Read();
  EXPECT_EQ(now->epoch, 2U);
  ASSERT_EQ(now->rows.size(), 1U) << "the claim keeps the rows";
  EXPECT_TRUE(Append(*now, 2, 2));
}

TEST_F(LedgerTest, OfTwoClaimsAtOnceOneIsTold) {
  ASSERT_TRUE(Claim(1));
  const auto ledger = Read();
  const auto claim = [&] {
    return PrepareLedgerClaim(*store_, kCuts, "file:///lake/sluice/cuts", ledger, 2, MarksAt(0, 0),
                              Now());
  };
  const auto first = claim();
  const auto second = claim();
  ASSERT_TRUE(Send(first));
  EXPECT_EQ(Send(second).error().kind(), ErrorKind::kConflict);
}

TEST_F(LedgerTest, RowsAreThinnedAsSnapshotsAreAndCapped) {
  history_ = {.all_ms = 10'000, .every_minute_ms = 600'000, .every_hour_ms = 0, .every_day_ms = 0};
  ASSERT_TRUE(Claim(1));
  for (uint64_t i = 1; i <= 200; ++i) ASSERT_TRUE(Append(*Read(), i, 1));
  auto ledger = Read();
  EXPECT_GE(ledger->rows.size(), 12U);
  EXPECT_LE(ledger->rows.size(), 17U);
  EXPECT_EQ(ledger->rows.back().marks.cut.lsn, Lsn{200});
  EXPECT_LE(ledger->table.metadata.snapshots.size(), 13U);
  EXPECT_EQ(ledger->table.metadata.refs.size(), 1U) << "its own snapshots need no tags";
  ASSERT_TRUE(Append(*ledger, 201, 1, 5));
  ledger = Read();
  EXPECT_EQ(ledger->rows.size(), 5U);
  EXPECT_EQ(ledger->rows.front().marks.cut.lsn, Lsn{197});
}

TEST_F(LedgerTest, AForeignFileIsCorrupt) {
  const std::string at = "file:///lake/x.parquet";
  ASSERT_TRUE(store_->PutIfAbsent(at, arrow::Buffer::FromString("PAR1 nothing of the kind PAR1")));
  const auto rows = ReadLedgerFile(*store_, at);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::iceberg
