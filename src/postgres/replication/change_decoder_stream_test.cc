// Transactions sent in pieces before they commit, and those that memory cannot hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "postgres/replication/testing/decoder_harness.h"

namespace sluice::postgres {
namespace {

using testing::Block;
using testing::CommitStream;
using testing::DecoderHarness;
using ::testing::ElementsAre;
using testing::EncodeInsert;
using testing::EncodeRelation;
using testing::EncodeStreamAbort;
using testing::EndOf;
using ::testing::IsEmpty;
using testing::Row;
using testing::Transaction;
using testing::WireValue;

constexpr uint32_t kT = 100;

struct ChangeDecoderStreamTest : ::testing::Test, DecoderHarness {
  ChangeDecoderStreamTest() { AddTable(kT, "t", {"a"}); }
  std::string Insert(int32_t id, uint32_t subxid) {
    return EncodeInsert(kT, Row(id, {"x"}), subxid);
  }
  std::string Relation(uint32_t subxid) { return EncodeRelation(Shape(kT), subxid); }
};

TEST_F(ChangeDecoderStreamTest, KeepsAStreamBackUntilItCommits) {
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7)})));
  EXPECT_TRUE(Decoder().open_streams());
  EXPECT_TRUE(Decoder().at_boundary());
  EXPECT_GT(Decoder().spool_bytes(), 0u);
  EXPECT_THAT(Text(), IsEmpty());
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  EXPECT_FALSE(Decoder().open_streams());
  EXPECT_EQ(Decoder().spool_bytes(), 0u);
  EXPECT_EQ(Decoder().last_end(), (Cut{EndOf(1000), 1000}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x"));
  EXPECT_EQ(Batches()[0]->runs[0].xid, 7u);
}

TEST_F(ChangeDecoderStreamTest, OrdersInterleavedTransactionsByCommit) {
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7)})));
  ASSERT_TRUE(Feed(Block(8, {Insert(10, 8)})));
  ASSERT_TRUE(
      Feed(Transaction(500, 6, {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(100, {"x"}))})));
  ASSERT_TRUE(Feed(Block(7, {Insert(2, 7)})));
  ASSERT_TRUE(Feed(Block(8, {Insert(11, 8)})));
  ASSERT_TRUE(Feed({CommitStream(8, 1000), CommitStream(7, 2000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=100 a=x", "t I id=10 a=x", "t I id=11 a=x",
                                  "t I id=1 a=x", "t I id=2 a=x"));
}

TEST_F(ChangeDecoderStreamTest, DropsAbortedSubtransactionsOnly) {
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), Insert(2, 21), Insert(3, 22)})));
  ASSERT_TRUE(Feed({EncodeStreamAbort(7, 22), EncodeStreamAbort(7, 21)}));
  ASSERT_TRUE(Feed(Block(7, {Relation(23), Insert(4, 23), Insert(5, 7)})));
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x", "t I id=4 a=x", "t I id=5 a=x"));
  EXPECT_EQ(Batches()[0]->runs[0].row_end, 3u);
}

// A savepoint a row, all rolled back: what is remembered of each must stay small.
TEST_F(ChangeDecoderStreamTest, RemembersAMillionAbortedSubtransactionsInAFewHundredKilobytes) {
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), Insert(2, 1'000'000)})));
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (uint32_t i = 0; i < 1'000'000; ++i) {
    ASSERT_TRUE(Decoder().Consume(EncodeStreamAbort(7, 100 + i)));
  }
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd - before, 500'000U);
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x"));
}

TEST_F(ChangeDecoderStreamTest, DropsAnAbortedTransactionWhole) {
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), Insert(2, 21)})));
  ASSERT_TRUE(Feed({EncodeStreamAbort(7, 7)}));
  EXPECT_FALSE(Decoder().open_streams());
  EXPECT_EQ(Decoder().spool_bytes(), 0u);
  EXPECT_THAT(Text(), IsEmpty());
}

TEST_F(ChangeDecoderStreamTest, TakesEmptyBlocksAndAbortsOfUnknownTransactions) {
  ASSERT_TRUE(Feed(Block(7, {})));
  ASSERT_TRUE(Feed({EncodeStreamAbort(7, 7), EncodeStreamAbort(9, 9), EncodeStreamAbort(9, 10)}));
  ASSERT_TRUE(Feed(Block(8, {})));
  ASSERT_TRUE(Feed({CommitStream(8, 1000)}));
  EXPECT_EQ(Decoder().last_end().lsn, EndOf(1000));
  EXPECT_THAT(Text(), IsEmpty());
}

// DDL inside a streamed transaction: its shape is its own until it commits.
TEST_F(ChangeDecoderStreamTest, KeepsAStreamsRelationsToItselfUntilItCommits) {
  const RelationMessage narrow = Shape(kT);
  MirroredTable wide = testing::MakeMirror(kT, "t", {"a", "b"});
  wide.schema.version = {2};
  const RelationMessage wider = testing::DescribeMirror(wide);

  ASSERT_TRUE(Feed(Block(7, {EncodeRelation(wider, 7), EncodeInsert(kT, Row(1, {"x", "y"}), 7)})));
  ASSERT_TRUE(Feed(
      Transaction(500, 6, {EncodeRelation(narrow), EncodeInsert(kT, Row(100, {"old shape"}))})));
  resolver.tables[kT] = wide;
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  // Not described again: the stream's own description counts from its commit on.
  ASSERT_TRUE(Feed(Transaction(2000, 8, {EncodeInsert(kT, Row(2, {"x", "z"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=100 a=old shape", "t v2", "t I id=1 a=x b=y",
                                  "t I id=2 a=x b=z"));
}

TEST_F(ChangeDecoderStreamTest, ForgetsRelationsOfAbortedSubtransactions) {
  MirroredTable wide = testing::MakeMirror(kT, "t", {"a", "b"});
  const RelationMessage wider = testing::DescribeMirror(wide);
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), EncodeRelation(wider, 21),
                             EncodeInsert(kT, Row(2, {"x", "y"}), 21)})));
  ASSERT_TRUE(Feed({EncodeStreamAbort(7, 21)}));
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(3, 7)})));
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x", "t I id=3 a=x"));
}

