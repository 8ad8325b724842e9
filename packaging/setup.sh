#!/bin/sh
# Makes .venv ready: system libraries, Python, the pinned packages, this project. Cheap when all is there already, so
# that `make run` and `make test` can call it each time. pip's own configuration (mirrors, proxies) is left alone.
#
# Usage: packaging/setup.sh run|test     PYTHON=… chooses the interpreter
set -u
cd "$(dirname "$0")/.." || exit 1

purpose=${1:-test}
lock=packaging/requirements.lock
venv_python=.venv/bin/python
stamp=.venv/setup-stamp

# What the environment was made from. A virtual environment knows its own path, so a moved folder is another one.
fingerprint() {
    pwd
    cksum "$lock" pyproject.toml packaging/setup.sh
    cat .venv/pyvenv.cfg
}

# Without PYTHON=… whatever made the environment is right as long as it is there.
made_from_another_python() {
    [ -n "${PYTHON:-}" ] || return 1
    wanted=$("$PYTHON" -c 'import sys; print("%d.%d." % sys.version_info[:2])' 2>/dev/null) || return 0
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
    "$venv_python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null &&
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
                fail "no Python 3.11, 3.12 or 3.13 with venv was found. Install one, or name it: make setup PYTHON=/path/to/python3"
            fi
            # shellcheck disable=SC2086 # one word per package
            packaging/system-libraries.sh "$purpose" $python || exit 1
            python=$(packaging/find-python.sh) ||
                fail "this system offers no Python 3.11, 3.12 or 3.13. Install one, then: make setup PYTHON=/path/to/python3"
            ;;
        *) exit 1 ;;
    esac
    echo "setup: making .venv with $("$python" --version 2>&1) ($python)"
    rm -rf .venv
    "$python" -m venv .venv || fail "$python could not make .venv"
fi

rm -f "$stamp"
"$venv_python" -m pip --version >/dev/null 2>&1 || "$venv_python" -m ensurepip -q ||
    fail "$venv_python has no pip and ensurepip failed. Remove .venv and repeat."

# Where packages come from is the user's to configure; that they land in .venv is not.
unset PIP_TARGET PIP_PREFIX PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_VIRTUALENV=0

echo "setup: installing $(grep -c '^[a-z]' "$lock") pinned packages (about 200 MB, the first time takes a minute or two)"
"$venv_python" -m pip install -q -r "$lock" ||
    fail "pip could not install $lock. It needs the package index, Linux with glibc 2.34 or newer (Debian 12,
       Ubuntu 22.04, RHEL 9) or macOS 13, and about 700 MB of disk. The message above names which one it was."
"$venv_python" -m pip install -q --no-build-isolation --no-deps -e . || fail "pip could not install this project"
packaging/system-libraries.sh linked \
    "$("$venv_python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" || exit 1

fingerprint >"$stamp"
echo "setup: ready"
