#include "change/table_schema.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

TableSchema Orders() {
  TableSchema schema;
  schema.id = {16384, 1};
  schema.version = {3};
  schema.schema_name = "shop";
  schema.name = "Odd \"Orders\"";
  schema.identity = ReplicaIdentity::kDefault;
  schema.columns = {
      {1, "id", 20, -1, "bigint", true, true, "", arrow::int64()},
      {3, "amount", 1700, 655366, "numeric(10,2)", false, false, "net", arrow::decimal128(10, 2)},
      {4, "tags", 1009, -1, "text[]", false, false, "",
       arrow::list(arrow::field("element", arrow::utf8()))}};
  return schema;
}

TEST(TableSchema, SurvivesItsJson) {
  const TableSchema read = TableSchemaFromJson(ToJson(Orders())).value();
  EXPECT_TRUE(SameShape(read, Orders()));
  EXPECT_EQ(read.version.value, 3U);
  EXPECT_EQ(read.columns[1].comment, "net");
  EXPECT_EQ(ToJson(read), ToJson(Orders()));
}

TEST(TableSchema, RejectsBrokenJson) {
  for (const char* text : {"", "{}", "[1]", "{\"oid\":1}", "nonsense"}) {
    EXPECT_FALSE(TableSchemaFromJson(text)) << text;
  }
}

TEST(TableSchema, QuotesLikePostgres) {
  EXPECT_EQ(Orders().QualifiedName(), R"(shop."Odd ""Orders""")");
  EXPECT_EQ(QuoteIdentifier("plain_1"), "plain_1");
  EXPECT_EQ(QuoteIdentifier("1x"), "\"1x\"");
}

TEST(TableSchema, AColumnDroppedAndAddedAgainIsAnotherShape) {
  TableSchema other = Orders();
  other.columns[1].attnum = 5;
  EXPECT_FALSE(SameShape(Orders(), other));
  other = Orders();
  other.columns[1].typmod = -1;
  other.columns[1].not_null = true;
  EXPECT_TRUE(SameShape(Orders(), other));
}

TEST(LakeType, NamesAreRead) {
  for (const char* name : {"boolean", "int", "long", "float", "double", "date", "time", "timestamp",
                           "timestamptz", "string", "binary", "uuid", "decimal(38, 10)",
                           "list<decimal(9, 0)>", "list<timestamptz>"}) {
    EXPECT_EQ(LakeTypeName(*ParseLakeType(name).value()), name);
  }
  EXPECT_EQ(LakeTypeName(*ParseLakeType("decimal(9,2)").value()), "decimal(9, 2)");
  for (const char* name :
       {"", "decimal(39, 0)", "decimal(5, 6)", "varchar", "list<>", "list<int"}) {
    EXPECT_EQ(ParseLakeType(name).error().kind(), ErrorKind::kConfig) << name;
  }
}

}  // namespace
}  // namespace sluice
