// sluice_simulate: many lives of a mirror, one a seed. The last line is `N passed, M failed`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <thread>

#include "base/log.h"
#include "simulate/many_lives.h"

namespace sluice::simulate {
namespace {

constexpr uint64_t kCrashSoon = 80;  // operations: a few commits

struct Arguments {
  uint64_t first = 1;
  uint64_t seeds = 200;
  int steps = WorldOptions().steps;
  std::optional<uint64_t> seed;
  std::optional<uint64_t> crash_at;
  std::optional<uint64_t> every_crash_of;
  std::optional<uint64_t> fail_at;
  std::optional<uint64_t> every_fault_of;
  int jobs = static_cast<int>(std::thread::hardware_concurrency());
  bool logs = false;
  bool stop = false;
};

Tally RunSeed(const Arguments& arguments) {
  WorldOptions options;
  options.seed = *arguments.seed;
  options.steps = arguments.steps;
  options.crash_at = arguments.crash_at;
  options.fail_at = arguments.fail_at;
  options.faults = !arguments.crash_at && !arguments.fail_at;
  options.trace = [](const std::string& line) { fmt::print("{}\n", line); };
  return RunLife(options) ? Tally{1, 0} : Tally{0, 1};
}

Tally RunSeeds(const Arguments& arguments) {
  const auto life = [&](uint64_t i) {
    WorldOptions options;
    options.seed = arguments.first + i;
    options.steps = arguments.steps;
    return options;
  };
  return RunLives(arguments.seeds, life, arguments.jobs, arguments.stop);
}

// One short life, again and again: the power goes at each operation of the disk in turn, or (with
// `fail`) the operation fails and the power goes a little later.
Tally RunEveryCrash(const Arguments& arguments, uint64_t seed, bool fail) {
  WorldOptions options;
  options.seed = seed;
  options.steps = arguments.steps;
  options.faults = false;
  World whole(options);
  if (!whole.Run()) return RunLife(options) ? Tally{1, 0} : Tally{0, 1};
  const auto life = [&](uint64_t at) {
    WorldOptions broken = options;
    broken.crash_at = at;
    if (fail) {
      broken.fail_at = at;
      broken.crash_at = at + 1 + Random(at).Next() % kCrashSoon;
    }
    return broken;
  };
  return RunLives(whole.operations(), life, arguments.jobs, arguments.stop);
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the pipeline in one thread between a simulated source, disk and catalog.");
  Arguments given;
  app.add_option("--first", given.first, "the first seed");
  app.add_option("--seeds", given.seeds, "how many");
  app.add_option("--steps", given.steps, "of each life, before it must converge");
  app.add_option("--jobs", given.jobs, "processes at a time");
  app.add_option("--seed", given.seed, "this one only, with its trace");
  app.add_option("--crash-at", given.crash_at,
                 "with --seed: no faults but a crash at this operation");
  app.add_option("--fail-at", given.fail_at, "with --seed: this operation fails");
  app.add_option("--every-fault-of", given.every_fault_of,
                 "this seed, each operation failing in turn");
  app.add_option("--every-crash-of", given.every_crash_of,
                 "this seed, a crash at each operation in turn");
  app.add_flag("--stop", given.stop, "at the first that fails");
  app.add_flag("--logs", given.logs, "the program's own log too");
  CLI11_PARSE(app, argc, argv);
  log::Configure(log::Format::kText, given.logs ? "debug" : "off");
  const Tally tally = given.seed             ? RunSeed(given)
                      : given.every_crash_of ? RunEveryCrash(given, *given.every_crash_of, false)
                      : given.every_fault_of ? RunEveryCrash(given, *given.every_fault_of, true)
                                             : RunSeeds(given);
  fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
  return tally.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::simulate

int main(int argc, char** argv) { return sluice::simulate::Main(argc, argv); }
