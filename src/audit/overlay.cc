#include "audit/overlay.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <algorithm>

#include "audit/lake_scan.h"
#include "audit/lake_text.h"

namespace sluice::audit {

namespace {

std::string KeyOf(const AuditedTable& table, const TextRow& row) {
  return EncodeCells(row, table.keys);
}

// The key before the change, where it changed.
std::optional<std::string> OldKey(const AuditedTable& table, const ChangeBatch& batch,
                                  int64_t row) {
  if (!batch.old_keys || batch.old_keys->column(0)->IsNull(row)) return std::nullopt;
  TextRow cells(table.keys.size());
  for (size_t i = 0; i < table.keys.size(); ++i) {
    const auto column = static_cast<size_t>(table.keys[i]);
    const arrow::Array& values = *batch.old_keys->column(static_cast<int>(i));
    if (values.IsNull(row)) continue;
    AppendLakeText(values, row, table.delimiters[column], cells[i].emplace());
    if (table.decimal[column]) TrimFraction(*cells[i]);
  }
  return EncodeCells(cells);
}

}  // namespace

Status Overlay::Apply(const ChangeBatch& batch, Lsn after, const SnapshotVisibility& seen_by) {
  int64_t row = 0;
  for (const TransactionRun& run : batch.runs) {
    const bool counts = run.end_lsn > after && seen_by.Sees(run.xid);
    for (; row < int64_t{run.row_end}; ++row) {
      if (counts) ApplyRow(batch, row);
    }
  }
  if (bytes_ <= bytes_max_) return {};
  return MakeError(ErrorKind::kExhausted,
                   "{}: more than {} MiB of changes follow the lake's newest cut", table_->name,
                   bytes_max_ >> 20)
      .WithHint("audit when the mirror has caught up (`sluice wait`), or raise `memory:`");
}

void Overlay::ApplyRow(const ChangeBatch& batch, int64_t row) {
  const Op op = batch.operations[static_cast<size_t>(row)];
  if (op == Op::kTruncate) {
    truncated_ = true;
    bytes_ = 0;
    rows_.clear();
    wanted_by_.clear();
    added_.clear();
    return;
  }
  TextRow cells;
  LakeRowText(*table_, *batch.rows, row, cells);
  if (table_->keys.empty()) {
    bytes_ += EncodedSize(cells);
    if (op == Op::kInsert) added_.push_back(std::move(cells));
    return;
  }
  const std::string key = KeyOf(*table_, cells);
  bytes_ += EncodedSize(cells) + key.size();
  if (op == Op::kDelete) {
    rows_[key].reset();
    return;
  }
  Upsert(batch, row, std::move(cells), key, OldKey(*table_, batch, row).value_or(key));
}

void Overlay::Upsert(const ChangeBatch& batch, int64_t row, TextRow cells, const std::string& key,
                     const std::string& old_key) {
  Image image{.row = std::move(cells), .unsent = {}, .base = {}};
  const auto found = rows_.find(old_key);
  const Image* before = found != rows_.end() && found->second ? &*found->second : nullptr;
  for (size_t i = 0; i < image.row.size(); ++i) {
    if (!batch.IsUnsent(row, static_cast<int>(i))) continue;
    if (before != nullptr) image.row[i] = before->row[i];
    const bool still = before == nullptr || std::find(before->unsent.begin(), before->unsent.end(),
                                                      i) != before->unsent.end();
    if (still) image.unsent.push_back(i);
  }
  if (!image.unsent.empty()) {
    image.base = before != nullptr ? before->base : old_key;
    wanted_by_[image.base] = key;
  }
  if (old_key != key) rows_[old_key].reset();
  rows_[key] = std::move(image);
}

bool Overlay::Replaces(const std::string& key, const TextRow& lake_row) {
  if (truncated_) return true;
  if (rows_.empty() || !rows_.contains(key)) return false;
  const auto wanted = wanted_by_.find(key);
  if (wanted == wanted_by_.end()) return true;
  const auto found = rows_.find(wanted->second);
  if (found == rows_.end() || !found->second || found->second->base != key) return true;
  for (const size_t column : found->second->unsent) found->second->row[column] = lake_row[column];
  return true;
}

void Overlay::ForEachRow(const TakeRow& take) const {
  for (const auto& [key, image] : rows_) {
    if (image) take(key, image->row);
  }
  for (const TextRow& row : added_) take(EncodeCells(row), row);
}

}  // namespace sluice::audit
