#!/usr/bin/env bash
# Installs what build, tests and demo need and a fresh Debian 12 does not have. Nothing is done twice: packages through
# apt-get (as root, else sudo, else the line to run is printed), the rest into the user's cache folder (SLUICE_CACHE,
# default ~/.cache/sluice), which all clones share. Versions and reasons: tools/versions/.
set -euo pipefail
tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$tools/env.sh"
. "$tools/setup/apt.sh"
. "$tools/setup/python.sh"
. "$tools/setup/jars.sh"

stage() { printf '==> setup %s: %s\n' "$1" "$2"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Runs a command with its output in a log; shows the log's end only when it fails.
logged() {
  local log="$SLUICE_CACHE/setup-$1.log"; shift
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "failed: $* (all of it: $log)"; }
}

# Makes a folder by a function, unless it is there complete. The marker is written last, so that a broken run is redone.
make_folder() {
  local folder="$1" maker="$2"
  [ -e "$folder/.complete" ] && return 0
  rm -rf "$folder" && mkdir -p "$folder"
  "$maker" "$folder"
  touch "$folder/.complete"
}

main() {
  stage 1/4 "system packages (1 second; some missing: 2 to 4 minutes)"
  install_packages
  mkdir -p "$SLUICE_CACHE"
  exec 9>"$SLUICE_CACHE/setup.lock"
  flock -n 9 || { echo "    waiting for another setup"; flock 9; }
  stage 2/4 "Arrow and Parquet C++ (once, half a minute)"
  make_folder "$SLUICE_ARROW" install_arrow
  stage 3/4 "Python packages for tests and demo (once, 1 minute)"
  make_folder "$SLUICE_VENV" install_python
  stage 4/4 "Spark's jars (once, half a minute)"
  make_folder "$SPARK_JARS" install_jars
}

main "$@"
