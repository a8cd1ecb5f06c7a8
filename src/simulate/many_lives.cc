#include "simulate/many_lives.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <new>

namespace sluice::simulate {

namespace {

constexpr size_t kShownSteps = 40;
constexpr int kJobsMax = 64;

// What the processes share.
struct Board {
  std::atomic<uint64_t> next = 0;
  std::atomic<int> passed = 0;
  std::atomic<int> failed = 0;
  std::atomic<uint64_t> at[kJobsMax] = {};  // the life that each is at
};

Board& MakeBoard() {
  void* memory =
      mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SLUICE_CHECK(memory != MAP_FAILED);
  return *new (memory) Board;
}

std::string Replay(const WorldOptions& options) {
  return fmt::format("  replay: simulate --seed {} --steps {}{}{}\n", options.seed, options.steps,
                     options.crash_at ? fmt::format(" --crash-at {}", *options.crash_at) : "",
                     options.fail_at ? fmt::format(" --fail-at {}", *options.fail_at) : "");
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

class Lives {
 public:
  Lives(uint64_t count, const std::function<WorldOptions(uint64_t)>& life, bool stop)
      : count_(count), life_(life), stop_(stop), board_(MakeBoard()) {}
  ~Lives() { munmap(&board_, sizeof(Board)); }
  Lives(const Lives&) = delete;
  Lives& operator=(const Lives&) = delete;

  Tally Run(int jobs) {
    for (int job = 0; job < jobs; ++job) Fork(job);
    while (!jobs_.empty()) {
      int status = 0;
      const pid_t ended = wait(&status);
      SLUICE_CHECK(ended > 0 && jobs_.contains(ended));
      const int job = jobs_.at(ended);
      jobs_.erase(ended);
      if (WIFEXITED(status)) continue;
      Print(fmt::format("seed {} failed (check): the process died of signal {}\n{}",
                        life_(board_.at[job]).seed, WTERMSIG(status),
                        Replay(life_(board_.at[job]))));
      ++board_.failed;
      if (!stop_) Fork(job);
    }
    return {board_.passed, board_.failed};
  }

 private:
  void Fork(int job) {
    const pid_t child = fork();
    SLUICE_CHECK(child >= 0);
    if (child > 0) {
      jobs_[child] = job;
      return;
    }
    Work(job);
    _exit(0);
  }

  void Work(int job) {
    while (!stop_ || board_.failed == 0) {
      const uint64_t at = board_.next++;
      if (at >= count_) return;
      board_.at[job] = at;
      ++(RunLife(life_(at)) ? board_.passed : board_.failed);
    }
  }

  const uint64_t count_;
  const std::function<WorldOptions(uint64_t)>& life_;
  const bool stop_;
  Board& board_;
  std::map<pid_t, int> jobs_;
};

}  // namespace

bool RunLife(const WorldOptions& options) {
  World world(options);
  const Status done = world.Run();
  if (done) return true;
  std::string text = fmt::format("seed {} failed ({}): {}\n", options.seed, done.error().code(),
                                 done.error().message());
  const auto& trace = world.trace();
  const size_t from = trace.size() > kShownSteps ? trace.size() - kShownSteps : 0;
  for (size_t i = from; i < trace.size(); ++i) text += fmt::format("    {}\n", trace[i]);
  Print(text + Replay(options));
  return false;
}

Tally RunLives(uint64_t count, const std::function<WorldOptions(uint64_t)>& life, int jobs,
               bool stop) {
  return Lives(count, life, stop).Run(std::clamp(jobs, 1, kJobsMax));
}

}  // namespace sluice::simulate
