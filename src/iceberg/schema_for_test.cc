#include "iceberg/schema_for.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

namespace sluice::iceberg {
namespace {

Column MakeColumn(const std::string& name, const std::string& pg, const std::string& lake,
                  bool key = false, const std::string& comment = "") {
  Column out;
  out.name = name;
  out.type_text = pg;
  out.lake_type = ParseLakeType(lake).value();
  out.not_null = true;
  out.key = key;
  out.comment = comment;
  return out;
}

TEST(SchemaFor, NumbersColumnsFirstAndListElementsAfter) {
  TableSchema table;
  table.columns = {MakeColumn("tags", "text[]", "list<string>"),
                   MakeColumn("id", "bigint", "long", true),
                   MakeColumn("sizes", "integer[]", "list<int>")};
  const Schema schema = SchemaFor(table);
  EXPECT_EQ(SchemaToJson(schema).dump(),
            R"({"type":"struct","schema-id":0,"identifier-field-ids":[2],"fields":[)"
            R"({"id":1,"name":"tags","required":false,"type":{"type":"list","element-id":4,)"
            R"("element":"string","element-required":false}},)"
            R"({"id":2,"name":"id","required":true,"type":"long"},)"
            R"({"id":3,"name":"sizes","required":false,"type":{"type":"list","element-id":5,)"
            R"("element":"int","element-required":false}}]})");
}

TEST(SchemaFor, OnlyKeyColumnsAreRequired) {
  TableSchema table;
  table.columns = {MakeColumn("a", "integer", "int", true), MakeColumn("b", "integer", "int"),
                   MakeColumn("c", "uuid", "uuid", true)};
  const Schema schema = SchemaFor(table);
  EXPECT_EQ(schema.identifier_field_ids, (std::vector<int>{1, 3}));
  EXPECT_FALSE(schema.fields[1].required) << "NOT NULL may be dropped, the key's may not";
}

TEST(SchemaFor, AKeyOfAFloatIsNoIdentifier) {
  TableSchema table;
  table.columns = {MakeColumn("a", "integer", "int", true),
                   MakeColumn("b", "double precision", "double", true)};
  const Schema schema = SchemaFor(table);
  EXPECT_TRUE(schema.identifier_field_ids.empty());
  EXPECT_TRUE(schema.fields[1].required);
}

TEST(DocFor, NamesThePostgresTypeWhereTheLakeTypeDoesNot) {
  EXPECT_EQ(DocFor(MakeColumn("c", "character varying(40)", "string")), "pg: varchar(40)");
  EXPECT_EQ(DocFor(MakeColumn("c", "jsonb", "string")), "pg: jsonb");
  EXPECT_EQ(DocFor(MakeColumn("c", "numeric", "decimal(38, 9)")), "pg: numeric");
  EXPECT_EQ(DocFor(MakeColumn("c", "smallint", "int")), "pg: smallint");
  EXPECT_EQ(DocFor(MakeColumn("c", "time without time zone", "string")),
            "pg: time without time zone");
  EXPECT_EQ(DocFor(MakeColumn("c", "jsonb", "string", false, "the payload")),
            "the payload (pg: jsonb)");
}

TEST(DocFor, IsSilentWhereItDoes) {
  const std::pair<const char*, const char*> kPairs[] = {
      {"boolean", "boolean"},
      {"integer", "int"},
      {"bigint", "long"},
      {"real", "float"},
      {"text", "string"},
      {"double precision", "double"},
      {"bytea", "binary"},
      {"uuid", "uuid"},
      {"timestamp without time zone", "timestamp"},
      {"date", "date"},
      {"text[]", "list<string>"},
      {"numeric(10,2)", "decimal(10, 2)"},
      {"timestamp with time zone", "timestamptz"}};
  for (const auto& [pg, lake] : kPairs) EXPECT_EQ(DocFor(MakeColumn("c", pg, lake)), "") << pg;
  EXPECT_EQ(DocFor(MakeColumn("c", "text", "string", false, "a name")), "a name");
}

}  // namespace
}  // namespace sluice::iceberg
