#include "parquet/bounds.h"

#include <arrow/util/decimal.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::parquet {
namespace {

std::string Hex(const Bound& bytes) {
  if (!bytes) return "absent";
  std::string hex;
  for (const unsigned char byte : *bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string Repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Iceberg spec, Appendix D, "Binary single-value serialization".
TEST(Bounds, NumbersAreLittleEndianOfTheirWidth) {
  EXPECT_EQ(Hex(BooleanBound(false)), "00");
  EXPECT_EQ(Hex(BooleanBound(true)), "01");
  EXPECT_EQ(Hex(IntBound(34)), "22000000");
  EXPECT_EQ(Hex(IntBound(-1)), "ffffffff");
  EXPECT_EQ(Hex(LongBound(34)), "2200000000000000");
  EXPECT_EQ(Hex(LongBound(std::numeric_limits<int64_t>::min())), "0000000000000080");
  EXPECT_EQ(Hex(FloatLower(-4.5F)), "000090c0");
  EXPECT_EQ(Hex(DoubleUpper(6.0)), "0000000000001840");
}

// The values that writers got wrong before (apache/iceberg-python#3746).
TEST(Bounds, ADecimalIsBigEndianOfTheFewestBytes) {
  EXPECT_EQ(Hex(DecimalBound(0)), "00");
  EXPECT_EQ(Hex(DecimalBound(127)), "7f");
  EXPECT_EQ(Hex(DecimalBound(128)), "0080");
  EXPECT_EQ(Hex(DecimalBound(-1)), "ff");
  EXPECT_EQ(Hex(DecimalBound(-128)), "80");
  EXPECT_EQ(Hex(DecimalBound(-129)), "ff7f");
  EXPECT_EQ(Hex(DecimalBound(1420)), "058c");
  EXPECT_EQ(
      Hex(DecimalBound(
          arrow::Decimal128::FromString("-99999999999999999999999999999999999999").ValueOrDie())),
      "b4c4b357a5793b85f675ddc000000001");
  EXPECT_EQ(Hex(DecimalBoundFromBigEndian(Unhex("ffffff80"))), "80");
}

TEST(Bounds, ZeroIsWideAndNanIsAbsent) {
  for (const double zero : {0.0, -0.0}) {
    EXPECT_EQ(Hex(DoubleLower(zero)), "0000000000000080");
    EXPECT_EQ(Hex(DoubleUpper(zero)), "0000000000000000");
    EXPECT_EQ(Hex(FloatLower(static_cast<float>(zero))), "00000080");
    EXPECT_EQ(Hex(FloatUpper(static_cast<float>(zero))), "00000000");
  }
  EXPECT_EQ(DoubleLower(std::nan("")), std::nullopt);
  EXPECT_EQ(FloatUpper(std::nanf("")), std::nullopt);
  EXPECT_EQ(Hex(DoubleUpper(std::numeric_limits<double>::infinity())), "000000000000f07f");
}

TEST(Bounds, AShortStringIsItsOwnBound) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("0123456789abcdef"),
                                  Repeat("\xF4\x8F\xBF\xBF", 16)}) {
    EXPECT_EQ(StringLower(text), text);
    EXPECT_EQ(StringUpper(text), text);
  }
}

TEST(Bounds, ALongStringIsCutByCodePointsAndRoundedUp) {
  EXPECT_EQ(StringLower("0123456789abcdefg"), "0123456789abcdef");
  EXPECT_EQ(StringUpper("0123456789abcdefg"), "0123456789abcdeg");
  // Java's TestMetricsTruncation: a code point is never cut in two.
  EXPECT_EQ(StringLower(Repeat("\u00e9", 17)), Repeat("\u00e9", 16));
  EXPECT_EQ(StringUpper(Repeat("\u00e9", 17)), Repeat("\u00e9", 15) + "\u00ea");
  // The last code point grows into one more byte.
  EXPECT_EQ(StringUpper(Repeat("\x7F", 17)), Repeat("\x7F", 15) + "\u0080");
  EXPECT_EQ(StringUpper(Repeat("\u07FF", 17)), Repeat("\u07FF", 15) + "\u0800");
  EXPECT_EQ(StringUpper(Repeat("\uFFFF", 17)), Repeat("\uFFFF", 15) + "\U00010000");
}

