#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

std::string_view ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kCommitUnknown:
      return "commit_unknown";
    case ErrorKind::kStopped:
      return "stopped";
    case ErrorKind::kConfig:
      return "config";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kExhausted:
      return "exhausted";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Error::Error(ErrorKind kind, std::string message)
    : state_(std::make_unique<State>(State{kind, "", std::move(message), "", ""})) {}

Error::Error(const Error& other) : state_(std::make_unique<State>(*other.state_)) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}

std::string Error::message() const {
  if (state_->context.empty()) return state_->message;
  return state_->context + ": " + state_->message;
}

Error&& Error::WithHint(std::string hint) && {
  state_->hint = std::move(hint);
  return std::move(*this);
}

Error&& Error::WithCode(std::string code) && {
  state_->code = std::move(code);
  return std::move(*this);
}

Error&& Error::WithKind(ErrorKind kind) && {
  state_->kind = kind;
  return std::move(*this);
}

void Error::AddContext(std::string doing) {
  state_->context = state_->context.empty() ? std::move(doing) : doing + ": " + state_->context;
}

namespace internal {
void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s%s\n", file, line, condition, message.c_str());
  std::abort();
}
}  // namespace internal

}  // namespace sluice
