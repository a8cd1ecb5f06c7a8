// Translates arrow::Status at the door of the file that calls Arrow.
#pragma once

#include <utility>

#include <arrow/result.h>
#include <arrow/status.h>

#include "base/error.h"

namespace sluice {

// OutOfMemory and CapacityError are kExhausted, IOError kUnavailable, Invalid and SerializationError
// kCorrupt, anything else kInternal.
Error FromArrow(const arrow::Status& status);

inline Status ToStatus(const arrow::Status& status) {
  if (status.ok()) return {};
  return FromArrow(status);
}

template <typename T>
Result<T> ToResult(arrow::Result<T> result) {
  if (!result.ok()) return FromArrow(result.status());
  return std::move(result).ValueUnsafe();
}

}  // namespace sluice
