#!/usr/bin/env bash
# Builds the image a second time, from a copy of the tree in another folder and at another time, and compares it with the first (image/compare.sh). KEEP=1 takes what
# lies in out/image as the first; FRESH=1 gives the second a cache of its own, so that the build root is made and the ZFS modules are compiled again. As root.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || die "building the image needs root"
first=$OUT
name=holdfast-$VERSION
[ "${KEEP:-0}" = 1 ] && [ -e "$first/$name.raw.zst" ] || image/build.sh
again=$(mktemp -d "${TMPDIR:-/var/tmp}/holdfast-again.XXXXXX")
trap 'rm -rf --one-file-system "$again"' EXIT
mkdir "$again/another-place"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -d --preserve=mode -t "$again/another-place"
say "the second build, in $again"
cache=$CACHE
[ "${FRESH:-0}" != 1 ] || { cache=$again/cache; mkdir -p "$cache"; cp -a "$CACHE/development-key" "$cache/" 2>/dev/null || true; }
# umask: files are to have the rights that the scripts give them, not those of whoever builds.
(cd "$again/another-place" && umask 077 && HOLDFAST_IMAGE_CACHE=$cache OUT= VERSION=$VERSION image/build.sh)
second=$again/another-place/out/image
PUBLISHED=1 image/deb.sh >/dev/null
(cd "$again/another-place" && umask 077 && HOLDFAST_IMAGE_CACHE=$cache OUT= VERSION=$VERSION PUBLISHED=1 image/deb.sh >/dev/null)

image/compare.sh "$first" "$second"
