#!/bin/sh
# `make package-test`: test the packages in dist/ on a minimal Debian 12: install, first start without
# network, offscreen and on an X screen, upgrade with data and settings kept, remove, purge. Needs
# root for debootstrap and namespaces. Leaves nothing mounted and nothing running.
#
# The steps inside that system are in packaging/package-test-steps.sh.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(pwd)/build/package-test
pristine=$work/pristine
root=$work/root
shots=$work/shots
previous=build/package/previous
screen=1440x900x24

fail() {
    echo "package-test: $1" >&2
    exit 1
}

say() {
    printf 'package-test: %s\n' "$1"
}

[ "$(uname -s)" = Linux ] || fail "Debian packages can be tested on Linux only"
[ "$(id -u)" = 0 ] || fail "debootstrap and namespaces need root: sudo make package-test"
command -v apt-get >/dev/null 2>&1 || fail "this needs apt-get and debootstrap: run it on Debian"
packaging/system-libraries.sh test debootstrap iproute2 || exit 1

# The Debian mirror of this machine, else the default of debootstrap.
mirror=$(sed -n 's/^URIs: *\(.*debian\)\/*$/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*debian\)\/* .*/\2/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)

single_file() {
    if [ $# != 1 ] || [ ! -f "$1" ]; then fail "$1 is not a single file: run make package first"; fi
    printf '%s\n' "$1"
}

# ---- packages ----
[ -f dist/SHA256SUMS ] || fail "dist/ is empty: run make package first"
(cd dist && sha256sum --quiet --check SHA256SUMS) || fail "the checksums of dist/ do not match"
workers=$(single_file dist/pulse-workers_*.deb) || exit 1
desktop=$(single_file dist/pulse-desktop_*.deb) || exit 1
archive=$(single_file dist/pulse-desktop-*-linux-*.tar.xz) || exit 1
version=$(dpkg-deb -f "$desktop" Version)
python=build/package/venv/bin/python

# The previous version: the same tree with a lower version number.
before=$version~before
if [ "$(cat $previous/of 2>/dev/null)" != "$(sha256sum <dist/SHA256SUMS)" ]; then
    say "building the previous version ($before)"
    rm -rf $previous
    packaging/package.sh wheel freeze deb --version "$version.dev0" --quick \
        --work $previous --dist $previous/dist >"$work.previous.log" 2>&1 || {
        tail -n 20 "$work.previous.log" >&2
        fail "the previous version could not be built"
    }
    sha256sum <dist/SHA256SUMS >$previous/of
fi
old_workers=$(single_file $previous/dist/pulse-workers_*.deb) || exit 1
old_desktop=$(single_file $previous/dist/pulse-desktop_*.deb) || exit 1
before=$(dpkg-deb -f "$old_desktop" Version)
dpkg --compare-versions "$before" lt "$version" || fail "$before is not lower than $version"

# ---- minimal system ----
mkdir -p "$work" || exit 1
if [ ! -f "$pristine/complete" ]; then
    say "creating a minimal Debian 12 with debootstrap"
    rm -rf "$pristine"
    debootstrap --variant=minbase bookworm "$pristine" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1 || {
        tail -n 10 "$work/debootstrap.log" >&2
        fail "debootstrap failed"
    }
    chroot "$pristine" useradd --create-home --uid 1000 op || exit 1
    touch "$pristine/complete"
fi
rm -rf "$root" "$shots"
cp -a "$pristine" "$root" && rm "$root/complete" && mkdir -p "$root/packages" "$shots" || exit 1
cp "$workers" "$desktop" "$old_workers" "$old_desktop" "$root/packages/" || exit 1
cp packaging/package-test-steps.sh "$root/packages/" || exit 1
tar -xJf "$archive" -C "$root/home/op" || exit 1
chown -R 1000:1000 "$root/home/op" "$shots"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
for proxy in /etc/apt/apt.conf.d/*proxy*; do
    [ ! -f "$proxy" ] || cp "$proxy" "$root/etc/apt/apt.conf.d/"
done

# ---- X screen ----
rm -f "$work/display"
Xvfb -displayfd 3 -screen 0 $screen -nolisten tcp -ac -fbdir "$shots" \
    3>"$work/display" >/dev/null 2>&1 &
x_server=$!
trap 'kill $x_server 2>/dev/null; wait $x_server 2>/dev/null' EXIT
trap 'exit 1' INT TERM
tries=0
until [ "$(wc -l <"$work/display" 2>/dev/null)" = 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "Xvfb does not start"
    sleep 0.1
done
display=$(cat "$work/display")

# Run a step inside: as `root` with network, which apt needs, or as `op` with loopback only.
inside() {
    user=$1
    shift
    say "$2"
    network=
    ids=0:0
    home=/root
    if [ "$user" = op ]; then
        network=--net
        ids=1000:1000
        home=/home/op
    fi
    started_at=$(date +%s)
    # shellcheck disable=SC2016,SC2086 # expanded inside; $network may be empty
    ROOT=$root SHOTS=$shots IDS=$ids HOME_IN=$home SCREEN=$display STEP=$1 OLD=$before NEW=$version \
        unshare --mount --pid $network --fork --kill-child sh -ec '
        mount --make-rprivate /
        [ "$IDS" = 0:0 ] || ip link set lo up
        mount -t proc proc "$ROOT/proc"
        mount --rbind /dev "$ROOT/dev"
        mkdir -p "$ROOT/shots"
        mount --bind "$SHOTS" "$ROOT/shots"
        mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
        mkdir -m 1777 "$ROOT/tmp/.X11-unix"
        mount --bind /tmp/.X11-unix "$ROOT/tmp/.X11-unix"
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME="$HOME_IN" LANG=C.UTF-8 TERM=dumb DISPLAY=":$SCREEN" OLD="$OLD" NEW="$NEW" \
            chroot --userspec="$IDS" "$ROOT" sh /packages/package-test-steps.sh "$STEP"
    ' >"$work/$1.log" 2>&1 || {
        tail -n 40 "$work/$1.log" >&2
        fail "$2: failed; the complete log is $work/$1.log"
    }
    sed -n 's/^note: /    /p' "$work/$1.log"
    printf '%s\t%s s\n' "$2" $(($(date +%s) - started_at)) >>"$work/times"
}

: >"$work/times"
inside root install_workers "install pulse-workers $before alone"
inside op use_workers "workers, command line and nats-server without window and network"
inside root install_desktop "install pulse-desktop $before"
inside op first_start "first start, offscreen, without network"
inside op on_screen "on an X screen, without network"
inside root settings "change settings as an administrator"
inside op record "record the data of the user"
inside root upgrade "upgrade to $version"
inside op kept "data and settings after the upgrade"
inside op on_screen_again "on an X screen after the upgrade"
inside op portable "portable archive"
inside root remove "remove"
inside root purge "purge"

say "screenshots"
for dump in "$shots"/*.xwd; do
    $python packaging/screen_dump.py "$dump" "${dump%.xwd}.png" || fail "nothing was drawn"
done

say "workers and command line from the wheel, without Qt"
packaging/headless-test.sh "$work/headless" || exit 1
say "all tests passed; screenshots are in $shots"
