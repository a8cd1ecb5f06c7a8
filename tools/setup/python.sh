# Sourced by setup.sh: the pyarrow wheel for the C++ build, and the environment of tests and demo. Both with hashes.
# Debian's own interpreter makes them, so that another one first on PATH changes nothing.
system_python=/usr/bin/python3

install_arrow() {
  local maker="$1/maker"
  logged arrow "$system_python" -m venv "$maker"
  logged arrow "$maker/bin/pip" install -q --no-deps --require-hashes --only-binary :all: \
    -r "$tools/versions/arrow.txt" --target "$1"
  rm -rf "$maker"
}

# pyspark exists as source only; it is built with the setuptools that Debian's venv brings.
install_python() {
  logged python "$system_python" -m venv "$1"
  logged python "$1/bin/pip" install -q --require-hashes --only-binary :all: --no-binary pyspark --no-build-isolation \
    -r "$tools/versions/requirements.txt"
}
