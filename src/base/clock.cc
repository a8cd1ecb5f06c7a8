#include "base/clock.h"

#include <chrono>

namespace sluice {

namespace {
template <typename TimePoint>
int64_t Micros(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
}
}  // namespace

int64_t SystemClock::WallMicros() const { return Micros(std::chrono::system_clock::now()); }
int64_t SystemClock::SteadyMicros() const { return Micros(std::chrono::steady_clock::now()); }

}  // namespace sluice
