#!/bin/sh
# `make package-again`: build the same commit again, in another folder and with a new environment,
# and compare the result with dist/ byte by byte.
set -u
cd "$(dirname "$0")/.." || exit 1

again=build/again
[ -f dist/SHA256SUMS ] || {
    echo "package-again: dist/ is empty: run make package first" >&2
    exit 1
}
rm -rf $again
mkdir -p $again
PACKAGE_ENVIRONMENT=$again/venv packaging/package.sh all \
    --commit "$(cat build/package/commit)" --work $again/made --dist $again/dist ||
    exit 1
if cmp -s dist/SHA256SUMS $again/dist/SHA256SUMS; then
    echo "package-again: all $(wc -l <dist/SHA256SUMS) files are identical"
    rm -rf $again
    exit 0
fi
echo "package-again: files differ:" >&2
diff dist/SHA256SUMS $again/dist/SHA256SUMS >&2
(cd build/package/bundle && find . -type f -exec sha256sum {} +) | sort >$again/first
(cd $again/made/bundle && find . -type f -exec sha256sum {} +) | sort >$again/second
comm -3 $again/first $again/second | head -n 40 >&2
exit 1
