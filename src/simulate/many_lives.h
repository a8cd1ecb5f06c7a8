// Many lives in several processes: each life has one thread, and one that aborts takes only its own
// process with it.
#pragma once

#include <cstdint>
#include <functional>

#include "simulate/world.h"

namespace sluice::simulate {

struct Tally {
  int passed = 0;
  int failed = 0;
};

// Runs one life; a failure is printed with its trace and the way to see it again.
bool RunLife(const WorldOptions& options);

// `count` lives in at most `jobs` processes at a time; with `stop`, none begins after a failure.
Tally RunLives(uint64_t count, const std::function<WorldOptions(uint64_t)>& life, int jobs,
               bool stop);

}  // namespace sluice::simulate
