#!/usr/bin/env bash
# clang-tidy over the C++ files that differ from the last commit, or (`all`) over every source that is no test.
# A file that had nothing to say is not looked at again while it and all it includes stay the same (stamps in the cache).
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/tools/env.sh"
cd "$root"
export stamps="$SLUICE_CACHE/clang-tidy"
git() { command git -c "safe.directory=*" "$@"; }

chosen_files() {
  if [ "$1" = all ]; then
    git ls-files --cached --others --exclude-standard 'src/*.cc' 'bench/*.cc' | grep -v '_test\.cc$'
  else
    { git diff --name-only --diff-filter=d HEAD -- '*.cc'; git ls-files --others --exclude-standard '*.cc'; } | sort -u
  fi | grep -v '_fuzz\.cc$' || true  # Fuzz targets are not in the compilation database used here.
}

# The checks, and the file with all its includes, as one hash.
stamp_of() {
  { cat .clang-tidy; clang++-16 -E -P -std=c++20 -Isrc -isystem "$PYARROW_DIR/include" -isystem /usr/include/postgresql "$1"; } 2>/dev/null | sha256sum | cut -c1-32
}

tidy_one() {
  local stamp; stamp="$stamps/$(stamp_of "$1")"
  [ -e "$stamp" ] && return 0
  # The database is of GCC, some of whose warnings clang does not know.
  clang-tidy-16 -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option "$1" 2>&1 | { grep -v 'warnings generated' || true; }
  [ "${PIPESTATUS[0]}" = 0 ] && touch "$stamp"
}
export -f stamp_of tidy_one

files="$(chosen_files "${1:-changed}")"
[ -n "$files" ] || { echo "clang-tidy: no file changed"; exit 0; }
mkdir -p build "$stamps"
cmake --preset dev -DPYARROW_DIR="$PYARROW_DIR" -DSLUICE_PYTHON="$PYTHON" >build/configure-dev.log || { cat build/configure-dev.log; exit 1; }
echo "==> clang-tidy ($(wc -l <<<"$files") files, 5 to 15 seconds each and core)"
xargs -P "$(nproc)" -I{} bash -c 'tidy_one {}' <<<"$files" || { echo "clang-tidy: findings"; exit 1; }
echo "clang-tidy: nothing to say"
