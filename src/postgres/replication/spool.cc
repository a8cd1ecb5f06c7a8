#include "postgres/replication/spool.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/byte_reader.h"
#include "base/fault_point.h"
#include "base/log.h"

namespace sluice::postgres {

namespace {

constexpr std::string_view kSuffix = ".spool";
constexpr size_t kHeadBytes = 16;
constexpr size_t kHeadChecksumAt = 12;
constexpr size_t kPieceBytes = 1 << 20;
// A server may have thousands of transactions in progress, and a process its 1024 descriptors.
constexpr size_t kSpoolFilesOpenMax = 64;

using HeadBytes = std::array<char, kHeadBytes>;

// `at`: of the entry in its spool.
uint32_t Checksum(std::string_view bytes, uint64_t at) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), at));
}

HeadBytes MakeHead(uint64_t at, uint32_t subxid, std::string_view message) {
  std::array<uint32_t, 4> head = {static_cast<uint32_t>(message.size()), subxid,
                                  Checksum(message, at), 0};
  HeadBytes out;
  std::memcpy(out.data(), head.data(), kHeadBytes);
  head[3] = Checksum({out.data(), kHeadChecksumAt}, at);
  std::memcpy(out.data(), head.data(), kHeadBytes);
  return out;
}

}  // namespace

Result<std::unique_ptr<SpoolFolder>> SpoolFolder::Open(FileSystem& files, const std::string& folder,
                                                       SpoolLimits limits) {
  SLUICE_TRY(files.CreateFolders(folder), "making the spool folder {}", folder);
  SLUICE_LET(const auto names, files.List(folder), "emptying the spool folder {}", folder);
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    SLUICE_TRY(files.Remove(folder + "/" + name), "emptying the spool folder {}", folder);
  }
  return std::unique_ptr<SpoolFolder>(new SpoolFolder(files, folder, limits));
}

std::unique_ptr<Spool> SpoolFolder::Create(uint32_t top_xid) {
  // The counter tells two transactions apart that had the same 32-bit xid.
  const std::string path = fmt::format("{}/{}-{}{}", folder_, ++created_, top_xid, kSuffix);
  std::unique_ptr<Spool> spool(new Spool(*this, path));
  spools_.insert(spool.get());
  return spool;
}

Status SpoolFolder::CheckRoom(uint64_t bytes) const {
  if (this->bytes() + bytes <= limits_.bytes_max) return {};
  return MakeError(ErrorKind::kExhausted,
                   "transactions in progress fill the spool: {} bytes, {} allowed", this->bytes(),
                   limits_.bytes_max)
      .WithHint("end the long transactions at the source, or allow the spool more room");
}

// However many spools there are, their buffers and `bytes` more stay within the limit.
Status SpoolFolder::MakeMemory(uint64_t bytes) {
  if (held_bytes_ + bytes <= limits_.memory_bytes_max) return {};
  for (Spool* spool : spools_) SLUICE_TRY(spool->WriteOut());
  return {};
}

Spool::~Spool() {
  folder_.spools_.erase(this);
  folder_.buffered_bytes_ -= buffer_.size();
  folder_.held_bytes_ -= held();
  folder_.file_bytes_ -= written_;
  CloseFile();
  if (!made_) return;
  const Status removed = folder_.files_.Remove(path_);
  // The next start empties the folder.
  if (!removed)
    log::Get("postgres")->warn("spool file {} stays: {}", path_, removed.error().message());
}

Status Spool::OpenFile() {
  if (file_ != nullptr) return {};
  SLUICE_LET(file_, folder_.files_.Open(path_, OpenMode::kAppend), "opening spool {}", path_);
  made_ = true;
  ++folder_.open_files_;
  return {};
}

void Spool::CloseFile() {
  if (file_ == nullptr) return;
  file_.reset();
  --folder_.open_files_;
}

Status Spool::Write(std::initializer_list<std::string_view> parts) {
  SLUICE_TRY(OpenFile());
  uint64_t bytes = 0;
  for (const std::string_view part : parts) {
    const Status appended = file_->Append(part);
    if (!appended) {
      // What was written in part must not stand before what is written next.
      SLUICE_TRY(file_->Truncate(written_), "cutting spool {} after a failed write", path_);
      SLUICE_TRY(appended, "writing spool {}", path_);
    }
    bytes += part.size();
  }
  ReachFaultPoint("spool.written");
  written_ += bytes;
  folder_.file_bytes_ += bytes;
  if (folder_.open_files_ > kSpoolFilesOpenMax) CloseFile();
  return {};
}

