// What a stage's Step() says: whether it did anything, and when to call it again if not.
#pragma once

#include <cstdint>

namespace sluice::pipeline {

struct StepResult {
  bool worked = false;
  int64_t wake_in_us = 100'000;  // with nothing done: call again after this, or when there is news
};

}  // namespace sluice::pipeline
