#include "pipeline/order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "iceberg/commit_testing.h"

namespace sluice::pipeline {
namespace {

// Half a minute passes between two looks at it.
class HurryingClock final : public Clock {
 public:
  int64_t WallMicros() const override { return SteadyMicros(); }
  int64_t SteadyMicros() const override { return now_us_ += 30'000'000; }

 private:
  mutable std::atomic<int64_t> now_us_ = 0;
};

// A merge loop without tables, which steps only when it is told to.
class OrderTest : public ::testing::Test {
 protected:
  static Result<std::unique_ptr<bus::BusReader>> NoReader() {
    return MakeError(ErrorKind::kInternal, "nothing is read here");
  }

  iceberg::testing::TestTable table_;
  PipelineOptions options_;
  const Lake lake_{
      *table_.store, table_.catalog, table_.files, table_.clock, options_, "77/1/shop", 3};
  StatusBoard board_{"shop"};
  MergeLoop merge_{lake_, NoReader, {}, {}, board_};
};

TEST_F(OrderTest, IsAnsweredByTheMergeThread) {
  std::jthread merging([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) EXPECT_TRUE(merge_.Step());
  });
  std::thread::id ran_on;
  const Status done = GiveOrder(merge_,
                                [&](MergeLoop&, const AnswerOrder& answer) {
                                  ran_on = std::this_thread::get_id();
                                  answer({});
                                },
                                SystemClock(), {});
  EXPECT_TRUE(done);
  EXPECT_EQ(ran_on, merging.get_id());
  const Status refused = GiveOrder(
      merge_, [](MergeLoop& merge, const AnswerOrder& answer) { merge.Pause("nobody", answer); },
      SystemClock(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kConfig);
}

TEST_F(OrderTest, ThatIsNotCarriedOutInTimeIsAnsweredBusyAndStaysQueued) {
  bool carried_out = false;
  const Status busy = GiveOrder(merge_,
                                [&](MergeLoop&, const AnswerOrder& answer) {
                                  carried_out = true;
                                  answer({});
                                },
                                HurryingClock(), {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(busy.error().message().find("busy"), std::string::npos);
  EXPECT_FALSE(carried_out);
  ASSERT_TRUE(merge_.Step());
  EXPECT_TRUE(carried_out);
}

TEST_F(OrderTest, IsNotWaitedForAtAStop) {
  std::stop_source stop;
  stop.request_stop();
  const FakeClock standing;
  const Status unanswered = GiveOrder(
      merge_, [](MergeLoop&, const AnswerOrder& answer) { answer({}); }, standing,
      stop.get_token());
  ASSERT_FALSE(unanswered);
  EXPECT_EQ(unanswered.error().kind(), ErrorKind::kStopped);
}

}  // namespace
}  // namespace sluice::pipeline
