#include "pipeline/resent_history.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::pipeline {
namespace {

ChangeBatch Batch(std::vector<std::pair<uint64_t, uint64_t>> transactions) {
  ChangeBatch out;
  uint32_t rows = 0;
  for (const auto& [end, xid] : transactions) out.runs.push_back({Lsn{end}, xid, 0, 0, ++rows});
  return out;
}

// Two cuts; within the first, two tables whose transactions interleave.
class FakeReader final : public bus::BusReader {
 public:
  Result<Lsn> Seek(bus::PartitionId, Lsn after) override { return std::max(after, Lsn{90}); }
  Result<std::vector<bus::Record>> Poll(bus::PartitionId, size_t) override {
    if (polled_++ == 0) {
      return std::vector<bus::Record>{Batch({{100, 1}, {120, 3}}), Batch({{110, 2}, {120, 3}}),
                                      Cut{Lsn{125}, 0}};
    }
    if (polled_ == 2) return std::vector<bus::Record>{Batch({{130, 4}}), Cut{Lsn{140}, 0}};
    return std::vector<bus::Record>{};
  }

 private:
  int polled_ = 0;
};

std::unique_ptr<ResentHistory> From(uint64_t confirmed) {
  return ResentHistory::Open(std::make_unique<FakeReader>(), Lsn{confirmed}, Lsn{140}).value();
}

// A cut that is durable and not yet shown.
TEST(ResentHistory, WhatTheBusDoesNotShowYetIsNoOtherHistory) {
  const auto history =
      ResentHistory::Open(std::make_unique<FakeReader>(), Lsn{95}, Lsn{160}).value();
  for (const auto& [end, xid] : {std::pair{100, 1}, {110, 2}, {120, 3}, {130, 4}}) {
    ASSERT_TRUE(history->Sent(Lsn{static_cast<uint64_t>(end)}, static_cast<uint64_t>(xid)));
  }
  EXPECT_EQ(history->Sent(Lsn{150}, 5).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(history->Passed().error().kind(), ErrorKind::kUnavailable);
}

TEST(ResentHistory, TakesTheSameTransactions) {
  const auto history = From(95);
  for (const auto& [end, xid] : {std::pair{100, 1}, {110, 2}, {120, 3}, {130, 4}}) {
    ASSERT_TRUE(history->Sent(Lsn{static_cast<uint64_t>(end)}, static_cast<uint64_t>(xid)));
  }
  EXPECT_TRUE(history->Passed());
}

TEST(ResentHistory, ComparesNothingBelowWhatWasConfirmed) {
  const auto history = From(115);
  ASSERT_TRUE(history->Sent(Lsn{120}, 3));
  ASSERT_TRUE(history->Sent(Lsn{130}, 4));
  EXPECT_TRUE(history->Passed());
}

TEST(ResentHistory, SeesAnotherTransactionAtTheSamePlace) {
  EXPECT_EQ(From(95)->Sent(Lsn{100}, 7).error().kind(), ErrorKind::kConfig);
}

TEST(ResentHistory, SeesOneThatTheBusDoesNotHave) {
  const auto between = From(95);
  ASSERT_TRUE(between->Sent(Lsn{100}, 1));
  EXPECT_EQ(between->Sent(Lsn{105}, 2).error().kind(), ErrorKind::kConfig);
  const auto behind = From(120);
  ASSERT_TRUE(behind->Sent(Lsn{130}, 4));
  EXPECT_EQ(behind->Sent(Lsn{135}, 5).error().kind(), ErrorKind::kConfig);
}

TEST(ResentHistory, SeesThatOneWasNotSent) {
  const auto history = From(95);
  ASSERT_TRUE(history->Sent(Lsn{100}, 1));
  EXPECT_EQ(history->Sent(Lsn{115}, 2).error().kind(), ErrorKind::kConfig);
}

TEST(ResentHistory, SeesThatTheLastOnesWereNotSent) {
  const auto history = From(95);
  for (const uint64_t end : {100, 110, 120}) {
    ASSERT_TRUE(history->Sent(Lsn{end}, (end - 90) / 10));
  }
  EXPECT_EQ(history->Passed().error().kind(), ErrorKind::kConfig);
}

TEST(ResentHistory, HasNothingToCompareWhereAllWasConfirmed) { EXPECT_TRUE(From(140)->Passed()); }

}  // namespace
}  // namespace sluice::pipeline
