// Catches what Parquet's library throws, at the edge. Errors of our store pass through it unchanged
// (change/arrow_status.h); what it says of its own accord means a bad file when reading, and a bug
// of ours when writing.
#pragma once

#include <arrow/status.h>
#include <parquet/exception.h>

#include <new>
#include <utility>

#include "base/error.h"
#include "change/arrow_status.h"

namespace sluice::parquet {

inline Error ParquetError(const arrow::Status& status, ErrorKind otherwise) {
  if (status.detail() != nullptr || status.IsOutOfMemory() || status.IsCapacityError()) {
    return FromArrow(status);
  }
  return MakeError(otherwise, "{}", status.message()).WithCode(status.CodeAsString());
}

inline Status CheckParquet(const arrow::Status& status, ErrorKind otherwise) {
  if (status.ok()) return {};
  return ParquetError(status, otherwise);
}

// Calls `function`, which returns a Result or Status and may throw.
template <typename Function>
auto GuardParquet(ErrorKind otherwise, Function&& function) -> decltype(function()) {
  try {
    return std::forward<Function>(function)();
  } catch (const ::parquet::ParquetStatusException& e) {
    return ParquetError(e.status(), otherwise);
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorKind::kExhausted, "out of memory");
  } catch (const std::exception& e) {
    return MakeError(otherwise, "{}", e.what());
  }
}

}  // namespace sluice::parquet
