// Walks the records of a partition that a proof follows, across segments, beside a writer in this
// or another process. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "bus/embedded/segment_file.h"

namespace sluice::bus {

class SegmentCursor {
 public:
  SegmentCursor(FileSystem& files, std::string partition_folder, std::string source_identity)
      : files_(files),
        folder_(std::move(partition_folder)),
        source_identity_(std::move(source_identity)) {}

  // Stands at the first record of the segment in which everything above `after` begins; returns
  // the LSN above which everything is held. kConfig when there is no bus.
  Result<Lsn> Seek(Lsn after);
  // The record it stands at; nothing when no further record is closed yet. kCorrupt with the place
  // when damage stands before a proof; kUnavailable when retention removed the next segment: Seek.
  Result<std::optional<FoundRecord>> Peek();
  void Pass(const FoundRecord& record) { position_ = record.end(); }
  Result<std::string> ReadBody(const FoundRecord& record) { return segment_->ReadBody(record); }

  // Still in the segment that Seek chose: its carried schemas are news.
  bool in_first_segment() const { return first_; }
  const SegmentFile& segment() const { return *segment_; }
  // The newest cut that a proof was seen of.
  Lsn proved() const { return proved_; }

 private:
  void Enter(std::unique_ptr<SegmentFile> segment);
  Result<bool> FindNextProof();
  Status CheckUndamaged(uint64_t at, uint64_t size);
  Result<bool> EnterNextSegment();
  Result<bool> Reopen();

  FileSystem& files_;
  std::string folder_;
  std::string source_identity_;
  std::unique_ptr<SegmentFile> segment_;
  bool first_ = true;
  uint64_t position_ = 0;   // of the next record to hand out
  uint64_t closed_ = 0;     // everything before it is closed by a proof
  uint64_t size_seen_ = 0;  // the file's size when nothing more was found in it
  Lsn proved_;
};

}  // namespace sluice::bus
