// The key index of key_index.h: recent entries in memory, older ones in mapped runs.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "merge/dealt_entries.h"
#include "merge/index_manifest.h"
#include "merge/index_run.h"
#include "merge/key_index.h"
#include "merge/memory_table.h"
#include "merge/run_merge.h"

namespace sluice::merge {

inline constexpr const char* kManifestName = "MANIFEST";

class TieredIndex final : public KeyIndex {
 public:
  TieredIndex(FileSystem& fs, const FileSet& files, TieredIndexOptions options);
  // Takes up what the folder holds; an unusable one is emptied.
  Status Open();
  std::vector<FileId> Missing() const;

  Status Find(std::span<const Fingerprint> fingerprints, std::span<const std::string_view> keys,
              FindMode mode, KeyReader& reader,
              std::span<std::optional<RowLocation>> found) override;
  Status Stage(std::span<const IndexEntry> entries) override;
  Status StageFiles(std::span<const IndexEntry> entries) override;
  Status FinishStageFiles() override;
  Result<bool> StageRuns(std::span<const std::string> paths,
                         std::span<const FileId> files) override;
  Status Publish(int64_t snapshot_id) override;
  void Discard() override;
  Status Clear() override;
  Status Load(std::span<const IndexEntry> entries) override;
  Status FinishLoad() override;
  Status SpillStaged() override;
  Status SpillRecent() override;
  IndexStatistics statistics() const override;

 private:
  using Runs = std::vector<std::unique_ptr<IndexRun>>;

  Status OpenManifest();
  Status RemoveUnlisted();
  // Moves a run into the folder under a name of its own.
  Result<std::unique_ptr<IndexRun>> TakeRun(const std::string& path);
  Fingerprint Reduce(Fingerprint fingerprint) const;
  std::string NextRunName();
  std::string Path(const std::string& name) const { return options_.folder + "/" + name; }
  void AddRecent(const std::vector<IndexEntry>& entries);
  // Makes a run of what is alive in `table`, which is empty then.
  Status Spill(MemoryTable& table, Runs& into);
  // Merges runs until at most runs_max are left; the names replaced go to `replaced`.
  Status MergeRunsOf(Runs& runs, std::vector<std::string>& replaced, DeadEntries dead);
  Status MoveRecent();
  void Gather(std::span<const IndexEntry> entries, std::unordered_set<FileId>& of);
  Status SpillGathered();
  Status DealGathered();
  Status WriteDealt();
  // Everything that Publish and FinishLoad do on disk.
  Status Settle(bool spill_tail, DeadEntries dead);
  Status WriteManifest();

  FileSystem& fs_;
  const FileSet& files_;
  TieredIndexOptions options_;
  uint64_t next_run_ = 1;
  int64_t snapshot_id_ = 0;

  MemoryTable recent_;
  Runs runs_;
  MemoryTable staged_{MemoryTable::kOtherHash};
  Runs staged_runs_;
  std::vector<IndexEntry> gathered_;     // of whole files; on their way into a run
  std::unique_ptr<DealtEntries> dealt_;  // the same, of a load that memory does not hold

  // Files with entries in `recent_` since it was last spilled; in the window; being loaded.
  std::unordered_set<FileId> recent_files_;
  std::unordered_set<FileId> staged_files_;
  std::unordered_set<FileId> loading_files_;
  std::unordered_set<FileId> complete_;  // all of whose live rows are in `recent_` and `runs_`

  bool runs_changed_ = false;          // since the manifest was written
  std::vector<std::string> replaced_;  // runs to remove once it is
};

}  // namespace sluice::merge
