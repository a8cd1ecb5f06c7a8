#include "pipeline/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/file_system_fake.h"

namespace sluice::pipeline {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

struct Sent {
  postgres::StandbyStatus status;
  bool want_reply = false;
};

// A server that says what it is told to.
class FakeSource final : public postgres::ReplicationSource {
 public:
  FakeSource(std::deque<std::string>& messages, std::vector<Sent>& sent)
      : messages_(messages), sent_(sent) {}
  Result<std::optional<std::string_view>> Receive() override {
    if (messages_.empty()) return std::optional<std::string_view>();
    current_ = std::move(messages_.front());
    messages_.pop_front();
    return std::optional<std::string_view>(current_);
  }
  Status SendStatus(const postgres::StandbyStatus& status, bool want_reply) override {
    sent_.push_back({status, want_reply});
    return {};
  }
  void WaitReadable(int64_t /*micros*/) override {}

 private:
  std::deque<std::string>& messages_;
  std::vector<Sent>& sent_;
  std::string current_;
};

class FakeBus final : public bus::BusWriter {
 public:
  Status Append(bus::PartitionId /*partition*/, const bus::Record& /*record*/) override {
    return {};
  }
  Status AppendCut(Cut cut) override {
    cuts.push_back(cut);
    return {};
  }
  Result<Cut> DurableCut() override { return cuts.back(); }
  Status Trim(bus::PartitionId /*partition*/, Lsn /*through*/) override { return {}; }

  std::vector<Cut> cuts;
};

class NothingHeld final : public bus::BusReader {
 public:
  Result<Lsn> Seek(bus::PartitionId /*partition*/, Lsn after) override { return after; }
  Result<std::vector<bus::Record>> Poll(bus::PartitionId /*partition*/, size_t /*max*/) override {
    return std::vector<bus::Record>();
  }
};

class NoTables final : public postgres::RelationResolver {
 public:
  Result<std::optional<postgres::MirroredTable>> Resolve(
      const postgres::RelationMessage& /*relation*/) override {
    return std::optional<postgres::MirroredTable>();
  }
};

std::string Big64(uint64_t value) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string Keepalive(uint64_t wal_end, bool reply_requested) {
  return "k" + Big64(wal_end) + std::string(8, '\0') + (reply_requested ? '\1' : '\0');
}

// Begin and Commit, nothing between.
std::deque<std::string> EmptyTransaction(uint64_t commit_lsn, uint64_t end_lsn) {
  const std::string head = "w" + std::string(24, '\0');
  const std::string time(8, '\0');
  return {head + "B" + Big64(commit_lsn) + time + std::string("\0\0\0\7", 4),
          head + "C" + '\0' + Big64(commit_lsn) + Big64(end_lsn) + time};
}

class CaptureTest : public ::testing::Test {
 protected:
  CaptureTest() {
    CaptureOptions options;
    options.silence_max_us = 60 * kSecondUs;
    capture_.emplace(
        std::make_unique<FakeSource>(messages_, sent_),
        *postgres::ChangeDecoder::Make(files_, tables_, {.spool_folder = "/spool"}), bus_,
        Cut{Lsn{100}, 0}, clock_, options, progress_, [] { return std::optional<Lsn>(); },
        [] { return std::vector<TableStop>(); },
        *ResentHistory::Open(std::make_unique<NothingHeld>(), Lsn{}, Lsn{}));
  }

  FakeFileSystem files_;
  NoTables tables_;
  FakeClock clock_;
  FakeBus bus_;
  CaptureProgress progress_;
  std::deque<std::string> messages_;
  std::vector<Sent> sent_;
  std::optional<Capture> capture_;
};

// It waits for that while it shuts down.
TEST_F(CaptureTest, ASourceThatAsksIsToldAtOnceThatEverythingIsHeld) {
  messages_ = {Keepalive(500, true)};
  ASSERT_TRUE(capture_->Step());
  ASSERT_EQ(bus_.cuts.size(), 1U);
  EXPECT_EQ(bus_.cuts[0].lsn, Lsn{500});
  EXPECT_EQ(sent_.back().status.flushed, Lsn{500});
}

TEST_F(CaptureTest, ASourceThatDoesNotAskCostsNoCut) {
  messages_ = {Keepalive(500, false)};
  ASSERT_TRUE(capture_->Step());
  EXPECT_TRUE(bus_.cuts.empty());
}

// Nobody waits out the cut's interval: the source is asked how far it is, and that may be past the
// last transaction.
TEST_F(CaptureTest, ARequestedCutClosesAsSoonAsTheSourceIsPastIt) {
  capture_->RequestCut(Lsn{400});
  messages_ = EmptyTransaction(200, 300);
  ASSERT_TRUE(capture_->Step());
  EXPECT_TRUE(bus_.cuts.empty());
  ASSERT_FALSE(sent_.empty());
  EXPECT_TRUE(sent_.back().want_reply);
  messages_ = {Keepalive(500, false)};
  ASSERT_TRUE(capture_->Step());
  ASSERT_EQ(bus_.cuts.size(), 1U);
  EXPECT_EQ(bus_.cuts[0].lsn, Lsn{500});
}

TEST_F(CaptureTest, ASourceThatIsNotThatFarIsAskedNowAndThenOnly) {
  capture_->RequestCut(Lsn{400});
  for (int i = 0; i < 1000; ++i) {
    clock_.Advance(100);
    messages_.push_back(Keepalive(300, false));
    ASSERT_TRUE(capture_->Step());
  }
  const auto asked =
      std::count_if(sent_.begin(), sent_.end(), [](const Sent& s) { return s.want_reply; });
  EXPECT_GE(asked, 5);
  EXPECT_LE(asked, 11);
  messages_.push_back(Keepalive(400, false));
  ASSERT_TRUE(capture_->Step());
  EXPECT_EQ(bus_.cuts.back().lsn, Lsn{400});
}

TEST_F(CaptureTest, ASilentSourceIsAskedAndThenGivenUp) {
  ASSERT_TRUE(capture_->Step());
  clock_.Advance(31 * kSecondUs);
  ASSERT_TRUE(capture_->Step());
  EXPECT_TRUE(sent_.back().want_reply);
  clock_.Advance(29 * kSecondUs);
  ASSERT_TRUE(capture_->Step());
  clock_.Advance(kSecondUs);
  const auto silent = capture_->Step();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(CaptureTest, AnySignOfLifeCounts) {
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(31 * kSecondUs);
    ASSERT_TRUE(capture_->Step());
    EXPECT_TRUE(sent_.back().want_reply);
    messages_ = {Keepalive(100, false)};
    clock_.Advance(kSecondUs);
    ASSERT_TRUE(capture_->Step());
  }
}

// It was the process that stood still, not the source.
TEST_F(CaptureTest, AStandstillOfTheProcessIsNoSilence) {
  ASSERT_TRUE(capture_->Step());
  clock_.Advance(3600 * kSecondUs);
  ASSERT_TRUE(capture_->Step());
  EXPECT_TRUE(sent_.back().want_reply);
  messages_ = {Keepalive(100, false)};
  ASSERT_TRUE(capture_->Step());
}

}  // namespace
}  // namespace sluice::pipeline
