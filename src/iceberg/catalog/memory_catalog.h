// A catalog in memory, for tests and the simulation: ApplyCommit behind the seam, all tables of a
// commit or none, and answers that get lost on demand.
#pragma once

#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "iceberg/catalog/catalog.h"
#include "iceberg/catalog/metadata_file.h"

namespace sluice::iceberg {

class MemoryCatalog final : public Catalog {
 public:
  explicit MemoryCatalog(const Clock& clock) : clock_(clock) {}

  // The next commit's answer is kCommitUnknown; it happens or not, as `happens` says.
  void LoseNextAnswer(bool happens) { lost_ = happens; }

  size_t CommitTablesMax() const override { return std::numeric_limits<size_t>::max(); }

  Result<std::optional<LoadedTable>> Load(const TableIdentifier& table) override {
    const std::lock_guard lock(mutex_);
    return Find(table);
  }

  Result<std::vector<TableIdentifier>> List() override {
    const std::lock_guard lock(mutex_);
    std::vector<TableIdentifier> names;
    for (const auto& [name, table] : tables_) names.push_back(name);
    return names;
  }

  Result<std::vector<LoadedTable>> Commit(std::span<const TableCommit> commits) override {
    const std::lock_guard lock(mutex_);
    std::vector<LoadedTable> next;
    for (const TableCommit& commit : commits) {
      const std::optional<LoadedTable> base = Find(commit.table);
      SLUICE_LET(TableMetadata metadata,
                 ApplyCommit(base ? &*base : nullptr, commit, clock_.WallMicros() / 1000));
      std::string location =
          MetadataLocation(metadata, base ? base->metadata_location : "", commit.commit_id);
      next.push_back({commit.table, std::move(location), std::move(metadata)});
    }
    const std::optional<bool> lost = std::exchange(lost_, std::nullopt);
    if (lost.value_or(true)) {
      for (const LoadedTable& table : next) tables_[table.identifier] = table;
    }
    if (lost) return MakeError(ErrorKind::kCommitUnknown, "the answer got lost");
    return next;
  }

  Status Drop(const TableIdentifier& table) override {
    const std::lock_guard lock(mutex_);
    tables_.erase(table);
    return {};
  }

 private:
  std::optional<LoadedTable> Find(const TableIdentifier& table) const {
    const auto found = tables_.find(table);
    if (found == tables_.end()) return std::nullopt;
    return found->second;
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::map<TableIdentifier, LoadedTable> tables_;
  std::optional<bool> lost_;
};

}  // namespace sluice::iceberg
