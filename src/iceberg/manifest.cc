#include "iceberg/manifest.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <utility>

#include "iceberg/manifest_internal.h"

namespace sluice::iceberg {

namespace {

Result<uint64_t> WriteObject(store::ObjectStore& store, const store::Location& at,
                             std::string bytes) {
  SLUICE_LET(auto writer, store.Create(at));
  SLUICE_TRY(writer->Append(arrow::Buffer::FromString(std::move(bytes))));
  return writer->Finish();
}

Result<std::shared_ptr<arrow::Buffer>> ReadObject(store::ObjectStore& store,
                                                  const store::Location& at, uint64_t size) {
  SLUICE_LET(auto bytes, store.Read(at, 0, size));
  if (static_cast<uint64_t>(bytes->size()) != size) {
    return MakeError(ErrorKind::kCorrupt, "{} has {} bytes, {} are expected", at, bytes->size(),
                     size);
  }
  return bytes;
}

std::string_view View(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

void Count(const ManifestEntry& entry, ManifestFile& out) {
  const int64_t rows = entry.file.record_count;
  switch (entry.status) {
    case EntryStatus::kExisting:
      ++out.existing_files;
      out.existing_rows += rows;
      break;
    case EntryStatus::kAdded:
      ++out.added_files;
      out.added_rows += rows;
      break;
    case EntryStatus::kDeleted:
      ++out.deleted_files;
      out.deleted_rows += rows;
      break;
  }
}

// The smallest explicit data sequence number of the live entries: those that inherit get the
// commit's, which is above all others.
int64_t MinSequenceNumber(std::span<const ManifestEntry> entries) {
  int64_t out = kUnassignedSequenceNumber;
  for (const ManifestEntry& entry : entries) {
    if (entry.status == EntryStatus::kDeleted || !entry.sequence_number) continue;
    const int64_t number = *entry.sequence_number;
    out = out == kUnassignedSequenceNumber ? number : std::min(out, number);
  }
  return out;
}

}  // namespace

Result<ManifestFile> WriteManifest(store::ObjectStore& store, const store::Location& at,
                                   const ManifestContext& context,
                                   std::span<const ManifestEntry> entries) {
  SLUICE_LET(std::string bytes, EncodeManifest(context, entries), "writing manifest {}", at);
  SLUICE_LET(const uint64_t size, WriteObject(store, at, std::move(bytes)), "writing manifest {}",
             at);
  ManifestFile out;
  out.path = at;
  out.length = static_cast<int64_t>(size);
  out.content = context.content;
  out.sequence_number = kUnassignedSequenceNumber;
  out.min_sequence_number = MinSequenceNumber(entries);
  out.added_snapshot_id = context.snapshot_id;
  for (const ManifestEntry& entry : entries) Count(entry, out);
  return out;
}

Result<std::vector<ManifestEntry>> ReadManifest(store::ObjectStore& store,
                                                const ManifestFile& manifest) {
  const auto size = static_cast<uint64_t>(manifest.length);
  SLUICE_LET(const auto bytes, ReadObject(store, manifest.path, size), "reading manifest {}",
             manifest.path);
  SLUICE_LET(auto out, DecodeManifest(View(*bytes), manifest), "reading manifest {}",
             manifest.path);
  return out;
}

Result<uint64_t> WriteManifestList(store::ObjectStore& store, const store::Location& at,
                                   const Snapshot& snapshot, std::span<const ManifestFile> files) {
  SLUICE_LET(std::string bytes, EncodeManifestList(snapshot, files), "writing manifest list {}",
             at);
  SLUICE_LET(const uint64_t size, WriteObject(store, at, std::move(bytes)),
             "writing manifest list {}", at);
  return size;
}

Result<std::vector<ManifestFile>> ReadManifestList(store::ObjectStore& store,
                                                   const store::Location& at) {
  SLUICE_LET(const std::string bytes, store::ReadAll(store, at), "reading manifest list {}", at);
  SLUICE_LET(auto out, DecodeManifestList(bytes), "reading manifest list {}", at);
  return out;
}

}  // namespace sluice::iceberg
