#!/usr/bin/env bash
# Builds with sanitizers and runs what they are good for: tools/sanitize.sh asan|tsan
#   asan: every unit test and the simulated lives of `simulate.seeds`, under ASan and UBSan
#   tsan: the program with its threads, between a real Postgres and real readers (tests marked SANITIZE)
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
preset="${1:?usage: tools/sanitize.sh asan|tsan}"

# Arrow's own allocator hides overruns of its buffers, and its libraries are not instrumented.
export ARROW_DEFAULT_MEMORY_POOL=system
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1

case "$preset" in
  asan)
    "$root/tools/build.sh" asan simulate '*_tests'
    "$root/tools/run_tests.sh" asan -L unit -E 'simulate\.every' ;;
  tsan)
    "$root/tools/build.sh" tsan sluice
    SLUICE_KILLS=4 "$root/tools/run_tests.sh" tsan -L sanitize -j 1 ;;
  *) echo "sanitize: $preset is neither asan nor tsan" >&2; exit 2 ;;
esac
