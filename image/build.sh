#!/usr/bin/env bash
# `make image`: everything from packages to the file that is flashed. Steps can be run alone; each says what it makes.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || die "building the image needs root: it installs packages into a folder (chroot)"
started=$SECONDS
image/build-root.sh
image/keys.sh
image/publish.sh
image/root.sh
image/version.sh
image/disk.sh
image/bundle.sh
say "done in $((SECONDS - started)) s: $OUT"
