#include "bus/embedded/record_codec.h"

#include <arrow/buffer.h>

#include <nlohmann/json.hpp>

#include "base/byte_reader.h"

namespace sluice::bus {

namespace {

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string TablePrelude(TableId table) {
  std::string out;
  Put(out, table.oid);
  Put(out, table.incarnation);
  return out;
}

Error BadRecord(std::string_view what) {
  return MakeError(ErrorKind::kCorrupt, "bus record: {}", what);
}

Result<Record> DecodeBatch(std::string_view prelude, std::string body) {
  SLUICE_LET(const BatchPrelude head, ParseBatchPrelude(prelude));
  SLUICE_LET(ChangeBatch batch, ParseChangeBatch(arrow::Buffer::FromString(std::move(body))));
  if (batch.table != head.table || batch.schema != head.schema ||
      batch.runs.size() != head.transactions.size()) {
    return BadRecord("its head names another batch");
  }
  return Record(std::move(batch));
}

Result<Record> DecodeSchema(std::string_view prelude, std::string_view body) {
  SLUICE_LET(const TableId table, ParseSchemaPrelude(prelude));
  SLUICE_LET(TableSchema schema, TableSchemaFromJson(body));
  if (schema.id != table) return BadRecord("its head names another table");
  return Record(std::move(schema));
}

Result<Record> DecodeStop(std::string_view prelude, std::string_view body) {
  SLUICE_LET(const TableId table, ParseSchemaPrelude(prelude));
  const nlohmann::json words = nlohmann::json::parse(body, nullptr, false);
  if (!words.is_object() || !words.value("reason", nlohmann::json()).is_string() ||
      !words.value("hint", nlohmann::json()).is_string()) {
    return BadRecord("a stop without its words");
  }
  return Record(TableStop{table, words["reason"], words["hint"]});
}

Result<Record> DecodeResume(Lsn lsn, std::string_view prelude) {
  ByteReader reader(prelude);
  const uint64_t epoch = reader.U64Little();
  if (!reader.done()) return BadRecord("a resume of another size");
  return Record(Resume{.epoch = epoch, .after = lsn});
}

}  // namespace

std::string_view EncodedRecord::body_view() const {
  return body == nullptr ? std::string_view() : std::string_view(*body);
}

uint64_t EncodedRecord::size() const {
  const uint64_t bytes = body_view().size();
  return kHeadBytes + prelude.size() + Padding(prelude.size()) + bytes + Padding(bytes);
}

Result<EncodedRecord> EncodeBatch(const ChangeBatch& batch) {
  if (batch.runs.empty()) return MakeError(ErrorKind::kInternal, "an empty batch for the bus");
  EncodedRecord out{.kind = RecordKind::kBatch,
                    .lsn = batch.runs.back().end_lsn,
                    .prelude = TablePrelude(batch.table),
                    .body = nullptr};
  Put(out.prelude, batch.schema.value);
  Put(out.prelude, static_cast<uint32_t>(batch.runs.size()));
  for (const TransactionRun& run : batch.runs) {
    Put(out.prelude, run.end_lsn.value);
    Put(out.prelude, run.xid);
  }
  SLUICE_LET(out.body, SerializeChangeBatch(batch));
  if (out.body->size() > kBodyBytesMax || out.prelude.size() > kPreludeBytesMax) {
    return MakeError(ErrorKind::kUnsupported,
                     "table {}: a batch of {} rows takes {} bytes, the bus takes at most {}",
                     batch.table.oid, batch.row_count(), out.body->size(), kBodyBytesMax);
  }
  return out;
}

Result<EncodedRecord> EncodeSchema(const TableSchema& schema, Lsn after) {
  try {
    return EncodedRecord{.kind = RecordKind::kSchema,
                         .lsn = after,
                         .prelude = TablePrelude(schema.id),
                         .body = arrow::Buffer::FromString(ToJson(schema))};
  } catch (const nlohmann::json::exception&) {
    // JSON is UTF-8; a SQL_ASCII database takes any bytes for a name.
    return MakeError(ErrorKind::kUnsupported, "table {}: a name or comment is not UTF-8",
                     schema.id.oid)
        .WithHint("rename it");
  }
}

EncodedRecord EncodeCarried(TableId table, std::string json, Lsn base) {
  return {.kind = RecordKind::kCarriedSchema,
          .lsn = base,
          .prelude = TablePrelude(table),
          .body = arrow::Buffer::FromString(std::move(json))};
}

EncodedRecord EncodeStop(const TableStop& stop, Lsn after) {
  const nlohmann::json words = {{"reason", stop.reason}, {"hint", stop.hint}};
  return {.kind = RecordKind::kStop,
          .lsn = after,
          .prelude = TablePrelude(stop.table),
          .body = arrow::Buffer::FromString(
              words.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))};
}

EncodedRecord EncodeCut(Cut cut) {
  EncodedRecord out{.kind = RecordKind::kCut, .lsn = cut.lsn, .prelude = "", .body = nullptr};
  Put(out.prelude, cut.time_us);
  return out;
}

EncodedRecord EncodeDurable(Lsn cut) {
  return {.kind = RecordKind::kDurable, .lsn = cut, .prelude = "", .body = nullptr};
}

EncodedRecord EncodeResume(Resume resume) {
  EncodedRecord out{
      .kind = RecordKind::kResume, .lsn = resume.after, .prelude = "", .body = nullptr};
  Put(out.prelude, resume.epoch);
  return out;
}

Result<BatchPrelude> ParseBatchPrelude(std::string_view prelude) {
  ByteReader reader(prelude);
  BatchPrelude out;
  out.table.oid = reader.U32Little();
  out.table.incarnation = reader.U32Little();
  out.schema.value = reader.U32Little();
  const uint32_t count = reader.U32Little();
  if (!reader.ok() || reader.remaining() != size_t{count} * 16) {
    return BadRecord("a batch head of another size");
  }
  out.transactions.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Lsn end_lsn{reader.U64Little()};
    out.transactions.push_back({.end_lsn = end_lsn, .xid = reader.U64Little()});
  }
  return out;
}

Result<TableId> ParseSchemaPrelude(std::string_view prelude) {
  ByteReader reader(prelude);
  TableId out;
  out.oid = reader.U32Little();
  out.incarnation = reader.U32Little();
  if (!reader.done()) return BadRecord("a schema head of another size");
  return out;
}

Result<Cut> ParseCut(Lsn lsn, std::string_view prelude) {
  ByteReader reader(prelude);
  const auto time_us = static_cast<int64_t>(reader.U64Little());
  if (!reader.done()) return BadRecord("a cut of another size");
  return Cut{.lsn = lsn, .time_us = time_us};
}

Result<Record> DecodeRecord(RecordKind kind, Lsn lsn, std::string_view prelude, std::string body) {
  switch (kind) {
    case RecordKind::kBatch:
      return DecodeBatch(prelude, std::move(body));
    case RecordKind::kSchema:
    case RecordKind::kCarriedSchema:
      return DecodeSchema(prelude, body);
    case RecordKind::kStop:
      return DecodeStop(prelude, body);
    case RecordKind::kResume:
      return DecodeResume(lsn, prelude);
    case RecordKind::kCut: {
      SLUICE_LET(const Cut cut, ParseCut(lsn, prelude));
      return Record(cut);
    }
    case RecordKind::kDurable:
      break;
  }
  return BadRecord("a kind that is no record");
}

}  // namespace sluice::bus
