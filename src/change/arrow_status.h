// Translates arrow::Status at the door of the file that calls Arrow, and our errors where Arrow
// calls us (files, streams). An error of ours that comes back through Arrow is the same again.
#pragma once

#include <arrow/result.h>
#include <arrow/status.h>

#include <utility>

#include "base/error.h"

namespace sluice {

// OutOfMemory and CapacityError are kExhausted, IOError kUnavailable, Invalid and
// SerializationError kCorrupt, anything else kInternal.
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

// An IOError that carries the error itself.
arrow::Status ToArrow(const Error& error);

inline arrow::Status ToArrow(const Status& status) {
  if (status) return arrow::Status::OK();
  return ToArrow(status.error());
}

template <typename T>
arrow::Result<T> ToArrow(Result<T> result) {
  if (!result) return ToArrow(result.error());
  return std::move(*result);
}

}  // namespace sluice
