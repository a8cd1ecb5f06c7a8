#include "bus/embedded/segment_cursor.h"

#include "bus/embedded/segment_folder.h"

namespace sluice::bus {

void SegmentCursor::Enter(std::unique_ptr<SegmentFile> segment) {
  segment_ = std::move(segment);
  position_ = closed_ = segment_->first_record();
  size_seen_ = 0;
  proved_ = segment_->header().base.lsn;
}

Result<Lsn> SegmentCursor::Seek(Lsn after) {
  // Retention may remove a segment between listing and opening; it removes few.
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    SLUICE_LET(const std::vector<SegmentName> segments, ListSegments(files_, folder_));
    if (segments.empty()) {
      return MakeError(ErrorKind::kConfig, "there is no bus in {}", folder_)
          .WithHint("a pipeline that ran once has one; see bus.folder");
    }
    Result<std::unique_ptr<SegmentFile>> segment =
        SegmentFile::Open(files_, segments[SegmentOf(segments, after)].path, source_identity_);
    if (!segment && segment.error().code() == "ENOENT") continue;
    if (!segment) return std::move(segment).error();
    Enter(std::move(*segment));
    first_ = true;
    return std::max(after, segments.front().base);
  }
  return MakeError(ErrorKind::kUnavailable, "the segments in {} change too fast", folder_);
}

Result<std::optional<FoundRecord>> SegmentCursor::Peek() {
  if (segment_ == nullptr) return MakeError(ErrorKind::kInternal, "a bus reader that did not seek");
  while (position_ >= closed_) {
    SLUICE_LET(const bool proof, FindNextProof());
    if (proof) break;
    SLUICE_LET(const bool next, EnterNextSegment());
    if (!next) return std::optional<FoundRecord>();
  }
  SLUICE_LET(Probe probe, segment_->At(position_, closed_));
  // Incomplete: a writer that opens writes the last proofs again.
  if (probe.found || probe.incomplete) return std::move(probe.found);
  return DamageError(segment_->path(), position_, segment_->header().base.lsn, proved_);
}

// Moves `closed_` behind the next proof; false when there is none yet. Starts over each time: what
// no proof follows, a writer that opens may replace.
Result<bool> SegmentCursor::FindNextProof() {
  SLUICE_LET(const uint64_t size, segment_->Size());
  if (size == size_seen_) return false;
  uint64_t at = closed_;
  while (true) {
    SLUICE_LET(const Probe probe, segment_->At(at, size));
    if (probe.found) {
      at = probe.found->end();
      if (!probe.found->head.IsProof()) continue;
      closed_ = at;
      proved_ = probe.found->head.lsn;
      return true;
    }
    if (!probe.incomplete) SLUICE_TRY(CheckUndamaged(at, size));
    size_seen_ = size;
    return false;
  }
}

// Bytes that are no record are a torn tail, unless a proof follows them.
Status SegmentCursor::CheckUndamaged(uint64_t at, uint64_t size) {
  SLUICE_LET(const auto proof, segment_->FindProof(at + 8, size));
  if (!proof) return {};
  // A writer that opens may have replaced a torn tail between two reads.
  SLUICE_LET(const Probe again, segment_->At(at, size));
  if (again.found || again.incomplete) return {};
  return DamageError(segment_->path(), at, proved_, proof->head.lsn);
}

Result<bool> SegmentCursor::EnterNextSegment() {
  if (proved_ == segment_->header().base.lsn) return Reopen();
  Result<std::unique_ptr<SegmentFile>> next =
      SegmentFile::Open(files_, SegmentPath(folder_, proved_), source_identity_);
  if (!next && next.error().code() == "ENOENT") return Reopen();
  if (!next) return std::move(next).error();
  // A segment that has a successor is finished: it grows no more and ends with a proof.
  SLUICE_LET(const uint64_t size, segment_->Size());
  if (size != size_seen_) return false;
  if (size != closed_) {
    return DamageError(segment_->path(), closed_, proved_, (*next)->header().base.lsn);
  }
  Enter(std::move(*next));
  first_ = false;
  return true;
}

// A writer that opened may have put a copy in the file's place; true when that holds more.
Result<bool> SegmentCursor::Reopen() {
  const Result<FileInfo> info = files_.Info(segment_->path());
  if (!info && info.error().code() == "ENOENT") {
    return MakeError(ErrorKind::kUnavailable, "the bus was trimmed past the reader at {}",
                     ToString(proved_))
        .WithHint("seek again");
  }
  SLUICE_TRY(info);
  if (info->size == size_seen_) return false;
  SLUICE_LET(segment_, SegmentFile::Open(files_, segment_->path(), source_identity_));
  size_seen_ = 0;
  return FindNextProof();
}

}  // namespace sluice::bus
