#!/bin/sh
# Steps of `make package-test`, inside the minimal system. OLD and NEW are the versions. Lines that
# start with `note: ` are printed by the test.
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

# Repeat a command until it succeeds, for at most so many seconds.
wait_for() {
    seconds=$1
    shift
    deadline=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -lt $deadline ] || fail "timeout after $seconds s: $*"
        sleep 0.25
    done
}

install() {
    apt-get install -y --no-install-recommends "$@"
}

list_files() {
    set -f # the patterns are arguments of find
    # shellcheck disable=SC2086 # a list of arguments
    find / -xdev $system | sort
    set +f
}

# Running processes of the packages.
own_processes() {
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
            "$library"/* | /home/op/pulse-desktop-*) echo "$process $(tr '\0' ' ' <"$process/cmdline")" ;;
        esac
    done
}

no_process_left() {
    [ -z "$(own_processes)" ]
}

succeeded() {
    count=$(pulse-desktop runs --state succeeded --json 2>/dev/null | grep -c task_id || true)
    [ "${count:-0}" -ge "$1" ]
}

task_ids() {
    pulse-desktop runs --json --since 7d --limit 10000 | sed 's/.*"task_id": *"\([^"]*\)".*/\1/' | sort
}

start_stack() {
    pulse-desktop local "$@" --json >"$HOME/local.out" 2>"$HOME/local.err" &
    stack=$!
    wait_for 40 test -s "$HOME/local.out"
}

stop_stack() {
    kill -TERM "$stack"
    wait "$stack" || fail "the stack exited with $?: $(cat "$HOME/local.err")"
    wait_for 20 no_process_left
}

versions_are() {
    for program in pulse-desktop pulse-worker; do
        actual=$($program --version)
        expected=$(printf '%s' "$1" | sed 's/~dev/.dev/')
        [ "$actual" = "$program $expected" ] || fail "$actual instead of $expected"
    done
}

install_workers() {
    apt-get update
    list_files >/var/cache/before
    install "/packages/pulse-workers_${OLD}_amd64.deb"
    echo "note: $(list_files | comm -13 /var/cache/before - | wc -l) files and folders added"
    for package in libgl1 libx11-6 libxcb1 python3; do
        ! dpkg -s "$package" >/dev/null 2>&1 || fail "it depends on $package"
    done
    [ ! -e $library/_internal/PySide6 ] || fail "it contains Qt"
}

use_workers() {
    versions_are "$OLD"
    if pulse-desktop >"$HOME/window.out" 2>&1; then fail "the window opened without Qt"; fi
    grep -q "The window is not installed here" "$HOME/window.out" || fail "$(cat "$HOME/window.out")"
    start_stack
    wait_for 60 succeeded 3
    pulse-desktop status
    stop_stack
    echo "note: $(wc -l <"$data/logs/worker-1.log") lines in the worker's log, no process left"
}

install_desktop() {
    install "/packages/pulse-desktop_${OLD}_amd64.deb"
    for file in /usr/share/applications/pulse-desktop.desktop /usr/share/man/man1/pulse-worker.1.gz \
        /usr/share/icons/hicolor/48x48/apps/pulse-desktop.png \
        /usr/share/bash-completion/completions/pulse-desktop \
        /usr/share/doc/pulse-workers/sbom.cdx.json /usr/share/metainfo/pulse-desktop.metainfo.xml; do
        [ -s $file ] || [ "${file%.gz}" != "$file" ] || fail "$file is missing"
    done
    ! find $library -perm /022 ! -type l | grep . || fail "other users can write the files above"
}

first_start() {
    rm -rf "$data"
    mkdir "$HOME/first" && cd "$HOME/first"
    QT_QPA_PLATFORM=offscreen pulse-desktop | sed 's/^/note: /'
    [ -s pulse-desktop.png ] || fail "no screenshot"
    cp pulse-desktop.png /shots/offscreen.png
    wait_for 20 no_process_left
}

# Show the window with its embedded stack, wait for tasks, take a screenshot, close it.
show_window() {
    pulse-desktop --profile local --theme "$2" >"$HOME/window.out" 2>&1 &
    window=$!
    wait_for 60 succeeded 5
    sleep 3 # until they are shown
    cp /shots/Xvfb_screen0 "/shots/$1.xwd"
    pulse-desktop screenshot --page tasks --theme "$2" --out "/shots/$1-tasks.png" --delay 1
    kill -TERM $window
    wait $window || fail "the window exited with $?: $(cat "$HOME/window.out")"
    [ ! -s "$HOME/window.out" ] || fail "the window printed: $(cat "$HOME/window.out")"
    wait_for 20 no_process_left
    ! grep ERROR "$data/logs/window.log" || fail "errors in the log of the window"
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

record() {
    start_stack --no-sample
    wait_for 20 succeeded 1
    task_ids >"$HOME/ids.before"
    stop_stack
    cp "$data/server/address.json" "$HOME/address.before"
    echo "note: $(wc -l <"$HOME/ids.before") runs"
    [ "$(wc -l <"$HOME/ids.before")" -ge 5 ]
}

upgrade() {
    install "/packages/pulse-workers_${NEW}_amd64.deb" "/packages/pulse-desktop_${NEW}_amd64.deb"
}

kept() {
    versions_are "$NEW"
    start_stack --no-sample
    wait_for 20 succeeded 1
    task_ids >"$HOME/ids.after"
    lost=$(comm -23 "$HOME/ids.before" "$HOME/ids.after")
    [ -z "$lost" ] || fail "runs are missing: $lost"
    stop_stack
    cmp "$HOME/address.before" "$data/server/address.json" || fail "the address has changed"
    grep -q 4MB /etc/pulse-desktop/nats/host.conf || fail "a changed setting was overwritten"
    [ -f /etc/pulse-desktop/worker.env ] || fail "worker.env was removed"
    echo "note: all $(wc -l <"$HOME/ids.before") runs are still there, at the same address"
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
    start_stack
    wait_for 60 succeeded 3
    pulse-desktop screenshot --page overview --out /shots/portable.png --delay 1
    stop_stack
}

remove() {
    apt-get remove -y pulse-desktop pulse-workers
    for gone in /usr/bin/pulse-desktop /usr/bin/pulse-worker $library /usr/share/doc/pulse-workers; do
        [ ! -e "$gone" ] || fail "$gone was not removed"
    done
    [ -f /etc/pulse-desktop/worker.env ] || fail "remove deleted the settings"
    [ -d /home/op/.local/share/pulse-desktop/jetstream ] || fail "remove deleted the data of the user"
}

purge() {
    apt-get purge -y pulse-workers # pulse-desktop has no configuration files
    ! dpkg -l 'pulse-*' 2>/dev/null | grep '^[a-z][a-z] ' | grep -v '^un' || fail "dpkg still lists them"
    [ -d /home/op/.local/share/pulse-desktop/jetstream ] || fail "purge deleted the data of the user"
    apt-get autoremove --purge -y
    left=$(list_files | comm -13 /var/cache/before - | grep -v -e /etc/ld.so.cache -e /usr/share/fonts -e /usr/local/share/fonts \
        -e /etc/fonts -e /var/lib/ucf -e /etc/ucf -e /etc/X11 -e __pycache__ || true)
    [ -z "$left" ] || fail "files are left: $left"
    ! list_files | grep -i pulse || fail "files of the packages are left"
    echo "note: no file of the packages is left"
}

"$1"
