#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "bus/embedded/embedded_bus.h"
#include "bus/embedded/recovery.h"
#include "bus/embedded/retention.h"
#include "bus/embedded/segment_folder.h"
#include "bus/embedded/segment_writer.h"

namespace sluice::bus {

namespace {

constexpr size_t kRemovedAtOnce = 16;

class Writer final : public EmbeddedBusWriter {
 public:
  Writer(FileSystem& files, const Clock& clock, EmbeddedBusOptions options)
      : files_(files),
        clock_(clock),
        options_(std::move(options)),
        folder_(PartitionFolder(options_.folder, 0)) {}

  Status Start(uint64_t epoch, Lsn start);

  Status Append(PartitionId partition, const Record& record) override;
  Status AppendCut(Cut cut) override;
  Result<Cut> DurableCut() override;
  Status Trim(PartitionId partition, Lsn through) override;
  Result<BusInfo> Info() override;
  Result<Lsn> Removable(Lsn pinned) override;
  Status Retain(Lsn pinned) override;
  bool at_cut() override {
    const std::lock_guard guard(mutex_);
    return !failed_ && !dirty_;
  }

 private:
  struct Segment {
    Lsn base;
    int64_t created_us = 0;
    std::string path;
    uint64_t bytes = 0;
  };

  Status CheckUsable() const;
  Status CheckPartition(PartitionId partition) const;
  Status CheckRoom(uint64_t bytes) const;
  uint64_t BusBytes() const;
  Status RemoveTemporaries();
  Status OpenSegments(const std::vector<SegmentName>& names);
  Status OpenLast(SegmentFile& segment);
  Status StartSegment(Cut base);
  Result<EncodedRecord> Encode(const Record& record) const;
  Status Write(const EncodedRecord& record);
  Status FlushProof();
  void WriteProof(EncodedRecord proof);
  void RollIfFull();
  Status RemoveOldest(size_t count);
  std::vector<ClosedSegment> Closed() const;
  size_t CountRemovable(Lsn pinned) const;
  void Fail(std::string_view why);

  FileSystem& files_;
  const Clock& clock_;
  const EmbeddedBusOptions options_;
  const std::string folder_;

