#!/usr/bin/env bash
# The flashable disk: boot loader, the version with its boot counting, partitions. Needs no loop device and no mount. Writes out/image/holdfast-VERSION.raw.zst, its
# checksum, and a qcow2 of the same.
. "$(dirname "$0")/lib.sh"
work=$CACHE/build-root/build
name=holdfast-$VERSION
say "disk"
rm -rf "$work"; mkdir -p "$work/stage/esp/EFI/BOOT" "$work/stage/esp/EFI/systemd" "$work/stage/esp/EFI/Linux" "$work/stage/esp/loader" "$work/repart.d"
loader=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
cp "$CACHE/build-root$loader" "$work/stage/esp/EFI/BOOT/BOOTX64.EFI"
cp "$CACHE/build-root$loader" "$work/stage/esp/EFI/systemd/systemd-bootx64.efi"
printf 'timeout 2\neditor no\nauto-firmware no\n' > "$work/stage/esp/loader/loader.conf"
# Three tries; the count is part of the name, and goes when the service says that it is healthy.
cp "$OUT/holdfast_$VERSION.efi" "$work/stage/esp/EFI/Linux/holdfast_$VERSION+3-0.efi"
cp "$OUT/root.squashfs" "$work/stage/"
find "$work/stage" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +

for file in image/repart.d/*; do sed "s/@VERSION@/$VERSION/" "$file" > "$work/repart.d/$(basename "$file")"; done
# --sector-size: without it the FAT gets sectors that firmware does not read. --seed: the same numbers in every build of a version.
in_build_root env SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" systemd-repart --empty=create --size=2568M --sector-size=512 --offline=yes --dry-run=no \
    --definitions=/build/repart.d --root=/build/stage --seed=7d7f5d7c-6b1d-4f2f-9a37-5b3f1c9f0001 "/build/$name.raw" >/dev/null
rm -f "$OUT/$name".raw* "$OUT/$name".qcow2*
mv "$work/$name.raw" "$OUT/"
qemu-img convert -O qcow2 -c -o compression_type=zstd "$OUT/$name.raw" "$OUT/$name.qcow2"
zstd -q -10 -T0 --rm "$OUT/$name.raw" -o "$OUT/$name.raw.zst"
(cd "$OUT" && sha256sum "$name.raw.zst" > "$name.raw.zst.sha256" && sha256sum "$name.qcow2" > "$name.qcow2.sha256")
rm -rf "$work"
ls -l --block-size=M "$OUT/$name".*
