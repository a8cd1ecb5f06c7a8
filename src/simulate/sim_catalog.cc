#include "simulate/sim_catalog.h"

#include <utility>

#include "base/uuid.h"

namespace sluice::simulate {

using iceberg::LoadedTable;
using iceberg::TableCommit;
using iceberg::TableIdentifier;

Result<std::optional<LoadedTable>> SimCatalog::Load(const TableIdentifier& table) {
  const auto found = rows_.find(table);
  if (found == rows_.end()) return std::optional<LoadedTable>();
  LoadedTable out{table, found->second, {}};
  SLUICE_LET(out.metadata, iceberg::ReadMetadataFile(store_, out.metadata_location));
  return std::optional(std::move(out));
}

Result<std::vector<TableIdentifier>> SimCatalog::List() {
  std::vector<TableIdentifier> out;
  for (const auto& [name, location] : rows_) out.push_back(name);
  return out;
}

Status SimCatalog::Drop(const TableIdentifier& table) {
  rows_.erase(table);
  return {};
}

Result<std::vector<SimCatalog::Swap>> SimCatalog::WriteFiles(std::span<const TableCommit> commits) {
  std::vector<Swap> out;
  for (const TableCommit& commit : commits) {
    SLUICE_LET(const auto base, Load(commit.table));
    SLUICE_LET(auto next, ApplyCommit(base ? &*base : nullptr, commit, clock_.WallMicros() / 1000));
    Swap swap;
    swap.previous = base ? base->metadata_location : "";
    const bool same_table = base && base->metadata.table_uuid == next.table_uuid;
    if (same_table) swap.evicted = EvictedMetadataFiles(base->metadata, next);
    auto at = MetadataLocation(next, same_table ? swap.previous : "", commit.commit_id);
    swap.next = {commit.table, std::move(at), std::move(next)};
    SLUICE_LET(swap.made,
               WriteMetadataFile(store_, swap.next.metadata_location, swap.next.metadata));
    out.push_back(std::move(swap));
  }
  return out;
}

Status SimCatalog::SwapRows(const std::vector<Swap>& swaps) {
  for (const Swap& swap : swaps) {
    const auto found = rows_.find(swap.next.identifier);
    const std::string now = found == rows_.end() ? "" : found->second;
    if (now == swap.previous) continue;
    return MakeError(ErrorKind::kConflict, "{}: another commit was first",
                     swap.next.identifier.ToString());
  }
  for (const Swap& swap : swaps) rows_[swap.next.identifier] = swap.next.metadata_location;
  ++commits_;
  return {};
}

Result<std::vector<LoadedTable>> SimCatalog::Apply(std::span<const TableCommit> commits) {
  SLUICE_LET(std::vector<Swap> swaps, WriteFiles(commits));
  // Power may go while the transaction commits: then it happened or not.
  const Status powered = files_.CreateFolders("/catalog");
  if (powered || random_.OneIn(2)) SLUICE_TRY(SwapRows(swaps));
  if (!powered) return MakeError(ErrorKind::kCommitUnknown, "the catalog does not answer");
  std::vector<LoadedTable> out;
  for (Swap& swap : swaps) {
    static_cast<void>(store_.Delete(swap.evicted));
    out.push_back(std::move(swap.next));
  }
  return out;
}

// One by one, and not to the end.
void SimCatalog::ApplyInPart(std::span<const TableCommit> commits) {
  for (size_t i = random_.Next() % commits.size(); i > 0; --i) {
    static_cast<void>(Apply(commits.first(1)));
    commits = commits.subspan(1);
  }
}

Result<std::vector<LoadedTable>> SimCatalog::Commit(std::span<const TableCommit> commits) {
  if (faults_.empty()) return Apply(commits);
  const CommitFault fault = faults_.front();
  faults_.pop_front();
  switch (fault) {
    case CommitFault::kRefused:
      return MakeError(ErrorKind::kUnavailable, "the catalog is away");
    case CommitFault::kConflict:
      return MakeError(ErrorKind::kConflict, "another commit was first, as it seems");
    case CommitFault::kLost:
      static_cast<void>(Apply(commits));
      break;
    case CommitFault::kLate:
      late_.emplace_back(commits.begin(), commits.end());
      for (TableCommit& commit : late_.back()) commit.base = nullptr;  // gone by then
      break;
    case CommitFault::kInPart:
      ApplyInPart(commits);
      break;
    case CommitFault::kNone:
    case CommitFault::kDropped:
      break;
  }
  return MakeError(ErrorKind::kCommitUnknown, "the catalog's answer got lost");
}

void SimCatalog::Arrive() {
  for (const Commits& commits : std::exchange(late_, {})) static_cast<void>(Apply(commits));
}

Status SimCatalog::Replace(const LoadedTable& base, const iceberg::TableMetadata& next) {
  const store::Location at = MetadataLocation(next, base.metadata_location, MakeUuid());
  SLUICE_TRY(WriteMetadataFile(store_, at, next));
  rows_[base.identifier] = at;
  return {};
}

}  // namespace sluice::simulate
