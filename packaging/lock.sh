#!/bin/sh
# Writes packaging/requirements.lock: one list for Python 3.11-3.13 on Linux, macOS and Windows,
# with hashes. Existing pins are kept while they fit; UPGRADE=1 takes the newest of everything.
# packaging/package.lock is what `make package` freezes: the same pins without the tools of
# development, and the freezer. packaging/compose/image.lock is what the container image holds:
# the workers, without the window.
set -u
cd "$(dirname "$0")/.." || exit 1

uv=uv
if ! uv --version >/dev/null 2>&1; then
    uv=.venv/bin/uv
    [ -x $uv ] || .venv/bin/python -m pip install -q uv || exit 1
fi

# The arguments: the lock, then options and sources.
compile_lock() {
    lock=$1
    shift
    $uv pip compile --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
        ${UPGRADE:+--upgrade} -o "$lock" "$@" &&
        echo "lock: $(grep -c '^[a-z]' "$lock") packages in $lock"
}

# Without hashes, for a constraint must not demand them of packages that it does not hold.
pins=build/pins.txt
mkdir -p build || exit 1
compile_lock packaging/requirements.lock --all-extras pyproject.toml \
    packaging/build-requirements.in &&
    sed -n 's/ *\\$//; /^[a-z]/p' packaging/requirements.lock >$pins &&
    compile_lock packaging/package.lock --extra desktop --constraints $pins \
        --no-annotate pyproject.toml packaging/build-requirements.in \
        packaging/package-requirements.in &&
    compile_lock packaging/compose/image.lock --extra workers --constraints $pins \
        --no-annotate pyproject.toml packaging/compose/image-requirements.in \
        packaging/build-requirements.in
