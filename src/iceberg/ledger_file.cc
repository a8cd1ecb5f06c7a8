#include "iceberg/ledger_file.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/interfaces.h>
#include <arrow/table.h>
#include <arrow/table_builder.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <memory>
#include <utility>

#include "change/arrow_status.h"
#include "parquet/parquet_errors.h"
#include "parquet/reader_settings.h"

namespace sluice::iceberg {

namespace {

enum LedgerColumn : int {
  kCutLsn,
  kCutPosition,
  kCutTime,
  kCommittedAt,
  kEpoch,
  kSource,
  kTables,
  kColumns
};

std::shared_ptr<arrow::DataType> Timestamptz() {
  return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}

arrow::Result<std::shared_ptr<arrow::Table>> ToTable(std::span<const LedgerRow> rows) {
  const auto schema = ToArrowSchema(LedgerSchema());
  arrow::MemoryPool* pool = arrow::default_memory_pool();
  ARROW_ASSIGN_OR_RAISE(const auto builder, arrow::RecordBatchBuilder::Make(schema, pool));
  auto* lsn = builder->GetFieldAs<arrow::StringBuilder>(kCutLsn);
  auto* position = builder->GetFieldAs<arrow::Int64Builder>(kCutPosition);
  auto* time = builder->GetFieldAs<arrow::TimestampBuilder>(kCutTime);
  auto* committed = builder->GetFieldAs<arrow::TimestampBuilder>(kCommittedAt);
  auto* epoch = builder->GetFieldAs<arrow::Int64Builder>(kEpoch);
  auto* source = builder->GetFieldAs<arrow::StringBuilder>(kSource);
  auto* tables = builder->GetFieldAs<arrow::MapBuilder>(kTables);
  auto* names = static_cast<arrow::StringBuilder*>(tables->key_builder());
  auto* snapshots = static_cast<arrow::Int64Builder*>(tables->item_builder());
  for (const LedgerRow& row : rows) {
    ARROW_RETURN_NOT_OK(lsn->Append(ToString(row.marks.cut.lsn)));
    ARROW_RETURN_NOT_OK(position->Append(static_cast<int64_t>(row.marks.cut.lsn.value)));
    ARROW_RETURN_NOT_OK(time->Append(row.marks.cut.time_us));
    ARROW_RETURN_NOT_OK(committed->Append(row.committed_at_us));
    ARROW_RETURN_NOT_OK(epoch->Append(static_cast<int64_t>(row.marks.epoch)));
    ARROW_RETURN_NOT_OK(source->Append(row.marks.source));
    ARROW_RETURN_NOT_OK(tables->Append());
    for (const auto& [name, snapshot] : row.tables) {
      ARROW_RETURN_NOT_OK(names->Append(name));
      ARROW_RETURN_NOT_OK(snapshots->Append(snapshot));
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches(schema, {batch});
}

// Data page V1, no delta encodings: what every Iceberg reader takes.
std::shared_ptr<::parquet::WriterProperties> Properties() {
  return ::parquet::WriterProperties::Builder()
      .compression(::parquet::Compression::ZSTD)
      ->data_page_version(::parquet::ParquetDataPageVersion::V1)
      ->enable_page_checksum()
      ->created_by("sluice " SLUICE_VERSION)
      ->build();
}

Status WriteTable(store::ObjectStore& store, const store::Location& at,
                  std::span<const LedgerRow> rows) {
  SLUICE_LET(const auto table, ToResult(ToTable(rows)));
  SLUICE_LET(auto writer, store.Create(at));
  const auto sink = store::OpenOutput(std::move(writer));
  const int64_t row_group = std::max<int64_t>(table->num_rows(), 1);
  SLUICE_TRY(sluice::ToStatus(::parquet::arrow::WriteTable(*table, arrow::default_memory_pool(),
                                                           sink, row_group, Properties())));
  return sluice::ToStatus(sink->Close());
}

Result<std::shared_ptr<arrow::Table>> ReadTable(store::ObjectStore& store,
                                                const store::Location& at) {
  SLUICE_LET(const auto input, store::OpenInput(store, at));
  ::parquet::arrow::FileReaderBuilder builder;
  SLUICE_TRY(parquet::CheckParquet(builder.Open(input, parquet::VerifyingReaderProperties()),
                                   ErrorKind::kCorrupt));
  std::unique_ptr<::parquet::arrow::FileReader> reader;
  SLUICE_TRY(parquet::CheckParquet(builder.Build(&reader), ErrorKind::kCorrupt));
  const auto table = reader->ReadTable();
  SLUICE_TRY(parquet::CheckParquet(table.status(), ErrorKind::kCorrupt));
  return ToResult((*table)->CombineChunks());
}

Status CheckShape(const arrow::Table& table) {
  const auto wanted = ToArrowSchema(LedgerSchema());
  bool same = table.num_columns() == wanted->num_fields();
  for (int i = 0; same && i < wanted->num_fields(); ++i) {
    const auto& column = *table.column(i);
    same = column.null_count() == 0 && column.type()->id() == wanted->field(i)->type()->id();
  }
  if (same && table.num_rows() > 0) {
    const auto& map = static_cast<const arrow::MapArray&>(*table.column(kTables)->chunk(0));
    same = map.keys()->type_id() == arrow::Type::STRING &&
           map.items()->type_id() == arrow::Type::INT64 && map.items()->null_count() == 0;
  }
  if (same) return {};
  return MakeError(ErrorKind::kCorrupt, "the ledger's data file has other columns");
}

template <typename Array>
const Array& Column(const arrow::Table& table, LedgerColumn column) {
  return static_cast<const Array&>(*table.column(column)->chunk(0));
}

Result<LedgerRow> RowAt(const arrow::Table& table, int64_t i) {
  LedgerRow row;
  SLUICE_LET(row.marks.cut.lsn, ParseLsn(Column<arrow::StringArray>(table, kCutLsn).GetView(i)));
  row.marks.cut.time_us = Column<arrow::TimestampArray>(table, kCutTime).Value(i);
  row.committed_at_us = Column<arrow::TimestampArray>(table, kCommittedAt).Value(i);
  row.marks.epoch = static_cast<uint64_t>(Column<arrow::Int64Array>(table, kEpoch).Value(i));
  row.marks.source = Column<arrow::StringArray>(table, kSource).GetString(i);
  const auto& tables = Column<arrow::MapArray>(table, kTables);
  const auto& names = static_cast<const arrow::StringArray&>(*tables.keys());
  const auto& snapshots = static_cast<const arrow::Int64Array&>(*tables.items());
  for (int64_t at = tables.value_offset(i); at < tables.value_offset(i + 1); ++at) {
    row.tables[names.GetString(at)] = snapshots.Value(at);
  }
  return row;
}

}  // namespace

Schema LedgerSchema() {
  const auto field = [](int id, const char* name, std::shared_ptr<arrow::DataType> type) {
    return Field{.id = id,
                 .name = name,
                 .required = true,
                 .type = std::move(type),
                 .element_id = 0,
                 .value_id = 0,
                 .doc = ""};
  };
  Schema schema;
  schema.fields = {
      field(1, "cut_lsn", arrow::utf8()),
      field(2, "cut_position", arrow::int64()),
      field(3, "cut_time", Timestamptz()),
      field(4, "committed_at", Timestamptz()),
      field(5, "epoch", arrow::int64()),
      field(6, "source", arrow::utf8()),
      field(7, "tables", arrow::map(arrow::utf8(), arrow::field("value", arrow::int64(), false)))};
  schema.fields.back().element_id = 8;
  schema.fields.back().value_id = 9;
  return schema;
}

Result<parquet::DataFile> WriteLedgerFile(store::ObjectStore& store, const store::Location& at,
                                          std::span<const LedgerRow> rows) {
  SLUICE_TRY(parquet::GuardParquet(ErrorKind::kInternal,
                                   [&]() -> Status { return WriteTable(store, at, rows); }),
             "writing {}", at);
  parquet::DataFile file;
  file.location = at;
  file.record_count = static_cast<int64_t>(rows.size());
  SLUICE_LET(file.size_bytes, store.Size(at));
  return file;
}

Result<std::vector<LedgerRow>> ReadLedgerFile(store::ObjectStore& store,
                                              const store::Location& at) {
  SLUICE_LET(const auto table,
             parquet::GuardParquet(ErrorKind::kCorrupt, [&] { return ReadTable(store, at); }),
             "reading {}", at);
  SLUICE_TRY(CheckShape(*table), "reading {}", at);
  std::vector<LedgerRow> rows;
  for (int64_t i = 0; i < table->num_rows(); ++i) {
    SLUICE_LET(LedgerRow row, RowAt(*table, i), "reading {}", at);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sluice::iceberg
