// The one error type. A kind is a decision, not a place: pipeline/supervisor maps each kind to an
// action and an operator hint. An Error carries names, LSNs, counts and paths, never a row value or
// a secret. It is logged once, by whoever decides.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

enum class ErrorKind : uint8_t {
  kUnavailable,    // Network, timeout, 5xx. Same call again after backoff.
  kConflict,       // Lost a commit race. Reload the table, rebuild, retry.
  kCommitUnknown,  // Sent, no answer. Ask the catalog before anything else.
  kStopped,        // We asked for it. Unwind; never logged as an error.
  kConfig,         // The operator must act, and the hint says how.
  kUnsupported,    // A type, a value or DDL we do not carry. Pause this table only.
  kCorrupt,        // Bytes break a checksum or a grammar. Pause; keep the evidence.
  kExhausted,      // Disk, memory, slots. Pause until there is room.
  kInternal,       // Our bug.
};

// Stable lower-case name ("unavailable", "commit_unknown"), as `--json` prints it.
std::string_view ErrorKindName(ErrorKind kind);

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message);
  Error(const Error& other);
  Error& operator=(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  ErrorKind kind() const { return state_->kind; }
  // Context lines, outermost first, then the message: "reading checkpoint x: no such file".
  std::string message() const;
  // What to do now; empty when the kind says it all.
  const std::string& hint() const { return state_->hint; }
  // A foreign code (SQLSTATE, HTTP status, errno name) or empty.
  const std::string& code() const { return state_->code; }

  Error&& WithHint(std::string hint) &&;
  Error&& WithCode(std::string code) &&;
  Error&& WithKind(ErrorKind kind) &&;
  // The caller adds what it was doing when it knows a name that the callee did not.
  void AddContext(std::string doing);

 private:
  struct State {
    ErrorKind kind;
    std::string context;
    std::string message;
    std::string hint;
    std::string code;
  };
  std::unique_ptr<State> state_;
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error) : tl::expected<T, Error>(tl::unexpected<Error>(std::move(error))) {}
};

using Status = Result<void>;

// MakeError(ErrorKind::kCorrupt, "segment {} is {} bytes short", name, n)
template <typename... Args>
Error MakeError(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

namespace internal {
inline void AddContext(Error&) {}
template <typename... Args>
void AddContext(Error& error, fmt::format_string<Args...> format, Args&&... args) {
  error.AddContext(fmt::format(format, std::forward<Args>(args)...));
}
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);
}  // namespace internal

}  // namespace sluice

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

// SLUICE_TRY(expr) or SLUICE_TRY(expr, "doing {}", x): leaves with the error; the words are
// formatted only then.
#define SLUICE_TRY(expr, ...)                                                           \
  do {                                                                                  \
    auto sluice_status = (expr);                                                        \
    if (!sluice_status) {                                                               \
      ::sluice::internal::AddContext(sluice_status.error() __VA_OPT__(, ) __VA_ARGS__); \
      return std::move(sluice_status).error();                                          \
    }                                                                                   \
  } while (false)

// SLUICE_LET(auto x, expr, "doing {}", y): declares or assigns x from a Result, or leaves.
#define SLUICE_LET(lhs, expr, ...) \
  SLUICE_LET_INNER(SLUICE_CONCAT(sluice_result_, __LINE__), lhs, expr __VA_OPT__(, ) __VA_ARGS__)
#define SLUICE_LET_INNER(result, lhs, expr, ...)                               \
  auto result = (expr);                                                        \
  if (!result) {                                                               \
    ::sluice::internal::AddContext(result.error() __VA_OPT__(, ) __VA_ARGS__); \
    return std::move(result).error();                                          \
  }                                                                            \
  lhs = std::move(*result)

// An invariant, checked in release too: a wrong merge is worse than a restart.
#define SLUICE_CHECK(condition, ...)                                                  \
  do {                                                                                \
    if (!(condition)) {                                                               \
      ::sluice::internal::CheckFailed(__FILE__, __LINE__, #condition,                 \
                                      ::fmt::format("" __VA_OPT__(" ") __VA_ARGS__)); \
    }                                                                                 \
  } while (false)
