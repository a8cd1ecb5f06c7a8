#include "postgres/replication/table_batch.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <map>

namespace sluice::postgres {

namespace {

bool IsValue(const Field& field) { return field.form == 't' || field.form == 'b'; }

}  // namespace

Result<std::unique_ptr<TableBatch>> TableBatch::Make(const MirroredTable& table) {
  std::unique_ptr<TableBatch> batch(new TableBatch(table));
  batch->key_columns_ = table.schema.KeyColumns();
  for (size_t i = 0; i < table.schema.columns.size(); ++i) {
    SLUICE_LET(auto decoder, batch->MakeDecoder(i));
    batch->columns_.push_back(std::move(decoder));
  }
  return batch;
}

Result<std::unique_ptr<ValueDecoder>> TableBatch::MakeDecoder(size_t column) const {
  return ValueDecoder::Make(table_.schema.columns[column].name, table_.types[column],
                            table_.mappings[column], arrow::default_memory_pool());
}

Status TableBatch::SetLayout(const RelationMessage& relation) {
  std::map<std::string_view, int> by_name;
  for (size_t i = 0; i < table_.schema.columns.size(); ++i) {
    by_name.emplace(table_.schema.columns[i].name, static_cast<int>(i));
  }
  attributes_.clear();
  for (const RelationMessage::Attribute& described : relation.attributes) {
    Attribute attribute;
    const auto found = by_name.find(described.name);
    if (found != by_name.end()) {
      attribute.column = found->second;
      by_name.erase(found);
      const auto key = std::find(key_columns_.begin(), key_columns_.end(), attribute.column);
      if (key != key_columns_.end()) attribute.key = static_cast<int>(key - key_columns_.begin());
    }
    attributes_.push_back(attribute);
  }
  if (by_name.empty()) return {};
  return MakeError(ErrorKind::kUnsupported, "column {} is not in the stream",
                   QuoteIdentifier(by_name.begin()->first))
      .WithHint("take it into the publication's column list, or exclude it, then `tables resync`");
}

void TableBatch::StartRun(const TransactionRun& run) {
  runs_.push_back(run);
  runs_.back().row_end = row_count();
}

void TableBatch::SetEnd(Lsn end_lsn) {
  if (!runs_.empty() && runs_.back().end_lsn == Lsn{}) runs_.back().end_lsn = end_lsn;
}

Error TableBatch::NotSent(int column) const {
  return MakeError(ErrorKind::kCorrupt, "the stream leaves out key column {}",
                   QuoteIdentifier(table_.schema.columns[static_cast<size_t>(column)].name))
      .WithHint("the replica identity does not cover the key; mend it, then `tables resync`");
}

Status TableBatch::CheckTuple(const Tuple& tuple) const {
  if (tuple.size() == attributes_.size()) return {};
  return MakeError(ErrorKind::kCorrupt, "a row of {} columns, {} were announced", tuple.size(),
                   attributes_.size());
}

Status TableBatch::CheckKeyed(char old_form) const {
  if (!key_columns_.empty() && !table_.append_only) return {};
  return MakeError(ErrorKind::kUnsupported, "{} of a row in a table that is mirrored append-only",
                   old_form == 'D' ? "a delete" : "an update")
      .WithHint("give the table a primary key, then `tables resync`");
}

Status TableBatch::Put(ValueDecoder& decoder, const Field& field) {
  bytes_ += field.bytes.size() + 8;
  switch (field.form) {
    case 't':
      return decoder.Text(field.bytes);
    case 'b':
      return decoder.Binary(field.bytes);
    default:
      return decoder.Null();
  }
}

void TableBatch::MarkUnsent(int column) {
  const auto width = static_cast<int64_t>(columns_.size());
  const int64_t bit = static_cast<int64_t>(row_count()) * width + column;
  const auto size = static_cast<size_t>(bit / 8 + 1);
  if (unsent_.size() < size) unsent_.resize(size, '\0');
  arrow::bit_util::SetBit(reinterpret_cast<uint8_t*>(unsent_.data()), bit);
}

Status TableBatch::Insert(const Tuple& now) {
  SLUICE_TRY(CheckTuple(now));
  for (size_t i = 0; i < now.size(); ++i) {
    const int column = attributes_[i].column;
    if (column < 0) continue;
    if (now[i].form == 'u') return MakeError(ErrorKind::kCorrupt, "an insert leaves out a value");
    SLUICE_TRY(Put(*columns_[static_cast<size_t>(column)], now[i]));
  }
  operations_.push_back(Op::kInsert);
  return {};
}

// REPLICA IDENTITY FULL sends every old value; K sends the key, also when only its being stored out
// of line kept it from the new row (postgres-capture 4.1, 4.2). A value out of line is never null:
// a null there is a partition whose identity is less than its root's, which gives O its letter.
const Field* TableBatch::Resent(const Attribute& attribute, char old_form, const Field& old) const {
  if (old_form == 'O' && IsValue(old)) return &old;
  if (old_form == 'K' && attribute.key >= 0 && IsValue(old)) return &old;
  return nullptr;
}

Result<bool> TableBatch::KeyChanged(const Tuple& old, const Tuple& now) const {
  bool changed = false;
  for (size_t i = 0; i < now.size(); ++i) {
    if (attributes_[i].key < 0) continue;
    if (!IsValue(old[i])) return NotSent(attributes_[i].column);
    if (now[i].form == 'u') continue;
    changed = changed || now[i].form != old[i].form || now[i].bytes != old[i].bytes;
  }
  return changed;
}

Status TableBatch::PadOldKeys(int64_t rows) {
  for (const auto& decoder : old_keys_) {
    while (decoder->length() < rows) SLUICE_TRY(decoder->Null());
  }
  return {};
}

Status TableBatch::PutOldKey(const Tuple& old) {
  if (old_keys_.empty()) {
    for (const int column : key_columns_) {
      SLUICE_LET(auto decoder, MakeDecoder(static_cast<size_t>(column)));
      old_keys_.push_back(std::move(decoder));
    }
  }
  SLUICE_TRY(PadOldKeys(row_count()));
  for (size_t i = 0; i < old.size(); ++i) {
    if (attributes_[i].key < 0) continue;
    SLUICE_TRY(Put(*old_keys_[static_cast<size_t>(attributes_[i].key)], old[i]));
  }
  return {};
}

Status TableBatch::Update(char old_form, const Tuple& old, const Tuple& now) {
  SLUICE_TRY(CheckKeyed('U'));
  SLUICE_TRY(CheckTuple(now));
  if (old_form != '\0') {
    SLUICE_TRY(CheckTuple(old));
    SLUICE_LET(const bool changed, KeyChanged(old, now));
    if (changed) SLUICE_TRY(PutOldKey(old));
  }
  for (size_t i = 0; i < now.size(); ++i) {
    const Attribute& attribute = attributes_[i];
    if (attribute.column < 0) continue;
    const Field* field = &now[i];
    if (field->form == 'u' && old_form != '\0') {
      const Field* resent = Resent(attribute, old_form, old[i]);
      if (resent != nullptr) field = resent;
    }
    if (field->form == 'u') {
      if (attribute.key >= 0) return NotSent(attribute.column);
      MarkUnsent(attribute.column);
    }
    SLUICE_TRY(Put(*columns_[static_cast<size_t>(attribute.column)], *field));
  }
  operations_.push_back(Op::kUpdate);
  return {};
}

Status TableBatch::Delete(char old_form, const Tuple& old) {
  SLUICE_TRY(CheckKeyed('D'));
  SLUICE_TRY(CheckTuple(old));
  for (size_t i = 0; i < old.size(); ++i) {
    const Attribute& attribute = attributes_[i];
    if (attribute.column < 0) continue;
    ValueDecoder& decoder = *columns_[static_cast<size_t>(attribute.column)];
    if (attribute.key >= 0 && !IsValue(old[i])) return NotSent(attribute.column);
    // In a K tuple null means "not sent", never null.
    const bool sent = old_form == 'O' || attribute.key >= 0;
    SLUICE_TRY(sent ? Put(decoder, old[i]) : decoder.Null());
  }
  operations_.push_back(Op::kDelete);
  return {};
}

Status TableBatch::Truncate() {
  for (const auto& decoder : columns_) SLUICE_TRY(decoder->Null());
  bytes_ += 8 * columns_.size();
  operations_.push_back(Op::kTruncate);
  return {};
}

// Columns may be one value longer than `rows` when a row broke half way.
Result<std::shared_ptr<arrow::RecordBatch>> TableBatch::FinishColumns(
    Decoders& decoders, const std::shared_ptr<arrow::Schema>& schema, int64_t rows) {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const auto& decoder : decoders) {
    SLUICE_LET(auto array, decoder->Finish());
    if (array->length() < rows) {
      return MakeError(ErrorKind::kInternal, "a column of {} values in a batch of {} rows",
                       array->length(), rows);
    }
    arrays.push_back(array->length() == rows ? std::move(array) : array->Slice(0, rows));
  }
  return arrow::RecordBatch::Make(schema, rows, std::move(arrays));
}

