#!/bin/sh
# Qt's wheels carry Qt but not the libraries of the system under it. On Debian and its relatives
# this installs what is missing when it may (root), else prints the one command that does it and
# stops. Elsewhere the package names are not known; there `linked` asks the loader, once the wheels
# are installed.
#
# Usage: system-libraries.sh run|test [MORE PACKAGES]
#        system-libraries.sh linked SITE_PACKAGES
# shellcheck disable=SC2086 # lists of packages are split into words on purpose
set -u

# Any window, even one that nobody sees (the offscreen platform). Plain Debian has no font at all.
window="libglib2.0-0 libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon0 libx11-6 libfreetype6
    fonts-dejavu-core"
# QtNetwork: the name resolver and authentication it links to.
network="libgssapi-krb5-2 libbrotli1"
# The xcb plugin, that is X11. Qt blames libxcb-cursor0 whichever of these is missing.
x11="libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-randr0 libxcb-render-util0
    libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libxcb-sync1 libxcb-xfixes0 libxcb-render0
    libxcb-shm0 libxcb-util1 libx11-xcb1"
# Chat is full of emoji, and a system without them shows boxes. Nothing fails for want of it.
wished="fonts-noto-color-emoji"
# End-to-end tests open the real window on a screen of their own.
test_screen="xvfb xauth"

# Packages among the arguments that are not installed. Newer releases end some names in t64.
missing_packages() {
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null)
    for package in "$@"; do
        printf '%s\n' "$installed" | grep -qxE "installed ${package}(t64)?" ||
            printf '%s ' "$package"
    done
}

install_packages() {
    mkdir -p build
    log=build/setup-apt.log
    echo "setup: installing with apt-get: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >"$log" 2>&1 ||
        echo "setup: apt-get update failed (see $log); trying with the lists at hand"
    if ! apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        echo "setup: apt-get could not install them; the whole story is in $log" >&2
        exit 1
    fi
}

print_command() {
    install="apt-get update && apt-get install -y --no-install-recommends $*"
    echo "setup: system packages are missing that only root can install. Run this, then repeat:" >&2
    if command -v sudo >/dev/null 2>&1; then
        echo "  sudo sh -c '$install'" >&2
    else
        echo "  su -c '$install'" >&2
    fi
}

unlinked() {
    ldd "$@" 2>/dev/null | awk '/not found/ { print $1 }' | sort -u
}

# What no window can do without stops the set-up. What only X11 needs is a note: the screen may be
# another kind.
report_unlinked() {
    qt=$1/PySide6/Qt
    command -v ldd >/dev/null 2>&1 && [ -d "$qt" ] || return 0
    needed=$(unlinked "$qt"/lib/libQt6Gui.so.6 "$qt"/lib/libQt6Widgets.so.6 \
        "$qt"/lib/libQt6Network.so.6 "$qt"/plugins/platforms/libqoffscreen.so)
    needed_x11=$(unlinked "$qt"/plugins/platforms/libqxcb.so)
    if [ -n "$needed" ]; then
        echo "setup: Qt needs libraries that this system lacks. Install the packages that hold:" >&2
        printf '%s\n%s\n' "$needed" "$needed_x11" | sort -u | sed '/^$/d; s/^/  /' >&2
        return 1
    fi
    if [ -n "$needed_x11" ]; then
        echo "setup: note: a window on X11 also needs the packages that hold:" >&2
        printf '%s\n' "$needed_x11" | sed 's/^/  /' >&2
    fi
}

purpose=${1:?usage: system-libraries.sh run|test|linked}
shift
case $purpose in
    linked)
        [ "$(uname -s)" = Linux ] || exit 0
        report_unlinked "$1"
        exit
        ;;
    run) wanted="$window $network $x11" ;;
    test) wanted="$window $network $x11 $test_screen" ;;
    *) echo "usage: system-libraries.sh run|test|linked" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || exit 0
missing=$(missing_packages "$@" $wanted)
nice=$(missing_packages $wished)
if [ "$(id -u)" = 0 ]; then
    [ -z "$missing" ] || install_packages $missing
    # In a shell of its own: that it cannot be had is no reason to stop.
    [ -z "$nice" ] || (install_packages $nice) || echo "setup: going on without $nice"
elif [ -n "$missing" ]; then
    print_command $missing $nice
    exit 1
fi
