#include <algorithm>
#include <unordered_map>

#include "iceberg/mirror_commit.h"

namespace sluice::iceberg {

namespace {

Status TakeEntry(ManifestEntry entry, TableFiles& files) {
  const int64_t sequence = entry.sequence_number.value_or(0);
  if (entry.content == FileContent::kData) {
    entry.file.columns = {};
    entry.file.split_offsets = {};
    files.data.push_back({std::move(entry.file), sequence});
    return {};
  }
  if (entry.content == FileContent::kPositionDeletes && entry.file_format == "PARQUET") {
    files.deletes.push_back({std::move(entry.file.location), sequence, entry.file.record_count});
    return {};
  }
  const bool equality = entry.content == FileContent::kEqualityDeletes;
  return MakeError(ErrorKind::kUnsupported, "another program wrote {} into the table: {}",
                   equality ? "equality deletes" : "deletes of an unknown form",
                   entry.file.location)
      .WithHint("keep other writers off this table, then: sluice tables resync");
}

}  // namespace

Result<TableFiles> ReadTableFiles(store::ObjectStore& store, const TableMetadata& metadata) {
  TableFiles files;
  const Snapshot* head = metadata.current_snapshot();
  if (head == nullptr) return files;
  SLUICE_LET(const auto manifests, ReadManifestList(store, head->manifest_list), "reading {}",
             head->manifest_list);
  for (const ManifestFile& manifest : manifests) {
    if (LiveFileCount(manifest) == 0) continue;
    SLUICE_LET(std::vector<ManifestEntry> entries, ReadManifest(store, manifest), "reading {}",
               manifest.path);
    for (ManifestEntry& entry : entries) {
      if (IsLive(entry)) SLUICE_TRY(TakeEntry(std::move(entry), files));
    }
  }
  return files;
}

Result<parquet::PositionDeletes> ReadLiveDeletes(store::ObjectStore& store,
                                                 const TableFiles& files) {
  std::unordered_map<std::string_view, int64_t> sequence_of;
  for (const LiveDataFile& live : files.data) {
    sequence_of[live.file.location] = live.sequence_number;
  }
  parquet::PositionDeletes deletes;
  for (const LiveDeleteFile& one : files.deletes) {
    // A delete applies to data files that are not younger (spec, "Scan Planning").
    const auto applies = [&](const store::Location& at) {
      const auto found = sequence_of.find(at);
      return found != sequence_of.end() && found->second <= one.sequence_number;
    };
    SLUICE_TRY(parquet::ReadPositionDeletes(store, one.location, applies, deletes), "reading {}",
               one.location);
  }
  return deletes;
}

}  // namespace sluice::iceberg
