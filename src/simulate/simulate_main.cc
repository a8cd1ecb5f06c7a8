// sluice_simulate: many lives of a mirror, one a seed. The last line is `N passed, M failed`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "simulate/world.h"

namespace sluice::simulate {
namespace {

constexpr int kShownSteps = 40;
constexpr uint64_t kCrashSoon = 80;  // operations: a few commits

struct Tally {
  int passed = 0;
  int failed = 0;
};

void Fail(const WorldOptions& options, const World& world, const Error& error) {
  fmt::print("seed {} failed: {}\n", options.seed, error.message());
  const auto& trace = world.trace();
  const size_t from = trace.size() > kShownSteps ? trace.size() - kShownSteps : 0;
  for (size_t i = from; i < trace.size(); ++i) fmt::print("    {}\n", trace[i]);
  fmt::print("  replay: simulate --seed {} --steps {}{}{}\n", options.seed, options.steps,
             options.crash_at ? fmt::format(" --crash-at {}", *options.crash_at) : "",
             options.fail_at ? fmt::format(" --fail-at {}", *options.fail_at) : "");
  std::fflush(stdout);
}

void RunOne(const WorldOptions& options, Tally& tally) {
  World world(options);
  const Status done = world.Run();
  if (done) {
    ++tally.passed;
    return;
  }
  ++tally.failed;
  Fail(options, world, done.error());
}

// One short life, again and again: the power goes at each operation of the disk in turn, or (with
// `fail`) the operation fails and the power goes a little later.
void RunEveryCrash(uint64_t seed, int steps, bool fail, Tally& tally) {
  WorldOptions options;
  options.seed = seed;
  options.steps = steps;
  options.faults = false;
  World whole(options);
  const Status done = whole.Run();
  if (!done) {
    ++tally.failed;
    return Fail(options, whole, done.error());
  }
  const uint64_t last = whole.operations();
  for (uint64_t at = 0; at < last; ++at) {
    options.crash_at = at;
    if (fail) {
      options.fail_at = at;
      options.crash_at = at + 1 + Random(at).Next() % kCrashSoon;
    }
    RunOne(options, tally);
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the pipeline in one thread between a simulated source, disk and catalog.");
  uint64_t first = 1;
  int seeds = 200;
  int steps = WorldOptions().steps;
  std::optional<uint64_t> seed;
  std::optional<uint64_t> crash_at;
  std::optional<uint64_t> every_crash_of;
  std::optional<uint64_t> fail_at;
  std::optional<uint64_t> every_fault_of;
  bool logs = false;
  bool stop = false;
  app.add_option("--first", first, "the first seed");
  app.add_option("--seeds", seeds, "how many");
  app.add_option("--steps", steps, "of each life, before it must converge");
  app.add_option("--seed", seed, "this one only, with its trace");
  app.add_option("--crash-at", crash_at, "with --seed: no faults but a crash at this operation");
  app.add_option("--fail-at", fail_at, "with --seed: this operation fails");
  app.add_option("--every-fault-of", every_fault_of, "this seed, each operation failing in turn");
  app.add_option("--every-crash-of", every_crash_of,
                 "this seed, a crash at each operation in turn");
  app.add_flag("--stop", stop, "at the first that fails");
  app.add_flag("--logs", logs, "the program's own log too");
  CLI11_PARSE(app, argc, argv);
  log::Configure(log::Format::kText, logs ? "debug" : "off");
  Tally tally;
  if (seed) {
    WorldOptions options;
    options.seed = *seed;
    options.steps = steps;
    options.crash_at = crash_at;
    options.fail_at = fail_at;
    options.faults = !crash_at && !fail_at;
    options.trace = [](const std::string& line) { fmt::print("{}\n", line); };
    RunOne(options, tally);
  } else if (every_crash_of) {
    RunEveryCrash(*every_crash_of, steps, false, tally);
  } else if (every_fault_of) {
    RunEveryCrash(*every_fault_of, steps, true, tally);
  } else {
    for (int i = 0; i < seeds && !(stop && tally.failed > 0); ++i) {
      WorldOptions options;
      options.seed = first + static_cast<uint64_t>(i);
      options.steps = steps;
      RunOne(options, tally);
    }
  }
  fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
  return tally.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::simulate

int main(int argc, char** argv) { return sluice::simulate::Main(argc, argv); }
