#include "iceberg/mirror_commit.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/uuid.h"
#include "iceberg/delete_tiers.h"
#include "iceberg/live_files.h"
#include "iceberg/mirror_commit_internal.h"
#include "iceberg/mirror_commit_manifests.h"
#include "iceberg/mirror_commit_summary.h"
#include "iceberg/reachability.h"

namespace sluice::iceberg {

namespace {

constexpr auto kMaxId = static_cast<uint64_t>(std::numeric_limits<SnapshotId>::max());

// As Java: the halves of a UUID, exclusive or, positive.
SnapshotId SnapshotIdFrom(const std::string& uuid, const TableMetadata& metadata) {
  std::string hex = uuid;
  std::erase(hex, '-');
  uint64_t high = 0;
  uint64_t low = 0;
  const char* text = hex.data();
  const size_t half = std::min<size_t>(16, hex.size());
  std::from_chars(text, text + half, high, 16);
  std::from_chars(text + half, text + hex.size(), low, 16);
  auto id = static_cast<SnapshotId>((high ^ low) & kMaxId);
  while (id == 0 || metadata.FindSnapshot(id) != nullptr) {
    id = static_cast<SnapshotId>((static_cast<uint64_t>(id) + 1) & kMaxId);
  }
  return id;
}

ManifestEntry Added(parquet::DataFile file, FileContent content, SnapshotId snapshot_id) {
  ManifestEntry entry;
  entry.snapshot_id = snapshot_id;
  entry.content = content;
  entry.file = std::move(file);
  return entry;
}

class Builder {
 public:
  Builder(store::ObjectStore& store, const LoadedTable& table, const merge::RowDelta& delta,
          const Marks& marks, const CommitOptions& options)
      : store_(store),
        table_(table),
        base_(table.metadata),
        delta_(delta),
        marks_(marks),
        options_(options),
        cache_(options.cache != nullptr ? *options.cache : own_cache_) {}

  Result<PreparedCommit> Build() {
    NameSnapshot();
    Status done = WriteFiles();
    if (done) done = FillCommit();
    if (!done) {
      Undo();
      return std::move(done).error();
    }
    PlanExpiry();
    return std::move(out_);
  }

 private:
  void NameSnapshot() {
    commit_id_ = options_.commit_id.empty() ? MakeUuid() : options_.commit_id;
    parent_ = base_.current_snapshot();
    snapshot_.id = SnapshotIdFrom(commit_id_, base_);
    snapshot_.parent_id = base_.current_snapshot_id;
    snapshot_.sequence_number = base_.last_sequence_number + 1;
    snapshot_.schema_id = base_.current_schema_id;
    snapshot_.timestamp_ms = options_.now_ms;
    if (parent_ != nullptr) {
      snapshot_.timestamp_ms = std::max(snapshot_.timestamp_ms, parent_->timestamp_ms + 1);
    }
    if (!base_.snapshot_log.empty()) {  // a rollback may have moved it past the parent's
      snapshot_.timestamp_ms =
          std::max(snapshot_.timestamp_ms, base_.snapshot_log.back().timestamp_ms + 1);
    }
    snapshot_.manifest_list =
        MetadataPath(fmt::format("snap-{}-1-{}.avro", snapshot_.id, commit_id_));
    out_.snapshot_id = snapshot_.id;
  }

  store::Location MetadataPath(const std::string& name) const {
    return fmt::format("{}/metadata/{}", base_.location, name);
  }

  store::Location NextManifest() {
    out_.written.push_back(MetadataPath(fmt::format("{}-m{}.avro", commit_id_, manifests_++)));
    return out_.written.back();
  }

