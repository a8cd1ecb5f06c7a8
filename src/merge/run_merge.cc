#include "merge/run_merge.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "merge/index_run_internal.h"

namespace sluice::merge {

namespace {

bool PlaceLess(const IndexEntry& a, const IndexEntry& b) {
  return std::tie(a.at.file, a.at.row) < std::tie(b.at.file, b.at.row);
}

uint64_t CountFiles(std::span<const IndexEntry> entries) {
  std::unordered_set<FileId> files;
  for (const IndexEntry& entry : entries) files.insert(entry.at.file);
  return files.size();
}

bool FingerprintLess(const IndexEntry& a, const IndexEntry& b) {
  return a.fingerprint >> kRunFingerprintDrop < b.fingerprint >> kRunFingerprintDrop;
}

// Fingerprints are hashes: dealt out by their upper bits they lie in pieces of a few entries, which
// sort in cache.
std::vector<IndexEntry> SortedForRun(std::span<const IndexEntry> entries) {
  constexpr size_t kEntriesPerPiece = 16;
  const int bits = std::clamp(static_cast<int>(std::bit_width(entries.size() / kEntriesPerPiece)),
                              1, 64 - kRunFingerprintDrop);
  const auto piece_of = [bits](const IndexEntry& entry) {
    return entry.fingerprint >> (64 - bits);
  };
  std::vector<uint32_t> ends((size_t{1} << bits) + 1);
  for (const IndexEntry& entry : entries) ++ends[piece_of(entry) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  std::vector<IndexEntry> out(entries.size());
  for (const IndexEntry& entry : entries) out[ends[piece_of(entry)]++] = entry;
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    std::sort(out.begin() + begin, out.begin() + end, FingerprintLess);
    begin = end;
  }
  return out;
}

// A heap of cursors, the lowest fingerprint first.
class MergedCursor {
 public:
  explicit MergedCursor(std::span<const std::unique_ptr<IndexRun>> runs) {
    for (const auto& run : runs) Push(IndexRun::Cursor(*run));
  }
  bool done() const { return heap_.empty(); }

  // All entries of the next fingerprint.
  void TakeGroup(std::vector<IndexEntry>& out) {
    out.clear();
    const Fingerprint fingerprint = heap_.front().fingerprint();
    while (!heap_.empty() && heap_.front().fingerprint() == fingerprint) {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      IndexRun::Cursor cursor = heap_.back();
      heap_.pop_back();
      for (; !cursor.done() && cursor.fingerprint() == fingerprint; cursor.Advance()) {
        out.push_back({fingerprint, cursor.location()});
      }
      Push(cursor);
    }
  }

 private:
  static bool Later(const IndexRun::Cursor& a, const IndexRun::Cursor& b) {
    return a.fingerprint() > b.fingerprint();
  }
  void Push(const IndexRun::Cursor& cursor) {
    if (cursor.done()) return;
    heap_.push_back(cursor);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  std::vector<IndexRun::Cursor> heap_;
};

}  // namespace

Result<std::unique_ptr<IndexRun>> WriteRun(FileSystem& fs, const std::string& folder,
                                           std::string name, const FileSet& files,
                                           std::span<const IndexEntry> unsorted) {
  const std::vector<IndexEntry> entries = SortedForRun(unsorted);
  SLUICE_LET(const auto writer, RunWriter::Create(fs, folder, std::move(name), files,
                                                  entries.size(), CountFiles(entries)));
  for (const IndexEntry& entry : entries) SLUICE_TRY(writer->Add(entry));
  return writer->Finish();
}

Result<std::unique_ptr<IndexRun>> MergeRuns(FileSystem& fs, const std::string& folder,
                                            std::string name, const FileSet& files,
                                            std::span<const std::unique_ptr<IndexRun>> runs) {
  uint64_t entries_max = 0;
  uint64_t files_max = 0;
  for (const auto& run : runs) {
    entries_max += run->size();
    files_max += run->file_count();
  }
  SLUICE_LET(const auto writer,
             RunWriter::Create(fs, folder, std::move(name), files, entries_max, files_max));
  MergedCursor cursor(runs);
  std::vector<IndexEntry> group;
  while (!cursor.done()) {
    cursor.TakeGroup(group);
    std::sort(group.begin(), group.end(), PlaceLess);
    for (size_t i = 0; i < group.size(); ++i) {
      const bool repeated = i > 0 && group[i].at == group[i - 1].at;  // a file that was read again
      if (!repeated && files.IsLive(group[i].at)) SLUICE_TRY(writer->Add(group[i]));
    }
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
