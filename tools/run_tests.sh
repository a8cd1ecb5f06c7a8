#!/usr/bin/env bash
# Runs ctest in build/PRESET and prints how many cases its programs held: tools/run_tests.sh PRESET [CTEST OPTION...]
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
preset="${1:?usage: tools/run_tests.sh PRESET [CTEST OPTION...]}"; shift
build="$root/build/$preset"

# What GoogleTest, pytest and unittest said of themselves in ctest's log.
count_cases() {
  awk '/^\[  PASSED  \] [0-9]+ test/ {n += $4} / passed.* in [0-9.]+s/ {for (i = 2; i <= NF; i++) if ($i ~ /^passed/) n += $(i - 1)}
       END {print n + 0}' "$build/Testing/Temporary/LastTest.log"
}

at_a_time=$(($(nproc) * 2))  # many of them wait for something
echo "==> ctest $* ($(ctest --test-dir "$build" -N "$@" | sed -n 's/^Total Tests: //p') programs, $at_a_time at a time)"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$at_a_time" "$@"
code=$?
echo "cases that passed inside these programs: $(count_cases)"
exit $code
