#!/bin/sh
# The steps of `make package-test`, inside the bare system. OLD and NEW are the versions; a line that
# begins with `told: ` is shown to whoever runs the test. Every step checks what it claims.
#
# Usage: package-test-steps.sh STEP
set -eu

export DEBIAN_FRONTEND=noninteractive
data=$HOME/.local/share/pulse-desktop
library=/usr/lib/pulse-desktop
system="! -path /proc/* ! -path /sys/* ! -path /dev/* ! -path /tmp/* ! -path /shots* ! -path /packages/*
    ! -path /var/cache/* ! -path /var/log/* ! -path /var/lib/apt/* ! -path /var/lib/dpkg/* ! -path /home/*
    ! -path /run/* ! -path /root*"

fail() {
    echo "failed: $1" >&2
    exit 1
}

# Up to so many seconds, until the command succeeds.
wait_for() {
    seconds=$1
    shift
    deadline=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -lt $deadline ] || fail "not within $seconds s: $*"
        sleep 0.25
    done
}

install() {
    apt-get install -y --no-install-recommends "$@"
}

everything() {
    set -f # the patterns are for find
    # shellcheck disable=SC2086 # a list of conditions
    find / -xdev $system | sort
    set +f
}

# Programs of ours that run in this namespace.
ours() {
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
            "$library"/* | /home/op/pulse-desktop-*) echo "$process $(tr '\0' ' ' <"$process/cmdline")" ;;
        esac
    done
}

none_left() {
    [ -z "$(ours)" ]
}

succeeded() {
    count=$(pulse-desktop runs --state succeeded --json 2>/dev/null | grep -c task_id || true)
    [ "${count:-0}" -ge "$1" ]
}

task_ids() {
    pulse-desktop runs --json --since 7d --limit 10000 | sed 's/.*"task_id": *"\([^"]*\)".*/\1/' | sort
}

begin_stack() {
    pulse-desktop local "$@" --json >"$HOME/local.out" 2>"$HOME/local.err" &
    stack=$!
    wait_for 40 test -s "$HOME/local.out"
}

end_stack() {
    kill -TERM "$stack"
    wait "$stack" || fail "the stack ended with $?: $(cat "$HOME/local.err")"
    wait_for 20 none_left
}

versions_are() {
    for program in pulse-desktop pulse-worker; do
        said=$($program --version)
        wanted=$(printf '%s' "$1" | sed 's/~dev/.dev/')
        [ "$said" = "$program $wanted" ] || fail "$said, not $wanted"
    done
}

install_workers() {
    apt-get update
    everything >/var/cache/before
    install "/packages/pulse-workers_${OLD}_amd64.deb"
    echo "told: $(everything | comm -13 /var/cache/before - | wc -l) files and folders added"
    for package in libgl1 libx11-6 libxcb1 python3; do
        ! dpkg -s "$package" >/dev/null 2>&1 || fail "$package came with it"
    done
    [ ! -e $library/_internal/PySide6 ] || fail "Qt came with it"
}

use_workers() {
    versions_are "$OLD"
    if pulse-desktop >"$HOME/window.out" 2>&1; then fail "a window without Qt"; fi
    grep -q "The window is not installed here" "$HOME/window.out" || fail "$(cat "$HOME/window.out")"
    begin_stack
    wait_for 60 succeeded 3
    pulse-desktop status
    end_stack
    echo "told: $(wc -l <"$data/logs/worker-1.log") lines in the worker's log, no process left"
}

install_desktop() {
    install "/packages/pulse-desktop_${OLD}_amd64.deb"
    for file in /usr/share/applications/pulse-desktop.desktop /usr/share/man/man1/pulse-worker.1.gz \
        /usr/share/icons/hicolor/48x48/apps/pulse-desktop.png \
        /usr/share/bash-completion/completions/pulse-desktop \
        /usr/share/doc/pulse-workers/sbom.cdx.json /usr/share/metainfo/pulse-desktop.metainfo.xml; do
        [ -s $file ] || [ "${file%.gz}" != "$file" ] || fail "$file is missing"
    done
    ! find $library -perm /022 ! -type l | grep . || fail "others may write what is listed above"
}

first_start() {
    rm -rf "$data"
    mkdir "$HOME/first" && cd "$HOME/first"
    QT_QPA_PLATFORM=offscreen pulse-desktop | sed 's/^/told: /'
    [ -s pulse-desktop.png ] || fail "no picture"
    cp pulse-desktop.png /shots/offscreen.png
    wait_for 20 none_left
}

