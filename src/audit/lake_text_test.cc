#include "audit/lake_text.h"

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <limits>

#include "audit/float_text.h"

// Expected texts are what psql 15 printed for the literals (COPY (SELECT ...) TO STDOUT, unescaped)
// under DateStyle ISO, TimeZone UTC, extra_float_digits 3.

namespace sluice::audit {
namespace {

using Type = std::shared_ptr<arrow::DataType>;

std::string Text(const Type& type, const std::string& json) {
  const auto values = arrow::json::ArrayFromJSONString(type, "[" + json + "]");
  EXPECT_TRUE(values.ok()) << values.status().ToString();
  std::string out;
  AppendLakeText(**values, 0, ',', out);
  return out;
}

template <typename T>
std::string FloatText(T value) {
  std::string out;
  AppendFloat(value, out);
  return out;
}

TEST(FloatText, IsTheShortestThatLiesOnNoBoundary) {
  EXPECT_EQ(FloatText(1e23), "9.999999999999999e+22");
  EXPECT_EQ(FloatText(2e23), "1.9999999999999998e+23");
  EXPECT_EQ(FloatText(8.5e22), "8.5e+22");
  EXPECT_EQ(FloatText(9007199254740994.0), "9.007199254740994e+15");
  EXPECT_EQ(FloatText(4503599627370497.5), "4.503599627370498e+15");
  EXPECT_EQ(FloatText(0x1.3c3d0fde83664p+15), "40478.53099451659");
  EXPECT_EQ(FloatText(0x1.30d58c2eaeffap-363), "6.33775222090907e-110");
  EXPECT_EQ(FloatText(8388608.5F), "8.388608e+06");
  EXPECT_EQ(FloatText(8.5e9F), "8.4999997e+09");
  EXPECT_EQ(FloatText(9e9F), "8.999999e+09");
}

TEST(FloatText, ReachesTheEndsOfBothTypes) {
  EXPECT_EQ(FloatText(5e-324), "5e-324");
  EXPECT_EQ(FloatText(2.2250738585072014e-308), "2.2250738585072014e-308");
  EXPECT_EQ(FloatText(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(FloatText(1e-45F), "1e-45");
  EXPECT_EQ(FloatText(3.4028235e38F), "3.4028235e+38");
  EXPECT_EQ(FloatText(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(FloatText(-std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_EQ(FloatText(-0.0), "-0");
}

TEST(FloatText, TurnsScientificWherePostgresDoes) {
  EXPECT_EQ(FloatText(1e14), "100000000000000");
  EXPECT_EQ(FloatText(999999999999999.0), "999999999999999");
  EXPECT_EQ(FloatText(1e15), "1e+15");
  EXPECT_EQ(FloatText(0.0001), "0.0001");
  EXPECT_EQ(FloatText(0.00001), "1e-05");
  EXPECT_EQ(FloatText(1.2345e-7), "1.2345e-07");
  EXPECT_EQ(FloatText(100000.0F), "100000");
  EXPECT_EQ(FloatText(1000000.0F), "1e+06");
  EXPECT_EQ(FloatText(0.0001F), "0.0001");
  EXPECT_EQ(FloatText(0.00001F), "1e-05");
}

TEST(LakeText, DatesBeforeChristAndAfterTheYear9999) {
  EXPECT_EQ(Text(arrow::date32(), "19782"), "2024-02-29");
  EXPECT_EQ(Text(arrow::date32(), "-1"), "1969-12-31");
  EXPECT_EQ(Text(arrow::date32(), "-735160"), "0044-03-15 BC");
  EXPECT_EQ(Text(arrow::date32(), "-719163"), "0001-12-31 BC");
  EXPECT_EQ(Text(arrow::date32(), "3789755"), "12345-12-31");
  EXPECT_EQ(Text(arrow::date32(), "2145042905"), "5874897-12-31");
}

TEST(LakeText, Timestamps) {
  const Type plain = arrow::timestamp(arrow::TimeUnit::MICRO);
  const Type zone = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  EXPECT_EQ(Text(plain, "-1"), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(Text(plain, "946684800000000"), "2000-01-01 00:00:00");
  EXPECT_EQ(Text(plain, "1714979289120000"), "2024-05-06 07:08:09.12");
  EXPECT_EQ(Text(plain, "-63517780800000000"), "0044-03-15 12:00:00 BC");
  EXPECT_EQ(Text(zone, "9223371244799999999"), "294246-12-31 23:59:59.999999+00");
  EXPECT_EQ(Text(zone, "-62167219200000000"), "0001-01-01 00:00:00+00 BC");
  EXPECT_EQ(Text(arrow::time64(arrow::TimeUnit::MICRO), "86399500000"), "23:59:59.5");
  EXPECT_EQ(Text(arrow::time64(arrow::TimeUnit::MICRO), "0"), "00:00:00");
}

TEST(LakeText, Decimals) {
  EXPECT_EQ(Text(arrow::decimal128(10, 2), R"("12.50")"), "12.50");
  EXPECT_EQ(Text(arrow::decimal128(10, 2), R"("-0.05")"), "-0.05");
  EXPECT_EQ(Text(arrow::decimal128(10, 2), R"("0.00")"), "0.00");
  EXPECT_EQ(Text(arrow::decimal128(3, 0), R"("123")"), "123");
}

TEST(LakeText, ArraysAreQuotedAsPostgresQuotesThem) {
  EXPECT_EQ(Text(arrow::list(arrow::int32()), "[1, null, 3]"), "{1,NULL,3}");
  EXPECT_EQ(Text(arrow::list(arrow::int32()), "[]"), "{}");
  EXPECT_EQ(Text(arrow::list(arrow::boolean()), "[true, false, null]"), "{t,f,NULL}");
  EXPECT_EQ(Text(arrow::list(arrow::float64()), "[1e23, 0.1]"), "{9.999999999999999e+22,0.1}");
  EXPECT_EQ(Text(arrow::list(arrow::timestamp(arrow::TimeUnit::MICRO)), "[1704067200000000]"),
            R"({"2024-01-01 00:00:00"})");
  const std::string words =
      R"(["a", "", "null", "NULL", "a b", "a,b", "\"", "\\", "{x}", "\t", "new\nline", null, "ä"])";
  EXPECT_EQ(Text(arrow::list(arrow::utf8()), words),
            "{a,\"\",\"null\",\"NULL\",\"a b\",\"a,b\",\"\\\"\",\"\\\\\",\"{x}\",\"\t\","
            "\"new\nline\",NULL,ä}");
}

TEST(LakeText, BytesAndUuids) {
  arrow::BinaryBuilder bytes;
  ASSERT_TRUE(bytes.Append(std::string("\0\xff", 2)).ok());
  std::string out;
  AppendLakeText(**bytes.Finish(), 0, ',', out);
  EXPECT_EQ(out, "\\x00ff");

  arrow::FixedSizeBinaryBuilder uuids(arrow::fixed_size_binary(16));
  ASSERT_TRUE(uuids.Append("0123456789abcdef").ok());
  out.clear();
  AppendLakeText(**uuids.Finish(), 0, ',', out);
  EXPECT_EQ(out, "30313233-3435-3637-3839-616263646566");
}

}  // namespace
}  // namespace sluice::audit
