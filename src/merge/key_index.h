// Key -> place of the row. A cache: rebuilt from the lake's key columns whenever it is missing or
// its stamp is not the table's snapshot. It keeps a fingerprint a row, not the key; Postgres updates
// and deletes only rows that exist, so a single live candidate is the row, and several are told
// apart by reading their keys (KeyReader).
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
  uint64_t memory_bytes = 0;
};

// One thread. Find sees staged entries; Discard forgets them; Publish keeps and persists them.
class KeyIndex {
 public:
  virtual ~KeyIndex() = default;
  // For each key the live row that holds it, or nothing. `keys` are normalised key bytes,
  // parallel to `fingerprints`.
  virtual Status Find(std::span<const Fingerprint> fingerprints,
                      std::span<const std::string_view> keys, KeyReader& reader,
                      std::span<std::optional<RowLocation>> found) = 0;
  virtual Status Stage(std::span<const IndexEntry> entries) = 0;
  // The commit that made `snapshot_id` is known to have happened. Call after FileSet::Publish.
  virtual Status Publish(int64_t snapshot_id) = 0;
  virtual void Discard() = 0;
  // Empties it and takes all rows of a table (rebuild); not staged.
  virtual Status Clear() = 0;
  virtual Status Load(std::span<const IndexEntry> entries) = 0;
  // The snapshot that it mirrors; nothing: unusable, rebuild.
  virtual std::optional<int64_t> stamp() const = 0;
  virtual IndexStatistics statistics() const = 0;
};

struct TieredIndexOptions {
  std::string folder;                     // state folder of this table; mapped runs live here
  uint64_t recent_entries_max = 1 << 20;  // then they become a run
  uint32_t runs_max = 8;                  // then neighbours of like size are merged
  int fingerprint_bits = 64;              // tests make collisions likely with fewer
};

// Runs name files by their location's 64-bit hash table in the run's header, so that a run survives a restart
// although FileIds do not. Opening with runs whose files are all known to `files` and whose stamp
// equals `snapshot_id` keeps them; anything else starts empty (stamp() is nothing).
Result<std::unique_ptr<KeyIndex>> OpenTieredIndex(FileSystem& fs, const FileSet& files,
                                                  std::optional<int64_t> snapshot_id,
                                                  TieredIndexOptions options);

}  // namespace sluice::merge
