#include "postgres/replication/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"
#include "base/fault_point.h"
#include "base/log.h"

namespace sluice::postgres {

namespace {

constexpr std::string_view kSuffix = ".spool";
constexpr size_t kHeaderBytes = 8;
constexpr size_t kPieceBytes = 1 << 20;

void AppendU32(std::string& out, uint32_t value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out.append(bytes, sizeof(bytes));
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

Status SpoolFolder::MakeRoom(uint64_t bytes) {
  if (this->bytes() + bytes > limits_.bytes_max) {
    return MakeError(ErrorKind::kExhausted,
                     "transactions in progress fill the spool: {} bytes, {} allowed", this->bytes(),
                     limits_.bytes_max)
        .WithHint("end the long transactions at the source, or allow the spool more room");
  }
  if (buffered_bytes_ + bytes <= limits_.memory_bytes_max) return {};
  for (Spool* spool : spools_) SLUICE_TRY(spool->WriteOut());
  return {};
}

Spool::~Spool() {
  folder_.spools_.erase(this);
  folder_.buffered_bytes_ -= buffer_.size();
  folder_.file_bytes_ -= written_;
  if (file_ == nullptr) return;
  file_.reset();
  const Status removed = folder_.files_.Remove(path_);
  // The next start empties the folder.
  if (!removed)
    log::Get("postgres")->warn("spool file {} stays: {}", path_, removed.error().message());
}

Status Spool::WriteOut() {
  if (buffer_.empty()) return {};
  if (file_ == nullptr) {
    SLUICE_LET(file_, folder_.files_.Open(path_, OpenMode::kAppend), "opening spool {}", path_);
  }
  const Status appended = file_->Append(buffer_);
  if (!appended) {
    // What was written in part must not stand before what is written next.
    SLUICE_TRY(file_->Truncate(written_), "cutting spool {} after a failed write", path_);
    SLUICE_TRY(appended, "writing spool {}", path_);
  }
  ReachFaultPoint("spool.written");
  written_ += buffer_.size();
  folder_.file_bytes_ += buffer_.size();
  folder_.buffered_bytes_ -= buffer_.size();
  buffer_.clear();
  return {};
}

Status Spool::Append(uint32_t subxid, std::string_view message) {
  const uint64_t bytes = kHeaderBytes + message.size();
  SLUICE_TRY(folder_.MakeRoom(bytes));
  AppendU32(buffer_, static_cast<uint32_t>(message.size()));
  AppendU32(buffer_, subxid);
  buffer_.append(message);
  folder_.buffered_bytes_ += bytes;
  return {};
}

// At least `size` bytes from position_ on, or all there are.
Status SpoolReader::Load(size_t size) {
  piece_.erase(0, position_);
  position_ = 0;
  while (piece_.size() < size) {
    if (offset_ < spool_.written_) {
      const uint64_t wanted = std::max(kPieceBytes, size - piece_.size());
      const auto now = static_cast<size_t>(std::min(wanted, spool_.written_ - offset_));
      SLUICE_LET(const std::string bytes, spool_.file_->Read(offset_, now), "reading spool {}",
                 spool_.path_);
      piece_ += bytes;
      offset_ += now;
      continue;
    }
    const auto from = static_cast<size_t>(offset_ - spool_.written_);
    if (from >= spool_.buffer_.size()) return {};
    piece_.append(spool_.buffer_, from);
    offset_ = spool_.written_ + spool_.buffer_.size();
  }
  return {};
}

Result<std::optional<SpoolReader::Entry>> SpoolReader::Next() {
  if (piece_.size() - position_ < kHeaderBytes) SLUICE_TRY(Load(kHeaderBytes));
  if (piece_.size() == position_) return std::optional<Entry>();
  ByteReader header(std::string_view(piece_).substr(position_));
  const size_t size = header.U32Little();
  const uint32_t subxid = header.U32Little();
  if (header.ok() && header.remaining() < size) SLUICE_TRY(Load(kHeaderBytes + size));
  if (!header.ok() || piece_.size() - position_ - kHeaderBytes < size) {
    return MakeError(ErrorKind::kCorrupt, "spool {} ends within an entry", spool_.path_)
        .WithHint("restart: the source sends the transaction again");
  }
  const std::string_view message = std::string_view(piece_).substr(position_ + kHeaderBytes, size);
  position_ += kHeaderBytes + size;
  return std::optional(Entry{subxid, message});
}

}  // namespace sluice::postgres
