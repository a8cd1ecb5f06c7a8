#include "change/change_batch.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/byte_size.h>

namespace sluice {

namespace {

std::shared_ptr<arrow::Schema> AllNullable(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) fields.push_back(field->WithNullable(true));
  return arrow::schema(std::move(fields));
}

}  // namespace

ChangeBatch NameTransactions(std::vector<TransactionRun> transactions) {
  ChangeBatch out;
  for (TransactionRun& run : transactions)
    run.row_end = static_cast<uint32_t>(&run - transactions.data()) + 1;
  out.operations.assign(transactions.size(), Op::kUpdate);
  out.rows = arrow::RecordBatch::Make(arrow::schema({}), static_cast<int64_t>(transactions.size()),
                                      arrow::ArrayVector());
  out.runs = std::move(transactions);
  return out;
}

bool ChangeBatch::IsUnsent(int64_t row, int column) const {
  if (unsent == nullptr) return false;
  const int64_t bit = row * rows->num_columns() + column;
  return arrow::bit_util::GetBit(unsent->data(), static_cast<uint64_t>(bit));
}

int64_t ChangeBatch::MemoryBytes() const {
  int64_t bytes = rows == nullptr ? 0 : arrow::util::TotalBufferSize(*rows);
  if (old_keys != nullptr) bytes += arrow::util::TotalBufferSize(*old_keys);
  if (unsent != nullptr) bytes += unsent->size();
  bytes += static_cast<int64_t>(runs.capacity() * sizeof(TransactionRun));
  return bytes + static_cast<int64_t>(operations.capacity());
}

std::shared_ptr<arrow::Schema> ChangeRowSchema(const TableSchema& schema) {
  return AllNullable(*schema.RowSchema());
}

std::shared_ptr<arrow::Schema> ChangeKeySchema(const TableSchema& schema) {
  return AllNullable(*schema.KeySchema());
}

}  // namespace sluice
