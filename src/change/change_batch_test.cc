#include "change/change_batch.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

std::shared_ptr<arrow::RecordBatch> FromJson(const std::shared_ptr<arrow::Schema>& schema,
                                             const std::string& json) {
  const auto array =
      arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), json).ValueOrDie();
  return arrow::RecordBatch::FromStructArray(array).ValueOrDie();
}

TableSchema Readings() {
  TableSchema schema;
  schema.id = {.oid = 16384, .incarnation = 2};
  schema.version = {7};
  const auto add = [&](int16_t attnum, const char* name, bool key, auto type) {
    Column& column = schema.columns.emplace_back();
    column.attnum = attnum;
    column.name = name;
    column.key = key;
    column.lake_type = type;
  };
  add(1, "op", true, arrow::int64());  // a name that the wire form uses itself
  add(2, "price", false, arrow::decimal128(38, 9));
  add(4, "note", false, arrow::utf8());
  add(5, "at", false, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"));
  add(6, "tags", false, arrow::list(arrow::int32()));
  add(7, "id", false, arrow::fixed_size_binary(16));
  return schema;
}

// Four changes of two transactions: an insert; a key change with an unsent note, a delete, a
// truncate.
ChangeBatch Sample() {
  const TableSchema schema = Readings();
  ChangeBatch batch;
  batch.table = schema.id;
  batch.schema = schema.version;
  batch.runs = {{.end_lsn = {97504254024},
                 .xid = 1ULL << 40,
                 .commit_time_us = -5,
                 .first_index = 0,
                 .row_end = 1},
                {.end_lsn = {0xFFFFFFFFFFFFFFFF},
                 .xid = 9,
                 .commit_time_us = 1,
                 .first_index = 3,
                 .row_end = 4}};
  batch.operations = {Op::kInsert, Op::kUpdate, Op::kDelete, Op::kTruncate};
  batch.rows = FromJson(ChangeRowSchema(schema), R"([
      [1, "12345678901234567890.123456789", "zwölf", 0, [1, null, 3], "0123456789abcdef"],
      [3, "-0.000000001", null, 1700000000000000, [], null],
      [4, null, null, null, null, null],
      [null, null, null, null, null, null]])");
  batch.old_keys = FromJson(ChangeKeySchema(schema), "[[null], [2], [null], [null]]");
  const uint8_t mask[] = {0, 1 << 0, 0};  // row 1, column 2 is bit 8 of rows of six columns
  batch.unsent = arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(mask), 3));
  return batch;
}

void ExpectEqual(const ChangeBatch& got, const ChangeBatch& want) {
  EXPECT_EQ(got.table, want.table);
  EXPECT_EQ(got.schema, want.schema);
  EXPECT_EQ(got.operations, want.operations);
  ASSERT_EQ(got.runs.size(), want.runs.size());
  for (size_t i = 0; i < got.runs.size(); ++i) {
    EXPECT_EQ(got.runs[i].end_lsn, want.runs[i].end_lsn);
    EXPECT_EQ(got.runs[i].xid, want.runs[i].xid);
    EXPECT_EQ(got.runs[i].commit_time_us, want.runs[i].commit_time_us);
    EXPECT_EQ(got.runs[i].first_index, want.runs[i].first_index);
    EXPECT_EQ(got.runs[i].row_end, want.runs[i].row_end);
  }
  EXPECT_TRUE(got.rows->Equals(*want.rows, true));
  ASSERT_EQ(got.old_keys == nullptr, want.old_keys == nullptr);
  if (want.old_keys != nullptr) {
    EXPECT_TRUE(got.old_keys->Equals(*want.old_keys, true));
  }
  ASSERT_EQ(got.unsent == nullptr, want.unsent == nullptr);
  for (int64_t row = 0; row < want.row_count(); ++row) {
    for (int column = 0; column < want.rows->num_columns(); ++column) {
      EXPECT_EQ(got.IsUnsent(row, column), want.IsUnsent(row, column)) << row << " " << column;
    }
  }
}

TEST(ChangeBatch, ComesBackAsItWas) {
  const ChangeBatch batch = Sample();
  ASSERT_TRUE(batch.IsUnsent(1, 2));
  const auto bytes = SerializeChangeBatch(batch);
  ASSERT_TRUE(bytes) << bytes.error().message();
  const auto parsed = ParseChangeBatch(*bytes);
  ASSERT_TRUE(parsed) << parsed.error().message();
  ExpectEqual(*parsed, batch);
  EXPECT_GT(parsed->MemoryBytes(), 0);
}

TEST(ChangeBatch, ComesBackWithoutKeysAndMaskAndOutOfASlice) {
  ChangeBatch batch = Sample();
  batch.rows = batch.rows->Slice(1, 2);
  batch.operations = {Op::kUpdate, Op::kDelete};
  batch.runs = {{.end_lsn = {5}, .xid = 6, .commit_time_us = 7, .first_index = 8, .row_end = 2}};
  batch.old_keys = nullptr;
  batch.unsent = nullptr;
  const auto parsed = ParseChangeBatch(SerializeChangeBatch(batch).value());
  ASSERT_TRUE(parsed) << parsed.error().message();
  ExpectEqual(*parsed, batch);
}

