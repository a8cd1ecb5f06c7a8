#include "parquet/writer_settings.h"

#include <arrow/memory_pool.h>

namespace sluice::parquet {

std::unique_ptr<::parquet::WriterProperties::Builder> BaseWriterProperties(arrow::MemoryPool* pool,
                                                                           int zstd_level) {
  auto builder = std::make_unique<::parquet::WriterProperties::Builder>();
  builder->version(::parquet::ParquetVersion::PARQUET_2_6)
      ->data_page_version(::parquet::ParquetDataPageVersion::V1)
      ->compression(::parquet::Compression::ZSTD)
      ->compression_level(zstd_level)
      ->encoding(::parquet::Encoding::PLAIN)
      ->disable_dictionary()
      ->max_rows_per_page(kPageRowsMax)
      ->data_pagesize(kPageBytes)
      ->enable_statistics()
      ->enable_write_page_index()
      ->enable_page_checksum()
      ->memory_pool(pool != nullptr ? pool : arrow::default_memory_pool())
      ->created_by("sluice version " SLUICE_VERSION);
  return builder;
}

}  // namespace sluice::parquet
