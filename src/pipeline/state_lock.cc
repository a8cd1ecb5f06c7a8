#include "pipeline/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "base/file_system.h"

namespace sluice::pipeline {

namespace {
std::string HolderPid(int fd) {
  char text[32] = {};
  const ssize_t size = pread(fd, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "unknown";
}

// A command that leaves an order while nothing runs holds it for a moment; `run` for as long as it
// lives.
bool LockSoon(int fd) {
  constexpr auto kPause = std::chrono::milliseconds(50);
  for (auto left = kLockPatience; flock(fd, LOCK_EX | LOCK_NB) != 0; left -= kPause) {
    if (left <= left.zero()) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}
}  // namespace

Result<StateLock> StateLock::Take(const std::string& state_folder) {
  SLUICE_TRY(LocalFileSystem().CreateFolders(state_folder), "making the state folder");
  const std::string path = state_folder + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return MakeError(ErrorKind::kConfig, "opening {}: {}", path, std::strerror(errno))
        .WithHint("`state:` must be a folder that this user may write");
  }
  StateLock lock(fd);
  if (!LockSoon(fd)) {
    return MakeError(ErrorKind::kConfig, "this pipeline already runs here (process {}, lock {})",
                     HolderPid(fd), path)
        .WithHint("stop that process first, or use its control socket: `sluice status`")
        .WithCode("locked");
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return MakeError(ErrorKind::kUnavailable, "writing {}: {}", path, std::strerror(errno));
  }
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace sluice::pipeline
