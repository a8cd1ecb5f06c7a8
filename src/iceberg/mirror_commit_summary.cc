#include "iceberg/mirror_commit_summary.h"

#include <charconv>
#include <optional>

namespace sluice::iceberg {

namespace {

std::optional<int64_t> ParentTotal(const Snapshot* parent, const std::string& name) {
  if (parent == nullptr) return 0;
  const auto found = parent->summary.find(name);
  if (found == parent->summary.end()) return std::nullopt;
  const std::string& text = found->second;
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string OperationOf(const SnapshotCounts& counts) {
  const bool adds_data = counts.added_data_files > 0;
  const bool adds_deletes = counts.added_delete_files > 0;
  const bool removes = counts.removed_data_files > 0;
  if (removes || (adds_data && adds_deletes)) return "overwrite";
  return adds_deletes ? "delete" : "append";
}

std::map<std::string, std::string> CountersOf(const SnapshotCounts& counts,
                                              const Snapshot* parent) {
  std::map<std::string, std::string> out{{"operation", OperationOf(counts)}};
  const auto count = [&](const char* name, int64_t value) {
    if (value != 0) out[name] = std::to_string(value);
  };
  count("added-data-files", counts.added_data_files);
  count("deleted-data-files", counts.removed_data_files);
  count("added-records", counts.added_rows);
  count("deleted-records", counts.removed_rows);
  count("added-delete-files", counts.added_delete_files);
  count("added-position-delete-files", counts.added_delete_files);
  count("removed-delete-files", counts.removed_delete_files);
  count("removed-position-delete-files", counts.removed_delete_files);
  count("added-position-deletes", counts.added_positions);
  count("removed-position-deletes", counts.removed_positions);
  count("added-files-size", counts.added_bytes);
  count("removed-files-size", counts.removed_bytes);
  const auto total = [&](const char* name, int64_t change) {
    const auto before = ParentTotal(parent, name);
    if (before && *before + change >= 0) out[name] = std::to_string(*before + change);
  };
  total("total-data-files", counts.added_data_files - counts.removed_data_files);
  total("total-records", counts.added_rows - counts.removed_rows);
  total("total-delete-files", counts.added_delete_files - counts.removed_delete_files);
  total("total-position-deletes", counts.added_positions - counts.removed_positions);
  total("total-equality-deletes", 0);
  total("total-files-size", counts.added_bytes - counts.removed_bytes);
  return out;
}

}  // namespace sluice::iceberg
