#include "merge/table_merge.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "merge/file_keys.h"
#include "merge/fold.h"
#include "merge/key_encoding.h"
#include "merge/lake_rows.h"
#include "merge/output_files.h"
#include "merge/window_writer.h"

namespace sluice::merge {

namespace {

class Merge final : public TableMerge, private StoredRowTaker {
 public:
  Merge(TableSchema schema, std::shared_ptr<arrow::Schema> file_schema, store::ObjectStore& store,
        FileSet& files, KeyIndex& index, MergeOptions options)
      : schema_(std::move(schema)),
        file_schema_(std::move(file_schema)),
        store_(store),
        files_(files),
        index_(index),
        window_bytes_(options.window_bytes),
        output_(store, file_schema_, files, index, options.file_bytes, options.writer,
                std::move(options.next_location)),
        fold_(schema_.identity == ReplicaIdentity::kFull ? this : nullptr) {
    if (schema_.KeyColumns().empty()) return;
    encoder_ = std::make_unique<KeyEncoder>(schema_);
    lake_ = std::make_unique<LakeRows>(store, files, output_, *encoder_,
                                       KeyFields(schema_, *file_schema_));
    writer_ = std::make_unique<WindowWriter>(file_schema_, files, index, output_, *lake_,
                                             options.writer.pool);
  }

  Status AddCopied(std::vector<parquet::DataFile> files, const CopiedRuns& keys) override;
  Status Apply(const ChangeBatch& batch, const RunFilter& counts) override;
  Result<RowDelta> Finish(Cut cut) override;
  Status Committed(int64_t snapshot_id) override;
  Status Abandon() override;
  void Forget() override;
  int64_t pending_changes() const override { return pending_; }
  uint64_t window_bytes() const override {
    return fold_.memory_bytes() + index_.statistics().staged_bytes;
  }
  Status SpillWindow() override;

 private:
  // A batch on its way through the fold.
  struct Work {
    const ChangeBatch& batch;
    EncodedKeys keys;
    EncodedKeys old_keys;  // empty: none changed
    bool held = false;     // by the fold
  };

  Result<std::optional<RowLocation>> Take(const KeyRef& key, FindMode mode) override;
  Status ReadKeys(std::span<const FileId> files);
  Status Check(const ChangeBatch& batch) const;
  Status ApplyKeyed(const ChangeBatch& batch, const RunFilter& counts);
  Status ApplyChange(Work& work, uint32_t row);
  Result<KeyRef> KeyOf(const EncodedKeys& keys, uint32_t row) const;
  Status ApplyAppendOnly(const ChangeBatch& batch, const RunFilter& counts);
  Status AppendRows(const ChangeBatch& batch, uint32_t begin, uint32_t end);
  void Truncate();
  Status Flush();
  void Reset();

  TableSchema schema_;
  std::shared_ptr<arrow::Schema> file_schema_;
  store::ObjectStore& store_;
  FileSet& files_;
  KeyIndex& index_;
  uint64_t window_bytes_;
  OutputFiles output_;
  Fold fold_;
  // Null for an append-only table.
  std::unique_ptr<KeyEncoder> encoder_;
  std::unique_ptr<LakeRows> lake_;
  std::unique_ptr<WindowWriter> writer_;

