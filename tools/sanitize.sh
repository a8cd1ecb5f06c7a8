#!/usr/bin/env bash
# Builds with sanitizers and runs the unit tests, and those marked SANITIZE: tools/sanitize.sh asan|tsan
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
preset="${1:?usage: tools/sanitize.sh asan|tsan}"

# Arrow's own allocator hides overruns of its buffers, and its libraries are not instrumented.
export ARROW_DEFAULT_MEMORY_POOL=system
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1

"$root/tools/build.sh" "$preset"
"$root/tools/run_tests.sh" "$preset" -L 'unit|sanitize'
