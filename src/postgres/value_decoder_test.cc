// Golden bytes: taken from Postgres' documentation and from `COPY (FORMAT binary)` of Postgres 15.
#include "postgres/value_decoder.h"

#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "change/table_schema.h"

namespace sluice::postgres {
namespace {

std::string Hex(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return out;
}

SourceType Base(uint32_t oid) {
  SourceType out;
  out.oid = out.base_oid = oid;
  return out;
}

SourceType ArrayOf(uint32_t element) {
  SourceType out = Base(1'000'000);
  out.category = 'A';
  out.element_oid = element;
  return out;
}

std::unique_ptr<ValueDecoder> Decoder(const SourceType& type, const char* lake) {
  const auto mapping = MapType(type, ParseLakeType(lake).value());
  SLUICE_CHECK(mapping, "{}", mapping.error().message());
  auto out = ValueDecoder::Make("v", type, *mapping, arrow::default_memory_pool());
  SLUICE_CHECK(out);
  return *std::move(out);
}

// The binary form printed as Postgres would.
std::string Printed(uint32_t oid, std::string_view hex) {
  auto decoder = Decoder(Base(oid), "string");
  const Status taken = decoder->Binary(Hex(hex));
  if (!taken) return std::string(ErrorKindName(taken.error().kind()));
  return static_cast<const arrow::StringArray&>(**decoder->Finish()).GetString(0);
}

std::string AsDecimal(std::string_view hex, const char* lake) {
  auto decoder = Decoder(Base(1700), lake);
  const Status taken = decoder->Binary(Hex(hex));
  if (!taken) return taken.error().message();
  return static_cast<const arrow::Decimal128Array&>(**decoder->Finish()).FormatValue(0);
}

TEST(Numeric, IsReadFromItsDigitGroups) {
  EXPECT_EQ(AsDecimal("000200000000000200011388", "decimal(10, 2)"), "1.50");
  EXPECT_EQ(AsDecimal("0000000000000002", "decimal(10, 2)"), "0.00");
  EXPECT_EQ(AsDecimal("0001000040000000007b", "decimal(10, 2)"), "-123.00");
  EXPECT_EQ(AsDecimal("00010002000000000001", "decimal(38, 2)"), "100000000.00");
  EXPECT_EQ(AsDecimal("0001ffff000000040001", "decimal(10, 4)"), "0.0001");
}

TEST(Numeric, RefusesWhatItWouldHaveToRound) {
  const std::string more = "column v: a value has more digits after the point than decimal(10, 3)";
  EXPECT_EQ(AsDecimal("0001ffff000000040001", "decimal(10, 3)"), more);
  EXPECT_EQ(AsDecimal("0001ffff00000004000a", "decimal(10, 3)"), "0.001");
  EXPECT_EQ(AsDecimal("0001fffe000000080001", "decimal(10, 3)"), more);
  EXPECT_EQ(AsDecimal("00010002000000000001", "decimal(10, 2)"),
            "column v: a value is out of the range of decimal(10, 2)");
  EXPECT_EQ(AsDecimal("00017fff000000000001", "decimal(10, 2)"),
            "column v: a value is out of the range of decimal(10, 2)");
  EXPECT_EQ(AsDecimal("00000000c0000000", "decimal(10, 2)"),
            "column v: NaN does not fit decimal(10, 2)");
  EXPECT_EQ(AsDecimal("00000000d0000000", "decimal(10, 2)"),
            "column v: infinity does not fit decimal(10, 2)");
}

TEST(Numeric, RefusesBytesThatAreNone) {
  const std::string none = "column v: bytes are no binary form of type 1700";
  for (const char* hex : {"", "0001", "0002000000000000000a", "00010000000000002710",
                          "000100001234000000010000", "00010000000000000001ff"}) {
    EXPECT_EQ(AsDecimal(hex, "decimal(10, 2)"), none) << hex;
    EXPECT_EQ(Printed(1700, hex), "corrupt") << hex;
  }
}

TEST(Numeric, IsPrintedWithItsScale) {
  EXPECT_EQ(Printed(1700, "000200000000000200011388"), "1.50");
  EXPECT_EQ(Printed(1700, "0000000000000003"), "0.000");
  EXPECT_EQ(Printed(1700, "0001fffe400000080001"), "-0.00000001");
  EXPECT_EQ(Printed(1700, "00010002000000000001"), "100000000");
  EXPECT_EQ(Printed(1700, "00000000f0000000"), "-Infinity");
}

TEST(Text, OfOtherTypesIsPostgresOwn) {
  EXPECT_EQ(Printed(1082, "7fffffff"), "infinity");
  EXPECT_EQ(Printed(1082, "00000000"), "2000-01-01");
  EXPECT_EQ(Printed(1083, "000000141dd76000"), "24:00:00");
  EXPECT_EQ(Printed(1266, "00000000dde878c0ffffb2a8"), "01:02:03+05:30");
  EXPECT_EQ(Printed(1184, "ffffffffffffffff"), "1999-12-31 23:59:59.999999+00");
  EXPECT_EQ(Printed(1186, "00000000000000000000000000000000"), "PT0S");
  EXPECT_EQ(Printed(869,
                    "02180004"
                    "0a000005"),
            "10.0.0.5/24");
  EXPECT_EQ(Printed(2950, "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
  EXPECT_EQ(Printed(1560, "00000003a0"), "101");
  EXPECT_EQ(Printed(18, "80"), "\\200");
  EXPECT_EQ(Printed(18, "00"), "");
  EXPECT_EQ(Printed(3802, "017b7d"), "{}");
  EXPECT_EQ(Printed(3802, "027b7d"), "corrupt");
}

TEST(Interval, OfAllFieldsAtTheirEndIsInfinite) {
  EXPECT_EQ(Printed(1186, "7fffffffffffffff7fffffff7fffffff"), "infinity");
  EXPECT_EQ(Printed(1186, "80000000000000008000000080000000"), "-infinity");
}

TEST(Timestamps, CountFrom1970) {
  auto decoder = Decoder(Base(1114), "timestamp");
  ASSERT_TRUE(decoder->Binary(Hex("0000000000000000")));
  ASSERT_TRUE(decoder->Text("2000-01-01 00:00:00"));
  ASSERT_TRUE(decoder->Text("1970-01-01 00:00:00.000001"));
  ASSERT_TRUE(decoder->Null());
  const auto array = decoder->Finish();
  const auto& micros = static_cast<const arrow::TimestampArray&>(**array);
  EXPECT_EQ(micros.Value(0), 946'684'800'000'000);
  EXPECT_EQ(micros.Value(1), 946'684'800'000'000);
  EXPECT_EQ(micros.Value(2), 1);
  EXPECT_TRUE(micros.IsNull(3));
}

TEST(Timestamps, RefuseTextThatIsNone) {
  auto decoder = Decoder(Base(1184), "timestamptz");
  for (const char* text :
       {"", "2024", "2024-01-31", "2024-13-01 00:00:00+00", "2024-02-30 00:00:00+00",
        "2024-01-01 00:00:00", "Infinity", "2024-01-01 00:60:00+00", "2024-01-01 00:00:00+00 AD",
        "2024-01-01 00:00:00.1234567+00", "0000-01-01 00:00:00+00"}) {
    const Status taken = decoder->Text(text);
    ASSERT_FALSE(taken) << text;
    EXPECT_EQ(taken.error().kind(), ErrorKind::kCorrupt) << text;
  }
  EXPECT_EQ(decoder->length(), 0);
}

TEST(Money, IsReadWhateverItsLocaleLooksLike) {
  SourceType money = Base(790);
  auto decoder = Decoder(money, "decimal(19, 2)");
  for (const char* text :
       {"$1,234.50", "-$0.05", "($1.00)", "1.234,50 €", "-92233720368547758.08"}) {
    ASSERT_TRUE(decoder->Text(text)) << text;
  }
  const auto array = decoder->Finish();
  const auto& values = static_cast<const arrow::Decimal128Array&>(**array);
  EXPECT_EQ(values.FormatValue(0), "1234.50");
  EXPECT_EQ(values.FormatValue(1), "-0.05");
  EXPECT_EQ(values.FormatValue(2), "-1.00");
  EXPECT_EQ(values.FormatValue(3), "1234.50");
  EXPECT_EQ(values.FormatValue(4), "-92233720368547758.08");
}

TEST(List, AFailedArrayLeavesNothingBehind) {
  auto decoder = Decoder(ArrayOf(23), "list<int>");
  ASSERT_TRUE(decoder->Text("{1,2}"));
  EXPECT_FALSE(decoder->Text("{3,x}"));
  EXPECT_FALSE(decoder->Text("{4,5"));
  ASSERT_TRUE(decoder->Null());
  ASSERT_TRUE(decoder->Text("{6,NULL}"));
  EXPECT_EQ(decoder->length(), 3);
  const auto array = decoder->Finish();
  ASSERT_TRUE((*array)->ValidateFull().ok());
  const auto& lists = static_cast<const arrow::ListArray&>(**array);
  ASSERT_EQ(lists.value_length(0), 2);
  ASSERT_EQ(lists.value_length(2), 2);
  const auto& values = static_cast<const arrow::Int32Array&>(*lists.values());
  EXPECT_EQ(values.Value(lists.value_offset(0)), 1);
  EXPECT_EQ(values.Value(lists.value_offset(2)), 6);
  EXPECT_TRUE(values.IsNull(lists.value_offset(2) + 1));
}

TEST(List, RefusesTextThatIsNoArray) {
  auto decoder = Decoder(ArrayOf(25), "list<string>");
  for (const char* text : {"", "{", "}", "a", "{a", "{\"a}", "{a,}", "{,a}", "{a}x", "{\"a\"b}",
                           "{\"a\\", "{a\"b\"}"}) {
    const Status taken = decoder->Text(text);
    ASSERT_FALSE(taken) << text;
    EXPECT_EQ(taken.error().kind(), ErrorKind::kCorrupt) << text;
  }
  EXPECT_EQ(decoder->length(), 0);
}

// A header may claim any number of elements; memory follows only what is there.
TEST(List, ABinaryHeaderCannotLie) {
  auto decoder = Decoder(ArrayOf(23), "list<int>");
  for (const char* hex :
       {"", "00000001", "00000001000000000000001700000fff00000001",
        "0000000100000000000000178000000000000001", "00000007000000000000001700000000",
        "0000000100000000000000170000000100000001fffffffe"}) {
    const Status taken = decoder->Binary(Hex(hex));
    ASSERT_FALSE(taken) << hex;
    EXPECT_EQ(taken.error().kind(), ErrorKind::kCorrupt) << hex;
  }
}

TEST(Finish, StartsAgainEmpty) {
  auto decoder = Decoder(Base(25), "string");
  ASSERT_TRUE(decoder->Text("one"));
  ASSERT_TRUE(decoder->Null());
  EXPECT_EQ((*decoder->Finish())->length(), 2);
  EXPECT_EQ(decoder->length(), 0);
  ASSERT_TRUE(decoder->Text("two"));
  const auto array = decoder->Finish();
  EXPECT_EQ((*array)->null_count(), 0);
  EXPECT_EQ(static_cast<const arrow::StringArray&>(**array).GetString(0), "two");
}

}  // namespace
}  // namespace sluice::postgres
