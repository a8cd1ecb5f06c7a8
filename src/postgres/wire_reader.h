// The server's messages straight from the socket, in large pieces and parsed in place. libpq opens
// the session and speaks everything else; for the length of a COPY it is left out, since it costs a
// system call every 8 to 16 KB and a malloc and a copy every message, and the way a reader reads
// slows the server too (bench/README.md).
//
// Begins while the session is idle, so that libpq holds no byte of it, and must have read up to
// ReadyForQuery when libpq takes over again. A replication stream never hands back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/wire_socket.h"

namespace sluice::postgres {

struct WireMessage {
  char kind = 0;
  std::string_view body;  // valid until the next read
};

class WireReader {
 public:
  // `gathers`: the socket can wait for much at once (TCP). `silence_max_ms`: how long Next and Send
  // wait for the server to do anything; -1: for ever.
  WireReader(std::unique_ptr<WireSocket> socket, bool gathers, int silence_max_ms)
      : socket_(std::move(socket)),
        gathers_(gathers),
        silence_max_ms_(silence_max_ms),
        buffer_(kBufferBytes) {}
  WireReader(const WireReader&) = delete;
  WireReader& operator=(const WireReader&) = delete;
  ~WireReader() { SetLowWater(1); }

  Status Send(char kind, std::string_view body);
  // The next message, waiting for it. kUnavailable: the connection is lost, and stays so. kCorrupt:
  // what came is no message.
  Result<WireMessage> Next();
  // CopyData that was read with the message before, up to `max`; its views stay valid with that.
  void TakeCopyData(std::vector<std::string_view>& out, size_t max);
  // The next message if it is here.
  Result<std::optional<WireMessage>> Poll();
  // After ReadyForQuery: what came behind it belongs to nobody, and libpq must not find half of it.
  Status Finish();

 private:
  static constexpr size_t kBufferBytes = 512 << 10;

  // kCorrupt: a length that no message has.
  Result<std::optional<WireMessage>> Take();
  // Reads what is there. False: nothing is.
  Result<bool> Fill();
  Status Wait();
  void SetLowWater(int bytes);

  std::unique_ptr<WireSocket> socket_;
  bool gathers_;
  int silence_max_ms_;
  bool silent_ = false;  // for longer than that
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t wanted_ = 0;  // bytes of the message that is not whole yet
  int low_water_ = 1;
};

// A server that says nothing for so long, and may never again.
Error SilentError(int milliseconds);

// An ErrorResponse as an Error; its detail lines are left out, they hold row values.
Error ServerError(std::string_view body);

}  // namespace sluice::postgres
