// The manifests of a new snapshot out of those of its parent: what is removed is marked in the
// manifests that hold it, what is added goes into a new one, and small ones are merged, so that
// their number stays below 2 * merge_min + live files / merge_min^2 for each kind of content.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "iceberg/manifest_cache.h"

namespace sluice::iceberg {

struct ManifestWork {
  store::ObjectStore& store;
  ManifestCache& cache;
  const Schema& schema;
  SnapshotId snapshot_id;
  int merge_min;
  std::function<store::Location()> next_path;
};

struct ManifestChange {
  ManifestContent content = ManifestContent::kData;
  std::vector<ManifestEntry> added;
  std::set<store::Location> removed;
};

struct ManifestOutcome {
  std::vector<ManifestFile> manifests;  // new ones first, then carried ones in their old order
  int64_t removed_rows = 0;
  int64_t removed_bytes = 0;
};

// `base`: the parent's manifest list, other content is passed over. kConflict: a file to remove is
// not live there (another writer was first).
Result<ManifestOutcome> RewriteManifests(const ManifestWork& work,
                                         std::span<const ManifestPointer> base,
                                         ManifestChange change);

}  // namespace sluice::iceberg
