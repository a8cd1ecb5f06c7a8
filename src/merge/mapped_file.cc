#include "merge/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::merge {

namespace {

class Mapping final : public MappedFile {
 public:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}
  ~Mapping() override { munmap(data_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::string_view bytes() const override { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_;
  size_t size_;
};

class Content final : public MappedFile {
 public:
  explicit Content(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view bytes() const override { return bytes_; }

 private:
  std::string bytes_;
};

Error MapFailed(const std::string& path) {
  return MakeError(ErrorKind::kUnavailable, "mapping {}: {}", path, std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<MappedFile>> MappedFile::Open(FileSystem& fs, const std::string& path) {
  SLUICE_LET(const std::unique_ptr<File> file, fs.Open(path, OpenMode::kRead));
  SLUICE_LET(const uint64_t size, file->Size());
  if (&fs != &LocalFileSystem() || size == 0) {
    SLUICE_LET(std::string bytes, file->Read(0, size));
    return std::make_unique<Content>(std::move(bytes));
  }
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return MapFailed(path);
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (data == MAP_FAILED) return MapFailed(path);
  return std::make_unique<Mapping>(data, size);
}

}  // namespace sluice::merge
