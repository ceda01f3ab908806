#!/bin/sh
# Lock the direct dependencies and all they bring, with hashes: `make lock`.
#
# Run it under the oldest Python we promise (Debian 12's 3.11.2, PYTHON=/usr/bin/python3):
# a lock made under a later 3.11 may name releases that refuse to install there.
set -eu
cd "$(dirname "$0")/.."
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
"${PYTHON:-python3}" -m venv "$venv"
pip_tools=$(sed -n 's/^\(pip-tools==[^ ]*\).*/\1/p' requirements-dev.txt)
"$venv/bin/pip" install -qq --upgrade pip "${pip_tools:-pip-tools}"
for name in requirements-build requirements requirements-dev; do
  # No address of a registry and no path of a machine may reach the file.
  CUSTOM_COMPILE_COMMAND="make lock" "$venv/bin/pip-compile" -q --generate-hashes \
    --allow-unsafe --strip-extras --no-emit-options --no-emit-index-url \
    --no-emit-trusted-host --no-emit-find-links -o "$name.txt" "$name.in" "$@"
done
