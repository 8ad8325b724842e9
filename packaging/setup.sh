#!/bin/sh
# Makes .venv ready: system libraries, Python, the pinned packages, this project. Cheap when all is
# there already, so that `make run` and `make test` can call it each time. pip's own configuration
# (mirrors, proxies) is left alone.
#
# Usage: packaging/setup.sh run|test     PYTHON=… chooses the interpreter
set -u
cd "$(dirname "$0")/.." || exit 1

purpose=${1:-test}
lock=packaging/requirements.lock
venv_python=.venv/bin/python
stamp=.venv/setup-stamp
how_to_name_it="Install one, and name it: make setup PYTHON=/path/to/python3"

# What the environment was made from. It knows its own path, so a moved folder is another one.
fingerprint() {
    pwd
    cksum "$lock" pyproject.toml packaging/setup.sh
    cat .venv/pyvenv.cfg
}

# Without PYTHON=… whatever made the environment is right as long as it is there.
made_from_another_python() {
    [ -n "${PYTHON:-}" ] || return 1
    version='import sys; print("%d.%d." % sys.version_info[:2])'
    wanted=$("$PYTHON" -c "$version" 2>/dev/null) || return 0
    ! grep -Eq "^version(_info)? = $wanted" .venv/pyvenv.cfg
}

is_ready() {
    [ -x "$venv_python" ] && [ -f "$stamp" ] && ! made_from_another_python &&
        [ "$(fingerprint 2>/dev/null)" = "$(cat "$stamp")" ]
}

fail() {
    echo "setup: $1" >&2
    exit 1
}

# Into a log, for pip has much to say about where it looked; what it said last is shown on failure.
pip_install() {
    "$venv_python" -m pip install --progress-bar off "$@" >"$pip_log" 2>&1 && return
    grep -v '^WARNING: Location' "$pip_log" | tail -n 15 >&2
    return 1
}

if is_ready; then
    exec packaging/system-libraries.sh "$purpose"
fi

if [ -d .venv ] && [ ! -w .venv ]; then
    fail ".venv belongs to another user. Run as that user, or remove it: rm -rf $(pwd)/.venv"
fi

# Two makes at once must not build the same environment; the second waits and then finds it ready.
mkdir -p build || exit 1
if command -v flock >/dev/null 2>&1 && [ "${PULSE_SETUP_LOCKED:-}" != yes ]; then
    PULSE_SETUP_LOCKED=yes exec flock build/setup.lock packaging/setup.sh "$@"
fi

# An environment that works is kept, and then no other Python is needed.
keep=no
if [ -x "$venv_python" ] && ! made_from_another_python &&
    "$venv_python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' &&
    grep -Fq "$(pwd)/.venv" .venv/bin/activate 2>/dev/null; then
    keep=yes
fi

if [ $keep = yes ]; then
    packaging/system-libraries.sh "$purpose" || exit 1
else
    python=$(packaging/find-python.sh)
    case $? in
        0) packaging/system-libraries.sh "$purpose" || exit 1 ;;
        3)
            if ! command -v apt-get >/dev/null 2>&1; then
                fail "no Python 3.11, 3.12 or 3.13 with venv was found. $how_to_name_it"
            fi
            # shellcheck disable=SC2086 # one word per package
            packaging/system-libraries.sh "$purpose" $python || exit 1
            python=$(packaging/find-python.sh) ||
                fail "this system offers no Python 3.11, 3.12 or 3.13. $how_to_name_it"
            ;;
        *) exit 1 ;;
    esac
    echo "setup: making .venv with $("$python" --version 2>&1) ($python)"
    rm -rf .venv
    "$python" -m venv .venv || fail "$python could not make .venv"
fi

rm -f "$stamp"
"$venv_python" -m pip --version >/dev/null 2>&1 || "$venv_python" -m ensurepip >/dev/null ||
    fail "$venv_python has no pip and ensurepip failed. Remove .venv and repeat."

# Where packages come from is the user's to configure; that they land in .venv is not.
unset PIP_TARGET PIP_PREFIX PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

echo "setup: installing $(grep -c '^[a-z]' "$lock") pinned packages (the first time takes minutes)"
pip_log=build/setup-pip.log
pip_install -r "$lock" ||
    fail "pip could not install $lock. It needs the package index, about 600 MB of disk, and
       Linux with glibc 2.34 or newer (Debian 12, Ubuntu 22.04, RHEL 9) or macOS 13.
       The whole story is in $pip_log."
pip_install --no-build-isolation --no-deps -e . ||
    fail "pip could not install this project. The whole story is in $pip_log."
packaging/system-libraries.sh linked \
    "$("$venv_python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" || exit 1

fingerprint >"$stamp"
echo "setup: ready"