TEST_F(ChangeDecoderStreamTest, DropsAStreamThatTheBusHasButKeepsItsRelations) {
  Decoder().SkipThrough(EndOf(1000));
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7)})));
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  ASSERT_TRUE(Feed(Transaction(2000, 8, {EncodeInsert(kT, Row(2, {"x"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=2 a=x"));
}

TEST_F(ChangeDecoderStreamTest, TakesAHugeStreamInBoundedPieces) {
  options.spool_memory_bytes = 100'000;
  options.batch_bytes = 200'000;
  std::vector<std::string> changes = {Relation(7)};
  for (int i = 0; i < 4000; ++i) {
    changes.push_back(EncodeInsert(kT, Row(i, {std::string(1000, 'x')}), 7));
  }
  ASSERT_TRUE(Feed(Block(7, changes)));
  ASSERT_TRUE(Decoder().Consume(CommitStream(7, 1000)));
  int pieces = 0;
  for (; Decoder().adopting(); ++pieces) {
    EXPECT_FALSE(Decoder().at_boundary());
    EXPECT_FALSE(Decoder().Consume(testing::EncodeBegin(Lsn{1}, 0, 1)));
    Take();
    ASSERT_TRUE(Decoder().Continue());
  }
  EXPECT_GE(pieces, 3);
  Take();
  ASSERT_TRUE(Flush());
  uint64_t rows = 0;
  for (const ChangeBatch* batch : Batches()) {
    EXPECT_EQ(batch->runs[0].end_lsn, EndOf(1000));
    EXPECT_EQ(batch->runs[0].first_index, rows);
    rows += static_cast<uint64_t>(batch->row_count());
  }
  EXPECT_EQ(rows, 4000u);
  EXPECT_TRUE(files.List("/spool")->empty());
}

// A transaction below logical_decoding_work_mem comes whole, but may be more than we may hold.
TEST_F(ChangeDecoderStreamTest, SpoolsTheRestOfATransactionThatMemoryCannotHold) {
  options.memory_bytes = 100'000;
  options.batch_bytes = 20'000;
  options.spool_memory_bytes = 10'000;
  std::vector<std::string> changes = {EncodeRelation(Shape(kT))};
  for (int i = 0; i < 1000; ++i) {
    if (i == 700) changes.push_back(EncodeRelation(Shape(kT)));
    changes.push_back(EncodeInsert(kT, Row(i, {std::string(1000, 'x')})));
  }
  auto messages = Transaction(1000, 7, changes);
  const std::string commit = messages.back();
  messages.pop_back();
  ASSERT_TRUE(Feed(messages));
  EXPECT_GT(Decoder().spool_bytes(), 800'000u);
  EXPECT_THAT(records, IsEmpty());
  ASSERT_TRUE(Feed({commit}));
  EXPECT_EQ(Decoder().spool_bytes(), 0u);
  ASSERT_TRUE(Flush());
  uint64_t rows = 0;
  for (const ChangeBatch* batch : Batches()) {
    EXPECT_EQ(batch->runs[0].end_lsn, EndOf(1000));
    EXPECT_EQ(batch->runs[0].first_index, rows);
    rows += static_cast<uint64_t>(batch->row_count());
  }
  EXPECT_EQ(rows, 1000u);
}

TEST_F(ChangeDecoderStreamTest, SaysWhenTheSpoolIsFullAndTakesTheMessageLater) {
  options.spool_bytes_max = 260;
  const std::string insert = Insert(1, 8);
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), Insert(2, 7), Insert(3, 7)})));
  ASSERT_TRUE(Feed({testing::EncodeStreamStart(8, true)}));
  Status full;
  while (full) full = Decoder().Consume(insert);
  EXPECT_EQ(full.error().kind(), ErrorKind::kExhausted);
  EXPECT_EQ(Decoder().Consume(insert).error().kind(), ErrorKind::kExhausted);
}

// As after a lost connection: a new stream brings all of it again.
TEST_F(ChangeDecoderStreamTest, ADamagedSpoolEndsTheStreamAndTheNextOneIsWhole) {
  options.spool_memory_bytes = 0;
  const auto block = Block(7, {Relation(7), Insert(1, 7), Insert(2, 7)});
  ASSERT_TRUE(Feed(block));
  const std::string path = files.Paths("/spool").at(0);
  files.FlipBit(path, files.Content(path).size() * 8 - 3);
  const Status damaged = Feed({CommitStream(7, 1000)});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind(), ErrorKind::kUnavailable);
  decoder = nullptr;
  records.clear();
  ASSERT_TRUE(Feed(block));
  ASSERT_TRUE(Feed({CommitStream(7, 1000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x", "t I id=2 a=x"));
}

TEST_F(ChangeDecoderStreamTest, EmptiesTheSpoolOfAnEarlierRun) {
  options.spool_memory_bytes = 0;
  ASSERT_TRUE(Feed(Block(7, {Relation(7), Insert(1, 7), Insert(2, 7)})));
  files.SetContent("/spool/left-over.spool", "x");
  decoder = nullptr;
  Decoder();
  EXPECT_TRUE(files.List("/spool")->empty());
}

}  // namespace
}  // namespace sluice::postgres
