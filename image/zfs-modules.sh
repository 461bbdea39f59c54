#!/usr/bin/env bash
# A Debian package of the two prebuilt ZFS modules, made in the build root: it stands in for zfs-dkms, which would bring a compiler onto the box.
. "$(dirname "$0")/lib.sh"
root=$CACHE/build-root
kernel=$(basename "$(ls -d "$root"/lib/modules/*)")
zfs=$(in_build_root dpkg-query -W -f='${Version}' zfs-dkms)
to=$CACHE/holdfast-zfs-modules
rm -rf "$to"; mkdir -p "$to/DEBIAN"
# Without the signature that DKMS puts at the end, made with a key that it invents for each build root and no kernel knows.
mkdir -p "$to/usr/lib/modules/$kernel/updates/dkms"
for module in spl zfs; do
    in_build_root sh -ec 'xz -dc "$1" > /tmp/module.ko && strip --strip-debug /tmp/module.ko && xz -f -T1 --check=crc32 /tmp/module.ko' sh \
        "/lib/modules/$kernel/updates/dkms/$module.ko.xz"
    install -m 0644 "$root/tmp/module.ko.xz" "$to/usr/lib/modules/$kernel/updates/dkms/$module.ko.xz"
done
rm -f "$root/tmp/module.ko.xz"
install -D -m 0644 "$root/usr/share/doc/zfs-dkms/copyright" "$to/usr/share/doc/holdfast-zfs-modules/copyright"
printf '%s\n' "Package: holdfast-zfs-modules" "Version: $zfs" "Architecture: amd64" "Maintainer: Holdfast <root@localhost>" \
    "Provides: zfs-modules (= $zfs)" "Depends: linux-image-$kernel" "Section: contrib/kernel" "Priority: optional" \
    "Description: OpenZFS modules built for kernel $kernel" > "$to/DEBIAN/control"
dpkg-deb --root-owner-group -Zxz -b "$to" "$CACHE/holdfast-zfs-modules.deb" >/dev/null
