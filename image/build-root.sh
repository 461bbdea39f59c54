#!/usr/bin/env bash
# The build root: a Debian with compiler, kernel headers, image tools and the ZFS modules built by DKMS. Made once, kept in the cache; nothing of it but the two
# modules gets into the product.
. "$(dirname "$0")/lib.sh"
root=$CACHE/build-root
tools="systemd-ukify systemd-boot-efi systemd-repart e2fsprogs rauc squashfs-tools dosfstools mtools zstd"
[ -e "$root/.done" ] && [ "$(cat "$root/.done")" = "$tools" ] && exit 0
if [ -e "$root/.done" ]; then
    say "build root: other tools than last time"
    in_build_root apt-get update -qq
    in_build_root apt-get install -y -qq --no-install-recommends $tools >/dev/null
    echo "$tools" > "$root/.done"
    exit 0
fi
say "build root (once; some four minutes of compiling)"
rm -rf "$root"
sources | mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates $SUITE "$root" -
# zfs-dkms looks at the kernel that runs here, which is not the one it is to be built for: its own build is skipped, and asked for by name below.
printf 'zfs-dkms zfs-dkms/%s\n' 'note-incompatible-licenses note true' 'stop-build-for-32bit-kernel boolean true' \
    'stop-build-for-unknown-kernel boolean true' | in_build_root debconf-set-selections
in_build_root apt-get update -qq
in_build_root apt-get install -y -qq --no-install-recommends linux-headers-amd64 dkms build-essential zfs-dkms $tools >/dev/null
kernel=$(basename "$(ls -d "$root"/lib/modules/*)")
in_build_root dkms install -m zfs -v "$(basename "$root"/usr/src/zfs-* | sed 's/^zfs-//')" -k "$kernel" >"$CACHE/dkms.log" 2>&1 || true
ls "$root"/lib/modules/*/updates/dkms/zfs.ko* >/dev/null 2>&1 || die "the ZFS modules were not built: see $CACHE/dkms.log"
echo "$tools" > "$root/.done"
