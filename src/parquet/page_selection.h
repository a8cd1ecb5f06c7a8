// A view of a Parquet file that shows, of one row group, only the pages that hold wanted rows, so
// that Arrow's own readers decode them: its API has no way to skip pages without reading them.
#pragma once

#include <arrow/io/type_fwd.h>
#include <parquet/file_reader.h>
#include <parquet/page_index.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "parquet/file_tail.h"

namespace sluice::parquet {

// Rows [first, first + count) of a row group.
struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
};

// Throws Parquet's exceptions, as what it stands between does. One thread.
class PageSelection {
 public:
  explicit PageSelection(std::shared_ptr<arrow::io::RandomAccessFile> input);

  const std::shared_ptr<::parquet::FileMetaData>& footer() const { return footer_; }
  // What the readers are to be built on; call once. This must outlive it.
  std::unique_ptr<::parquet::ParquetFileReader> MakeReader();

  // From now on new column readers see every page of every row group.
  void ShowAll();
  // From now on new readers of this leaf see only the pages of this row group that hold one of
  // `rows` (ordinals within the group, ascending), and of other leaves nothing. Returned is what
  // they will read, in order. Without a page index: the whole row group.
  std::vector<RowRange> Show(int row_group, int leaf, std::span<const int64_t> rows);

 private:
  class FileView;
  class RowGroupView;
  // Of a page in the file.
  struct Extent {
    int64_t offset = 0;
    int64_t end = 0;
  };

  std::unique_ptr<::parquet::PageReader> OpenPages(int row_group, int leaf);
  std::vector<Extent> ShownPages(const ::parquet::ColumnChunkMetaData& chunk) const;
  std::vector<Extent> AllPages(const ::parquet::ColumnChunkMetaData& chunk) const;
  std::shared_ptr<arrow::Buffer> ReadPages(const std::vector<Extent>& pages) const;
  std::shared_ptr<::parquet::OffsetIndex> FindOffsetIndex(int row_group, int leaf);
  void CheckPages(const std::vector<::parquet::PageLocation>& pages, int64_t rows) const;

  std::shared_ptr<arrow::io::RandomAccessFile> input_;
  ::parquet::ReaderProperties properties_;
  FileTail tail_;
  std::unique_ptr<::parquet::ParquetFileReader::Contents> file_;
  std::shared_ptr<::parquet::FileMetaData> footer_;
  int64_t file_size_ = 0;
  // Offset indexes of one row group are read in one go and kept until another is shown.
  int index_group_ = -1;
  std::shared_ptr<::parquet::RowGroupPageIndexReader> index_reader_;
  int shown_group_ = -1;  // -1: all
  int shown_leaf_ = -1;
  bool whole_group_ = false;
  std::vector<::parquet::PageLocation> shown_pages_;  // of shown_group_, unless whole_group_
  int64_t first_page_offset_ = 0;                     // of the leaf's data, shown or not
};

}  // namespace sluice::parquet
