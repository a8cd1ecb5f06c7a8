// What the reader's tests share: a store that counts, a fixture, comparisons.
#pragma once

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/file_system_fake.h"
#include "parquet/data_file_reader.h"
#include "parquet/data_file_writer.h"
#include "parquet/testing.h"

namespace sluice::parquet {

using Batch = std::shared_ptr<arrow::RecordBatch>;

// Counts what is read of an object.
class CountingStore final : public store::ObjectStore {
 public:
  explicit CountingStore(store::ObjectStore& under) : under_(under) {}
  Result<std::unique_ptr<store::ObjectWriter>> Create(const store::Location& at) override {
    return under_.Create(at);
  }
  Status PutIfAbsent(const store::Location& at, std::shared_ptr<arrow::Buffer> bytes) override {
    return under_.PutIfAbsent(at, std::move(bytes));
  }
  Result<uint64_t> Size(const store::Location& at) override { return under_.Size(at); }
  Result<std::shared_ptr<arrow::Buffer>> Read(const store::Location& at, uint64_t from,
                                              uint64_t size) override {
    if (fail) return MakeError(ErrorKind::kUnavailable, "the network is away");
    bytes_read += size;
    return under_.Read(at, from, size);
  }
  Result<std::vector<store::Object>> List(const store::Location& folder) override {
    return under_.List(folder);
  }
  Status Delete(std::span<const store::Location> objects) override {
    return under_.Delete(objects);
  }

  uint64_t bytes_read = 0;
  bool fail = false;

 private:
  store::ObjectStore& under_;
};

class DataFileReaderTest : public ::testing::Test {
 protected:
  std::unique_ptr<DataFileReader> Open() { return DataFileReader::Open(store_, at_).value(); }

  Batch ScanAll(const arrow::Schema& fields, int64_t batch_rows) {
    std::vector<Batch> batches;
    int64_t next = 0;
    const Status status =
        Open()->Scan(fields, batch_rows, [&](int64_t first, const arrow::RecordBatch& rows) {
          EXPECT_EQ(first, next);
          EXPECT_LE(rows.num_rows(), batch_rows);
          EXPECT_TRUE(rows.ValidateFull().ok());
          next += rows.num_rows();
          batches.push_back(rows.Slice(0));
          return Status();
        });
    EXPECT_TRUE(status) << status.error().message();
    return arrow::ConcatenateRecordBatches(batches).ValueOrDie();
  }

  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> local_ = store::MakeLocalStore(files_);
  CountingStore store_{*local_};
  store::Location at_ = "file:///lake/a.parquet";
};

inline void ExpectSame(const arrow::RecordBatch& actual, const arrow::RecordBatch& expected) {
  const auto bitwise = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  ASSERT_EQ(actual.num_rows(), expected.num_rows());
  for (int i = 0; i < expected.num_columns(); ++i) {
    EXPECT_TRUE(actual.column(i)->Equals(*expected.column(i), bitwise))
        << expected.schema()->field(i)->ToString();
  }
}

inline Batch TakeRows(const arrow::RecordBatch& from, const std::vector<int64_t>& rows) {
  arrow::Int64Builder indices;
  EXPECT_TRUE(indices.AppendValues(rows).ok());
  return arrow::compute::Take(arrow::Datum(from.Slice(0)), indices.Finish().ValueOrDie())
      .ValueOrDie()
      .record_batch();
}

}  // namespace sluice::parquet
