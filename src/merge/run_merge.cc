#include "merge/run_merge.h"

#include <algorithm>
#include <utility>

#include "merge/entry_sort.h"
#include "merge/index_run_internal.h"

namespace sluice::merge {

Result<std::unique_ptr<IndexRun>> WriteRun(FileSystem& fs, const std::string& folder,
                                           std::string name, const FileSet& files,
                                           std::span<IndexEntry> entries) {
  std::vector<IndexEntry> scratch(entries.size());
  SortForRun(entries, scratch, 0);
  SLUICE_LET(const auto writer, RunWriter::Create(fs, folder, std::move(name), files,
                                                  entries.size(), files.files().size()));
  for (const IndexEntry& entry : entries) SLUICE_TRY(writer->Add(entry));
  return writer->Finish();
}

Result<std::unique_ptr<IndexRun>> MergeRuns(FileSystem& fs, const std::string& folder,
                                            std::string name, const FileSet& files,
                                            std::span<const std::unique_ptr<IndexRun>> runs,
                                            DeadEntries dead) {
  uint64_t entries_max = 0;
  uint64_t files_max = 0;
  for (const auto& run : runs) {
    entries_max += run->size();
    files_max += run->file_count();
  }
  SLUICE_LET(const auto writer,
             RunWriter::Create(fs, folder, std::move(name), files, entries_max, files_max));
  std::vector<IndexEntry> entries;
  std::vector<IndexEntry> scratch;
  for (uint64_t piece = 0; piece < kRunPieces; ++piece) {
    entries.clear();
    for (const auto& run : runs) {
      run->ForEachOfPiece(piece, [&](const IndexEntry& entry) {
        if (dead == DeadEntries::kKept || files.IsLive(entry.at)) entries.push_back(entry);
      });
    }
    scratch.resize(entries.size());
    SortForRun(entries, scratch, kRunPieceBits);
    // A file that was read again repeats its entries.
    const auto end = std::unique(entries.begin(), entries.end());
    for (auto at = entries.begin(); at != end; ++at) SLUICE_TRY(writer->Add(*at));
  }
  return writer->Finish();
}

size_t ChooseRunsToMerge(std::vector<std::unique_ptr<IndexRun>>& runs, uint32_t runs_max) {
  if (runs.size() <= runs_max) return 0;
  std::sort(runs.begin(), runs.end(),
            [](const auto& a, const auto& b) { return a->size() < b->size(); });
  const size_t wanted = runs.size() - runs_max + std::max<size_t>(1, runs_max / 2);
  size_t count = 0;
  uint64_t entries = 0;
  while (count < std::min(wanted, runs.size()) && entries + runs[count]->size() <= kRunEntriesMax) {
    entries += runs[count++]->size();
  }
  return count < 2 ? 0 : count;
}

}  // namespace sluice::merge
