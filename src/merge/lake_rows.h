// Reads rows of the table's files by location: keys, to tell candidates apart, and values that
// Postgres did not send again.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "merge/file_set.h"
#include "merge/key_encoding.h"
#include "merge/key_index.h"
#include "merge/output_files.h"
#include "parquet/data_file_reader.h"

namespace sluice::merge {

// Some columns of some rows, a batch a file.
class FetchedRows {
 public:
  struct Place {
    const arrow::RecordBatch* batch = nullptr;
    int64_t row = 0;
  };
  // `at` must have been asked for.
  Place Find(RowLocation at) const;

 private:
  friend class LakeRows;
  struct OfFile {
    std::vector<int64_t> rows;  // ascending
    std::shared_ptr<arrow::RecordBatch> values;
  };
  std::map<FileId, OfFile> files_;
};

// One thread. Everything handed in outlives this.
class LakeRows final : public KeyReader {
 public:
  LakeRows(store::ObjectStore& store, const FileSet& files, OutputFiles& output,
           const KeyEncoder& encoder, std::shared_ptr<arrow::Schema> key_fields);
  ~LakeRows() override;

  // `rows` in any order, repetitions allowed. An open output file is finished first.
  Result<FetchedRows> Fetch(const arrow::Schema& fields, std::span<const RowLocation> rows);
  Result<std::vector<std::string>> ReadKeys(std::span<const RowLocation> rows) override;
  // Readers are kept open from call to call.
  void CloseReaders();

 private:
  Result<parquet::DataFileReader*> ReaderOf(FileId file);

  store::ObjectStore& store_;
  const FileSet& files_;
  OutputFiles& output_;
  const KeyEncoder& encoder_;
  std::shared_ptr<arrow::Schema> key_fields_;
  std::map<FileId, std::unique_ptr<parquet::DataFileReader>> readers_;
};

// The key columns of `file_schema`, with their field ids.
std::shared_ptr<arrow::Schema> KeyFields(const TableSchema& schema,
                                         const arrow::Schema& file_schema);

}  // namespace sluice::merge
