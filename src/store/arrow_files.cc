// Arrow's file interfaces on top of an ObjectStore. Our errors travel through Arrow unchanged.
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <algorithm>
#include <cstring>

#include "change/arrow_status.h"
#include "store/object_store.h"

namespace sluice::store {

namespace {

class Output final : public arrow::io::OutputStream {
 public:
  explicit Output(std::unique_ptr<ObjectWriter> writer) : writer_(std::move(writer)) {}
  ~Output() override = default;

  arrow::Status Close() override {
    if (closed()) return arrow::Status::OK();
    const Status failed = failed_;
    const auto writer = std::move(writer_);
    if (!failed) return ToArrow(failed);
    const Result<uint64_t> size = writer->Finish();
    return size ? arrow::Status::OK() : ToArrow(size.error());
  }
  arrow::Status Abort() override {
    writer_.reset();
    return arrow::Status::OK();
  }
  bool closed() const override { return writer_ == nullptr; }
  arrow::Result<int64_t> Tell() const override { return position_; }

  arrow::Status Write(const void* data, int64_t size) override {
    const auto bytes = std::make_shared<arrow::Buffer>(static_cast<const uint8_t*>(data), size);
    return Write(bytes);
  }
  arrow::Status Write(const std::shared_ptr<arrow::Buffer>& data) override {
    if (closed()) return arrow::Status::Invalid("the object is closed");
    if (failed_) failed_ = writer_->Append(data);
    if (failed_) position_ += data->size();
    return ToArrow(failed_);
  }

 private:
  std::unique_ptr<ObjectWriter> writer_;
  Status failed_;
  int64_t position_ = 0;
};

class Input final : public arrow::io::RandomAccessFile {
 public:
  Input(ObjectStore& store, Location at, int64_t size)
      : store_(store), at_(std::move(at)), size_(size) {}

  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Status Seek(int64_t position) override {
    if (position < 0 || position > size_) return arrow::Status::Invalid("seek outside of the file");
    position_ = position;
    return arrow::Status::OK();
  }

  // Thread-safe, as Arrow asks of ReadAt.
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    if (closed_) return arrow::Status::Invalid("the file is closed");
    if (position < 0 || size < 0) return arrow::Status::Invalid("read outside of the file");
    const int64_t from = std::min(position, size_);
    return ToArrow(store_.Read(at_, static_cast<uint64_t>(from),
                               static_cast<uint64_t>(std::min(size, size_ - from))));
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto bytes, ReadAt(position, size));
    if (bytes->size() > 0) std::memcpy(out, bytes->data(), static_cast<size_t>(bytes->size()));
    return bytes->size();
  }
  arrow::Result<int64_t> Read(int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position_, size, out));
    position_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto bytes, ReadAt(position_, size));
    position_ += bytes->size();
    return bytes;
  }

 private:
  ObjectStore& store_;
  Location at_;
  int64_t size_;
  int64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<arrow::io::OutputStream> OpenOutput(std::unique_ptr<ObjectWriter> writer) {
  return std::make_shared<Output>(std::move(writer));
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInput(ObjectStore& store,
                                                               const Location& at) {
  SLUICE_LET(const uint64_t size, store.Size(at));
  return std::shared_ptr<arrow::io::RandomAccessFile>(
      std::make_shared<Input>(store, at, static_cast<int64_t>(size)));
}

Result<std::string> ReadAll(ObjectStore& store, const Location& at, uint64_t size_max) {
  SLUICE_LET(const uint64_t size, store.Size(at));
  if (size > size_max) {
    return MakeError(ErrorKind::kCorrupt, "{} is {} bytes, at most {} expected", at, size,
                     size_max);
  }
  SLUICE_LET(const std::shared_ptr<arrow::Buffer> bytes, store.Read(at, 0, size));
  return bytes->ToString();
}

}  // namespace sluice::store
