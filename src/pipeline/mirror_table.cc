#include "pipeline/mirror_table.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>

#include "base/log.h"
#include "base/uuid.h"
#include "iceberg/replaced_tables.h"
#include "iceberg/schema_for.h"
#include "pipeline/index_folders.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kMillis = 1000;

roaring::Roaring ToRoaring(const roaring::Roaring64Map& rows) {
  roaring::Roaring out;
  for (const uint64_t row : rows) out.add(static_cast<uint32_t>(row));
  return out;
}

bool Fits(const ChangeBatch& batch, const TableSchema& schema) {
  const bool same_keys = batch.old_keys == nullptr ||
                         batch.old_keys->schema()->Equals(*ChangeKeySchema(schema), false);
  return same_keys && batch.rows->schema()->Equals(*ChangeRowSchema(schema), false);
}

// A name as one folder that every reader's paths take: other characters than these are replaced,
// and a checksum (FNV-1a) keeps such names apart.
std::string FolderName(const std::string& name) {
  std::string out;
  uint32_t sum = 2166136261U;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    out += plain ? c : '_';
    sum = (sum ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return out == name ? out : fmt::format("{}-{:08x}", out, sum);
}

}  // namespace

store::Location NextDataFile(const iceberg::LoadedTable& table) {
  return fmt::format("{}/data/{}.parquet", table.metadata.location, MakeUuid());
}

iceberg::LoadedTable NewLakeTable(const Lake& lake, const ChosenTable& chosen,
                                  const std::optional<iceberg::LoadedTable>& existing) {
  const TableSchema& schema = chosen.mirror.schema;
  std::string location =
      fmt::format("{}/{}/{}", lake.options.warehouse, FolderName(chosen.lake.name_space),
                  FolderName(chosen.lake.name));
  if (existing) location += fmt::format("-{}", schema.id.incarnation);
  std::map<std::string, std::string> properties = iceberg::MirrorProperties();
  properties["sluice.schema"] = ToJson(schema);
  if (!schema.comment.empty()) properties["comment"] = schema.comment;
  return {chosen.lake, "",
          iceberg::NewTableMetadata(MakeUuid(), std::move(location), iceberg::SchemaFor(schema),
                                    std::move(properties), lake.clock.WallMicros() / kMillis)};
}

MirrorTable::MirrorTable(const Lake& lake, ChosenTable chosen, iceberg::LoadedTable loaded,
                         Cut position)
    : lake_(lake),
      chosen_(std::move(chosen)),
      loaded_(std::move(loaded)),
      file_schema_(iceberg::ToArrowSchema(loaded_.metadata.current_schema())),
      position_(position) {}

Result<std::unique_ptr<MirrorTable>> MirrorTable::OpenLive(const Lake& lake, ChosenTable chosen,
                                                           iceberg::LoadedTable loaded,
                                                           Cut position) {
  std::unique_ptr<MirrorTable> out(
      new MirrorTable(lake, std::move(chosen), std::move(loaded), position));
  SLUICE_TRY(out->LoadFiles(), "opening {}", out->loaded_.identifier.ToString());
  SLUICE_TRY(out->OpenIndex(), "opening the key index of {}", out->loaded_.identifier.ToString());
  out->MakeMerge();
  return out;
}

Result<std::unique_ptr<MirrorTable>> MirrorTable::OpenCopied(const Lake& lake, ChosenTable chosen,
                                                             iceberg::LoadedTable target,
                                                             CopiedTable copied) {
  std::optional<std::string> replaces = std::move(copied.replaces_uuid);
  std::unique_ptr<MirrorTable> out(
      new MirrorTable(lake, std::move(chosen), std::move(target), Cut{copied.bus_from, 0}));
  SLUICE_TRY(out->OpenIndex(), "opening the key index of {}", out->loaded_.identifier.ToString());
  out->MakeMerge();
  SLUICE_TRY(out->merge_->AddCopied(copied.files, copied.keys), "taking in the copy of {}",
             out->loaded_.identifier.ToString());
  out->copied_ = std::move(copied);
  out->replaces_uuid_ = std::move(replaces);
  return out;
}

