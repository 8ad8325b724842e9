#!/bin/sh
# macOS: create the disk image from the bundle, signed and notarized if there are keys.
#
#   MACOS_IDENTITY        "Developer ID Application: …" in the keychain; default: ad hoc signature
#   MACOS_NOTARY_PROFILE  a profile of notarytool; default: not notarized
#
# Usage: packaging/macos/dmg.sh VERSION
set -eu
cd "$(dirname "$0")/../.."

version=${1:?usage: dmg.sh VERSION}
bundle=build/package/bundle
app="$bundle/Pulse Desktop.app"
image=dist/pulse-desktop-$version-macos-$(uname -m).dmg
stage=build/package/dmg

[ -d "$app" ] || {
    echo "dmg: $app is missing: python packaging/build.py wheel freeze" >&2
    exit 1
}

# Every file is signed, then the bundle: --deep would give nats-server the entitlements of the window.
identity=${MACOS_IDENTITY:--}
find "$app/Contents" -type f \( -name '*.dylib' -o -name '*.so' -o -path '*/MacOS/*' -o -name nats-server \) \
    -exec codesign --force --timestamp="$([ "$identity" = - ] && echo none || echo)" \
    --options runtime --entitlements packaging/macos/entitlements.plist --sign "$identity" {} \;
codesign --force --options runtime --entitlements packaging/macos/entitlements.plist \
    --sign "$identity" "$app"
codesign --verify --strict "$app"

rm -rf "$stage"
mkdir -p "$stage"
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
cp -R "$bundle/pulse-desktop/LICENSE" "$bundle/pulse-desktop/third-party" \
    "$bundle/pulse-desktop/sbom.cdx.json" "$stage/"
hdiutil create -volname "Pulse Desktop $version" -srcfolder "$stage" -fs APFS -format ULFO -ov "$image"

if [ "$identity" != - ]; then
    codesign --sign "$identity" "$image"
fi
if [ -n "${MACOS_NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$MACOS_NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
fi
echo "dmg: $image"
