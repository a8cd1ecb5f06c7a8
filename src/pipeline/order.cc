#include "pipeline/order.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace sluice::pipeline {

namespace {

constexpr auto kBetweenLooksAtTheClock = std::chrono::milliseconds(20);

// Shared with the queued order, which may outlive the wait.
struct Answer {
  std::mutex mutex;
  std::condition_variable_any given;
  std::optional<Status> status;
};

Error Unanswered(const std::stop_token& stop) {
  if (stop.stop_requested()) {
    return MakeError(ErrorKind::kStopped, "sluice stops and has not answered the order")
        .WithHint("give it again unless `sluice tables list` shows that it was carried out");
  }
  return MakeError(
             ErrorKind::kUnavailable,
             "the pipeline is busy and has not come to the order within {} s: it stays queued",
             kOrderTimeoutUs / 1'000'000)
      .WithHint("`sluice tables list` shows when it was carried out");
}

}  // namespace

Status GiveOrder(MergeLoop& merge, const Order& order, const Clock& clock,
                 const std::stop_token& stop) {
  const auto answer = std::make_shared<Answer>();
  merge.Post([order, answer](MergeLoop& loop) {
    order(loop, [answer](Status status) {
      {
        const std::lock_guard lock(answer->mutex);
        answer->status = std::move(status);
      }
      answer->given.notify_all();
    });
  });
  const int64_t given_at_us = clock.SteadyMicros();
  std::unique_lock lock(answer->mutex);
  const auto answered = [&] { return answer->status.has_value(); };
  while (!answer->given.wait_for(lock, stop, kBetweenLooksAtTheClock, answered)) {
    const bool late = clock.SteadyMicros() - given_at_us >= kOrderTimeoutUs;
    if (late || stop.stop_requested()) return Unanswered(stop);
  }
  return *answer->status;
}

}  // namespace sluice::pipeline
