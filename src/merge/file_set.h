// The live data files of one table and which of their rows are deleted, as of a snapshot plus what
// the open window has done so far. The key index asks it whether a location it knows is alive: an
// index entry that points at a deleted row or a file that is gone is stale and does not count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <roaring/roaring.hh>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "parquet/position_delete_file.h"
#include "store/object_store.h"

namespace sluice::merge {

// Names a data file within one table and one process; never reused while the process runs.
enum class FileId : uint32_t {};

struct RowLocation {
  FileId file{};
  uint32_t row = 0;  // ordinal in the file; files are rolled below 2^32 rows
  friend bool operator==(const RowLocation&, const RowLocation&) = default;
};

struct LiveFile {
  store::Location location;
  int64_t record_count = 0;  // of an open file: rows written so far
  roaring::Roaring deleted;  // committed and staged
  bool staged = false;       // written by the open window
};

// One thread.
class FileSet {
 public:
  // A committed file, with its committed deletes (loading).
  FileId AddCommitted(store::Location location, int64_t record_count, roaring::Roaring deleted);
  // A file of the open window; `record_count` grows with SetRecordCount until it is finished.
  FileId AddStaged(store::Location location);
  void SetRecordCount(FileId file, int64_t rows);

  const LiveFile* Find(FileId file) const;  // null: gone
  std::optional<FileId> FindByLocation(const store::Location& location) const;
  bool IsLive(RowLocation at) const;
  const std::map<FileId, LiveFile>& files() const { return files_; }

  // A live row is now deleted. SLUICE_CHECKs that it was live.
  void Delete(RowLocation at);
  // Every row of every file (truncate).
  void DeleteAll();

  // What the open window deleted, by location; files that are wholly dead are listed in `removed`
  // and left out of `deleted`; a *staged* file that is wholly dead is in neither (it is never
  // committed) but in `abandoned`.
  struct Staged {
    parquet::PositionDeletes deleted;
    std::vector<store::Location> removed;
    std::vector<store::Location> abandoned;
    int64_t rows = 0;  // deleted by the window, in `deleted` and `removed`
  };
  Staged StagedDeletes() const;
  // The window's commit is known to have happened: staged becomes committed, dead files go.
  void Publish();
  // The window is forgotten: staged files and deletes are undone.
  void Discard();

 private:
  FileId Add(LiveFile file);
  std::map<FileId, LiveFile>::iterator Erase(std::map<FileId, LiveFile>::iterator at);

  std::map<FileId, LiveFile> files_;
  std::unordered_map<store::Location, FileId> by_location_;
  std::map<FileId, roaring::Roaring> staged_deletes_;
  uint32_t next_id_ = 1;
};

}  // namespace sluice::merge
