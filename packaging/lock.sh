#!/bin/sh
# Writes packaging/requirements.lock: one list for Python 3.11-3.13 on Linux, macOS and Windows,
# with hashes. Existing pins are kept while they fit; UPGRADE=1 takes the newest of everything.
set -u
cd "$(dirname "$0")/.." || exit 1

lock=packaging/requirements.lock
uv=uv
if ! uv --version >/dev/null 2>&1; then
    uv=.venv/bin/uv
    [ -x $uv ] || .venv/bin/python -m pip install -q uv || exit 1
fi

$uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
    ${UPGRADE:+--upgrade} -o $lock pyproject.toml packaging/build-requirements.in &&
    echo "lock: $(grep -c '^[a-z]' $lock) packages in $lock"
