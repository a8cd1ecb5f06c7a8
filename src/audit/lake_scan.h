// The lake's rows as text.
#pragma once

#include <functional>

#include "audit/audited_table.h"
#include "audit/text_row.h"
#include "store/object_store.h"

namespace sluice::audit {

// Row `row` of a batch whose columns are the table's, in order.
void LakeRowText(const AuditedTable& table, const arrow::RecordBatch& batch, int64_t row,
                 TextRow& out);

// Every live row of the snapshot. Memory: a batch and one row group's chunks.
Status ScanLake(store::ObjectStore& store, const AuditedTable& table,
                const std::function<void(const TextRow&)>& take);

}  // namespace sluice::audit
