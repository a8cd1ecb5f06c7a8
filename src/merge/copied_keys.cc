#include "merge/copied_keys.h"

#include <arrow/record_batch.h>

#include <utility>

#include "base/uuid.h"
#include "merge/run_merge.h"

namespace sluice::merge {

namespace {
constexpr uint64_t kRunEntriesMin = 1 << 16;
}

void CopiedRuns::Add(CopiedRuns other) {
  paths.insert(paths.end(), other.paths.begin(), other.paths.end());
  files.merge(other.files);
}

CopiedKeys::CopiedKeys(const TableSchema& schema, FileSystem& fs, std::string folder,
                       uint64_t entries_max)
    : encoder_(schema), fs_(fs), folder_(std::move(folder)), entries_max_(entries_max) {}

Status CopiedKeys::Add(const store::Location& file, const arrow::RecordBatch& rows) {
  const auto known = files_.FindByLocation(file);
  const FileId id = known ? *known : files_.AddStaged(file);
  const int64_t first = files_.Find(id)->record_count;
  files_.SetRecordCount(id, first + rows.num_rows());
  const EncodedKeys keys = encoder_.EncodeRows(rows);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto row = static_cast<uint32_t>(first + static_cast<int64_t>(i));
    entries_.push_back({keys.fingerprints[i], {id, row}});
  }
  return entries_.size() < entries_max_ ? Status() : Spill();
}

Status CopiedKeys::Spill() {
  const std::string name = MakeUuid() + ".run";
  SLUICE_TRY(WriteRun(fs_, folder_, name, files_, entries_));
  runs_.paths.push_back(folder_ + "/" + name);
  entries_.clear();
  return {};
}

Result<CopiedRuns> CopiedKeys::Finish() {
  if (runs_.paths.empty() && entries_.size() < kRunEntriesMin) return CopiedRuns();
  if (!entries_.empty()) SLUICE_TRY(Spill());
  for (const auto& [id, file] : files_.files()) runs_.files.insert(file.location);
  return std::move(runs_);
}

}  // namespace sluice::merge
