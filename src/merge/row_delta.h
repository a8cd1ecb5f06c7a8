// What a window of changes does to a table: new files, and rows of older (or of these) files that
// are gone. Merge hands it to the pipeline, iceberg makes a commit of it; merge knows no Iceberg.
#pragma once

#include <vector>

#include "change/change_batch.h"
#include "parquet/data_file.h"
#include "parquet/position_delete_file.h"

namespace sluice::merge {

struct RowDelta {
  Cut cut;
  std::vector<parquet::DataFile> added;
  // New deletes only. May name files of `added`. A file all of whose rows are deleted (with
  // earlier deletes) stands in `removed` instead.
  parquet::PositionDeletes deleted;
  std::vector<store::Location> removed;
  int64_t rows_added = 0;
  int64_t rows_deleted = 0;

  bool empty() const { return added.empty() && deleted.empty() && removed.empty(); }
};

}  // namespace sluice::merge
