#include "audit/lake_scan.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "audit/lake_text.h"
#include "iceberg/mirror_commit.h"
#include "parquet/data_file_reader.h"

namespace sluice::audit {

namespace {
constexpr int64_t kBatchRows = 4096;
}

void LakeRowText(const AuditedTable& table, const arrow::RecordBatch& batch, int64_t row,
                 TextRow& out) {
  out.resize(static_cast<size_t>(batch.num_columns()));
  for (size_t i = 0; i < out.size(); ++i) {
    const arrow::Array& values = *batch.column(static_cast<int>(i));
    if (values.IsNull(row)) {
      out[i].reset();
      continue;
    }
    if (!out[i]) out[i].emplace();
    out[i]->clear();
    AppendLakeText(values, row, table.delimiters[i], *out[i]);
    if (table.decimal[i]) TrimFraction(*out[i]);
  }
}

Status ScanLake(store::ObjectStore& store, const AuditedTable& table,
                const std::function<void(const TextRow&)>& take) {
  const auto fields = iceberg::ToArrowSchema(table.lake.metadata.current_schema());
  SLUICE_CHECK(static_cast<size_t>(fields->num_fields()) == table.schema.columns.size());
  SLUICE_LET(const iceberg::TableFiles files, iceberg::ReadTableFiles(store, table.lake.metadata));
  SLUICE_LET(const parquet::PositionDeletes deletes, iceberg::ReadLiveDeletes(store, files));
  TextRow row;
  for (const iceberg::LiveDataFile& live : files.data) {
    const auto found = deletes.find(live.file.location);
    const auto* dead = found == deletes.end() ? nullptr : &found->second;
    SLUICE_LET(const auto reader, parquet::DataFileReader::Open(store, live.file.location),
               "opening {}", live.file.location);
    const auto read = [&](int64_t first, const arrow::RecordBatch& batch) -> Status {
      for (int64_t i = 0; i < batch.num_rows(); ++i) {
        if (dead != nullptr && dead->contains(static_cast<uint64_t>(first + i))) continue;
        LakeRowText(table, batch, i, row);
        take(row);
      }
      return {};
    };
    SLUICE_TRY(reader->Scan(*fields, kBatchRows, read), "reading {}", live.file.location);
  }
  return {};
}

}  // namespace sluice::audit
