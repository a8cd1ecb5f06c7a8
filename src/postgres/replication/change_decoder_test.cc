#include "postgres/replication/change_decoder.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/replication/testing/decoder_harness.h"

namespace sluice::postgres {
namespace {

using testing::DecoderHarness;
using ::testing::ElementsAre;
using testing::EncodeDelete;
using testing::EncodeInsert;
using testing::EncodeRelation;
using testing::EncodeTruncate;
using testing::EncodeUpdate;
using testing::EndOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Row;
using testing::Transaction;
using testing::WireValue;

constexpr uint32_t kT = 100;
constexpr uint32_t kF = 200;

struct ChangeDecoderTest : ::testing::Test, DecoderHarness {
  ChangeDecoderTest() {
    AddTable(kT, "t", {"a", "b"});
    AddTable(kF, "f", {"a", "b"}, 'f');
  }
};

#define ASSERT_FED(...)                                     \
  do {                                                      \
    const Status fed = (__VA_ARGS__);                       \
    ASSERT_TRUE(fed) << (fed ? "" : fed.error().message()); \
  } while (false)

TEST_F(ChangeDecoderTest, TurnsTransactionsIntoRowsInCommitOrder) {
  ASSERT_FED(Feed(Transaction(
      1000, 7,
      {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
       EncodeInsert(kT, {WireValue::Int4(2), WireValue::Null(), WireValue::Text("")})})));
  EXPECT_TRUE(Decoder().at_boundary());
  EXPECT_EQ(Decoder().last_end(), (Cut{EndOf(1000), 1000}));
  ASSERT_FED(Feed(Transaction(
      2000, 8,
      {EncodeUpdate(kT, '\0', {}, Row(1, {"x", "z"})),
       EncodeDelete(kT, 'K', {WireValue::Int4(2), WireValue::Null(), WireValue::Null()})})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t I id=2 a=- b=", "t U id=1 a=x b=z",
                                  "t D id=2"));
  const auto batches = Batches();
  ASSERT_EQ(batches.size(), 1u);
  ASSERT_EQ(batches[0]->runs.size(), 2u);
  const TransactionRun& first = batches[0]->runs[0];
  EXPECT_EQ(first.end_lsn, EndOf(1000));
  EXPECT_EQ(first.xid, 7u);
  EXPECT_EQ(first.commit_time_us, 1000);
  EXPECT_EQ(first.first_index, 0u);
  EXPECT_EQ(first.row_end, 2u);
  EXPECT_EQ(batches[0]->runs[1].end_lsn, EndOf(2000));
  EXPECT_EQ(batches[0]->runs[1].row_end, 4u);
  EXPECT_EQ(batches[0]->old_keys, nullptr);
  EXPECT_EQ(batches[0]->unsent, nullptr);
  EXPECT_TRUE(batches[0]->rows->schema()->Equals(*ChangeRowSchema(resolver.tables.at(kT).schema)));
}

TEST_F(ChangeDecoderTest, HandsOutNothingOfATransactionBeforeItsCommit) {
  options.batch_bytes = 1;  // every row its own batch
  auto messages = Transaction(1000, 7,
                              {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
                               EncodeInsert(kT, Row(2, {"x", "y"}))});
  const std::string commit = messages.back();
  messages.pop_back();
  ASSERT_FED(Feed(messages));
  EXPECT_THAT(records, IsEmpty());
  EXPECT_FALSE(Decoder().at_boundary());
  EXPECT_FALSE(Decoder().Flush().has_value());
  ASSERT_FED(Feed({commit}));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t I id=2 a=x b=y"));
  const auto batches = Batches();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0]->runs[0].end_lsn, EndOf(1000));
  EXPECT_EQ(batches[1]->runs[0].end_lsn, EndOf(1000));
  EXPECT_EQ(batches[1]->runs[0].first_index, 1u);
}