Status MirrorTable::LoadFiles() {
  SLUICE_LET(const iceberg::TableFiles files,
             iceberg::ReadTableFiles(lake_.store, loaded_.metadata));
  SLUICE_LET(const parquet::PositionDeletes deletes, iceberg::ReadLiveDeletes(lake_.store, files));
  for (const iceberg::LiveDataFile& live : files.data) {
    const auto dead = deletes.find(live.file.location);
    roaring::Roaring rows = dead == deletes.end() ? roaring::Roaring() : ToRoaring(dead->second);
    rows_ += live.file.record_count - static_cast<int64_t>(rows.cardinality());
    files_.AddCommitted(live.file.location, live.file.record_count, std::move(rows));
  }
  return {};
}

Status MirrorTable::OpenIndex() {
  merge::TieredIndexOptions options;
  options.folder = IndexFolder(lake_.options.state_folder, id());
  options.recent_entries_max = lake_.memory().index_entries();
  SLUICE_LET(merge::OpenedIndex opened, merge::OpenTieredIndex(lake_.files, files_, options));
  index_ = std::move(opened.index);
  if (chosen_.mirror.append_only || opened.missing.empty()) return {};
  return merge::LoadFiles(chosen_.mirror.schema, *file_schema_, lake_.store, files_, opened.missing,
                          *index_);
}

void MirrorTable::MakeMerge() {
  merge::MergeOptions options;
  options.window_bytes = lake_.memory().window();
  options.file_bytes = lake_.options.file_bytes;
  options.writer.row_group_bytes = static_cast<int64_t>(lake_.memory().row_group());
  options.next_location = [this] { return NextDataFile(loaded_); };
  merge_ = merge::TableMerge::Make(chosen_.mirror.schema, file_schema_, lake_.store, files_,
                                   *index_, std::move(options));
}

bool MirrorTable::Counts(const TransactionRun& run) const {
  if (!copied_) return run.end_lsn > position_.lsn;
  return !copied_->visibility.Sees(run.xid);
}

Status MirrorTable::Apply(const ChangeBatch& batch) {
  const TableSchema& schema = chosen_.mirror.schema;
  const bool own = batch.table == id() && batch.schema == schema.version && Fits(batch, schema);
  return own ? ApplyOwn(batch) : ApplyOther(batch);
}

Status MirrorTable::ApplyOwn(const ChangeBatch& batch) {
  SLUICE_TRY(merge_->Apply(batch, [this](const TransactionRun& run) { return Counts(run); }),
             "merging changes of {}", loaded_.identifier.ToString());
  changed_ = changed_ || merge_->pending_changes() > 0;
  return {};
}

// Of another incarnation, or of this one in another shape (a copy that a crash cut off had its
// number), or captured while the lake could not say which this is. One before this in another shape
// precedes the copy's snapshot as a whole: changing a table waits for everybody who wrote to it.
// One after it is of a copy that a crash cut off; in another shape the table must be copied.
Status MirrorTable::ApplyOther(const ChangeBatch& batch) {
  const bool any = std::any_of(batch.runs.begin(), batch.runs.end(),
                               [this](const TransactionRun& run) { return Counts(run); });
  if (!any) return {};
  const TableSchema& schema = chosen_.mirror.schema;
  if (!Fits(batch, schema)) {
    return MakeError(ErrorKind::kUnsupported,
                     "its changes have another shape than the lake's table");
  }
  ChangeBatch own = batch;
  own.table = schema.id;
  own.schema = schema.version;
  return ApplyOwn(own);
}

