// Manifest lists to Avro and back.
#include <utility>

#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"
#include "iceberg/manifest_schema.h"

namespace sluice::iceberg {

namespace {

using avro::Decoder;
using avro::Encoder;
using avro::Type;

// Field ids of the spec, "Manifest Lists".
enum ListField : int {
  kPath = 500,
  kLength = 501,
  kSpecId = 502,
  kAddedSnapshotId = 503,
  kAddedFiles = 504,
  kExistingFiles = 505,
  kDeletedFiles = 506,
  kAddedRows = 512,
  kExistingRows = 513,
  kDeletedRows = 514,
  kSequenceNumber = 515,
  kMinSequenceNumber = 516,
  kContent = 517,
};

// Required in v2, and none can be guessed: a count taken for zero would hide live files.
constexpr int kFieldsWanted = 13;

Result<ManifestFile> Assigned(ManifestFile file, const Snapshot& snapshot) {
  if (file.sequence_number == kUnassignedSequenceNumber) {
    if (file.added_snapshot_id != snapshot.id) {
      return MakeError(ErrorKind::kInternal,
                       "manifest {} is of snapshot {}, which has no sequence number", file.path,
                       file.added_snapshot_id);
    }
    file.sequence_number = snapshot.sequence_number;
  }
  if (file.min_sequence_number == kUnassignedSequenceNumber) {
    file.min_sequence_number = snapshot.sequence_number;
  }
  return file;
}

void Write(Encoder& out, const ManifestFile& file) {
  out.WriteBytes(file.path);
  out.WriteLong(file.length);
  out.WriteLong(file.partition_spec_id);
  out.WriteLong(static_cast<int>(file.content));
  out.WriteLong(file.sequence_number);
  out.WriteLong(file.min_sequence_number);
  out.WriteLong(file.added_snapshot_id);
  out.WriteLong(file.added_files);
  out.WriteLong(file.existing_files);
  out.WriteLong(file.deleted_files);
  out.WriteLong(file.added_rows);
  out.WriteLong(file.existing_rows);
  out.WriteLong(file.deleted_rows);
  out.WriteUnionIndex(0);  // partitions: no summaries, which excludes nothing
  out.WriteUnionIndex(0);  // key_metadata
}

class RowReader {
 public:
  explicit RowReader(Decoder& in) : in_(in) {}

  Result<ManifestFile> Read(const Type& type) {
    int seen = 0;
    in_.Record(type, [&](int id, const Type& field) {
      const bool taken = ReadIdentity(id, field) || ReadCounts(id, field);
      seen += taken ? 1 : 0;
      return taken;
    });
    if (in_.ok() && seen != kFieldsWanted) in_.Fail("a manifest list's row lacks a v2 field");
    if (in_.ok() && row_.path.empty()) in_.Fail("a manifest list's row has no path");
    SLUICE_TRY(in_.status());
    return std::move(row_);
  }

 private:
  bool ReadIdentity(int id, const Type& type) {
    switch (id) {
      case kPath:
        row_.path = in_.Bytes(type);
        return true;
      case kLength:
        row_.length = Count(type);
        return true;
      case kSpecId:
        row_.partition_spec_id = in_.Int(type);
        return true;
      case kContent: {
        const int content = in_.Int(type);
        if (content != 0 && content != 1) in_.Fail("a manifest's content is not known");
        row_.content = content == 1 ? ManifestContent::kDeletes : ManifestContent::kData;
        return true;
      }
      case kSequenceNumber:
        row_.sequence_number = Count(type);
        return true;
      case kMinSequenceNumber:
        row_.min_sequence_number = Count(type);
        return true;
      case kAddedSnapshotId:
        row_.added_snapshot_id = in_.Long(type);
        return true;
      default:
        return false;
    }
  }

  bool ReadCounts(int id, const Type& type) {
    switch (id) {
      case kAddedFiles:
        row_.added_files = FileCount(type);
        return true;
      case kExistingFiles:
        row_.existing_files = FileCount(type);
        return true;
      case kDeletedFiles:
        row_.deleted_files = FileCount(type);
        return true;
      case kAddedRows:
        row_.added_rows = Count(type);
        return true;
      case kExistingRows:
        row_.existing_rows = Count(type);
        return true;
      case kDeletedRows:
        row_.deleted_rows = Count(type);
        return true;
      default:
        return false;
    }
  }

  int64_t Count(const Type& type) {
    const int64_t value = in_.Long(type);
    if (value < 0) in_.Fail("a negative count, length or sequence number");
    return value;
  }
  int FileCount(const Type& type) {
    const int value = in_.Int(type);
    if (value < 0) in_.Fail("a negative count of files");
    return value;
  }

  Decoder& in_;
  ManifestFile row_;
};

}  // namespace

Result<std::string> EncodeManifestList(const Snapshot& snapshot,
                                       std::span<const ManifestFile> files) {
  const avro::Metadata header = {
      {"snapshot-id", std::to_string(snapshot.id)},
      {"parent-snapshot-id", snapshot.parent_id ? std::to_string(*snapshot.parent_id) : "null"},
      {"sequence-number", std::to_string(snapshot.sequence_number)},
      {"format-version", "2"},
      {"iceberg.schema", ManifestListSchema().dump()}};
  avro::ContainerWriter writer(ManifestListAvroSchema(), header);
  for (const ManifestFile& file : files) {
    SLUICE_LET(const ManifestFile assigned, Assigned(file, snapshot));
    Write(writer.encoder(), assigned);
    SLUICE_TRY(writer.EndRecord());
  }
  return writer.Finish();
}

Result<std::vector<ManifestFile>> DecodeManifestList(std::string_view bytes) {
  SLUICE_LET(auto reader, avro::ContainerReader::Open(bytes));
  std::vector<ManifestFile> out;
  const auto take = [&](Decoder& in) -> Status {
    SLUICE_LET(ManifestFile row, RowReader(in).Read(reader.schema()));
    out.push_back(std::move(row));
    return {};
  };
  SLUICE_TRY(reader.ForEach(take));
  return out;
}

}  // namespace sluice::iceberg
