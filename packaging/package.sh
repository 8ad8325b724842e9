#!/bin/sh
# `make package`: install the build tools, create an environment from packaging/package.lock, and
# build the packages for this system into dist/. The steps are in packaging/build.py.
#
# Usage: packaging/package.sh [STEP…] [--version V] [--work DIR] [--dist DIR]   (default: all)
set -u
cd "$(dirname "$0")/.." || exit 1

lock=packaging/package.lock
work=build/package
environment=${PACKAGE_ENVIRONMENT:-$work/venv}
stamp=$environment/package-stamp

fail() {
    echo "package: $1" >&2
    exit 1
}

# The base interpreter of .venv, which `make package` has set up.
python=$(.venv/bin/python -c 'import sys; print(sys._base_executable)') ||
    fail "there is no .venv; run: make setup"

# Debian's Python is linked statically. The bundle needs its shared library, a package of its own.
libpython=
case $(readlink -f "$python") in
    /usr/bin/python3*) libpython="lib$(basename "$(readlink -f "$python")")" ;;
esac
if command -v dpkg-query >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # one word or none
    packaging/system-libraries.sh run binutils xz-utils $libpython || exit 1
fi
for tool in objdump strip xz; do
    [ "$(uname -s)" != Linux ] || command -v $tool >/dev/null 2>&1 || fail "$tool is not installed"
done

fingerprint() {
    pwd
    cksum "$lock"
    "$python" -c 'import sys; print(sys.version)'
}

mkdir -p $work || exit 1
if [ "$(fingerprint)" != "$(cat "$stamp" 2>/dev/null)" ]; then
    echo "package: creating an environment with $(grep -c '^[a-z]' $lock) pinned packages"
    rm -rf "$environment"
    "$python" -m venv "$environment" || fail "$python could not create $environment"
    unset PIP_TARGET PIP_PREFIX PYTHONHOME
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
    "$environment/bin/python" -m pip install --progress-bar off --no-compile --require-hashes \
        -r "$lock" >$work/pip.log 2>&1 || {
        grep -v '^WARNING: Location' $work/pip.log | tail -n 15 >&2
        fail "pip could not install $lock; the complete log is $work/pip.log"
    }
    fingerprint >"$stamp"
fi

[ $# -gt 0 ] || set -- all
"$environment/bin/python" packaging/build.py "$@" || exit 1
du -ak dist | sort -k 2 | awk '$2 != "dist" { printf "  %7.1f MB  %s\n", $1 / 1000, $2 }'
