#include "audit/copy_text.h"

#include <gtest/gtest.h>

namespace sluice::audit {
namespace {

// Lines as `psql -c "COPY (SELECT ...) TO STDOUT"` of Postgres 15 prints them.
TEST(CopyText, EscapesAndNullsBecomeValues) {
  TextRow row;
  ASSERT_TRUE(ParseCopyLine("1\t\\N\t\ta\\tb\\nc\\\\d\t\\b\\f\\r\\v\t\\\\N\n", row));
  const TextRow expected = {"1", std::nullopt, "", "a\tb\nc\\d", "\b\f\r\v", "\\N"};
  EXPECT_EQ(row, expected);
}

TEST(CopyText, ARowIsReusedForFewerColumns) {
  TextRow row;
  ASSERT_TRUE(ParseCopyLine("1\t2\t3\n", row));
  ASSERT_TRUE(ParseCopyLine("\\N\tx", row));
  EXPECT_EQ(row, (TextRow{std::nullopt, "x"}));
}

TEST(CopyText, AnEscapeCutShortIsCorrupt) {
  TextRow row;
  const Status parsed = ParseCopyLine("a\\", row);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind(), ErrorKind::kCorrupt);
}

TEST(TextRow, CellsSurviveEncodingAndNullIsNotEmpty) {
  const TextRow row = {"a", std::nullopt, "", "b\tc"};
  EXPECT_EQ(DecodeCells(EncodeCells(row)), row);
  EXPECT_NE(EncodeCells(TextRow{"", std::nullopt}), EncodeCells(TextRow{std::nullopt, ""}));
  EXPECT_NE(EncodeCells(TextRow{"ab", "c"}), EncodeCells(TextRow{"a", "bc"}));
}

TEST(TextRow, ASumOfRowsDoesNotDependOnTheirOrder) {
  Bucket a;
  Bucket b;
  for (const char* row : {"x", "y", "y"}) a.Add(row);
  for (const char* row : {"y", "x", "y"}) b.Add(row);
  EXPECT_EQ(a, b);
  b.Add("x");
  EXPECT_NE(a, b);
}

TEST(TextRow, ZerosAtTheEndOfAFractionDoNotCount) {
  for (const auto& [text, trimmed] : std::vector<std::pair<std::string, std::string>>{
           {"1.50", "1.5"}, {"100", "100"}, {"-0.00", "-0"}, {"NaN", "NaN"}, {"10.0", "10"}}) {
    std::string value = text;
    TrimFraction(value);
    EXPECT_EQ(value, trimmed);
  }
}

}  // namespace
}  // namespace sluice::audit
