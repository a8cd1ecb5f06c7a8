#include "pipeline/foreign_change.h"

namespace sluice::pipeline {

Result<std::optional<std::string>> ForeignChange(const iceberg::TableMetadata& metadata,
                                                 const std::string& source,
                                                 const std::string& pipeline) {
  SLUICE_LET(const auto marks, iceberg::FindMarks(metadata, source, pipeline));
  if (!marks) return std::optional<std::string>("no snapshot of this pipeline is in its history");
  for (const iceberg::Snapshot* snapshot : metadata.Ancestry()) {
    if (snapshot->id == marks->snapshot_id) return std::optional<std::string>();
    const auto operation = snapshot->summary.find("operation");
    const std::string name = operation == snapshot->summary.end() ? "?" : operation->second;
    if (name == "replace") continue;
    return std::optional<std::string>(fmt::format(
        "another program changed the lake table (snapshot {}, operation {})", snapshot->id, name));
  }
  return std::optional<std::string>();
}

}  // namespace sluice::pipeline
