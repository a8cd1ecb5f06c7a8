#include "parquet/data_file_writer.h"

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/page_index.h>

#include <algorithm>

#include "parquet/column_pages.h"
#include "parquet/dictionary_choice.h"
#include "parquet/file_tail.h"
#include "parquet/footer_statistics.h"
#include "parquet/leaf_levels.h"
#include "parquet/nan_count.h"
#include "parquet/parquet_errors.h"
#include "parquet/parquet_schema.h"
#include "parquet/writer_settings.h"

namespace sluice::parquet {

namespace {

// Rows become pages in pieces: a page ends between two of them. Small enough that nobody who feeds
// us from a socket waits, and that wide rows make no huge pages.
constexpr int64_t kPieceRowsMax = 8192;
constexpr int64_t kPieceBytesMax = 2 << 20;
constexpr int64_t kRowGroupRowsMax = 1 << 20;
constexpr std::string_view kMagic = "PAR1";

class Writer final : public DataFileWriter {
 public:
  Writer(store::Location at, std::shared_ptr<arrow::Schema> schema, ParquetSchema parquet_schema,
         std::shared_ptr<arrow::io::OutputStream> sink, const WriterOptions& options)
      : at_(std::move(at)),
        schema_(std::move(schema)),
        parquet_schema_(std::move(parquet_schema)),
        sink_(std::move(sink)),
        summer_(std::make_shared<PageSummer>(sink_)),
        pool_(options.pool != nullptr ? options.pool : arrow::default_memory_pool()),
        options_(options),
        compressor_(options.zstd_level, pool_),
        counts_(parquet_schema_.leaves.size()) {
    descriptor_.Init(parquet_schema_.root);
    levels_.reserve(parquet_schema_.leaves.size());
    for (const Leaf& leaf : parquet_schema_.leaves) levels_.emplace_back(leaf);
  }

