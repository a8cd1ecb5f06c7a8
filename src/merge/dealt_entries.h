// Index entries on their way into one run, in a file of their own: dealt out by the upper bits of
// their fingerprints a memory full at a time, so that each is sorted and written into a run once
// however many there are.
//
// The file is no part of the index: nothing syncs it, and it goes with this object.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "merge/entry_sort.h"
#include "merge/index_run.h"

namespace sluice::merge {

class DealtEntries {
 public:
  static constexpr uint64_t kPieces = 1 << kDealBitsMax;

  static Result<std::unique_ptr<DealtEntries>> Create(FileSystem& fs, std::string path);
  DealtEntries(const DealtEntries&) = delete;
  DealtEntries& operator=(const DealtEntries&) = delete;
  ~DealtEntries();

  // Memory: as much again, and 24 bytes a piece.
  Status Add(std::span<const IndexEntry> entries);
  uint64_t size() const { return size_; }

  // All of them, once, as a run; at most kRunEntriesMax. Memory: 32 bytes for each entry of a
  // piece, and the run's directory. kUnavailable: the file holds something else than was written.
  Result<std::unique_ptr<IndexRun>> WriteRun(const std::string& folder, std::string name,
                                             const FileSet& files);

 private:
  struct Slice {
    uint64_t offset = 0;
    uint64_t hash = 0;
    uint32_t entries = 0;
  };

  DealtEntries(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  Status ReadPiece(const std::vector<Slice>& slices, std::vector<IndexEntry>& out);

  FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<File> file_;
  std::array<std::vector<Slice>, kPieces> pieces_;
  uint64_t size_ = 0;
  std::vector<IndexEntry> scratch_;
};

}  // namespace sluice::merge
