// Which files only expired snapshots refer to. By reachability, never from what single snapshots
// say they removed: branches, rollbacks and rewritten manifests make that wrong.
#pragma once

#include <span>
#include <vector>

#include "base/error.h"
#include "iceberg/manifest_cache.h"
#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

// `metadata` still holds the snapshots `removed`. The result, sorted: their manifest lists, the
// manifests in no remaining list, data and delete files live in no remaining snapshot, and their
// statistics files. An error means that something could not be read: then nothing may be deleted.
//
// Cost with a warm cache: the manifests that leave, where they hold a file that leaves.
Result<std::vector<store::Location>> UnreachableFiles(store::ObjectStore& store,
                                                      ManifestCache& cache,
                                                      const TableMetadata& metadata,
                                                      std::span<const SnapshotId> removed);

}  // namespace sluice::iceberg
