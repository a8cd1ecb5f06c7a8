#include "bus/embedded/segment_file.h"

#include <algorithm>

namespace sluice::bus {

namespace {

constexpr size_t kScanBytes = 1 << 20;

// The header's bytes; kCorrupt when the file is shorter.
Result<std::string> ReadHeader(File& file) {
  SLUICE_LET(const uint64_t size, file.Size());
  SLUICE_LET(const std::string fixed, file.Read(0, std::min<uint64_t>(size, kHeaderFixedBytes)));
  SLUICE_LET(const size_t header_bytes, HeaderBytes(fixed));
  return file.Read(0, header_bytes);
}

}  // namespace

Result<std::unique_ptr<SegmentFile>> SegmentFile::Open(FileSystem& files, std::string path,
                                                       const std::string& source_identity) {
  SLUICE_LET(std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  SLUICE_LET(const std::string bytes, ReadHeader(*file), "segment {}", path);
  SLUICE_LET(SegmentHeader header, ParseHeader(bytes), "segment {}", path);
  if (!source_identity.empty() && header.source_identity != source_identity) {
    return MakeError(ErrorKind::kConfig, "segment {} belongs to source {}, not to {}", path,
                     header.source_identity, source_identity)
        .WithHint("give this pipeline a bus folder of its own");
  }
  return std::unique_ptr<SegmentFile>(
      new SegmentFile(std::move(file), std::move(path), std::move(header), bytes.size()));
}

Result<Probe> SegmentFile::At(uint64_t offset, uint64_t size) {
  if (size < offset || size - offset < kHeadBytes) {
    return Probe{.found = std::nullopt, .incomplete = true};
  }
  Probe out;
  const auto read = [&](uint64_t at, size_t bytes) -> Result<std::string> {
    Result<std::string> got = file_->Read(at, bytes);
    // The writer cut its tail since the caller asked for the size.
    if (!got && got.error().kind() == ErrorKind::kCorrupt) out.incomplete = true;
    return got;
  };
  const Result<std::string> bytes = read(offset, kHeadBytes);
  if (out.incomplete) return out;
  SLUICE_TRY(bytes);
  const std::optional<RecordHead> head = ParseHead(*bytes);
  if (!head || size - offset < kHeadBytes + head->prelude_bytes) return out;
  Result<std::string> prelude = read(offset + kHeadBytes, head->prelude_bytes);
  if (out.incomplete) return out;
  SLUICE_TRY(prelude);
  if (!HeadIsValid(*bytes, *prelude, header_.base.lsn, offset)) return out;
  out.incomplete = size - offset < head->size();
  if (out.incomplete) return out;
  out.found = FoundRecord{.head = *head, .offset = offset, .prelude = std::move(*prelude)};
  return out;
}

Result<std::string> SegmentFile::ReadBody(const FoundRecord& record) {
  SLUICE_LET(std::string body,
             file_->Read(record.offset + record.head.body_at(), record.head.body_bytes));
  if (BodyChecksum(body) == record.head.body_checksum) return body;
  return DamageError(path_, record.offset, header_.base.lsn, record.head.lsn);
}

Result<std::optional<FoundRecord>> SegmentFile::FindProof(uint64_t from, uint64_t size) {
  for (uint64_t chunk = from + Padding(from); chunk < size; chunk += kScanBytes) {
    const size_t wanted = std::min<uint64_t>(kScanBytes + kHeadBytes, size - chunk);
    Result<std::string> read = file_->Read(chunk, wanted);
    if (!read && read.error().kind() == ErrorKind::kCorrupt) break;  // cut meanwhile
    SLUICE_LET(const std::string bytes, std::move(read));
    for (size_t at = 0; at < kScanBytes && at + kHeadBytes <= bytes.size(); at += 8) {
      const auto head = ParseHead(std::string_view(bytes).substr(at, kHeadBytes));
      if (!head || !head->IsProof()) continue;
      SLUICE_LET(Probe probe, At(chunk + at, size));
      if (probe.found) return std::move(probe.found);
    }
  }
  return std::optional<FoundRecord>();
}

Error DamageError(const std::string& path, uint64_t offset, Lsn above, Lsn through) {
  return MakeError(ErrorKind::kCorrupt,
                   "segment {} is damaged at byte {}: changes above {} up to {} cannot be read",
                   path, offset, ToString(above), ToString(through))
      .WithHint(
          "keep the file as evidence, move the bus folder away and run `sluice tables resync`");
}

}  // namespace sluice::bus
