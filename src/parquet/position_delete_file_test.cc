#include "parquet/position_delete_file.h"

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include "base/file_system_fake.h"
#include "parquet/data_file_reader.h"
#include "parquet/testing.h"

namespace sluice::parquet {
namespace {

class PositionDeleteFileTest : public ::testing::Test {
 protected:
  PositionDeletes Read(const std::function<bool(const store::Location&)>& wanted) {
    PositionDeletes into;
    const Status status = ReadPositionDeletes(*store_, at_, wanted, into);
    EXPECT_TRUE(status) << status.error().message();
    return into;
  }

  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> store_ = store::MakeLocalStore(files_);
  store::Location at_ = "file:///lake/deletes.parquet";
};

std::string DataPath(int i) {
  return "file:///srv/lake/shop/orders/data/" + std::string(40, 'x') + std::to_string(i) +
         ".parquet";
}

roaring::Roaring64Map Some(uint64_t count, uint64_t step) {
  roaring::Roaring64Map positions;
  for (uint64_t i = 0; i < count; ++i) positions.add(i * step);
  return positions;
}

bool All(const store::Location&) { return true; }

std::string LittleEndian(uint64_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

TEST_F(PositionDeleteFileTest, OneDataFileIsNamedAndBoundedInFull) {
  const PositionDeletes deletes = {{DataPath(1), Some(3, 500)}};
  const auto written = WritePositionDeletes(*store_, at_, deletes).value();
  EXPECT_EQ(written.referenced_data_file, DataPath(1));
  EXPECT_EQ(written.file.location, at_);
  EXPECT_EQ(written.file.record_count, 3);
  EXPECT_EQ(written.file.size_bytes, store_->Size(at_).value());
  ASSERT_EQ(written.file.columns.size(), 2U);
  const auto& [pos, path] = std::tie(written.file.columns[0], written.file.columns[1]);
  EXPECT_EQ(path.field_id, 2147483546);
  EXPECT_EQ(path.lower, DataPath(1)) << "not cut";
  EXPECT_EQ(path.upper, DataPath(1));
  EXPECT_EQ(pos.field_id, 2147483545);
  EXPECT_EQ(pos.lower, LittleEndian(0));
  EXPECT_EQ(pos.upper, LittleEndian(1000));
  for (const auto& column : written.file.columns) {
    EXPECT_EQ(column.value_count, 3);
    EXPECT_EQ(column.null_count, 0);
    EXPECT_EQ(column.nan_count, std::nullopt);
    EXPECT_GT(column.size_bytes, 0);
  }
  EXPECT_EQ(Read(All), deletes);
}

TEST_F(PositionDeleteFileTest, SeveralDataFilesHaveNoStatistics) {
  const PositionDeletes deletes = {
      {DataPath(1), Some(5, 1)}, {DataPath(2), {}}, {DataPath(3), Some(20'000, 7)}};
  const auto written = WritePositionDeletes(*store_, at_, deletes).value();
  EXPECT_EQ(written.referenced_data_file, "");
  EXPECT_TRUE(written.file.columns.empty());
  EXPECT_EQ(written.file.record_count, 20'005);
  const auto read = Read(All);
  ASSERT_EQ(read.size(), 2U) << "a file without deletes is not there";
  EXPECT_EQ(read.at(DataPath(1)), deletes.at(DataPath(1)));
  EXPECT_EQ(read.at(DataPath(3)), deletes.at(DataPath(3)));
}

// Iceberg spec, "Position Delete Files".
TEST_F(PositionDeleteFileTest, TheFileIsTheSpecs) {
  PositionDeletes deletes;
  for (int i = 0; i < 30; ++i) deletes[DataPath(i)] = Some(1000, 3);
  ASSERT_TRUE(WritePositionDeletes(*store_, at_, deletes));
  const auto raw = ::parquet::ParquetFileReader::Open(store::OpenInput(*store_, at_).value());
  const auto& root = *raw->metadata()->schema()->group_node();
  ASSERT_EQ(root.field_count(), 2);
  const auto expect = [&](int i, const char* name, int id, ::parquet::Type::type type) {
    const auto& leaf = static_cast<const ::parquet::schema::PrimitiveNode&>(*root.field(i));
    EXPECT_EQ(leaf.name(), name);
    EXPECT_EQ(leaf.field_id(), id);
    EXPECT_TRUE(leaf.is_required());
    EXPECT_EQ(leaf.physical_type(), type);
  };
  expect(0, "file_path", 2147483546, ::parquet::Type::BYTE_ARRAY);
  EXPECT_TRUE(root.field(0)->logical_type()->is_string());
  expect(1, "pos", 2147483545, ::parquet::Type::INT64);
  const auto group = raw->metadata()->RowGroup(0);
  EXPECT_TRUE(group->ColumnChunk(0)->has_dictionary_page());
  EXPECT_FALSE(group->ColumnChunk(1)->has_dictionary_page());

  const auto reader = DataFileReader::Open(*store_, at_).value();
  const auto schema = arrow::schema({testing::LakeField("p", arrow::utf8(), 2147483546, false),
                                     testing::LakeField("n", arrow::int64(), 2147483545, false)});
  std::pair<std::string, int64_t> before;
  const auto in_order = [&](int64_t first, const arrow::RecordBatch& rows) {
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      std::pair here(static_cast<const arrow::StringArray&>(*rows.column(0)).GetString(i),
                     static_cast<const arrow::Int64Array&>(*rows.column(1)).Value(i));
      EXPECT_TRUE(first + i == 0 || before < here);
      before = std::move(here);
    }
    return Status();
  };
  ASSERT_TRUE(reader->Scan(*schema, 999, in_order));
}

TEST_F(PositionDeleteFileTest, OnlyWantedFilesAreRead) {
  PositionDeletes deletes;
  for (int i = 0; i < 5; ++i) deletes[DataPath(i)] = Some(10, static_cast<uint64_t>(i + 1));
  ASSERT_TRUE(WritePositionDeletes(*store_, at_, deletes));
  PositionDeletes into = {{DataPath(3), Some(2, 1'000'000)}};
  ASSERT_TRUE(ReadPositionDeletes(
      *store_, at_, [](const store::Location& path) { return path == DataPath(3); }, into));
  ASSERT_EQ(into.size(), 1U);
  EXPECT_EQ(into.at(DataPath(3)), Some(10, 4) | Some(2, 1'000'000)) << "added to what was there";
}

TEST_F(PositionDeleteFileTest, ManyPositionsAndLargeOnesPass) {
  roaring::Roaring64Map positions = Some(2'500'000, 1);
  positions.add(uint64_t{1} << 40);
  const PositionDeletes deletes = {{DataPath(1), positions}};
  const auto written = WritePositionDeletes(*store_, at_, deletes).value();
  EXPECT_EQ(written.file.record_count, 2'500'001);
  EXPECT_EQ(written.file.split_offsets.size(), 3U);
  EXPECT_EQ(Read(All), deletes);
}

TEST_F(PositionDeleteFileTest, AnEmptyOneIsABug) {
  EXPECT_EQ(WritePositionDeletes(*store_, at_, {}).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(WritePositionDeletes(*store_, at_, {{DataPath(1), {}}}).error().kind(),
            ErrorKind::kInternal);
  EXPECT_TRUE(store_->List("file:///lake").value().empty());
}

TEST_F(PositionDeleteFileTest, AFullDiskLeavesNothing) {
  files_.SetCapacity(1000);
  const auto written = WritePositionDeletes(*store_, at_, {{DataPath(1), Some(100'000, 3)}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind(), ErrorKind::kExhausted);
  EXPECT_TRUE(store_->List("file:///lake").value().empty());
}

TEST_F(PositionDeleteFileTest, ANegativePositionIsCorrupt) {
  const auto schema =
      arrow::schema({testing::LakeField("file_path", arrow::utf8(), 2147483546, false),
                     testing::LakeField("pos", arrow::int64(), 2147483545, false)});
  const auto rows = testing::RandomRows(schema, 100, 1);
  ASSERT_TRUE(testing::WriteFile(*store_, at_, {rows}));
  PositionDeletes into;
  EXPECT_EQ(ReadPositionDeletes(*store_, at_, All, into).error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::parquet
