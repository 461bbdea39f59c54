#!/usr/bin/env bash
# Tries the Debian package where it is to be used: in a Debian 12 and a Debian 13 (folders made by mmdebstrap, kept in the cache) it is installed by apt, the service is
# started as its unit starts it, a backup goes in and comes back, it is upgraded, removed and purged, and the data must still be there. SUITES= picks; as root.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || die "trying the package needs root: it installs into a folder (chroot)"
deb=$TREE/out/deb/holdfast_${VERSION}_amd64.deb
[ -r "$deb" ] || die "$deb is not there: make deb"
passed=0
holds() { printf '  ok  %s\n' "$1"; passed=$((passed + 1)); }

say "the file"
dpkg-deb --info "$deb" >/dev/null && holds "dpkg-deb reads it"
[ -z "$(dpkg-deb --contents "$deb" | awk '$2 != "root/root"')" ] && holds "all of it is root's"
[ -z "$(dpkg-deb --contents "$deb" | awk '$6 ~ /^\.\/(state|var|home|root|tmp|run|opt|mnt)\//')" ] && holds "nothing outside /usr and /etc"
[ -z "$(dpkg-deb --contents "$deb" | grep -E '^-.{7}w|^-..[sS]|^-.{5}[sS]' || true)" ] && holds "nothing is writable by all, or setuid"

check() { # in a suite's folder, with a network of its own
    local suite=$1 root=$CACHE/deb-$1
    say "$suite"
    if [ ! -e "$root/.done" ]; then
        rm -rf "$root"
        # The folder has no init that could start services: Debian's own way to say so.
        SUITE=$suite sources | mmdebstrap --quiet --mode=root --variant=apt --aptopt='APT::Install-Recommends "false"' \
            --include=ca-certificates,systemd,postgresql,libzstd1,iproute2,lintian --essential-hook='mkdir -p "$1/etc/postgresql-common/createcluster.d" &&
            echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/holdfast.conf"' \
            --customize-hook='printf "#!/bin/sh\nexit 101\n" > "$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"' "$suite" "$root" -
        touch "$root/.done"
    fi
    local work; work=$(mktemp -d "$CACHE/deb-try.XXXXXX")
    cp -a --reflink=auto "$root/." "$work/"
    cp "$deb" "$work/var/tmp/holdfast.deb"
    install -m 0755 image/deb-check-inside.sh "$work/var/tmp/"
    local status=0
    unshare --mount --pid --fork --net sh -c 'ip link set lo up; mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/run"; mount -t tmpfs tmpfs "$1/dev/shm" 2>/dev/null
        exec chroot "$1" /var/tmp/deb-check-inside.sh' sh "$work" || status=$?
    rm -rf --one-file-system "$work"
    [ $status -eq 0 ] || die "$suite: failed"
    passed=$((passed + 1))
}
for suite in ${SUITES:-bookworm trixie}; do check "$suite"; done
say "the package holds ($passed checks, and those of each suite)"