  ~Writer() override {
    if (!finished_) Abandon();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status Write(const arrow::RecordBatch& rows) override;
  int64_t row_count() const override { return rows_; }
  int64_t estimated_bytes() const override;
  int64_t buffered_bytes() const override;
  Result<DataFile> Finish() override;

 private:
  Status CheckShape(const arrow::RecordBatch& rows);
  Status WritePiece(const arrow::RecordBatch& rows);
  Status SetLevels(const arrow::RecordBatch& rows);
  void OpenColumns();
  void OpenFile();
  void WriteColumn(size_t i, int64_t rows);
  void EndGroup();
  void WriteGroup();
  int64_t Sum(int64_t (ColumnPages::*bytes)() const) const;
  Result<DataFile> Close();
  void Abandon();

  store::Location at_;
  std::shared_ptr<arrow::Schema> schema_;
  ParquetSchema parquet_schema_;
  ::parquet::SchemaDescriptor descriptor_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::shared_ptr<PageSummer> summer_;  // what pages are written through
  arrow::MemoryPool* pool_;
  WriterOptions options_;
  PageCompressor compressor_;
  std::vector<LeafLevels> levels_;
  std::vector<std::unique_ptr<ColumnPages>> columns_;  // from the first rows on
  std::vector<ColumnCounts> counts_;
  // From the first row group's end on: only then is known which columns are compressed.
  std::shared_ptr<::parquet::WriterProperties> properties_;
  std::unique_ptr<::parquet::FileMetaDataBuilder> metadata_;
  std::unique_ptr<::parquet::PageIndexBuilder> index_;
  int16_t groups_ = 0;
  int64_t group_rows_ = 0;
  int64_t rows_ = 0;
  bool failed_ = false;
  bool finished_ = false;
};

Status Writer::Write(const arrow::RecordBatch& rows) {
  SLUICE_CHECK(!failed_ && !finished_, "{} is written to after its end or an error", at_);
  SLUICE_TRY(CheckShape(rows));
  if (rows.num_rows() == 0) return {};
  SLUICE_LET(const int64_t bytes, ToResult(arrow::util::ReferencedBufferSize(rows)));
  const int64_t row_bytes = std::max<int64_t>(1, bytes / rows.num_rows());
  const int64_t piece = std::clamp<int64_t>(kPieceBytesMax / row_bytes, 1, kPieceRowsMax);
  if (rows.num_rows() <= piece) return WritePiece(rows);
  for (int64_t from = 0; from < rows.num_rows(); from += piece) {
    SLUICE_TRY(WritePiece(*rows.Slice(from, piece)));
  }
  return {};
}

Status Writer::CheckShape(const arrow::RecordBatch& rows) {
  if (rows.num_columns() != schema_->num_fields()) {
    return MakeError(ErrorKind::kInternal, "{} columns for {}, which has {}", rows.num_columns(),
                     at_, schema_->num_fields());
  }
  for (int i = 0; i < rows.num_columns(); ++i) {
    if (!rows.column(i)->type()->Equals(*schema_->field(i)->type())) {
      return MakeError(ErrorKind::kInternal, "column {} of {} is {}, expected {}", i, at_,
                       rows.column(i)->type()->ToString(), schema_->field(i)->type()->ToString());
    }
  }
  return {};
}

Status Writer::WritePiece(const arrow::RecordBatch& rows) {
  SLUICE_TRY(SetLevels(rows), "writing {}", at_);  // nothing of the piece is written on an error
  const Status written = GuardParquet(ErrorKind::kInternal, [&]() -> Status {
    if (columns_.empty()) OpenColumns();
    if (group_rows_ == 0) {
      for (ColumnCounts& column : counts_) column.ordered.push_back(0);
    }
    for (size_t i = 0; i < levels_.size(); ++i) WriteColumn(i, rows.num_rows());
    group_rows_ += rows.num_rows();
    rows_ += rows.num_rows();
    const int64_t encoded = Sum(&ColumnPages::encoded_bytes);
    if (encoded >= options_.row_group_bytes || group_rows_ >= kRowGroupRowsMax) EndGroup();
    return {};
  });
  failed_ = !written;
  SLUICE_TRY(written, "writing {}", at_);
  return {};
}

Status Writer::SetLevels(const arrow::RecordBatch& rows) {
  for (size_t i = 0; i < levels_.size(); ++i) {
    SLUICE_TRY(levels_[i].Set(rows.column(static_cast<int>(i))));
  }
  return {};
}

// Which columns get a dictionary is decided by the first piece and holds for the file.
void Writer::OpenColumns() {
  for (size_t i = 0; i < levels_.size(); ++i) {
    columns_.push_back(std::make_unique<ColumnPages>(
        parquet_schema_.leaves[i], *descriptor_.Column(static_cast<int>(i)),
        WorthDictionary(*levels_[i].values()), compressor_));
  }
}

void Writer::WriteColumn(size_t i, int64_t rows) {
  columns_[i]->Put(levels_[i], rows);
  if (parquet_schema_.leaves[i].in_list()) return;  // Iceberg keeps no statistics there
  const arrow::Array& values = *levels_[i].values();
  ColumnCounts& counts = counts_[i];
  const int64_t nans = CountNan(values);
  counts.nulls += values.null_count();
  counts.nans += nans;
  counts.ordered.back() += values.length() - values.null_count() - nans;
}

void Writer::EndGroup() {
  for (const auto& column : columns_) column->EndPage();
  if (metadata_ == nullptr) OpenFile();
  WriteGroup();
  group_rows_ = 0;
}

void Writer::OpenFile() {
  const auto properties = BaseWriterProperties(options_.pool, options_.zstd_level);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i]->compressed()) continue;
    properties->compression(descriptor_.Column(static_cast<int>(i))->path(),
                            ::parquet::Compression::UNCOMPRESSED);
  }
  properties_ = properties->build();
  metadata_ = ::parquet::FileMetaDataBuilder::Make(&descriptor_, properties_);
  index_ = ::parquet::PageIndexBuilder::Make(&descriptor_);
  PARQUET_THROW_NOT_OK(sink_->Write(kMagic));
}