Result<ChangeBatch> TableBatch::FinishRows(uint32_t rows) {
  ChangeBatch out;
  out.table = table_.schema.id;
  out.schema = table_.schema.version;
  operations_.resize(rows);
  out.operations = std::move(operations_);
  for (size_t i = 0; i < runs_.size(); ++i) {
    runs_[i].row_end = i + 1 < runs_.size() ? runs_[i + 1].row_end : rows;
  }
  out.runs = std::move(runs_);
  if (!old_keys_.empty()) {
    SLUICE_TRY(PadOldKeys(rows));
    SLUICE_LET(out.old_keys, FinishColumns(old_keys_, ChangeKeySchema(table_.schema), rows));
  }
  SLUICE_LET(out.rows, FinishColumns(columns_, ChangeRowSchema(table_.schema), rows));
  if (!unsent_.empty()) {
    const size_t bits = rows * columns_.size();
    unsent_.resize((bits + 7) / 8, '\0');
    // A row that broke half way may have left bits past the end.
    if (bits % 8 != 0) unsent_.back() = static_cast<char>(unsent_.back() & ((1 << bits % 8) - 1));
    out.unsent = arrow::Buffer::FromString(std::move(unsent_));
  }
  operations_ = {};
  runs_ = {};
  old_keys_.clear();
  unsent_ = {};
  bytes_ = 0;
  return out;
}

Result<ChangeBatch> TableBatch::Finish() { return FinishRows(row_count()); }

Result<ChangeBatch> TableBatch::FinishBefore() {
  uint32_t rows = row_count();
  if (!runs_.empty()) {
    rows = runs_.back().row_end;  // until FinishRows a run's row_end is where it starts
    runs_.pop_back();
  }
  return FinishRows(rows);
}

}  // namespace sluice::postgres
