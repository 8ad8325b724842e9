#!/bin/sh
# Print the Python for the virtual environment: the first candidate that runs, is CPython 3.11-3.13
# and can create virtual environments. All of that is tested: version managers leave shims on PATH
# that fail, and Debian has a Python without venv. PYTHON=… overrides the search.
#
# Exit status: 0, with the path of the interpreter; 3, with the names of the missing Debian packages;
# 1 if PYTHON does not run or is not CPython 3.11-3.13.
set -u

probe='
import sys
if sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(4)
try:
    import ensurepip, venv
except ImportError:
    print("python%d.%d-venv" % sys.version_info[:2])
    sys.exit(5)
print(getattr(sys, "_base_executable", None) or sys.executable)
'

try() {
    answer=$("$1" -c "$probe" 2>/dev/null)
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    case $? in
        0) printf '%s\n' "$answer"; exit 0 ;;
        5) printf '%s\n' "$answer"; exit 3 ;;
        4) echo "PYTHON=$PYTHON is not CPython 3.11, 3.12 or 3.13." >&2; exit 1 ;;
        *) echo "PYTHON=$PYTHON does not run." >&2; exit 1 ;;
    esac
fi

without_venv=
for candidate in python3 python3.13 python3.12 python3.11 python \
    /usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3 \
    /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 \
    "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.1[123].*/bin/python3; do
    try "$candidate"
    case $? in
        0) printf '%s\n' "$answer"; exit 0 ;;
        5) without_venv=${without_venv:-$answer} ;;
    esac
done

printf '%s\n' "${without_venv:-python3 python3-venv}"
exit 3
