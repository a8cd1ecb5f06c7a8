#include "bus/embedded/segment_folder.h"

#include <charconv>

namespace sluice::bus {

namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr size_t kDigits = 16;

std::optional<Lsn> ParseName(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Lsn base;
  const char* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, base.value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return base;
}

}  // namespace

std::string PartitionFolder(const std::string& bus_folder, PartitionId partition) {
  return fmt::format("{}/p{}", bus_folder, partition);
}

std::string SegmentPath(const std::string& partition_folder, Lsn base) {
  return fmt::format("{}/{:016x}{}", partition_folder, base.value, kSuffix);
}

Result<std::vector<SegmentName>> ListSegments(FileSystem& files,
                                              const std::string& partition_folder) {
  SLUICE_LET(const std::vector<std::string> names, files.List(partition_folder));
  std::vector<SegmentName> out;
  for (const std::string& name : names) {
    const std::optional<Lsn> base = ParseName(name);
    if (base) out.push_back({.base = *base, .path = SegmentPath(partition_folder, *base)});
  }
  return out;
}

size_t SegmentOf(const std::vector<SegmentName>& segments, Lsn after) {
  size_t index = 0;
  while (index + 1 < segments.size() && segments[index + 1].base <= after) ++index;
  return index;
}

Status CheckEndsAt(SegmentFile& segment, Lsn end) {
  SLUICE_LET(const uint64_t size, segment.Size());
  if (size >= segment.first_record() + kHeadBytes) {
    // A resume has a prelude, so a finished segment's last record is the proof of its last cut.
    SLUICE_LET(const Probe probe, segment.At(size - kHeadBytes, size));
    if (probe.found && probe.found->head.IsProof() && probe.found->head.lsn == end) return {};
  }
  return DamageError(segment.path(), size, segment.header().base.lsn, end);
}

}  // namespace sluice::bus
