// Opening and emptying a key index folder, and runs that come from elsewhere.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "merge/tiered_index.h"

namespace sluice::merge {

namespace {

bool Exists(const Error& error) { return error.code() != "ENOENT"; }

// What a cache may answer with "start empty".
bool IsDamage(const Error& error) { return error.kind() == ErrorKind::kCorrupt || !Exists(error); }

}  // namespace

Status TieredIndex::Open() {
  SLUICE_TRY(fs_.CreateFolders(options_.folder));
  Status opened = OpenManifest();
  if (opened) return RemoveUnlisted();
  if (!IsDamage(opened.error())) return opened;
  log::Get("merge")->warn("key index {} is started anew: {}", options_.folder,
                          opened.error().message());
  return Clear();
}

Status TieredIndex::OpenManifest() {
  SLUICE_LET(const bool present, fs_.Exists(Path(kManifestName)));
  if (!present) return {};
  SLUICE_LET(const std::string text, ReadSmallFile(fs_, Path(kManifestName)));
  SLUICE_LET(const IndexManifest manifest, ParseIndexManifest(text));
  snapshot_id_ = manifest.snapshot_id;
  next_run_ = manifest.next_run;
  for (const std::string& name : manifest.runs) {
    SLUICE_LET(auto run, IndexRun::Open(fs_, options_.folder, name, files_));
    runs_.push_back(std::move(run));
  }
  for (const IndexManifest::HeldFile& held : manifest.files) {
    const auto id = files_.FindByLocation(held.location);
    if (id && files_.Find(*id)->deleted.cardinality() >= held.deleted) complete_.insert(*id);
  }
  return {};
}

Status TieredIndex::RemoveUnlisted() {
  SLUICE_LET(const std::vector<std::string> names, fs_.List(options_.folder));
  for (const std::string& name : names) {
    const bool listed = std::any_of(runs_.begin(), runs_.end(),
                                    [&](const auto& run) { return run->name() == name; });
    if (!listed && name != kManifestName) SLUICE_TRY(fs_.Remove(Path(name)));
  }
  return {};
}

Result<bool> TieredIndex::StageRuns(std::span<const std::string> paths,
                                    std::span<const FileId> files) {
  Runs taken;
  for (const std::string& path : paths) {
    auto run = TakeRun(path);
    if (run) {
      taken.push_back(*std::move(run));
      continue;
    }
    for (const auto& other : taken) SLUICE_TRY(fs_.Remove(Path(other->name())));
    if (IsDamage(run.error())) return false;
    return std::move(run).error();
  }
  for (auto& run : taken) staged_runs_.push_back(std::move(run));
  staged_files_.insert(files.begin(), files.end());
  return true;
}

Result<std::unique_ptr<IndexRun>> TieredIndex::TakeRun(const std::string& path) {
  std::string name = NextRunName();
  SLUICE_TRY(fs_.Rename(path, Path(name)));
  SLUICE_TRY(fs_.SyncFolder(options_.folder));
  return IndexRun::Open(fs_, options_.folder, std::move(name), files_);
}

Status TieredIndex::Clear() {
  SLUICE_CHECK(staged_files_.empty(), "clearing while a window is open");
  // The manifest goes first: without it nothing else counts.
  SLUICE_TRY(fs_.Remove(Path(kManifestName)));
  SLUICE_TRY(fs_.SyncFolder(options_.folder));
  runs_.clear();
  replaced_.clear();
  recent_.Clear();
  recent_files_.clear();
  gathered_.clear();
  dealt_.reset();
  loading_files_.clear();
  complete_.clear();
  runs_changed_ = false;
  return RemoveUnlisted();
}

std::vector<FileId> TieredIndex::Missing() const {
  std::vector<FileId> out;
  for (const auto& [id, file] : files_.files()) {
    if (!complete_.contains(id)) out.push_back(id);
  }
  return out;
}

Result<OpenedIndex> OpenTieredIndex(FileSystem& fs, const FileSet& files,
                                    TieredIndexOptions options) {
  auto index = std::make_unique<TieredIndex>(fs, files, std::move(options));
  SLUICE_TRY(index->Open());
  std::vector<FileId> missing = index->Missing();
  return OpenedIndex{std::move(index), std::move(missing)};
}

}  // namespace sluice::merge
