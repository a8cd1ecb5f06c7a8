// Time as a seam: stages ask a Clock, tests and the simulation hand in their own.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice {

class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since the Unix epoch. May jump; informs only, never orders.
  virtual int64_t WallMicros() const = 0;
  // Microseconds since an arbitrary start. Never goes back; for deadlines and backoff.
  virtual int64_t SteadyMicros() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t WallMicros() const override;
  int64_t SteadyMicros() const override;
};

// Moves only when told. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t wall_us = 1'700'000'000'000'000) : wall_us_(wall_us) {}
  int64_t WallMicros() const override { return wall_us_; }
  int64_t SteadyMicros() const override { return steady_us_; }
  void Advance(int64_t micros) {
    wall_us_ += micros;
    steady_us_ += micros;
  }
  void JumpWall(int64_t micros) { wall_us_ += micros; }

 private:
  std::atomic<int64_t> wall_us_;
  std::atomic<int64_t> steady_us_ = 0;
};

}  // namespace sluice
