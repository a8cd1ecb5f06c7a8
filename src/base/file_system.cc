#include "base/file_system.h"

namespace sluice {

namespace {

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Status DurableFolders::Ensure(const std::string& folder) {
  SLUICE_LET(const std::vector<std::string> unsure, Unsure(folder));
  if (unsure.empty()) return {};
  SLUICE_TRY(files_.CreateFolders(folder));
  for (const std::string& at : unsure) {
    const std::string parent = FolderOf(at).empty() ? "/" : FolderOf(at);
    const Status synced = files_.SyncFolder(parent);
    // A folder that we may not open, or that cannot be synced, is not one that we made.
    const bool foreign = !synced && (synced.error().kind() == ErrorKind::kConfig ||
                                     synced.error().code() == "EINVAL");
    if (!synced && !foreign) return synced.error();
  }
  const std::lock_guard guard(mutex_);
  durable_.insert(unsure.begin(), unsure.end());
  return {};
}

// All the way up: whoever made one of them may have died before it was durable.
Result<std::vector<std::string>> DurableFolders::Unsure(const std::string& folder) {
  std::vector<std::string> out;
  const std::lock_guard guard(mutex_);
  for (std::string at = folder; !at.empty(); at = FolderOf(at)) {
    SLUICE_LET(const bool exists, files_.Exists(at));
    if (exists && durable_.contains(at)) break;
    out.push_back(at);
  }
  return out;
}

Status CreateFoldersDurably(FileSystem& files, const std::string& folder) {
  return DurableFolders(files).Ensure(folder);
}

Status WriteFileAtomically(FileSystem& files, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  SLUICE_TRY(files.Remove(temporary));
  {
    SLUICE_LET(const std::unique_ptr<File> file, files.Open(temporary, OpenMode::kAppend));
    SLUICE_TRY(file->Append(content));
    SLUICE_TRY(file->Sync());
  }
  SLUICE_TRY(files.Rename(temporary, path));
  return files.SyncFolder(FolderOf(path));
}

Result<std::string> ReadSmallFile(FileSystem& files, const std::string& path, uint64_t size_max) {
  SLUICE_LET(const std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  SLUICE_LET(const uint64_t size, file->Size());
  if (size > size_max) {
    return MakeError(ErrorKind::kCorrupt, "{} is {} bytes, at most {} expected", path, size,
                     size_max);
  }
  return file->Read(0, size);
}

}  // namespace sluice
