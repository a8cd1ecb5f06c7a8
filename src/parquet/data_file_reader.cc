#include "parquet/data_file_reader.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/chunked_array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/metadata.h>

#include <algorithm>

#include "parquet/column_cast.h"
#include "parquet/page_selection.h"
#include "parquet/parquet_errors.h"
#include "parquet/parquet_schema.h"

namespace sluice::parquet {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using ColumnReaderPtr = std::unique_ptr<::parquet::arrow::ColumnReader>;

// Where the file has a wanted column.
struct Source {
  int column = 0;  // among the file's top-level fields
  int leaf = 0;
};

// The field's one leaf; nothing for structs and maps.
std::optional<int> OnlyLeaf(const ::parquet::arrow::SchemaField& field) {
  const ::parquet::arrow::SchemaField* at = &field;
  while (!at->is_leaf()) {
    if (at->children.size() != 1) return std::nullopt;
    at = &at->children[0];
  }
  return at->column_index;
}

Result<ArrayPtr> Joined(arrow::ArrayVector pieces, const std::shared_ptr<arrow::DataType>& type) {
  if (pieces.empty()) return ToResult(arrow::MakeEmptyArray(type));
  if (pieces.size() == 1) return std::move(pieces.front());
  return ToResult(arrow::Concatenate(pieces));
}

class Reader final : public DataFileReader {
 public:
  Reader(store::Location at, std::shared_ptr<arrow::io::RandomAccessFile> input)
      : at_(std::move(at)), pages_(std::move(input)) {}

  Status Init();
  int64_t row_count() const override { return group_begins_.back(); }
  Status Scan(const arrow::Schema& fields, int64_t batch_rows,
              const std::function<Status(int64_t, const arrow::RecordBatch&)>& take) override;
  Result<std::shared_ptr<arrow::RecordBatch>> Fetch(const arrow::Schema& fields,
                                                    std::span<const int64_t> rows) override;

 private:
  Result<std::vector<std::optional<Source>>> FindSources(const arrow::Schema& fields) const;
  Result<ColumnReaderPtr> OpenColumn(const Source& source) const;
  Result<ArrayPtr> NextRows(::parquet::arrow::ColumnReader& column, const arrow::Field& field,
                            int64_t count) const;
  Result<ArrayPtr> FetchColumn(const arrow::Field& field, const std::optional<Source>& source,
                               std::span<const int64_t> rows);
  Result<ArrayPtr> FetchFromGroup(const arrow::Field& field, const Source& source, int group,
                                  std::span<const int64_t> rows);
  Result<ArrayPtr> Finished(const arrow::Field& field, Result<ArrayPtr> column) const;

  store::Location at_;
  PageSelection pages_;
  std::unique_ptr<::parquet::arrow::FileReader> file_;
  std::vector<int64_t> group_begins_ = {0};  // the first row of each row group, and the end
};

Status Reader::Init() {
  ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_pre_buffer(false);
  auto made = ::parquet::arrow::FileReader::Make(arrow::default_memory_pool(), pages_.MakeReader(),
                                                 properties);
  SLUICE_TRY(CheckParquet(made.status(), ErrorKind::kCorrupt));
  file_ = std::move(made).ValueUnsafe();
  const auto& footer = *pages_.footer();
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    const int64_t rows = footer.RowGroup(group)->num_rows();
    if (rows < 0 || rows > footer.num_rows() - group_begins_.back()) break;
    group_begins_.push_back(group_begins_.back() + rows);
  }
  if (group_begins_.back() != footer.num_rows()) {
    return MakeError(ErrorKind::kCorrupt, "the row groups do not add up to {} rows",
                     footer.num_rows());
  }
  return {};
}

Result<std::vector<std::optional<Source>>> Reader::FindSources(const arrow::Schema& fields) const {
  const auto& manifest = file_->manifest();
  const auto& root = *manifest.descr->group_node();
  std::vector<std::optional<Source>> sources;
  for (const auto& field : fields.fields()) {
    SLUICE_LET(const int id, FieldIdOf(*field));
    std::optional<Source>& source = sources.emplace_back();
    for (int i = 0; i < root.field_count() && !source; ++i) {
      if (root.field(i)->field_id() != id) continue;
      const auto leaf = OnlyLeaf(manifest.schema_fields[static_cast<size_t>(i)]);
      if (!leaf) {
        return MakeError(ErrorKind::kUnsupported, "the column with field id {} in {} is nested", id,
                         at_);
      }
      source = Source{i, *leaf};
    }
  }
  return sources;
}

Result<ColumnReaderPtr> Reader::OpenColumn(const Source& source) const {
  ColumnReaderPtr column;
  SLUICE_TRY(CheckParquet(file_->GetColumn(source.column, &column), ErrorKind::kCorrupt));
  return column;
}

Result<ArrayPtr> Reader::NextRows(::parquet::arrow::ColumnReader& column, const arrow::Field& field,
                                  int64_t count) const {
  std::shared_ptr<arrow::ChunkedArray> chunks;
  SLUICE_TRY(CheckParquet(column.NextBatch(count, &chunks), ErrorKind::kCorrupt));
  if (chunks == nullptr || chunks->length() != count) {
    return MakeError(ErrorKind::kCorrupt, "fewer values than rows");
  }
  SLUICE_LET(ArrayPtr joined, Joined(chunks->chunks(), chunks->type()));
  return CastColumn(std::move(joined), field.type());
}

