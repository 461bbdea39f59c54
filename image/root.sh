#!/usr/bin/env bash
# The product's root: Debian packages of image/packages, the ZFS modules, our programs, and the files of image/root. Written to out/image/root; its kernel and
# initial file system beside it.
. "$(dirname "$0")/lib.sh"
root=$OUT/root
say "root"
rm -rf "$root"
hooks=()
case $ZFS in
prebuilt) image/zfs-modules.sh
    with=$(packages | grep -v '^zfs' | paste -sd,)
    hooks=("--customize-hook=copy-in '$CACHE/holdfast-zfs-modules.deb' /var/tmp" '--customize-hook=chroot "$1" apt-get install -y -qq \
        --no-install-recommends /var/tmp/holdfast-zfs-modules.deb zfsutils-linux zfs-zed >/dev/null && rm "$1/var/tmp/holdfast-zfs-modules.deb"') ;;
dkms) with=$(packages | paste -sd,),linux-headers-amd64,zfs-dkms ;;
none) with=$(packages | grep -v '^zfs' | paste -sd,) ;;
*) die "ZFS=$ZFS: prebuilt, dkms or none" ;;
esac
# Nobody reads manuals on the box, and it speaks English.
sources | mmdebstrap --quiet --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common/createcluster.d" && echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/holdfast.conf"' \
    "${hooks[@]}" --include="$with" $SUITE "$root" -
kernel=$(basename "$(ls -d "$root"/usr/lib/modules/*)")
[ "$ZFS" != prebuilt ] || ls "$root/usr/lib/modules/$kernel"/updates/dkms/zfs.ko* >/dev/null 2>&1 \
    || die "the ZFS modules in the cache are of another kernel than $kernel: remove $CACHE/build-root and build again"
[ "$ZFS" = none ] || chroot "$root" depmod "$kernel"

# Accounts with fixed numbers: what they own lies on partitions that outlive this root.
lay image/service "$root"
chroot "$root" systemd-sysusers holdfast.conf
chroot "$root" passwd --lock root >/dev/null

mkdir -p "$root/usr/lib/holdfast" "$root/usr/share/holdfast"
cp -r "$OUT/programs/." "$root/usr/lib/holdfast/"
for program in holdfastd holdfast holdfast-agent; do ln -sf "../lib/holdfast/$program" "$root/usr/bin/$program"; done
lay image/root "$root"
printf '%s\n' "$VERSION" > "$root/usr/share/holdfast/version"
rm -f "$root/etc/os-release"
sed "s/@VERSION@/$VERSION/" image/os-release > "$root/etc/os-release"
# Whose updates this version takes.
install -D -m 0644 "$OUT/keys/cert.pem" "$root/etc/rauc/keyring.pem"
if [ -e "$OUT/keys/development" ]; then
    touch "$root/usr/share/holdfast/development-image"
    sed -i 's/^PRETTY_NAME="\(.*\)"/PRETTY_NAME="\1 (DEVELOPMENT IMAGE)"/' "$root/etc/os-release"
    printf '*** DEVELOPMENT IMAGE: updates are signed with a throw-away key. Not for a box that somebody trusts.\n\n' >> "$root/etc/issue"
fi

# What starts, and what does not: the appliance decides, not the packages.
chroot "$root" systemctl --quiet preset-all
chroot "$root" systemctl --quiet set-default multi-user.target
rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/etc/hostid"
: > "$root/etc/machine-id"
echo holdfast > "$root/etc/hostname"
# Made by packages when they were installed, and not to be the same on every box: Debian's test certificate with its key, and the name that NVMe targets know a host by.
rm -f "$root"/etc/ssl/private/ssl-cert-snakeoil.key "$root"/etc/ssl/certs/ssl-cert-snakeoil.pem "$root"/etc/nvme/hostid "$root"/etc/nvme/hostnqn
find "$root/etc/ssl/certs" -lname '*ssl-cert-snakeoil.pem' -delete

say "initial file system"
install -m 0755 -t "$root/etc/initramfs-tools/scripts/init-bottom" image/initramfs/holdfast-overlay
cp image/initramfs/modules "$root/etc/initramfs-tools/modules"
printf 'MODULES=list\nCOMPRESS=zstd\nBUSYBOX=auto\nRESUME=none\nFSTYPE=squashfs\n' > "$root/etc/initramfs-tools/conf.d/holdfast"
chroot "$root" env SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" update-initramfs -c -k "$kernel" >/dev/null 2>&1 || chroot "$root" update-initramfs -u -k "$kernel"
cp "$root/boot/vmlinuz-$kernel" "$OUT/vmlinuz"
cp "$root/boot/initrd.img-$kernel" "$OUT/initrd"
chroot "$root" dpkg-query -W -f='${Package} ${Version} ${Architecture}\n' | sort > "$OUT/packages.txt"
# What was tried is written down. A mirror that has moved on is no reason to stop, but nobody shall find out later.
if ! cmp -s image/packages.lock "$OUT/packages.txt"; then
    say "other package versions than in image/packages.lock (make image-lock writes them down)"
    diff image/packages.lock "$OUT/packages.txt" || true
    [ "${LOCKED:-0}" != 1 ] || die "LOCKED=1: not built with other versions than those written down"
fi
image/sbom.sh

# PostgreSQL goes without its compiler of queries when that is not there: 130 MB that a ledger never calls.
rm -rf "$root"/usr/lib/x86_64-linux-gnu/libLLVM* "$root"/usr/lib/postgresql/17/lib/llvmjit* "$root"/usr/lib/postgresql/17/lib/bitcode "$root"/usr/src/*

# Nothing that a build leaves behind, and nothing that only installing needs.
rm -rf "$root"/boot/* "$root"/var/cache/* "$root"/var/log/* "$root"/var/lib/apt/lists/* "$root"/tmp/* "$root"/etc/apt/sources.list.d/* "$root"/vmlinuz* "$root"/initrd*
rm -f "$root/etc/resolv.conf" && ln -s /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/state" "$root/ledger" "$root/efi" "$root/mnt/datastore" "$root/mnt/holdfast"
du -sh "$root"
