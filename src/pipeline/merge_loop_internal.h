// What the files of MergeLoop share.
#pragma once

#include <algorithm>
#include <string>

#include "pipeline/error_scope.h"
#include "pipeline/merge_loop.h"
#include "pipeline/table_memory.h"

namespace sluice::pipeline {

inline int64_t Backoff(int attempts) {
  constexpr int64_t kMinUs = 100'000;
  constexpr int64_t kMaxUs = 30'000'000;
  return std::min(kMinUs << std::min(attempts, 10), kMaxUs);
}

inline std::string HintFor(const ChosenTable& chosen) {
  return ResyncHint(chosen.mirror.schema.QualifiedName());
}

}  // namespace sluice::pipeline
