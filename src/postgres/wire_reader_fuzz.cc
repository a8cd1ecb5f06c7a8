// Any bytes as a server's messages, in any pieces, and any body as an ErrorResponse: errors, never
// a crash, and no message that was not sent. Input: pieces of [u8 length][bytes].
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/wire_reader.h"

namespace sluice::postgres {
namespace {

// What the server sent, less what the reader took as messages.
class Exchange {
 public:
  Exchange() {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_) != 0) std::abort();
    reader_.emplace(PlainSocket(sockets_[0]), false, -1);
  }
  ~Exchange() {
    reader_.reset();
    close(sockets_[0]);
    close(sockets_[1]);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // False: the reader refused.
  bool Say(std::string_view piece) {
    if (send(sockets_[1], piece.data(), piece.size(), 0) != static_cast<ssize_t>(piece.size())) {
      std::abort();
    }
    sent_.append(piece);
    while (true) {
      const auto message = reader_->Poll();
      if (!message) return false;
      if (!message->has_value()) return true;
      Check(**message);
    }
  }

 private:
  void Check(const WireMessage& message) {
    if (message.kind == 'E') static_cast<void>(ServerError(message.body));
    const size_t size = 5 + message.body.size();
    if (sent_.size() < size || sent_[0] != message.kind ||
        std::string_view(sent_).substr(5, message.body.size()) != message.body) {
      std::abort();
    }
    sent_.erase(0, size);
  }

  int sockets_[2] = {-1, -1};
  std::string sent_;
  std::optional<WireReader> reader_;
};

}  // namespace
}  // namespace sluice::postgres

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::postgres;  // NOLINT: a fuzz target
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Exchange exchange;
  while (!rest.empty()) {
    const auto length = static_cast<uint8_t>(rest.front());
    const std::string_view piece = rest.substr(1, length);
    rest.remove_prefix(1 + piece.size());
    if (!piece.empty() && !exchange.Say(piece)) return 0;
  }
  return 0;
}
