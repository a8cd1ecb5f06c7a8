// The wire form of a ChangeBatch: docs/formats/change_batch.md.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/key_value_metadata.h>

#include <charconv>

#include "change/arrow_status.h"
#include "change/change_batch.h"

namespace sluice {

namespace {

constexpr std::string_view kFormat = "1";
constexpr char kFormatKey[] = "sluice.format";
constexpr char kTableOidKey[] = "sluice.table_oid";
constexpr char kIncarnationKey[] = "sluice.table_incarnation";
constexpr char kSchemaVersionKey[] = "sluice.schema_version";

// What ends every IPC stream: continuation marker and a length of zero.
constexpr std::string_view kEndOfStream("\xFF\xFF\xFF\xFF\0\0\0\0", 8);

Error Corrupt(std::string_view what) {
  return MakeError(ErrorKind::kCorrupt, "change batch: {}", what);
}

arrow::FieldVector RunFields() {
  return {arrow::field("end_lsn", arrow::uint64(), false),
          arrow::field("xid", arrow::uint64(), false),
          arrow::field("commit_time", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), false),
          arrow::field("first_index", arrow::uint64(), false)};
}

std::shared_ptr<arrow::DataType> RunListType() {
  return arrow::list(arrow::field("item", arrow::struct_(RunFields()), false));
}

Status CheckShape(const ChangeBatch& batch) {
  const int64_t rows = batch.row_count();
  uint32_t end = 0;
  for (const TransactionRun& run : batch.runs) {
    if (run.row_end <= end) return MakeError(ErrorKind::kInternal, "change batch: an empty run");
    end = run.row_end;
  }
  if (end != rows || batch.rows == nullptr || batch.rows->num_rows() != rows ||
      (batch.old_keys != nullptr && batch.old_keys->num_rows() != rows)) {
    return MakeError(ErrorKind::kInternal, "change batch: parts of different length");
  }
  if (batch.unsent != nullptr &&
      batch.unsent->size() < arrow::bit_util::BytesForBits(rows * batch.rows->num_columns())) {
    return MakeError(ErrorKind::kInternal, "change batch: the mask of unsent values is short");
  }
  return {};
}

// One list a row: the transaction that begins there, or nothing.
std::shared_ptr<arrow::Array> RunColumn(const ChangeBatch& batch) {
  std::vector<uint64_t> end_lsns, xids, first_indexes;
  std::vector<int64_t> times;
  std::vector<int32_t> offsets;
  offsets.reserve(batch.operations.size() + 1);
  for (const TransactionRun& run : batch.runs) {
    offsets.push_back(static_cast<int32_t>(end_lsns.size()));
    end_lsns.push_back(run.end_lsn.value);
    xids.push_back(run.xid);
    times.push_back(run.commit_time_us);
    first_indexes.push_back(run.first_index);
    offsets.resize(run.row_end, static_cast<int32_t>(end_lsns.size()));
  }
  offsets.push_back(static_cast<int32_t>(end_lsns.size()));

  const auto count = static_cast<int64_t>(batch.runs.size());
  const arrow::FieldVector fields = RunFields();
  auto runs = std::make_shared<arrow::StructArray>(
      arrow::struct_(fields), count,
      arrow::ArrayVector{
          std::make_shared<arrow::UInt64Array>(count,
                                               arrow::Buffer::FromVector(std::move(end_lsns))),
          std::make_shared<arrow::UInt64Array>(count, arrow::Buffer::FromVector(std::move(xids))),
          std::make_shared<arrow::TimestampArray>(fields[2]->type(), count,
                                                  arrow::Buffer::FromVector(std::move(times))),
          std::make_shared<arrow::UInt64Array>(
              count, arrow::Buffer::FromVector(std::move(first_indexes)))});
  return std::make_shared<arrow::ListArray>(RunListType(), batch.row_count(),
                                            arrow::Buffer::FromVector(std::move(offsets)), runs);
}

std::shared_ptr<arrow::Array> AsStruct(const arrow::RecordBatch& batch) {
  return std::make_shared<arrow::StructArray>(arrow::struct_(batch.schema()->fields()),
                                              batch.num_rows(), batch.columns());
}

std::shared_ptr<arrow::RecordBatch> ToWire(const ChangeBatch& batch) {
  const int64_t rows = batch.row_count();
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  const auto add = [&](const char* name, std::shared_ptr<arrow::Array> column) {
    fields.push_back(arrow::field(name, column->type(), false));
    columns.push_back(std::move(column));
  };
  add("op", std::make_shared<arrow::UInt8Array>(rows, arrow::Buffer::Wrap(batch.operations)));
  add("run", RunColumn(batch));
  add("row", AsStruct(*batch.rows));
  if (batch.old_keys != nullptr) add("old_key", AsStruct(*batch.old_keys));
  if (batch.unsent != nullptr) {
    const int width = batch.rows->num_columns();
    add("unsent", std::make_shared<arrow::FixedSizeListArray>(
                      arrow::fixed_size_list(arrow::field("item", arrow::boolean(), false), width),
                      rows, std::make_shared<arrow::BooleanArray>(rows * width, batch.unsent)));
  }
  const auto header =
      arrow::key_value_metadata({{kFormatKey, std::string(kFormat)},
                                 {kTableOidKey, std::to_string(batch.table.oid)},
                                 {kIncarnationKey, std::to_string(batch.table.incarnation)},
                                 {kSchemaVersionKey, std::to_string(batch.schema.value)}});
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields), header), rows,
                                  std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> WriteStream(const arrow::RecordBatch& wire,
                                                          int64_t bytes_expected) {
  arrow::ipc::IpcWriteOptions options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create(bytes_expected));
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, wire.schema(), options));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(wire));
  ARROW_RETURN_NOT_OK(writer->Close());
  return sink->Finish();
}