// Says which column failed, and keeps what the field promises.
Result<ArrayPtr> Reader::Finished(const arrow::Field& field, Result<ArrayPtr> column) const {
  if (column && !field.nullable() && (*column)->null_count() != 0) {
    column = MakeError(ErrorKind::kCorrupt, "null or absent, but required");
  }
  if (!column) column.error().AddContext(fmt::format("reading column {}", field.name()));
  return column;
}

Status Reader::Scan(const arrow::Schema& fields, int64_t batch_rows,
                    const std::function<Status(int64_t, const arrow::RecordBatch&)>& take) {
  SLUICE_CHECK(batch_rows > 0);
  SLUICE_LET(const auto sources, FindSources(fields));
  const auto schema = std::make_shared<arrow::Schema>(fields);
  pages_.ShowAll();
  std::vector<ColumnReaderPtr> columns(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    if (!sources[i]) continue;
    SLUICE_LET(columns[i],
               GuardParquet(ErrorKind::kCorrupt, [&] { return OpenColumn(*sources[i]); }),
               "reading {}", at_);
  }
  for (int64_t row = 0; row < row_count(); row += batch_rows) {
    const int64_t count = std::min(batch_rows, row_count() - row);
    arrow::ArrayVector arrays;
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto& field = *fields.field(static_cast<int>(i));
      auto column = GuardParquet(ErrorKind::kCorrupt, [&]() -> Result<ArrayPtr> {
        if (columns[i] == nullptr) return ToResult(arrow::MakeArrayOfNull(field.type(), count));
        return NextRows(*columns[i], field, count);
      });
      SLUICE_LET(arrays.emplace_back(), Finished(field, std::move(column)), "in {}", at_);
    }
    SLUICE_TRY(take(row, *arrow::RecordBatch::Make(schema, count, std::move(arrays))));
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> Reader::Fetch(const arrow::Schema& fields,
                                                          std::span<const int64_t> rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= row_count() || (i > 0 && rows[i] <= rows[i - 1])) {
      return MakeError(ErrorKind::kInternal, "row {} of {} is asked for out of order or range",
                       rows[i], at_);
    }
  }
  SLUICE_LET(const auto sources, FindSources(fields));
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto& field = *fields.field(static_cast<int>(i));
    auto column =
        GuardParquet(ErrorKind::kCorrupt, [&] { return FetchColumn(field, sources[i], rows); });
    SLUICE_LET(arrays.emplace_back(), Finished(field, std::move(column)), "in {}", at_);
  }
  return arrow::RecordBatch::Make(std::make_shared<arrow::Schema>(fields),
                                  static_cast<int64_t>(rows.size()), std::move(arrays));
}

// Row group after row group, so that only one is in memory however many rows are wanted.
Result<ArrayPtr> Reader::FetchColumn(const arrow::Field& field, const std::optional<Source>& source,
                                     std::span<const int64_t> rows) {
  if (!source) {
    return ToResult(arrow::MakeArrayOfNull(field.type(), static_cast<int64_t>(rows.size())));
  }
  arrow::ArrayVector pieces;
  for (int group = 0; !rows.empty(); ++group) {
    const int64_t begin = group_begins_[static_cast<size_t>(group)];
    const int64_t end = group_begins_[static_cast<size_t>(group) + 1];
    const auto here =
        static_cast<size_t>(std::lower_bound(rows.begin(), rows.end(), end) - rows.begin());
    if (here == 0) continue;
    std::vector<int64_t> in_group(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(here));
    for (int64_t& row : in_group) row -= begin;
    SLUICE_LET(pieces.emplace_back(), FetchFromGroup(field, *source, group, in_group));
    rows = rows.subspan(here);
  }
  return Joined(std::move(pieces), field.type());
}

Result<ArrayPtr> Reader::FetchFromGroup(const arrow::Field& field, const Source& source, int group,
                                        std::span<const int64_t> rows) {
  const std::vector<RowRange> ranges = pages_.Show(group, source.leaf, rows);
  std::vector<int64_t> positions;  // of the rows among those that will be read
  positions.reserve(rows.size());
  int64_t read = 0;
  auto row = rows.begin();
  for (const RowRange& range : ranges) {
    for (; row != rows.end() && *row < range.first + range.count; ++row) {
      positions.push_back(read + *row - range.first);
    }
    read += range.count;
  }
  SLUICE_LET(const ColumnReaderPtr column, OpenColumn(source));
  SLUICE_LET(const ArrayPtr all, NextRows(*column, field, read));
  if (positions.size() == static_cast<size_t>(read)) return all;
  const arrow::Int64Array indices(static_cast<int64_t>(positions.size()),
                                  arrow::Buffer::Wrap(positions));
  return ToResult(
      arrow::compute::Take(*all, indices, arrow::compute::TakeOptions::NoBoundsCheck()));
}

}  // namespace

Result<std::unique_ptr<DataFileReader>> DataFileReader::Open(store::ObjectStore& store,
                                                             const store::Location& at) {
  SLUICE_LET(auto input, store::OpenInput(store, at), "opening {}", at);
  auto opened = GuardParquet(ErrorKind::kCorrupt, [&]() -> Result<std::unique_ptr<Reader>> {
    auto reader = std::make_unique<Reader>(at, std::move(input));
    SLUICE_TRY(reader->Init());
    return reader;
  });
  SLUICE_LET(std::unique_ptr<DataFileReader> reader, std::move(opened), "opening {}", at);
  return reader;
}

}  // namespace sluice::parquet
