// Rows to one Parquet file, straight from Arrow columns: field ids, statistics, page index, zstd
// where it makes a column smaller; data page V1 and PLAIN or dictionary encodings only, as every
// Iceberg reader takes them.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "parquet/data_file.h"
#include "store/object_store.h"

namespace sluice::parquet {

struct WriterOptions {
  int zstd_level = 1;
  int64_t row_group_bytes = 32 << 20;  // uncompressed; bounds the memory of an open writer
  arrow::MemoryPool* pool = nullptr;   // null: Arrow's default pool
};

// One thread at a time. Destroyed without Finish: nothing remains in the store.
class DataFileWriter {
 public:
  virtual ~DataFileWriter() = default;
  // `schema`: fields carry "PARQUET:field_id" metadata, list elements too; types are the lake types
  // of change/table_schema.h.
  static Result<std::unique_ptr<DataFileWriter>> Open(store::ObjectStore& store,
                                                      const store::Location& at,
                                                      std::shared_ptr<arrow::Schema> schema,
                                                      const WriterOptions& options);
  // Columns by position, types equal to the schema's. A null in a non-nullable field is kCorrupt.
  virtual Status Write(const arrow::RecordBatch& rows) = 0;
  virtual int64_t row_count() const = 0;
  // Written plus what the open row group is estimated to take: for rolling at a target size.
  virtual int64_t estimated_bytes() const = 0;
  // Memory held by the open row group, estimated.
  virtual int64_t buffered_bytes() const = 0;
  virtual Result<DataFile> Finish() = 0;
};

}  // namespace sluice::parquet
