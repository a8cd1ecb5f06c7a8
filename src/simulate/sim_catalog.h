// A catalog as the SQL one is: metadata files in the store, and rows that a transaction swaps all
// or none. The rows survive everything; answers get lost, and commits come late, on demand.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/file_system_fake.h"
#include "iceberg/catalog/catalog.h"
#include "iceberg/catalog/metadata_file.h"
#include "simulate/random.h"
#include "store/object_store.h"

namespace sluice::simulate {

// What happens to a commit.
enum class CommitFault : uint8_t {
  kNone,
  kRefused,   // kUnavailable: nothing happened
  kConflict,  // somebody else's, without one
  kLost,      // it happened, the answer was lost
  kDropped,   // it did not happen, and nobody knows
  kLate,      // the same, and it happens later
  kInPart,    // some of its tables only, and nobody knows (servers that promise more than they do)
};

class SimCatalog final : public iceberg::Catalog {
 public:
  // Both outlive this; `store` is over `files`.
  SimCatalog(FakeFileSystem& files, store::ObjectStore& store, const Clock& clock, uint64_t seed)
      : files_(files), store_(store), clock_(clock), random_(seed) {}

  size_t CommitTablesMax() const override { return SIZE_MAX; }
  Result<std::optional<iceberg::LoadedTable>> Load(const iceberg::TableIdentifier& table) override;
  Result<std::vector<iceberg::TableIdentifier>> List() override;
  Result<std::vector<iceberg::LoadedTable>> Commit(
      std::span<const iceberg::TableCommit> commits) override;
  Status Drop(const iceberg::TableIdentifier& table) override;

  // Of the next so many commits, a retry of the same counting as one.
  void SetFault(CommitFault fault, int times) { faults_.assign(static_cast<size_t>(times), fault); }
  void ClearFaults() { faults_.clear(); }
  size_t faults_left() const { return faults_.size(); }
  // Commits that were on their way arrive, if they still can.
  void Arrive();
  // Somebody writes a table's metadata as he likes.
  Status Replace(const iceberg::LoadedTable& base, const iceberg::TableMetadata& next);
  const std::map<iceberg::TableIdentifier, std::string>& rows() const { return rows_; }
  uint64_t commit_count() const { return commits_; }

 private:
  using Commits = std::vector<iceberg::TableCommit>;
  struct Swap {
    iceberg::LoadedTable next;
    std::string previous;
    bool made = false;
    std::vector<store::Location> evicted;
  };

  Result<std::vector<iceberg::LoadedTable>> Apply(std::span<const iceberg::TableCommit> commits);
  void ApplyInPart(std::span<const iceberg::TableCommit> commits);
  Result<std::vector<Swap>> WriteFiles(std::span<const iceberg::TableCommit> commits);
  Status SwapRows(const std::vector<Swap>& swaps);

  FakeFileSystem& files_;
  store::ObjectStore& store_;
  const Clock& clock_;
  Random random_;
  std::deque<CommitFault> faults_;
  std::map<iceberg::TableIdentifier, std::string> rows_;  // to the metadata file
  std::vector<Commits> late_;
  uint64_t commits_ = 0;
};

}  // namespace sluice::simulate
