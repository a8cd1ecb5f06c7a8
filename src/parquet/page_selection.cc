#include "parquet/page_selection.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <parquet/column_page.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>

#include <algorithm>

#include "parquet/reader_settings.h"

namespace sluice::parquet {

namespace {

using ::parquet::PageLocation;
using ::parquet::ParquetException;

class NoPages final : public ::parquet::PageReader {
 public:
  std::shared_ptr<::parquet::Page> NextPage() override { return nullptr; }
  void set_max_page_header_size(uint32_t) override {}
};

int64_t StartOf(const ::parquet::ColumnChunkMetaData& chunk) {
  const int64_t data = chunk.data_page_offset();
  return chunk.has_dictionary_page() ? std::min(data, chunk.dictionary_page_offset()) : data;
}

// Index of the page that holds `row`. Pages are checked: the first begins at row 0.
size_t PageOf(const std::vector<PageLocation>& pages, int64_t row) {
  const auto after = std::upper_bound(
      pages.begin(), pages.end(), row,
      [](int64_t r, const PageLocation& page) { return r < page.first_row_index; });
  return static_cast<size_t>(after - pages.begin()) - 1;
}

}  // namespace

class PageSelection::RowGroupView final : public ::parquet::RowGroupReader::Contents {
 public:
  RowGroupView(PageSelection& selection, int row_group)
      : selection_(selection),
        row_group_(row_group),
        metadata_(selection.footer_->RowGroup(row_group)) {}

  std::unique_ptr<::parquet::PageReader> GetColumnPageReader(int leaf) override {
    return selection_.OpenPages(row_group_, leaf);
  }
  const ::parquet::RowGroupMetaData* metadata() const override { return metadata_.get(); }
  const ::parquet::ReaderProperties* properties() const override { return &selection_.properties_; }

 private:
  PageSelection& selection_;
  int row_group_;
  std::unique_ptr<::parquet::RowGroupMetaData> metadata_;
};

class PageSelection::FileView final : public ::parquet::ParquetFileReader::Contents {
 public:
  explicit FileView(PageSelection& selection) : selection_(selection) {}

  void Close() override {}
  std::shared_ptr<::parquet::RowGroupReader> GetRowGroup(int i) override {
    return std::make_shared<::parquet::RowGroupReader>(
        std::make_unique<RowGroupView>(selection_, i));
  }
  std::shared_ptr<::parquet::FileMetaData> metadata() const override { return selection_.footer_; }
  std::shared_ptr<::parquet::PageIndexReader> GetPageIndexReader() override {
    return selection_.file_->GetPageIndexReader();
  }
  ::parquet::BloomFilterReader& GetBloomFilterReader() override {
    return selection_.file_->GetBloomFilterReader();
  }

