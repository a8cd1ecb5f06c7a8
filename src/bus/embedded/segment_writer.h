// Appends records to one segment. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "bus/embedded/record_codec.h"
#include "bus/embedded/recovery.h"
#include "bus/embedded/segment_file.h"

namespace sluice::bus {

class SegmentWriter {
 public:
  // Makes a segment with its carried schemas; durable, with its name, once it returns. On error no
  // such segment is there, or (folder not synced) a whole one without records.
  static Result<std::unique_ptr<SegmentWriter>> Create(
      FileSystem& files, const std::string& partition_folder, const SegmentHeader& header,
      const std::map<TableId, std::string>& schemas);
  // Goes on where `recovered` ends; what follows is cut off, and what is before it is made durable
  // by writing it again where a sync could not be trusted to.
  static Result<std::unique_ptr<SegmentWriter>> Reopen(FileSystem& files, SegmentFile& segment,
                                                       const RecoveredSegment& recovered);

  // All of it or nothing. When nothing, and broken() afterwards, not even that is sure.
  Status Append(const EncodedRecord& record);
  Status Sync() { return file_->Sync(); }
  bool broken() const { return broken_; }
  uint64_t bytes() const { return bytes_; }
  Lsn base() const { return base_; }
  const std::string& path() const { return path_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, std::string path, Lsn base, uint64_t bytes)
      : file_(std::move(file)), path_(std::move(path)), base_(base), bytes_(bytes) {}
  Status Write(const EncodedRecord& record);

  std::unique_ptr<File> file_;
  std::string path_;
  Lsn base_;
  uint64_t bytes_;
  bool broken_ = false;
};

// The name under which a segment is made.
std::string TemporaryPath(const std::string& segment_path);

}  // namespace sluice::bus
