// Reads one segment: its header, and records at given offsets. Nothing is kept in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "bus/embedded/segment_format.h"

namespace sluice::bus {

// A record whose head and prelude are valid and whose bytes are all in the file.
struct FoundRecord {
  RecordHead head;
  uint64_t offset = 0;
  std::string prelude;

  uint64_t end() const { return offset + head.size(); }
};

// What stands at an offset.
struct Probe {
  std::optional<FoundRecord> found;
  // Nothing found: the file ends before a record does, as it does while one is written. Otherwise
  // the bytes there are no record.
  bool incomplete = false;
};

class SegmentFile {
 public:
  // kCorrupt when the header is damaged, kConfig for another format version or another identity
  // (an empty `source_identity` takes any).
  static Result<std::unique_ptr<SegmentFile>> Open(FileSystem& files, std::string path,
                                                   const std::string& source_identity);

  const std::string& path() const { return path_; }
  const SegmentHeader& header() const { return header_; }
  uint64_t first_record() const { return header_bytes_; }
  Result<uint64_t> Size() { return file_->Size(); }

  // `size` is the file's, as the caller takes it to be.
  Result<Probe> At(uint64_t offset, uint64_t size);
  // kCorrupt when the body fails its checksum, with the place.
  Result<std::string> ReadBody(const FoundRecord& record);
  // The first proof that begins at or after `from`: tells damage from a torn tail.
  Result<std::optional<FoundRecord>> FindProof(uint64_t from, uint64_t size);
  Result<std::string> ReadBytes(uint64_t from, size_t size) { return file_->Read(from, size); }

 private:
  SegmentFile(std::unique_ptr<File> file, std::string path, SegmentHeader header,
              uint64_t header_bytes)
      : file_(std::move(file)),
        path_(std::move(path)),
        header_(std::move(header)),
        header_bytes_(header_bytes) {}

  std::unique_ptr<File> file_;
  std::string path_;
  SegmentHeader header_;
  uint64_t header_bytes_;
};

// "segment x, byte n: the records above a up to b are damaged", with the hint what to do.
Error DamageError(const std::string& path, uint64_t offset, Lsn above, Lsn through);

}  // namespace sluice::bus