TEST(ChangeBatch, ComesBackWithNamesOnly) {
  const ChangeBatch batch = NameTransactions(
      {{.end_lsn = {5}, .xid = 6, .commit_time_us = 7}, {.end_lsn = {9}, .xid = 1ULL << 33}});
  EXPECT_EQ(batch.table, TableId{});
  EXPECT_EQ(batch.rows->num_rows(), 2);
  EXPECT_EQ(batch.runs[1].row_end, 2U);
  const auto parsed = ParseChangeBatch(SerializeChangeBatch(batch).value());
  ASSERT_TRUE(parsed) << parsed.error().message();
  ExpectEqual(*parsed, batch);
}

TEST(ChangeBatch, ComesBackEmpty) {
  ChangeBatch batch = Sample();
  batch.rows = batch.rows->Slice(0, 0);
  batch.old_keys = batch.old_keys->Slice(0, 0);
  batch.operations.clear();
  batch.runs.clear();
  const auto parsed = ParseChangeBatch(SerializeChangeBatch(batch).value());
  ASSERT_TRUE(parsed) << parsed.error().message();
  ExpectEqual(*parsed, batch);
}

TEST(ChangeBatch, ParsingCopiesNoValues) {
  const auto bytes = SerializeChangeBatch(Sample()).value();
  const auto parsed = ParseChangeBatch(bytes).value();
  for (const int column : {0, 1, 3, 5}) {
    const uint8_t* values = parsed.rows->column(column)->data()->buffers[1]->data();
    EXPECT_GE(values, bytes->data()) << column;
    EXPECT_LT(values, bytes->data() + bytes->size()) << column;
  }
}

TEST(ChangeBatch, BytesAtAnyAddressParse) {
  const auto bytes = SerializeChangeBatch(Sample()).value();
  const auto shifted =
      arrow::SliceBuffer(arrow::Buffer::FromString("x" + bytes->ToString()), 1, bytes->size());
  const auto parsed = ParseChangeBatch(shifted);
  ASSERT_TRUE(parsed) << parsed.error().message();
  ExpectEqual(*parsed, Sample());
}

// What anything that speaks Arrow sees, without our parser.
TEST(ChangeBatch, IsAPlainArrowStream) {
  arrow::io::BufferReader input(SerializeChangeBatch(Sample()).value());
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(&input).ValueOrDie();
  const auto table = reader->ToTable().ValueOrDie();
  EXPECT_EQ(table->num_rows(), 4);
  const std::vector<std::string> names = {"op", "run", "row", "old_key", "unsent"};
  EXPECT_EQ(table->schema()->field_names(), names);
  EXPECT_EQ(table->schema()->metadata()->Get("sluice.table_oid").ValueOrDie(), "16384");
  EXPECT_EQ(table->schema()->metadata()->Get("sluice.schema_version").ValueOrDie(), "7");
  EXPECT_EQ(table->column(0)->chunk(0)->ToString(), "[\n  0,\n  1,\n  2,\n  3\n]");
  const auto want = arrow::json::ArrayFromJSONString(
      table->schema()->field(1)->type(),
      "[[[97504254024, 1099511627776, -5, 0]], [[18446744073709551615, 9, 1, 3]], [], []]");
  EXPECT_TRUE(table->column(1)->chunk(0)->Equals(want.ValueOrDie()));
}

TEST(ChangeBatch, ACutStreamIsCorruptWhereverItIsCut) {
  const auto bytes = SerializeChangeBatch(Sample()).value();
  for (int64_t size = 0; size < bytes->size(); ++size) {
    const auto parsed = ParseChangeBatch(arrow::SliceBuffer(bytes, 0, size));
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kCorrupt) << size;
  }
}

TEST(ChangeBatch, AChangedByteIsRefusedOrReadAsAnotherBatch) {
  const std::string bytes = SerializeChangeBatch(Sample()).value()->ToString();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto parsed = ParseChangeBatch(arrow::Buffer::FromString(changed));
      if (!parsed) {
        EXPECT_EQ(parsed.error().kind(), ErrorKind::kCorrupt) << at;
        continue;
      }
      EXPECT_TRUE(SerializeChangeBatch(*parsed)) << at;
    }
  }
}

TEST(ChangeBatch, PartsOfDifferentLengthAreNotWritten) {
  ChangeBatch batch = Sample();
  batch.runs[1].row_end = 3;
  EXPECT_EQ(SerializeChangeBatch(batch).error().kind(), ErrorKind::kInternal);
  batch = Sample();
  batch.runs[1].row_end = 1;
  EXPECT_EQ(SerializeChangeBatch(batch).error().kind(), ErrorKind::kInternal);
  batch = Sample();
  batch.operations.pop_back();
  EXPECT_EQ(SerializeChangeBatch(batch).error().kind(), ErrorKind::kInternal);
  batch = Sample();
  batch.unsent = arrow::Buffer::FromString("xx");
  EXPECT_EQ(SerializeChangeBatch(batch).error().kind(), ErrorKind::kInternal);
}

}  // namespace
}  // namespace sluice
