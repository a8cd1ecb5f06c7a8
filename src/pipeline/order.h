// An order to the merge thread, and the wait for its answer.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/merge_loop.h"

namespace sluice::pipeline {

// Runs on the merge thread, and calls `answer` once.
using AnswerOrder = std::function<void(Status)>;
using Order = std::function<void(MergeLoop&, const AnswerOrder& answer)>;

// How long somebody waits for the answer: a commit, or a piece of a backlog, may be under way.
inline constexpr int64_t kOrderTimeoutUs = 60'000'000;

// Any thread but the merge's. kUnavailable: no answer within kOrderTimeoutUs of `clock`; the order
// stays queued and is carried out later. kStopped: `stop` came first, and whether it still is
// carried out is not known.
Status GiveOrder(MergeLoop& merge, const Order& order, const Clock& clock,
                 const std::stop_token& stop);

}  // namespace sluice::pipeline
