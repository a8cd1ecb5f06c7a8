// The one currency: changes of one table at one schema version, in commit order, as columns.
// Everything downstream of the decoders sees only these, so that a second source, bus or sink is
// one folder. Immutable once built.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "change/lsn.h"
#include "change/table_schema.h"

namespace sluice {

// Between transactions: every transaction that ended at or below `lsn` is in, none after.
struct Cut {
  Lsn lsn;
  int64_t time_us = 0;  // commit time of the last transaction, Unix microseconds; informs only
  friend bool operator==(const Cut&, const Cut&) = default;
};

// kTruncate is a row of nulls: every row before it is gone.
enum class Op : uint8_t { kInsert = 0, kUpdate = 1, kDelete = 2, kTruncate = 3 };

// Rows [end of the previous run, row_end) belong to one transaction.
struct TransactionRun {
  Lsn end_lsn;                 // Commit.end_lsn: orders, deduplicates, is a cut
  uint64_t xid = 0;            // top transaction, widened to 64 bit: Rule B decides by it
  int64_t commit_time_us = 0;  // Unix microseconds; informs only
  uint64_t first_index = 0;    // index of the run's first row among this table's in the transaction
  uint32_t row_end = 0;
};

struct ChangeBatch {
  TableId table;
  SchemaVersion schema;
  std::vector<TransactionRun> runs;
  std::vector<Op> operations;  // one a row
  // New image. kDelete: key columns only (for REPLICA IDENTITY FULL the whole old row), the others
  // null. Schema: TableSchema::RowSchema, but every field nullable.
  std::shared_ptr<arrow::RecordBatch> rows;
  // Null: no key changed. Else a row a change: the old key where it changed, nulls elsewhere.
  // Schema: TableSchema::KeySchema, every field nullable.
  std::shared_ptr<arrow::RecordBatch> old_keys;
  // Null: every value was sent. Else bit [row * columns + column] (least significant first) is set
  // where Postgres did not send the value (unchanged TOAST); `rows` holds null there.
  std::shared_ptr<arrow::Buffer> unsent;

  int64_t row_count() const { return static_cast<int64_t>(operations.size()); }
  bool IsUnsent(int64_t row, int column) const;
  // Bytes of all buffers, for budgets.
  int64_t MemoryBytes() const;
};

// Transactions that changed other tables only, by name: a batch of no table (TableId{}) with a row
// without columns for each. They are kept so that what a source sends again can be told from
// another history. Each needs its end LSN, in commit order.
ChangeBatch NameTransactions(std::vector<TransactionRun> transactions);

// The table's changes cannot be carried on from here: its shape changed, or a value does not fit
// its lake type. The table stays at a cut before this record and fails with these words.
struct TableStop {
  TableId table;
  std::string reason;
  std::string hint;
};

// The Arrow schema that `rows` has on the wire and in memory: RowSchema with all fields nullable.
std::shared_ptr<arrow::Schema> ChangeRowSchema(const TableSchema& schema);
std::shared_ptr<arrow::Schema> ChangeKeySchema(const TableSchema& schema);

// One Arrow IPC stream message pair with everything in it (schema metadata carries the header);
// readable by any Arrow implementation. Buffers of the parsed batch point into `bytes`' copy.
Result<std::shared_ptr<arrow::Buffer>> SerializeChangeBatch(const ChangeBatch& batch);
// kCorrupt when the bytes are not what SerializeChangeBatch wrote: lengths, run ends and types are
// checked before use. `schema` must be the batch's own.
Result<ChangeBatch> ParseChangeBatch(std::shared_ptr<arrow::Buffer> bytes);

}  // namespace sluice