  std::mutex mutex_;  // status threads ask beside the capture thread
  std::unique_ptr<FileLock> lock_;
  std::vector<Segment> segments_;  // the last one is `current_`; its bytes are counted there
  std::unique_ptr<SegmentWriter> current_;
  std::map<TableId, std::string> schemas_;
  std::optional<EncodedRecord> proof_;  // there was no room for it yet
  Cut durable_;
  Lsn appended_;        // the highest end LSN appended
  bool dirty_ = false;  // something was appended since the last cut
  bool failed_ = false;
};

Status Writer::Start(uint64_t epoch, Lsn start) {
  SLUICE_TRY(CreateFoldersDurably(files_, folder_));
  Result<std::unique_ptr<FileLock>> lock = files_.Lock(options_.folder + "/lock");
  if (!lock) {
    return std::move(lock).error().WithHint("another sluice writes this bus; stop it first");
  }
  lock_ = std::move(*lock);
  SLUICE_TRY(RemoveTemporaries());
  // The name of a segment that an earlier writer had just made.
  SLUICE_TRY(files_.SyncFolder(folder_));
  SLUICE_LET(const std::vector<SegmentName> names, ListSegments(files_, folder_));
  if (names.empty()) {
    SLUICE_TRY(StartSegment({.lsn = start, .time_us = 0}), "making a bus in {}", options_.folder);
  } else {
    SLUICE_TRY(OpenSegments(names));
  }
  WriteProof(EncodeResume({.epoch = epoch, .after = durable_.lsn}));
  return CheckUsable();
}

Status Writer::RemoveTemporaries() {
  SLUICE_LET(const std::vector<std::string> names, files_.List(folder_));
  for (const std::string& name : names) {
    if (name.ends_with(TemporaryPath(""))) SLUICE_TRY(files_.Remove(folder_ + "/" + name));
  }
  return {};
}

Status Writer::OpenSegments(const std::vector<SegmentName>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    SLUICE_LET(const std::unique_ptr<SegmentFile> segment,
               SegmentFile::Open(files_, names[i].path, options_.source_identity));
    SLUICE_LET(const uint64_t bytes, segment->Size());
    segments_.push_back({.base = names[i].base,
                         .created_us = segment->header().created_us,
                         .path = names[i].path,
                         .bytes = bytes});
    if (i + 1 < names.size()) {
      SLUICE_TRY(CheckEndsAt(*segment, names[i + 1].base));
    } else {
      SLUICE_TRY(OpenLast(*segment));
    }
  }
  return {};
}

Status Writer::OpenLast(SegmentFile& segment) {
  SLUICE_LET(RecoveredSegment recovered, RecoverSegment(segment));
  if (recovered.forgotten > 0) {
    log::Get("bus")->info("forgot {} bytes after the last cut {} in {}", recovered.forgotten,
                          ToString(recovered.last_cut.lsn), segment.path());
  }
  SLUICE_LET(current_, SegmentWriter::Reopen(files_, segment, recovered));
  durable_ = recovered.last_cut;
  appended_ = durable_.lsn;
  schemas_ = std::move(recovered.schemas);
  return {};
}

Status Writer::StartSegment(Cut base) {
  const SegmentHeader header{.base = base,
                             .created_us = clock_.WallMicros(),
                             .partition = 0,
                             .source_identity = options_.source_identity};
  SLUICE_LET(current_, SegmentWriter::Create(files_, folder_, header, schemas_));
  segments_.push_back(
      {.base = base.lsn, .created_us = header.created_us, .path = current_->path(), .bytes = 0});
  durable_ = base;
  appended_ = base.lsn;
  return {};
}

Status Writer::CheckUsable() const {
  if (!failed_) return {};
  return MakeError(ErrorKind::kUnavailable, "the bus in {} is not usable after a failed write",
                   options_.folder)
      .WithHint("open it again");
}

Status Writer::CheckPartition(PartitionId partition) const {
  if (partition == 0) return {};
  return MakeError(ErrorKind::kInternal, "the embedded bus has no partition {}", partition);
}

uint64_t Writer::BusBytes() const {
  uint64_t bytes = current_->bytes();
  for (size_t i = 0; i + 1 < segments_.size(); ++i) bytes += segments_[i].bytes;
  return bytes;
}

Status Writer::CheckRoom(uint64_t bytes) const {
  if (BusBytes() + bytes > options_.max_bytes) {
    return MakeError(ErrorKind::kExhausted, "the bus in {} holds {} of at most {} bytes",
                     options_.folder, BusBytes(), options_.max_bytes)
        .WithHint("wait until tables have caught up, or raise bus.max_bytes");
  }
  SLUICE_LET(const uint64_t free, files_.FreeBytes(folder_));
  if (free < bytes || free - bytes < options_.disk_reserve_bytes) {
    return MakeError(ErrorKind::kExhausted, "the disk of {} has {} bytes left, {} are reserved",
                     options_.folder, free, options_.disk_reserve_bytes)
        .WithHint("make room on the disk of the bus");
  }
  return {};
}

Result<EncodedRecord> Writer::Encode(const Record& record) const {
  if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
    SLUICE_LET(EncodedRecord out, EncodeBatch(*batch));
    if (batch->runs.front().end_lsn <= durable_.lsn) {
      return MakeError(ErrorKind::kInternal, "a change that ended at {} follows the cut {}",
                       ToString(batch->runs.front().end_lsn), ToString(durable_.lsn));
    }
    return out;
  }
  if (const auto* schema = std::get_if<TableSchema>(&record)) {
    return EncodeSchema(*schema, durable_.lsn);
  }
  if (const auto* stop = std::get_if<TableStop>(&record)) return EncodeStop(*stop, durable_.lsn);
  return MakeError(ErrorKind::kInternal, "cuts and resumes are not appended as records");
}

Status Writer::Append(PartitionId partition, const Record& record) {
  const std::lock_guard guard(mutex_);
  SLUICE_TRY(CheckUsable());
  SLUICE_TRY(CheckPartition(partition));
  SLUICE_LET(const EncodedRecord encoded, Encode(record));
  SLUICE_TRY(CheckRoom(encoded.size()));
  SLUICE_TRY(Write(encoded));
  ReachFaultPoint("bus.record_appended");
  dirty_ = true;
  if (encoded.kind == RecordKind::kBatch) appended_ = std::max(appended_, encoded.lsn);
  if (const auto* schema = std::get_if<TableSchema>(&record)) {
    schemas_[schema->id] = std::string(encoded.body_view());
  }
  return {};
}

Status Writer::Write(const EncodedRecord& record) {
  SLUICE_TRY(FlushProof());
  Status status = current_->Append(record);
  if (current_->broken()) Fail("cutting off a failed write failed");
  return status;
}

// A proof that found no room: readers wait for it.
Status Writer::FlushProof() {
  if (!proof_) return {};
  const EncodedRecord proof = *std::exchange(proof_, std::nullopt);
  Status status = Write(proof);
  if (!status) proof_ = proof;
  return status;
}

// What it proves holds whether it can be written now or later.
void Writer::WriteProof(EncodedRecord proof) {
  proof_ = std::move(proof);
  (void)FlushProof();
}

