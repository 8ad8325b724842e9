#!/bin/sh
# Install the system libraries that Qt's wheels need. On Debian and its derivatives this installs
# missing packages as root; for other users it prints the command and fails. On other systems the
# package names are unknown: there `linked` checks with ldd, once the wheels are installed.
#
# Usage: system-libraries.sh run|test [MORE PACKAGES]
#        system-libraries.sh linked SITE_PACKAGES
# shellcheck disable=SC2086 # lists of packages are split into words on purpose
set -u

# Every window, even on the offscreen platform. A minimal Debian has no font.
window="libglib2.0-0 libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon0 libx11-6 libfreetype6
    fonts-dejavu-core"
# Libraries that QtNetwork is linked to.
network="libgssapi-krb5-2 libbrotli1"
# The xcb plugin (X11). If any of these is missing, the error message of Qt names libxcb-cursor0.
x11="libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-randr0 libxcb-render-util0
    libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libxcb-sync1 libxcb-xfixes0 libxcb-render0
    libxcb-shm0 libxcb-util1 libx11-xcb1"
# Optional: chat messages contain emoji, which are shown as boxes without this font.
optional="fonts-noto-color-emoji"
# End-to-end tests show the window on a virtual screen.
test_screen="xvfb xauth"

# Print the arguments that are not installed. In newer releases some names have the suffix t64.
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
        echo "setup: apt-get update failed (see $log); trying with the existing package lists"
    if ! apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        echo "setup: apt-get could not install them; the complete log is $log" >&2
        exit 1
    fi
}

print_command() {
    install="apt-get update && apt-get install -y --no-install-recommends $*"
    echo "setup: system packages are missing. Run this as root, then try again:" >&2
    if command -v sudo >/dev/null 2>&1; then
        echo "  sudo sh -c '$install'" >&2
    else
        echo "  su -c '$install'" >&2
    fi
}

unlinked() {
    ldd "$@" 2>/dev/null | awk '/not found/ { print $1 }' | sort -u
}

# Libraries that every window needs stop the set-up. Those that only X11 needs are a note: the
# display may be Wayland.
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
    run) required="$window $network $x11" ;;
    test) required="$window $network $x11 $test_screen" ;;
    *) echo "usage: system-libraries.sh run|test|linked" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || exit 0
missing=$(missing_packages "$@" $required)
missing_optional=$(missing_packages $optional)
if [ "$(id -u)" = 0 ]; then
    [ -z "$missing" ] || install_packages $missing
    # In a subshell, so that a failure does not stop the set-up.
    [ -z "$missing_optional" ] || (install_packages $missing_optional) ||
        echo "setup: continuing without $missing_optional"
elif [ -n "$missing" ]; then
    print_command $missing $missing_optional
    exit 1
fi
