#include "merge/file_keys.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <vector>

#include "merge/lake_rows.h"
#include "merge/table_merge.h"
#include "parquet/data_file_reader.h"

namespace sluice::merge {

namespace {
constexpr int64_t kBatchRows = 16384;
}

Status ReadFileKeys(const KeyEncoder& encoder, const arrow::Schema& key_fields,
                    store::ObjectStore& store, const FileSet& files, FileId file,
                    const std::function<Status(std::span<const IndexEntry>)>& take) {
  const LiveFile& live = *files.Find(file);
  SLUICE_LET(const auto reader, parquet::DataFileReader::Open(store, live.location));
  if (reader->row_count() != live.record_count) {
    return MakeError(ErrorKind::kCorrupt, "{} has {} rows, its table says {}", live.location,
                     reader->row_count(), live.record_count);
  }
  std::vector<IndexEntry> entries;
  auto dead = live.deleted.begin();
  return reader->Scan(key_fields, kBatchRows, [&](int64_t first, const arrow::RecordBatch& rows) {
    const EncodedKeys keys = encoder.EncodeKeys(rows);
    entries.clear();
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto row = static_cast<uint32_t>(first + static_cast<int64_t>(i));
      if (dead != live.deleted.end() && *dead == row) {
        ++dead;
      } else {
        entries.push_back({keys.fingerprints[i], {file, row}});
      }
    }
    return take(entries);
  });
}

Status LoadFiles(const TableSchema& schema, const arrow::Schema& file_schema,
                 store::ObjectStore& store, const FileSet& files, std::span<const FileId> which,
                 KeyIndex& index) {
  if (schema.KeyColumns().empty()) return {};
  const KeyEncoder encoder(schema);
  const auto key_fields = KeyFields(schema, file_schema);
  for (const FileId file : which) {
    SLUICE_TRY(
        ReadFileKeys(encoder, *key_fields, store, files, file,
                     [&](std::span<const IndexEntry> entries) { return index.Load(entries); }),
        "reading the keys of {}", files.Find(file)->location);
  }
  return index.FinishLoad();
}

}  // namespace sluice::merge
