#include "iceberg/ledger.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/uuid.h"
#include "iceberg/ledger_file.h"
#include "iceberg/mirror_commit_internal.h"

namespace sluice::iceberg {

namespace {

constexpr const char* kEpochProperty = "sluice.epoch";

Result<uint64_t> ClaimedEpoch(const TableMetadata& metadata) {
  const auto found = metadata.properties.find(kEpochProperty);
  if (found == metadata.properties.end()) return uint64_t{0};
  const std::string& text = found->second;
  uint64_t epoch = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (failed == std::errc() && end == text.data() + text.size()) return epoch;
  return MakeError(ErrorKind::kCorrupt, "property {} of the ledger is no number", kEpochProperty);
}

// Slot and pipeline are the ledger's own, the same for every row.
Status FillMarks(const TableMetadata& metadata, std::vector<LedgerRow>& rows) {
  const Snapshot* head = metadata.current_snapshot();
  if (head == nullptr) return {};
  SLUICE_LET(const Marks marks, MarksOf(head->summary), "reading snapshot {} of the ledger",
             head->id);
  for (LedgerRow& row : rows) {
    row.marks.slot = marks.slot;
    row.marks.pipeline = marks.pipeline;
  }
  return {};
}

}  // namespace

Result<std::optional<Ledger>> ReadLedger(Catalog& catalog, store::ObjectStore& store,
                                         const TableIdentifier& name) {
  SLUICE_LET(std::optional<LoadedTable> table, catalog.Load(name));
  if (!table) return std::optional<Ledger>();
  Ledger ledger{std::move(*table), 0, {}};
  const TableMetadata& metadata = ledger.table.metadata;
  SLUICE_LET(ledger.epoch, ClaimedEpoch(metadata));
  SLUICE_LET(const TableFiles files, ReadTableFiles(store, metadata), "reading the ledger {}",
             name.ToString());
  if (!files.deletes.empty()) {
    return MakeError(ErrorKind::kCorrupt, "another program deleted rows of the ledger {}",
                     name.ToString());
  }
  for (const LiveDataFile& live : files.data) {
    SLUICE_LET(std::vector<LedgerRow> rows, ReadLedgerFile(store, live.file.location));
    std::move(rows.begin(), rows.end(), std::back_inserter(ledger.rows));
  }
  SLUICE_TRY(FillMarks(metadata, ledger.rows));
  for (const LedgerRow& row : ledger.rows) ledger.epoch = std::max(ledger.epoch, row.marks.epoch);
  return std::optional(std::move(ledger));
}

Result<PreparedCommit> PrepareLedgerClaim(store::ObjectStore& store, const TableIdentifier& name,
                                          const std::string& location,
                                          const std::optional<Ledger>& ledger, uint64_t epoch,
                                          const Marks& marks, int64_t now_ms) {
  if (ledger && ledger->epoch >= epoch) {
    return MakeError(ErrorKind::kConflict, "epoch {} of the ledger is taken, {} is the highest",
                     epoch, ledger->epoch);
  }
  Marks claimed = marks;
  claimed.epoch = epoch;
  CommitOptions options;
  options.now_ms = now_ms;
  const LoadedTable table = ledger
                                ? ledger->table
                                : LoadedTable{name, "",
                                              NewTableMetadata(MakeUuid(), location, LedgerSchema(),
                                                               MirrorProperties(), now_ms)};
  return PrepareCommit(store, table, merge::RowDelta{}, claimed, options);
}

std::vector<LedgerRow> RetainedRows(std::vector<LedgerRow> rows, LedgerRow row, size_t rows_max,
                                    const HistoryPolicy& history) {
  // The same cut again, with tables that joined since.
  if (!rows.empty() && rows.back().marks.cut == row.marks.cut) {
    row.committed_at_us = rows.back().committed_at_us;
    rows.pop_back();
  }
  rows.push_back(std::move(row));
  std::vector<int64_t> times;
  for (const LedgerRow& one : rows) {
    const int64_t time = one.committed_at_us / 1000;
    times.push_back(times.empty() ? time : std::max(time, times.back()));
  }
  HistoryPolicy policy = history;
  policy.snapshots_max = static_cast<int>(std::min<size_t>(rows_max, 1'000'000));
  const std::vector<Keep> keep = Thin(times, policy, times.back());
  std::vector<LedgerRow> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (keep[i] != Keep::kNothing) out.push_back(std::move(rows[i]));
  }
  const size_t max = std::max<size_t>(rows_max, 1);
  if (out.size() > max) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(max));
  return out;
}

Result<PreparedCommit> PrepareLedgerCommit(store::ObjectStore& store, const Ledger& ledger,
                                           LedgerRow row, size_t rows_max,
                                           const CommitOptions& options) {
  const Marks marks = row.marks;
  if (marks.epoch < ledger.epoch) {
    return MakeError(ErrorKind::kConflict, "epoch {} of the ledger is claimed, ours is {}",
                     ledger.epoch, marks.epoch);
  }
  const std::vector<LedgerRow> rows =
      RetainedRows(ledger.rows, std::move(row), rows_max, options.history);
  SLUICE_LET(const TableFiles files, ReadTableFiles(store, ledger.table.metadata),
             "reading the ledger");
  merge::RowDelta delta;
  delta.cut = marks.cut;
  for (const LiveDataFile& live : files.data) delta.removed.push_back(live.file.location);
  const store::Location at =
      fmt::format("{}/data/{}.parquet", ledger.table.metadata.location, MakeUuid());
  SLUICE_LET(parquet::DataFile file, WriteLedgerFile(store, at, rows));
  delta.added.push_back(std::move(file));
  CommitOptions own = options;
  own.history = {.all_ms = options.history.all_ms,
                 .every_minute_ms = 0,
                 .every_hour_ms = 0,
                 .every_day_ms = 0,
                 .snapshots_max = options.history.snapshots_max};
  auto prepared = PrepareCommit(store, ledger.table, delta, marks, own);
  if (!prepared) {
    // Best effort: an orphan of the ledger is small.
    static_cast<void>(store.Delete(std::span(&at, 1)));
    return prepared;
  }
  prepared->written.push_back(at);
  return prepared;
}

}  // namespace sluice::iceberg
