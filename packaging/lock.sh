#!/bin/sh
# Write the lock files, with hashes, for Python 3.11-3.13 on Linux, macOS and Windows. Existing pins
# are kept while they satisfy the requirements; UPGRADE=1 takes the newest version of everything.
#
#   packaging/requirements.lock    development: the project with the extra `dev`
#   packaging/slow-tests.lock      `make test-slow`: large optional extras, and a language model
#   packaging/package.lock         `make package`: the same pins without development tools, and the
#                                  tools that build the packages
#   packaging/compose/image.lock   the container image: the workers, without the window
set -u
cd "$(dirname "$0")/.." || exit 1

uv=uv
if ! uv --version >/dev/null 2>&1; then
    uv=.venv/bin/uv
    [ -x $uv ] || .venv/bin/python -m pip install -q uv || exit 1
fi

# Arguments: the lock file, then options and sources.
compile_lock() {
    lock=$1
    shift
    $uv pip compile --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
        ${UPGRADE:+--upgrade} -o "$lock" "$@" &&
        echo "lock: $(grep -c '^[a-z]' "$lock") packages in $lock"
}

# Without hashes: a constraints file with hashes would require them of every package.
pins=build/pins.txt
mkdir -p build || exit 1
compile_lock packaging/requirements.lock --extra dev pyproject.toml \
    packaging/build-requirements.in &&
    sed -n 's/ *\\$//; /^[a-z]/p' packaging/requirements.lock >$pins &&
    compile_lock packaging/slow-tests.lock --extra embeddings --constraints $pins \
        --override packaging/slow-tests-overrides.in pyproject.toml packaging/slow-tests.in &&
    compile_lock packaging/package.lock --extra desktop --constraints $pins \
        --no-annotate pyproject.toml packaging/build-requirements.in \
        packaging/package-requirements.in &&
    compile_lock packaging/compose/image.lock --extra workers --constraints $pins \
        --no-annotate pyproject.toml packaging/compose/image-requirements.in \
        packaging/build-requirements.in
