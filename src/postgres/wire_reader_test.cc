#include "postgres/wire_reader.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace sluice::postgres {
namespace {

std::string Message(char kind, std::string_view body, int64_t claimed = -1) {
  const auto length = static_cast<uint32_t>(claimed < 0 ? body.size() + 4 : claimed);
  std::string out(1, kind);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  return out.append(body);
}

// The reader's end of a socket, and a server's.
class Wire {
 public:
  Wire() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_), 0); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    HangUp();
    close(sockets_[0]);
  }
  void Say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(sockets_[1], bytes.data(), bytes.size());
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  void HangUp() {
    if (sockets_[1] >= 0) close(sockets_[1]);
    sockets_[1] = -1;
  }
  WireReader Reader(int silence_max_ms = -1) {
    return {PlainSocket(sockets_[0]), false, silence_max_ms};
  }

 private:
  int sockets_[2] = {-1, -1};
};

TEST(WireReader, MessagesComeWholeHoweverTheBytesArrive) {
  Wire wire;
  const std::string bytes = Message('d', "first") + Message('N', "") + Message('d', "third");
  WireReader reader = wire.Reader();
  std::string seen;
  for (const char byte : bytes) {
    wire.Say(std::string(1, byte));
    const auto message = reader.Poll();
    ASSERT_TRUE(message);
    if (message->has_value()) seen += (*message)->kind + std::string((*message)->body) + ";";
  }
  EXPECT_EQ(seen, "dfirst;N;dthird;");
}

TEST(WireReader, CopyDataThatIsHereComesTogether) {
  Wire wire;
  wire.Say(Message('d', "one") + Message('d', "two") + Message('d', "three") + Message('d', "") +
           Message('N', "between") + Message('d', "after") + Message('d', "cut").substr(0, 6));
  WireReader reader = wire.Reader();
  const auto first = reader.Next();
  ASSERT_TRUE(first);
  std::vector<std::string_view> rows;
  reader.TakeCopyData(rows, 2);
  EXPECT_EQ(rows, (std::vector<std::string_view>{"two", "three"}));
  reader.TakeCopyData(rows, 9);
  EXPECT_EQ(rows, (std::vector<std::string_view>{"two", "three", ""}));
  EXPECT_EQ(first->body, "one");
  EXPECT_EQ(reader.Next().value().kind, 'N');
  EXPECT_EQ(reader.Next().value().body, "after");
  rows.clear();
  reader.TakeCopyData(rows, 9);
  EXPECT_TRUE(rows.empty());
}

TEST(WireReader, AMessageLargerThanTheBufferComesWhole) {
  Wire wire;
  const std::string body(3 << 20, 'x');
  std::thread server([&] { wire.Say(Message('d', body) + Message('Z', "I")); });
  WireReader reader = wire.Reader();
  const auto large = reader.Next();
  ASSERT_TRUE(large);
  EXPECT_EQ(large->body, body);
  const auto last = reader.Next();
  server.join();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->kind, 'Z');
}

TEST(WireReader, ALengthThatNoMessageHasIsRefused) {
  for (const int64_t length : {0LL, 1LL, 3LL, 0x7fffffffLL, 0xffffffffLL}) {
    Wire wire;
    wire.Say(Message('d', "body", length));
    WireReader reader = wire.Reader();
    const auto message = reader.Poll();
    ASSERT_FALSE(message) << length;
    EXPECT_EQ(message.error().kind(), ErrorKind::kCorrupt) << length;
  }
}

TEST(WireReader, APromiseOfMuchCostsNothing) {
  Wire wire;
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  wire.Say(Message('d', "little", 1 << 30));
  WireReader reader = wire.Reader();
  const auto message = reader.Poll();
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->has_value());
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 << 10) << "KiB";
}

TEST(WireReader, AServerThatGoesIsSaid) {
  Wire wire;
  wire.Say(Message('d', "whole") + "d");
  wire.HangUp();
  WireReader reader = wire.Reader();
  EXPECT_EQ(reader.Next()->body, "whole");
  const auto lost = reader.Next();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kUnavailable);
}

TEST(WireReader, AServerThatKeepsSilentIsGivenUpForGood) {
  Wire wire;
  WireReader reader = wire.Reader(10);
  wire.Say("d");
  for (int i = 0; i < 2; ++i) {
    const auto silent = reader.Next();
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind(), ErrorKind::kUnavailable);
    EXPECT_NE(silent.error().message().find("silent for 10 ms"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::postgres
