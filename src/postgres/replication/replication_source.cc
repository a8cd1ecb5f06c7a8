#include "postgres/replication/replication_source.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "postgres/wire_socket.h"

namespace sluice::postgres {

namespace {

constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;  // 2000-01-01 in Unix microseconds

// The server sends every message by a send() of its own, and Linux makes a segment of each as long
// as congestion and receive window let it: some 3 us a change more than joined to large ones. So
// while rows stream in within one machine, reads pause: what the window does not take waits in the
// server's socket and leaves joined (bench/README.md, "The stream's reader"). The window needs no
// size to be fast there, and the smaller, the sooner it is full.
constexpr auto kPauseTime = std::chrono::milliseconds(20);
constexpr int kLoopbackReceiveBytes = 32 << 10;
// Between machines a pause would cost a window a time. Waiting for this much at once saves most of
// the wake-ups and reads there (postgres-capture 7.2); never longer than kGatherMs, so that the
// tail of a burst does not wait.
constexpr int kGatherBytes = 64 << 10;
constexpr int kGatherMs = 5;
constexpr uint64_t kBusyBytes = 32 << 10;  // since the last wait: rows stream in

bool IsLoopback(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  if (peer.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr);
  }
  const auto& address = reinterpret_cast<const sockaddr_in&>(peer);
  return peer.ss_family == AF_INET && ntohl(address.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

void AppendU64(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

Error StreamFailed(Error error) {
  const std::string code = error.code();
  if (code == "55006") {
    return std::move(error).WithHint(
        "another process reads this slot; if it is an earlier run of this pipeline, it ends within "
        "wal_sender_timeout");
  }
  if (code == "55000") {
    return std::move(error).WithHint(
        "the slot's WAL is gone or the slot belongs to another plugin or database: `sluice check` "
        "says which; a new slot needs `tables resync`");
  }
  if (code == "42704") {
    return std::move(error).WithHint(
        "the slot or the publication was dropped: changes since then cannot be read. Start over: "
        "`sluice drop --keep-lake`, `sluice tables resync --all`, `sluice run`");
  }
  return error;
}

class LibpqReplicationSource final : public ReplicationSource {
 public:
  explicit LibpqReplicationSource(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)),
        pauses_(IsLoopback(connection_->socket())),
        gathers_(!pauses_ && IsTcp(connection_->socket())) {
    if (!pauses_) return;
    setsockopt(connection_->socket(), SOL_SOCKET, SO_RCVBUF, &kLoopbackReceiveBytes,
               sizeof(kLoopbackReceiveBytes));
  }

  Result<std::optional<std::string_view>> Receive() override {
    // At the stream's end libpq waits for the last bytes of an answer; they are few.
    SetLowWater(1);
    auto message = connection_->ReceiveCopyData();
    if (!message) return StreamFailed(message.error());
    if (message->has_value()) received_bytes_ += (*message)->size();
    return message;
  }

  Status SendStatus(const StandbyStatus& status, bool want_reply) override {
    using std::chrono::microseconds;
    const auto now = std::chrono::duration_cast<microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    std::string message = "r";
    AppendU64(message, status.received.value);
    AppendU64(message, status.flushed.value);
    AppendU64(message, status.flushed.value);  // applied
    AppendU64(message, static_cast<uint64_t>(now.count() - kPostgresEpochUs));
    message += want_reply ? '\1' : '\0';
    return connection_->SendCopyData(message);
  }

  void WaitReadable(int64_t micros) override {
    const bool busy = std::exchange(received_bytes_, 0) >= kBusyBytes;
    if (busy && pauses_) return std::this_thread::sleep_for(kPauseTime);
    pollfd waiting{connection_->socket(), POLLIN, 0};
    if (waiting.fd < 0) return;
    int64_t millis = std::max<int64_t>(0, (micros + 999) / 1000);
    if (busy && gathers_) {
      SetLowWater(kGatherBytes);
      millis = std::min<int64_t>(millis, kGatherMs);
    }
    poll(&waiting, 1, static_cast<int>(std::min<int64_t>(millis, 1 << 30)));
  }

 private:
  void SetLowWater(int bytes) {
    if (!gathers_ || bytes == low_water_) return;
    low_water_ = bytes;
    // Where it is not supported every byte wakes us, as it would without.
    setsockopt(connection_->socket(), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
  }

  std::unique_ptr<Connection> connection_;
  bool pauses_;   // TCP within one machine; a unix socket buffers too little for it
  bool gathers_;  // TCP between machines
  int low_water_ = 1;
  uint64_t received_bytes_ = 0;  // since the last wait
};

// The replication grammar knows neither E'' nor backslashes: only quotes are doubled.
std::string PublicationNames(std::string_view comma_separated) {
  std::string names;
  while (!comma_separated.empty()) {
    const size_t comma = comma_separated.find(',');
    if (!names.empty()) names += ',';
    names += SqlIdentifier(comma_separated.substr(0, comma));
    comma_separated.remove_prefix(comma == std::string_view::npos ? comma_separated.size()
                                                                  : comma + 1);
  }
  std::string out = "'";
  for (const char c : names) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + '\'';
}

}  // namespace

Result<std::unique_ptr<ReplicationSource>> StartStream(std::unique_ptr<Connection> replication,
                                                       const StreamOptions& options) {
  // Protocol 2 (14+) is what the decoder knows; `origin` (16+) is `any` by default.
  const std::string command = fmt::format(
      "START_REPLICATION SLOT {} LOGICAL {} (proto_version '2', streaming '{}', binary '{}', "
      "publication_names {})",
      SqlIdentifier(options.slot), ToString(options.start), options.streaming ? "on" : "off",
      options.binary ? "true" : "false", PublicationNames(options.publication));
  const Status started = replication->StartReplication(command);
  if (!started) {
    Error error = StreamFailed(started.error());
    error.AddContext(fmt::format("starting the stream of slot {}", options.slot));
    return error;
  }
  return std::unique_ptr<ReplicationSource>(
      std::make_unique<LibpqReplicationSource>(std::move(replication)));
}

}  // namespace sluice::postgres
