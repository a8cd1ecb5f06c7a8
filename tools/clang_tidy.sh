#!/usr/bin/env bash
# clang-tidy over the C++ sources that differ from main's last commit, or over all of them: tools/clang_tidy.sh [all]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$root/tools/env.sh"
cd "$root"
git() { command git -c "safe.directory=*" "$@"; }

if [ "${1:-changed}" = all ]; then
  files="$(git ls-files --cached --others --exclude-standard 'src/*.cc' 'bench/*.cc')"
else
  files="$({ git diff --name-only --diff-filter=d HEAD -- '*.cc'; git ls-files --others --exclude-standard '*.cc'; } | sort -u)"
fi
[ -n "$files" ] || { echo "clang-tidy: nothing changed"; exit 0; }

mkdir -p build
cmake --preset dev -DPYARROW_DIR="$PYARROW_DIR" -DSLUICE_PYTHON="$PYTHON" >build/configure-dev.log || { cat build/configure-dev.log; exit 1; }
echo "==> clang-tidy ($(wc -l <<<"$files") files, some 5 seconds each and core)"
# Fuzz targets are not in this compilation database; one without an entry would be read with guessed flags.
grep -v '_fuzz\.cc$' <<<"$files" | xargs -P "$(nproc)" -n 1 clang-tidy-16 -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option \
  2> >(grep -v 'warnings generated' >&2)
echo "clang-tidy: nothing to say"
