// Manifest entries from Avro, by field id: the order of fields, unknown fields and partition tuples
// of other writers do not matter.
#include <map>
#include <utility>

#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"

namespace sluice::iceberg {

namespace {

using avro::Decoder;
using avro::Type;
using parquet::ColumnStatistics;

// Field ids of the spec, "Manifests".
enum EntryField : int {
  kStatus = 0,
  kSnapshotId = 1,
  kDataFile = 2,
  kSequenceNumber = 3,
  kFileSequenceNumber = 4,
};
enum DataFileField : int {
  kFilePath = 100,
  kFileFormat = 101,
  kRecordCount = 103,
  kFileSize = 104,
  kColumnSizes = 108,
  kValueCounts = 109,
  kNullValueCounts = 110,
  kLowerBounds = 125,
  kUpperBounds = 128,
  kKeyMetadata = 131,
  kSplitOffsets = 132,
  kContent = 134,
  kNanValueCounts = 137,
  kSortOrderId = 140,
  kReferencedDataFile = 143,
};

class EntryReader {
 public:
  EntryReader(const ManifestFile& manifest, Decoder& in) : manifest_(manifest), in_(in) {}

  Result<ManifestEntry> Read(const Type& type) {
    bool has_status = false;
    in_.Record(type, [&](int id, const Type& field) {
      has_status = has_status || id == kStatus;
      return ReadEntryField(id, field);
    });
    if (in_.ok() && !has_status) in_.Fail("a manifest entry has no status");
    SLUICE_TRY(Finish());
    return std::move(entry_);
  }

 private:
  bool ReadEntryField(int id, const Type& type) {
    switch (id) {
      case kStatus:
        entry_.status = Enum(type, EntryStatus::kDeleted);
        return true;
      case kSnapshotId:
        entry_.snapshot_id = in_.Long(type);
        return true;
      case kSequenceNumber:
        entry_.sequence_number = in_.Long(type);
        return true;
      case kFileSequenceNumber:
        entry_.file_sequence_number = in_.Long(type);
        return true;
      case kDataFile:
        in_.Record(type, [this](int inner, const Type& field) {
          return ReadFileField(inner, field) || ReadStatistics(inner, field);
        });
        return true;
      default:
        return false;
    }
  }

  bool ReadFileField(int id, const Type& type) {
    parquet::DataFile& file = entry_.file;
    switch (id) {
      case kContent:
        entry_.content = Enum(type, FileContent::kEqualityDeletes);
        return true;
      case kFilePath:
        file.location = in_.Bytes(type);
        return true;
      case kFileFormat:
        entry_.file_format = in_.Bytes(type);
        return true;
      case kRecordCount:
        file.record_count = Count(type);
        has_count_ = true;
        return true;
      case kFileSize:
        file.size_bytes = static_cast<uint64_t>(Count(type));
        has_size_ = true;
        return true;
      case kKeyMetadata:
        encrypted_ = !in_.Bytes(type).empty();
        return true;
      case kSplitOffsets:
        in_.Array(type, [&](const Type& item) { file.split_offsets.push_back(in_.Long(item)); });
        return true;
      case kSortOrderId:
        entry_.sort_order_id = in_.Int(type);
        return true;
      case kReferencedDataFile:
        entry_.referenced_data_file = std::string(in_.Bytes(type));
        return true;
      default:
        return false;
    }
  }

  bool ReadStatistics(int id, const Type& type) {
    using C = ColumnStatistics;
    switch (id) {
      case kColumnSizes:
        return ReadMap(type, [this](C& c, const Type& value) { c.size_bytes = Count(value); });
      case kValueCounts:
        return ReadMap(type, [this](C& c, const Type& value) { c.value_count = Count(value); });
      case kNullValueCounts:
        return ReadMap(type, [this](C& c, const Type& value) { c.null_count = Count(value); });
      case kNanValueCounts:
        return ReadMap(type, [this](C& c, const Type& value) { c.nan_count = Count(value); });
      case kLowerBounds:
        return ReadMap(type, [this](C& c, const Type& value) { c.lower = in_.Bytes(value); });
      case kUpperBounds:
        return ReadMap(type, [this](C& c, const Type& value) { c.upper = in_.Bytes(value); });
      default:
        return false;
    }
  }

