#include "iceberg/avro/schema.h"

#include <gtest/gtest.h>

namespace sluice::iceberg::avro {
namespace {

TEST(AvroSchema, ReadsEveryKindWithFieldIds) {
  const auto schema = Schema::Parse(R"({"type":"record","name":"r","namespace":"n","fields":[
    {"name":"a","type":"long","field-id":7},
    {"name":"b","type":["null","string"],"default":null},
    {"name":"c","type":{"type":"array","items":"int","element-id":3}},
    {"name":"d","type":{"type":"map","values":"bytes"}},
    {"name":"e","type":{"type":"fixed","name":"f16","size":16,"logicalType":"uuid"}},
    {"name":"f","type":"f16"},
    {"name":"g","type":{"type":"enum","name":"x","symbols":["A"]}},
    {"name":"h","type":{"type":"int","logicalType":"date"}},
    {"name":"i","type":["null","n.r"]}]})");
  ASSERT_TRUE(schema) << schema.error().message();
  const Type& root = schema->root();
  ASSERT_EQ(root.kind, Kind::kRecord);
  EXPECT_EQ(root.fields[0].field_id, 7);
  EXPECT_EQ(root.fields[1].field_id, kNoFieldId);
  EXPECT_EQ(root.fields[1].type->branches[1]->kind, Kind::kString);
  EXPECT_EQ(root.fields[2].type->branches[0]->kind, Kind::kInt);
  EXPECT_EQ(root.fields[3].type->branches[0]->kind, Kind::kBytes);
  EXPECT_EQ(root.fields[4].type->fixed_size, 16U);
  EXPECT_EQ(root.fields[5].type, root.fields[4].type) << "by name, in the record's namespace";
  EXPECT_EQ(root.fields[6].type->kind, Kind::kEnum);
  EXPECT_EQ(root.fields[7].type->kind, Kind::kInt);
  EXPECT_EQ(root.fields[8].type->branches[1], &root) << "a record may hold itself";
}

TEST(AvroSchema, RefusesWhatIsNone) {
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += R"({"type":"array","items":)";
  for (const std::string& text : {
           std::string("1"),
           std::string("{}"),
           std::string("\"nothing\""),
           std::string("[]"),
           std::string(R"([["null"],"int"])"),
           std::string(R"({"type":"array"})"),
           std::string(R"({"type":"record","name":"r"})"),
           std::string(R"({"type":"record","name":"r","fields":[{"name":"a"}]})"),
           std::string(R"({"type":"record","name":"r","fields":[{"name":"a","type":"int",
                           "field-id":"1"}]})"),
           std::string(R"({"type":"fixed","name":"f","size":-1})"),
           deep + "\"int\"" + std::string(70, '}'),
       }) {
    const auto schema = Schema::Parse(text);
    ASSERT_FALSE(schema) << text;
    EXPECT_EQ(schema.error().kind(), ErrorKind::kCorrupt) << text;
  }
}

TEST(AvroSchema, TheSameTextIsParsedOnceAndFewAreRemembered) {
  const auto text = [](int size) {
    return R"({"type":"fixed","name":"f","size":)" + std::to_string(size) + "}";
  };
  const auto first = Schema::ParseOnce(text(1)).value();
  EXPECT_EQ(first->root().fixed_size, 1U);
  EXPECT_EQ(Schema::ParseOnce(text(1)).value(), first);
  for (int size = 2; size < 20; ++size) {
    EXPECT_EQ(Schema::ParseOnce(text(size)).value()->root().fixed_size, static_cast<size_t>(size));
  }
  EXPECT_NE(Schema::ParseOnce(text(1)).value(), first);
  const std::string large = text(3) + std::string(70'000, ' ');
  EXPECT_NE(Schema::ParseOnce(large).value(), Schema::ParseOnce(large).value());
  EXPECT_FALSE(Schema::ParseOnce("{"));
}

}  // namespace
}  // namespace sluice::iceberg::avro
