# Sourced by setup.sh: Debian packages.
cluster_conf=/etc/postgresql-common/createcluster.d/sluice-setup.conf

listed_packages() { sed -e 's/#.*//' -e '/^ *$/d' "$tools/versions/apt.txt" | awk '{print $1}'; }

# Those of the listed packages that are not installed.
missing_packages() {
  local installed
  installed="$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u)"
  comm -23 <(listed_packages | sort -u) <(printf '%s\n' "$installed")
}

# The whole installation as one shell line. While it runs, a setting keeps Debian from making a Postgres cluster.
apt_line() {
  local hold="mkdir -p ${cluster_conf%/*} && echo create_main_cluster=false > $cluster_conf"
  local apt="DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=600"
  printf '%s' "$hold && { $apt update && $apt install --no-install-recommends $*; }; code=\$?; rm -f $cluster_conf; exit \$code"
}

install_packages() {
  local missing line
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    fail "this setup knows Debian 12; elsewhere, install what $tools/versions/apt.txt lists by hand"
  missing="$(missing_packages | tr '\n' ' ')"
  [ -n "${missing// /}" ] || return 0
  echo "    installing: $missing"
  # shellcheck disable=SC2086
  line="$(apt_line $missing)"
  if [ "$(id -u)" = 0 ]; then
    run_apt bash -c "$line"
  elif command -v sudo >/dev/null && sudo -v; then
    run_apt sudo bash -c "$line"
  else
    printf "setup: packages are missing; run this as root, then start again:\n  bash -c '%s'\n" "$line" >&2
    exit 1
  fi
}

run_apt() {
  local log; log="$(mktemp)"
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "apt-get failed (all of it: $log)"; }
  rm -f "$log"
}
