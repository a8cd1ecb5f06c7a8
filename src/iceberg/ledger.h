// The ledger, table `sluice.cuts`: one row a committed cut with the snapshot id of every table, so
// that start-up knows what counts and a reader can join tables as of one moment. Written in the
// same catalog transaction as the cut's tables, or last where the catalog takes one table at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "iceberg/mirror_commit.h"

namespace sluice::iceberg {

// Columns: cut_lsn string "0/16B3748", cut_position long (the LSN as a number, for ordering),
// cut_time timestamptz, committed_at timestamptz, epoch long, source string,
// tables map<string, long>: lake name -> snapshot id.
struct LedgerRow {
  Marks marks;
  int64_t committed_at_us = 0;
  std::map<std::string, SnapshotId> tables;  // key: TableIdentifier::ToString
};

struct Ledger {
  LoadedTable table;
  uint64_t epoch = 0;           // highest ever claimed
  std::vector<LedgerRow> rows;  // oldest first, those retained
};

// Absent: nothing. Reads all retained rows.
Result<std::optional<Ledger>> ReadLedger(Catalog& catalog, store::ObjectStore& store,
                                         const TableIdentifier& name);
// A commit that creates the ledger (at epoch 1) or claims `epoch` by a conditional commit; after
// it, whoever holds a lower epoch fails with kConflict on its next ledger commit and must stop.
Result<PreparedCommit> PrepareLedgerClaim(store::ObjectStore& store, const TableIdentifier& name,
                                          const std::string& location,
                                          const std::optional<Ledger>& ledger, uint64_t epoch,
                                          const Marks& marks, int64_t now_ms);
// Appends a row: the data file holds all retained rows (rows of cuts that no table's history can
// show any more are dropped, at most `rows_max` stay) and replaces the one before.
Result<PreparedCommit> PrepareLedgerCommit(store::ObjectStore& store, const Ledger& ledger,
                                           LedgerRow row, size_t rows_max,
                                           const CommitOptions& options);

}  // namespace sluice::iceberg