TEST(Bounds, AStringIsNotRoundedIntoTheSurrogates) {
  EXPECT_EQ(StringUpper(Repeat("\uD7FF", 17)), Repeat("\uD7FF", 15) + "\uE000");
}

TEST(Bounds, AtTheLastCodePointTheOneBeforeGrows) {
  EXPECT_EQ(StringUpper("ab" + Repeat("\U0010FFFF", 15)), "ac");
  EXPECT_EQ(StringUpper(Repeat("\U0010FFFF", 17)), std::nullopt);
  EXPECT_EQ(StringLower(Repeat("\U0010FFFF", 17)), Repeat("\U0010FFFF", 16));
}

TEST(Bounds, BytesThatAreNotUtf8HaveNoBound) {
  for (const char* text :
       {"\x80", "\xC1\x81", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3", "a\xE2\x82"}) {
    EXPECT_EQ(StringLower(text), std::nullopt);
    EXPECT_EQ(StringUpper(text), std::nullopt);
  }
}

TEST(Bounds, ABinaryIsCutByBytes) {
  EXPECT_EQ(Hex(BinaryLower(Repeat("\xFF", 20))), Repeat("ff", 16));
  EXPECT_EQ(BinaryUpper(Repeat("\xFF", 20)), std::nullopt);
  EXPECT_EQ(Hex(BinaryUpper(Repeat("\xFF", 16))), Repeat("ff", 16));
  EXPECT_EQ(Hex(BinaryUpper("\x01" + Repeat("\xFF", 20))), "02");
  EXPECT_EQ(Hex(BinaryUpper(Repeat("\x7F", 17))), Repeat("7f", 15) + "80");
}

// java.util.UUID.compareTo, as Iceberg before 1.11 uses it.
bool JavaLess(const std::string& a, const std::string& b) {
  const auto half = [](const std::string& uuid, size_t from) {
    uint64_t value = 0;
    for (size_t i = from; i < from + 8; ++i)
      value = value << 8 | static_cast<unsigned char>(uuid[i]);
    return static_cast<int64_t>(value);
  };
  return std::pair(half(a, 0), half(a, 8)) < std::pair(half(b, 0), half(b, 8));
}

TEST(Bounds, UuidsAreWithinTheirBoundsInBothOrders) {
  const std::vector<std::string> halves = {"0000000000000000", "0000000000000001",
                                           "7fffffffffffffff", "8000000000000000",
                                           "8000000000000001", "ffffffffffffffff"};
  std::vector<std::string> uuids;
  for (const auto& high : halves) {
    for (const auto& low : halves) uuids.push_back(Unhex(high + low));
  }
  for (size_t min = 0; min < uuids.size(); ++min) {
    for (size_t max = min; max < uuids.size(); ++max) {
      const auto [lower, upper] = UuidBounds(uuids[min], uuids[max]);
      for (size_t i = min; i <= max; ++i) {
        if (lower) {
          EXPECT_TRUE(*lower <= uuids[i] && !JavaLess(uuids[i], *lower)) << min << " " << i;
        }
        if (upper) {
          EXPECT_TRUE(uuids[i] <= *upper && !JavaLess(*upper, uuids[i])) << max << " " << i;
        }
      }
    }
  }
}

TEST(Bounds, UuidBoundsAreTightWhereBothOrdersAgree) {
  const std::string low = Unhex(
      "0190a0b0c0d07000"
      "8000000000000001");
  const std::string high = Unhex(
      "0190a0b0c0d17000"
      "7000000000000001");
  EXPECT_EQ(UuidBounds(low, high), std::pair(Bound(low), Bound(high)));
  const std::string usual = Unhex(
      "0190a0b0c0d17000"
      "8000000000000001");
  EXPECT_EQ(Hex(UuidBounds(low, usual).second), "0190a0b0c0d170010000000000000000");
  EXPECT_EQ(UuidBounds(low, Unhex(Repeat("f0", 16))), std::pair(Bound(), Bound()));
}

}  // namespace
}  // namespace sluice::parquet
