#include "bus/embedded/bus_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/embedded/bus_testing.h"

namespace sluice::bus {
namespace {

using ::testing::ElementsAre;
using namespace testing;  // NOLINT: the test world

class BusScanTest : public ::testing::Test {
 protected:
  BusScanTest() {
    options_.segment_bytes = 2000;
    writer_ = EmbeddedBusWriter::Open(files_, clock_, options_, 1, Lsn{50}).value();
    EXPECT_TRUE(writer_->Append(0, Schema(1)));
    for (int64_t i = 1; i <= 9; i += 3) {
      EXPECT_TRUE(writer_->Append(0, Batch(i, i + 1)));
      EXPECT_TRUE(writer_->Append(0, Batch(i + 2)));
      EXPECT_TRUE(writer_->AppendCut(CutAt(i + 2)));
    }
    EXPECT_TRUE(writer_->Append(0, Batch(10)));  // not closed
  }

  Result<std::vector<uint64_t>> Scan(Lsn after, Lsn through) {
    std::vector<uint64_t> xids;
    SLUICE_TRY(ScanTransactions(files_, options_, after, through,
                                [&](Lsn end_lsn, uint64_t xid, TableId table) {
                                  EXPECT_EQ(end_lsn.value, (xid - 1000) * 100);
                                  EXPECT_EQ(table, kTable);
                                  xids.push_back(xid);
                                }));
    return xids;
  }

  FakeFileSystem files_;
  FakeClock clock_;
  EmbeddedBusOptions options_ = Options();
  std::unique_ptr<EmbeddedBusWriter> writer_;
};

TEST_F(BusScanTest, NamesTheTransactionsOfARange) {
  EXPECT_THAT(Scan(LsnOf(1), LsnOf(5)).value(), ElementsAre(1002, 1003, 1004, 1005));
  EXPECT_THAT(Scan(LsnOf(6), LsnOf(9)).value(), ElementsAre(1007, 1008, 1009));
  EXPECT_EQ(Scan(Lsn{50}, LsnOf(9)).value().size(), 9U);
  EXPECT_THAT(Scan(LsnOf(9), LsnOf(9)).value(), ElementsAre());
}

TEST_F(BusScanTest, ARangeThatIsNotAllHereIsRefused) {
  EXPECT_EQ(Scan(LsnOf(1), LsnOf(10)).error().code(), "BEHIND");
  EXPECT_EQ(Scan(Lsn{20}, LsnOf(9)).error().code(), "TRIMMED");
}

// A commit that is hidden may be in the snapshot's list, or newer than all it knows of.
TEST_F(BusScanTest, FindsWhatASnapshotDoesNotSee) {
  const auto seen = [&](Lsn after, Lsn through, const char* snapshot) {
    return SeenThrough(files_, options_, after, through, ParseSnapshot(snapshot).value()).value();
  };
  EXPECT_EQ(seen(Lsn{50}, LsnOf(9), "1010:1010:"), LsnOf(9));
  EXPECT_EQ(seen(Lsn{50}, LsnOf(9), "1011:1013:1011,1012"), LsnOf(9));
  EXPECT_EQ(seen(Lsn{50}, LsnOf(9), "1004:1013:1004,1006"), Lsn{LsnOf(4).value - 1});
  EXPECT_EQ(seen(LsnOf(4), LsnOf(9), "1004:1013:1004,1006"), Lsn{LsnOf(6).value - 1});
  EXPECT_EQ(seen(Lsn{50}, LsnOf(5), "1006:1013:1006"), LsnOf(5));
  EXPECT_EQ(seen(Lsn{50}, LsnOf(9), "1009:1009:"), Lsn{LsnOf(9).value - 1});
  EXPECT_EQ(seen(LsnOf(9), LsnOf(9), "1:1:"), LsnOf(9));
}

// Bodies may be damaged: the heads have their own checksum.
TEST_F(BusScanTest, BodiesAreNotRead) {
  const std::string path = "/srv/bus/p0/0000000000000032.seg";
  const std::string content = files_.Content(path);
  files_.FlipBit(path, 8 * (content.find("sluice.table_oid") + 3));
  EXPECT_EQ(Scan(Lsn{50}, LsnOf(9)).value().size(), 9U);
}

}  // namespace
}  // namespace sluice::bus
