// Reads columns of a Parquet file of the lake by field id, whole or only some rows. Files of other
// writers (a foreign compaction) are read too, if they carry field ids.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/error.h"
#include "store/object_store.h"

namespace sluice::parquet {

class DataFileReader {
 public:
  virtual ~DataFileReader() = default;
  static Result<std::unique_ptr<DataFileReader>> Open(store::ObjectStore& store,
                                                      const store::Location& at);
  virtual int64_t row_count() const = 0;
  // Calls `take` with consecutive batches of at most `batch_rows` rows; the first row's ordinal in
  // the file comes with it. Columns in the order of `fields` (fields with PARQUET:field_id
  // metadata); a column the file does not have is all null; types are cast from what the file holds
  // to the field's (uuid, decimal as integer, ...). Memory: one row group's chunks of these columns
  // at a time at most.
  virtual Status Scan(
      const arrow::Schema& fields, int64_t batch_rows,
      const std::function<Status(int64_t first_row, const arrow::RecordBatch&)>& take) = 0;
  // The rows with these ordinals (ascending, no duplicates), in that order; only the pages that
  // hold them are decoded where the file has a page index.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Fetch(const arrow::Schema& fields,
                                                            std::span<const int64_t> rows) = 0;
};

}  // namespace sluice::parquet
