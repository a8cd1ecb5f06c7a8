// Tables that cannot go on: a value or shape that is not carried stops that table alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "postgres/replication/testing/decoder_harness.h"

namespace sluice::postgres {
namespace {

using testing::DecoderHarness;
using ::testing::ElementsAre;
using testing::EncodeDelete;
using testing::EncodeInsert;
using testing::EncodeRelation;
using testing::EncodeUpdate;
using ::testing::HasSubstr;
using testing::Row;
using ::testing::StartsWith;
using testing::Transaction;
using testing::WireValue;

constexpr uint32_t kT = 100;
constexpr uint32_t kU = 200;

struct ChangeDecoderStopTest : ::testing::Test, DecoderHarness {
  ChangeDecoderStopTest() {
    AddTable(kT, "t", {"a"});
    AddTable(kU, "u", {"a"});
  }
  // Five bytes are no int4; the key column comes first, so half a row is never the case here.
  static std::string BadKey(uint32_t table) {
    return EncodeInsert(table, {WireValue::Binary("12345"), WireValue::Text("x")});
  }
  // The key is taken before the text is refused.
  static std::string BadText(uint32_t table) {
    return EncodeInsert(table, {WireValue::Int4(9), WireValue::Text("\xff")});
  }
};

TEST_F(ChangeDecoderStopTest, StopsOneTableAtItsBadValueAndCarriesTheOthers) {
  for (const auto& bad : {BadKey, BadText}) {
    DecoderHarness world;
    world.AddTable(kT, "t", {"a"});
    world.AddTable(kU, "u", {"a"});
    ASSERT_TRUE(
        world.Feed(Transaction(1000, 7,
                               {EncodeRelation(world.Shape(kT)), EncodeRelation(world.Shape(kU)),
                                EncodeInsert(kT, Row(1, {"kept"}))})));
    ASSERT_TRUE(world.Feed(Transaction(
        2000, 8,
        {EncodeInsert(kU, Row(1, {"x"})), EncodeInsert(kT, Row(2, {"of the same"})), bad(kT),
         EncodeInsert(kT, Row(3, {"after"})), EncodeInsert(kU, Row(2, {"x"}))})));
    ASSERT_TRUE(world.Feed(Transaction(
        3000, 9, {EncodeInsert(kT, Row(4, {"later"})), EncodeInsert(kU, Row(3, {"x"}))})));
    EXPECT_THAT(world.Text(), ElementsAre("t v1", "u v1", "t I id=1 a=kept", StartsWith("t stop: "),
                                          "u I id=1 a=x", "u I id=2 a=x", "u I id=3 a=x"));
  }
}

TEST_F(ChangeDecoderStopTest, NamesTheColumnAndNoValue) {
  ASSERT_TRUE(Feed(Transaction(1000, 7, {EncodeRelation(Shape(kT)), BadText(kT)})));
  ASSERT_TRUE(Flush());
  const auto found = std::find_if(records.begin(), records.end(), [](const auto& record) {
    return std::holds_alternative<TableStop>(record);
  });
  ASSERT_NE(found, records.end());
  const auto* stop = std::get_if<TableStop>(&*found);
  ASSERT_NE(stop, nullptr);
  EXPECT_EQ(stop->table, (TableId{kT, 1}));
  EXPECT_THAT(stop->reason, HasSubstr("a"));
  EXPECT_EQ(stop->reason.find('\xff'), std::string::npos);
}

TEST_F(ChangeDecoderStopTest, TakesTheTableUpAgainInAnotherIncarnationOnly) {
  ASSERT_TRUE(Feed(Transaction(1000, 7, {EncodeRelation(Shape(kT)), BadKey(kT)})));
  ASSERT_TRUE(Feed(
      Transaction(2000, 8, {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"ignored"}))})));
  resolver.tables[kT].schema.id.incarnation = 2;
  ++resolver.asked_again;
  ASSERT_TRUE(Feed(Transaction(3000, 9, {EncodeInsert(kT, Row(2, {"taken"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", StartsWith("t stop: "), "t v1", "t I id=2 a=taken"));
}

TEST_F(ChangeDecoderStopTest, StopsATableWhoseKeyIsNotSent) {
  ASSERT_TRUE(Feed(
      Transaction(1000, 7,
                  {EncodeRelation(Shape(kT)), EncodeRelation(Shape(kU)),
                   EncodeDelete(kT, 'K', {WireValue::Null(), WireValue::Null()}),
                   EncodeUpdate(kU, '\0', {}, {WireValue::Unchanged(), WireValue::Text("x")})})));
  EXPECT_THAT(Text(), ElementsAre("t v1", HasSubstr("t stop: the stream leaves out key column id"),
                                  "u v1", HasSubstr("u stop: ")));
}

TEST_F(ChangeDecoderStopTest, StopsAnAppendOnlyTableAtAnUpdate) {
  resolver.tables[kT].append_only = true;
  ASSERT_TRUE(Feed(Transaction(1000, 7,
                               {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x"})),
                                EncodeUpdate(kT, '\0', {}, Row(1, {"y"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", HasSubstr("append-only")));
}

TEST_F(ChangeDecoderStopTest, StopsATableThatLostAMirroredColumn) {
  RelationMessage shape = Shape(kT);
  shape.attributes.pop_back();
  ASSERT_TRUE(Feed(Transaction(1000, 7, {EncodeRelation(shape), EncodeInsert(kT, Row(1, {}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", "t stop: column a is not in the stream"));
}

TEST_F(ChangeDecoderStopTest, StopsATableWhoseRowsAreNotAsAnnounced) {
  ASSERT_TRUE(Feed(Transaction(
      1000, 7, {EncodeRelation(Shape(kT)), EncodeInsert(kT, Row(1, {"x", "one too many"}))})));
  EXPECT_THAT(Text(), ElementsAre("t v1", HasSubstr("t stop: a row of 3 columns")));
}

TEST_F(ChangeDecoderStopTest, StopsAStreamedTransactionsTableToo) {
  ASSERT_TRUE(Feed(
      testing::Block(7, {EncodeRelation(Shape(kT), 7), EncodeInsert(kT, Row(1, {"x"}), 7),
                         EncodeInsert(kT, {WireValue::Int4(2), WireValue::Text("\xff")}, 7)})));
  ASSERT_TRUE(Feed({testing::CommitStream(7, 1000)}));
  EXPECT_THAT(Text(), ElementsAre("t v1", StartsWith("t stop: ")));
}

}  // namespace
}  // namespace sluice::postgres
