// `run` and `run --once`.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/fault_point.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "pipeline/supervisor.h"
#include "service/server.h"

namespace sluice::cli {

namespace {

// Turns the first SIGINT or SIGTERM into a stop request; a second one ends the process at once.
class SignalStop {
 public:
  SignalStop() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::jthread([this](const std::stop_token& ended) { Loop(ended); });
  }
  ~SignalStop() {
    thread_.request_stop();
    kill(getpid(), SIGUSR1);
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Loop(const std::stop_token& ended) {
    for (bool first = true; !ended.stop_requested();) {
      int signal = 0;
      sigwait(&signals_, &signal);
      if (signal == SIGUSR1) continue;
      if (!first) _exit(128 + signal);
      first = false;
      log::Get("pipeline")->info("stopping; once more ends at once");
      stop_.request_stop();
    }
  }

  sigset_t signals_{};
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace

int Run(const Context& context, bool once) {
  SLUICE_CLI_LET(const Config config, context.Load());
  const char* fault_point = std::getenv("SLUICE_FAULT_POINT");
  const Status armed = ArmFaultPoint(fault_point == nullptr ? "" : fault_point);
  if (!armed) return Fail(context, armed.error());
  const SignalStop stop;  // before any other thread, so that all inherit the mask
  SLUICE_CLI_LET(const auto supervisor, pipeline::Supervisor::Open(config.options));
  SLUICE_CLI_LET(const auto server,
                 service::Server::Start(*supervisor, config.options.http, ControlSocket(config)));
  const CopyProgressBar progress(*supervisor, !context.json && isatty(STDERR_FILENO) == 1);
  const Status ended = once ? supervisor->RunOnce(stop.token()) : supervisor->Run(stop.token());
  if (!ended) return Fail(context, ended.error());
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
