#include "parquet/data_file_writer.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>

#include <numeric>

#include "base/file_system_fake.h"
#include "parquet/data_file_reader.h"
#include "parquet/testing.h"

namespace sluice::parquet {
namespace {

using testing::AllTypes;
using testing::LakeField;
using testing::RandomRows;
using testing::WriteFile;

class DataFileWriterTest : public ::testing::Test {
 protected:
  std::unique_ptr<::parquet::ParquetFileReader> Raw() {
    return ::parquet::ParquetFileReader::Open(store::OpenInput(*store_, at_).value());
  }

  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> store_ = store::MakeLocalStore(files_);
  store::Location at_ = "file:///lake/a.parquet";
};

std::string Describe(const ::parquet::schema::Node& node) {
  std::string text = node.is_required()   ? "required "
                     : node.is_optional() ? "optional "
                                          : "repeated ";
  if (node.is_primitive()) {
    const auto& leaf = static_cast<const ::parquet::schema::PrimitiveNode&>(node);
    text += ::parquet::TypeToString(leaf.physical_type(), leaf.type_length()) + " ";
  }
  text += node.name() + " " + node.logical_type()->ToString();
  if (node.field_id() >= 0) text += " = " + std::to_string(node.field_id());
  if (node.is_group()) {
    const auto& group = static_cast<const ::parquet::schema::GroupNode&>(node);
    text += " {";
    for (int i = 0; i < group.field_count(); ++i) text += Describe(*group.field(i));
    text += "}";
  }
  return text;
}

// Iceberg spec, Appendix A, "Parquet".
TEST_F(DataFileWriterTest, TheSchemaIsIcebergs) {
  ASSERT_TRUE(WriteFile(*store_, at_, {RandomRows(AllTypes(), 10, 1)}));
  const std::string time = "isAdjustedToUTC=false, timeUnit=microseconds)";
  const std::string timestamp =
      "timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)";
  const std::vector<std::string> expected = {
      "BOOLEAN boolean None",
      "INT32 int None",
      "INT64 long None",
      "FLOAT float None",
      "DOUBLE double None",
      "INT32 decimal_9 Decimal(precision=9, scale=2)",
      "INT64 decimal_18 Decimal(precision=18, scale=0)",
      "FIXED_LEN_BYTE_ARRAY(9) decimal_19 Decimal(precision=19, scale=5)",
      "FIXED_LEN_BYTE_ARRAY(16) decimal_38 Decimal(precision=38, scale=10)",
      "INT32 date Date",
      "INT64 time Time(" + time,
      "INT64 timestamp Timestamp(isAdjustedToUTC=false, " + timestamp,
      "INT64 timestamptz Timestamp(isAdjustedToUTC=true, " + timestamp,
      "BYTE_ARRAY string String",
      "BYTE_ARRAY binary None",
      "FIXED_LEN_BYTE_ARRAY(16) uuid UUID",
  };
  const auto reader = Raw();
  const auto& root = *reader->metadata()->schema()->group_node();
  EXPECT_EQ(Describe(*root.field(0)), "required INT64 id None = 1");
  for (size_t i = 0; i < expected.size(); ++i) {
    const int at = static_cast<int>(i) * 2 + 1;
    EXPECT_EQ(Describe(*root.field(at)),
              "optional " + expected[i] + " = " + std::to_string(at + 1));
    EXPECT_TRUE(root.field(at + 1)->is_required()) << at;
  }
  EXPECT_EQ(Describe(*root.field(33)),
            "optional list List = 34 {repeated list None {optional INT32 element None = 134}}");
  EXPECT_EQ(Describe(*root.field(36)),
            "required r_list_of_required List = 37 {repeated list None "
            "{required BYTE_ARRAY element String = 137}}");
  EXPECT_EQ(Describe(*root.field(37)),
            "optional list_of_lists List = 38 {repeated list None {optional element List = 138 "
            "{repeated list None {optional INT64 element Decimal(precision=12, scale=3) = 238}}}}");
}

TEST_F(DataFileWriterTest, PagesAreWhatEveryReaderTakes) {
  const auto file = WriteFile(*store_, at_, {RandomRows(AllTypes(), 50'000, 2)}).value();
  const auto reader = Raw();
  const auto metadata = reader->metadata();
  ASSERT_GE(metadata->num_row_groups(), 1);
  for (int leaf = 0; leaf < metadata->num_columns(); ++leaf) {
    const auto chunk = metadata->RowGroup(0)->ColumnChunk(leaf);
    EXPECT_TRUE(chunk->compression() == ::parquet::Compression::ZSTD ||
                chunk->compression() == ::parquet::Compression::UNCOMPRESSED);
    for (const auto encoding : chunk->encodings()) {
      EXPECT_TRUE(encoding == ::parquet::Encoding::PLAIN ||
                  encoding == ::parquet::Encoding::RLE ||  // of the levels
                  encoding == ::parquet::Encoding::RLE_DICTIONARY)
          << chunk->path_in_schema()->ToDotString() << " " << encoding;
    }
    for (const auto& pages : chunk->encoding_stats()) {
      EXPECT_NE(pages.page_type, ::parquet::PageType::DATA_PAGE_V2);
    }
    const auto index = reader->GetPageIndexReader()->RowGroup(0)->GetOffsetIndex(leaf);
    ASSERT_NE(index, nullptr);
    int64_t before = 0;
    for (const auto& page : index->page_locations()) {
      EXPECT_LE(page.first_row_index - before, 20'000);
      before = page.first_row_index;
    }
  }
}

TEST_F(DataFileWriterTest, OnlyWhatRepeatsGetsADictionary) {
  arrow::Int64Builder key, run, status;
  for (int64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(key.Append(i * 7919).ok());
    ASSERT_TRUE(run.Append(i / 4).ok());
    ASSERT_TRUE(status.Append(i * i % 11).ok());
  }
  const auto schema =
      arrow::schema({LakeField("key", arrow::int64(), 1), LakeField("run", arrow::int64(), 2),
                     LakeField("status", arrow::int64(), 3)});
  const auto rows = arrow::RecordBatch::Make(
      schema, 20'000,
      {key.Finish().ValueOrDie(), run.Finish().ValueOrDie(), status.Finish().ValueOrDie()});
  ASSERT_TRUE(WriteFile(*store_, at_, {rows}));
  const auto metadata = Raw()->metadata();
  const auto group = metadata->RowGroup(0);
  EXPECT_FALSE(group->ColumnChunk(0)->has_dictionary_page());
  EXPECT_FALSE(group->ColumnChunk(1)->has_dictionary_page());
  EXPECT_TRUE(group->ColumnChunk(2)->has_dictionary_page());
}

TEST_F(DataFileWriterTest, RowGroupsAreCutByBytes) {
  WriterOptions options;
  options.row_group_bytes = 1 << 20;
  const auto schema = arrow::schema({LakeField("id", arrow::int64(), 1, false)});
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (uint64_t i = 0; i < 8; ++i) batches.push_back(RandomRows(schema, 50'000, i));
  const auto file = WriteFile(*store_, at_, batches, options).value();
  const auto metadata = Raw()->metadata();
  EXPECT_EQ(file.record_count, 400'000);
  EXPECT_EQ(metadata->num_rows(), 400'000);
  ASSERT_GE(metadata->num_row_groups(), 3);
  ASSERT_EQ(file.split_offsets.size(), static_cast<size_t>(metadata->num_row_groups()));
  EXPECT_EQ(file.split_offsets[0], 4);
  int64_t bytes = 0;
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    const auto group = metadata->RowGroup(i);
    EXPECT_LE(group->total_byte_size(), (1 << 20) + (1 << 17));
    EXPECT_EQ(group->file_offset(), file.split_offsets[static_cast<size_t>(i)]);
    bytes += group->ColumnChunk(0)->total_compressed_size();
  }
  EXPECT_EQ(file.columns.at(0).size_bytes, bytes);
  EXPECT_EQ(file.size_bytes, store_->Size(at_).value());
}

TEST_F(DataFileWriterTest, WideRowsDoNotPileUp) {
  const auto schema = arrow::schema({LakeField("text", arrow::utf8(), 1)});
  arrow::StringBuilder text;
  uint64_t state = 1;
  for (int i = 0; i < 128; ++i) {
    std::string value(512 << 10, 'x');
    for (size_t at = 0; at < value.size(); at += 8) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      value[at] = static_cast<char>('a' + (state >> 33) % 26);
    }
    ASSERT_TRUE(text.Append(value).ok());
  }
  const auto rows = arrow::RecordBatch::Make(schema, 128, {text.Finish().ValueOrDie()});
  WriterOptions options;
  options.row_group_bytes = 8 << 20;
  const auto file = WriteFile(*store_, at_, {rows}, options).value();
  EXPECT_EQ(file.record_count, 128);
  const auto metadata = Raw()->metadata();
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    EXPECT_LE(metadata->RowGroup(i)->total_byte_size(), 13 << 20);
  }
  EXPECT_EQ(file.columns.at(0).lower, std::nullopt) << "Arrow keeps no extremes above 4 KiB";
}

TEST_F(DataFileWriterTest, EstimatesCloseInOnTheFile) {
  const auto schema = AllTypes();
  const auto writer = DataFileWriter::Open(*store_, at_, schema, {}).value();
  EXPECT_EQ(writer->estimated_bytes(), 0);
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(writer->Write(*RandomRows(schema, 10'000, i)));
    EXPECT_EQ(writer->row_count(), static_cast<int64_t>(i + 1) * 10'000);
    EXPECT_LE(writer->buffered_bytes(), 33 << 20);
  }
  const auto estimated = static_cast<double>(writer->estimated_bytes());
  const auto size = static_cast<double>(writer->Finish().value().size_bytes);
  EXPECT_GT(estimated, size * 0.8);
  EXPECT_LT(estimated, size * 1.25);
}

TEST_F(DataFileWriterTest, AFileOfNoRowsIsAFile) {
  const auto writer = DataFileWriter::Open(*store_, at_, AllTypes(), {}).value();
  ASSERT_TRUE(writer->Write(*RandomRows(AllTypes(), 0, 1)));
  const auto file = writer->Finish().value();
  EXPECT_EQ(file.record_count, 0);
  EXPECT_TRUE(file.split_offsets.empty());
  EXPECT_EQ(Raw()->metadata()->num_rows(), 0);
  for (const auto& column : file.columns) EXPECT_EQ(column.lower, std::nullopt);
}

TEST_F(DataFileWriterTest, ANullInARequiredColumnIsRefusedAndNothingOfItIsWritten) {
  const auto nullable = arrow::schema({LakeField("a", arrow::int64(), 1)});
  const auto list = arrow::list(arrow::field("element", arrow::int64(), false));
  const auto list_of_nulls = arrow::list(arrow::field("element", arrow::int64()));
  const auto schema =
      arrow::schema({LakeField("a", arrow::int64(), 1, false), LakeField("b", list, 2, false)});
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::Int64Builder>());
  ASSERT_TRUE(lists.Append().ok());
  ASSERT_TRUE(static_cast<arrow::Int64Builder*>(lists.value_builder())->AppendNull().ok());
  const auto writer = DataFileWriter::Open(*store_, at_, schema, {}).value();
  const auto good = RandomRows(schema, 1, 1);
  const auto null = arrow::MakeArrayOfNull(arrow::int64(), 1).ValueOrDie();
  const auto bad_list = arrow::MakeArray(
      arrow::ArrayData::Make(schema->field(1)->type(), 1,
                             lists.Finish().ValueOrDie()->data()->buffers, {null->data()}, 0));
  for (const arrow::ArrayVector& bad :
       {arrow::ArrayVector{null, good->column(1)}, arrow::ArrayVector{good->column(0), bad_list}}) {
    const Status status = writer->Write(*arrow::RecordBatch::Make(schema, 1, bad));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), ErrorKind::kCorrupt);
  }
  ASSERT_TRUE(writer->Write(*good));
  EXPECT_EQ(writer->Finish().value().record_count, 1);
}

TEST_F(DataFileWriterTest, OtherTypesAndFieldsWithoutIdAreBugs) {
  EXPECT_FALSE(
      DataFileWriter::Open(*store_, at_, arrow::schema({LakeField("a", arrow::int16(), 1)}), {}));
  EXPECT_FALSE(
      DataFileWriter::Open(*store_, at_, arrow::schema({arrow::field("a", arrow::int64())}), {}));
  const auto writer =
      DataFileWriter::Open(*store_, at_, arrow::schema({LakeField("a", arrow::int64(), 1)}), {})
          .value();
  const auto other = arrow::schema({LakeField("a", arrow::int32(), 1)});
  EXPECT_EQ(writer->Write(*RandomRows(other, 3, 1)).error().kind(), ErrorKind::kInternal);
}

TEST_F(DataFileWriterTest, DroppedItLeavesNothing) {
  {
    const auto writer = DataFileWriter::Open(*store_, at_, AllTypes(), {}).value();
    ASSERT_TRUE(writer->Write(*RandomRows(AllTypes(), 1000, 1)));
  }
  EXPECT_TRUE(store_->List("file:///lake").value().empty());
}

TEST_F(DataFileWriterTest, AFullDiskIsToldAsSuchAndLeavesNothing) {
  const auto schema = AllTypes();
  files_.SetCapacity(100'000);
  WriterOptions options;
  options.row_group_bytes = 100'000;
  const auto written = WriteFile(*store_, at_, {RandomRows(schema, 20'000, 1)}, options);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind(), ErrorKind::kExhausted) << written.error().message();
  EXPECT_TRUE(store_->List("file:///lake").value().empty());
  EXPECT_EQ(written.error().message().find("row "), std::string::npos) << "no value in an error";
}

TEST_F(DataFileWriterTest, MemoryComesFromTheGivenPool) {
  auto pool = arrow::MemoryPool::CreateDefault();
  WriterOptions options;
  options.pool = pool.get();
  ASSERT_TRUE(WriteFile(*store_, at_, {RandomRows(AllTypes(), 5000, 1)}, options));
  EXPECT_GT(pool->total_bytes_allocated(), 100'000);
  EXPECT_EQ(pool->bytes_allocated(), 0);
}

}  // namespace
}  // namespace sluice::parquet
