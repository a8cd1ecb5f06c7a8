#!/usr/bin/env bash
# Where setup put things. Source it (PYTHON, PYARROW_DIR, SPARK_JARS), or ask for one: tools/env.sh pyarrow|python|jars.
# Every path carries a hash of the list it was made from, so that clones of different versions share a cache.
SLUICE_CACHE="${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}"
sluice_versions="$(cd "$(dirname "${BASH_SOURCE[0]}")/versions" && pwd)"

sluice_key() { sha256sum "$sluice_versions/$1" | cut -c1-12; }

SLUICE_ARROW="$SLUICE_CACHE/arrow-$(sluice_key arrow.txt)"
SLUICE_VENV="$SLUICE_CACHE/python-$(sluice_key requirements.txt)"
SPARK_JARS="$SLUICE_CACHE/jars-$(sluice_key jars.txt)"
PYTHON="$SLUICE_VENV/bin/python"
PYARROW_DIR="$SLUICE_ARROW/pyarrow"
export SLUICE_CACHE PYTHON PYARROW_DIR SPARK_JARS

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case "${1:-}" in
    pyarrow) echo "$PYARROW_DIR" ;;
    python) echo "$PYTHON" ;;
    jars) echo "$SPARK_JARS" ;;
    *) echo "usage: tools/env.sh pyarrow|python|jars" >&2; exit 2 ;;
  esac
fi
