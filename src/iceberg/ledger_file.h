// The ledger's rows as a Parquet file and back. Its map column is why it does not go through
// parquet::DataFileWriter, which writes source columns only.
#pragma once

#include <span>
#include <vector>

#include "base/error.h"
#include "iceberg/ledger.h"
#include "parquet/data_file.h"
#include "store/object_store.h"

namespace sluice::iceberg {

Schema LedgerSchema();

Result<parquet::DataFile> WriteLedgerFile(store::ObjectStore& store, const store::Location& at,
                                          std::span<const LedgerRow> rows);
// Slot and pipeline of the marks stay empty: the table's own marks name them. kCorrupt: not a file
// that WriteLedgerFile wrote.
Result<std::vector<LedgerRow>> ReadLedgerFile(store::ObjectStore& store, const store::Location& at);

}  // namespace sluice::iceberg
