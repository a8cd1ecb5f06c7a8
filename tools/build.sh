#!/usr/bin/env bash
# Configures and builds one preset into build/PRESET: tools/build.sh PRESET [TARGET or 'PATTERN*'...]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/tools/env.sh"
preset="${1:?usage: tools/build.sh PRESET [TARGET...]}"; shift
log="$root/build/configure-$preset.log"

echo "==> configure $preset (5 seconds)"
mkdir -p "$root/build"
cd "$root"
cmake --preset "$preset" -DPYARROW_DIR="$PYARROW_DIR" -DSLUICE_PYTHON="$PYTHON" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
echo "==> build $preset (2 cores: 5 to 10 minutes from nothing, seconds when nothing changed)"

targets=()
for target in "$@"; do
  # A pattern stands for every file of the build that it matches; matching none is an error.
  found="$(ninja -C "build/$preset" -t targets all | sed -n 's/^\([^:]*\):.*/\1/p' | while read -r name; do
    # shellcheck disable=SC2254
    case "$name" in $target) echo "$name" ;; esac
  done)"
  [ -n "$found" ] || { echo "build/$preset has no target $target" >&2; exit 1; }
  mapfile -t -O "${#targets[@]}" targets <<<"$found"
done
[ -t 1 ] && quiet=() || quiet=(-- --quiet)  # on a terminal Ninja shows its progress in one line
cmake --build "build/$preset" ${targets:+--target "${targets[@]}"} "${quiet[@]}"
