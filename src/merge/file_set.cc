#include "merge/file_set.h"

#include <utility>

namespace sluice::merge {

namespace {

bool WhollyDead(const LiveFile& file) {
  return file.deleted.cardinality() >= static_cast<uint64_t>(file.record_count);
}

}  // namespace

FileId FileSet::Add(LiveFile file) {
  const FileId id{next_id_++};
  const bool is_new = by_location_.emplace(file.location, id).second;
  SLUICE_CHECK(is_new, "{} is in the table twice", file.location);
  files_.emplace(id, std::move(file));
  return id;
}

FileId FileSet::AddCommitted(store::Location location, int64_t record_count,
                             roaring::Roaring deleted) {
  return Add({std::move(location), record_count, std::move(deleted), false});
}

FileId FileSet::AddStaged(store::Location location) {
  return Add({std::move(location), 0, {}, true});
}

void FileSet::SetRecordCount(FileId file, int64_t rows) {
  const auto at = files_.find(file);
  SLUICE_CHECK(at != files_.end() && at->second.staged);
  SLUICE_CHECK(rows >= at->second.record_count && rows < int64_t{1} << 32);
  at->second.record_count = rows;
}

const LiveFile* FileSet::Find(FileId file) const {
  const auto at = files_.find(file);
  return at == files_.end() ? nullptr : &at->second;
}

std::optional<FileId> FileSet::FindByLocation(const store::Location& location) const {
  const auto at = by_location_.find(location);
  if (at == by_location_.end()) return std::nullopt;
  return at->second;
}

bool FileSet::IsLive(RowLocation at) const {
  const LiveFile* file = Find(at.file);
  return file != nullptr && int64_t{at.row} < file->record_count && !file->deleted.contains(at.row);
}

void FileSet::Delete(RowLocation at) {
  SLUICE_CHECK(IsLive(at), "a row is deleted twice");
  files_.at(at.file).deleted.add(at.row);
  staged_deletes_[at.file].add(at.row);
}

void FileSet::DeleteAll() {
  for (auto& [id, file] : files_) {
    if (WhollyDead(file)) continue;
    roaring::Roaring all;
    all.addRange(0, static_cast<uint64_t>(file.record_count));
    staged_deletes_[id] |= all - file.deleted;
    file.deleted = std::move(all);
  }
}

FileSet::Staged FileSet::StagedDeletes() const {
  Staged out;
  for (const auto& [id, file] : files_) {
    if (file.staged && WhollyDead(file)) out.abandoned.push_back(file.location);
  }
  for (const auto& [id, rows] : staged_deletes_) {
    const LiveFile& file = files_.at(id);
    const bool dead = WhollyDead(file);
    if (dead && file.staged) continue;
    out.rows += static_cast<int64_t>(rows.cardinality());
    if (dead) {
      out.removed.push_back(file.location);
    } else {
      out.deleted.emplace(file.location, roaring::Roaring64Map(rows));
    }
  }
  return out;
}

void FileSet::Publish() {
  staged_deletes_.clear();
  for (auto at = files_.begin(); at != files_.end();) {
    at->second.staged = false;
    at = WhollyDead(at->second) ? Erase(at) : std::next(at);
  }
}

void FileSet::Discard() {
  for (const auto& [id, rows] : staged_deletes_) files_.at(id).deleted -= rows;
  staged_deletes_.clear();
  for (auto at = files_.begin(); at != files_.end();) {
    at = at->second.staged ? Erase(at) : std::next(at);
  }
}

std::map<FileId, LiveFile>::iterator FileSet::Erase(std::map<FileId, LiveFile>::iterator at) {
  by_location_.erase(at->second.location);
  return files_.erase(at);
}

}  // namespace sluice::merge