# The window, its own stack, real work, a picture of the screen, and the end.
show_window() {
    pulse-desktop --theme "$2" >"$HOME/window.out" 2>&1 &
    window=$!
    wait_for 60 succeeded 5
    sleep 3 # the picture shall show them
    cp /shots/Xvfb_screen0 "/shots/$1.xwd"
    pulse-desktop screenshot --page tasks --theme "$2" --out "/shots/$1-tasks.png" --delay 1
    kill -TERM $window
    wait $window || fail "the window ended with $?: $(cat "$HOME/window.out")"
    [ ! -s "$HOME/window.out" ] || fail "the window said: $(cat "$HOME/window.out")"
    wait_for 20 none_left
    ! grep ERROR "$data/logs/window.log" || fail "errors in the window's log"
}

on_screen() {
    show_window on-screen dark
}

settings() {
    umask 077
    echo 'PULSE_SERVER=nats://127.0.0.1:4299' >/etc/pulse-desktop/worker.env
    sed -i 's/max_payload: 8MB/max_payload: 4MB/' /etc/pulse-desktop/nats/host.conf
    grep -q 4MB /etc/pulse-desktop/nats/host.conf
}

remember() {
    begin_stack --no-sample
    wait_for 20 succeeded 1
    task_ids >"$HOME/ids.before"
    end_stack
    cp "$data/server/address.json" "$HOME/address.before"
    echo "told: $(wc -l <"$HOME/ids.before") runs"
    [ "$(wc -l <"$HOME/ids.before")" -ge 5 ]
}

upgrade() {
    install "/packages/pulse-workers_${NEW}_amd64.deb" "/packages/pulse-desktop_${NEW}_amd64.deb"
}

kept() {
    versions_are "$NEW"
    begin_stack --no-sample
    wait_for 20 succeeded 1
    task_ids >"$HOME/ids.after"
    lost=$(comm -23 "$HOME/ids.before" "$HOME/ids.after")
    [ -z "$lost" ] || fail "runs are gone: $lost"
    end_stack
    cmp "$HOME/address.before" "$data/server/address.json" || fail "the address has changed"
    grep -q 4MB /etc/pulse-desktop/nats/host.conf || fail "a changed setting was replaced"
    [ -f /etc/pulse-desktop/worker.env ] || fail "worker.env is gone"
    echo "told: all $(wc -l <"$HOME/ids.before") runs are still there, at the same address"
}

on_screen_again() {
    show_window upgraded light
}

portable() {
    cd "$HOME"/pulse-desktop-*/
    PATH=$(pwd):$PATH
    export PATH PULSE_DATA_DIR="$HOME/elsewhere"
    pulse-desktop --version
    data=$PULSE_DATA_DIR
    begin_stack
    wait_for 60 succeeded 3
    pulse-desktop screenshot --page overview --out /shots/portable.png --delay 1
    end_stack
}

remove() {
    apt-get remove -y pulse-desktop pulse-workers
    for gone in /usr/bin/pulse-desktop /usr/bin/pulse-worker $library /usr/share/doc/pulse-workers; do
        [ ! -e "$gone" ] || fail "$gone is still there"
    done
    [ -f /etc/pulse-desktop/worker.env ] || fail "remove took the settings"
    [ -d /home/op/.local/share/pulse-desktop/jetstream ] || fail "remove took the user's data"
}

purge() {
    apt-get purge -y pulse-workers # the other left nothing behind that could be purged
    ! dpkg -l 'pulse-*' 2>/dev/null | grep '^[a-z][a-z] ' | grep -v '^un' || fail "dpkg still knows them"
    [ -d /home/op/.local/share/pulse-desktop/jetstream ] || fail "purge took the user's data"
    apt-get autoremove --purge -y
    left=$(everything | comm -13 /var/cache/before - | grep -v -e /etc/ld.so.cache -e /usr/share/fonts -e /usr/local/share/fonts \
        -e /etc/fonts -e /var/lib/ucf -e /etc/ucf -e /etc/X11 -e __pycache__ || true)
    [ -z "$left" ] || fail "left behind: $left"
    ! everything | grep -i pulse || fail "of ours, and left behind"
    echo "told: nothing of ours is left"
}

"$1"
