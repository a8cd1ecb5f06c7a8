// Objects as files: written under a hidden temporary name in the same folder, synced, renamed,
// folder synced.
#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/uuid.h"
#include "store/object_store.h"

namespace sluice::store {

namespace {

constexpr std::string_view kScheme = "file://";
// No object's name may begin so: such a file is a write that did not finish.
constexpr std::string_view kTemporaryPrefix = ".sluice-unfinished-";

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

class LocalWriter final : public ObjectWriter {
 public:
  LocalWriter(FileSystem& files, std::unique_ptr<File> file, std::string temporary,
              std::string path)
      : files_(files),
        file_(std::move(file)),
        temporary_(std::move(temporary)),
        path_(std::move(path)) {}
  ~LocalWriter() override {
    if (!finished_) (void)files_.Remove(temporary_);
  }
  LocalWriter(const LocalWriter&) = delete;
  LocalWriter& operator=(const LocalWriter&) = delete;

  Status Append(std::shared_ptr<arrow::Buffer> bytes) override {
    const Status status = file_->Append(std::string_view(*bytes));
    failed_ |= !status;
    if (status) size_ += static_cast<uint64_t>(bytes->size());
    return status;
  }

  Result<uint64_t> Finish() override {
    SLUICE_TRY(Publish(true));
    return size_;
  }

  Status Publish(bool replace) {
    // After a failed write or sync nobody knows what the file holds: it is written anew.
    if (failed_) return MakeError(ErrorKind::kInternal, "{} is finished after an error", path_);
    failed_ = true;
    SLUICE_TRY(file_->Sync());
    SLUICE_TRY(replace ? files_.Rename(temporary_, path_) : files_.RenameNew(temporary_, path_));
    finished_ = true;
    return files_.SyncFolder(FolderOf(path_));
  }

 private:
  FileSystem& files_;
  std::unique_ptr<File> file_;
  std::string temporary_;
  std::string path_;
  uint64_t size_ = 0;
  bool failed_ = false;
  bool finished_ = false;
};

class LocalStore final : public ObjectStore {
 public:
  explicit LocalStore(FileSystem& files) : files_(files), folders_(files), id_(MakeUuid()) {}

  Result<std::unique_ptr<ObjectWriter>> Create(const Location& at) override {
    SLUICE_LET(std::unique_ptr<LocalWriter> writer, Open(at));
    return std::unique_ptr<ObjectWriter>(std::move(writer));
  }

  Status PutIfAbsent(const Location& at, std::shared_ptr<arrow::Buffer> bytes) override {
    SLUICE_LET(const std::unique_ptr<LocalWriter> writer, Open(at));
    SLUICE_TRY(writer->Append(std::move(bytes)));
    return writer->Publish(false);
  }

  Result<uint64_t> Size(const Location& at) override {
    SLUICE_LET(const std::string path, LocalPath(at));
    SLUICE_LET(const FileInfo info, files_.Info(path));
    return info.size;
  }

  Result<std::shared_ptr<arrow::Buffer>> Read(const Location& at, uint64_t from,
                                              uint64_t size) override {
    SLUICE_LET(const std::string path, LocalPath(at));
    SLUICE_LET(const std::unique_ptr<File> file, files_.Open(path, OpenMode::kRead));
    SLUICE_LET(std::string bytes, file->Read(from, size), "reading {}", at);
    return std::shared_ptr<arrow::Buffer>(arrow::Buffer::FromString(std::move(bytes)));
  }

  Result<std::vector<Object>> List(const Location& folder) override {
    SLUICE_LET(const std::string path, LocalPath(folder));
    std::vector<Object> objects;
    SLUICE_TRY(ListInto(path, objects));
    std::sort(objects.begin(), objects.end(),
              [](const Object& a, const Object& b) { return a.location < b.location; });
    return objects;
  }

  Status Delete(std::span<const Location> objects) override {
    for (const Location& location : objects) {
      SLUICE_LET(const std::string path, LocalPath(location));
      SLUICE_TRY(files_.Remove(path));
    }
    return {};
  }

 private:
  Result<std::unique_ptr<LocalWriter>> Open(const Location& at) {
    SLUICE_LET(std::string path, LocalPath(at));
    const std::string folder = FolderOf(path);
    std::string temporary =
        fmt::format("{}/{}{}-{}", folder, kTemporaryPrefix, id_, ++temporaries_);
    // Others may have removed an empty one: it is looked for each time, and before it is made,
    // since one that is made again is not durable again.
    SLUICE_TRY(folders_.Ensure(folder));
    SLUICE_LET(std::unique_ptr<File> file, files_.Open(temporary, OpenMode::kAppend));
    return std::make_unique<LocalWriter>(files_, std::move(file), std::move(temporary),
                                         std::move(path));
  }

  Status ListInto(const std::string& folder, std::vector<Object>& objects) {
    SLUICE_LET(const std::vector<std::string> names, files_.List(folder));
    for (const std::string& name : names) {
      if (name.starts_with(kTemporaryPrefix)) continue;
      const std::string path = folder + "/" + name;
      const Result<FileInfo> info = files_.Info(path);
      if (!info && info.error().code() == "ENOENT") continue;  // deleted meanwhile
      if (!info) return info.error();
      if (info->folder) {
        SLUICE_TRY(ListInto(path, objects));
      } else {
        objects.push_back({.location = std::string(kScheme) + path,
                           .size = info->size,
                           .modified_us = info->modified_us});
      }
    }
    return {};
  }

  FileSystem& files_;
  DurableFolders folders_;
  const std::string id_;
  std::atomic<uint64_t> temporaries_ = 0;
};

}  // namespace

// Hadoop's Path (so Spark) writes no authority where others write an empty one.
Location Canonical(Location location) {
  constexpr std::string_view kBareScheme = "file:";
  const bool bare = location.starts_with(kBareScheme) && !location.starts_with(kScheme);
  if (bare) location.replace(0, kBareScheme.size(), kScheme);
  return location;
}

Result<std::string> LocalPath(const Location& location) {
  std::string path = Canonical(location);
  if (!path.starts_with(std::string(kScheme) + '/')) {
    return MakeError(ErrorKind::kConfig, "{} is no file:/// location", location);
  }
  path.erase(0, kScheme.size());
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::unique_ptr<ObjectStore> MakeLocalStore(FileSystem& files) {
  return std::make_unique<LocalStore>(files);
}

}  // namespace sluice::store
