#include <time.h>

#include <charconv>
#include <cstdio>
#include <utility>

#include "iceberg/mirror_commit.h"
#include "iceberg/mirror_commit_internal.h"

namespace sluice::iceberg {

namespace {

constexpr const char* kCutLsn = "sluice.cut-lsn";
constexpr const char* kCutTime = "sluice.cut-time";
constexpr const char* kSource = "sluice.source";
constexpr const char* kSlot = "sluice.slot";
constexpr const char* kPipeline = "sluice.pipeline";
constexpr const char* kEpoch = "sluice.epoch";
constexpr const char* kCommitId = "sluice.commit-id";
constexpr const char* kCutSnapshotId = "sluice.cut-snapshot-id";
constexpr const char* kCutSequenceNumber = "sluice.cut-sequence-number";

constexpr int64_t kMicros = 1'000'000;

using Strings = std::map<std::string, std::string>;

std::string Text(const Strings& from, const char* name) {
  const auto found = from.find(name);
  return found == from.end() ? "" : found->second;
}

template <typename T>
Result<T> Number(const Strings& from, const char* name) {
  const std::string text = Text(from, name);
  T value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size()) return value;
  return MakeError(ErrorKind::kCorrupt, "mark {} is not a number: '{}'", name, text);
}

std::string FormatTime(int64_t time_us) {
  const int64_t micros = ((time_us % kMicros) + kMicros) % kMicros;
  const time_t seconds = (time_us - micros) / kMicros;
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros);
}

Result<int64_t> ParseTime(const std::string& text) {
  tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  int micros = 0;
  int used = 0;
  if (rest == nullptr || std::sscanf(rest, ".%6dZ%n", &micros, &used) != 1 || used != 8) {
    return MakeError(ErrorKind::kCorrupt, "mark {} is not a time: '{}'", kCutTime, text);
  }
  return int64_t{timegm(&parts)} * kMicros + micros;
}

bool AreOurs(const Strings& marks, const std::string& source, const std::string& pipeline) {
  return marks.contains(kCutLsn) && Text(marks, kSource) == source &&
         Text(marks, kPipeline) == pipeline;
}

Result<FoundMarks> Parse(const Strings& from, SnapshotId snapshot_id) {
  FoundMarks found;
  SLUICE_LET(found.marks.cut.lsn, ParseLsn(Text(from, kCutLsn)), "reading mark {}", kCutLsn);
  SLUICE_LET(found.marks.cut.time_us, ParseTime(Text(from, kCutTime)));
  SLUICE_LET(found.marks.epoch, Number<uint64_t>(from, kEpoch));
  found.marks.source = Text(from, kSource);
  found.marks.slot = Text(from, kSlot);
  found.marks.pipeline = Text(from, kPipeline);
  found.commit_id = Text(from, kCommitId);
  found.snapshot_id = snapshot_id;
  return found;
}

// The walk met a parent that is not there any more. The properties count if their snapshot is older
// than all that was walked: sequence numbers only grow, so one that is not older was rolled back.
Result<std::optional<FoundMarks>> FromProperties(const TableMetadata& metadata,
                                                 const Snapshot& oldest) {
  SLUICE_LET(const auto sequence, Number<int64_t>(metadata.properties, kCutSequenceNumber));
  SLUICE_LET(const auto snapshot_id, Number<SnapshotId>(metadata.properties, kCutSnapshotId));
  if (sequence >= oldest.sequence_number) {
    return MakeError(ErrorKind::kConfig,
                     "the table was rolled back below snapshot {}, our last, and its history does "
                     "not reach to an earlier one of ours",
                     snapshot_id)
        .WithHint("copy the table again: sluice tables resync");
  }
  SLUICE_LET(FoundMarks found, Parse(metadata.properties, snapshot_id));
  found.foreign_on_top = true;
  return std::optional(std::move(found));
}

}  // namespace

std::map<std::string, std::string> SummaryOf(const Marks& marks, const std::string& commit_id) {
  return {{kCutLsn, ToString(marks.cut.lsn)},
          {kCutTime, FormatTime(marks.cut.time_us)},
          {kSource, marks.source},
          {kSlot, marks.slot},
          {kPipeline, marks.pipeline},
          {kEpoch, std::to_string(marks.epoch)},
          {kCommitId, commit_id}};
}

std::map<std::string, std::string> MarkProperties(const Marks& marks, const std::string& commit_id,
                                                  const Snapshot& snapshot) {
  Strings out = SummaryOf(marks, commit_id);
  out[kCutSnapshotId] = std::to_string(snapshot.id);
  out[kCutSequenceNumber] = std::to_string(snapshot.sequence_number);
  return out;
}

Result<Marks> MarksOf(const std::map<std::string, std::string>& summary) {
  SLUICE_LET(FoundMarks found, Parse(summary, 0));
  return std::move(found.marks);
}

Result<std::optional<FoundMarks>> FindMarks(const TableMetadata& metadata,
                                            const std::string& source,
                                            const std::string& pipeline) {
  const std::vector<const Snapshot*> ancestry = metadata.Ancestry();
  for (const Snapshot* snapshot : ancestry) {
    if (!AreOurs(snapshot->summary, source, pipeline)) continue;
    SLUICE_LET(FoundMarks found, Parse(snapshot->summary, snapshot->id), "reading snapshot {}",
               snapshot->id);
    found.foreign_on_top = snapshot != ancestry.front();
    return std::optional(std::move(found));
  }
  const bool cut_short = !ancestry.empty() && ancestry.back()->parent_id.has_value();
  if (!cut_short || !AreOurs(metadata.properties, source, pipeline)) {
    return std::optional<FoundMarks>();
  }
  return FromProperties(metadata, *ancestry.back());
}

std::map<std::string, std::string> MirrorProperties() {
  return {{"write.delete.mode", "merge-on-read"},
          {"write.update.mode", "merge-on-read"},
          {"write.merge.mode", "merge-on-read"},
          {"write.delete.granularity", "file"},
          {"write.parquet.compression-codec", "zstd"},
          {"commit.retry.num-retries", "20"},
          {"write.metadata.previous-versions-max", "20"},
          {"write.metadata.delete-after-commit.enabled", "true"}};
}

}  // namespace sluice::iceberg
