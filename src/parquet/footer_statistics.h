// What a manifest says of a file's columns, out of the footer that Parquet's writer has just made:
// its statistics are there anyway, a second pass over the rows would cost as much again.
#pragma once

#include <parquet/metadata.h>

#include <cstdint>
#include <vector>

#include "parquet/data_file.h"
#include "parquet/parquet_schema.h"

namespace sluice::parquet {

// What the footer does not tell, counted while writing.
struct ColumnCounts {
  int64_t nulls = 0;
  int64_t nans = 0;
  // Values that have a place in the order (neither null nor NaN), per row group.
  std::vector<int64_t> ordered;
};

// Leaf columns outside lists, by field id. `counts` by leaf. A row group that holds values but not
// their smallest (Arrow leaves out values above 4 KiB) makes the file's lower bound unknown; the
// greatest and the upper one likewise.
std::vector<ColumnStatistics> StatisticsFromFooter(const ::parquet::FileMetaData& footer,
                                                   const std::vector<Leaf>& leaves,
                                                   const std::vector<ColumnCounts>& counts);

// First byte of each row group: of its first page, the dictionary's where there is one.
std::vector<int64_t> SplitOffsets(const ::parquet::FileMetaData& footer);

// Compressed bytes of a leaf over all row groups.
int64_t ColumnBytes(const ::parquet::FileMetaData& footer, int leaf);

}  // namespace sluice::parquet
