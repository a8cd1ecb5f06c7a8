// The statistics of a written file against the rows, value by value, with decoders of their own.
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/file_system_fake.h"
#include "parquet/data_file_writer.h"
#include "parquet/testing.h"

namespace sluice::parquet {
namespace {

using testing::LakeField;
using testing::RandomRows;
using testing::WriteFile;

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

Int128 SignedLittle(const std::string& bytes) {
  Int128 value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const int unused = static_cast<int>(128 - 8 * bytes.size());
  return static_cast<Int128>(static_cast<UInt128>(value) << unused) >> unused;
}

Int128 SignedBig(const std::string& bytes) {
  return SignedLittle(std::string(bytes.rbegin(), bytes.rend()));
}

template <typename T>
T Floating(const std::string& bytes) {
  T value;
  EXPECT_EQ(bytes.size(), sizeof(T));
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// The values of a column in a comparable form, without nulls and NaN.
template <typename ArrayType, typename Read>
auto ValuesOf(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches, int column,
              const Read& read) {
  std::vector<decltype(read(std::declval<const ArrayType&>(), 0))> values;
  for (const auto& batch : batches) {
    const auto& array = static_cast<const ArrayType&>(*batch->column(column));
    for (int64_t i = 0; i < array.length(); ++i) {
      if (array.IsValid(i)) values.push_back(read(array, i));
    }
  }
  return values;
}

struct Expectation {
  bool exact = true;  // not cut: the bounds are values
};

template <typename T, typename Decode>
void ExpectBounds(const ColumnStatistics& column, const std::vector<T>& values,
                  const Decode& decode, Expectation expect = {}) {
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  if (column.lower) {
    EXPECT_LE(decode(*column.lower), *min) << column.field_id;
    if (expect.exact) {
      EXPECT_EQ(decode(*column.lower), *min) << column.field_id;
    }
  }
  if (column.upper) {
    EXPECT_GE(decode(*column.upper), *max) << column.field_id;
    if (expect.exact) {
      EXPECT_EQ(decode(*column.upper), *max) << column.field_id;
    }
  }
  EXPECT_TRUE(column.lower || !expect.exact) << column.field_id;
}

template <typename ArrayType>
std::vector<Int128> Integers(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                             int column) {
  return ValuesOf<ArrayType>(batches, column,
                             [](const auto& a, int64_t i) { return Int128{a.Value(i)}; });
}

template <typename ArrayType>
auto Floats(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches, int column) {
  auto values =
      ValuesOf<ArrayType>(batches, column, [](const auto& a, int64_t i) { return a.Value(i); });
  std::erase_if(values, [](auto v) { return std::isnan(v); });
  return values;
}

std::vector<std::string> Strings(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                                 int column) {
  return ValuesOf<arrow::BinaryArray>(batches, column,
                                      [](const auto& a, int64_t i) { return a.GetString(i); });
}

class ColumnStatisticsTest : public ::testing::Test {
 protected:
  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> store_ = store::MakeLocalStore(files_);
  store::Location at_ = "file:///lake/a.parquet";
};

void CheckColumn(const ColumnStatistics& column, const arrow::Field& field,
                 const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches, int i) {
  const auto same = [](const std::string& bytes) { return bytes; };
  switch (field.type()->id()) {
    case arrow::Type::INT32:
      return ExpectBounds(column, Integers<arrow::Int32Array>(batches, i), SignedLittle);
    case arrow::Type::DATE32:
      return ExpectBounds(column, Integers<arrow::Date32Array>(batches, i), SignedLittle);
    case arrow::Type::INT64:
      return ExpectBounds(column, Integers<arrow::Int64Array>(batches, i), SignedLittle);
    case arrow::Type::TIME64:
      return ExpectBounds(column, Integers<arrow::Time64Array>(batches, i), SignedLittle);
    case arrow::Type::TIMESTAMP:
      return ExpectBounds(column, Integers<arrow::TimestampArray>(batches, i), SignedLittle);
    case arrow::Type::FLOAT:
      return ExpectBounds(column, Floats<arrow::FloatArray>(batches, i), Floating<float>);
    case arrow::Type::DOUBLE:
      return ExpectBounds(column, Floats<arrow::DoubleArray>(batches, i), Floating<double>);
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return ExpectBounds(column, Strings(batches, i), same, {.exact = false});
    case arrow::Type::FIXED_SIZE_BINARY:
      return ExpectBounds(
          column,
          ValuesOf<arrow::FixedSizeBinaryArray>(
              batches, i, [](const auto& a, int64_t row) { return a.GetString(row); }),
          same, {.exact = false});
    case arrow::Type::DECIMAL128:
      return ExpectBounds(
          column,
          ValuesOf<arrow::FixedSizeBinaryArray>(
              batches, i,
              [](const auto& a, int64_t row) { return SignedLittle(a.GetString(row)); }),
          SignedBig);
    case arrow::Type::BOOL:
      return ExpectBounds(column, Integers<arrow::BooleanArray>(batches, i), SignedLittle);
    default:
      FAIL() << "statistics of " << field.ToString();
  }
}

int64_t NanCount(const arrow::Array& array) {
  int64_t nans = 0;
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    nans += array.type_id() == arrow::Type::FLOAT
                ? std::isnan(static_cast<const arrow::FloatArray&>(array).Value(i))
                : std::isnan(static_cast<const arrow::DoubleArray&>(array).Value(i));
  }
  return nans;
}

TEST_F(ColumnStatisticsTest, AgreeWithTheRowsOfEveryType) {
  const auto schema = testing::AllTypes();
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    WriterOptions options;
    options.row_group_bytes = 20'000;  // several row groups
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (uint64_t i = 0; i < 4; ++i)
      batches.push_back(RandomRows(schema, 1 + (seed * 37) % 150, seed * 10 + i));
    const auto file = WriteFile(*store_, at_, batches, options).value();
    ASSERT_EQ(file.columns.size(), 33U) << "lists have none";
    for (const auto& column : file.columns) {
      const int i = column.field_id - 1;
      const auto& field = *schema->field(i);
      int64_t nulls = 0;
      int64_t nans = 0;
      const bool floating = arrow::is_floating(field.type()->id());
      for (const auto& batch : batches) {
        nulls += batch->column(i)->null_count();
        if (floating) nans += NanCount(*batch->column(i));
      }
      EXPECT_EQ(column.value_count, file.record_count);
      EXPECT_EQ(column.null_count, nulls);
      EXPECT_EQ(column.nan_count, floating ? std::optional(nans) : std::nullopt);
      EXPECT_GT(column.size_bytes, 0);
      if (nulls + nans < file.record_count) CheckColumn(column, field, batches, i);
    }
  }
}

template <typename Builder, typename T>
std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::DataType>& type,
                                              const std::vector<std::optional<T>>& values) {
  Builder builder(type, arrow::default_memory_pool());
  for (const auto& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return arrow::RecordBatch::Make(arrow::schema({LakeField("a", type, 1)}),
                                  static_cast<int64_t>(values.size()),
                                  {builder.Finish().ValueOrDie()});
}

TEST_F(ColumnStatisticsTest, NothingButNullsAndNanHasNoBounds) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto rows =
      OneColumn<arrow::DoubleBuilder, double>(arrow::float64(), {nan, std::nullopt, nan});
  const auto file = WriteFile(*store_, at_, {rows}).value();
  EXPECT_EQ(file.columns[0].lower, std::nullopt);
  EXPECT_EQ(file.columns[0].upper, std::nullopt);
  EXPECT_EQ(file.columns[0].nan_count, 2);
  EXPECT_EQ(file.columns[0].null_count, 1);
}

