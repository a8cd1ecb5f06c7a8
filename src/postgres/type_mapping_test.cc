#include "postgres/type_mapping.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

#include "change/table_schema.h"

namespace sluice::postgres {
namespace {

SourceType Base(uint32_t oid, int32_t typmod = -1) {
  SourceType out;
  out.oid = out.base_oid = oid;
  out.typmod = typmod;
  return out;
}

SourceType ArrayOf(uint32_t element, int dimensions = 1) {
  SourceType out = Base(1'000'000);
  out.category = 'A';
  out.element_oid = element;
  out.array_dimensions = dimensions;
  return out;
}

std::string Lake(const SourceType& type, const char* wanted = nullptr) {
  const auto mapping = MapType(type, wanted == nullptr ? nullptr : ParseLakeType(wanted).value());
  return mapping ? LakeTypeName(*mapping->lake_type) : mapping.error().hint();
}

// ((precision << 16) | (scale & 0x7ff)) + 4, as Postgres packs it.
int32_t NumericTypmod(int precision, int scale) {
  return ((precision << 16) | (scale & 0x7FF)) + 4;
}

TEST(TypeMapping, NumericBecomesTheDecimalThatHoldsAllOfIt) {
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(10, 2))), "decimal(10, 2)");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(38, 38))), "decimal(38, 38)");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(3, -2))), "decimal(5, 0)");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(2, 5))), "decimal(5, 5)");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(39, 0))), "string");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(38, -1))), "string");
  EXPECT_EQ(Lake(Base(1700, NumericTypmod(2, 39))), "string");
  EXPECT_EQ(Lake(Base(1700)), "string");
}

TEST(TypeMapping, AListIsMadeOnlyWhereOneDimensionIsDeclared) {
  EXPECT_EQ(Lake(ArrayOf(23)), "list<int>");
  EXPECT_EQ(Lake(ArrayOf(23, 0)), "list<int>");
  EXPECT_EQ(Lake(ArrayOf(23, 2)), "string");
  EXPECT_EQ(Lake(ArrayOf(23, 2), "list<int>"), "list<int>");
  EXPECT_EQ(Lake(ArrayOf(1186)), "list<string>");
}

TEST(TypeMapping, TimeIsAStringUnlessAskedFor) {
  EXPECT_EQ(Lake(Base(1083)), "string");
  EXPECT_EQ(Lake(Base(1083), "time"), "time");
}

TEST(TypeMapping, WhatCannotBeCarriedIsRefusedWithWhatCan) {
  EXPECT_EQ(Lake(Base(25), "int"), "it can be string or binary");
  EXPECT_EQ(Lake(Base(1700), "double"), "it can be string or decimal(P, S)");
  EXPECT_EQ(Lake(Base(23), "timestamp"), "it can be int or long or string");
  EXPECT_EQ(Lake(Base(20), "int"), "it can be long or string");
  EXPECT_EQ(Lake(Base(1184), "timestamp"), "it can be timestamptz or string");
  EXPECT_EQ(Lake(Base(600), "binary"), "it can be string");
  EXPECT_EQ(Lake(Base(1560, 2), "boolean"), "it can be string");
  EXPECT_EQ(Lake(ArrayOf(25), "list<int>"), "it can be list<string> or string");
  EXPECT_EQ(MapType(Base(25), arrow::int32()).error().kind(), ErrorKind::kConfig);
}

TEST(TypeMapping, TextIsAskedForWhereWeDoNotKnowTheBinaryForm) {
  EXPECT_TRUE(MapType(Base(1700), nullptr)->binary);
  EXPECT_FALSE(MapType(Base(600), nullptr)->binary);        // point
  EXPECT_TRUE(MapType(Base(790), nullptr)->binary);         // money
  EXPECT_FALSE(MapType(Base(790), arrow::utf8())->binary);  // as the locale prints it
  SourceType without_send = Base(23);
  without_send.has_send = false;
  EXPECT_FALSE(MapType(without_send, nullptr)->binary);
  EXPECT_FALSE(MapType(ArrayOf(600), nullptr)->binary);
  EXPECT_TRUE(MapType(ArrayOf(23, 3), nullptr)->binary);
}

TEST(TypeMapping, SaysWhatAValueMayHoldThatTheLakeTypeCannot) {
  EXPECT_EQ(MapType(Base(1700, NumericTypmod(10, 2)), nullptr)->cannot_hold, "NaN");
  EXPECT_EQ(MapType(Base(1700), arrow::decimal128(10, 2))->cannot_hold,
            "NaN, infinity, values beyond decimal(10, 2)");
  EXPECT_EQ(MapType(Base(1700, NumericTypmod(10, 2)), arrow::decimal128(12, 2))->cannot_hold,
            "NaN");
  EXPECT_EQ(MapType(Base(790), nullptr)->cannot_hold, "");
  EXPECT_EQ(MapType(Base(1082), nullptr)->cannot_hold, "infinity");
  EXPECT_EQ(MapType(Base(25), nullptr)->cannot_hold, "");
  EXPECT_EQ(MapType(ArrayOf(1082), nullptr)->cannot_hold,
            "several dimensions, a lower bound other than 1, infinity");
}

TEST(TypeMapping, KeysCompareByTheirBytes) {
  EXPECT_EQ(MapType(Base(25), nullptr)->not_a_key, "");
  EXPECT_EQ(MapType(Base(1700), nullptr)->not_a_key, "");
  SourceType citext = Base(20'000);
  citext.name = "public.citext";
  EXPECT_NE(MapType(citext, nullptr)->not_a_key, "");
  SourceType collated = Base(25);
  collated.nondeterministic_collation = true;
  EXPECT_NE(MapType(collated, nullptr)->not_a_key, "");
  EXPECT_NE(MapType(ArrayOf(23), nullptr)->not_a_key, "");
  EXPECT_EQ(MapType(ArrayOf(23), arrow::utf8())->not_a_key, "");
}

TEST(TypeMapping, TheConfigurationLineIsYaml) {
  EXPECT_EQ(ColumnTypeLine("amount", "string"), "columns: { types: { amount: string } }");
  EXPECT_EQ(ColumnTypeLine("Odd \"x\"", "string"),
            "columns: { types: { \"Odd \\\"x\\\"\": string } }");
  EXPECT_EQ(ColumnTypeLine("a", "decimal(10, 2)"), "columns: { types: { a: \"decimal(10, 2)\" } }");
}

}  // namespace
}  // namespace sluice::postgres
