#include "merge/key_encoding.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::merge {
namespace {

struct KeyColumn {
  std::shared_ptr<arrow::DataType> type;
  uint32_t type_oid = 0;
};

TableSchema SchemaOf(const std::vector<KeyColumn>& columns) {
  TableSchema out;
  for (const KeyColumn& column : columns) {
    Column added;
    added.name = "k" + std::to_string(out.columns.size());
    added.type_oid = column.type_oid;
    added.key = true;
    added.lake_type = column.type;
    out.columns.push_back(added);
  }
  return out;
}

EncodedKeys Encode(const std::vector<KeyColumn>& columns, const arrow::ArrayVector& arrays) {
  const TableSchema schema = SchemaOf(columns);
  return KeyEncoder(schema).EncodeKeys(
      *arrow::RecordBatch::Make(schema.KeySchema(), arrays[0]->length(), arrays));
}

std::shared_ptr<arrow::Array> FromJson(const std::shared_ptr<arrow::DataType>& type,
                                       const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

EncodedKeys EncodeOne(std::shared_ptr<arrow::DataType> type, const std::string& json,
                      uint32_t type_oid = 0) {
  return Encode({{type, type_oid}}, {FromJson(type, json)});
}

// xxHash's own test vectors (XXH3, seed 0): the empty input.
TEST(KeyEncoding, FingerprintsAreXxh3) { EXPECT_EQ(FingerprintOf(""), 0x2d06800538d394c2U); }

TEST(KeyEncoding, DistinctValuesOfEveryTypeHaveDistinctKeys) {
  const std::vector<std::pair<std::shared_ptr<arrow::DataType>, std::string>> cases = {
      {arrow::boolean(), "[true, false]"},
      {arrow::int32(), "[1, -1, 256]"},
      {arrow::int64(), "[1, -1, 4294967297]"},
      {arrow::float32(), "[1.5, -1.5, 0]"},
      {arrow::float64(), "[1.5, -1.5, 0]"},
      {arrow::decimal128(10, 2), R"(["1.00", "1.01", "-1.00"])"},
      {arrow::date32(), "[1, 2]"},
      {arrow::time64(arrow::TimeUnit::MICRO), "[1, 2]"},
      {arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), "[1, 2]"},
      {arrow::utf8(), R"(["", "a", "a ", "ä"])"},
      {arrow::binary(), R"(["", "a", "b"])"},
      {arrow::fixed_size_binary(16), R"(["0123456789abcdef", "0123456789abcdeF"])"},
      {arrow::list(arrow::int32()), "[[], [1], [1, 2], [null], [0]]"},
  };
  for (const auto& [type, json] : cases) {
    const EncodedKeys keys = EncodeOne(type, json);
    const EncodedKeys again = EncodeOne(type, json);
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_TRUE(keys.has_key(i)) << type->ToString();
      EXPECT_EQ(keys.key(i), again.key(i)) << type->ToString();
      for (size_t j = 0; j < i; ++j) EXPECT_NE(keys.key(i), keys.key(j)) << type->ToString();
    }
  }
}

// Values that Postgres calls equal although their bytes differ.
TEST(KeyEncoding, FoldsWhatPostgresCallsEqual) {
  const EncodedKeys numeric = EncodeOne(
      arrow::utf8(), R"(["1", "1.0", "1.00", "10", "100", "0.0", "0", "-1.50", "-1.5"])", 1700);
  EXPECT_EQ(numeric.key(0), numeric.key(1));
  EXPECT_EQ(numeric.key(0), numeric.key(2));
  EXPECT_NE(numeric.key(0), numeric.key(3));
  EXPECT_NE(numeric.key(3), numeric.key(4));
  EXPECT_EQ(numeric.key(5), numeric.key(6));
  EXPECT_EQ(numeric.key(7), numeric.key(8));
  const EncodedKeys bpchar = EncodeOne(arrow::utf8(), R"(["a", "a  ", " a", "", "  "])", 1042);
  EXPECT_EQ(bpchar.key(0), bpchar.key(1));
  EXPECT_NE(bpchar.key(0), bpchar.key(2));
  EXPECT_EQ(bpchar.key(3), bpchar.key(4));
  const EncodedKeys list =
      EncodeOne(arrow::list(arrow::utf8()), R"([["1.0", "2"], ["1", "2.00"]])", 1231);
  EXPECT_EQ(list.key(0), list.key(1));
}

TEST(KeyEncoding, FloatsFoldNegativeZeroAndEveryNan) {
  arrow::DoubleBuilder builder;
  for (const double value : {0.0, -0.0, std::nan("1"), -std::nan("2")}) {
    ASSERT_TRUE(builder.Append(value).ok());
  }
  const EncodedKeys keys = Encode({{arrow::float64()}}, {builder.Finish().ValueOrDie()});
  EXPECT_EQ(keys.key(0), keys.key(1));
  EXPECT_EQ(keys.key(2), keys.key(3));
  EXPECT_NE(keys.key(0), keys.key(2));
}

TEST(KeyEncoding, ColumnsDoNotRunIntoEachOther) {
  const EncodedKeys keys = Encode({{arrow::utf8()}, {arrow::utf8()}},
                                  {FromJson(arrow::utf8(), R"(["ab", "a", ""])"),
                                   FromJson(arrow::utf8(), R"(["c", "bc", "abc"])")});
  EXPECT_NE(keys.key(0), keys.key(1));
  EXPECT_NE(keys.key(1), keys.key(2));
}

TEST(KeyEncoding, RowsWithNullHaveNoKey) {
  const EncodedKeys plain = EncodeOne(arrow::int64(), "[1, null, 3]");
  EXPECT_TRUE(plain.has_key(0));
  EXPECT_FALSE(plain.has_key(1));
  EXPECT_TRUE(plain.has_key(2));
  const EncodedKeys pair =
      Encode({{arrow::int64()}, {arrow::utf8()}},
             {FromJson(arrow::int64(), "[1, 2]"), FromJson(arrow::utf8(), R"([null, ""])")});
  EXPECT_FALSE(pair.has_key(0));
  EXPECT_TRUE(pair.has_key(1));
}

TEST(KeyEncoding, SlicesAndTheGeneralWayGiveTheSameBytes) {
  const auto whole = FromJson(arrow::int64(), "[7, 8, 9]");
  const auto with_null = FromJson(arrow::int64(), "[null, 8, 9]");
  const EncodedKeys fast = Encode({{arrow::int64()}}, {whole->Slice(1)});
  const EncodedKeys general = Encode({{arrow::int64()}}, {with_null});
  EXPECT_EQ(fast.key(0), general.key(1));
  EXPECT_EQ(fast.key(1), general.key(2));
  EXPECT_EQ(fast.fingerprints[1], general.fingerprints[2]);
  EXPECT_EQ(fast.key(0).size(), sizeof(int64_t));
}

TEST(KeyEncoding, RowsAndKeysOfOneTableAgree) {
  TableSchema schema = SchemaOf({{arrow::utf8()}, {arrow::int64()}, {arrow::utf8()}});
  schema.columns[1].key = false;
  const KeyEncoder encoder(schema);
  const auto a = FromJson(arrow::utf8(), R"(["x"])");
  const auto b = FromJson(arrow::int64(), "[5]");
  const auto rows = arrow::RecordBatch::Make(schema.RowSchema(), 1, {a, b, a});
  const auto keys = arrow::RecordBatch::Make(schema.KeySchema(), 1, {a, a});
  EXPECT_EQ(encoder.EncodeRows(*rows).key(0), encoder.EncodeKeys(*keys).key(0));
}

}  // namespace
}  // namespace sluice::merge
