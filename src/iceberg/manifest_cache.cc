#include "iceberg/manifest_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "parquet/position_delete_file.h"

namespace sluice::iceberg {

namespace {

constexpr size_t kSlotBytes = 200;   // key, list node, hash node
constexpr size_t kEntryBytes = 400;  // of a delete file, without statistics

size_t BytesOf(const PathSet& paths) { return paths.hashes().size() * sizeof(uint64_t); }

}  // namespace

PathSet PathSet::Of(std::vector<uint64_t> hashes) {
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  hashes.shrink_to_fit();
  PathSet set;
  set.hashes_ = std::move(hashes);
  return set;
}

uint64_t PathSet::Hash(std::string_view path) { return XXH3_64bits(path.data(), path.size()); }

bool PathSet::Contains(uint64_t hash) const {
  return std::binary_search(hashes_.begin(), hashes_.end(), hash);
}

Result<std::shared_ptr<const ManifestCache::List>> ManifestCache::ReadList(
    store::ObjectStore& store, const store::Location& at) {
  const std::string key = "list " + at;
  if (auto known = Find<List>(key)) return known;
  SLUICE_LET(std::vector<ManifestFile> read, ReadManifestList(store, at), "reading {}", at);
  List list;
  list.reserve(read.size());
  for (ManifestFile& manifest : read) list.push_back(Intern(std::move(manifest)));
  const size_t bytes = list.size() * (sizeof(ManifestPointer) + sizeof(ManifestFile) / 8);
  return Insert(key, std::move(list), bytes);
}

Result<std::shared_ptr<const PathSet>> ManifestCache::LivePaths(store::ObjectStore& store,
                                                                const ManifestFile& manifest) {
  const std::string key = "live " + manifest.path;
  if (auto known = Find<PathSet>(key)) return known;
  std::vector<uint64_t> hashes;
  if (LiveFileCount(manifest) > 0) {
    SLUICE_LET(const auto entries, ReadManifest(store, manifest), "reading {}", manifest.path);
    for (const ManifestEntry& entry : entries) {
      if (IsLive(entry)) hashes.push_back(PathSet::Hash(entry.file.location));
    }
  }
  PathSet paths = PathSet::Of(std::move(hashes));
  const size_t bytes = BytesOf(paths);
  return Insert(key, std::move(paths), bytes);
}

Result<std::shared_ptr<const ManifestCache::Entries>> ManifestCache::LiveEntries(
    store::ObjectStore& store, const ManifestFile& manifest) {
  const std::string key = "entries " + manifest.path;
  if (auto known = Find<Entries>(key)) return known;
  Entries entries;
  if (LiveFileCount(manifest) > 0) {
    SLUICE_LET(entries, ReadManifest(store, manifest), "reading {}", manifest.path);
    std::erase_if(entries, [](const ManifestEntry& entry) { return !IsLive(entry); });
  }
  const size_t bytes = entries.size() * kEntryBytes;
  return Insert(key, std::move(entries), bytes);
}

Result<std::shared_ptr<const PathSet>> ManifestCache::DeleteTargets(
    store::ObjectStore& store, const store::Location& delete_file) {
  const std::string key = "targets " + delete_file;
  if (auto known = Find<PathSet>(key)) return known;
  std::vector<uint64_t> hashes;
  parquet::PositionDeletes none;
  const auto note = [&](const store::Location& target) {
    hashes.push_back(PathSet::Hash(target));
    return false;
  };
  SLUICE_TRY(parquet::ReadPositionDeletes(store, delete_file, note, none), "reading {}",
             delete_file);
  PathSet targets = PathSet::Of(std::move(hashes));
  const size_t bytes = BytesOf(targets);
  return Insert(key, std::move(targets), bytes);
}

size_t ManifestCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

template <typename T>
std::shared_ptr<const T> ManifestCache::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found == slots_.end()) return nullptr;
  by_use_.splice(by_use_.end(), by_use_, found->second.used);
  return std::any_cast<std::shared_ptr<const T>>(found->second.fact);
}

template <typename T>
std::shared_ptr<const T> ManifestCache::Insert(const std::string& key, T fact, size_t bytes) {
  auto shared = std::make_shared<const T>(std::move(fact));
  bytes += kSlotBytes + key.size();
  const std::lock_guard lock(mutex_);
  const auto [slot, added] = slots_.try_emplace(key);
  if (!added) return std::any_cast<std::shared_ptr<const T>>(slot->second.fact);
  slot->second = {shared, bytes, by_use_.insert(by_use_.end(), key)};
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && by_use_.size() > 1) {
    const auto oldest = slots_.find(by_use_.front());
    bytes_ -= oldest->second.bytes;
    by_use_.pop_front();
    slots_.erase(oldest);
  }
  return shared;
}

ManifestPointer ManifestCache::Intern(ManifestFile manifest) {
  const std::lock_guard lock(mutex_);
  if (interned_.size() > 2 * slots_.size() + 1000) {
    std::erase_if(interned_, [](const auto& one) { return one.second.expired(); });
  }
  std::weak_ptr<const ManifestFile>& known = interned_[manifest.path];
  if (ManifestPointer same = known.lock()) return same;
  auto shared = std::make_shared<const ManifestFile>(std::move(manifest));
  known = shared;
  return shared;
}

}  // namespace sluice::iceberg
