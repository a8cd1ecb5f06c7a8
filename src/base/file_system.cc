#include "base/file_system.h"

namespace sluice {

namespace {

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Status CreateFoldersDurably(FileSystem& files, const std::string& folder) {
  // Those that are missing, innermost first: each is an entry of a folder to be synced.
  std::vector<std::string> parents;
  for (std::string at = folder; !at.empty(); at = FolderOf(at)) {
    SLUICE_LET(const bool exists, files.Exists(at));
    if (exists) break;
    parents.push_back(FolderOf(at).empty() ? "/" : FolderOf(at));
  }
  if (parents.empty()) return {};
  SLUICE_TRY(files.CreateFolders(folder));
  for (size_t i = parents.size(); i > 0; --i) SLUICE_TRY(files.SyncFolder(parents[i - 1]));
  return {};
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
