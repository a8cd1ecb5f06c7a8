// Manifest entries to Avro, in the field order of manifest_schema.cc.
#include <utility>

#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"
#include "iceberg/manifest_schema.h"

namespace sluice::iceberg {

namespace {

using avro::Encoder;
using parquet::ColumnStatistics;
using parquet::DataFile;

// Optional fields are unions ["null", T].
constexpr int kNullBranch = 0;
constexpr int kValueBranch = 1;

void WriteNull(Encoder& out) { out.WriteUnionIndex(kNullBranch); }

void WriteOptional(Encoder& out, const std::optional<int64_t>& value) {
  if (!value) return WriteNull(out);
  out.WriteUnionIndex(kValueBranch);
  out.WriteLong(*value);
}

void WriteValue(Encoder& out, int64_t value) { out.WriteLong(value); }
void WriteValue(Encoder& out, const std::string& value) { out.WriteBytes(value); }

// A map from field id to what `get` finds of the column; columns of which it knows nothing are left
// out, as readers take an absent entry, and only that, for "unknown". No entry at all: null.
template <typename Get>
void WriteColumnMap(Encoder& out, const DataFile& file, Get get) {
  size_t known = 0;
  for (const ColumnStatistics& column : file.columns) known += get(column) ? 1 : 0;
  if (known == 0) return WriteNull(out);
  out.WriteUnionIndex(kValueBranch);
  out.WriteArrayStart(known);
  for (const ColumnStatistics& column : file.columns) {
    const auto value = get(column);
    if (!value) continue;
    out.WriteLong(column.field_id);
    WriteValue(out, *value);
  }
  out.WriteArrayEnd();
}

std::optional<int64_t> KnownCount(int64_t count) {
  return count < 0 ? std::nullopt : std::optional(count);
}

void WriteStatistics(Encoder& out, const DataFile& file) {
  using C = ColumnStatistics;
  WriteColumnMap(out, file, [](const C& c) { return KnownCount(c.size_bytes); });
  WriteColumnMap(out, file, [](const C& c) { return KnownCount(c.value_count); });
  WriteColumnMap(out, file, [](const C& c) { return KnownCount(c.null_count); });
  WriteColumnMap(out, file, [](const C& c) { return c.nan_count; });
  WriteColumnMap(out, file, [](const C& c) -> const auto& { return c.lower; });
  WriteColumnMap(out, file, [](const C& c) -> const auto& { return c.upper; });
}

void WriteDataFile(Encoder& out, const ManifestEntry& entry) {
  const DataFile& file = entry.file;
  out.WriteLong(static_cast<int>(entry.content));
  out.WriteBytes(file.location);
  out.WriteBytes(entry.file_format);
  // The partition: a record without fields has no bytes.
  out.WriteLong(file.record_count);
  out.WriteLong(static_cast<int64_t>(file.size_bytes));
  WriteStatistics(out, file);
  WriteNull(out);  // key_metadata
  if (file.split_offsets.empty()) {
    WriteNull(out);
  } else {
    out.WriteUnionIndex(kValueBranch);
    out.WriteArrayStart(file.split_offsets.size());
    for (const int64_t offset : file.split_offsets) out.WriteLong(offset);
    out.WriteArrayEnd();
  }
  WriteNull(out);  // equality_ids
  WriteOptional(out, entry.sort_order_id);
  if (!entry.referenced_data_file) return WriteNull(out);
  out.WriteUnionIndex(kValueBranch);
  out.WriteBytes(*entry.referenced_data_file);
}

Error Refused(const ManifestEntry& entry, std::string_view why) {
  return MakeError(ErrorKind::kInternal, "manifest entry {}: {}", entry.file.location, why);
}

// The entry rules of the spec ("Manifest Entry Fields", "Sequence Number Inheritance"), which
// readers rely on without checking.
Status CheckEntry(const ManifestContext& context, const ManifestEntry& entry) {
  const bool is_data = entry.content == FileContent::kData;
  if (is_data != (context.content == ManifestContent::kData)) {
    return Refused(entry, "data and delete files do not share a manifest");
  }
  if (entry.content == FileContent::kEqualityDeletes) {
    return MakeError(ErrorKind::kUnsupported, "{}: equality deletes are not written",
                     entry.file.location);
  }
  if (entry.file.location.empty() || entry.file.record_count < 0) {
    return Refused(entry, "no location or a negative count");
  }
  if (entry.status == EntryStatus::kAdded) return {};
  if (!entry.snapshot_id || !entry.sequence_number || !entry.file_sequence_number) {
    return Refused(entry, "a carried or removed file keeps its numbers explicitly");
  }
  if (entry.status == EntryStatus::kDeleted && *entry.snapshot_id != context.snapshot_id) {
    return Refused(entry, "a file is removed in the name of the snapshot that removes it");
  }
  return {};
}

avro::Metadata HeaderOf(const ManifestContext& context) {
  return {{"schema", SchemaToJson(*context.schema).dump()},
          {"schema-id", std::to_string(context.schema->schema_id)},
          {"partition-spec", "[]"},
          {"partition-spec-id", "0"},
          {"format-version", "2"},
          {"content", context.content == ManifestContent::kData ? "data" : "deletes"}};
}

}  // namespace

Result<std::string> EncodeManifest(const ManifestContext& context,
                                   std::span<const ManifestEntry> entries) {
  SLUICE_CHECK(context.schema != nullptr, "a manifest names its table's schema");
  avro::ContainerWriter writer(ManifestEntryAvroSchema(), HeaderOf(context));
  Encoder& out = writer.encoder();
  for (const ManifestEntry& entry : entries) {
    SLUICE_TRY(CheckEntry(context, entry));
    out.WriteLong(static_cast<int>(entry.status));
    WriteOptional(out, entry.snapshot_id);
    WriteOptional(out, entry.sequence_number);
    WriteOptional(out, entry.file_sequence_number);
    WriteDataFile(out, entry);
    SLUICE_TRY(writer.EndRecord());
  }
  return writer.Finish();
}

}  // namespace sluice::iceberg
