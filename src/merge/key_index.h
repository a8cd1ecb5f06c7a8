// Key -> place of the row. A cache: rows of files that it does not hold are read again from the
// lake's key columns. It keeps a fingerprint a row, not the key; Postgres updates and deletes only
// rows that exist, so a single live candidate is the row, and several are told apart by reading
// their keys (KeyReader).
//
// Stale entries need no tombstones: an entry whose location FileSet calls dead does not count.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "merge/file_set.h"

namespace sluice::merge {

// 64-bit hash of a row's normalised key bytes (key_encoding.h).
using Fingerprint = uint64_t;

struct IndexEntry {
  Fingerprint fingerprint = 0;
  RowLocation at;
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

// Reads the keys of rows, as normalised key bytes, to tell candidates apart.
class KeyReader {
 public:
  virtual ~KeyReader() = default;
  virtual Result<std::vector<std::string>> ReadKeys(std::span<const RowLocation> rows) = 0;
};

struct IndexStatistics {
  uint64_t recent_entries = 0;  // in memory
  uint64_t run_entries = 0;     // in mapped runs, stale ones included
  uint64_t run_bytes = 0;
  uint64_t recent_bytes = 0;  // of memory, by published entries
  uint64_t staged_bytes = 0;  // of memory, by the window's entries
};

enum class FindMode : uint8_t {
  kExists,       // The row is known to exist: a single candidate is not verified.
  kMayBeAbsent,  // Every candidate's key is read.
};

// One thread. Find sees staged entries; Discard forgets them; Publish keeps them.
class KeyIndex {
 public:
  virtual ~KeyIndex() = default;
  // For each key the live row that holds it, or nothing; of several rows with one key (a deferred
  // constraint, inside a transaction) that at the lowest location, which was written first. `keys`
  // are normalised key bytes, parallel to `fingerprints` and `found`.
  virtual Status Find(std::span<const Fingerprint> fingerprints,
                      std::span<const std::string_view> keys, FindMode mode, KeyReader& reader,
                      std::span<std::optional<RowLocation>> found) = 0;
  // The rows must be in the FileSet already. May write a run: kExhausted, kUnavailable.
  virtual Status Stage(std::span<const IndexEntry> entries) = 0;
  // The same for the rows of whole files, in any number of calls, then FinishStageFiles: they
  // become runs without passing through the table of recent entries. Find sees them after it.
  virtual Status StageFiles(std::span<const IndexEntry> entries) = 0;
  virtual Status FinishStageFiles() = 0;
  // The same by runs that hold all rows of `files` (CopiedKeys), which become the index's own.
  // False: they are not all there and sound, none was taken, and the files are to be read.
  virtual Result<bool> StageRuns(std::span<const std::string> paths,
                                 std::span<const FileId> files) = 0;
  // The commit that made `snapshot_id` is known to have happened. Call after FileSet::Publish. In
  // memory it cannot fail; an error means that runs could not be written, and the next Publish
  // tries again. What is not in a run then is read again after a restart.
  virtual Status Publish(int64_t snapshot_id) = 0;
  virtual void Discard() = 0;
  // Empties it, on disk too.
  virtual Status Clear() = 0;
  // All live rows of whole files, in any number of calls, then FinishLoad: only then do the files
  // count as held after a restart. Nothing may be staged meanwhile.
  virtual Status Load(std::span<const IndexEntry> entries) = 0;
  virtual Status FinishLoad() = 0;
  // Frees memory: the window's entries become a run, which Discard removes.
  virtual Status SpillStaged() = 0;
  // The same of published entries. Not while a window is open: its deletes may yet be discarded.
  virtual Status SpillRecent() = 0;
  virtual IndexStatistics statistics() const = 0;
};

struct TieredIndexOptions {
  std::string folder;                     // state folder of this table; runs live here
  uint64_t recent_entries_max = 1 << 20;  // then they become a run
  uint32_t runs_max = 8;                  // then the smaller half is merged
  int fingerprint_bits = 64;              // tests make collisions likely with fewer
};

struct OpenedIndex {
  std::unique_ptr<KeyIndex> index;
  // Live files whose rows it does not hold: hand them to LoadFiles (table_merge.h) before use.
  std::vector<FileId> missing;
};

// Runs name files by location, so that they survive a restart although FileIds do not. A folder
// that is absent, damaged or of another version gives an empty index, which misses every file (a
// warning is logged). `fs` and `files` outlive it. Layout: docs/formats/key_index.md.
Result<OpenedIndex> OpenTieredIndex(FileSystem& fs, const FileSet& files,
                                    TieredIndexOptions options);

}  // namespace sluice::merge
