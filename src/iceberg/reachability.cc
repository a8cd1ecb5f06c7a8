#include "iceberg/reachability.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace sluice::iceberg {

namespace {

using Manifests = std::unordered_map<std::string_view, ManifestPointer>;

// The data sequence numbers of a manifest's live files lie between its minimum and its own number.
bool MayShareFiles(const ManifestFile& a, const ManifestFile& b) {
  return a.content == b.content && LiveFileCount(b) > 0 &&
         a.min_sequence_number <= b.sequence_number && b.min_sequence_number <= a.sequence_number;
}

class Sweep {
 public:
  Sweep(store::ObjectStore& store, ManifestCache& cache, const TableMetadata& metadata,
        std::span<const SnapshotId> removed)
      : store_(store),
        cache_(cache),
        metadata_(metadata),
        removed_(removed.begin(), removed.end()) {}

  Result<std::vector<store::Location>> Run() {
    SLUICE_TRY(ReadLists());
    for (const auto& [path, manifest] : leaving_) {
      out_.insert(manifest->path);
      SLUICE_TRY(CollectFiles(*manifest));
    }
    CollectStatistics();
    return std::vector<store::Location>(out_.begin(), out_.end());
  }

 private:
  Status ReadLists() {
    // Newest first: what a merge carried on is found there.
    std::vector<const Snapshot*> staying;
    for (const Snapshot& snapshot : metadata_.snapshots) {
      if (!removed_.contains(snapshot.id)) staying.push_back(&snapshot);
    }
    std::sort(staying.begin(), staying.end(), [](const Snapshot* a, const Snapshot* b) {
      return a->sequence_number > b->sequence_number;
    });
    std::unordered_set<std::string_view> lists;
    for (const Snapshot* snapshot : staying) {
      lists.insert(snapshot->manifest_list);
      SLUICE_LET(const auto list, cache_.ReadList(store_, snapshot->manifest_list));
      for (const ManifestPointer& manifest : *list) {
        if (staying_.try_emplace(manifest->path, manifest).second) by_age_.push_back(manifest);
      }
    }
    for (const Snapshot& snapshot : metadata_.snapshots) {
      if (!removed_.contains(snapshot.id) || lists.contains(snapshot.manifest_list)) continue;
      out_.insert(snapshot.manifest_list);
      SLUICE_LET(const auto list, cache_.ReadList(store_, snapshot.manifest_list));
      for (const ManifestPointer& manifest : *list) {
        if (!staying_.contains(manifest->path)) leaving_.try_emplace(manifest->path, manifest);
      }
    }
    return {};
  }

  Status CollectFiles(const ManifestFile& manifest) {
    SLUICE_LET(const auto live, cache_.LivePaths(store_, manifest));
    std::unordered_set<uint64_t> open(live->hashes().begin(), live->hashes().end());
    for (const ManifestPointer& other : by_age_) {
      if (open.empty()) return {};
      if (!MayShareFiles(manifest, *other)) continue;
      SLUICE_LET(const auto paths, cache_.LivePaths(store_, *other));
      std::erase_if(open, [&](uint64_t hash) { return paths->Contains(hash); });
    }
    if (open.empty()) return {};
    SLUICE_LET(const auto entries, ReadManifest(store_, manifest), "reading {}", manifest.path);
    for (const ManifestEntry& entry : entries) {
      if (IsLive(entry) && open.contains(PathSet::Hash(entry.file.location))) {
        out_.insert(entry.file.location);
      }
    }
    return {};
  }

  void CollectStatistics() {
    std::set<std::string> staying;
    std::set<std::string> leaving;
    for (const char* member : {"statistics", "partition-statistics"}) {
      if (!metadata_.extra.is_object() || !metadata_.extra.contains(member)) continue;
      for (const Json& entry : metadata_.extra[member]) {
        if (!entry.is_object() || !entry.contains("statistics-path")) continue;
        const auto path = entry["statistics-path"].get<std::string>();
        const bool gone = removed_.contains(entry.value("snapshot-id", SnapshotId{-1}));
        (gone ? leaving : staying).insert(path);
      }
    }
    for (const std::string& path : leaving) {
      if (!staying.contains(path)) out_.insert(path);
    }
  }

  store::ObjectStore& store_;
  ManifestCache& cache_;
  const TableMetadata& metadata_;
  const std::unordered_set<SnapshotId> removed_;
  Manifests staying_;
  std::vector<ManifestPointer> by_age_;
  Manifests leaving_;
  std::set<store::Location> out_;
};

}  // namespace

Result<std::vector<store::Location>> UnreachableFiles(store::ObjectStore& store,
                                                      ManifestCache& cache,
                                                      const TableMetadata& metadata,
                                                      std::span<const SnapshotId> removed) {
  try {
    return Sweep(store, cache, metadata, removed).Run();
  } catch (const nlohmann::json::exception&) {
    return MakeError(ErrorKind::kCorrupt, "statistics entries of table {} are malformed",
                     metadata.table_uuid);
  }
}

}  // namespace sluice::iceberg
