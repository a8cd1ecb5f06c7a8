// Rows of one table at one schema version on their way into a ChangeBatch. Knows tuples and
// columns, nothing of messages' order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"
#include "postgres/replication/pgoutput.h"
#include "postgres/source_schema.h"
#include "postgres/value_decoder.h"

namespace sluice::postgres {

class TableBatch {
 public:
  // `table` outlives this.
  static Result<std::unique_ptr<TableBatch>> Make(const MirroredTable& table);

  // How the tuples that follow are laid out. kUnsupported: a mirrored column is not in it.
  Status SetLayout(const RelationMessage& relation);

  // The rows that follow belong to this transaction; end_lsn may be zero until SetEnd.
  void StartRun(const TransactionRun& run);
  void SetEnd(Lsn end_lsn);

  // kUnsupported, kCorrupt: the row cannot be carried and the table must stop; only FinishBefore
  // may follow. Other kinds are not the row's fault.
  Status Insert(const Tuple& now);
  Status Update(char old_form, const Tuple& old, const Tuple& now);
  Status Delete(char old_form, const Tuple& old);
  Status Truncate();

  uint32_t row_count() const { return static_cast<uint32_t>(operations_.size()); }
  uint64_t bytes() const { return bytes_; }  // estimated from the wire

  // Empty after either. FinishBefore leaves out the run in progress, and may return no rows.
  Result<ChangeBatch> Finish();
  Result<ChangeBatch> FinishBefore();

 private:
  struct Attribute {
    int column = -1;  // in the mirrored schema; -1: not mirrored
    int key = -1;     // among the key columns
  };
  using Decoders = std::vector<std::unique_ptr<ValueDecoder>>;

  explicit TableBatch(const MirroredTable& table) : table_(table) {}
  Result<std::unique_ptr<ValueDecoder>> MakeDecoder(size_t column) const;
  Status CheckTuple(const Tuple& tuple) const;
  Status CheckKeyed(char old_form) const;
  Status Put(ValueDecoder& decoder, const Field& field);
  // The value of a column the new row does not carry, or nothing when it was not sent at all.
  const Field* Resent(const Attribute& attribute, char old_form, const Field& old) const;
  void MarkUnsent(int column);
  Result<bool> KeyChanged(const Tuple& old, const Tuple& now) const;
  Status PutOldKey(const Tuple& old);
  Status PadOldKeys(int64_t rows);
  Result<std::shared_ptr<arrow::RecordBatch>> FinishColumns(
      Decoders& decoders, const std::shared_ptr<arrow::Schema>& schema, int64_t rows);
  Result<ChangeBatch> FinishRows(uint32_t rows);
  Error NotSent(int column) const;

  const MirroredTable& table_;
  std::vector<int> key_columns_;
  std::vector<Attribute> attributes_;  // parallel to the relation's
  Decoders columns_;
  Decoders old_keys_;   // empty until a key changes
  std::string unsent_;  // empty until a value is not sent
  std::vector<Op> operations_;
  std::vector<TransactionRun> runs_;
  uint64_t bytes_ = 0;
};

}  // namespace sluice::postgres
