#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_system.h"

namespace sluice {

namespace {

Error FromErrno(int number, std::string_view doing, const std::string& path) {
  const char* name = strerrorname_np(number);
  ErrorKind kind = ErrorKind::kUnavailable;
  if (number == ENOSPC || number == EDQUOT) kind = ErrorKind::kExhausted;
  if (number == EACCES || number == EPERM || number == EROFS || number == ENOTDIR) {
    kind = ErrorKind::kConfig;
  }
  Error error = MakeError(kind, "{} {}: {}", doing, path, std::strerror(number))
                    .WithCode(name == nullptr ? "" : name);
  if (kind == ErrorKind::kExhausted) return std::move(error).WithHint("free space on its disk");
  if (kind != ErrorKind::kConfig) return error;
  return std::move(error).WithHint(
      "give this user the right to write there, or configure another place");
}

class LocalFile final : public File {
 public:
  LocalFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~LocalFile() override { close(fd_); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return FromErrno(errno, "writing", path_);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  Result<std::string> Read(uint64_t offset, size_t size) override {
    std::string out(size, '\0');
    size_t filled = 0;
    while (filled < size) {
      const ssize_t got =
          pread(fd_, out.data() + filled, size - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FromErrno(errno, "reading", path_);
      if (got == 0) {
        return MakeError(ErrorKind::kCorrupt, "{} ends at byte {}, {} bytes wanted from {}", path_,
                         offset + filled, size, offset);
      }
      filled += static_cast<size_t>(got);
    }
    return out;
  }

  Result<uint64_t> Size() override {
    struct stat info {};
    if (fstat(fd_, &info) != 0) return FromErrno(errno, "sizing", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  Status Sync() override {
    if (fdatasync(fd_) != 0) return FromErrno(errno, "syncing", path_);
    return {};
  }

  Status Truncate(uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return FromErrno(errno, "cutting", path_);
    return {};
  }

 private:
  int fd_;
  std::string path_;
};

class LocalLock final : public FileLock {
 public:
  explicit LocalLock(int fd) : fd_(fd) {}
  ~LocalLock() override { close(fd_); }
  LocalLock(const LocalLock&) = delete;
  LocalLock& operator=(const LocalLock&) = delete;

 private:
  int fd_;
};

class LocalFiles final : public FileSystem {
 public:
  LocalFiles(mode_t file_mode, mode_t folder_mode)
      : file_mode_(file_mode), folder_mode_(folder_mode) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    const int flags = mode == OpenMode::kRead ? O_RDONLY : O_RDWR | O_CREAT | O_APPEND;
    const int fd = open(path.c_str(), flags | O_CLOEXEC, file_mode_);
    if (fd < 0) return FromErrno(errno, "opening", path);
    return std::make_unique<LocalFile>(fd, path);
  }

  Result<std::vector<std::string>> List(const std::string& folder) override {
    std::vector<std::string> names;
    DIR* handle = opendir(folder.c_str());
    if (handle == nullptr) {
      if (errno == ENOENT) return names;
      return FromErrno(errno, "listing", folder);
    }
    while (const dirent* entry = readdir(handle)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    closedir(handle);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status CreateFolders(const std::string& folder) override {
    for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
      const std::string part = folder.substr(0, end);
      if (mkdir(part.c_str(), folder_mode_) != 0 && errno != EEXIST) {
        return FromErrno(errno, "making folder", part);
      }
      if (end == std::string::npos) return {};
    }
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return FromErrno(errno, "renaming", from);
    return {};
  }

  Status RenameNew(const std::string& from, const std::string& to) override {
    int failed =
        renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
    // A file system without the flag (NFS): a link never replaces either.
    if (failed == EINVAL || failed == ENOSYS) {
      failed = link(from.c_str(), to.c_str()) == 0 ? 0 : errno;
      if (failed == 0) unlink(from.c_str());
    }
    if (failed == EEXIST) {
      return MakeError(ErrorKind::kConflict, "{} exists already", to).WithCode("EEXIST");
    }
    if (failed != 0) return FromErrno(failed, "renaming", from);
    return {};
  }

  Status Remove(const std::string& path) override {
    if (remove(path.c_str()) != 0 && errno != ENOENT) return FromErrno(errno, "removing", path);
    return {};
  }

  Status SyncFolder(const std::string& folder) override {
    const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return FromErrno(errno, "opening folder", folder);
    const int failed = fsync(fd) != 0 ? errno : 0;
    close(fd);
    if (failed != 0) return FromErrno(failed, "syncing folder", folder);
    return {};
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT) return false;
    return FromErrno(errno, "looking for", path);
  }

  Result<FileInfo> Info(const std::string& path) override {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return FromErrno(errno, "looking at", path);
    return FileInfo{
        .size = static_cast<uint64_t>(info.st_size),
        .modified_us = int64_t{info.st_mtim.tv_sec} * 1'000'000 + info.st_mtim.tv_nsec / 1000,
        .folder = S_ISDIR(info.st_mode)};
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode_);
    if (fd < 0) return FromErrno(errno, "opening", path);
    auto lock = std::make_unique<LocalLock>(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return FromErrno(errno, "locking", path);
    return MakeError(ErrorKind::kConfig, "{} is locked by another process", path)
        .WithCode("EWOULDBLOCK");
  }

  Result<uint64_t> FreeBytes(const std::string& folder) override {
    struct statvfs info {};
    if (statvfs(folder.c_str(), &info) != 0) return FromErrno(errno, "sizing disk of", folder);
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  mode_t file_mode_;
  mode_t folder_mode_;
};

}  // namespace

FileSystem& LocalFileSystem() {
  static LocalFiles files(0600, 0700);
  return files;
}

FileSystem& SharedFileSystem() {
  static LocalFiles files(0640, 0750);
  return files;
}

}  // namespace sluice
