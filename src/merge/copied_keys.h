// Keys of copied rows for the index, taken while the rows pass: their runs are sorted and written
// beside the copy, where reading them out of the finished files would come after it.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "merge/file_set.h"
#include "merge/key_encoding.h"
#include "merge/key_index.h"

namespace sluice::merge {

// Runs as TableMerge::AddCopied takes them.
struct CopiedRuns {
  std::vector<std::string> paths;
  std::set<store::Location> files;  // all of whose rows are in them

  void Add(CopiedRuns other);
};

// One worker's part of one table. Destroyed without Finish: runs may remain in the folder.
class CopiedKeys {
 public:
  static constexpr uint64_t kEntryBytes = 32;  // in memory, while they are sorted
  // `schema` must have a key. `entries_max`: then they become a run.
  CopiedKeys(const TableSchema& schema, FileSystem& fs, std::string folder, uint64_t entries_max);

  // The next rows of the data file at `file`, with the columns of TableSchema::RowSchema.
  Status Add(const store::Location& file, const arrow::RecordBatch& rows);
  // Nothing where there were few rows: those are read again sooner than a run is written.
  Result<CopiedRuns> Finish();

 private:
  Status Spill();

  KeyEncoder encoder_;
  FileSystem& fs_;
  std::string folder_;
  uint64_t entries_max_;
  FileSet files_;
  std::vector<IndexEntry> entries_;
  CopiedRuns runs_;
};

}  // namespace sluice::merge
