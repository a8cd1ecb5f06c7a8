#include "base/fault_point.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>

#include "base/log.h"

namespace sluice {

namespace fault_point_internal {

namespace {
std::atomic<int> left = 0;  // times until the process ends
}

void Reached() {
  if (left.fetch_sub(1) != 1) return;
  log::Get("fault")->warn("fault point {} is reached", kFaultPoints.at(armed));
  log::Get("fault")->flush();
  kill(getpid(), SIGKILL);
  while (true) pause();  // not one step further
}

}  // namespace fault_point_internal

Status ArmFaultPoint(std::string_view wanted) {
  if (wanted.empty()) return {};
  const size_t colon = std::min(wanted.find(':'), wanted.size());
  const auto* const found =
      std::find(kFaultPoints.begin(), kFaultPoints.end(), wanted.substr(0, colon));
  int times = 1;
  const std::string_view number = wanted.substr(std::min(colon + 1, wanted.size()));
  const auto [end, failed] = std::from_chars(number.begin(), number.end(), times);
  const bool numbered = colon == wanted.size() || (failed == std::errc() && end == number.end());
  if (found == kFaultPoints.end() || !numbered || times < 1) {
    return MakeError(ErrorKind::kConfig, "SLUICE_FAULT_POINT: there is no fault point {}", wanted)
        .WithHint("`sluice fault-points` lists them; unset the variable, it is for tests only");
  }
  fault_point_internal::left = times;
  fault_point_internal::armed = static_cast<size_t>(found - kFaultPoints.begin());
  return {};
}

}  // namespace sluice
