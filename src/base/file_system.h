// Files as a seam: bus, spool, index and state go through it, so that a test can lose or tear
// everything that was not synced. Paths are absolute. Files are created 0600, folders 0700.
// Thread-safe except that one File is used by one thread at a time (Read may run beside Append).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice {

class File {
 public:
  virtual ~File() = default;
  virtual Status Append(std::string_view bytes) = 0;
  // Exactly `size` bytes from `offset`; kCorrupt when the file ends before.
  virtual Result<std::string> Read(uint64_t offset, size_t size) = 0;
  virtual Result<uint64_t> Size() = 0;
  // Durable once it returns. A failed sync must be taken as "unknown what is on disk": the caller
  // re-opens and re-reads, it never just syncs again.
  virtual Status Sync() = 0;
  virtual Status Truncate(uint64_t size) = 0;
};

struct FileInfo {
  uint64_t size = 0;
  int64_t modified_us = 0;  // Unix microseconds
  bool folder = false;
};

// Held until destroyed, or until the process ends in whatever way.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : uint8_t { kRead, kAppend };  // kAppend creates if missing; reading works too

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Names (not paths) in a folder, sorted; empty when the folder does not exist.
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  virtual Status CreateFolders(const std::string& folder) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // As Rename, but kConflict when `to` exists: of several callers one wins.
  virtual Status RenameNew(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;  // file, empty folder; absent is no error
  virtual Status SyncFolder(const std::string& folder) = 0;
  virtual Result<bool> Exists(const std::string& path) = 0;
  virtual Result<FileInfo> Info(const std::string& path) = 0;
  // Creates the file if missing. kConfig when somebody holds it, in this process or another.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
  virtual Result<uint64_t> FreeBytes(const std::string& folder) = 0;
};

// The machine's own. Errors: ENOSPC and EDQUOT are kExhausted, EACCES, EPERM, EROFS and ENOTDIR
// kConfig, ENOENT kUnavailable with code "ENOENT", anything else kUnavailable with its errno name.
FileSystem& LocalFileSystem();
// The same, for files that other programs read: created 0640 and 0750, less the umask.
FileSystem& SharedFileSystem();

// Folders that are there after a crash too. Remembers those it made sure of, which costs a sync
// each. Thread-safe.
class DurableFolders {
 public:
  explicit DurableFolders(FileSystem& files) : files_(files) {}
  // The folder and its missing parents.
  Status Ensure(const std::string& folder);

 private:
  // Of `folder` and those above it, those that are not there, or not known to stay; deepest first.
  Result<std::vector<std::string>> Unsure(const std::string& folder);

  FileSystem& files_;
  std::mutex mutex_;
  std::set<std::string> durable_;
};

Status CreateFoldersDurably(FileSystem& files, const std::string& folder);

// Writes a small file so that after a crash either the old or the new content is there.
Status WriteFileAtomically(FileSystem& files, const std::string& path, std::string_view content);
// Whole content of a small file (at most `size_max` bytes, else kCorrupt).
Result<std::string> ReadSmallFile(FileSystem& files, const std::string& path,
                                  uint64_t size_max = 64 << 20);

}  // namespace sluice