Status Writer::AppendCut(Cut cut) {
  const std::lock_guard guard(mutex_);
  SLUICE_TRY(CheckUsable());
  if (cut.lsn < appended_) {
    return MakeError(ErrorKind::kInternal, "the cut {} is below what was appended, {}",
                     ToString(cut.lsn), ToString(appended_));
  }
  if (cut.lsn == durable_.lsn && !dirty_) return FlushProof();
  SLUICE_TRY(Write(EncodeCut(cut)));
  ReachFaultPoint("bus.cut_written");
  if (const Status synced = current_->Sync(); !synced) {
    Fail("a sync failed");
    return Error(synced.error()).WithKind(ErrorKind::kUnavailable).WithHint("open the bus again");
  }
  ReachFaultPoint("bus.cut_synced");
  durable_ = cut;
  appended_ = cut.lsn;
  dirty_ = false;
  WriteProof(EncodeDurable(cut.lsn));
  RollIfFull();
  return {};
}

// What goes wrong here costs no cut: the segment grows on, or the next call tells.
void Writer::RollIfFull() {
  if (failed_ || proof_ || current_->bytes() < options_.segment_bytes ||
      durable_.lsn == current_->base()) {
    return;
  }
  if (!current_->Sync()) return Fail("a sync failed");
  segments_.back().bytes = current_->bytes();
  const Cut base = durable_;
  const Status started = StartSegment(base);
  if (started) return;
  // Unless the new segment is certainly not there, only opening again can tell.
  const std::string path = SegmentPath(folder_, base.lsn);
  const Result<bool> exists = files_.Exists(path);
  if (!exists || *exists) return Fail("making a segment failed");
  log::Get("bus")->warn("no new segment yet: {}", started.error().message());
}

void Writer::Fail(std::string_view why) {
  failed_ = true;
  log::Get("bus")->warn("the bus in {} must be opened again: {}", options_.folder, why);
}

Result<Cut> Writer::DurableCut() {
  const std::lock_guard guard(mutex_);
  return durable_;
}

std::vector<ClosedSegment> Writer::Closed() const {
  std::vector<ClosedSegment> out;
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    out.push_back({.end = segments_[i + 1].base,
                   .closed_us = segments_[i + 1].created_us,
                   .bytes = segments_[i].bytes});
  }
  return out;
}

Status Writer::Trim(PartitionId partition, Lsn through) {
  const std::lock_guard guard(mutex_);
  SLUICE_TRY(CheckPartition(partition));
  const std::vector<ClosedSegment> closed = Closed();
  const auto kept = std::find_if(closed.begin(), closed.end(),
                                 [&](const ClosedSegment& s) { return s.end > through; });
  return RemoveOldest(static_cast<size_t>(kept - closed.begin()));
}

size_t Writer::CountRemovable(Lsn pinned) const {
  const RetentionLimits limits{.now_us = clock_.WallMicros(),
                               .retention_us = options_.retention_us,
                               .bytes_max = options_.max_bytes};
  return SegmentsToRemove(Closed(), BusBytes(), limits, pinned);
}

Result<Lsn> Writer::Removable(Lsn pinned) {
  const std::lock_guard guard(mutex_);
  return segments_[std::min(CountRemovable(pinned), kRemovedAtOnce)].base;
}

Status Writer::Retain(Lsn pinned) {
  const std::lock_guard guard(mutex_);
  return RemoveOldest(CountRemovable(pinned));
}

// One by one, so that a crash leaves no gap between segments.
Status Writer::RemoveOldest(size_t count) {
  for (; count > 0; --count) {
    SLUICE_TRY(files_.Remove(segments_.front().path));
    ReachFaultPoint("bus.segment_removed");
    SLUICE_TRY(files_.SyncFolder(folder_));
    segments_.erase(segments_.begin());
  }
  return {};
}

Result<BusInfo> Writer::Info() {
  const std::lock_guard guard(mutex_);
  BusInfo out{.first_lsn = segments_.front().base,
              .last_cut = durable_,
              .bytes = BusBytes(),
              .segments = segments_.size()};
  SLUICE_LET(out.disk_free_bytes, files_.FreeBytes(folder_));
  return out;
}

}  // namespace

Result<std::unique_ptr<EmbeddedBusWriter>> EmbeddedBusWriter::Open(FileSystem& files,
                                                                   const Clock& clock,
                                                                   EmbeddedBusOptions options,
                                                                   uint64_t epoch, Lsn start) {
  if (options.source_identity.empty() || options.source_identity.size() > kIdentityBytesMax) {
    return MakeError(ErrorKind::kInternal, "a bus needs the identity of its source");
  }
  auto writer = std::make_unique<Writer>(files, clock, std::move(options));
  SLUICE_TRY(writer->Start(epoch, start));
  return std::unique_ptr<EmbeddedBusWriter>(std::move(writer));
}

}  // namespace sluice::bus