Status Spool::WriteOut() {
  if (buffer_.empty()) return {};
  SLUICE_TRY(Write({buffer_}));
  folder_.buffered_bytes_ -= buffer_.size();
  folder_.held_bytes_ -= held();
  std::string().swap(buffer_);  // its memory too
  return {};
}

// A string that holds nothing has a few bytes in itself.
uint64_t Spool::held() const { return buffer_.capacity() - std::string().capacity(); }

// Room for so many bytes more in the buffer. While it grows there is the old one too.
Status Spool::Reserve(uint64_t bytes) {
  const auto wanted = [&] { return std::max(buffer_.size() + bytes, 2 * held()); };
  if (buffer_.size() + bytes <= buffer_.capacity()) return {};
  SLUICE_TRY(folder_.MakeMemory(wanted()));  // this one may be written out
  folder_.held_bytes_ -= held();
  buffer_.reserve(wanted());
  folder_.held_bytes_ += held();
  return {};
}

Status Spool::Append(uint32_t subxid, std::string_view message) {
  const uint64_t bytes = kHeadBytes + message.size();
  SLUICE_TRY(folder_.CheckRoom(bytes));
  const HeadBytes head = MakeHead(written_ + buffer_.size(), subxid, message);
  const std::string_view head_text(head.data(), head.size());
  if (bytes > folder_.limits_.memory_bytes_max) {
    SLUICE_TRY(WriteOut());
    return Write({head_text, message});
  }
  SLUICE_TRY(Reserve(bytes));
  buffer_.append(head_text).append(message);
  folder_.buffered_bytes_ += bytes;
  return {};
}

struct SpoolReader::Head {
  explicit Head(std::string_view bytes) {
    ByteReader in(bytes);
    size = in.U32Little();
    subxid = in.U32Little();
    message_checksum = in.U32Little();
    checksum = in.U32Little();
  }
  uint32_t size = 0;
  uint32_t subxid = 0;
  uint32_t message_checksum = 0;
  uint32_t checksum = 0;
};

// Nobody but the disk can have changed it. The server has the transaction still.
Error SpoolReader::Damaged(std::string_view what) const {
  return MakeError(ErrorKind::kUnavailable, "spool {} is damaged at byte {}: {}", spool_.path_,
                   entry_at_, what)
      .WithHint("look at the disk of the state folder; the source sends the transaction again");
}

Result<std::string> SpoolReader::ReadFile(size_t size) {
  if (file_ == nullptr) {
    SLUICE_LET(file_, spool_.folder_.files_.Open(spool_.path_, OpenMode::kRead), "opening spool {}",
               spool_.path_);
  }
  auto bytes = file_->Read(offset_, size);
  if (!bytes && bytes.error().kind() == ErrorKind::kCorrupt) {
    return Damaged(bytes.error().message());
  }
  SLUICE_TRY(bytes, "reading spool {}", spool_.path_);
  return bytes;
}

// At least `size` bytes from position_ on, or all there are.
Status SpoolReader::Load(size_t size) {
  piece_.erase(0, position_);
  position_ = 0;
  while (piece_.size() < size) {
    const uint64_t wanted = std::max(kPieceBytes, size - piece_.size());
    if (offset_ < spool_.written_) {
      const auto now = static_cast<size_t>(std::min(wanted, spool_.written_ - offset_));
      SLUICE_LET(const std::string bytes, ReadFile(now));
      piece_ += bytes;
      offset_ += now;
      continue;
    }
    const auto from = static_cast<size_t>(offset_ - spool_.written_);
    if (from >= spool_.buffer_.size()) return {};
    const std::string_view next = std::string_view(spool_.buffer_).substr(from, wanted);
    piece_ += next;
    offset_ += next.size();
  }
  return {};
}

Result<std::optional<SpoolReader::Entry>> SpoolReader::Next() {
  if (Rest().size() < kHeadBytes) SLUICE_TRY(Load(kHeadBytes));
  if (Rest().empty()) return std::optional<Entry>();
  if (Rest().size() < kHeadBytes) return Damaged("it ends within an entry");
  const Head head(Rest());
  if (Checksum(Rest().substr(0, kHeadChecksumAt), entry_at_) != head.checksum) {
    return Damaged("the checksum of an entry's head is wrong");
  }
  const size_t bytes = kHeadBytes + head.size;
  if (Rest().size() < bytes) SLUICE_TRY(Load(bytes));
  if (Rest().size() < bytes) return Damaged("it ends within an entry");
  const std::string_view message = Rest().substr(kHeadBytes, head.size);
  if (Checksum(message, entry_at_) != head.message_checksum) {
    return Damaged("the checksum of a message is wrong");
  }
  position_ += bytes;
  entry_at_ += bytes;
  return std::optional(Entry{head.subxid, message});
}

}  // namespace sluice::postgres
