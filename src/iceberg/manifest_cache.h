// What immutable metadata files say, remembered: manifest lists, which paths a manifest holds live,
// and the entries of delete manifests. A fact about a file that never changes cannot grow stale, so
// nothing has to be invalidated; the least recently used facts go when `bytes_max` is reached, and
// are read again.
#pragma once

#include <any>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "iceberg/manifest.h"
#include "store/object_store.h"

namespace sluice::iceberg {

using ManifestPointer = std::shared_ptr<const ManifestFile>;

// Paths as 64-bit hashes, ascending. Two paths that fall together make one that is gone look live:
// its file stays, none is deleted wrongly.
class PathSet {
 public:
  static PathSet Of(std::vector<uint64_t> hashes);
  static uint64_t Hash(std::string_view path);
  bool Contains(uint64_t hash) const;
  const std::vector<uint64_t>& hashes() const { return hashes_; }

 private:
  std::vector<uint64_t> hashes_;
};

// Thread-safe; one for all tables of a process.
class ManifestCache {
 public:
  explicit ManifestCache(size_t bytes_max = size_t{32} << 20) : bytes_max_(bytes_max) {}

  using List = std::vector<ManifestPointer>;
  using Entries = std::vector<ManifestEntry>;
  Result<std::shared_ptr<const List>> ReadList(store::ObjectStore& store,
                                               const store::Location& at);
  // Live: added or existing.
  Result<std::shared_ptr<const PathSet>> LivePaths(store::ObjectStore& store,
                                                   const ManifestFile& manifest);
  // Live entries only; for delete manifests, which are few and short.
  Result<std::shared_ptr<const Entries>> LiveEntries(store::ObjectStore& store,
                                                     const ManifestFile& manifest);
  // The data files whose rows a position delete file names.
  Result<std::shared_ptr<const PathSet>> DeleteTargets(store::ObjectStore& store,
                                                       const store::Location& delete_file);
  size_t bytes() const;

 private:
  struct Slot {
    std::any fact;
    size_t bytes = 0;
    std::list<std::string>::iterator used;
  };
  template <typename T>
  std::shared_ptr<const T> Find(const std::string& key);
  template <typename T>
  std::shared_ptr<const T> Insert(const std::string& key, T fact, size_t bytes);
  ManifestPointer Intern(ManifestFile manifest);

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::list<std::string> by_use_;  // the least recently used first
  std::unordered_map<std::string, Slot> slots_;
  // Lists of one table share most of their manifests.
  std::unordered_map<std::string, std::weak_ptr<const ManifestFile>> interned_;
};

// Whether the entry counts in its snapshot.
inline bool IsLive(const ManifestEntry& entry) { return entry.status != EntryStatus::kDeleted; }
inline int LiveFileCount(const ManifestFile& manifest) {
  return manifest.added_files + manifest.existing_files;
}

}  // namespace sluice::iceberg
