#!/usr/bin/env bash
# Builds every fuzz target with clang and runs them, one a core, on the seeds kept in tests/fuzz/TARGET and on what
# earlier runs here found: each for its part of MINUTES in all, or for FUZZ_SECONDS (default 20). A crash leaves its
# input in build/asan/crashes.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export build="$root/build/asan" seeds="$root/tests/fuzz"
export ARROW_DEFAULT_MEMORY_POOL=system UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

fuzz_one() {
  local name="$1" log="$build/log/$1.txt" corpus="$build/corpus/$1"
  mkdir -p "$corpus" "$build/crashes" "$build/log"
  local folders=("$corpus"); [ -d "$seeds/$name" ] && folders+=("$seeds/$name")
  if "$build/bin/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
      -artifact_prefix="$build/crashes/$name-" "${folders[@]}" >"$log" 2>&1; then
    echo "$name: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs, no crash"
  else
    echo "$name: CRASH (all of it: $log)"; tail -n 40 "$log"; return 1
  fi
}
export -f fuzz_one

"$root/tools/build.sh" asan 'bin/fuzz_*'
mapfile -t targets < <(cd "$build/bin" && printf '%s\n' fuzz_*)
[ -z "${MINUTES:-}" ] || FUZZ_SECONDS=$((MINUTES * 60 * $(nproc) / ${#targets[@]}))
export seconds="${FUZZ_SECONDS:-20}"
echo "==> fuzz (${#targets[@]} targets, $seconds seconds each, $(nproc) at a time)"
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
