#include "postgres/replication/replication_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

#include "postgres/wire_reader.h"

namespace sluice::postgres {

namespace {

constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;  // 2000-01-01 in Unix microseconds

// The server sends each row by its own send(). While rows stream in, waiting for this much at once
// saves most of the wake-ups and reads (postgres-capture 7.2); never longer than kGatherMs, so that
// the tail of a burst does not wait.
constexpr int kGatherBytes = 64 << 10;
constexpr int kGatherMs = 5;
// Under TLS decrypted bytes may wait inside the library while the socket is silent.
constexpr int64_t kEncryptedWaitMs = 20;

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
        gathers_(!connection_->encrypted() && IsTcp(connection_->socket())) {}

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
    pollfd waiting{connection_->socket(), POLLIN, 0};
    if (waiting.fd < 0) return;
    int64_t millis = std::max<int64_t>(0, (micros + 999) / 1000);
    if (connection_->encrypted()) millis = std::min(millis, kEncryptedWaitMs);
    const bool busy = received_bytes_ >= kGatherBytes / 2;
    received_bytes_ = 0;
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
  bool gathers_;
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
