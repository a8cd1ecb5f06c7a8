#include "parquet/data_file_reader.h"

#include <arrow/array/concatenate.h>
#include <arrow/io/interfaces.h>
#include <arrow/table.h>
#include <parquet/arrow/writer.h>

#include <random>

#include "parquet/data_file_reader_test_support.h"

namespace sluice::parquet {
namespace {

using testing::AllTypes;
using testing::LakeField;
using testing::RandomRows;
using testing::WriteFile;

TEST_F(DataFileReaderTest, EveryTypeComesBackAsWritten) {
  const auto schema = AllTypes();
  for (const int64_t row_group_bytes : {1 << 14, 1 << 20, 32 << 20}) {
    WriterOptions options;
    options.row_group_bytes = row_group_bytes;
    const std::vector<Batch> batches = {RandomRows(schema, 1, 1), RandomRows(schema, 9000, 2),
                                        RandomRows(schema, 77, 3)};
    ASSERT_TRUE(WriteFile(store_, at_, batches, options));
    EXPECT_EQ(Open()->row_count(), 9078);
    const auto expected = arrow::ConcatenateRecordBatches(batches).ValueOrDie();
    ExpectSame(*ScanAll(*schema, 1000), *expected);
    ExpectSame(*ScanAll(*schema, 1 << 20), *expected);
  }
}

TEST_F(DataFileReaderTest, SlicesAreWrittenAsTheyStand) {
  const auto schema = AllTypes();
  const auto rows = RandomRows(schema, 5000, 4);
  ASSERT_TRUE(WriteFile(store_, at_, {rows->Slice(13, 1000), rows->Slice(3001, 3)}));
  ExpectSame(
      *ScanAll(*schema, 700),
      *arrow::ConcatenateRecordBatches({rows->Slice(13, 1000), rows->Slice(3001, 3)}).ValueOrDie());
}

// Arrow allows values under a null list; Parquet does not.
TEST_F(DataFileReaderTest, ValuesUnderANullListAreLeftOut) {
  const auto schema = arrow::schema({LakeField("list", arrow::list(arrow::int32()), 1)});
  auto data =
      RandomRows(arrow::schema({LakeField("list", arrow::list(arrow::int32()), 1, false)}), 100, 5)
          ->column(0)
          ->data()
          ->Copy();
  data->buffers[0] = arrow::AllocateBitmap(100).ValueOrDie();
  data->null_count = arrow::kUnknownNullCount;
  for (size_t i = 0; i < 13; ++i) data->buffers[0]->mutable_data()[i] = 0x6D;
  const auto rows = arrow::RecordBatch::Make(schema, 100, {arrow::MakeArray(data)});
  ASSERT_TRUE(WriteFile(store_, at_, {rows}));
  ExpectSame(*ScanAll(*schema, 33), *rows);
}

TEST_F(DataFileReaderTest, ColumnsAreFoundByIdInAnyOrder) {
  const auto schema = AllTypes();
  const auto rows = RandomRows(schema, 100, 6);
  ASSERT_TRUE(WriteFile(store_, at_, {rows}));
  const auto wanted = arrow::schema({LakeField("renamed", arrow::utf8(), 28),
                                     LakeField("new", arrow::list(arrow::int64()), 5000),
                                     LakeField("id", arrow::int64(), 1, false)});
  const auto got = ScanAll(*wanted, 64);
  EXPECT_TRUE(got->column(0)->Equals(rows->GetColumnByName("string")));
  EXPECT_EQ(got->column(1)->null_count(), 100);
  EXPECT_TRUE(got->column(2)->Equals(rows->column(0)));
}

TEST_F(DataFileReaderTest, PromotedTypesAreWidened) {
  const auto old = arrow::schema(
      {LakeField("a", arrow::int32(), 1), LakeField("b", arrow::float32(), 2),
       LakeField("c", arrow::decimal128(9, 2), 3), LakeField("d", arrow::list(arrow::int32()), 4)});
  const auto now =
      arrow::schema({LakeField("a", arrow::int64(), 1), LakeField("b", arrow::float64(), 2),
                     LakeField("c", arrow::decimal128(20, 2), 3),
                     LakeField("d", arrow::list(arrow::int64()), 4)});
  const auto rows = RandomRows(old, 500, 7);
  ASSERT_TRUE(WriteFile(store_, at_, {rows}));
  const auto got = ScanAll(*now, 100);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(got->column(i)->type()->Equals(now->field(i)->type()));
  for (int64_t row = 0; row < 500; ++row) {
    if (rows->column(0)->IsNull(row)) continue;
    EXPECT_EQ(static_cast<const arrow::Int64Array&>(*got->column(0)).Value(row),
              static_cast<const arrow::Int32Array&>(*rows->column(0)).Value(row));
  }
  ExpectSame(*Open()->Fetch(*now, std::vector<int64_t>{3, 499}).value(),
             *arrow::ConcatenateRecordBatches({got->Slice(3, 1), got->Slice(499, 1)}).ValueOrDie());
}

TEST_F(DataFileReaderTest, AnotherTypeOrAMissingRequiredColumnIsCorrupt) {
  ASSERT_TRUE(WriteFile(store_, at_, {RandomRows(AllTypes(), 50, 8)}));
  for (const auto& field :
       {LakeField("uuid", arrow::int64(), 32), LakeField("string", arrow::int64(), 28),
        LakeField("long", arrow::int32(), 6), LakeField("none", arrow::int64(), 999, false)}) {
    const Status status = Open()->Scan(*arrow::schema({field}), 100,
                                       [](int64_t, const arrow::RecordBatch&) { return Status(); });
    ASSERT_FALSE(status) << field->ToString();
    EXPECT_EQ(status.error().kind(), ErrorKind::kCorrupt) << status.error().message();
    EXPECT_EQ(status.error().message().find("row 1"), std::string::npos) << "no value in an error";
  }
}

// As a foreign compaction leaves them: other codec, page version and encodings, no page index,
// Arrow's own schema in the footer.
TEST_F(DataFileReaderTest, FilesOfOthersAreRead) {
  const auto schema = AllTypes();
  const auto rows = RandomRows(schema, 30'000, 9);
  for (const bool page_index : {false, true}) {
    ::parquet::WriterProperties::Builder properties;
    properties.compression(::parquet::Compression::SNAPPY)
        ->data_page_version(::parquet::ParquetDataPageVersion::V2)
        ->max_row_group_length(12'000)
        ->disable_dictionary("id")
        ->encoding("id", ::parquet::Encoding::DELTA_BINARY_PACKED);
    if (page_index) properties.enable_write_page_index();
    ::parquet::ArrowWriterProperties::Builder arrow_properties;
    arrow_properties.store_schema();
    const auto sink = store::OpenOutput(store_.Create(at_).value());
    const auto table = arrow::Table::FromRecordBatches({rows}).ValueOrDie();
    ASSERT_TRUE(::parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, 12'000,
                                             properties.build(), arrow_properties.build())
                    .ok());
    ASSERT_TRUE(sink->Close().ok());
    ExpectSame(*ScanAll(*schema, 4096), *rows);
    const std::vector<int64_t> some = {0, 11'999, 12'000, 29'000, 29'999};
    ExpectSame(*Open()->Fetch(*schema, some).value(), *TakeRows(*rows, some));
  }
}

TEST_F(DataFileReaderTest, AbsentAndUnreachableAreNotCorrupt) {
  EXPECT_EQ(DataFileReader::Open(store_, at_).error().code(), "ENOENT");
  ASSERT_TRUE(WriteFile(store_, at_, {RandomRows(AllTypes(), 1000, 8)}));
  const auto reader = Open();
  store_.fail = true;
  EXPECT_EQ(DataFileReader::Open(store_, at_).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(reader->Fetch(*AllTypes(), std::vector<int64_t>{5}).error().kind(),
            ErrorKind::kUnavailable);
  const Status scanned =
      reader->Scan(*AllTypes(), 100, [](int64_t, const arrow::RecordBatch&) { return Status(); });
  EXPECT_EQ(scanned.error().kind(), ErrorKind::kUnavailable);
  store_.fail = false;
  EXPECT_TRUE(reader->Fetch(*AllTypes(), std::vector<int64_t>{5})) << "and the reader lives on";
}

TEST_F(DataFileReaderTest, TheCallersErrorEndsAScan) {
  ASSERT_TRUE(WriteFile(store_, at_, {RandomRows(AllTypes(), 1000, 8)}));
  int calls = 0;
  const Status status =
      Open()->Scan(*AllTypes(), 100, [&](int64_t, const arrow::RecordBatch&) -> Status {
        ++calls;
        return MakeError(ErrorKind::kStopped, "enough");
      });
  EXPECT_EQ(status.error().kind(), ErrorKind::kStopped);
  EXPECT_EQ(calls, 1);
}

TEST_F(DataFileReaderTest, DamagedFilesEndInAnErrorOrInRows) {
  const auto schema = AllTypes();
  ASSERT_TRUE(WriteFile(store_, at_, {RandomRows(schema, 300, 10)}));
  const std::string good = store::ReadAll(store_, at_).value();
  std::mt19937_64 random(11);
  int errors = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bad = good;
    if (i % 4 == 0) {
      bad.resize(random() % bad.size());
    } else {
      // Most of them in the footer and the page index, where a wrong number leads astray.
      const size_t from = i % 4 == 1 ? 0 : bad.size() * 2 / 3;
      for (int flips = 0; flips < 3; ++flips) {
        bad[from + random() % (bad.size() - from)] ^= static_cast<char>(1 << random() % 8);
      }
    }
    files_.SetContent("/lake/a.parquet", bad);
    const auto reader = DataFileReader::Open(store_, at_);
    if (!reader) {
      ++errors;
      EXPECT_NE(reader.error().kind(), ErrorKind::kUnavailable) << reader.error().message();
      continue;
    }
    const Status scanned =
        (*reader)->Scan(*schema, 128, [](int64_t, const arrow::RecordBatch&) { return Status(); });
    const auto fetched = (*reader)->Fetch(*schema, std::vector<int64_t>{0});
    errors += !scanned || !fetched ? 1 : 0;
    if (!scanned) {
      EXPECT_NE(scanned.error().kind(), ErrorKind::kUnavailable) << scanned.error().message();
    }
  }
  EXPECT_GT(errors, 200);
}

}  // namespace
}  // namespace sluice::parquet
