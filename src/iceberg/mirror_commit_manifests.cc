#include "iceberg/mirror_commit_manifests.h"

#include <algorithm>
#include <utility>

namespace sluice::iceberg {

namespace {

// A manifest of this many entries takes some megabytes (Java's target is 8 MiB): larger ones are
// not merged, and only one of them is in memory at a time.
constexpr size_t kEntriesMax = 10'000;

class Rewriter {
 public:
  Rewriter(const ManifestWork& work, std::span<const ManifestPointer> base, ManifestChange change)
      : work_(work), base_(base), change_(std::move(change)) {}

  Result<ManifestOutcome> Run() {
    pool_ = std::move(change_.added);
    for (const ManifestPointer& manifest : base_) {
      // What has only removed entries was written for an older snapshot and says nothing here.
      if (manifest->content != change_.content || LiveFileCount(*manifest) == 0) continue;
      SLUICE_LET(const bool touched, IsTouched(*manifest));
      if (!touched) {
        carried_.push_back(manifest);
      } else {
        SLUICE_TRY(MarkRemoved(*manifest));
      }
    }
    if (found_.size() != change_.removed.size()) return NotLive();
    if (!pool_.empty()) SLUICE_TRY(MergeSmall());
    if (!pool_.empty()) SLUICE_TRY(Write(pool_));
    for (const ManifestPointer& manifest : carried_) outcome_.manifests.push_back(*manifest);
    return std::move(outcome_);
  }

 private:
  Result<bool> IsTouched(const ManifestFile& manifest) {
    if (change_.removed.empty()) return false;
    SLUICE_LET(const auto live, work_.cache.LivePaths(work_.store, manifest));
    return std::any_of(change_.removed.begin(), change_.removed.end(),
                       [&](const auto& path) { return live->Contains(PathSet::Hash(path)); });
  }

  Status MarkRemoved(const ManifestFile& manifest) {
    if (manifest.partition_spec_id != 0) {
      return MakeError(ErrorKind::kUnsupported,
                       "manifest {} is of partition spec {}, which another program made",
                       manifest.path, manifest.partition_spec_id);
    }
    SLUICE_LET(std::vector<ManifestEntry> entries, Carry(manifest));
    for (ManifestEntry& entry : entries) {
      if (!change_.removed.contains(entry.file.location)) continue;
      if (!found_.insert(entry.file.location).second) {
        return MakeError(ErrorKind::kCorrupt, "file {} is live twice", entry.file.location);
      }
      entry.status = EntryStatus::kDeleted;
      entry.snapshot_id = work_.snapshot_id;  // the remover's; the numbers stay
      outcome_.removed_rows += entry.file.record_count;
      outcome_.removed_bytes += static_cast<int64_t>(entry.file.size_bytes);
    }
    if (entries.size() + pool_.size() > kEntriesMax) return Write(entries);
    std::move(entries.begin(), entries.end(), std::back_inserter(pool_));
    return {};
  }

  // Live entries as EXISTING; what older snapshots removed was said once, by them.
  Result<std::vector<ManifestEntry>> Carry(const ManifestFile& manifest) {
    SLUICE_LET(std::vector<ManifestEntry> entries, ReadManifest(work_.store, manifest),
               "reading {}", manifest.path);
    std::erase_if(entries, [](const ManifestEntry& entry) { return !IsLive(entry); });
    for (ManifestEntry& entry : entries) entry.status = EntryStatus::kExisting;
    return entries;
  }

  Status Write(const std::vector<ManifestEntry>& entries) {
    SLUICE_LET(ManifestFile manifest,
               WriteManifest(work_.store, work_.next_path(),
                             {&work_.schema, work_.snapshot_id, change_.content}, entries),
               "writing a manifest of {} entries", entries.size());
    outcome_.manifests.push_back(std::move(manifest));
    return {};
  }

  size_t TierOf(size_t entries) const {
    const auto base = static_cast<size_t>(std::max(work_.merge_min, 2));
    size_t tier = 0;
    for (; entries >= base; entries /= base) ++tier;
    return tier;
  }

  // Manifests of one size class become one when there are `merge_min` of them, so that an entry is
  // rewritten once a class.
  Status MergeSmall() {
    for (size_t tier = 0; tier <= TierOf(kEntriesMax); ++tier) {
      std::vector<ManifestPointer> members;
      size_t entries = pool_.size();
      for (const ManifestPointer& manifest : carried_) {
        const auto live = static_cast<size_t>(LiveFileCount(*manifest));
        if (manifest->partition_spec_id != 0 || TierOf(live) != tier) continue;
        members.push_back(manifest);
        entries += live;
      }
      const size_t count = members.size() + (TierOf(pool_.size()) <= tier ? 1 : 0);
      if (count < static_cast<size_t>(work_.merge_min) || entries > kEntriesMax) continue;
      for (const ManifestPointer& manifest : members) {
        SLUICE_LET(std::vector<ManifestEntry> carried, Carry(*manifest));
        std::move(carried.begin(), carried.end(), std::back_inserter(pool_));
        std::erase(carried_, manifest);
      }
    }
    return {};
  }

  Error NotLive() const {
    for (const store::Location& path : change_.removed) {
      if (found_.contains(path)) continue;
      return MakeError(ErrorKind::kConflict, "file {} is to be removed, but is not in the table",
                       path);
    }
    return MakeError(ErrorKind::kInternal, "removed files do not add up");
  }

  const ManifestWork& work_;
  std::span<const ManifestPointer> base_;
  ManifestChange change_;
  std::vector<ManifestEntry> pool_;
  std::vector<ManifestPointer> carried_;
  std::set<store::Location> found_;
  ManifestOutcome outcome_;
};

}  // namespace

Result<ManifestOutcome> RewriteManifests(const ManifestWork& work,
                                         std::span<const ManifestPointer> base,
                                         ManifestChange change) {
  return Rewriter(work, base, std::move(change)).Run();
}

}  // namespace sluice::iceberg
