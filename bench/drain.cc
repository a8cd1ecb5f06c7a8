// The lower bound of a benchmark: takes what Postgres sends and throws it away, as cheaply as we
// know.
//   drain copy PORT DATABASE SQL...
//   drain stream PORT DATABASE SLOT END_LSN OPTIONS
// Prints "rows bytes seconds" (rows of the copy; inserts, updates and deletes of the stream), the
// time from the command to its end. Loopback TCP, user postgres, no password, no TLS: the servers
// that the benchmarks start themselves. Each reads in the way that costs server and reader least of
// those that were tried (README.md, "The stream's reader"): a copy waits for much data at once, a
// stream lets a small window fill up.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_reader.h"

namespace {

constexpr int kCopyLowWater = 128 << 10;
constexpr int kLowWaterWaitMs = 5;  // the tail of a burst is smaller than the low-water mark
constexpr int kStreamReceiveBytes = 32 << 10;
constexpr useconds_t kStreamPauseUs = 20'000;
constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kFrameHeader = 5;

[[noreturn]] void Fail(std::string_view what) {
  std::fprintf(stderr, "drain: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

double Now() {
  using std::chrono::duration;
  return duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename T>
void AppendBig(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift & 0xff);
  }
}

// One message of the server, its body valid until the next call of Wire::Next.
struct Frame {
  char kind;
  std::string_view body;
};

class Wire {
 public:
  Wire(int port, const std::string& database, bool replication)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)), pauses_(replication), buffer_(kBufferBytes) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!pauses_) SetOption(SO_RCVBUF, 4 << 20);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Fail("cannot connect");
    }
    // Of a stream only now: that window scaling is agreed on for a large one does no harm.
    if (pauses_) SetOption(SO_RCVBUF, kStreamReceiveBytes);
    if (!pauses_) SetOption(SO_RCVLOWAT, kCopyLowWater);
    std::string body(std::string("\0\3\0\0user\0postgres\0database\0", 27) + database + '\0');
    if (replication) body += std::string("replication\0database\0", 21);
    body += '\0';
    std::string message;
    AppendBig(message, static_cast<uint32_t>(body.size() + 4));
    SendAll(message + body);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(socket_); }

  void Send(char kind, std::string_view body) {
    std::string message(1, kind);
    AppendBig(message, static_cast<uint32_t>(body.size() + 4));
    SendAll(message.append(body));
  }

  Frame Next() {
    while (true) {
      if (end_ - at_ >= kFrameHeader) {
        const char* start = buffer_.data() + at_;
        const size_t size = 1 + sluice::ByteReader(std::string_view(start + 1, 4)).U32();
        if (end_ - at_ >= size) {
          at_ += size;
          const std::string_view body(start + kFrameHeader, size - kFrameHeader);
          if (*start == 'E') Fail(body);
          return {*start, body};
        }
        if (size > buffer_.size()) buffer_.resize(2 * size);
      }
      Fill();
    }
  }

 private:
  void SendAll(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = write(socket_, bytes.data(), bytes.size());
      if (sent <= 0) Fail("cannot send");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void SetOption(int option, int value) const {
    setsockopt(socket_, SOL_SOCKET, option, &value, sizeof(value));
  }
  void Fill() {
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    size_t got = 0;
    while (got == 0) {
      Wait();
      // A stream until nothing is left: then its window opens as a whole.
      while (end_ < buffer_.size() && Receive()) {
        got = end_;
        if (!pauses_) break;
      }
    }
  }
  void Wait() {
    if (pauses_) {
      if (std::exchange(empty_, false)) usleep(kStreamPauseUs);
      return;
    }
    pollfd waiting{socket_, POLLIN, 0};
    poll(&waiting, 1, kLowWaterWaitMs);
  }
  // False: nothing is there.
  bool Receive() {
    const ssize_t got = recv(socket_, buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
    if (got == 0) Fail("the server closed the connection");
    empty_ = got < 0;
    if (got > 0) end_ += static_cast<size_t>(got);
    return got > 0;
  }

  int socket_;
  bool pauses_;
  bool empty_ = false;  // the socket, when it was read last
  std::vector<char> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
};

struct Counts {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

void WaitUntilReady(Wire& wire) {
  while (wire.Next().kind != 'Z') {
  }
}

Counts DrainCopy(Wire& wire, const std::string& sql) {
  wire.Send('Q', sql + '\0');
  Counts counts;
  for (Frame frame = wire.Next(); frame.kind != 'Z'; frame = wire.Next()) {
    if (frame.kind != 'd') continue;
    ++counts.rows;
    counts.bytes += frame.body.size();
  }
  --counts.rows;  // the trailer comes as a message of its own, the header with the first row
  return counts;
}

// One after the other.
Counts DrainCopies(Wire& wire, char** sql, char** end) {
  Counts out;
  for (; sql != end; ++sql) {
    const Counts one = DrainCopy(wire, *sql);
    out.rows += one.rows;
    out.bytes += one.bytes;
  }
  return out;
}

void SendStatus(Wire& wire, uint64_t lsn) {
  std::string status = "r";
  for (const uint64_t field : {lsn, lsn, lsn, uint64_t{0}}) AppendBig(status, field);
  wire.Send('d', status + '\0');
}

// The end LSN of a commit ("C", or "c" with an xid before), 0 for every other message.
uint64_t CommitEnd(std::string_view message) {
  const size_t at = message[0] == 'C' ? 1 + 1 + 8 : 1 + 4 + 1 + 8;
  if ((message[0] != 'C' && message[0] != 'c') || message.size() < at + 8) return 0;
  return sluice::ByteReader(message.substr(at)).U64();
}

Counts DrainStream(Wire& wire, const std::string& command, uint64_t end) {
  wire.Send('Q', command + '\0');
  Counts counts;
  uint64_t reached = 0;
  while (reached < end) {
    const Frame frame = wire.Next();
    if (frame.kind != 'd') continue;
    counts.bytes += frame.body.size();
    sluice::ByteReader in(frame.body.substr(1));
    if (frame.body[0] == 'k') {
      reached = std::max(reached, in.U64());
      if (frame.body.back() != 0) SendStatus(wire, reached);
      continue;
    }
    const std::string_view message = frame.body.substr(1 + 8 + 8 + 8);
    if (message[0] == 'I' || message[0] == 'U' || message[0] == 'D') ++counts.rows;
    reached = std::max(reached, CommitEnd(message));
  }
  return counts;
}

uint64_t ParseLsn(const char* text) {
  unsigned high = 0;
  unsigned low = 0;
  if (std::sscanf(text, "%X/%X", &high, &low) != 2) Fail("not an LSN");
  return uint64_t{high} << 32 | low;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const bool stream = mode == "stream" && argc == 7;
  if (!stream && (mode != "copy" || argc < 5)) Fail("see the head of drain.cc for its arguments");
  Wire wire(std::atoi(argv[2]), argv[3], stream);
  WaitUntilReady(wire);
  const double begun = Now();
  const Counts counts = stream ? DrainStream(wire,
                                             std::string("START_REPLICATION SLOT \"") + argv[4] +
                                                 "\" LOGICAL 0/0 " + argv[6],
                                             ParseLsn(argv[5]))
                               : DrainCopies(wire, argv + 4, argv + argc);
  std::printf("%llu %llu %.3f\n", static_cast<unsigned long long>(counts.rows),
              static_cast<unsigned long long>(counts.bytes), Now() - begun);
  return 0;
}
