#include <random>

#include "parquet/data_file_reader_test_support.h"

namespace sluice::parquet {
namespace {

using testing::AllTypes;
using testing::LakeField;
using testing::RandomRows;
using testing::WriteFile;

using DataFileFetchTest = DataFileReaderTest;

TEST_F(DataFileFetchTest, FetchTakesAnyRows) {
  const auto schema = AllTypes();
  WriterOptions options;
  options.row_group_bytes = 10 << 20;
  std::vector<Batch> batches;
  for (uint64_t i = 0; i < 5; ++i) batches.push_back(RandomRows(schema, 17'000, i));
  const auto file = WriteFile(store_, at_, batches, options).value();
  ASSERT_GE(file.split_offsets.size(), 2U);
  const auto all = arrow::ConcatenateRecordBatches(batches).ValueOrDie();
  const auto reader = Open();
  std::mt19937_64 random(1);
  for (const int64_t step : {1, 3, 1000, 20'001, 84'999, 100'000}) {
    std::vector<int64_t> rows;
    for (int64_t row = static_cast<int64_t>(random() % 5); row < 85'000; row += step) {
      rows.push_back(row);
    }
    const auto fetched = reader->Fetch(*schema, rows);
    ASSERT_TRUE(fetched) << fetched.error().message();
    EXPECT_TRUE((*fetched)->ValidateFull().ok());
    ExpectSame(**fetched, *TakeRows(*all, rows));
  }
  EXPECT_EQ(reader->Fetch(*schema, {}).value()->num_rows(), 0);
  ExpectSame(*reader->Fetch(*schema, std::vector<int64_t>{84'999}).value(), *all->Slice(84'999));
}

TEST_F(DataFileFetchTest, FetchReadsOnlyThePagesItNeeds) {
  const auto schema =
      arrow::schema({LakeField("id", arrow::int64(), 1, false), LakeField("a", arrow::int64(), 2),
                     LakeField("b", arrow::binary(), 3)});
  std::vector<Batch> batches;
  for (uint64_t i = 0; i < 8; ++i) batches.push_back(RandomRows(schema, 50'000, i));
  const auto file = WriteFile(store_, at_, batches).value();
  const auto wanted = arrow::schema({schema->field(0)});
  const auto reader = Open();
  store_.bytes_read = 0;
  ASSERT_TRUE(reader->Fetch(*wanted, std::vector<int64_t>{77'777}));
  const uint64_t page = 20'480 * sizeof(int64_t);
  EXPECT_LT(store_.bytes_read, page + 20'000) << "a page and the offset index";
  EXPECT_GT(file.size_bytes, 20 * page);
}

TEST_F(DataFileFetchTest, FetchRefusesRowsOutOfOrderOrRange) {
  ASSERT_TRUE(WriteFile(store_, at_, {RandomRows(AllTypes(), 50, 8)}));
  for (const auto& rows : std::vector<std::vector<int64_t>>{{-1}, {50}, {3, 3}, {4, 3}}) {
    EXPECT_EQ(Open()->Fetch(*AllTypes(), rows).error().kind(), ErrorKind::kInternal);
  }
}

}  // namespace
}  // namespace sluice::parquet
