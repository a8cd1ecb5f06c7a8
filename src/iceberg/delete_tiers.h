// Position-delete files that stay few. A commit's deletes are one file of tier 0; when a tier holds
// `tier_files` of them, they and the new one become one file of the next tier, inside the ordinary
// commit. So after n commits at most tier_files * (1 + floor(log_{tier_files + 1}(n))) delete files
// of ours are live (30 after 1,000 commits with the default of 10), and a position is rewritten
// once a tier. The tier stands in the file's name: "...-deletes-t0.parquet".
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "iceberg/live_files.h"
#include "iceberg/manifest_cache.h"
#include "parquet/position_delete_file.h"
#include "store/object_store.h"

namespace sluice::iceberg {

// Nothing: not a delete file that we named.
std::optional<int> DeleteTier(std::string_view location);

struct DeleteRequest {
  std::span<const ManifestEntry> live;              // live position-delete files, any writer's
  const parquet::PositionDeletes* added = nullptr;  // of this commit
  const LiveFiles* data = nullptr;                  // once this commit has happened
  bool data_removed = false;                        // this commit removes data files
  // The smallest data sequence number of any live data file: older deletes match nothing.
  int64_t min_data_sequence_number = 0;
  int tier_files = 10;
};

struct DeletePlan {
  std::vector<store::Location> dropped;  // live delete files that this commit ends
  // To write, with the tier for its name. `merged` holds the positions of the dropped files of the
  // lower tiers too; absent: write the request's own.
  int tier = 0;
  std::optional<parquet::PositionDeletes> merged;
};

// Reads back the files it merges; positions in data files that are gone are left out. Delete files
// of other writers are dropped when they match nothing any more, and never merged.
Result<DeletePlan> PlanDeletes(store::ObjectStore& store, ManifestCache& cache,
                               const DeleteRequest& request);

}  // namespace sluice::iceberg