  Status WriteFiles() {
    SLUICE_TRY(ReadBase());
    SLUICE_TRY(CheckDelta());
    ManifestChange data{.content = ManifestContent::kData, .added = {}, .removed = {}};
    for (const parquet::DataFile& file : delta_.added) {
      data.added.push_back(Added(file, FileContent::kData, snapshot_.id));
      counts_.added_rows += file.record_count;
      counts_.added_bytes += static_cast<int64_t>(file.size_bytes);
    }
    data.removed.insert(delta_.removed.begin(), delta_.removed.end());
    counts_.added_data_files = static_cast<int64_t>(data.added.size());
    counts_.removed_data_files = static_cast<int64_t>(data.removed.size());
    SLUICE_LET(ManifestChange deletes, PlanDeleteFiles());
    counts_.added_delete_files = static_cast<int64_t>(deletes.added.size());
    counts_.removed_delete_files = static_cast<int64_t>(deletes.removed.size());
    SLUICE_TRY(Rewrite(std::move(data), counts_.removed_rows));
    SLUICE_TRY(Rewrite(std::move(deletes), counts_.removed_positions));
    snapshot_.summary = CountersOf(counts_, parent_);
    snapshot_.summary.merge(SummaryOf(marks_, commit_id_));
    out_.written.push_back(snapshot_.manifest_list);
    SLUICE_TRY(WriteManifestList(store_, snapshot_.manifest_list, snapshot_, manifest_list_));
    return {};
  }

  Status ReadBase() {
    if (parent_ == nullptr) {
      base_list_ = std::make_shared<const ManifestCache::List>();
      return {};
    }
    SLUICE_LET(base_list_, cache_.ReadList(store_, parent_->manifest_list));
    for (const ManifestPointer& manifest : *base_list_) {
      if (manifest->content != ManifestContent::kData || LiveFileCount(*manifest) == 0) continue;
      SLUICE_LET(auto paths, cache_.LivePaths(store_, *manifest));
      live_.AddManifest(std::move(paths));
      min_sequence_number_ = std::min(min_sequence_number_, manifest->min_sequence_number);
    }
    return {};
  }

  // Every path that the delta names must stand as merge saw it, or rows are lost or come back.
  Status CheckDelta() {
    for (const parquet::DataFile& file : delta_.added) {
      if (live_.Contains(file.location)) {
        return MakeError(ErrorKind::kInternal, "file {} is in the table already", file.location);
      }
      live_.Add(file.location);
    }
    for (const store::Location& path : delta_.removed) live_.Remove(path);
    for (const auto& [path, rows] : delta_.deleted) {
      if (live_.Contains(path)) continue;
      return MakeError(ErrorKind::kConflict, "rows of {} are to be deleted, but it is not live",
                       path);
    }
    return {};
  }

  Result<ManifestChange> PlanDeleteFiles() {
    ManifestChange change{.content = ManifestContent::kDeletes, .added = {}, .removed = {}};
    if (delta_.deleted.empty() && delta_.removed.empty()) return change;
    std::vector<ManifestEntry> live;
    for (const ManifestPointer& manifest : *base_list_) {
      const bool deletes = manifest->content == ManifestContent::kDeletes;
      if (!deletes || manifest->partition_spec_id != 0) continue;
      SLUICE_LET(const auto entries, cache_.LiveEntries(store_, *manifest));
      live.insert(live.end(), entries->begin(), entries->end());
    }
    DeleteRequest request;
    request.live = live;
    request.added = &delta_.deleted;
    request.data = &live_;
    request.data_removed = !delta_.removed.empty();
    request.min_data_sequence_number = std::min(min_sequence_number_, snapshot_.sequence_number);
    request.tier_files = options_.delete_tier_files;
    SLUICE_LET(const DeletePlan plan, PlanDeletes(store_, cache_, request));
    change.removed.insert(plan.dropped.begin(), plan.dropped.end());
    if (!delta_.deleted.empty()) SLUICE_TRY(WriteDeletes(plan, change));
    return change;
  }

  Status WriteDeletes(const DeletePlan& plan, ManifestChange& change) {
    const store::Location at =
        fmt::format("{}/data/{}-deletes-t{}.parquet", base_.location, commit_id_, plan.tier);
    out_.written.push_back(at);
    SLUICE_LET(
        parquet::PositionDeleteFile written,
        parquet::WritePositionDeletes(store_, at, plan.merged ? *plan.merged : delta_.deleted));
    counts_.added_positions = written.file.record_count;
    counts_.added_bytes += static_cast<int64_t>(written.file.size_bytes);
    ManifestEntry entry =
        Added(std::move(written.file), FileContent::kPositionDeletes, snapshot_.id);
    if (!written.referenced_data_file.empty()) {
      entry.referenced_data_file = std::move(written.referenced_data_file);
    }
    change.added.push_back(std::move(entry));
    return {};
  }