void Writer::WriteGroup() {
  ::parquet::RowGroupMetaDataBuilder* group = metadata_->AppendRowGroup();
  group->set_num_rows(group_rows_);
  index_->AppendRowGroup();
  int64_t bytes = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const auto column = static_cast<int16_t>(i);
    ::parquet::ColumnChunkMetaDataBuilder* chunk = group->NextColumnChunk();
    const auto pages = ::parquet::PageWriter::Open(
        summer_, properties_->compression(chunk->descr()->path()), chunk, groups_, column, pool_,
        /*buffered_row_group=*/false, nullptr, nullptr, properties_->page_checksum_enabled(),
        index_->GetColumnIndexBuilder(column), index_->GetOffsetIndexBuilder(column));
    bytes += columns_[i]->WriteChunk(*pages, *summer_, *chunk);
  }
  group->Finish(bytes, groups_++);
}

int64_t Writer::Sum(int64_t (ColumnPages::*bytes)() const) const {
  int64_t sum = 0;
  for (const auto& column : columns_) sum += (*column.*bytes)();
  return sum;
}

int64_t Writer::buffered_bytes() const { return Sum(&ColumnPages::held_bytes); }

int64_t Writer::estimated_bytes() const {
  const int64_t written = finished_ || failed_ ? 0 : sink_->Tell().ValueOr(0);
  const int64_t ended = Sum(&ColumnPages::ended_bytes);
  const int64_t packed = Sum(&ColumnPages::packed_bytes);
  // What is not compressed yet will shrink as what is did.
  const int64_t open = Sum(&ColumnPages::encoded_bytes) - ended;
  return written + packed + (ended > 0 ? open * packed / ended : open / 2);
}

Result<DataFile> Writer::Finish() {
  SLUICE_CHECK(!failed_ && !finished_, "{} is finished twice or after an error", at_);
  Result<DataFile> file = GuardParquet(ErrorKind::kInternal, [&] { return Close(); });
  finished_ = true;
  if (!file) {
    Abandon();
    file.error().AddContext("finishing " + at_);
  }
  return file;
}

Result<DataFile> Writer::Close() {
  if (group_rows_ > 0) EndGroup();
  if (metadata_ == nullptr) OpenFile();
  const auto footer = WriteTail(summer_->sums(), *index_, *metadata_, *sink_);
  DataFile file;
  file.location = at_;
  file.record_count = rows_;
  SLUICE_LET(const int64_t size, ToResult(sink_->Tell()));
  SLUICE_TRY(CheckParquet(sink_->Close(), ErrorKind::kInternal));
  file.size_bytes = static_cast<uint64_t>(size);
  file.columns = StatisticsFromFooter(*footer, parquet_schema_.leaves, counts_);
  file.split_offsets = SplitOffsets(*footer);
  return file;
}

void Writer::Abandon() { (void)sink_->Abort(); }

}  // namespace

Result<std::unique_ptr<DataFileWriter>> DataFileWriter::Open(store::ObjectStore& store,
                                                             const store::Location& at,
                                                             std::shared_ptr<arrow::Schema> schema,
                                                             const WriterOptions& options) {
  SLUICE_LET(ParquetSchema parquet_schema, MakeParquetSchema(*schema), "opening {}", at);
  if (parquet_schema.leaves.empty()) {
    return MakeError(ErrorKind::kInternal, "{} would have no column", at);
  }
  SLUICE_LET(auto object, store.Create(at), "creating {}", at);
  return std::unique_ptr<DataFileWriter>(
      std::make_unique<Writer>(at, std::move(schema), std::move(parquet_schema),
                               store::OpenOutput(std::move(object)), options));
}

}  // namespace sluice::parquet
