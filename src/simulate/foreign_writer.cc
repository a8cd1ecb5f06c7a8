#include "simulate/foreign_writer.h"

#include <arrow/record_batch.h>

#include <algorithm>

#include "base/uuid.h"
#include "iceberg/reachability.h"
#include "parquet/data_file_reader.h"
#include "parquet/data_file_writer.h"

namespace sluice::simulate {

using iceberg::LoadedTable;
using iceberg::TableIdentifier;
using iceberg::TableMetadata;

namespace {
constexpr int64_t kBatchRows = 1024;
}  // namespace

// Nothing: there is no such table, or no snapshot of it.
Result<std::optional<LoadedTable>> ForeignWriter::Load(const TableIdentifier& name) {
  SLUICE_LET(auto loaded, catalog_.Load(name));
  if (loaded && loaded->metadata.current_snapshot() == nullptr) loaded.reset();
  return loaded;
}

// As any writer commits: its own snapshot on the head, without marks, and nothing else.
Status ForeignWriter::Commit(const LoadedTable& table, const merge::RowDelta& delta,
                             const std::string& operation) {
  const iceberg::Marks marks{.cut = {}, .source = "", .slot = "", .pipeline = "", .epoch = 0};
  iceberg::CommitOptions options;
  options.now_ms = clock_.WallMicros() / 1000;
  SLUICE_LET(auto prepared, iceberg::PrepareCommit(store_, table, delta, marks, options));
  std::erase_if(prepared.commit.updates, [](const iceberg::Update& update) {
    return !std::holds_alternative<iceberg::AddSnapshot>(update);
  });
  auto& added = std::get<iceberg::AddSnapshot>(prepared.commit.updates.front());
  added.snapshot.summary = {{"operation", operation}};
  SLUICE_LET(const TableMetadata next, ApplyCommit(&table, prepared.commit, options.now_ms));
  return catalog_.Replace(table, next);
}

Result<std::optional<parquet::DataFile>> ForeignWriter::CopyRows(const LoadedTable& table,
                                                                 const iceberg::TableFiles& files,
                                                                 int64_t rows_max) {
  SLUICE_LET(const auto deletes, iceberg::ReadLiveDeletes(store_, files));
  const auto schema = iceberg::ToArrowSchema(table.metadata.current_schema());
  const auto at = fmt::format("{}/data/{}.parquet", table.metadata.location, MakeUuid());
  SLUICE_LET(auto writer, parquet::DataFileWriter::Open(store_, at, schema, {}));
  int64_t rows = 0;
  for (const iceberg::LiveDataFile& live : files.data) {
    const auto dead = deletes.find(live.file.location);
    const auto take = [&](int64_t first, const arrow::RecordBatch& batch) -> Status {
      for (int64_t i = 0; i < batch.num_rows() && rows < rows_max; ++i) {
        const auto position = static_cast<uint64_t>(first + i);
        if (dead != deletes.end() && dead->second.contains(position)) continue;
        ++rows;
        SLUICE_TRY(writer->Write(*batch.Slice(i, 1)));
      }
      return {};
    };
    SLUICE_LET(const auto reader, parquet::DataFileReader::Open(store_, live.file.location));
    SLUICE_TRY(reader->Scan(*schema, kBatchRows, take));
  }
  if (rows == 0) return std::optional<parquet::DataFile>();
  SLUICE_LET(auto file, writer->Finish());
  return std::optional(std::move(file));
}

ForeignWriter::Deed ForeignWriter::Compact(const TableIdentifier& name) {
  SLUICE_LET(const auto table, Load(name));
  if (!table) return false;
  SLUICE_LET(const auto files, iceberg::ReadTableFiles(store_, table->metadata));
  SLUICE_LET(const auto whole, CopyRows(*table, files, INT64_MAX));
  if (!whole) return false;
  merge::RowDelta delta;
  delta.added = {*whole};
  for (const auto& live : files.data) delta.removed.push_back(live.file.location);
  SLUICE_TRY(Commit(*table, delta, "replace"));
  return true;
}

ForeignWriter::Deed ForeignWriter::Append(const TableIdentifier& name) {
  SLUICE_LET(const auto table, Load(name));
  if (!table) return false;
  SLUICE_LET(const auto files, iceberg::ReadTableFiles(store_, table->metadata));
  SLUICE_LET(const auto row, CopyRows(*table, files, 1));
  if (!row) return false;
  merge::RowDelta delta;
  delta.added = {*row};
  SLUICE_TRY(Commit(*table, delta, "append"));
  return true;
}

ForeignWriter::Deed ForeignWriter::Delete(const TableIdentifier& name) {
  SLUICE_LET(const auto table, Load(name));
  if (!table) return false;
  SLUICE_LET(const auto files, iceberg::ReadTableFiles(store_, table->metadata));
  if (files.data.empty()) return false;
  merge::RowDelta delta;
  delta.removed = {files.data[random_.Next() % files.data.size()].file.location};
  SLUICE_TRY(Commit(*table, delta, "delete"));
  return true;
}

ForeignWriter::Deed ForeignWriter::Expire(const TableIdentifier& name) {
  SLUICE_LET(const auto table, Load(name));
  if (!table) return false;
  const TableMetadata& before = table->metadata;
  std::vector<iceberg::SnapshotId> removed;
  for (const iceberg::Snapshot& snapshot : before.snapshots) {
    const bool named = std::any_of(before.refs.begin(), before.refs.end(), [&](const auto& ref) {
      return ref.second.snapshot_id == snapshot.id;
    });
    if (!named) removed.push_back(snapshot.id);
  }
  if (removed.empty()) return false;
  iceberg::ManifestCache cache;
  SLUICE_LET(const auto files, iceberg::UnreachableFiles(store_, cache, before, removed));
  const iceberg::TableCommit commit{name, MakeUuid(), {}, {iceberg::RemoveSnapshots{removed}}};
  SLUICE_LET(const TableMetadata next, ApplyCommit(&*table, commit, clock_.WallMicros() / 1000));
  SLUICE_TRY(catalog_.Replace(*table, next));
  SLUICE_TRY(store_.Delete(files));
  return true;
}

ForeignWriter::Deed ForeignWriter::RollBack(const TableIdentifier& name) {
  SLUICE_LET(const auto table, Load(name));
  if (!table) return false;
  const auto ancestry = table->metadata.Ancestry();
  if (ancestry.size() < 2) return false;
  TableMetadata next = table->metadata;
  const size_t back = 1 + random_.Next() % (ancestry.size() - 1);
  next.current_snapshot_id = ancestry[back]->id;
  next.refs["main"].snapshot_id = ancestry[back]->id;
  const int64_t now_ms = std::max(clock_.WallMicros() / 1000, next.last_updated_ms + 1);
  next.last_updated_ms = now_ms;
  next.snapshot_log.push_back({now_ms, ancestry[back]->id});
  SLUICE_TRY(catalog_.Replace(*table, next));
  return true;
}

}  // namespace sluice::simulate
