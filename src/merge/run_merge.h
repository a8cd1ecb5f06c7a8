// Makes runs of entries and of other runs.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "merge/index_run.h"

namespace sluice::merge {

// Sorts `entries`, with as much memory again.
Result<std::unique_ptr<IndexRun>> WriteRun(FileSystem& fs, const std::string& folder,
                                           std::string name, const FileSet& files,
                                           std::span<IndexEntry> entries);

// What becomes of entries that the FileSet calls dead. Never leave them out of published runs while
// committed rows have staged deletes. To ask for each entry costs as much as the rest of a merge,
// and where all were alive a moment ago it finds nothing.
enum class DeadEntries : uint8_t { kLeftOut, kKept };

// Memory: the new directory (a quarter byte a row) and 32 bytes a row of 1/65,536 of all rows.
Result<std::unique_ptr<IndexRun>> MergeRuns(FileSystem& fs, const std::string& folder,
                                            std::string name, const FileSet& files,
                                            std::span<const std::unique_ptr<IndexRun>> runs,
                                            DeadEntries dead);

// Sorts the runs by size and says how many of the smallest to merge, so that at most `runs_max`
// remain: about half of them, hence each row is rewritten a logarithmic number of times. 0: none.
size_t ChooseRunsToMerge(std::vector<std::unique_ptr<IndexRun>>& runs, uint32_t runs_max);

}  // namespace sluice::merge
