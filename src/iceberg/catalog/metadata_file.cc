#include "iceberg/catalog/metadata_file.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace sluice::iceberg {

namespace {

// "…/metadata/00007-<uuid>.metadata.json" -> 8; anything else starts at 0, as Java does.
int NextVersion(std::string_view previous) {
  previous.remove_prefix(std::min(previous.size(), previous.rfind('/') + 1));
  int version = 0;
  const auto [end, failed] =
      std::from_chars(previous.data(), previous.data() + previous.size(), version);
  const bool numbered = failed == std::errc() && end != previous.data() + previous.size() &&
                        *end == '-' && version >= 0;
  return numbered ? version + 1 : 0;
}

}  // namespace

store::Location MetadataLocation(const TableMetadata& metadata, const std::string& previous,
                                 const std::string& commit_id) {
  return fmt::format("{}/metadata/{:05d}-{}.metadata.json", metadata.location,
                     NextVersion(previous), commit_id);
}

Result<bool> WriteMetadataFile(store::ObjectStore& store, const store::Location& at,
                               const TableMetadata& metadata) {
  const std::string json = ToJson(metadata);
  Status put = store.PutIfAbsent(at, arrow::Buffer::FromString(json));
  if (put) return true;
  if (put.error().kind() != ErrorKind::kConflict) return std::move(put).error();
  SLUICE_LET(const std::string there, store::ReadAll(store, at), "comparing {}", at);
  if (there == json) return false;
  return MakeError(ErrorKind::kConflict, "{} stands there with other content", at);
}

Result<TableMetadata> ReadMetadataFile(store::ObjectStore& store, const store::Location& at) {
  SLUICE_LET(const std::string json, store::ReadAll(store, at), "reading metadata {}", at);
  SLUICE_LET(TableMetadata metadata, ParseTableMetadata(json), "reading metadata {}", at);
  return metadata;
}

std::vector<store::Location> EvictedMetadataFiles(const TableMetadata& before,
                                                  const TableMetadata& after) {
  const auto enabled = after.properties.find("write.metadata.delete-after-commit.enabled");
  if (enabled == after.properties.end() || enabled->second != "true") return {};
  std::set<std::string_view> kept;
  for (const auto& entry : after.metadata_log) kept.insert(entry.metadata_file);
  std::vector<store::Location> evicted;
  for (const auto& entry : before.metadata_log) {
    if (!kept.contains(entry.metadata_file)) evicted.push_back(entry.metadata_file);
  }
  return evicted;
}

}  // namespace sluice::iceberg
