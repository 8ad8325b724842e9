#!/bin/sh
# Create an AppImage from the bundle. APPIMAGETOOL is the path of appimagetool, which CI downloads: no
# package index has it.
#
# Usage: APPIMAGETOOL=… packaging/appimage/appimage.sh VERSION
set -eu
cd "$(dirname "$0")/../.."

version=${1:?usage: appimage.sh VERSION}
tool=${APPIMAGETOOL:?set it to the path of appimagetool}
bundle=build/package/bundle/pulse-desktop
folder=build/package/pulse-desktop.AppDir

[ -d "$bundle" ] || {
    echo "appimage: $bundle is missing: make package" >&2
    exit 1
}
rm -rf "$folder"
mkdir -p "$folder/usr/lib"
cp -a "$bundle" "$folder/usr/lib/pulse-desktop"
mv "$folder/usr/lib/pulse-desktop/share" "$folder/usr/share"
cp packaging/appimage/AppRun "$folder/AppRun"
chmod 755 "$folder/AppRun"
cp "$folder/usr/share/applications/pulse-desktop.desktop" "$folder/"
cp "$folder/usr/share/icons/hicolor/256x256/apps/pulse-desktop.png" "$folder/"
ln -s pulse-desktop.png "$folder/.DirIcon"
mkdir -p dist
ARCH=$(uname -m) VERSION=$version "$tool" --no-appstream "$folder" \
    "dist/pulse-desktop-$version-$(uname -m).AppImage"
