// One column of an open row group: levels and values become pages, which wait compressed until the
// row group is written, since a dictionary stands before the pages that need it.
#pragma once

#include <parquet/column_page.h>
#include <parquet/column_writer.h>
#include <parquet/metadata.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "parquet/leaf_levels.h"
#include "parquet/page_compressor.h"
#include "parquet/page_sums.h"
#include "parquet/value_encoder.h"

namespace sluice::parquet {

// Throws what Parquet's classes throw.
class ColumnPages {
 public:
  // `column` and `compressor` outlive this. `dictionary`: worth one.
  ColumnPages(const Leaf& leaf, const ::parquet::ColumnDescriptor& column, bool dictionary,
              PageCompressor& compressor);

  // `rows` whole rows, of which `levels` tells.
  void Put(const LeafLevels& levels, int64_t rows);
  void EndPage();

  // Of the open row group, before compression.
  int64_t encoded_bytes() const { return ended_bytes_ + OpenBytes() + values_->dictionary_bytes(); }
  // The same, where ended pages count as they are held.
  int64_t held_bytes() const { return packed_bytes_ + OpenBytes() + values_->dictionary_bytes(); }
  int64_t ended_bytes() const { return ended_bytes_; }
  int64_t packed_bytes() const { return packed_bytes_; }
  // Whether compression makes it smaller: the first page decides for the file.
  bool compressed() const { return compressed_.value_or(true); }

  // The pages of the row group, all ended, and the chunk's statistics. `pages` writes through
  // `summer`. Returns the chunk's bytes before compression.
  int64_t WriteChunk(::parquet::PageWriter& pages, PageSummer& summer,
                     ::parquet::ColumnChunkMetaDataBuilder& chunk);

 private:
  int64_t OpenBytes() const { return levels_count_ == 0 ? 0 : values_->page_bytes(); }
  void TakeLevels(const LeafLevels& levels);
  void AppendLevels(std::string& out) const;
  std::shared_ptr<arrow::Buffer> Pack(std::string_view bytes);
  void Finish(::parquet::EncodedStatistics& statistics, int64_t nulls, bool any) const;

  const ::parquet::ColumnDescriptor& column_;
  PageCompressor& compressor_;
  std::unique_ptr<ValueEncoder> values_;
  std::optional<bool> compressed_;

  // The open page.
  int64_t rows_ = 0;
  int64_t levels_count_ = 0;
  int64_t values_count_ = 0;
  bool all_defined_ = true;  // definition_ is left out
  std::vector<int16_t> definition_;
  std::vector<int16_t> repetition_;
  std::string bytes_;

  // The row group's ended pages.
  std::vector<::parquet::DataPageV1> pages_;
  int64_t chunk_rows_ = 0;
  int64_t chunk_nulls_ = 0;
  int64_t chunk_values_ = 0;
  int64_t ended_bytes_ = 0;
  int64_t packed_bytes_ = 0;
};

}  // namespace sluice::parquet
