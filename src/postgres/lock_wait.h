// A lock of the source's tables that was not granted in time: in words that say who holds it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "postgres/connection.h"

namespace sluice::postgres {

// SQLSTATE of a statement that waited longer than ConnectionOptions::lock_timeout_ms.
inline constexpr std::string_view kLockNotAvailable = "55P03";

enum class WantedLock : uint8_t {
  kRead,   // ACCESS SHARE: to read rows or sizes
  kAlter,  // SHARE UPDATE EXCLUSIVE: to publish a table
};

// `error` of a statement on `relations`, in words when it is kLockNotAvailable: for how long it
// waited, for which tables, who holds them locked or waits to, and that this is to be tried again.
// Any other error as it is. The kind and the code stay. `connection` is the one that failed,
// in no failed transaction any more.
Error ExplainLockWait(Connection& connection, std::span<const uint32_t> relations,
                      WantedLock wanted, Error error);

}  // namespace sluice::postgres
