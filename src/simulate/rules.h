// What must hold in every simulated life. A rule that broke carries its name as the error's code,
// so that a mutation of the program can say which one must notice it (tools/mutants).
#pragma once

#include <utility>

#include "base/error.h"

namespace sluice::simulate::rule {

// A committed snapshot is its table as the source had it at the snapshot's cut.
inline constexpr char kContent[] = "content";
// The tables that a row of the ledger lists are the database at its cut.
inline constexpr char kLedger[] = "ledger";
// Whatever a retained snapshot refers to is there and can be read.
inline constexpr char kFiles[] = "files";
// The slot is not confirmed past what outlives the program: the bus, or the ledger.
inline constexpr char kConfirmed[] = "confirmed";
// What a copy's snapshot holds is not read from the bus again.
inline constexpr char kOnce[] = "once";
// No table fails and the program does not end, unless something that was done to them is a reason.
inline constexpr char kAlive[] = "alive";
// When nothing is broken any more, the lake becomes the source.
inline constexpr char kReached[] = "reached";
// A source that is not ours is refused with a way out, and nothing moves.
inline constexpr char kRefused[] = "refused";

// Once another instance has claimed the ledger, the older one commits nothing more.
inline constexpr char kFenced[] = "fenced";
// What the merge holds in memory stays within its shares (pipeline/memory_shares.h).
inline constexpr char kMemory[] = "memory";

template <typename... Args>
Error Broken(const char* rule, fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(ErrorKind::kInternal, format, std::forward<Args>(args)...).WithCode(rule);
}

}  // namespace sluice::simulate::rule
