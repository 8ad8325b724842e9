#!/bin/sh
# Set up .venv: system libraries, Python, the pinned packages, this project. Fast if it is up to
# date, so `make run` and `make test` call it every time. The configuration of pip (mirrors, proxies)
# is respected.
#
# Usage: packaging/setup.sh run|test|slow     PYTHON=… selects the interpreter
#
# `slow` adds the packages that only slow tests use. They are large, and not for every system.
set -u
cd "$(dirname "$0")/.." || exit 1

purpose=${1:-test}
lock=packaging/requirements.lock
slow_lock=packaging/slow-tests.lock
venv_python=.venv/bin/python
stamp=.venv/setup-stamp
slow_stamp=.venv/slow-tests-stamp
install_hint="Install one, and select it: make setup PYTHON=/path/to/python3"

# Inputs of the environment. It contains its own path, so a moved folder needs a new one.
fingerprint() {
    pwd
    cksum "$lock" pyproject.toml packaging/setup.sh
    cat .venv/pyvenv.cfg
}

# Without PYTHON=… the environment is kept, whatever Python it has.
has_other_python() {
    [ -n "${PYTHON:-}" ] || return 1
    version='import sys; print("%d.%d." % sys.version_info[:2])'
    wanted=$("$PYTHON" -c "$version" 2>/dev/null) || return 0
    ! grep -Eq "^version(_info)? = $wanted" .venv/pyvenv.cfg
}

is_ready() {
    [ -x "$venv_python" ] && [ -f "$stamp" ] && ! has_other_python &&
        [ "$(fingerprint 2>/dev/null)" = "$(cat "$stamp")" ]
}

fail() {
    echo "setup: $1" >&2
    exit 1
}

# The user configures where packages come from, but they must be installed into .venv.
unset PIP_TARGET PIP_PREFIX PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

# pip writes much: its output goes to a log, and only the end of it is printed on failure.
pip_log=build/setup-pip.log
pip_install() {
    "$venv_python" -m pip install --progress-bar off "$@" >"$pip_log" 2>&1 && return
    grep -v '^WARNING: Location' "$pip_log" | tail -n 15 >&2
    return 1
}

if [ "$purpose" = slow ]; then
    packaging/setup.sh test || exit 1
    packaging/system-libraries.sh test gnome-keyring dbus-daemon ||
        echo "setup: the slow tests of the keyring of the system are skipped" >&2
    cksum "$slow_lock" | cmp -s - "$slow_stamp" && exit 0
    echo "setup: installing packages that only slow tests use (about 250 MB)"
    mkdir -p build || exit 1
    if pip_install --no-deps -r "$slow_lock"; then
        cksum "$slow_lock" >"$slow_stamp"
    else
        echo "setup: the slow tests of these packages are skipped; see $pip_log" >&2
    fi
    exit 0
fi

if is_ready; then
    exec packaging/system-libraries.sh "$purpose"
fi

if [ -d .venv ] && [ ! -w .venv ]; then
    fail ".venv belongs to another user. Run as that user, or remove it: rm -rf $(pwd)/.venv"
fi

# Two runs at once must not create the same environment: the second waits, then finds it ready.
mkdir -p build || exit 1
if command -v flock >/dev/null 2>&1 && [ "${PULSE_SETUP_LOCKED:-}" != yes ]; then
    PULSE_SETUP_LOCKED=yes exec flock build/setup.lock packaging/setup.sh "$@"
fi

# A working environment is kept, and no other Python is needed.
keep=no
if [ -x "$venv_python" ] && ! has_other_python &&
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
                fail "no Python 3.11, 3.12 or 3.13 with venv was found. $install_hint"
            fi
            # shellcheck disable=SC2086 # one word per package
            packaging/system-libraries.sh "$purpose" $python || exit 1
            python=$(packaging/find-python.sh) ||
                fail "this system offers no Python 3.11, 3.12 or 3.13. $install_hint"
            ;;
        *) exit 1 ;;
    esac
    echo "setup: creating .venv with $("$python" --version 2>&1) ($python)"
    rm -rf .venv
    "$python" -m venv .venv || fail "$python could not create .venv"
fi

rm -f "$stamp"
"$venv_python" -m pip --version >/dev/null 2>&1 || "$venv_python" -m ensurepip >/dev/null ||
    fail "$venv_python has no pip and ensurepip failed. Remove .venv and try again."

echo "setup: installing $(grep -c '^[a-z]' "$lock") pinned packages (the first time takes minutes)"
pip_install -r "$lock" ||
    fail "pip could not install $lock. It needs the package index, about 600 MB of disk, and
       Linux with glibc 2.34 or newer (Debian 12, Ubuntu 22.04, RHEL 9) or macOS 13.
       The complete log is $pip_log."
pip_install --no-build-isolation --no-deps -e . ||
    fail "pip could not install this project. The complete log is $pip_log."
packaging/system-libraries.sh linked \
    "$("$venv_python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" || exit 1

fingerprint >"$stamp"
echo "setup: ready"
