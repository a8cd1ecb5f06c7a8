// The settings under which every file of the lake is written.
#pragma once

#include <arrow/type_fwd.h>
#include <parquet/properties.h>

#include <memory>

namespace sluice::parquet {

// A page ends before it has more rows than this (readers of single rows read whole pages), and at
// the batch that takes it past these bytes.
inline constexpr int64_t kPageRowsMax = 20'000;
inline constexpr int64_t kPageBytes = 1 << 20;
// Longer values are no statistics (parquet-mr's rule).
inline constexpr size_t kStatisticsBytesMax = 4096;

// zstd, data pages V1 of at most 20,000 rows and about 1 MiB, PLAIN unless a dictionary is enabled
// for a column afterwards, statistics, page index and page checksums. Encodings stay with these two
// because Iceberg's vectorized reader in Spark fails on others before 1.11 (apache/iceberg#7162).
// `pool` null: Arrow's default.
std::unique_ptr<::parquet::WriterProperties::Builder> BaseWriterProperties(arrow::MemoryPool* pool,
                                                                           int zstd_level);

}  // namespace sluice::parquet
