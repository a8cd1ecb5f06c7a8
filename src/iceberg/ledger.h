// The ledger, table `sluice.cuts`: one row a committed cut with the snapshot id of every table, so
// that start-up knows what counts and a reader can join tables as of one moment. Written in the
// same catalog transaction as the cut's tables, or last where the catalog takes one table at a
// time.
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
// A commit that creates the ledger or claims `epoch` by a conditional commit, which adds a snapshot
// and no row; after it, whoever holds a lower epoch fails with kConflict on its next ledger commit
// and must stop. kConflict: `ledger` holds `epoch` or a higher one already. Read the ledger again
// after the commit.
Result<PreparedCommit> PrepareLedgerClaim(store::ObjectStore& store, const TableIdentifier& name,
                                          const std::string& location,
                                          const std::optional<Ledger>& ledger, uint64_t epoch,
                                          const Marks& marks, int64_t now_ms);

// The rows that stay once `row` is appended: thinned as `history` thins the tables' snapshots (all
// of a cut carry one time, so a row that stays finds its snapshots), at most `rows_max`. A row of
// the newest one's cut replaces it.
std::vector<LedgerRow> RetainedRows(std::vector<LedgerRow> rows, LedgerRow row, size_t rows_max,
                                    const HistoryPolicy& history);

// Appends a row: the data file holds all retained rows (RetainedRows by `options.history`, which
// should reach as far as that of any table) and replaces the one before. Of its own snapshots the
// ledger keeps those of `options.history.all_ms`. kConflict: a higher epoch than the row's is
// claimed.
Result<PreparedCommit> PrepareLedgerCommit(store::ObjectStore& store, const Ledger& ledger,
                                           LedgerRow row, size_t rows_max,
                                           const CommitOptions& options);

}  // namespace sluice::iceberg