Result<iceberg::PreparedCommit> MirrorTable::Prepare(Cut cut, int64_t now_ms) {
  SLUICE_CHECK(may_commit_at(cut.lsn));
  SLUICE_LET(const merge::RowDelta delta, merge_->Finish(cut), "finishing the window of {}",
             loaded_.identifier.ToString());
  iceberg::CommitOptions options;
  options.history = chosen_.options.history;
  options.now_ms = now_ms;
  options.delete_tier_files = lake_.options.delete_tier_files;
  options.cache = lake_.manifests;
  window_rows_ = delta.rows_added - delta.rows_deleted;
  SLUICE_LET(const auto replaced_head, RememberReplaced(now_ms), "looking at what {} replaces",
             loaded_.identifier.ToString());
  SLUICE_LET(auto prepared,
             iceberg::PrepareCommit(lake_.store, loaded_, delta, lake_.MarksAt(cut), options));
  if (replaces_uuid_) {
    prepared.commit.requirements = {iceberg::AssertTableUuid{*replaces_uuid_},
                                    iceberg::AssertHead{replaced_head}};
  }
  return prepared;
}

// The table that stands there until then is remembered, so that its files go one day. Its head.
Result<std::optional<iceberg::SnapshotId>> MirrorTable::RememberReplaced(int64_t now_ms) {
  if (!replaces_uuid_) return std::optional<iceberg::SnapshotId>();
  SLUICE_LET(const auto now, lake_.catalog.Load(loaded_.identifier));
  if (!now) return std::optional<iceberg::SnapshotId>();  // the commit will say so
  auto replaced = iceberg::ReplacedTables(now->metadata);
  replaced.push_back({now->metadata_location, now_ms});
  loaded_.metadata.properties[iceberg::kReplacedKey] = iceberg::ToProperty(replaced);
  return now->metadata.current_snapshot_id;
}

Status MirrorTable::Committed(Cut cut, iceberg::SnapshotId snapshot, iceberg::LoadedTable loaded) {
  SLUICE_TRY(merge_->Committed(snapshot), "publishing the key index of {}",
             loaded.identifier.ToString());
  loaded_ = std::move(loaded);
  position_ = cut;
  rows_ += window_rows_;
  if (copied_) {
    RemoveIndexes(lake_.files, lake_.options.state_folder, [this](const TableId& other) {
      return other.oid != id().oid || other.incarnation >= id().incarnation;
    });
  }
  copied_.reset();
  replaces_uuid_.reset();
  changed_ = leave_files_ = false;
  return {};
}

bool MirrorTable::StandsOn(const std::optional<iceberg::LoadedTable>& now) const {
  if (replaces_uuid_) return now && now->metadata.table_uuid == *replaces_uuid_;
  return now ? now->metadata_location == loaded_.metadata_location
             : loaded_.metadata_location.empty();
}

Status MirrorTable::Abandon() {
  changed_ = false;
  if (std::exchange(leave_files_, false)) {
    merge_->Forget();
  } else {
    SLUICE_TRY(merge_->Abandon());
  }
  return copied_ ? merge_->AddCopied(copied_->files, copied_->keys) : Status();
}

TableStatus MirrorTable::Describe(TableState state) const {
  TableStatus out;
  out.name = chosen_.mirror.schema.QualifiedName();
  out.iceberg = loaded_.identifier.ToString();
  out.metadata_location = loaded_.metadata_location;
  out.state = state;
  out.rows_total_estimate = chosen_.source.row_estimate;
  out.cut = position_;
  out.pending_changes = merge_->pending_changes();
  out.rows = rows_;
  out.freshness_us = chosen_.options.freshness_us;
  if (const iceberg::Snapshot* head = loaded_.metadata.current_snapshot()) {
    out.snapshot_id = head->id;
    const auto count = [&](const char* key) -> int64_t {
      const auto found = head->summary.find(key);
      return found == head->summary.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
    };
    out.data_files = count("total-data-files");
    out.delete_files = count("total-delete-files");
    out.deleted_rows = count("total-position-deletes");
  }
  return out;
}

}  // namespace sluice::pipeline
