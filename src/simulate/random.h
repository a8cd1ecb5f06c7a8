// Every choice of a simulated run comes from one of these, so that a seed is the whole run.
#pragma once

#include <cstdint>
#include <random>

namespace sluice::simulate {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Next() { return engine_(); }
  // 0 to limit - 1.
  int Below(int limit) { return static_cast<int>(engine_() % static_cast<uint64_t>(limit)); }
  int Between(int least, int most) { return least + Below(most - least + 1); }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::simulate
