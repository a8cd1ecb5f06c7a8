#include "merge/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/key_encoding.h"
#include "merge/merge_test_support.h"

namespace sluice::merge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FoldTest : public ::testing::Test {
 protected:
  FoldTest() { fold_.Hold(MakeBatch(TestSchema(), {Insert(1, {}), Insert(2, {}), Insert(3, {})})); }
  static KeyRef Key(std::string_view text) { return {FingerprintOf(text), text}; }
  // "key:row" of what is to be written, in order.
  std::vector<std::string> Written() const {
    std::vector<std::string> out;
    for (const Fold::Version& version : fold_.versions()) {
      if (version.live) {
        out.push_back(fmt::format("{}:{}", fold_.key(version.key).bytes, version.row));
      }
    }
    return out;
  }
  std::vector<std::string> Gone() const {
    std::vector<std::string> out;
    for (const Fold::StoredRow& row : fold_.stored()) out.emplace_back(fold_.key(row.key).bytes);
    return out;
  }
  Fold fold_{nullptr};
};

TEST_F(FoldTest, InsertAndDeleteVanish) {
  Must(fold_.Insert(Key("a"), 0));
  Must(fold_.Update(Key("a"), Key("a"), 1));
  Must(fold_.Delete(Key("a")));
  EXPECT_THAT(Written(), IsEmpty());
  EXPECT_THAT(Gone(), IsEmpty());
}

TEST_F(FoldTest, TheLastImageOfAStoredRowWins) {
  Must(fold_.Update(Key("a"), Key("a"), 0));
  Must(fold_.Update(Key("a"), Key("a"), 1));
  EXPECT_THAT(Written(), ElementsAre("a:1"));
  EXPECT_THAT(Gone(), ElementsAre("a"));
}

TEST_F(FoldTest, DeleteAndInsertOfAKeyReplacesItsStoredRow) {
  Must(fold_.Delete(Key("a")));
  Must(fold_.Insert(Key("a"), 0));
  Must(fold_.Delete(Key("a")));
  Must(fold_.Insert(Key("a"), 1));
  EXPECT_THAT(Written(), ElementsAre("a:1"));
  EXPECT_THAT(Gone(), ElementsAre("a"));
}

TEST_F(FoldTest, KeysMoveInChainsAndSwapsThroughAThird) {
  Must(fold_.Update(Key("a"), Key("t"), 0));
  Must(fold_.Update(Key("b"), Key("a"), 1));
  Must(fold_.Update(Key("t"), Key("b"), 2));
  EXPECT_THAT(Written(), ElementsAre("a:1", "b:2"));
  EXPECT_THAT(Gone(), ElementsAre("a", "b"));
}

TEST_F(FoldTest, AKeyThatIsReplacedByAnEqualOneStays) {
  Must(fold_.Update(Key("a"), Key("a"), 0));
  EXPECT_THAT(Written(), ElementsAre("a:0"));
}

TEST_F(FoldTest, RowsThatCannotBeAreCorrupt) {
  Must(fold_.Insert(Key("a"), 0));
  EXPECT_EQ(fold_.Insert(Key("a"), 1).error().kind(), ErrorKind::kCorrupt);
  Must(fold_.Delete(Key("b")));
  EXPECT_EQ(fold_.Delete(Key("b")).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(fold_.Update(Key("b"), Key("c"), 1).error().kind(), ErrorKind::kCorrupt);
  Must(fold_.Insert(Key("d"), 0));
  Must(fold_.Delete(Key("d")));
  EXPECT_EQ(fold_.Delete(Key("d")).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(FoldTest, ManyKeysKeepTheirRows) {
  for (uint32_t i = 0; i < 5000; ++i) {
    const std::string key = std::to_string(i);
    Must(fold_.Insert(Key(key), i));
  }
  for (uint32_t i = 0; i < 5000; i += 2) {
    const std::string key = std::to_string(i);
    Must(fold_.Delete(Key(key)));
  }
  EXPECT_EQ(Written().size(), 2500U);
  EXPECT_EQ(Written().front(), "1:1");
}

// A deferrable key: several rows may stand under it until the transaction ends.
class DeferrableFoldTest : public FoldTest, public StoredRowTaker {
 protected:
  DeferrableFoldTest() {
    fold_ = Fold(this);
    fold_.Hold(MakeBatch(TestSchema(), {Insert(1, {}), Insert(2, {}), Insert(3, {})}));
  }
  Result<std::optional<RowLocation>> Take(const KeyRef& key, FindMode) override {
    auto& rows = stored_[std::string(key.bytes)];
    if (rows.empty()) return std::nullopt;
    const RowLocation at = rows.front();
    rows.erase(rows.begin());
    return at;
  }
  std::map<std::string, std::vector<RowLocation>> stored_{
      {"a", {{FileId{1}, 10}}}, {"b", {{FileId{1}, 11}}}, {"c", {{FileId{1}, 12}}}};
};

TEST_F(DeferrableFoldTest, SwapsWithoutAThirdKey) {
  Must(fold_.Update(Key("a"), Key("b"), 0));
  Must(fold_.Update(Key("b"), Key("a"), 1));
  EXPECT_THAT(Written(), ElementsAre("b:0", "a:1"));
  ASSERT_EQ(fold_.stored().size(), 2U);
  EXPECT_EQ(fold_.stored()[1].at, (RowLocation{FileId{1}, 11}));
}

TEST_F(DeferrableFoldTest, ShiftsARangeUpwards) {
  Must(fold_.Update(Key("a"), Key("b"), 0));
  Must(fold_.Update(Key("b"), Key("c"), 1));
  Must(fold_.Update(Key("c"), Key("d"), 2));
  EXPECT_THAT(Written(), ElementsAre("b:0", "c:1", "d:2"));
  EXPECT_EQ(fold_.stored().size(), 3U);
}

TEST_F(DeferrableFoldTest, RowsOfTheWindowAreTakenInTheOrderTheyWereWritten) {
  Must(fold_.Insert(Key("x"), 0));
  Must(fold_.Insert(Key("x"), 1));
  Must(fold_.Delete(Key("x")));
  EXPECT_THAT(Written(), ElementsAre("x:1"));
  Must(fold_.Delete(Key("x")));
  EXPECT_EQ(fold_.Delete(Key("x")).error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::merge