// The only batch of a stream that ends where `bytes` end, every buffer checked against its type.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadStream(
    const std::shared_ptr<arrow::Buffer>& bytes) {
  arrow::ipc::IpcReadOptions options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  arrow::io::BufferReader input(bytes);
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchStreamReader::Open(&input, options));
  std::shared_ptr<arrow::RecordBatch> batch, more;
  ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
  if (batch == nullptr) return arrow::Status::Invalid("no record batch");
  ARROW_RETURN_NOT_OK(batch->ValidateFull());
  ARROW_RETURN_NOT_OK(reader->ReadNext(&more));
  ARROW_ASSIGN_OR_RAISE(const int64_t position, input.Tell());
  if (more != nullptr || position != bytes->size()) {
    return arrow::Status::Invalid("bytes after the record batch");
  }
  return batch;
}

Result<uint32_t> HeaderNumber(const arrow::KeyValueMetadata& header, const char* key) {
  const auto text = header.Get(key);
  uint32_t value = 0;
  if (!text.ok()) return Corrupt("a header field is missing");
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return Corrupt("a header field is no number");
  return value;
}

Status ReadHeader(const arrow::Schema& schema, ChangeBatch& out) {
  if (schema.metadata() == nullptr) return Corrupt("no header");
  const arrow::KeyValueMetadata& header = *schema.metadata();
  const auto format = header.Get(kFormatKey);
  if (!format.ok()) return Corrupt("no header");
  if (*format != kFormat) return Corrupt("a format that this version does not read");
  SLUICE_LET(out.table.oid, HeaderNumber(header, kTableOidKey));
  SLUICE_LET(out.table.incarnation, HeaderNumber(header, kIncarnationKey));
  SLUICE_LET(out.schema.value, HeaderNumber(header, kSchemaVersionKey));
  return {};
}

// The column of that name; null when there is none. Nulls above the rows' own values are corrupt.
Result<std::shared_ptr<arrow::Array>> Column(const arrow::RecordBatch& wire, const char* name) {
  std::shared_ptr<arrow::Array> column = wire.GetColumnByName(name);
  if (column != nullptr && column->null_count() != 0) return Corrupt("nulls where there are none");
  return column;
}

Status ReadOperations(const arrow::RecordBatch& wire, ChangeBatch& out) {
  SLUICE_LET(const auto column, Column(wire, "op"));
  if (column == nullptr || column->type_id() != arrow::Type::UINT8) return Corrupt("no op column");
  const auto& values = static_cast<const arrow::UInt8Array&>(*column);
  out.operations.reserve(static_cast<size_t>(values.length()));
  for (int64_t i = 0; i < values.length(); ++i) {
    if (values.Value(i) > static_cast<uint8_t>(Op::kTruncate)) return Corrupt("unknown operation");
    out.operations.push_back(static_cast<Op>(values.Value(i)));
  }
  return {};
}

bool HasNulls(const arrow::StructArray& values) {
  if (values.null_count() != 0) return true;
  for (const auto& field : values.fields()) {
    if (field->null_count() != 0) return true;
  }
  return false;
}

