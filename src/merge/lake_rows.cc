#include "merge/lake_rows.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>

namespace sluice::merge {

namespace {
constexpr size_t kReadersMax = 8;
}

FetchedRows::Place FetchedRows::Find(RowLocation at) const {
  const OfFile& file = files_.at(at.file);
  const auto row = std::lower_bound(file.rows.begin(), file.rows.end(), int64_t{at.row});
  SLUICE_CHECK(row != file.rows.end() && *row == int64_t{at.row});
  return {file.values.get(), row - file.rows.begin()};
}

LakeRows::LakeRows(store::ObjectStore& store, const FileSet& files, OutputFiles& output,
                   const KeyEncoder& encoder, std::shared_ptr<arrow::Schema> key_fields)
    : store_(store),
      files_(files),
      output_(output),
      encoder_(encoder),
      key_fields_(std::move(key_fields)) {}

LakeRows::~LakeRows() = default;

void LakeRows::CloseReaders() { readers_.clear(); }

Result<parquet::DataFileReader*> LakeRows::ReaderOf(FileId file) {
  const auto known = readers_.find(file);
  if (known != readers_.end()) return known->second.get();
  if (readers_.size() >= kReadersMax) readers_.clear();
  SLUICE_TRY(output_.FinishIfOpen(file));
  const LiveFile* live = files_.Find(file);
  SLUICE_CHECK(live != nullptr);
  SLUICE_LET(auto reader, parquet::DataFileReader::Open(store_, live->location), "opening {}",
             live->location);
  return readers_.emplace(file, std::move(reader)).first->second.get();
}

Result<FetchedRows> LakeRows::Fetch(const arrow::Schema& fields,
                                    std::span<const RowLocation> rows) {
  FetchedRows out;
  for (const RowLocation& at : rows) out.files_[at.file].rows.push_back(at.row);
  for (auto& [id, file] : out.files_) {
    std::sort(file.rows.begin(), file.rows.end());
    file.rows.erase(std::unique(file.rows.begin(), file.rows.end()), file.rows.end());
    SLUICE_LET(parquet::DataFileReader * reader, ReaderOf(id));
    SLUICE_LET(file.values, reader->Fetch(fields, file.rows), "reading rows of {}",
               files_.Find(id)->location);
    SLUICE_CHECK(file.values->num_rows() == static_cast<int64_t>(file.rows.size()));
  }
  return out;
}

Result<std::vector<std::string>> LakeRows::ReadKeys(std::span<const RowLocation> rows) {
  SLUICE_LET(const FetchedRows fetched, Fetch(*key_fields_, rows));
  std::map<const arrow::RecordBatch*, EncodedKeys> encoded;
  std::vector<std::string> out;
  out.reserve(rows.size());
  for (const RowLocation& at : rows) {
    const FetchedRows::Place place = fetched.Find(at);
    auto known = encoded.find(place.batch);
    if (known == encoded.end()) {
      known = encoded.emplace(place.batch, encoder_.EncodeKeys(*place.batch)).first;
    }
    out.emplace_back(known->second.key(static_cast<size_t>(place.row)));
  }
  return out;
}

std::shared_ptr<arrow::Schema> KeyFields(const TableSchema& schema,
                                         const arrow::Schema& file_schema) {
  arrow::FieldVector fields;
  for (const int column : schema.KeyColumns()) fields.push_back(file_schema.field(column));
  return arrow::schema(std::move(fields));
}

}  // namespace sluice::merge
