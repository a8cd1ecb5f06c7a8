// A catalog as the SQL one is: metadata files in the store, and rows that a transaction swaps all
// or none. The rows survive everything; answers get lost, and commits come late, on demand.
#pragma once

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

// What happens to the next commit.
enum class CommitFault : uint8_t {
  kNone,
  kRefused,   // kUnavailable: nothing happened
  kConflict,  // somebody else's, without one
  kLost,      // it happened, the answer was lost
  kDropped,   // it did not happen, and nobody knows
  kLate,      // the same, and it happens later
};

class SimCatalog final : public iceberg::Catalog {
 public:
  // Both outlive this; `store` is over `files`.
  SimCatalog(FakeFileSystem& files, store::ObjectStore& store, const Clock& clock, uint64_t seed)
      : files_(files), store_(store), clock_(clock), random_(seed) {}

  size_t CommitTablesMax() const override { return SIZE_MAX; }
  Result<std::optional<iceberg::LoadedTable>> Load(const iceberg::TableIdentifier& table) override;
  Result<std::vector<iceberg::TableIdentifier>> List() override;
  Status Commit(std::span<const iceberg::TableCommit> commits) override;
  Status Drop(const iceberg::TableIdentifier& table) override;

  void SetFault(CommitFault fault) { fault_ = fault; }
  bool fault_pending() const { return fault_ != CommitFault::kNone || !late_.empty(); }
  // A commit that was on its way arrives, if it still can.
  void Arrive();
  const std::map<iceberg::TableIdentifier, std::string>& rows() const { return rows_; }
  uint64_t commit_count() const { return commits_; }

 private:
  struct Swap {
    iceberg::TableIdentifier table;
    std::string previous;
    std::string location;
    bool made = false;
    std::vector<store::Location> evicted;
  };

  Result<std::vector<Swap>> WriteFiles(std::span<const iceberg::TableCommit> commits);
  Status SwapRows(const std::vector<Swap>& swaps);

  FakeFileSystem& files_;
  store::ObjectStore& store_;
  const Clock& clock_;
  Random random_;
  CommitFault fault_ = CommitFault::kNone;
  std::map<iceberg::TableIdentifier, std::string> rows_;  // to the metadata file
  std::vector<iceberg::TableCommit> late_;
  uint64_t commits_ = 0;
};

}  // namespace sluice::simulate
