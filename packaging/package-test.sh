#!/bin/sh
# `make package-test`: proves the packages in dist/ on a bare Debian 12: install, first start with no
# network, offscreen and on an X screen, upgrade with data and settings kept, remove, purge. Needs
# root for debootstrap and namespaces; leaves nothing mounted and nothing running.
#
# What is done inside the bare system: packaging/package-test-steps.sh
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

[ "$(uname -s)" = Linux ] || fail "this proof is for Debian packages and runs on Linux"
[ "$(id -u)" = 0 ] || fail "debootstrap and namespaces need root: sudo make package-test"
command -v apt-get >/dev/null 2>&1 || fail "this needs apt-get and debootstrap: run it on Debian"
packaging/system-libraries.sh test debootstrap iproute2 || exit 1

# The mirror that this machine uses for its own Debian, else the one that debootstrap knows.
mirror=$(sed -n 's/^URIs: *\(.*debian\)\/*$/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*debian\)\/* .*/\2/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)

the_one() {
    if [ $# != 1 ] || [ ! -f "$1" ]; then fail "no single package $1: run make package first"; fi
    printf '%s\n' "$1"
}

# ---- what is tested ----
[ -f dist/SHA256SUMS ] || fail "dist/ is empty: run make package first"
(cd dist && sha256sum --quiet --check SHA256SUMS) || fail "dist/ is not what was built"
workers=$(the_one dist/pulse-workers_*.deb) || exit 1
desktop=$(the_one dist/pulse-desktop_*.deb) || exit 1
archive=$(the_one dist/pulse-desktop-*-linux-*.tar.xz) || exit 1
version=$(dpkg-deb -f "$desktop" Version)
python=build/package/venv/bin/python

# The version before: the same tree under a lower number.
before=$version~before
if [ "$(cat $previous/of 2>/dev/null)" != "$(sha256sum <dist/SHA256SUMS)" ]; then
    say "building the version before ($before)"
    rm -rf $previous
    packaging/package.sh wheel freeze deb --version "$version.dev0" --quick \
        --work $previous --dist $previous/dist >"$work.previous.log" 2>&1 || {
        tail -n 20 "$work.previous.log" >&2
        fail "the version before could not be built"
    }
    sha256sum <dist/SHA256SUMS >$previous/of
fi
old_workers=$(the_one $previous/dist/pulse-workers_*.deb) || exit 1
old_desktop=$(the_one $previous/dist/pulse-desktop_*.deb) || exit 1
before=$(dpkg-deb -f "$old_desktop" Version)
dpkg --compare-versions "$before" lt "$version" || fail "$before is not before $version"

# ---- a bare system ----
mkdir -p "$work" || exit 1
if [ ! -f "$pristine/complete" ]; then
    say "a bare Debian 12 with debootstrap"
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

# ---- a screen ----
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

# One step inside, as `root` with the network (apt needs it) or as `op` with none but loopback.
inside() {
    who=$1
    shift
    say "$2"
    network=
    ids=0:0
    home=/root
    if [ "$who" = op ]; then
        network=--net
        ids=1000:1000
        home=/home/op
    fi
    began=$(date +%s)
    # shellcheck disable=SC2016,SC2086 # expanded in there; no word when there is a network
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
        fail "$2: failed; the whole story is in $work/$1.log"
    }
    sed -n 's/^told: /    /p' "$work/$1.log"
    printf '%s\t%s s\n' "$2" $(($(date +%s) - began)) >>"$work/times"
}

: >"$work/times"
inside root install_workers "install pulse-workers $before alone"
inside op use_workers "workers, command line and server with no window and no network"
inside root install_desktop "install pulse-desktop $before"
inside op first_start "first start, offscreen, with no network"
inside op on_screen "on an X screen, with no network"
inside root settings "settings of an administrator"
inside op remember "what the user's data holds"
inside root upgrade "upgrade to $version"
inside op kept "data and settings after the upgrade"
inside op on_screen_again "on an X screen after the upgrade"
inside op portable "the portable archive, as unpacked"
inside root remove "remove"
inside root purge "purge"

say "pictures"
for dump in "$shots"/*.xwd; do
    $python packaging/screen_dump.py "$dump" "${dump%.xwd}.png" || fail "nothing is to be seen"
done

say "workers and command line from the wheel, with no Qt installed"
packaging/headless-test.sh "$work/headless" || exit 1
say "all good; pictures in $shots"
