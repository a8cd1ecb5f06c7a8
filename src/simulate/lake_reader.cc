#include "simulate/lake_reader.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <algorithm>

#include "iceberg/mirror_commit.h"
#include "parquet/data_file_reader.h"
#include "simulate/rules.h"

namespace sluice::simulate {

namespace {

constexpr int64_t kBatchRows = 1024;

std::string Line(const Row& row) {
  std::string out;
  for (const Value& value : row) out += value ? "'" + *value + "' " : "- ";
  return out;
}

Value Cell(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return std::nullopt;
  if (column.type_id() == arrow::Type::INT64) {
    return std::to_string(static_cast<const arrow::Int64Array&>(column).Value(row));
  }
  return static_cast<const arrow::StringArray&>(column).GetString(row);
}

// The first line that one side has and the other has not. Values of the simulation are no secret.
std::string Difference(const std::vector<std::string>& lake, const std::vector<std::string>& want) {
  std::vector<std::string> surplus;
  std::vector<std::string> missing;
  std::set_difference(lake.begin(), lake.end(), want.begin(), want.end(),
                      std::back_inserter(surplus));
  std::set_difference(want.begin(), want.end(), lake.begin(), lake.end(),
                      std::back_inserter(missing));
  const auto some = [](const std::vector<std::string>& lines) {
    return lines.empty() ? std::string("none") : lines.front().substr(0, 100);
  };
  return fmt::format("{} rows too many ({}), {} missing ({})", surplus.size(), some(surplus),
                     missing.size(), some(missing));
}

std::string CutOf(const iceberg::Snapshot& snapshot) {
  const auto found = snapshot.summary.find("sluice.cut-lsn");
  return found == snapshot.summary.end() ? "" : found->second;
}

}  // namespace

std::vector<std::string> Lines(const Rows& rows) {
  std::vector<std::string> out;
  out.reserve(rows.size());
  for (const auto& [key, row] : rows) out.push_back(Line(row));
  std::sort(out.begin(), out.end());
  return out;
}

Status LakeChecker::Check() {
  Status checked = CheckAll();
  // What cannot even be read.
  if (!checked && checked.error().kind() != ErrorKind::kInternal) {
    return rule::Broken(rule::kFiles, "{}", checked.error().message());
  }
  return checked;
}

Status LakeChecker::CheckAll() {
  for (size_t table = 0; table < database_.tables().size(); ++table) {
    const postgres::SourceTable& source = database_.tables()[table].source;
    SLUICE_TRY(CheckTable(table, {source.schema_name, source.name}));
  }
  return CheckLedger();
}

Status LakeChecker::CheckTable(size_t table, const iceberg::TableIdentifier& name) {
  const auto row = catalog_.rows().find(name);
  if (row == catalog_.rows().end() || seen_[name] == row->second) return {};
  SLUICE_LET(const auto loaded, catalog_.Load(name), "checking {}", name.ToString());
  if (!loaded)
    return rule::Broken(rule::kFiles, "{} is in the catalog and is not there", name.ToString());
  for (const iceberg::Snapshot& snapshot : loaded->metadata.snapshots) {
    if (!contents_.contains(snapshot.id)) {
      SLUICE_LET(Content content, Read(loaded->metadata, snapshot), "checking {}", name.ToString());
      if (!CutOf(snapshot).empty()) SLUICE_TRY(CheckContent(table, snapshot, content));
      contents_[snapshot.id] = std::move(content);
    }
    SLUICE_TRY(CheckThere(name.ToString(), snapshot, contents_.at(snapshot.id).files));
  }
  seen_[name] = loaded->metadata_location;
  heads_.erase(name);
  if (const auto* head = loaded->metadata.current_snapshot()) heads_[name] = head->id;
  return {};
}

std::vector<store::Location> LakeChecker::LiveFiles(const iceberg::TableIdentifier& name) const {
  const auto head = heads_.find(name);
  if (head == heads_.end()) return {};
  return contents_.at(head->second).files;
}

Status LakeChecker::CheckContent(size_t table, const iceberg::Snapshot& snapshot,
                                 const Content& content) const {
  SLUICE_LET(const Lsn cut, ParseLsn(CutOf(snapshot)));
  const auto want = Lines(*database_.At(cut)[table]);
  if (content.lines == want) return {};
  return rule::Broken(rule::kContent, "{} at snapshot {} is not the source at {}: {}",
                      database_.tables()[table].source.name, snapshot.id, ToString(cut),
                      Difference(content.lines, want));
}

Status LakeChecker::CheckThere(const std::string& table, const iceberg::Snapshot& snapshot,
                               const std::vector<store::Location>& files) {
  for (const store::Location& file : files) {
    if (store_.Size(file)) continue;
    return rule::Broken(rule::kFiles, "{}: snapshot {} is retained, its file {} is gone", table,
                        snapshot.id, file);
  }
  return {};
}

Result<const std::vector<iceberg::ManifestEntry>*> LakeChecker::ReadManifest(
    const iceberg::ManifestFile& manifest) {
  auto& slot = manifests_[manifest.path];
  if (slot.empty()) {
    SLUICE_LET(slot, iceberg::ReadManifest(store_, manifest));
  }
  return &slot;
}

Result<const std::vector<std::string>*> LakeChecker::ReadRows(
    const iceberg::TableMetadata& metadata, const store::Location& file) {
  const auto known = rows_.find(file);
  if (known != rows_.end()) return &known->second;
  SLUICE_LET(const auto reader, parquet::DataFileReader::Open(store_, file));
  std::vector<std::string> rows;
  const auto take = [&](int64_t, const arrow::RecordBatch& batch) -> Status {
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      Row row;
      for (const auto& column : batch.columns()) row.push_back(Cell(*column, i));
      rows.push_back(Line(row));
    }
    return {};
  };
  SLUICE_TRY(reader->Scan(*iceberg::ToArrowSchema(metadata.current_schema()), kBatchRows, take));
  return &(rows_[file] = std::move(rows));
}

