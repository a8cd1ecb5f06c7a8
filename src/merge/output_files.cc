#include "merge/output_files.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <utility>

#include "base/fault_point.h"

namespace sluice::merge {

namespace {
// Java readers and deletion vectors count rows in 31 bits.
constexpr int64_t kFileRowsMax = int64_t{1} << 30;
}  // namespace

OutputFiles::OutputFiles(store::ObjectStore& store, std::shared_ptr<arrow::Schema> file_schema,
                         FileSet& files, KeyIndex& index, int64_t file_bytes,
                         parquet::WriterOptions writer,
                         std::function<store::Location()> next_location)
    : store_(store),
      schema_(std::move(file_schema)),
      files_(files),
      index_(index),
      file_bytes_(file_bytes),
      writer_options_(writer),
      next_location_(std::move(next_location)) {}

Status OutputFiles::OpenNext() {
  store::Location at = next_location_();
  SLUICE_LET(writer_, parquet::DataFileWriter::Open(store_, at, schema_, writer_options_));
  open_ = files_.AddStaged(std::move(at));
  return {};
}

Status OutputFiles::Write(std::vector<std::shared_ptr<arrow::Array>> columns, int64_t rows,
                          std::span<const Fingerprint> fingerprints) {
  if (rows == 0) return {};
  if (writer_ == nullptr) SLUICE_TRY(OpenNext());
  const int64_t first = writer_->row_count();
  SLUICE_TRY(writer_->Write(*arrow::RecordBatch::Make(schema_, rows, std::move(columns))));
  files_.SetRecordCount(open_, first + rows);
  std::vector<IndexEntry> entries(fingerprints.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i] = {fingerprints[i], {open_, static_cast<uint32_t>(first + static_cast<int64_t>(i))}};
  }
  SLUICE_TRY(index_.Stage(entries));
  if (writer_->estimated_bytes() >= file_bytes_ || writer_->row_count() >= kFileRowsMax) {
    return FinishOpen();
  }
  return {};
}

Status OutputFiles::FinishIfOpen(FileId file) {
  if (writer_ == nullptr || open_ != file) return {};
  SLUICE_LET(parquet::DataFile finished, writer_->Finish());
  ReachFaultPoint("merge.file_written");
  finished_.push_back(std::move(finished));
  writer_.reset();
  return {};
}

Status OutputFiles::FinishOpen() {
  if (writer_ == nullptr) return {};
  const LiveFile& file = *files_.Find(open_);
  if (file.deleted.cardinality() < static_cast<uint64_t>(file.record_count)) {
    return FinishIfOpen(open_);
  }
  DropOpen();
  return {};
}

void OutputFiles::DropOpen() { writer_.reset(); }

void OutputFiles::Release() {
  DropOpen();
  finished_.clear();
}

Status OutputFiles::Remove() {
  DropOpen();
  std::vector<store::Location> locations;
  for (const parquet::DataFile& file : std::exchange(finished_, {})) {
    locations.push_back(file.location);
  }
  return locations.empty() ? Status() : store_.Delete(locations);
}

}  // namespace sluice::merge
