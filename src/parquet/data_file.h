// A finished Parquet file of the lake and what is known of its columns: all that a manifest entry
// says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/object_store.h"

namespace sluice::parquet {

// A size or count that is not known: files of other writers may state only some of them.
inline constexpr int64_t kUnknownCount = -1;

struct ColumnStatistics {
  int field_id = 0;
  int64_t size_bytes = 0;   // compressed, over all row groups
  int64_t value_count = 0;  // with nulls and NaN
  int64_t null_count = 0;
  std::optional<int64_t> nan_count;  // float and double only
  // Iceberg single-value form (spec, Appendix D), strings and binary cut to 16 code points or
  // bytes; absent when unknown, all null, or no upper bound exists. Never NaN; zero is -0.0 / +0.0.
  std::optional<std::string> lower;
  std::optional<std::string> upper;
};

struct DataFile {
  store::Location location;
  int64_t record_count = 0;
  uint64_t size_bytes = 0;
  std::vector<ColumnStatistics> columns;  // leaves outside lists only, by field id
  std::vector<int64_t> split_offsets;     // first byte of each row group, ascending
};

}  // namespace sluice::parquet
