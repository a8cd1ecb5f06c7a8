#include "merge/tiered_index.h"

#include <algorithm>
#include <utility>

#include "base/fault_point.h"
#include "merge/candidates.h"
#include "merge/index_run_internal.h"

namespace sluice::merge {

namespace {
constexpr const char* kLoadingName = "loading";  // removed at opening, as what no manifest lists
}  // namespace

TieredIndex::TieredIndex(FileSystem& fs, const FileSet& files, TieredIndexOptions options)
    : fs_(fs), files_(files), options_(std::move(options)) {
  SLUICE_CHECK(options_.runs_max >= 1 && options_.recent_entries_max >= 1);
  SLUICE_CHECK(options_.fingerprint_bits >= 1 && options_.fingerprint_bits <= 64);
}

Fingerprint TieredIndex::Reduce(Fingerprint fingerprint) const {
  const int drop = 64 - options_.fingerprint_bits;
  return fingerprint >> drop << drop;
}

std::string TieredIndex::NextRunName() { return fmt::format("{}.run", next_run_++); }

Status TieredIndex::Find(std::span<const Fingerprint> fingerprints,
                         std::span<const std::string_view> keys, FindMode mode, KeyReader& reader,
                         std::span<std::optional<RowLocation>> found) {
  SLUICE_CHECK(fingerprints.size() == keys.size() && keys.size() == found.size());
  std::vector<Fingerprint> reduced(fingerprints.size());
  std::transform(fingerprints.begin(), fingerprints.end(), reduced.begin(),
                 [this](Fingerprint whole) { return Reduce(whole); });
  Candidates candidates(files_, found);
  candidates.Collect(reduced, recent_);
  candidates.Collect(reduced, staged_);
  for (const auto& run : runs_) candidates.Collect(reduced, *run);
  for (const auto& run : staged_runs_) candidates.Collect(reduced, *run);
  return candidates.Settle(keys, mode, reader);
}

Status TieredIndex::Stage(std::span<const IndexEntry> entries) {
  FileId last{};  // FileSet numbers from 1
  for (const IndexEntry& entry : entries) {
    staged_.Insert({Reduce(entry.fingerprint), entry.at}, files_);
    if (std::exchange(last, entry.at.file) != entry.at.file) staged_files_.insert(entry.at.file);
    if (staged_.size() >= options_.recent_entries_max) SLUICE_TRY(SpillStaged());
  }
  return {};
}

Status TieredIndex::SpillStaged() {
  if (staged_.size() == 0) return {};
  SLUICE_TRY(Spill(staged_, staged_runs_));
  std::vector<std::string> replaced;
  SLUICE_TRY(MergeRunsOf(staged_runs_, replaced, DeadEntries::kLeftOut));
  for (const std::string& name : replaced) SLUICE_TRY(fs_.Remove(Path(name)));
  return {};
}

Status TieredIndex::SpillRecent() {
  SLUICE_CHECK(staged_files_.empty(), "publishing or discarding comes first");
  return Settle(true, DeadEntries::kLeftOut);
}

void TieredIndex::Gather(std::span<const IndexEntry> entries, std::unordered_set<FileId>& of) {
  for (const IndexEntry& entry : entries) {
    if (gathered_.empty() || gathered_.back().at.file != entry.at.file) of.insert(entry.at.file);
    gathered_.push_back({Reduce(entry.fingerprint), entry.at});
  }
}

Status TieredIndex::StageFiles(std::span<const IndexEntry> entries) {
  Gather(entries, staged_files_);
  return gathered_.size() < options_.recent_entries_max ? Status() : SpillGathered();
}

Status TieredIndex::FinishStageFiles() {
  if (!staged_runs_.empty() && !gathered_.empty()) return SpillGathered();
  staged_.InsertAll(std::exchange(gathered_, {}), files_);
  return {};
}

Status TieredIndex::Publish(int64_t snapshot_id) {
  snapshot_id_ = snapshot_id;
  const bool ran_over = !staged_runs_.empty();
  for (auto& run : staged_runs_) runs_.push_back(std::move(run));
  staged_runs_.clear();
  runs_changed_ |= ran_over;
  AddRecent(staged_.LiveEntries(files_));
  staged_.Clear();
  complete_.merge(staged_files_);
  staged_files_.clear();
  return Settle(ran_over, DeadEntries::kLeftOut);
}

void TieredIndex::AddRecent(const std::vector<IndexEntry>& entries) {
  recent_.InsertAll(entries, files_);
  FileId last{};
  for (const IndexEntry& entry : entries) {
    if (std::exchange(last, entry.at.file) != entry.at.file) recent_files_.insert(entry.at.file);
  }
}

void TieredIndex::Discard() {
  gathered_.clear();
  staged_.Clear();
  staged_files_.clear();
  for (const auto& run : staged_runs_) {
    // A file that stays behind is unlisted, and removed at the next opening.
    static_cast<void>(fs_.Remove(Path(run->name())));
  }
  staged_runs_.clear();
}

Status TieredIndex::Load(std::span<const IndexEntry> entries) {
  SLUICE_CHECK(staged_files_.empty(), "loading while a window is open");
  Gather(entries, loading_files_);
  return gathered_.size() < options_.recent_entries_max ? Status() : DealGathered();
}

Status TieredIndex::DealGathered() {
  if (dealt_ == nullptr) {
    SLUICE_LET(dealt_, DealtEntries::Create(fs_, Path(kLoadingName)));
  }
  SLUICE_TRY(dealt_->Add(gathered_));
  gathered_.clear();
  // Then a piece of it fills the memory too.
  const uint64_t enough = DealtEntries::kPieces * options_.recent_entries_max;
  const uint64_t most = kRunEntriesMax - options_.recent_entries_max;
  return dealt_->size() < std::min(enough, most) ? Status() : WriteDealt();
}

Status TieredIndex::WriteDealt() {
  SLUICE_LET(auto run, dealt_->WriteRun(options_.folder, NextRunName(), files_));
  ReachFaultPoint("index.run_written");
  runs_.push_back(std::move(run));
  runs_changed_ = true;
  dealt_.reset();
  return {};
}

Status TieredIndex::FinishLoad() {
  if (dealt_ != nullptr && !gathered_.empty()) SLUICE_TRY(DealGathered());
  if (dealt_ != nullptr) SLUICE_TRY(WriteDealt());
  AddRecent(std::exchange(gathered_, {}));
  complete_.merge(loading_files_);
  loading_files_.clear();
  return Settle(runs_changed_, DeadEntries::kKept);
}

Status TieredIndex::Settle(bool spill_tail, DeadEntries dead) {
  if (recent_.size() >= options_.recent_entries_max || (spill_tail && recent_.size() > 0)) {
    SLUICE_TRY(MoveRecent());
  }
  if (runs_.size() > options_.runs_max) {
    SLUICE_TRY(MergeRunsOf(runs_, replaced_, dead));
    runs_changed_ = true;
  }
  if (!runs_changed_) return {};
  SLUICE_TRY(WriteManifest());
  ReachFaultPoint("index.manifest_written");
  runs_changed_ = false;
  for (const std::string& name : std::exchange(replaced_, {})) SLUICE_TRY(fs_.Remove(Path(name)));
  return {};
}

Status TieredIndex::MoveRecent() {
  SLUICE_TRY(Spill(recent_, runs_));
  recent_files_.clear();
  runs_changed_ = true;
  return {};
}

Status TieredIndex::SpillGathered() {
  SLUICE_LET(auto run, WriteRun(fs_, options_.folder, NextRunName(), files_, gathered_));
  ReachFaultPoint("index.run_written");
  staged_runs_.push_back(std::move(run));
  gathered_.clear();
  return {};
}

Status TieredIndex::Spill(MemoryTable& table, Runs& into) {
  std::vector<IndexEntry> entries = table.LiveEntries(files_);
  SLUICE_LET(auto run, WriteRun(fs_, options_.folder, NextRunName(), files_, entries));
  ReachFaultPoint("index.run_written");
  into.push_back(std::move(run));
  table.Clear();
  return {};
}

Status TieredIndex::MergeRunsOf(Runs& runs, std::vector<std::string>& replaced, DeadEntries dead) {
  const size_t count = ChooseRunsToMerge(runs, options_.runs_max);
  if (count == 0) return {};
  const std::span<const std::unique_ptr<IndexRun>> chosen(runs.data(), count);
  SLUICE_LET(auto merged, MergeRuns(fs_, options_.folder, NextRunName(), files_, chosen, dead));
  for (const auto& run : chosen) replaced.push_back(run->name());
  runs.erase(runs.begin(), runs.begin() + static_cast<ptrdiff_t>(count));
  runs.push_back(std::move(merged));
  return {};
}

Status TieredIndex::WriteManifest() {
  IndexManifest manifest;
  manifest.snapshot_id = snapshot_id_;
  manifest.next_run = next_run_;
  for (const auto& run : runs_) manifest.runs.push_back(run->name());
  std::erase_if(complete_, [this](FileId id) { return files_.Find(id) == nullptr; });
  for (const FileId id : complete_) {
    if (recent_files_.contains(id)) continue;
    const LiveFile& file = *files_.Find(id);
    manifest.files.push_back({file.location, file.deleted.cardinality()});
  }
  return WriteFileAtomically(fs_, Path(kManifestName), ToText(manifest));
}

IndexStatistics TieredIndex::statistics() const {
  IndexStatistics out;
  out.recent_entries = recent_.size() + staged_.size();
  out.recent_bytes = recent_.memory_bytes();
  out.staged_bytes = staged_.memory_bytes();
  for (const Runs* runs : {&runs_, &staged_runs_}) {
    for (const auto& run : *runs) {
      out.run_entries += run->size();
      out.run_bytes += run->size_bytes();
    }
  }
  return out;
}

}  // namespace sluice::merge
