// How columns become pages, through the eyes of Arrow's reader.
#include "parquet/column_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <random>

#include "parquet/data_file_reader_test_support.h"

namespace sluice::parquet {
namespace {

using testing::LakeField;

class ColumnPagesTest : public DataFileReaderTest {
 protected:
  // Writes one column, reads it back, and gives the file's metadata.
  template <typename Builder, typename ValueAt>
  std::shared_ptr<::parquet::FileMetaData> RoundTrip(std::shared_ptr<arrow::DataType> type,
                                                     int64_t rows, const ValueAt& value_at) {
    Builder builder(type, arrow::default_memory_pool());
    for (int64_t i = 0; i < rows; ++i) {
      EXPECT_TRUE((i % 97 == 96 ? builder.AppendNull() : builder.Append(value_at(i))).ok());
    }
    const auto schema = arrow::schema({LakeField("v", type, 1)});
    const auto batch = arrow::RecordBatch::Make(schema, rows, {builder.Finish().ValueOrDie()});
    WriterOptions options;
    options.row_group_bytes = 4 << 20;
    EXPECT_TRUE(testing::WriteFile(store_, at_, {batch}, options));
    ExpectSame(*ScanAll(*schema, 50'000), *batch);
    return ::parquet::ParquetFileReader::Open(store::OpenInput(store_, at_).value())->metadata();
  }
};

// A column whose sample repeats and whose rest does not: both encodings in the row group where it
// turns, only one in the later ones.
TEST_F(ColumnPagesTest, AnOutgrownDictionaryGivesWayToPlainPages) {
  const auto metadata = RoundTrip<arrow::StringBuilder>(arrow::utf8(), 400'000, [](int64_t i) {
    return "value number " + std::to_string(i < 20'000 ? i % 5 : i * 7919 % 1'000'003);
  });
  ASSERT_GE(metadata->num_row_groups(), 2);
  const auto turned = metadata->RowGroup(0)->ColumnChunk(0);
  EXPECT_TRUE(turned->has_dictionary_page());
  EXPECT_THAT(turned->encodings(), ::testing::IsSupersetOf({::parquet::Encoding::RLE_DICTIONARY,
                                                            ::parquet::Encoding::PLAIN}));
  EXPECT_FALSE(metadata->RowGroup(1)->ColumnChunk(0)->has_dictionary_page());
}

TEST_F(ColumnPagesTest, EachRowGroupHasItsOwnDictionary) {
  const auto metadata = RoundTrip<arrow::Int64Builder>(
      arrow::int64(), 3'000'000, [](int64_t i) { return i / 1'000'000 * 5000 + i * 7919 % 2500; });
  ASSERT_GE(metadata->num_row_groups(), 2);
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    EXPECT_TRUE(metadata->RowGroup(i)->ColumnChunk(0)->has_dictionary_page()) << i;
  }
}

TEST_F(ColumnPagesTest, AColumnOfOneValueAndOneOfNoneAreRead) {
  RoundTrip<arrow::Int32Builder>(arrow::int32(), 50'000, [](int64_t) { return 7; });
  const auto schema = arrow::schema({LakeField("v", arrow::utf8(), 1)});
  const auto nothing = arrow::RecordBatch::Make(
      schema, 30'000, {arrow::MakeArrayOfNull(arrow::utf8(), 30'000).ValueOrDie()});
  ASSERT_TRUE(testing::WriteFile(store_, at_, {nothing}));
  ExpectSame(*ScanAll(*schema, 50'000), *nothing);
}

TEST_F(ColumnPagesTest, OnlyWhatGetsSmallerIsCompressed) {
  std::mt19937_64 random(1);
  const auto noise = RoundTrip<arrow::Int64Builder>(
      arrow::int64(), 50'000, [&](int64_t) { return static_cast<int64_t>(random()); });
  EXPECT_EQ(noise->RowGroup(0)->ColumnChunk(0)->compression(),
            ::parquet::Compression::UNCOMPRESSED);
  const auto counted =
      RoundTrip<arrow::Int64Builder>(arrow::int64(), 50'000, [](int64_t i) { return i; });
  EXPECT_EQ(counted->RowGroup(0)->ColumnChunk(0)->compression(), ::parquet::Compression::ZSTD);
}

}  // namespace
}  // namespace sluice::parquet
