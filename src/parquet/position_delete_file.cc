#include "parquet/position_delete_file.h"

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/metadata.h>

#include <algorithm>

#include "parquet/bounds.h"
#include "parquet/data_file_reader.h"
#include "parquet/footer_statistics.h"
#include "parquet/parquet_errors.h"
#include "parquet/parquet_schema.h"
#include "parquet/writer_settings.h"

namespace sluice::parquet {

namespace {

// Reserved field ids (spec, "Reserved Field IDs").
constexpr int kFilePathId = 2147483546;
constexpr int kPosId = 2147483545;
constexpr int64_t kRowGroupRows = 1 << 20;
constexpr size_t kPieceRows = 8192;
constexpr int64_t kScanRows = 64 << 10;

std::shared_ptr<arrow::Field> RequiredField(const char* name, std::shared_ptr<arrow::DataType> type,
                                            int id) {
  return arrow::field(name, std::move(type), /*nullable=*/false,
                      arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

std::shared_ptr<arrow::Schema> DeleteSchema() {
  return arrow::schema({RequiredField("file_path", arrow::utf8(), kFilePathId),
                        RequiredField("pos", arrow::int64(), kPosId)});
}

// Throws Parquet's exceptions. Destroyed without Finish: nothing remains.
class DeleteFileWriter {
 public:
  explicit DeleteFileWriter(std::shared_ptr<arrow::io::OutputStream> sink)
      : sink_(std::move(sink)) {}
  ~DeleteFileWriter() { (void)sink_->Abort(); }
  DeleteFileWriter(const DeleteFileWriter&) = delete;
  DeleteFileWriter& operator=(const DeleteFileWriter&) = delete;

  // `path_bytes`: of all paths together, so that they all fit into the dictionary.
  Status Open(int64_t path_bytes) {
    const auto properties = BaseWriterProperties(/*pool=*/nullptr, /*zstd_level=*/1);
    properties->enable_dictionary("file_path");
    properties->dictionary_pagesize_limit(std::max<int64_t>(1 << 20, 2 * path_bytes));
    SLUICE_LET(const ParquetSchema schema, MakeParquetSchema(*DeleteSchema()));
    file_ = ::parquet::ParquetFileWriter::Open(sink_, schema.root, properties->build());
    return {};
  }

  void Add(const store::Location& path, const roaring::Roaring64Map& positions) {
    for (const uint64_t position : positions) {
      piece_.push_back(static_cast<int64_t>(position));
      if (piece_.size() == kPieceRows) WritePiece(path);
    }
    if (!piece_.empty()) WritePiece(path);
  }

  Result<DataFile> Finish(const store::Location& at) {
    file_->Close();
    DataFile file;
    file.location = at;
    SLUICE_LET(const int64_t size, ToResult(sink_->Tell()));
    SLUICE_TRY(CheckParquet(sink_->Close(), ErrorKind::kInternal));
    file.size_bytes = static_cast<uint64_t>(size);
    file.record_count = file_->metadata()->num_rows();
    file.split_offsets = SplitOffsets(*file_->metadata());
    return file;
  }

  int64_t ColumnSize(int leaf) const { return ColumnBytes(*file_->metadata(), leaf); }

 private:
  void WritePiece(const store::Location& path) {
    if (group_ == nullptr) group_ = file_->AppendBufferedRowGroup();
    const auto count = static_cast<int64_t>(piece_.size());
    const std::vector<::parquet::ByteArray> paths(piece_.size(), std::string_view(path));
    static_cast<::parquet::ByteArrayWriter*>(group_->column(0))
        ->WriteBatch(count, nullptr, nullptr, paths.data());
    static_cast<::parquet::Int64Writer*>(group_->column(1))
        ->WriteBatch(count, nullptr, nullptr, piece_.data());
    piece_.clear();
    group_rows_ += count;
    if (group_rows_ < kRowGroupRows) return;
    group_->Close();
    group_ = nullptr;
    group_rows_ = 0;
  }

  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::unique_ptr<::parquet::ParquetFileWriter> file_;
  ::parquet::RowGroupWriter* group_ = nullptr;  // of file_; null: none open
  int64_t group_rows_ = 0;
  std::vector<int64_t> piece_;
};

ColumnStatistics FullStatistics(int field_id, int64_t size_bytes, int64_t count, std::string lower,
                                std::string upper) {
  ColumnStatistics column;
  column.field_id = field_id;
  column.size_bytes = size_bytes;
  column.value_count = count;
  column.lower = std::move(lower);
  column.upper = std::move(upper);
  return column;
}

// By field id, as everywhere: "pos" has the smaller one.
std::vector<ColumnStatistics> StatisticsOfOne(const DeleteFileWriter& writer,
                                              const store::Location& path,
                                              const roaring::Roaring64Map& positions,
                                              int64_t count) {
  return {FullStatistics(kPosId, writer.ColumnSize(1), count,
                         LongBound(static_cast<int64_t>(positions.minimum())),
                         LongBound(static_cast<int64_t>(positions.maximum()))),
          FullStatistics(kFilePathId, writer.ColumnSize(0), count, path, path)};
}

Result<PositionDeleteFile> WriteNonEmpty(
    store::ObjectStore& store, const store::Location& at,
    const std::vector<PositionDeletes::const_pointer>& entries) {
  SLUICE_LET(auto object, store.Create(at));
  DeleteFileWriter writer(store::OpenOutput(std::move(object)));
  int64_t path_bytes = 0;
  for (const auto* entry : entries) path_bytes += static_cast<int64_t>(entry->first.size());
  SLUICE_TRY(writer.Open(path_bytes));
  for (const auto* entry : entries) writer.Add(entry->first, entry->second);
  PositionDeleteFile result;
  SLUICE_LET(result.file, writer.Finish(at));
  if (entries.size() == 1) {
    const auto& [path, positions] = *entries.front();
    result.referenced_data_file = path;
    result.file.columns = StatisticsOfOne(writer, path, positions, result.file.record_count);
  }
  return result;
}

// Takes the rows [begin, end) of one path.
Status AddRun(const arrow::Int64Array& positions, int64_t begin, int64_t end,
              roaring::Roaring64Map& into) {
  const int64_t* raw = positions.raw_values();
  if (std::any_of(raw + begin, raw + end, [](int64_t p) { return p < 0; })) {
    return MakeError(ErrorKind::kCorrupt, "a negative position");
  }
  into.addMany(static_cast<size_t>(end - begin), reinterpret_cast<const uint64_t*>(raw + begin));
  return {};
}

}  // namespace

Result<PositionDeleteFile> WritePositionDeletes(store::ObjectStore& store,
                                                const store::Location& at,
                                                const PositionDeletes& deletes) {
  std::vector<PositionDeletes::const_pointer> entries;
  for (const auto& entry : deletes) {
    if (!entry.second.isEmpty()) entries.push_back(&entry);
  }
  if (entries.empty()) {
    return MakeError(ErrorKind::kInternal, "the position delete file {} would be empty", at);
  }
  auto written =
      GuardParquet(ErrorKind::kInternal, [&] { return WriteNonEmpty(store, at, entries); });
  if (!written) written.error().AddContext("writing position deletes " + at);
  return written;
}

Status ReadPositionDeletes(store::ObjectStore& store, const store::Location& at,
                           const std::function<bool(const store::Location&)>& wanted,
                           PositionDeletes& into) {
  SLUICE_LET(const auto reader, DataFileReader::Open(store, at));
  store::Location path;  // of the run that is being read, and where its positions go
  roaring::Roaring64Map* target = nullptr;
  bool first = true;
  const auto take = [&](int64_t, const arrow::RecordBatch& rows) -> Status {
    const auto& paths = static_cast<const arrow::StringArray&>(*rows.column(0));
    const auto& positions = static_cast<const arrow::Int64Array&>(*rows.column(1));
    for (int64_t begin = 0, end = 0; begin < rows.num_rows(); begin = end) {
      const std::string_view here = paths.GetView(begin);
      for (end = begin + 1; end < rows.num_rows() && paths.GetView(end) == here;) ++end;
      if (first || here != path) {
        first = false;
        path = here;
        target = wanted(path) ? &into[path] : nullptr;
      }
      if (target != nullptr) SLUICE_TRY(AddRun(positions, begin, end, *target));
    }
    return {};
  };
  SLUICE_TRY(reader->Scan(*DeleteSchema(), kScanRows, take), "reading position deletes {}", at);
  return {};
}

}  // namespace sluice::parquet
