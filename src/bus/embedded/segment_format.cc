#include "bus/embedded/segment_format.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

#include "base/byte_reader.h"

namespace sluice::bus {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kSegmentMagic = "SLUICEBS";
constexpr std::string_view kRecordMagic = "SLR1";
constexpr size_t kHeadChecksumAt = 32;

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

uint64_t HeadChecksum(std::string_view first, std::string_view prelude, Lsn base, uint64_t offset) {
  std::string hashed(first.substr(0, kHeadChecksumAt));
  Put(hashed, offset);
  Put<uint64_t>(hashed, XXH3_64bits_withSeed(prelude.data(), prelude.size(), base.value));
  return XXH3_64bits_withSeed(hashed.data(), hashed.size(), base.value);
}

Error BadHeader(std::string_view what) {
  return MakeError(ErrorKind::kCorrupt, "the segment header {}", what)
      .WithHint(
          "keep the file and look at the disk; without it: move the bus folder away, `sluice "
          "tables "
          "resync --all`, `sluice run`");
}

}  // namespace

std::string EncodeHeader(const SegmentHeader& header) {
  const size_t identity = header.source_identity.size();
  SLUICE_CHECK(identity <= kIdentityBytesMax);
  const size_t size = kHeaderFixedBytes + identity + Padding(identity) + sizeof(uint64_t);
  std::string out(kSegmentMagic);
  Put(out, kSegmentFormat);
  Put(out, static_cast<uint32_t>(size));
  Put(out, header.base.lsn.value);
  Put(out, header.base.time_us);
  Put(out, header.created_us);
  Put(out, header.partition);
  Put(out, static_cast<uint32_t>(identity));
  out += header.source_identity;
  out.append(Padding(identity), '\0');
  Put<uint64_t>(out, XXH3_64bits(out.data(), out.size()));
  return out;
}

Result<size_t> HeaderBytes(std::string_view fixed) {
  ByteReader reader(fixed);
  if (reader.Bytes(kSegmentMagic.size()) != kSegmentMagic) return BadHeader("has no magic");
  const uint32_t version = reader.U32Little();
  if (version != kSegmentFormat) {
    return MakeError(ErrorKind::kConfig,
                     "the segment has format {}, this version of sluice reads format {}", version,
                     kSegmentFormat)
        .WithHint("run the version of sluice that wrote this bus");
  }
  const uint32_t size = reader.U32Little();
  constexpr size_t kMax = kHeaderFixedBytes + kIdentityBytesMax + sizeof(uint64_t);
  if (size % 8 != 0 || size < kHeaderFixedBytes + sizeof(uint64_t) || size > kMax) {
    return BadHeader("has an impossible size");
  }
  return size;
}

Result<SegmentHeader> ParseHeader(std::string_view bytes) {
  SLUICE_LET(const size_t size, HeaderBytes(bytes));
  if (bytes.size() != size) return BadHeader("is cut");
  const size_t hashed = size - sizeof(uint64_t);
  ByteReader checksum(bytes.substr(hashed));
  if (checksum.U64Little() != XXH3_64bits(bytes.data(), hashed)) {
    return BadHeader("fails its checksum");
  }
  ByteReader reader(bytes.substr(kSegmentMagic.size() + 2 * sizeof(uint32_t)));
  SegmentHeader out;
  out.base.lsn = {reader.U64Little()};
  out.base.time_us = static_cast<int64_t>(reader.U64Little());
  out.created_us = static_cast<int64_t>(reader.U64Little());
  out.partition = reader.U32Little();
  out.source_identity = reader.Bytes(reader.U32Little());
  if (!reader.ok()) return BadHeader("has an impossible identity");
  return out;
}

uint64_t RecordHead::body_at() const { return kHeadBytes + prelude_bytes + Padding(prelude_bytes); }

uint64_t RecordHead::size() const { return body_at() + body_bytes + Padding(body_bytes); }

uint64_t BodyChecksum(std::string_view body) { return XXH3_64bits(body.data(), body.size()); }

std::string EncodeHead(RecordHead head, std::string_view prelude, std::string_view body, Lsn base,
                       uint64_t offset) {
  std::string out;
  out.reserve(kHeadBytes + prelude.size() + Padding(prelude.size()));
  out += kRecordMagic;
  Put(out, head.kind);
  Put(out, static_cast<uint32_t>(prelude.size()));
  Put(out, static_cast<uint32_t>(body.size()));
  Put(out, head.lsn.value);
  Put(out, BodyChecksum(body));
  Put(out, HeadChecksum(out, prelude, base, offset));
  out += prelude;
  out.append(Padding(prelude.size()), '\0');
  return out;
}

std::optional<RecordHead> ParseHead(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Bytes(kRecordMagic.size()) != kRecordMagic) return std::nullopt;
  RecordHead out;
  const uint32_t kind = reader.U32Little();
  out.kind = static_cast<RecordKind>(kind);
  out.prelude_bytes = reader.U32Little();
  out.body_bytes = reader.U32Little();
  out.lsn = {reader.U64Little()};
  out.body_checksum = reader.U64Little();
  out.checksum = reader.U64Little();
  const bool known = kind >= static_cast<uint32_t>(RecordKind::kBatch) &&
                     kind <= static_cast<uint32_t>(RecordKind::kStop);
  if (!reader.ok() || !known || out.prelude_bytes > kPreludeBytesMax ||
      out.body_bytes > kBodyBytesMax) {
    return std::nullopt;
  }
  return out;
}

bool HeadIsValid(std::string_view bytes, std::string_view prelude, Lsn base, uint64_t offset) {
  const std::optional<RecordHead> head = ParseHead(bytes);
  return head && head->checksum == HeadChecksum(bytes, prelude, base, offset);
}

}  // namespace sluice::bus
