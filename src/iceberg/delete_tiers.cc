#include "iceberg/delete_tiers.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace sluice::iceberg {

namespace {

constexpr std::string_view kMark = "-deletes-t";
constexpr std::string_view kEnd = ".parquet";

class Planner {
 public:
  Planner(store::ObjectStore& store, ManifestCache& cache, const DeleteRequest& request)
      : store_(store), cache_(cache), request_(request) {}

  Result<DeletePlan> Plan() {
    for (const ManifestEntry& entry : request_.live) {
      SLUICE_LET(const bool dead, MatchesNothing(entry));
      if (dead) {
        plan_.dropped.push_back(entry.file.location);
      } else if (const auto tier = DeleteTier(entry.file.location)) {
        tiers_[*tier].push_back(&entry);
      }
    }
    if (!request_.added->empty()) SLUICE_TRY(MergeTiers());
    return std::move(plan_);
  }

 private:
  Result<bool> MatchesNothing(const ManifestEntry& entry) {
    if (entry.content != FileContent::kPositionDeletes) return false;
    if (entry.sequence_number.value_or(0) < request_.min_data_sequence_number) return true;
    if (entry.referenced_data_file) return !request_.data->Contains(*entry.referenced_data_file);
    if (!request_.data_removed || !DeleteTier(entry.file.location)) return false;
    SLUICE_LET(const auto targets, cache_.DeleteTargets(store_, entry.file.location));
    return std::none_of(targets->hashes().begin(), targets->hashes().end(),
                        [&](uint64_t hash) { return request_.data->ContainsHash(hash); });
  }

  Status MergeTiers() {
    const size_t full = static_cast<size_t>(std::max(request_.tier_files, 1));
    const auto is_live = [&](const store::Location& at) { return request_.data->Contains(at); };
    while (tiers_[plan_.tier].size() >= full) {
      if (!plan_.merged) plan_.merged = *request_.added;
      for (const ManifestEntry* entry : tiers_[plan_.tier]) {
        SLUICE_TRY(
            parquet::ReadPositionDeletes(store_, entry->file.location, is_live, *plan_.merged),
            "merging {}", entry->file.location);
        plan_.dropped.push_back(entry->file.location);
      }
      ++plan_.tier;
    }
    return {};
  }

  store::ObjectStore& store_;
  ManifestCache& cache_;
  const DeleteRequest& request_;
  std::map<int, std::vector<const ManifestEntry*>> tiers_;
  DeletePlan plan_;
};

}  // namespace

std::optional<int> DeleteTier(std::string_view location) {
  const size_t mark = location.rfind(kMark);
  if (mark == std::string_view::npos || !location.ends_with(kEnd)) return std::nullopt;
  location.remove_prefix(mark + kMark.size());
  location.remove_suffix(kEnd.size());
  int tier = 0;
  const auto [end, failed] =
      std::from_chars(location.data(), location.data() + location.size(), tier);
  const bool whole = failed == std::errc() && end == location.data() + location.size();
  if (!whole || tier < 0 || tier > 30) return std::nullopt;
  return tier;
}

Result<DeletePlan> PlanDeletes(store::ObjectStore& store, ManifestCache& cache,
                               const DeleteRequest& request) {
  return Planner(store, cache, request).Plan();
}

}  // namespace sluice::iceberg