  std::vector<parquet::DataFile> copied_;
  std::vector<store::Location> dead_copies_;  // to remove once the commit is known
  int64_t pending_ = 0;
};

Status Merge::AddCopied(std::vector<parquet::DataFile> files, const CopiedRuns& keys) {
  SLUICE_CHECK(fold_.empty(), "copied rows come first");
  std::vector<FileId> by_runs;
  std::vector<FileId> to_read;
  for (parquet::DataFile& file : files) {
    if (file.record_count == 0) continue;
    const FileId id = files_.AddStaged(file.location);
    files_.SetRecordCount(id, file.record_count);
    (keys.files.contains(file.location) ? by_runs : to_read).push_back(id);
    copied_.push_back(std::move(file));
  }
  if (encoder_ == nullptr) return {};
  SLUICE_LET(const bool taken, index_.StageRuns(keys.paths, by_runs));
  if (!taken) to_read.insert(to_read.end(), by_runs.begin(), by_runs.end());
  return ReadKeys(to_read);
}

Status Merge::ReadKeys(std::span<const FileId> files) {
  const auto fields = KeyFields(schema_, *file_schema_);
  for (const FileId file : files) {
    SLUICE_TRY(ReadFileKeys(*encoder_, *fields, store_, files_, file,
                            [this](auto entries) { return index_.StageFiles(entries); }),
               "reading the keys of {}", files_.Find(file)->location);
  }
  return index_.FinishStageFiles();
}

Status Merge::Check(const ChangeBatch& batch) const {
  if (batch.table != schema_.id || batch.schema != schema_.version ||
      batch.rows->num_columns() != static_cast<int>(schema_.columns.size())) {
    return MakeError(ErrorKind::kInternal, "{}: changes of another table or version were handed in",
                     schema_.QualifiedName());
  }
  return {};
}

Status Merge::Apply(const ChangeBatch& batch, const RunFilter& counts) {
  SLUICE_TRY(Check(batch));
  if (encoder_ == nullptr) {
    SLUICE_TRY(ApplyAppendOnly(batch, counts), "{}", schema_.QualifiedName());
    return {};
  }
  SLUICE_TRY(ApplyKeyed(batch, counts), "{}", schema_.QualifiedName());
  if (fold_.memory_bytes() >= window_bytes_) SLUICE_TRY(Flush());
  return {};
}

Status Merge::ApplyKeyed(const ChangeBatch& batch, const RunFilter& counts) {
  Work work{batch, encoder_->EncodeRows(*batch.rows), {}, false};
  if (batch.old_keys != nullptr) work.old_keys = encoder_->EncodeKeys(*batch.old_keys);
  uint32_t row = 0;
  for (const TransactionRun& run : batch.runs) {
    if (counts != nullptr && !counts(run)) {
      row = run.row_end;
      continue;
    }
    for (; row < run.row_end; ++row) {
      SLUICE_TRY(ApplyChange(work, row), "the transaction that ends at {}", ToString(run.end_lsn));
    }
  }
  return {};
}

Result<KeyRef> Merge::KeyOf(const EncodedKeys& keys, uint32_t row) const {
  if (!keys.has_key(row)) return MakeError(ErrorKind::kCorrupt, "a change without a key");
  return KeyRef{keys.fingerprints[row], keys.key(row)};
}

Status Merge::ApplyChange(Work& work, uint32_t row) {
  ++pending_;
  const Op op = work.batch.operations[row];
  if (op == Op::kTruncate) {
    Truncate();
    work.held = false;
    return {};
  }
  if (!std::exchange(work.held, true)) fold_.Hold(work.batch);
  SLUICE_LET(const KeyRef key, KeyOf(work.keys, row));
  if (op == Op::kInsert) return fold_.Insert(key, row);
  if (op == Op::kDelete) return fold_.Delete(key);
  const bool moved = row < work.old_keys.size() && work.old_keys.has_key(row);
  if (!moved) return fold_.Update(key, key, row);
  SLUICE_LET(const KeyRef from, KeyOf(work.old_keys, row));
  return fold_.Update(from, key, row);
}

Result<std::optional<RowLocation>> Merge::Take(const KeyRef& key, FindMode mode) {
  std::optional<RowLocation> found;
  SLUICE_TRY(index_.Find({&key.fingerprint, 1}, {&key.bytes, 1}, mode, *lake_, {&found, 1}));
  if (found) files_.Delete(*found);
  return found;
}

Status Merge::ApplyAppendOnly(const ChangeBatch& batch, const RunFilter& counts) {
  uint32_t row = 0;
  for (const TransactionRun& run : batch.runs) {
    if (counts != nullptr && !counts(run)) {
      row = run.row_end;
      continue;
    }
    while (row < run.row_end) {
      const uint32_t begin = row;
      while (row < run.row_end && batch.operations[row] == Op::kInsert) ++row;
      SLUICE_TRY(AppendRows(batch, begin, row));
      if (row == run.row_end) break;
      if (batch.operations[row] != Op::kTruncate) {
        return MakeError(ErrorKind::kUnsupported, "update or delete of a table without a key");
      }
      Truncate();
      ++pending_;
      ++row;
    }
  }
  return {};
}

Status Merge::AppendRows(const ChangeBatch& batch, uint32_t begin, uint32_t end) {
  pending_ += end - begin;
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& column : batch.rows->columns()) {
    columns.push_back(column->Slice(begin, end - begin));
  }
  return output_.Write(std::move(columns), end - begin, {});
}

// Nothing before it matters any more, whether folded, staged or committed.
void Merge::Truncate() {
  fold_.Clear();
  if (lake_ != nullptr) lake_->CloseReaders();
  output_.DropOpen();
  files_.DeleteAll();
}

Status Merge::Flush() {
  if (writer_ == nullptr) return {};
  SLUICE_TRY(writer_->Write(fold_), "{}", schema_.QualifiedName());
  return {};
}

Status Merge::SpillWindow() {
  SLUICE_TRY(Flush());
  SLUICE_TRY(index_.SpillStaged(), "{}", schema_.QualifiedName());
  return {};
}

Result<RowDelta> Merge::Finish(Cut cut) {
  SLUICE_TRY(Flush());
  SLUICE_TRY(output_.FinishOpen(), "{}", schema_.QualifiedName());
  FileSet::Staged staged = files_.StagedDeletes();
  const std::set<store::Location> dead(staged.abandoned.begin(), staged.abandoned.end());
  RowDelta delta;
  delta.cut = cut;
  delta.deleted = std::move(staged.deleted);
  delta.removed = std::move(staged.removed);
  delta.rows_deleted = staged.rows;
  dead_copies_.clear();
  std::vector<store::Location> useless;
  for (const parquet::DataFile& file : copied_) {
    (dead.contains(file.location) ? dead_copies_.push_back(file.location)
                                  : delta.added.push_back(file));
  }
  for (const parquet::DataFile& file : output_.finished()) {
    (dead.contains(file.location) ? useless.push_back(file.location) : delta.added.push_back(file));
  }
  for (const parquet::DataFile& file : delta.added) delta.rows_added += file.record_count;
  if (!useless.empty()) SLUICE_TRY(store_.Delete(useless));
  return delta;
}

Status Merge::Committed(int64_t snapshot_id) {
  const std::vector<store::Location> useless = std::exchange(dead_copies_, {});
  files_.Publish();
  Status published = index_.Publish(snapshot_id);
  output_.Release();
  Reset();
  if (!useless.empty() && !store_.Delete(useless)) {
    log::Get("merge")->warn("{}: {} files of the copy stay behind unreferenced",
                            schema_.QualifiedName(), useless.size());
  }
  return published;
}

Status Merge::Abandon() {
  const Status removed = output_.Remove();
  Forget();
  return removed;
}

void Merge::Forget() {
  Reset();
  index_.Discard();
  files_.Discard();
  output_.Release();
}

void Merge::Reset() {
  fold_.Clear();
  if (lake_ != nullptr) lake_->CloseReaders();
  copied_.clear();
  dead_copies_.clear();
  pending_ = 0;
}

}  // namespace

std::unique_ptr<TableMerge> TableMerge::Make(TableSchema schema,
                                             std::shared_ptr<arrow::Schema> file_schema,
                                             store::ObjectStore& store, FileSet& files,
                                             KeyIndex& index, MergeOptions options) {
  return std::make_unique<Merge>(std::move(schema), std::move(file_schema), store, files, index,
                                 std::move(options));
}

}  // namespace sluice::merge
