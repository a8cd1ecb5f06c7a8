#include "postgres/wire_reader.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/byte_reader.h"
#include "postgres/sql_error.h"

namespace sluice::postgres {

namespace {

// The server sends 8 KB at a time. Waiting for this much saves most wake-ups, on both sides; never
// longer than kGatherMs, so that the tail does not wait.
constexpr int kGatherBytes = 128 << 10;
constexpr int kGatherMs = 5;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kMessageBytesMax = (size_t{1} << 30) + 64;  // MaxAllocSize, as the server has it
// What one large row needed is not kept for all that follow.
constexpr size_t kKeptBytesMax = 4 << 20;

}  // namespace

Status WireReader::Send(char kind, std::string_view body) {
  const auto size = __builtin_bswap32(static_cast<uint32_t>(body.size() + sizeof(uint32_t)));
  std::string message(1, kind);
  message.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(body);
  std::string_view left = message;
  while (true) {
    SLUICE_LET(const size_t sent, socket_->Send(left));
    left.remove_prefix(sent);
    if (left.empty()) return {};
    pollfd room{socket_->handle(), POLLOUT, 0};
    if (sent == 0 && poll(&room, 1, silence_max_ms_) == 0) return SilentError(silence_max_ms_);
  }
}

Result<WireMessage> WireReader::Next() {
  while (true) {
    SLUICE_LET(const auto message, Take());
    if (message) return *message;
    SLUICE_LET(const bool filled, Fill());
    if (!filled) SLUICE_TRY(Wait());
  }
}

void WireReader::TakeCopyData(std::vector<std::string_view>& out, size_t max) {
  while (out.size() < max && begin_ < end_ && buffer_[begin_] == 'd') {
    const auto message = Take();
    if (!message || !*message) return;  // Next says what is wrong
    out.push_back((*message)->body);
  }
}

Result<std::optional<WireMessage>> WireReader::Poll() {
  while (true) {
    SLUICE_LET(const auto message, Take());
    if (message) return message;
    SLUICE_LET(const bool filled, Fill());
    if (!filled) return message;
  }
}

Status WireReader::Finish() {
  SetLowWater(1);
  while (true) {
    SLUICE_LET(const auto message, Poll());
    if (!message && begin_ == end_) return {};
    if (!message) SLUICE_TRY(Wait());
  }
}

Result<std::optional<WireMessage>> WireReader::Take() {
  if (end_ - begin_ < kHeaderBytes) return std::optional<WireMessage>();
  const char* at = buffer_.data() + begin_;
  const size_t size = 1 + size_t{ByteReader(std::string_view(at + 1, sizeof(uint32_t))).U32()};
  if (size < kHeaderBytes || size > kMessageBytesMax) {
    return MakeError(ErrorKind::kCorrupt,
                     "the server's message is of {} bytes, which none may have", size - 1);
  }
  wanted_ = size;
  if (end_ - begin_ < size) return std::optional<WireMessage>();
  begin_ += size;
  return std::optional(WireMessage{*at, std::string_view(at + kHeaderBytes, size - kHeaderBytes)});
}

Result<bool> WireReader::Fill() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == 0 && buffer_.size() > kKeptBytesMax) std::vector<char>(kBufferBytes).swap(buffer_);
  }
  // Grows with what has come, not with what a length promises.
  if (end_ == buffer_.size()) {
    buffer_.resize(std::min(2 * buffer_.size(), wanted_ + kBufferBytes));
  }
  SLUICE_LET(const size_t got, socket_->Receive(buffer_.data() + end_, buffer_.size() - end_));
  end_ += got;
  return got > 0;
}

// First for much, then, where that does not come soon, for anything.
Status WireReader::Wait() {
  if (silent_) return SilentError(silence_max_ms_);
  pollfd waiting{socket_->handle(), POLLIN, 0};
  if (gathers_) {
    SetLowWater(kGatherBytes);
    if (poll(&waiting, 1, kGatherMs) != 0) return {};
    SetLowWater(1);
  }
  const int ready = poll(&waiting, 1, silence_max_ms_);
  if (ready < 0 && errno != EINTR) return LostError(std::strerror(errno));
  silent_ = ready == 0;
  return silent_ ? Status(SilentError(silence_max_ms_)) : Status();
}

void WireReader::SetLowWater(int bytes) {
  if (!gathers_ || bytes == low_water_) return;
  low_water_ = bytes;
  // Where it is not supported every byte wakes us, as it would without.
  setsockopt(socket_->handle(), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

Error SilentError(int milliseconds) {
  return MakeError(ErrorKind::kUnavailable,
                   "the connection to Postgres is lost: it was silent for {} ms", milliseconds)
      .WithHint(
          "look at the network between here and the server; `source: timeout:` sets the time");
}

Error ServerError(std::string_view body) {
  ByteReader in(body);
  std::string_view code;
  std::string_view words;
  while (in.ok()) {
    const auto field = static_cast<char>(in.U8());
    if (field == '\0') break;
    const std::string_view value = in.CString();
    if (field == 'C') code = value;
    if (field == 'M') words = value;
  }
  return SqlError(code, words);
}

}  // namespace sluice::postgres
