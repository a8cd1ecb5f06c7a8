// One pipeline, one process on this machine: an exclusive lock on a file in the state folder. The
// kernel frees it however the process ends.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"

namespace sluice::pipeline {

// Commands hold the lock for less; a `run` that meets one waits for it.
inline constexpr std::chrono::milliseconds kLockPatience{2000};

class StateLock {
 public:
  // Creates the folder (0700). kConfig, naming the holder's pid, when another process has it and
  // keeps it for kLockPatience.
  static Result<StateLock> Take(const std::string& state_folder);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sluice::pipeline
