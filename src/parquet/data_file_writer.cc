#include "parquet/data_file_writer.h"

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>

#include <algorithm>

#include "parquet/dictionary_choice.h"
#include "parquet/footer_statistics.h"
#include "parquet/leaf_levels.h"
#include "parquet/nan_count.h"
#include "parquet/parquet_errors.h"
#include "parquet/parquet_schema.h"
#include "parquet/writer_settings.h"

namespace sluice::parquet {

namespace {

// Rows go to Parquet in pieces: it looks at a page's size only every 1,024 rows, and at ours only
// we do. Small enough that nobody who feeds us from a socket waits, and that wide rows cannot fill
// the memory.
constexpr int64_t kPieceRowsMax = 8192;
constexpr int64_t kPieceBytesMax = 4 << 20;
constexpr int64_t kRowGroupRowsMax = 1 << 20;

// Encoded so far, before compression.
int64_t EncodedBytes(const ::parquet::RowGroupWriter& group) {
  const auto open = group.estimated_buffered_stats();
  return group.total_bytes_written() + group.total_compressed_bytes() + open.def_level_bytes +
         open.rep_level_bytes + open.value_bytes + open.dict_bytes;
}

class Writer final : public DataFileWriter {
 public:
  Writer(store::Location at, std::shared_ptr<arrow::Schema> schema, ParquetSchema parquet_schema,
         std::shared_ptr<arrow::io::OutputStream> sink, const WriterOptions& options)
      : at_(std::move(at)),
        schema_(std::move(schema)),
        parquet_schema_(std::move(parquet_schema)),
        sink_(std::move(sink)),
        options_(options),
        context_(options.pool != nullptr ? options.pool : arrow::default_memory_pool(),
                 arrow_properties_.get()),
        counts_(parquet_schema_.leaves.size()) {
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
  Status OpenFile();
  Status WriteColumn(size_t i);
  void CloseGroup();
  Result<DataFile> Close();
  void Abandon();

  store::Location at_;
  std::shared_ptr<arrow::Schema> schema_;
  ParquetSchema parquet_schema_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  WriterOptions options_;
  std::shared_ptr<::parquet::ArrowWriterProperties> arrow_properties_ =
      ::parquet::default_arrow_writer_properties();
  ::parquet::ArrowWriteContext context_;
  std::vector<LeafLevels> levels_;
  std::vector<ColumnCounts> counts_;
  std::unique_ptr<::parquet::ParquetFileWriter> file_;  // from the first rows on
  ::parquet::RowGroupWriter* group_ = nullptr;          // of file_; null: none open
  int64_t group_rows_ = 0;
  int64_t group_encoded_ = 0;
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
    if (file_ == nullptr) SLUICE_TRY(OpenFile());
    if (group_ == nullptr) {
      group_ = file_->AppendBufferedRowGroup();
      for (ColumnCounts& column : counts_) column.ordered.push_back(0);
    }
    for (size_t i = 0; i < levels_.size(); ++i) SLUICE_TRY(WriteColumn(i));
    group_rows_ += rows.num_rows();
    rows_ += rows.num_rows();
    group_encoded_ = EncodedBytes(*group_);
    if (group_encoded_ >= options_.row_group_bytes || group_rows_ >= kRowGroupRowsMax) CloseGroup();
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
Status Writer::OpenFile() {
  const auto properties = BaseWriterProperties(options_.pool, options_.zstd_level);
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (levels_[i].values() == nullptr || !WorthDictionary(*levels_[i].values())) continue;
    const ::parquet::schema::Node* leaf = parquet_schema_.root->field(static_cast<int>(i)).get();
    while (leaf->is_group()) {
      leaf = static_cast<const ::parquet::schema::GroupNode*>(leaf)->field(0).get();
    }
    properties->enable_dictionary(leaf->path());
  }
  file_ = ::parquet::ParquetFileWriter::Open(sink_, parquet_schema_.root, properties->build());
  return {};
}

Status Writer::WriteColumn(size_t i) {
  const Leaf& leaf = parquet_schema_.leaves[i];
  const LeafLevels& levels = levels_[i];
  const arrow::Array& values = *levels.values();
  const arrow::Status written =
      group_->column(static_cast<int>(i))
          ->WriteArrow(levels.definition(), levels.repetition(), levels.count(), values, &context_,
                       leaf.nullable.back());
  SLUICE_TRY(CheckParquet(written, ErrorKind::kInternal));
  if (leaf.in_list()) return {};  // Iceberg keeps no statistics there
  ColumnCounts& counts = counts_[i];
  const int64_t nans = CountNan(values);
  counts.nulls += values.null_count();
  counts.nans += nans;
  counts.ordered.back() += values.length() - values.null_count() - nans;
  return {};
}

void Writer::CloseGroup() {
  group_->Close();
  group_ = nullptr;
  group_rows_ = 0;
  group_encoded_ = 0;
}

int64_t Writer::buffered_bytes() const {
  if (group_ == nullptr) return 0;
  return group_encoded_ - group_->total_bytes_written() + group_->total_compressed_bytes_written();
}

int64_t Writer::estimated_bytes() const {
  const int64_t written = finished_ || failed_ ? 0 : sink_->Tell().ValueOr(0);
  if (group_ == nullptr) return written;
  // What is not compressed yet will shrink as what is did.
  const int64_t before = group_->total_bytes_written();
  const int64_t after = group_->total_compressed_bytes_written();
  const int64_t open = group_encoded_ - before;
  return written + after + (before > 0 ? open * after / before : open / 2);
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
  if (file_ == nullptr) SLUICE_TRY(OpenFile());
  file_->Close();
  group_ = nullptr;
  DataFile file;
  file.location = at_;
  file.record_count = rows_;
  SLUICE_LET(const int64_t size, ToResult(sink_->Tell()));
  SLUICE_TRY(CheckParquet(sink_->Close(), ErrorKind::kInternal));
  file.size_bytes = static_cast<uint64_t>(size);
  const auto footer = file_->metadata();
  file.columns = StatisticsFromFooter(*footer, parquet_schema_.leaves, counts_);
  file.split_offsets = SplitOffsets(*footer);
  return file;
}

// Parquet's destructor would write on; the sink is closed to it first.
void Writer::Abandon() {
  group_ = nullptr;
  (void)sink_->Abort();
}

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
