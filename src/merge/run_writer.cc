#include <bit>
#include <utility>

#include "merge/index_run.h"
#include "merge/index_run_internal.h"

namespace sluice::merge {

namespace {

constexpr size_t kFlushBytes = 1 << 20;
constexpr size_t kBufferBytes = kFlushBytes + 64;
constexpr uint64_t kEntriesPerBucket = 16;
constexpr uint64_t kNarrowFilesMax = 1 << 16;

uint32_t DirectoryBitsFor(uint64_t entries) {
  const auto bits = static_cast<uint32_t>(std::bit_width((entries / kEntriesPerBucket) | 1) - 1);
  return std::clamp(bits, kDirectoryBitsMin, kDirectoryBitsMax);
}

}  // namespace

RunWriter::RunWriter(FileSystem& fs, std::string folder, std::string name, const FileSet& files)
    : fs_(fs), folder_(std::move(folder)), name_(std::move(name)), files_(files) {}

Result<std::unique_ptr<RunWriter>> RunWriter::Create(FileSystem& fs, const std::string& folder,
                                                     std::string name, const FileSet& files,
                                                     uint64_t entries_max, uint64_t files_max) {
  SLUICE_CHECK(entries_max <= kRunEntriesMax);
  std::unique_ptr<RunWriter> out(new RunWriter(fs, folder, std::move(name), files));
  const std::string temporary = folder + "/" + out->name_ + ".tmp";
  SLUICE_TRY(fs.CreateFolders(folder));
  SLUICE_TRY(fs.Remove(temporary));
  SLUICE_LET(out->file_, fs.Open(temporary, OpenMode::kAppend));
  out->footer_.directory_bits = DirectoryBitsFor(entries_max);
  out->footer_.ordinal_width = files_max <= kNarrowFilesMax ? 2 : 4;
  out->directory_.resize((size_t{1} << out->footer_.directory_bits) + 1);
  out->Append(kRunMagic.data(), kRunMagic.size());
  return out;
}

char* RunWriter::Room(size_t size) {
  if (filled_ + size > buffer_.size()) buffer_.resize(std::max(filled_ + size, kBufferBytes));
  return buffer_.data() + filled_;
}

void RunWriter::Append(const void* bytes, size_t size) {
  std::memcpy(Room(size), bytes, size);
  filled_ += size;
}

Status RunWriter::Flush() {
  const std::string_view bytes(buffer_.data(), std::exchange(filled_, 0));
  XXH3_64bits_update(hash_.state, bytes.data(), bytes.size());
  written_ += bytes.size();
  return file_->Append(bytes);
}

uint32_t RunWriter::OrdinalOf(FileId file) {
  if (file == last_file_) return last_ordinal_;
  const auto [at, is_new] = ordinal_of_.emplace(file, static_cast<uint32_t>(ordinals_.size()));
  if (is_new) ordinals_.push_back(file);
  last_file_ = file;
  last_ordinal_ = at->second;
  return at->second;
}

Status RunWriter::Add(const IndexEntry& entry) {
  const auto tag = static_cast<uint32_t>(entry.fingerprint >> kRunFingerprintDrop);
  const uint32_t ordinal = OrdinalOf(entry.at.file);
  char* at = Room(sizeof(tag) + sizeof(ordinal) + sizeof(entry.at.row));
  std::memcpy(at, &tag, sizeof(tag));
  at += sizeof(tag);
  std::memcpy(at, &ordinal, sizeof(ordinal));  // little-endian: the low bytes come first
  at += footer_.ordinal_width;
  std::memcpy(at, &entry.at.row, sizeof(entry.at.row));
  filled_ += sizeof(tag) + footer_.ordinal_width + sizeof(entry.at.row);
  ++directory_[entry.fingerprint >> (64 - footer_.directory_bits)];
  ++footer_.entry_count;
  if (filled_ >= kFlushBytes) return Flush();
  return {};
}

Status RunWriter::WriteDirectory() {
  SLUICE_TRY(Flush());
  footer_.directory_offset = written_;
  uint32_t begin = 0;
  for (uint32_t& bucket : directory_) begin += std::exchange(bucket, begin);
  Append(directory_.data(), directory_.size() * sizeof(uint32_t));
  return Flush();
}

Status RunWriter::WriteFiles() {
  footer_.files_offset = written_;
  footer_.file_count = static_cast<uint32_t>(ordinals_.size());
  for (const FileId file : ordinals_) {
    const std::string& location = files_.Find(file)->location;
    const auto size = static_cast<uint32_t>(location.size());
    Append(&size, sizeof(size));
    Append(location.data(), location.size());
  }
  return Flush();
}

Status RunWriter::WriteFooter() {
  const uint64_t body_hash = XXH3_64bits_digest(hash_.state);
  Append(&footer_.entry_count, sizeof(uint64_t));
  Append(&footer_.directory_offset, sizeof(uint64_t));
  Append(&footer_.files_offset, sizeof(uint64_t));
  Append(&footer_.file_count, sizeof(uint32_t));
  Append(&footer_.directory_bits, sizeof(uint32_t));
  Append(&footer_.ordinal_width, sizeof(uint32_t));
  Append(&kRunVersion, sizeof(uint32_t));
  Append(&body_hash, sizeof(uint64_t));
  const uint64_t footer_hash = XXH3_64bits(buffer_.data(), kFooterHashedBytes);
  Append(&footer_hash, sizeof(uint64_t));
  Append(kRunMagic.data(), kRunMagic.size());
  return Flush();
}

Result<std::unique_ptr<IndexRun>> RunWriter::Finish() {
  SLUICE_TRY(WriteDirectory());
  SLUICE_TRY(WriteFiles());
  SLUICE_TRY(WriteFooter());
  SLUICE_TRY(file_->Sync());
  file_.reset();
  const std::string path = folder_ + "/" + name_;
  SLUICE_TRY(fs_.Rename(path + ".tmp", path));
  SLUICE_TRY(fs_.SyncFolder(folder_));
  return IndexRun::Open(fs_, folder_, name_, files_);
}

}  // namespace sluice::merge
