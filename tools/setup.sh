#!/bin/sh
# Set up what is missing: `tools/setup.sh run` to serve, `tools/setup.sh test` for tests too.
#
# Debian's packages are asked for only where one is missing; the Python packages are the
# locked ones. The Makefile calls this only when a lock is newer than the last set-up.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}

say() { printf '%s\n' "$*" >&2; }

# ---- what the system must bring --------------------------------------------------------

has_python() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  for candidate in "${PYTHON:-python3}" python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if has_python "$candidate"; then printf '%s' "$candidate"; return; fi
  done
}

# Libraries are looked for by file, so that a system without dpkg is judged as well.
has_library() {
  for folder in /usr/lib /usr/lib64 /usr/lib/*-linux-gnu* /usr/local/lib; do
    if [ -e "$folder/$1" ]; then return 0; fi
  done
  return 1
}

missing_packages() {
  [ -n "$(find_python)" ] || printf 'python3 python3-venv '
  has_library libpango-1.0.so.0 || printf 'libpango-1.0-0 '
  has_library libpangoft2-1.0.so.0 || printf 'libpangoft2-1.0-0 '
  has_library libharfbuzz-subset.so.0 || printf 'libharfbuzz-subset0 '
  [ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || printf 'fonts-wqy-microhei '
  if [ "$purpose" = test ]; then
    command -v chromium >/dev/null || printf 'chromium '
    command -v curl >/dev/null || printf 'curl '  # the OA's examples in the docs are run
    command -v openssl >/dev/null || printf 'openssl '
    command -v git >/dev/null || printf 'git '  # the house's own test reads the list of files
  fi
}

install_packages() {
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root='sudo -n'
    else
      say "Please install first, as root: apt-get install $*"
      exit 1
    fi
  fi
  if ! command -v apt-get >/dev/null; then
    say "Please install first, with your system's package manager: $*"
    exit 1
  fi
  say "Installing $*"
  log=$(mktemp)
  # A list that cannot be renewed may still do: the installation decides.
  # shellcheck disable=SC2086 # as_root is a command of two words, or none
  { $as_root apt-get update -qq || true
    $as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "$@"
  } >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  rm -f "$log"
}

missing=$(missing_packages)
# shellcheck disable=SC2086 # one word a package
[ -z "$missing" ] || install_packages $missing

python=$(find_python)
[ -n "$python" ] || { say 'Python 3.11 or newer is needed, and none was found.'; exit 1; }

# ---- the virtual environment -----------------------------------------------------------

.venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear .venv

# Twice -q: a warning about somebody's pip settings is no news here; errors are shown.
install() {
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --only-binary :all: --no-binary flask-principal --no-build-isolation --require-hashes "$@"
}

say "Installing the Python packages ($purpose)"
install -r requirements-build.txt
if [ "$purpose" = test ]; then
  install -r requirements.txt -r requirements-dev.txt
  touch .venv/set-up-to-run
else
  install -r requirements.txt
fi
touch ".venv/set-up-to-$purpose"
