// The data files that are live in a snapshot, and once a commit on top of it has happened.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "iceberg/manifest_cache.h"

namespace sluice::iceberg {

class LiveFiles {
 public:
  void AddManifest(std::shared_ptr<const PathSet> paths) { base_.push_back(std::move(paths)); }
  void Add(std::string_view path) { added_.insert(PathSet::Hash(path)); }
  void Remove(std::string_view path) { removed_.insert(PathSet::Hash(path)); }

  bool ContainsHash(uint64_t hash) const {
    if (removed_.contains(hash)) return false;
    if (added_.contains(hash)) return true;
    for (const auto& paths : base_) {
      if (paths->Contains(hash)) return true;
    }
    return false;
  }
  bool Contains(std::string_view path) const { return ContainsHash(PathSet::Hash(path)); }

 private:
  std::vector<std::shared_ptr<const PathSet>> base_;
  std::unordered_set<uint64_t> added_;
  std::unordered_set<uint64_t> removed_;
};

}  // namespace sluice::iceberg
