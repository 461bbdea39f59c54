#!/usr/bin/env bash
# A Debian package of the two prebuilt ZFS modules, made in the build root: it stands in for zfs-dkms, which would bring a compiler onto the box.
. "$(dirname "$0")/lib.sh"
root=$CACHE/build-root
kernel=$(basename "$(ls -d "$root"/lib/modules/*)")
zfs=$(in_build_root dpkg-query -W -f='${Version}' zfs-dkms)
to=$CACHE/holdfast-zfs-modules
rm -rf "$to"; mkdir -p "$to/DEBIAN"
install -D -m 0644 -t "$to/usr/lib/modules/$kernel/updates/dkms" "$root/lib/modules/$kernel"/updates/dkms/{spl,zfs}.ko*
install -D -m 0644 "$root/usr/share/doc/zfs-dkms/copyright" "$to/usr/share/doc/holdfast-zfs-modules/copyright"
printf '%s\n' "Package: holdfast-zfs-modules" "Version: $zfs" "Architecture: amd64" "Maintainer: Holdfast <root@localhost>" \
    "Provides: zfs-modules (= $zfs)" "Depends: linux-image-$kernel" "Section: contrib/kernel" "Priority: optional" \
    "Description: OpenZFS modules built for kernel $kernel" > "$to/DEBIAN/control"
dpkg-deb --root-owner-group -Zxz -b "$to" "$CACHE/holdfast-zfs-modules.deb" >/dev/null
