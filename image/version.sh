#!/usr/bin/env bash
# What a version consists of: the root as a squashfs, and a kernel that finds it by the version's label. Written to out/image/root.squashfs and holdfast_VERSION.efi.
# LEVEL= is the effort of compressing (1 to 22).
. "$(dirname "$0")/lib.sh"
work=$CACHE/build-root/build
say "version $VERSION"
rm -rf "$work"; mkdir -p "$work"
find "$OUT/root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} + 2>/dev/null || true
mksquashfs "$OUT/root" "$OUT/root.squashfs" -noappend -quiet -no-progress -comp zstd -Xcompression-level "${LEVEL:-15}"
cp "$OUT/vmlinuz" "$OUT/initrd" "$OUT/root/etc/os-release" "$work/"
in_build_root ukify build --linux=/build/vmlinuz --initrd=/build/initrd --os-release=@/build/os-release \
    --cmdline="root=PARTLABEL=holdfast_$VERSION ro rootfstype=squashfs console=ttyS0,115200 console=tty0 quiet panic=30" \
    --output="/build/holdfast_$VERSION.efi" >/dev/null
rm -f "$OUT"/holdfast_*.efi
mv "$work/holdfast_$VERSION.efi" "$OUT/"
rm -rf "$work"
