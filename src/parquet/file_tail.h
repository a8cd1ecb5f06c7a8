// What follows a file's last page: page index and footer, and between them checksums of what our
// reader goes by: of the pages, of the offset indexes and of the footer. Parquet itself has some of
// a page's content only. docs/formats/lake_files.md.
#pragma once

#include <arrow/io/type_fwd.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>

#include <memory>
#include <optional>

#include "parquet/page_sums.h"

namespace sluice::parquet {

// Both throw Parquet's exceptions.

// Finishes both builders; returns the footer that was written.
std::unique_ptr<::parquet::FileMetaData> WriteTail(const std::vector<PageSum>& pages,
                                                   ::parquet::PageIndexBuilder& index,
                                                   ::parquet::FileMetaDataBuilder& metadata,
                                                   arrow::io::OutputStream& sink);

struct FileTail {
  // Null: this is no file that ends in a plain footer, and Parquet's library finds the words.
  std::shared_ptr<::parquet::FileMetaData> footer;
  std::optional<PageSums> pages;  // nothing: another program's file, or an older one
};

// Verified, where there are checksums.
FileTail ReadTail(arrow::io::RandomAccessFile& input);

}  // namespace sluice::parquet
