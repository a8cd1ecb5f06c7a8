#include "iceberg/replaced_tables.h"

#include <algorithm>

#include "iceberg/json.h"
#include "iceberg/reachability.h"

namespace sluice::iceberg {

std::vector<ReplacedTable> ReplacedTables(const TableMetadata& metadata) {
  std::vector<ReplacedTable> out;
  const auto found = metadata.properties.find(kReplacedKey);
  if (found == metadata.properties.end()) return out;
  const Json list = Json::parse(found->second, nullptr, false);
  if (!list.is_array()) return out;
  for (const Json& one : list) {
    const bool whole = one.is_object() && one.contains("metadata") && one.contains("at_ms") &&
                       one["metadata"].is_string() && one["at_ms"].is_number_integer();
    if (whole) out.push_back({one["metadata"].get<std::string>(), one["at_ms"].get<int64_t>()});
  }
  return out;
}

std::string ToProperty(const std::vector<ReplacedTable>& tables) {
  Json list = Json::array();
  for (const ReplacedTable& one : tables) {
    list.push_back({{"metadata", one.metadata}, {"at_ms", one.at_ms}});
  }
  return list.dump();
}

Result<std::vector<store::Location>> FilesOfTable(store::ObjectStore& store, ManifestCache& cache,
                                                  const LoadedTable& table) {
  std::vector<SnapshotId> all;
  for (const Snapshot& snapshot : table.metadata.snapshots) all.push_back(snapshot.id);
  SLUICE_LET(std::vector<store::Location> out, UnreachableFiles(store, cache, table.metadata, all));
  for (const auto& entry : table.metadata.metadata_log) out.push_back(entry.metadata_file);
  out.push_back(table.metadata_location);
  for (store::Location& file : out) file = store::Canonical(std::move(file));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace sluice::iceberg
