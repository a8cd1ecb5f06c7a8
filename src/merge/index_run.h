// One immutable run of the key index, as docs/formats/key_index.md lays it out.
#pragma once

#include <xxhash.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "merge/file_set.h"
#include "merge/key_index.h"
#include "merge/mapped_file.h"

namespace sluice::merge {

// The upper 48 bits of a fingerprint: what runs keep.
constexpr int kRunFingerprintDrop = 16;
constexpr int kRunTagBits = 32;
constexpr uint32_t kDirectoryBitsMin = 16;
constexpr uint32_t kDirectoryBitsMax = 32;
// What a tag leaves out of the 48 bits, and every directory tells apart.
constexpr uint32_t kRunPieceBits = kDirectoryBitsMin;
constexpr uint64_t kRunPieces = uint64_t{1} << kRunPieceBits;

struct RunFooter {
  uint64_t entry_count = 0;
  uint64_t directory_offset = 0;
  uint64_t files_offset = 0;
  uint32_t file_count = 0;
  uint32_t directory_bits = kDirectoryBitsMin;
  uint32_t ordinal_width = 2;
};

class IndexRun {
 public:
  // Maps and verifies it. Files that `files` does not know make their entries stale for as long as
  // the run is open. kCorrupt: not a run, damaged, or of another version.
  static Result<std::unique_ptr<IndexRun>> Open(FileSystem& fs, const std::string& folder,
                                                std::string name, const FileSet& files);

  const std::string& name() const { return name_; }
  uint64_t size() const { return footer_.entry_count; }
  uint64_t size_bytes() const { return file_->bytes().size(); }
  uint64_t file_count() const { return files_.size(); }

  // Two steps, so that a batch of look-ups can overlap their cache misses.
  void PrefetchDirectory(Fingerprint fingerprint) const {
    __builtin_prefetch(directory_ + Bucket(fingerprint) * sizeof(uint32_t));
  }
  void PrefetchEntries(Fingerprint fingerprint) const {
    const uint64_t first = BucketBegin(Bucket(fingerprint));
    __builtin_prefetch(entries_ + first * entry_width_);
    __builtin_prefetch(entries_ + first * entry_width_ + 64);
  }
  template <typename Take>
  void ForEach(Fingerprint fingerprint, Take take) const {
    const uint64_t bucket = Bucket(fingerprint);
    const uint32_t tag = Tag(fingerprint);
    const uint64_t end = BucketBegin(bucket + 1);
    for (uint64_t i = BucketBegin(bucket); i < end; ++i) {
      const uint32_t here = TagAt(i);
      if (here == tag) take(LocationAt(i));
      if (here > tag) break;
    }
  }

  // The entries whose fingerprints begin with these bits, in order; below kRunPieces. The lowest 16
  // bits of a fingerprint are zero.
  template <typename Take>
  void ForEachOfPiece(uint64_t piece, Take take) const {
    const uint32_t rest = footer_.directory_bits - kRunPieceBits;
    const uint64_t end = BucketBegin((piece + 1) << rest);
    for (uint64_t i = BucketBegin(piece << rest); i < end; ++i) {
      const Fingerprint tag = TagAt(i);
      take(IndexEntry{piece << (64 - kRunPieceBits) | tag << kRunFingerprintDrop, LocationAt(i)});
    }
  }

 private:
  IndexRun(std::string name, std::unique_ptr<MappedFile> file, RunFooter footer);
  Status CheckDirectory() const;
  Status CheckOrdinals() const;
  Status ReadFiles(const FileSet& files);

  uint64_t Bucket(Fingerprint fingerprint) const {
    return fingerprint >> (64 - footer_.directory_bits);
  }
  static uint32_t Tag(Fingerprint fingerprint) {
    return static_cast<uint32_t>(fingerprint >> kRunFingerprintDrop);
  }
  template <typename T>
  static T Load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  uint64_t BucketBegin(uint64_t bucket) const {
    return Load<uint32_t>(directory_ + bucket * sizeof(uint32_t));
  }
  uint32_t TagAt(uint64_t i) const { return Load<uint32_t>(entries_ + i * entry_width_); }
  uint32_t OrdinalAt(uint64_t i) const {
    const char* at = entries_ + i * entry_width_ + sizeof(uint32_t);
    return footer_.ordinal_width == 2 ? Load<uint16_t>(at) : Load<uint32_t>(at);
  }
  RowLocation LocationAt(uint64_t i) const {
    const char* end = entries_ + (i + 1) * entry_width_;
    return {files_[OrdinalAt(i)], Load<uint32_t>(end - sizeof(uint32_t))};
  }

  std::string name_;
  std::unique_ptr<MappedFile> file_;
  RunFooter footer_;
  size_t entry_width_;
  const char* entries_;
  const char* directory_;
  std::vector<FileId> files_;  // by ordinal; FileId{} where the table has it no more
};

// Writes a run: Add in fingerprint order, then Finish. Destroyed without: a `.tmp` file may remain.
class RunWriter {
 public:
  // At most `entries_max` entries of at most `files_max` files will be added.
  static Result<std::unique_ptr<RunWriter>> Create(FileSystem& fs, const std::string& folder,
                                                   std::string name, const FileSet& files,
                                                   uint64_t entries_max, uint64_t files_max);
  Status Add(const IndexEntry& entry);
  // Durable under its name once it returns, and open.
  Result<std::unique_ptr<IndexRun>> Finish();

 private:
  struct HashState {
    XXH3_state_t* state = XXH3_createState();
    HashState() { XXH3_64bits_reset(state); }
    ~HashState() { XXH3_freeState(state); }
    HashState(const HashState&) = delete;
    HashState& operator=(const HashState&) = delete;
  };

  RunWriter(FileSystem& fs, std::string folder, std::string name, const FileSet& files);
  // Where so many bytes may be put.
  char* Room(size_t size);
  void Append(const void* bytes, size_t size);
  Status Flush();
  uint32_t OrdinalOf(FileId file);
  Status WriteDirectory();
  Status WriteFiles();
  Status WriteFooter();

  FileSystem& fs_;
  std::string folder_;
  std::string name_;
  const FileSet& files_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  size_t filled_ = 0;  // of it
  HashState hash_;
  uint64_t written_ = 0;
  RunFooter footer_;
  std::vector<uint32_t> directory_;  // number of entries per bucket, until it is written
  std::vector<FileId> ordinals_;
  std::unordered_map<FileId, uint32_t> ordinal_of_;
  FileId last_file_{};  // FileSet numbers from 1
  uint32_t last_ordinal_ = 0;
};

}  // namespace sluice::merge