TEST_F(ColumnStatisticsTest, ARowGroupOfNanDoesNotHideTheOthers) {
  WriterOptions options;
  options.row_group_bytes = 1;  // each batch its own
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto file =
      WriteFile(*store_, at_,
                {OneColumn<arrow::DoubleBuilder, double>(arrow::float64(), {nan}),
                 OneColumn<arrow::DoubleBuilder, double>(arrow::float64(), {2.0, nan, -0.0})},
                options)
          .value();
  ASSERT_EQ(file.split_offsets.size(), 2U);
  EXPECT_EQ(Floating<double>(file.columns[0].lower.value()), 0.0);
  EXPECT_TRUE(std::signbit(Floating<double>(file.columns[0].lower.value())));
  EXPECT_EQ(Floating<double>(file.columns[0].upper.value()), 2.0);
}

TEST_F(ColumnStatisticsTest, AnUnknownExtremeOfOneRowGroupMakesTheFilesUnknown) {
  WriterOptions options;
  options.row_group_bytes = 1;
  using Values = std::vector<std::optional<std::string>>;
  const auto batch = [](const Values& values) {
    return OneColumn<arrow::StringBuilder, std::string>(arrow::utf8(), values);
  };
  const auto file =
      WriteFile(*store_, at_,
                {batch({"m", "n"}), batch({"a", std::string(5000, 'z')}), batch({std::nullopt})},
                options)
          .value();
  EXPECT_EQ(file.columns[0].lower, "a");
  EXPECT_EQ(file.columns[0].upper, std::nullopt) << "5,000 bytes were not kept";
}

}  // namespace
}  // namespace sluice::parquet
