// One pipeline, one process on this machine: an exclusive lock on a file in the state folder. The
// kernel frees it however the process ends.
#pragma once

#include <string>

#include "base/error.h"

namespace sluice::pipeline {

class StateLock {
 public:
  // Creates the folder (0700). kConfig, naming the holder's pid, when another process has it.
  static Result<StateLock> Take(const std::string& state_folder);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sluice::pipeline
