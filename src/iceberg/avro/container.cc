#include "iceberg/avro/container.h"

#include <xxhash.h>

#include <utility>

#include "iceberg/avro/deflate.h"

namespace sluice::iceberg::avro {

namespace {

constexpr std::string_view kMagic("Obj\1", 4);
// Avro's own default is 64,000: small enough to hold, large enough to compress.
constexpr size_t kBlockBytes = 64 << 10;
// Java and PyIceberg write blocks of a few entries; nobody's block is near this.
constexpr size_t kInflatedBytesMax = 256 << 20;

// Of the header: that the sync marker is this checksum of the file, in which the markers are zeros.
constexpr std::string_view kSyncKey = "sluice.sync";
constexpr std::string_view kSyncKind = "xxh3-128";

std::string Checksum(std::string_view file) {
  XXH128_canonical_t sync;
  XXH128_canonicalFromHash(&sync, XXH3_128bits(file.data(), file.size()));
  static_assert(sizeof(sync.digest) == kSyncBytes);
  return {reinterpret_cast<const char*>(sync.digest), kSyncBytes};
}

Error NotAContainer(std::string_view why) {
  return MakeError(ErrorKind::kCorrupt, "Avro file: {}", why);
}

}  // namespace

ContainerWriter::ContainerWriter(std::string_view schema_json, const Metadata& metadata) {
  file_ = kMagic;
  Encoder header(file_);
  header.WriteArrayStart(metadata.size() + 3);
  const auto entry = [&](std::string_view key, std::string_view value) {
    header.WriteBytes(key);
    header.WriteBytes(value);
  };
  entry("avro.schema", schema_json);
  entry("avro.codec", "deflate");
  for (const auto& [key, value] : metadata) entry(key, value);
  entry(kSyncKey, kSyncKind);
  header.WriteArrayEnd();
  LeaveRoomForSync();
}

// The specification says random. Taken from the bytes, it is as good against chance, keeps runs
// reproducible and checks the file.
void ContainerWriter::LeaveRoomForSync() {
  sync_at_.push_back(file_.size());
  file_.append(kSyncBytes, '\0');
}

Status ContainerWriter::EndRecord() {
  ++block_records_;
  return block_.size() >= kBlockBytes ? FlushBlock() : Status();
}

Status ContainerWriter::FlushBlock() {
  if (block_records_ == 0) return {};
  std::string compressed;
  SLUICE_TRY(Deflate(block_, compressed));
  Encoder out(file_);
  out.WriteLong(block_records_);
  out.WriteBytes(compressed);
  LeaveRoomForSync();
  block_.clear();
  block_records_ = 0;
  return {};
}

Result<std::string> ContainerWriter::Finish() {
  SLUICE_TRY(FlushBlock());
  const std::string sync = Checksum(file_);
  for (const size_t at : sync_at_) file_.replace(at, kSyncBytes, sync);
  return std::move(file_);
}

Result<ContainerReader> ContainerReader::Open(std::string_view file) {
  ContainerReader out(file);
  SLUICE_TRY(out.ReadHeader());
  return out;
}

Status ContainerReader::ReadHeader() {
  if (!rest_.starts_with(kMagic)) return NotAContainer("it does not start as one");
  rest_.remove_prefix(kMagic.size());
  Decoder in(rest_);
  while (int64_t count = in.RawLong()) {
    if (count < 0) {
      count = count == INT64_MIN ? 0 : -count;
      in.RawLong();  // the block's size
    }
    for (int64_t i = 0; i < count && in.ok(); ++i) {
      const std::string_view key = in.RawLengthAndBytes();
      metadata_[std::string(key)] = in.RawLengthAndBytes();
    }
  }
  sync_ = in.RawBytes(kSyncBytes);
  SLUICE_TRY(in.status(), "reading the header of an Avro file");
  rest_.remove_prefix(in.position());
  SLUICE_TRY(CheckSync());

  const auto codec = metadata_.find("avro.codec");
  if (codec != metadata_.end() && codec->second == "deflate") {
    codec_ = Codec::kDeflate;
  } else if (codec != metadata_.end() && codec->second != "null") {
    return MakeError(ErrorKind::kUnsupported, "Avro codec '{}' is not read", codec->second)
        .WithHint("rewrite the manifests with codec deflate (Iceberg: gzip)");
  }
  const auto schema = metadata_.find("avro.schema");
  if (schema == metadata_.end()) return NotAContainer("its header has no schema");
  SLUICE_LET(schema_, Schema::ParseOnce(schema->second));
  return {};
}

Status ContainerReader::CheckSync() const {
  const auto kind = metadata_.find(std::string(kSyncKey));
  if (kind == metadata_.end() || kind->second != kSyncKind) return {};  // another program's
  std::string zeroed(file_);
  size_t at = file_.size() - rest_.size();
  for (;;) {
    zeroed.replace(at - kSyncBytes, kSyncBytes, kSyncBytes, '\0');
    if (at == file_.size()) break;
    Decoder in(file_.substr(at));
    in.RawLong();
    in.RawLengthAndBytes();
    in.RawBytes(kSyncBytes);
    SLUICE_TRY(in.status(), "reading a block of an Avro file");
    at += in.position();
  }
  if (Checksum(zeroed) == sync_) return {};
  return NotAContainer("its checksum is wrong");
}

Result<bool> ContainerReader::NextBlock() {
  if (rest_.empty()) return false;
  Decoder in(rest_);
  block_records_ = in.RawLong();
  block_ = in.RawLengthAndBytes();
  const std::string_view sync = in.RawBytes(kSyncBytes);
  SLUICE_TRY(in.status(), "reading a block of an Avro file");
  if (block_records_ < 0) return NotAContainer("a block of a negative count");
  if (sync != sync_) return NotAContainer("a block does not end with the sync marker");
  rest_.remove_prefix(in.position());
  if (codec_ == Codec::kDeflate) {
    SLUICE_TRY(Inflate(block_, kInflatedBytesMax, inflated_));
    block_ = inflated_;
  }
  return true;
}

}  // namespace sluice::iceberg::avro
