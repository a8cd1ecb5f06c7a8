// The data files that a window writes: one open at a time, rolled at a target size, each row known
// to the FileSet and the key index as soon as it is written.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "merge/file_set.h"
#include "merge/key_index.h"
#include "parquet/data_file_writer.h"

namespace sluice::merge {

// Everything handed in outlives this.
class OutputFiles {
 public:
  OutputFiles(store::ObjectStore& store, std::shared_ptr<arrow::Schema> file_schema, FileSet& files,
              KeyIndex& index, int64_t file_bytes, parquet::WriterOptions writer,
              std::function<store::Location()> next_location);

  // `columns`: of the file schema. `fingerprints`: one a row, or none (append-only).
  Status Write(std::vector<std::shared_ptr<arrow::Array>> columns, int64_t rows,
               std::span<const Fingerprint> fingerprints);
  // So that its rows can be read.
  Status FinishIfOpen(FileId file);
  // One without a live row is given up instead.
  Status FinishOpen();
  // Gives up the open file (all its rows are dead).
  void DropOpen();

  const std::vector<parquet::DataFile>& finished() const { return finished_; }
  // The window is committed: its files are no longer this object's.
  void Release();
  // Removes every file of the window.
  Status Remove();

 private:
  Status OpenNext();

  store::ObjectStore& store_;
  std::shared_ptr<arrow::Schema> schema_;
  FileSet& files_;
  KeyIndex& index_;
  int64_t file_bytes_;
  parquet::WriterOptions writer_options_;
  std::function<store::Location()> next_location_;

  std::unique_ptr<parquet::DataFileWriter> writer_;
  FileId open_{};
  std::vector<parquet::DataFile> finished_;
};

}  // namespace sluice::merge