Result<const LakeChecker::Deletes*> LakeChecker::ReadDeletes(const store::Location& file) {
  const auto known = deletes_.find(file);
  if (known != deletes_.end()) return &known->second;
  Deletes positions;
  const auto all = [](const store::Location&) { return true; };
  SLUICE_TRY(parquet::ReadPositionDeletes(store_, file, all, positions));
  return &(deletes_[file] = std::move(positions));
}

// Data files minus the positions that delete files of the same or a later commit name.
Result<LakeChecker::Content> LakeChecker::Read(const iceberg::TableMetadata& metadata,
                                               const iceberg::Snapshot& snapshot) {
  Content out;
  out.files.push_back(snapshot.manifest_list);
  SLUICE_LET(const auto manifests, iceberg::ReadManifestList(store_, snapshot.manifest_list));
  std::vector<const iceberg::ManifestEntry*> data;
  std::vector<std::pair<int64_t, const Deletes*>> deletes;
  for (const iceberg::ManifestFile& manifest : manifests) {
    out.files.push_back(manifest.path);
    SLUICE_LET(const auto* entries, ReadManifest(manifest));
    for (const iceberg::ManifestEntry& entry : *entries) {
      if (entry.status == iceberg::EntryStatus::kDeleted) continue;
      out.files.push_back(entry.file.location);
      if (entry.content == iceberg::FileContent::kData) {
        data.push_back(&entry);
        continue;
      }
      SLUICE_LET(const Deletes* positions, ReadDeletes(entry.file.location));
      deletes.emplace_back(entry.sequence_number.value_or(0), positions);
    }
  }
  for (const iceberg::ManifestEntry* entry : data) {
    SLUICE_LET(const std::vector<std::string>* rows, ReadRows(metadata, entry->file.location));
    for (size_t i = 0; i < rows->size(); ++i) {
      const bool dead = std::any_of(deletes.begin(), deletes.end(), [&](const auto& file) {
        const auto named = file.second->find(entry->file.location);
        return file.first >= entry->sequence_number.value_or(0) && named != file.second->end() &&
               named->second.contains(static_cast<uint64_t>(i));
      });
      if (!dead) out.lines.push_back((*rows)[i]);
    }
  }
  std::sort(out.lines.begin(), out.lines.end());
  return out;
}

// At each cut of the ledger, the database as it was: every table it lists, joined.
Status LakeChecker::CheckLedger() {
  const iceberg::TableIdentifier name{"sluice", "cuts"};
  const auto row = catalog_.rows().find(name);
  if (row == catalog_.rows().end() || seen_[name] == row->second) return {};
  SLUICE_LET(const auto ledger, iceberg::ReadLedger(catalog_, store_, name), "checking the ledger");
  if (!ledger) return rule::Broken(rule::kLedger, "the catalog's ledger is not there");
  for (const iceberg::LedgerRow& cut : ledger->rows) {
    const Lsn lsn = cut.marks.cut.lsn;
    if (!cuts_.emplace(lsn, cut.tables).second) continue;
    for (size_t table = 0; table < database_.tables().size(); ++table) {
      const postgres::SourceTable& source = database_.tables()[table].source;
      const auto listed = cut.tables.find(source.schema_name + "." + source.name);
      if (listed == cut.tables.end()) continue;
      const auto content = contents_.find(listed->second);
      if (content == contents_.end()) {
        return rule::Broken(rule::kLedger, "the ledger lists {} at snapshot {}, which never was",
                            source.name, listed->second);
      }
      const auto want = Lines(*database_.At(lsn)[table]);
      if (content->second.lines == want) continue;
      return rule::Broken(rule::kLedger,
                          "the ledger lists {} at snapshot {} for cut {}, where the source was "
                          "another: {}",
                          source.name, listed->second, ToString(lsn),
                          Difference(content->second.lines, want));
    }
  }
  seen_[name] = row->second;
  return {};
}

Status LakeChecker::CheckNewest() {
  seen_.clear();
  SLUICE_TRY(Check());
  for (size_t table = 0; table < database_.tables().size(); ++table) {
    const postgres::SourceTable& source = database_.tables()[table].source;
    SLUICE_LET(const auto loaded, catalog_.Load({source.schema_name, source.name}));
    const iceberg::Snapshot* head = loaded ? loaded->metadata.current_snapshot() : nullptr;
    if (head == nullptr) return rule::Broken(rule::kReached, "{} is not there", source.name);
    const auto want = Lines(*database_.newest()[table]);
    if (contents_.at(head->id).lines == want) continue;
    return rule::Broken(rule::kReached, "{} at the end: {}", source.name,
                        Difference(contents_.at(head->id).lines, want));
  }
  return {};
}

}  // namespace sluice::simulate