 private:
  PageSelection& selection_;
};

PageSelection::PageSelection(std::shared_ptr<arrow::io::RandomAccessFile> input)
    : input_(std::move(input)),
      properties_(VerifyingReaderProperties()),
      tail_(ReadTail(*input_)),
      file_(::parquet::ParquetFileReader::Contents::Open(input_, properties_, tail_.footer)),
      footer_(file_->metadata()) {
  PARQUET_ASSIGN_OR_THROW(file_size_, input_->GetSize());
}

std::unique_ptr<::parquet::ParquetFileReader> PageSelection::MakeReader() {
  auto reader = std::make_unique<::parquet::ParquetFileReader>();
  reader->Open(std::make_unique<FileView>(*this));
  return reader;
}

void PageSelection::ShowAll() { shown_group_ = -1; }

std::vector<RowRange> PageSelection::Show(int row_group, int leaf, std::span<const int64_t> rows) {
  const int64_t row_count = footer_->RowGroup(row_group)->num_rows();
  shown_group_ = row_group;
  shown_leaf_ = leaf;
  shown_pages_.clear();
  const auto index = FindOffsetIndex(row_group, leaf);
  whole_group_ = index == nullptr;
  if (whole_group_) return {{0, row_count}};

  const auto& pages = index->page_locations();
  CheckPages(pages, row_count);
  first_page_offset_ = pages[0].offset;
  std::vector<RowRange> ranges;
  int64_t range_end = 0;  // rows below are in a chosen page
  for (const int64_t row : rows) {
    if (row < range_end) continue;
    const size_t page = PageOf(pages, row);
    const int64_t first = pages[page].first_row_index;
    range_end = page + 1 < pages.size() ? pages[page + 1].first_row_index : row_count;
    shown_pages_.push_back(pages[page]);
    ranges.push_back({first, range_end - first});
  }
  return ranges;
}

std::shared_ptr<::parquet::OffsetIndex> PageSelection::FindOffsetIndex(int row_group, int leaf) {
  if (index_group_ != row_group) {
    const auto index = file_->GetPageIndexReader();
    index_reader_ = index == nullptr ? nullptr : index->RowGroup(row_group);
    index_group_ = row_group;
  }
  return index_reader_ == nullptr ? nullptr : index_reader_->GetOffsetIndex(leaf);
}

void PageSelection::CheckPages(const std::vector<PageLocation>& pages, int64_t rows) const {
  bool good = !pages.empty() && pages[0].first_row_index == 0;
  int64_t end = 0;
  int64_t row = -1;
  for (const PageLocation& page : pages) {
    good = good && page.offset >= end && page.offset <= file_size_ &&
           page.compressed_page_size > 0 && page.compressed_page_size <= file_size_ - page.offset &&
           page.first_row_index > row && page.first_row_index < rows;
    if (!good) break;
    end = page.offset + page.compressed_page_size;
    row = page.first_row_index;
  }
  if (!good) throw ParquetException("the offset index names pages that cannot be");
}

std::unique_ptr<::parquet::PageReader> PageSelection::OpenPages(int row_group, int leaf) {
  const bool whole = shown_group_ < 0 || whole_group_;
  if (shown_group_ >= 0 && (row_group != shown_group_ || leaf != shown_leaf_)) {
    return std::make_unique<NoPages>();
  }
  if (whole && !tail_.pages) return file_->GetRowGroup(row_group)->GetColumnPageReader(leaf);
  const auto chunk = footer_->RowGroup(row_group)->ColumnChunk(leaf);
  auto bytes = ReadPages(whole ? AllPages(*chunk) : ShownPages(*chunk));
  auto stream = std::make_shared<arrow::io::BufferReader>(std::move(bytes));
  return ::parquet::PageReader::Open(std::move(stream), chunk->num_values(), chunk->compression(),
                                     properties_, *footer_->schema()->Column(leaf));
}

// Where the file has checksums of its pages: they say where each begins.
std::vector<PageSelection::Extent> PageSelection::AllPages(
    const ::parquet::ColumnChunkMetaData& chunk) const {
  const int64_t begin = StartOf(chunk);
  const int64_t end = begin + chunk.total_compressed_size();
  std::vector<Extent> out;
  for (const PageSum& page : tail_.pages->In(begin, end)) {
    const auto offset = static_cast<int64_t>(page.offset);
    if (!out.empty()) out.back().end = offset;
    out.push_back({offset, end});
  }
  if (out.empty() || out.front().offset != begin) {
    throw ParquetException("a column chunk has no checksums");
  }
  return out;
}

// The dictionary, if any, and the shown pages, in the file's order.
std::vector<PageSelection::Extent> PageSelection::ShownPages(
    const ::parquet::ColumnChunkMetaData& chunk) const {
  const int64_t start = StartOf(chunk);
  if (start < 0 || start > first_page_offset_)
    throw ParquetException("a column chunk starts in its pages");
  std::vector<Extent> out;
  if (start < first_page_offset_) out.push_back({start, first_page_offset_});
  for (const PageLocation& page : shown_pages_) {
    out.push_back({page.offset, page.offset + page.compressed_page_size});
  }
  return out;
}

// One after the other; what stands together in the file is read in one go.
std::shared_ptr<arrow::Buffer> PageSelection::ReadPages(const std::vector<Extent>& pages) const {
  arrow::BufferVector pieces;
  for (size_t first = 0, next = 0; first < pages.size(); first = next) {
    for (next = first + 1; next < pages.size() && pages[next].offset == pages[next - 1].end;)
      ++next;
    const int64_t begin = pages[first].offset;
    const int64_t size = pages[next - 1].end - begin;
    PARQUET_ASSIGN_OR_THROW(auto piece, input_->ReadAt(begin, size));
    if (piece->size() != size) throw ParquetException("the file ends within a page");
    for (size_t i = first; i < next && tail_.pages; ++i) {
      const auto at = static_cast<size_t>(pages[i].offset - begin);
      const auto bytes = static_cast<size_t>(pages[i].end - pages[i].offset);
      tail_.pages->Check(pages[i].offset, std::string_view(*piece).substr(at, bytes));
    }
    pieces.push_back(std::move(piece));
  }
  if (pieces.size() == 1) return pieces.front();
  PARQUET_ASSIGN_OR_THROW(auto joined, arrow::ConcatenateBuffers(pieces));
  return joined;
}

}  // namespace sluice::parquet
