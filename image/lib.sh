# What all build steps of the image share: names, versions, places. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
TREE=$PWD
OUT=${OUT:-$TREE/out/image}
# Kept between builds, because it is slow to make and changes rarely: the build root with compiler and headers, ZFS modules, downloaded packages.
CACHE=${HOLDFAST_IMAGE_CACHE:-$TREE/out/image-cache}
SUITE=trixie
VERSION=${VERSION:-$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)}
# Times in the image are those of the commit it is built from, so that a second build makes the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Directory.Build.props)}
ZFS=${ZFS:-prebuilt}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive
umask 022
mkdir -p "$OUT" "$CACHE"

say() { printf '\n== %s\n' "$*"; }
die() { printf 'image: %s\n' "$*" >&2; exit 1; }

# Packages come from where this machine gets its own: the first Debian mirror of apt's sources. MIRROR=URL takes another.
mirror() {
    local found
    found=${MIRROR:-$(grep -hE '^(URIs:|deb )' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1)}
    found=${found% }; found=${found%/}
    printf '%s' "${found:-http://deb.debian.org/debian}"
}

sources() {
    local at; at=$(mirror)
    printf 'Types: deb\nURIs: %s\nSuites: %s %s-updates\nComponents: main contrib non-free-firmware\nSigned-By: %s\n\n' \
        "$at" $SUITE $SUITE /usr/share/keyrings/debian-archive-keyring.gpg
    printf 'Types: deb\nURIs: %s\nSuites: %s-security\nComponents: main contrib non-free-firmware\nSigned-By: %s\n' \
        "${at%/debian}/debian-security" $SUITE /usr/share/keyrings/debian-archive-keyring.gpg
}

# Runs a command in the build root; the build root is not part of the product.
in_build_root() {
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' sh "$CACHE/build-root" "$@"
}

# Lays a folder of the tree over another one. Rights are those that git knows (executable or not), times the commit's, however the tree was checked out; folders that are there
# keep theirs.
lay() { tar -C "$1" --mode=u=rwX,go=rX --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" -cf - . | tar -C "$2" --no-overwrite-dir -xpf -; }

packages() { sed 's/#.*//' image/packages | tr -s ' \n' '\n' | grep .; }
