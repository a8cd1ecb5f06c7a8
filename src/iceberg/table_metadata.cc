#include "iceberg/table_metadata.h"

#include <algorithm>
#include <utility>

namespace sluice::iceberg {

namespace {

// Spec, "Partition Specs": ids of partition fields start at 1000; this says that there are none.
constexpr int kNoPartitionField = 999;

int LastColumnId(const Schema& schema) {
  int out = 0;
  for (const Field& field : schema.fields) {
    out = std::max({out, field.id, field.element_id, field.value_id});
  }
  return out;
}

}  // namespace

const Schema& TableMetadata::current_schema() const {
  const auto found = std::find_if(schemas.begin(), schemas.end(), [this](const Schema& schema) {
    return schema.schema_id == current_schema_id;
  });
  SLUICE_CHECK(found != schemas.end(), "table {} has no schema {}", table_uuid, current_schema_id);
  return *found;
}

const Snapshot* TableMetadata::FindSnapshot(SnapshotId id) const {
  const auto found = std::find_if(snapshots.begin(), snapshots.end(),
                                  [id](const Snapshot& snapshot) { return snapshot.id == id; });
  return found == snapshots.end() ? nullptr : &*found;
}

const Snapshot* TableMetadata::current_snapshot() const {
  return current_snapshot_id ? FindSnapshot(*current_snapshot_id) : nullptr;
}

std::vector<const Snapshot*> TableMetadata::Ancestry() const {
  std::vector<const Snapshot*> out;
  const Snapshot* snapshot = current_snapshot();
  // The bound ends a circle of parents, which nobody writes but anybody could.
  while (snapshot != nullptr && out.size() < snapshots.size()) {
    out.push_back(snapshot);
    snapshot = snapshot->parent_id ? FindSnapshot(*snapshot->parent_id) : nullptr;
  }
  return out;
}

TableMetadata NewTableMetadata(std::string uuid, std::string location, Schema schema,
                               std::map<std::string, std::string> properties, int64_t now_ms) {
  while (location.ends_with('/')) location.pop_back();
  TableMetadata out;
  out.table_uuid = std::move(uuid);
  out.location = std::move(location);
  out.last_updated_ms = now_ms;
  out.last_column_id = LastColumnId(schema);
  out.current_schema_id = schema.schema_id;
  out.schemas.push_back(std::move(schema));
  out.properties = std::move(properties);
  const Json no_spec = {{"spec-id", 0}, {"fields", Json::array()}};
  const Json no_order = {{"order-id", 0}, {"fields", Json::array()}};
  out.extra = {{"default-spec-id", 0},
               {"partition-specs", Json::array({no_spec})},
               {"last-partition-id", kNoPartitionField},
               {"default-sort-order-id", 0},
               {"sort-orders", Json::array({no_order})},
               {"statistics", Json::array()},
               {"partition-statistics", Json::array()}};
  return out;
}

}  // namespace sluice::iceberg