  // An array of records {key, value}. Their field ids differ from map to map, their order does not
  // (spec, Appendix A: key first).
  template <typename Set>
  bool ReadMap(const Type& type, Set set) {
    auto hint = columns_.begin();
    in_.Array(type, [&](const Type& item) {
      const Type* pair = in_.Resolve(item);
      if (pair == nullptr || pair->kind != avro::Kind::kRecord || pair->fields.size() != 2) {
        return in_.Fail("a map is not an array of key and value");
      }
      const int id = in_.Int(*pair->fields[0].type);
      if (!in_.ok()) return;
      const size_t before = columns_.size();
      hint = columns_.try_emplace(hint, id);
      if (columns_.size() > before) hint->second = UnknownColumn(id);
      set(hint->second, *pair->fields[1].type);
      ++hint;
    });
    return true;
  }

  static ColumnStatistics UnknownColumn(int id) {
    ColumnStatistics out;
    out.field_id = id;
    out.size_bytes = out.value_count = out.null_count = parquet::kUnknownCount;
    return out;
  }

  template <typename E>
  E Enum(const Type& type, E last) {
    const int32_t value = in_.Int(type);
    if (value >= 0 && value <= static_cast<int32_t>(last)) return static_cast<E>(value);
    in_.Fail("a status or content is not known");
    return E{};
  }

  int64_t Count(const Type& type) {
    const int64_t value = in_.Long(type);
    if (value < 0) in_.Fail("a negative count or size");
    return in_.ok() ? value : 0;
  }

  Status Finish() {
    if (in_.ok() && (entry_.file.location.empty() || !has_count_ || !has_size_)) {
      in_.Fail("a file has no path, count or size");
    }
    SLUICE_TRY(in_.status());
    if (encrypted_) {
      return MakeError(ErrorKind::kUnsupported, "{} is encrypted", entry_.file.location);
    }
    entry_.file.columns.reserve(columns_.size());
    for (auto& [id, column] : columns_) entry_.file.columns.push_back(std::move(column));
    return Inherit();
  }

  // Spec, "Sequence Number Inheritance". Sequence 0 is data of before v2, whatever its status.
  Status Inherit() {
    if (!entry_.snapshot_id) entry_.snapshot_id = manifest_.added_snapshot_id;
    if (manifest_.sequence_number == kUnassignedSequenceNumber) return {};
    const bool may = entry_.status == EntryStatus::kAdded || manifest_.sequence_number == 0;
    if (!may && !(entry_.sequence_number && entry_.file_sequence_number)) {
      return MakeError(ErrorKind::kCorrupt, "{}: a carried entry has no sequence number",
                       entry_.file.location);
    }
    if (!entry_.sequence_number) entry_.sequence_number = manifest_.sequence_number;
    if (!entry_.file_sequence_number) entry_.file_sequence_number = manifest_.sequence_number;
    return {};
  }

  const ManifestFile& manifest_;
  Decoder& in_;
  ManifestEntry entry_;
  std::map<int, ColumnStatistics> columns_;
  bool has_count_ = false;
  bool has_size_ = false;
  bool encrypted_ = false;
};

// A list's length that is too small could end a manifest between two blocks, unnoticed.
Status CheckCounts(const ManifestFile& manifest, std::span<const ManifestEntry> entries) {
  int counts[3] = {};
  for (const ManifestEntry& entry : entries) ++counts[static_cast<size_t>(entry.status)];
  const bool equal = counts[0] == manifest.existing_files && counts[1] == manifest.added_files &&
                     counts[2] == manifest.deleted_files;
  const bool unknown =
      manifest.existing_files == 0 && manifest.added_files == 0 && manifest.deleted_files == 0;
  if (equal || unknown) return {};
  return MakeError(ErrorKind::kCorrupt,
                   "it holds {} existing, {} added, {} deleted files, the list says {}, {}, {}",
                   counts[0], counts[1], counts[2], manifest.existing_files, manifest.added_files,
                   manifest.deleted_files);
}

}  // namespace

Result<std::vector<ManifestEntry>> DecodeManifest(std::string_view bytes,
                                                  const ManifestFile& manifest) {
  SLUICE_LET(auto reader, avro::ContainerReader::Open(bytes));
  std::vector<ManifestEntry> out;
  const auto take = [&](Decoder& in) -> Status {
    SLUICE_LET(ManifestEntry entry, EntryReader(manifest, in).Read(reader.schema()));
    out.push_back(std::move(entry));
    return {};
  };
  SLUICE_TRY(reader.ForEach(take));
  SLUICE_TRY(CheckCounts(manifest, out));
  return out;
}

}  // namespace sluice::iceberg