Status ReadRuns(const arrow::RecordBatch& wire, ChangeBatch& out) {
  SLUICE_LET(const auto column, Column(wire, "run"));
  if (column == nullptr || !column->type()->Equals(*RunListType())) return Corrupt("no run column");
  const auto& lists = static_cast<const arrow::ListArray&>(*column);
  const auto& items = static_cast<const arrow::StructArray&>(*lists.values());
  if (HasNulls(items)) return Corrupt("nulls in a run");
  const auto end_lsns = std::static_pointer_cast<arrow::UInt64Array>(items.field(0));
  const auto xids = std::static_pointer_cast<arrow::UInt64Array>(items.field(1));
  const auto times = std::static_pointer_cast<arrow::TimestampArray>(items.field(2));
  const auto first_indexes = std::static_pointer_cast<arrow::UInt64Array>(items.field(3));
  for (int64_t row = 0; row < lists.length(); ++row) {
    const int32_t count = lists.value_length(row);
    if (count > 1 || (row == 0 && count != 1)) return Corrupt("runs do not cover the rows");
    if (count == 1) {
      const int32_t at = lists.value_offset(row);
      out.runs.push_back({.end_lsn = Lsn{end_lsns->Value(at)},
                          .xid = xids->Value(at),
                          .commit_time_us = times->Value(at),
                          .first_index = first_indexes->Value(at)});
    }
    out.runs.back().row_end = static_cast<uint32_t>(row + 1);
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> ReadStruct(
    const std::shared_ptr<arrow::Array>& column) {
  if (column == nullptr || column->type_id() != arrow::Type::STRUCT)
    return Corrupt("no row column");
  const auto& values = static_cast<const arrow::StructArray&>(*column);
  return arrow::RecordBatch::Make(arrow::schema(column->type()->fields()), column->length(),
                                  values.fields());
}

Status ReadOldKeys(const arrow::RecordBatch& wire, ChangeBatch& out) {
  SLUICE_LET(const auto column, Column(wire, "old_key"));
  if (column == nullptr) return {};
  SLUICE_LET(out.old_keys, ReadStruct(column));
  for (const auto& field : out.old_keys->schema()->fields()) {
    const auto same = out.rows->schema()->GetFieldByName(field->name());
    if (same == nullptr || !same->Equals(*field)) return Corrupt("a key that is no column");
  }
  return {};
}

Status ReadUnsent(const arrow::RecordBatch& wire, ChangeBatch& out) {
  SLUICE_LET(const auto column, Column(wire, "unsent"));
  if (column == nullptr) return {};
  const int width = out.rows->num_columns();
  const auto type = arrow::fixed_size_list(arrow::field("item", arrow::boolean(), false), width);
  if (!column->type()->Equals(*type)) return Corrupt("a mask of another width");
  const auto& bits = static_cast<const arrow::BooleanArray&>(
      *static_cast<const arrow::FixedSizeListArray&>(*column).values());
  if (bits.null_count() != 0 || bits.offset() != 0) return Corrupt("a mask with nulls");
  out.unsent = bits.length() == 0 ? arrow::Buffer::FromString("") : bits.values();
  return {};
}

Result<ChangeBatch> FromWire(const arrow::RecordBatch& wire) {
  ChangeBatch out;
  SLUICE_TRY(ReadHeader(*wire.schema(), out));
  SLUICE_TRY(ReadOperations(wire, out));
  SLUICE_TRY(ReadRuns(wire, out));
  SLUICE_LET(const auto row, Column(wire, "row"));
  SLUICE_LET(out.rows, ReadStruct(row));
  SLUICE_TRY(ReadOldKeys(wire, out));
  SLUICE_TRY(ReadUnsent(wire, out));
  return out;
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> SerializeChangeBatch(const ChangeBatch& batch) {
  SLUICE_TRY(CheckShape(batch));
  constexpr int64_t kFraming = 4096;
  return ToResult(WriteStream(*ToWire(batch), batch.MemoryBytes() + kFraming));
}

Result<ChangeBatch> ParseChangeBatch(std::shared_ptr<arrow::Buffer> bytes) {
  // Arrow takes a stream cut at its end marker for a whole one.
  const std::string_view view(*bytes);
  if (!view.ends_with(kEndOfStream)) return Corrupt("the stream is cut");
  const auto wire = ReadStream(bytes);
  // Arrow's own words may quote a value.
  if (!wire.ok())
    return Corrupt("not the Arrow stream of one batch").WithCode(wire.status().CodeAsString());
  return FromWire(**wire);
}

}  // namespace sluice
