// The copy's progress: on a terminal a bar that is redrawn, elsewhere a log line now and then.
// Rows, bytes, rate and the time left.
#pragma once

#include <thread>

#include "pipeline/supervisor.h"

namespace sluice::cli {

class CopyProgressBar {
 public:
  CopyProgressBar(const pipeline::Supervisor& supervisor, bool terminal);

 private:
  void Loop(const std::stop_token& stop) const;

  const pipeline::Supervisor& supervisor_;
  bool terminal_;
  std::jthread thread_;
};

// One line: "copying 3 of 5 tables  [####....]  1,200,000 of ~2,000,000 rows  ...".
std::string ProgressLine(const pipeline::PipelineStatus& status, double seconds);

}  // namespace sluice::cli