  Status Rewrite(ManifestChange change, int64_t& removed_rows) {
    const ManifestWork work{
        store_, cache_, base_.current_schema(), snapshot_.id, options_.manifests_merge_min, [this] {
          return NextManifest();
        }};
    SLUICE_LET(ManifestOutcome outcome, RewriteManifests(work, *base_list_, std::move(change)));
    removed_rows = outcome.removed_rows;
    counts_.removed_bytes += outcome.removed_bytes;
    std::move(outcome.manifests.begin(), outcome.manifests.end(),
              std::back_inserter(manifest_list_));
    return {};
  }

  Status FillCommit() {
    TableCommit& commit = out_.commit;
    commit.table = table_.identifier;
    commit.commit_id = commit_id_;
    if (table_.metadata_location.empty()) {
      commit.requirements = {AssertCreate{}};
      commit.updates.emplace_back(CreateTable{base_});
    } else {
      commit.requirements = {AssertTableUuid{base_.table_uuid},
                             AssertHead{base_.current_snapshot_id}};
    }
    commit.updates.emplace_back(AddSnapshot{snapshot_});
    commit.updates.emplace_back(SetProperties{MarkProperties(marks_, commit_id_, snapshot_)});
    return {};
  }

  // Nothing that fails here may hold the commit: the snapshots simply stay until a later one.
  void PlanExpiry() {
    Status done = Expire();
    if (done) return;
    log::Get("iceberg")->warn("{}: this commit expires no snapshot: {}",
                              table_.identifier.ToString(), done.error().message());
    out_.expiry_failed = std::move(done).error();
  }

  Status Expire() {
    const LoadedTable* before = table_.metadata_location.empty() ? nullptr : &table_;
    SLUICE_LET(const TableMetadata next, ApplyCommit(before, out_.commit, snapshot_.timestamp_ms));
    const HistoryPlan plan = PlanHistory(next, options_.history, snapshot_.timestamp_ms);
    if (!plan.removed.empty()) {
      SLUICE_LET(out_.expired, UnreachableFiles(store_, cache_, next, plan.removed));
    }
    auto& updates = out_.commit.updates;
    for (const auto& tag : plan.tags_added) updates.emplace_back(SetTag{tag.name, tag.snapshot_id});
    for (const std::string& name : plan.tags_removed) updates.emplace_back(RemoveRef{name});
    if (!plan.removed.empty()) updates.emplace_back(RemoveSnapshots{plan.removed});
    return {};
  }

  // Nobody knows of these files yet, so they may go.
  void Undo() {
    const Status deleted = store_.Delete(out_.written);
    if (deleted) return;
    log::Get("iceberg")->warn("files of an abandoned commit stay: {}", deleted.error().message());
  }

  store::ObjectStore& store_;
  const LoadedTable& table_;
  const TableMetadata& base_;
  const merge::RowDelta& delta_;
  const Marks& marks_;
  const CommitOptions& options_;
  ManifestCache own_cache_;
  ManifestCache& cache_;

  std::string commit_id_;
  const Snapshot* parent_ = nullptr;
  Snapshot snapshot_;
  std::shared_ptr<const ManifestCache::List> base_list_;
  LiveFiles live_;
  int64_t min_sequence_number_ = std::numeric_limits<int64_t>::max();
  SnapshotCounts counts_;
  std::vector<ManifestFile> manifest_list_;
  int manifests_ = 0;
  PreparedCommit out_;
};

}  // namespace

Result<PreparedCommit> PrepareCommit(store::ObjectStore& store, const LoadedTable& table,
                                     const merge::RowDelta& delta, const Marks& marks,
                                     const CommitOptions& options) {
  SLUICE_LET(PreparedCommit prepared, Builder(store, table, delta, marks, options).Build(),
             "preparing a commit to {}", table.identifier.ToString());
  return prepared;
}

}  // namespace sluice::iceberg