TEST_F(ChangeDecoderTest, MarksUnchangedToastAsUnsent) {
  ASSERT_FED(Feed(Transaction(
      1000, 7,
      {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
       EncodeUpdate(kT, '\0', {},
                    {WireValue::Int4(1), WireValue::Unchanged(), WireValue::Text("z")})})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t U id=1 a=? b=z"));
  EXPECT_FALSE(Batches()[0]->IsUnsent(0, 1));
}

TEST_F(ChangeDecoderTest, KeepsTheOldKeyOnlyWhereTheKeyChanged) {
  const testing::WireRow key1 = {WireValue::Int4(1), WireValue::Null(), WireValue::Null()};
  ASSERT_FED(Feed(Transaction(1000, 7,
                              {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
                               EncodeUpdate(kT, 'K', key1, Row(1, {"x", "same key"})),
                               EncodeUpdate(kT, 'K', key1, Row(5, {"x", "new key"})),
                               EncodeInsert(kT, Row(6, {"x", "y"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t U id=1 a=x b=same key",
                                  "t U(id=1) id=5 a=x b=new key", "t I id=6 a=x b=y"));
  EXPECT_EQ(Batches()[0]->old_keys->num_rows(), 4);
}

TEST_F(ChangeDecoderTest, TakesAKeyStoredOutOfLineFromTheOldKey) {
  ASSERT_FED(Feed(Transaction(
      1000, 7,
      {EncodeRelation(Shape(kT)),
       EncodeUpdate(kT, 'K', {WireValue::Int4(1), WireValue::Null(), WireValue::Null()},
                    {WireValue::Unchanged(), WireValue::Text("x"), WireValue::Unchanged()})})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t U id=1 a=x b=?"));
}

TEST_F(ChangeDecoderTest, ReadsFullIdentity) {
  ASSERT_FED(Feed(
      Transaction(1000, 7,
                  {EncodeRelation(Shape(kF)),
                   EncodeUpdate(kF, 'O', Row(1, {"long", "y"}),
                                {WireValue::Int4(1), WireValue::Unchanged(), WireValue::Text("z")}),
                   EncodeUpdate(kF, 'O', Row(1, {"long", "z"}),
                                {WireValue::Int4(2), WireValue::Unchanged(), WireValue::Text("z")}),
                   EncodeDelete(kF, 'O', Row(2, {"long", "z"}))})));
  EXPECT_THAT(Text(), ElementsAre("f v1", "f U id=1 a=long b=z", "f U(id=1) id=2 a=long b=z",
                                  "f D id=2 a=long b=z"));
}

// The root is FULL, a leaf is not: O's letter, but only the key in it.
TEST_F(ChangeDecoderTest, NeverTakesANullOfAnIncompleteOldRowForAValue) {
  ASSERT_FED(Feed(Transaction(
      1000, 7,
      {EncodeRelation(Shape(kF)),
       EncodeUpdate(kF, 'O', {WireValue::Int4(1), WireValue::Null(), WireValue::Null()},
                    {WireValue::Int4(2), WireValue::Unchanged(), WireValue::Text("z")})})));
  EXPECT_THAT(Text(), ElementsAre("f v1", "f U(id=1) id=2 a=? b=z"));
}

TEST_F(ChangeDecoderTest, KeepsTruncateInOrder) {
  ASSERT_FED(Feed(Transaction(
      1000, 7,
      {EncodeRelation(Shape(kT)), EncodeRelation(Shape(kF)), EncodeInsert(kT, Row(1, {"x", "y"})),
       EncodeTruncate({kT, kF}, 1), EncodeInsert(kT, Row(2, {"x", "y"}))})));
  const auto text = Text();
  EXPECT_THAT(text, ::testing::UnorderedElementsAre("t v1", "f v1", "t I id=1 a=x b=y", "t T",
                                                    "t I id=2 a=x b=y", "f T"));
}

TEST_F(ChangeDecoderTest, DropsWhatTheBusHas) {
  Decoder().SkipThrough(EndOf(2000));
  ASSERT_FED(Feed(
      Transaction(1000, 7, {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"}))})));
  ASSERT_FED(Feed(Transaction(2000, 8, {EncodeInsert(kT, Row(2, {"x", "y"}))})));
  EXPECT_EQ(Decoder().last_end().lsn, EndOf(2000));
  EXPECT_THAT(resolver.asked, IsEmpty());
  // The relation was described in a dropped transaction and is not described again.
  ASSERT_FED(Feed(Transaction(2008, 9, {EncodeInsert(kT, Row(3, {"x", "y"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=3 a=x b=y"));
}

TEST_F(ChangeDecoderTest, SeesAnotherHistoryInATransactionAcrossTheSkipPosition) {
  Decoder().SkipThrough(Lsn{1004});
  const Status fed = Feed(Transaction(1000, 7, {}));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind(), ErrorKind::kConfig);
  EXPECT_THAT(fed.error().message(), HasSubstr("another history"));
}

TEST_F(ChangeDecoderTest, CountsEmptyTransactionsAsPositionsOnly) {
  ASSERT_FED(Feed(Transaction(1000, 7, {})));
  EXPECT_EQ(Decoder().last_end().lsn, EndOf(1000));
  EXPECT_THAT(Text(), IsEmpty());
}

// A transaction of other tables leaves its name; it is the only record then.
TEST_F(ChangeDecoderTest, NamesTransactionsOfOtherTables) {
  const MirroredTable stranger = testing::MakeMirror(300, "s", {});
  ASSERT_FED(Feed(Transaction(1000, 7,
                              {EncodeRelation(testing::DescribeMirror(stranger)),
                               EncodeInsert(300, Row(1, {})), EncodeInsert(300, Row(2, {}))})));
  ASSERT_FED(Feed(Transaction(2000, 8, {})));
  ASSERT_FED(Feed(Transaction(3000, 9,
                              {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
                               EncodeInsert(300, Row(3, {}))})));
  std::vector<std::pair<Lsn, uint64_t>> named;
  ASSERT_FED(Flush());
  for (const ChangeBatch* batch : Batches()) {
    if (batch->table != TableId{}) continue;
    for (const TransactionRun& run : batch->runs) named.emplace_back(run.end_lsn, run.xid);
    EXPECT_EQ(batch->rows->num_rows(), 1);
    EXPECT_EQ(batch->rows->num_columns(), 0);
  }
  EXPECT_THAT(named, ElementsAre(std::pair(EndOf(1000), uint64_t{7})));
}

TEST_F(ChangeDecoderTest, SkipsTablesThatAreNotMirroredUntilToldToAskAgain) {
  const MirroredTable stranger = testing::MakeMirror(300, "s", {});
  ASSERT_FED(Feed(Transaction(1000, 7,
                              {EncodeRelation(testing::DescribeMirror(stranger)),
                               EncodeInsert(300, Row(1, {})), EncodeInsert(300, Row(2, {}))})));
  EXPECT_THAT(Text(), IsEmpty());
  EXPECT_THAT(resolver.asked, ElementsAre(300));
  resolver.tables[300] = stranger;
  ASSERT_FED(Feed(Transaction(2000, 8, {EncodeInsert(300, Row(3, {}))})));
  EXPECT_THAT(Text(), IsEmpty());
  ++resolver.asked_again;
  ASSERT_FED(Feed(Transaction(3000, 9, {EncodeInsert(300, Row(4, {}))})));
  EXPECT_THAT(Text(), ElementsAre("s v1", "s I id=4"));
}

TEST_F(ChangeDecoderTest, AsksAgainWhenARelationIsDescribedAgain) {
  ASSERT_FED(Feed(Transaction(1000, 7,
                              {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"})),
                               EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(2, {"x", "y"}))})));
  EXPECT_THAT(resolver.asked, ElementsAre(kT, kT));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t I id=2 a=x b=y"));
  EXPECT_EQ(Batches().size(), 1u) << "the same version needs no new batch";
}

TEST_F(ChangeDecoderTest, PutsANewVersionBetweenTheRowsOfItsTransaction) {
  ASSERT_FED(Feed(
      Transaction(1000, 7, {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "y"}))})));
  MirroredTable wider = testing::MakeMirror(kT, "t", {"a", "b", "c"});
  wider.schema.version = {2};
  const std::string insert = EncodeInsert(kT, Row(2, {"x", "y"}));
  resolver.tables[kT] = wider;
  ASSERT_FED(Feed(Transaction(
      2000, 8, {insert, EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(3, {"x", "y", "z"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=x b=y", "t I id=2 a=x b=y", "t v2",
                                  "t I id=3 a=x b=y c=z"));
}

TEST_F(ChangeDecoderTest, MapsColumnsByNameAndSkipsExcludedOnes) {
  RelationMessage shape = Shape(kT);
  shape.attributes.insert(shape.attributes.begin(), {false, "secret", 25, -1});
  std::swap(shape.attributes[2], shape.attributes[3]);
  ASSERT_FED(
      Feed(Transaction(1000, 7,
                       {EncodeRelation(shape),
                        EncodeInsert(kT, {WireValue::Text("hidden"), WireValue::Int4(1),
                                          WireValue::Text("for b"), WireValue::Text("for a")})})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t I id=1 a=for a b=for b"));
}

TEST_F(ChangeDecoderTest, SplitsTransactionsOverBatchesOfTheConfiguredSize) {
  options.batch_bytes = 1000;
  std::vector<std::string> changes = {EncodeRelation(Shape(kT))};
  for (int i = 0; i < 100; ++i) {
    changes.push_back(EncodeInsert(kT, Row(i, {std::string(50, 'x'), ""})));
  }
  ASSERT_FED(Feed(Transaction(1000, 7, changes)));
  ASSERT_FED(Flush());
  const auto batches = Batches();
  EXPECT_GT(batches.size(), 5u);
  uint64_t rows = 0;
  for (const ChangeBatch* batch : batches) {
    ASSERT_EQ(batch->runs.size(), 1u);
    EXPECT_EQ(batch->runs[0].first_index, rows);
    EXPECT_EQ(batch->runs[0].row_end, batch->row_count());
    rows += static_cast<uint64_t>(batch->row_count());
  }
  EXPECT_EQ(rows, 100u);
}

TEST_F(ChangeDecoderTest, WidensXidsAcrossTheEpoch) {
  options.reference_xid = (uint64_t{3} << 32) + 0xFFFFFFF0;
  ASSERT_FED(Feed(Transaction(1000, 0xFFFFFFFF,
                              {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"", ""}))})));
  ASSERT_FED(Feed(Transaction(2000, 5, {EncodeInsert(kT, Row(2, {"", ""}))})));
  ASSERT_FED(Flush());
  EXPECT_EQ(Batches()[0]->runs[0].xid, (uint64_t{3} << 32) + 0xFFFFFFFF);
  EXPECT_EQ(Batches()[0]->runs[1].xid, (uint64_t{4} << 32) + 5);
}

TEST_F(ChangeDecoderTest, RefusesMessagesOutOfPlace) {
  const std::vector<std::vector<std::string>> wrong = {
      {EncodeInsert(kT, Row(1, {"", ""}))},
      {testing::EncodeCommit(Lsn{1}, Lsn{2}, 0)},
      {testing::EncodeBegin(Lsn{1}, 0, 1), testing::EncodeBegin(Lsn{1}, 0, 1)},
      {testing::EncodeBegin(Lsn{1}, 0, 1), EncodeInsert(kT, Row(1, {"", ""}))},
      {testing::EncodeBegin(Lsn{1}, 0, 1), testing::EncodeCommit(Lsn{3}, Lsn{4}, 0)},
      {testing::EncodeBegin(Lsn{1}, 0, 1), testing::EncodeStreamStart(2, true)},
      {testing::EncodeStreamStop()},
      {testing::EncodeStreamStart(1, true), testing::EncodeStreamStart(2, true)},
      {testing::EncodeStreamStart(1, true), testing::EncodeStreamAbort(1, 1)},
      {testing::CommitStream(9, 1000)},
  };
  for (const auto& messages : wrong) {
    DecoderHarness harness;
    harness.AddTable(kT, "t", {"a", "b"});
    const Status fed = harness.Feed(messages);
    ASSERT_FALSE(fed) << messages.back()[0];
    EXPECT_EQ(fed.error().kind(), ErrorKind::kCorrupt) << messages.back()[0];
  }
}

}  // namespace
}  // namespace sluice::postgres
