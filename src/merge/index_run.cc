#include "merge/index_run.h"

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"
#include "merge/index_run_internal.h"

namespace sluice::merge {

namespace {

Error Damaged(const std::string& name, std::string_view what) {
  return MakeError(ErrorKind::kCorrupt, "index run {}: {}", name, what);
}

Result<RunFooter> ParseFooter(const std::string& name, std::string_view bytes) {
  if (bytes.size() < kRunMagic.size() + kFooterBytes || !bytes.starts_with(kRunMagic) ||
      !bytes.ends_with(kRunMagic)) {
    return Damaged(name, "not a run");
  }
  const std::string_view tail = bytes.substr(bytes.size() - kFooterBytes);
  ByteReader reader(tail);
  RunFooter out;
  out.entry_count = reader.U64Little();
  out.directory_offset = reader.U64Little();
  out.files_offset = reader.U64Little();
  out.file_count = reader.U32Little();
  out.directory_bits = reader.U32Little();
  out.ordinal_width = reader.U32Little();
  const uint32_t version = reader.U32Little();
  const uint64_t body_hash = reader.U64Little();
  if (reader.U64Little() != XXH3_64bits(tail.data(), kFooterHashedBytes)) {
    return Damaged(name, "footer fails its checksum");
  }
  if (version != kRunVersion) return Damaged(name, "unknown version");
  if (body_hash != XXH3_64bits(bytes.data(), bytes.size() - kFooterBytes)) {
    return Damaged(name, "fails its checksum");
  }
  return out;
}

// The parts fill the file exactly. Sums cannot overflow: counts are below 2^33.
bool LayoutFits(const RunFooter& footer, uint64_t file_bytes) {
  if (footer.entry_count > kRunEntriesMax || footer.directory_bits < kDirectoryBitsMin ||
      footer.directory_bits > kDirectoryBitsMax ||
      (footer.ordinal_width != 2 && footer.ordinal_width != 4)) {
    return false;
  }
  const uint64_t entry_bytes = footer.entry_count * (8 + footer.ordinal_width);
  const uint64_t directory_bytes = ((uint64_t{1} << footer.directory_bits) + 1) * 4;
  return footer.directory_offset == kRunMagic.size() + entry_bytes &&
         footer.files_offset == footer.directory_offset + directory_bytes &&
         footer.files_offset <= file_bytes - kFooterBytes;
}

}  // namespace

IndexRun::IndexRun(std::string name, std::unique_ptr<MappedFile> file, RunFooter footer)
    : name_(std::move(name)),
      file_(std::move(file)),
      footer_(footer),
      entry_width_(8 + footer.ordinal_width),
      entries_(file_->bytes().data() + kRunMagic.size()),
      directory_(file_->bytes().data() + footer.directory_offset) {}

Result<std::unique_ptr<IndexRun>> IndexRun::Open(FileSystem& fs, const std::string& folder,
                                                 std::string name, const FileSet& files) {
  SLUICE_LET(std::unique_ptr<MappedFile> file, MappedFile::Open(fs, folder + "/" + name));
  SLUICE_LET(const RunFooter footer, ParseFooter(name, file->bytes()));
  if (!LayoutFits(footer, file->bytes().size())) return Damaged(name, "parts do not fit");
  std::unique_ptr<IndexRun> out(new IndexRun(std::move(name), std::move(file), footer));
  SLUICE_TRY(out->CheckDirectory());
  SLUICE_TRY(out->ReadFiles(files));
  SLUICE_TRY(out->CheckOrdinals());
  return out;
}

Status IndexRun::CheckDirectory() const {
  const uint64_t buckets = uint64_t{1} << footer_.directory_bits;
  uint64_t before = 0;
  for (uint64_t bucket = 0; bucket <= buckets; ++bucket) {
    const uint64_t begin = BucketBegin(bucket);
    if (begin < before) return Damaged(name_, "directory decreases");
    before = begin;
  }
  if (BucketBegin(0) != 0 || before != size()) return Damaged(name_, "directory does not fit");
  return {};
}

Status IndexRun::CheckOrdinals() const {
  for (uint64_t i = 0; i < size(); ++i) {
    if (OrdinalAt(i) >= files_.size()) return Damaged(name_, "an entry names no file");
  }
  return {};
}

Status IndexRun::ReadFiles(const FileSet& files) {
  const uint64_t end = file_->bytes().size() - kFooterBytes;
  ByteReader reader(file_->bytes().substr(footer_.files_offset, end - footer_.files_offset));
  for (uint32_t i = 0; i < footer_.file_count && reader.ok(); ++i) {
    const uint32_t size = reader.U32Little();
    const std::string_view location = reader.Bytes(size);
    files_.push_back(files.FindByLocation(std::string(location)).value_or(FileId{}));
  }
  if (!reader.done()) return Damaged(name_, "file names do not fit");
  return {};
}

}  // namespace sluice::merge
