#!/bin/bash
# The part of image/deb-check.sh that runs inside the Debian: install, start, back up, restore, upgrade, remove, purge. Stops at the first thing that does not hold.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
deb=/var/tmp/holdfast.deb data=/var/lib/holdfast
holds() { printf '  ok  %s\n' "$1"; }
fails() { printf '  NOT %s\n' "$1" >&2; for log in /var/tmp/*.log; do [ ! -s "$log" ] || tail -n 20 "$log" >&2; done; exit 1; }
stop_all() { for pid in ${service:-} ${agent:-}; do kill -TERM "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; }
trap stop_all EXIT
trap 'fails "line $LINENO went"' ERR

lintian --allow-root --tag-display-limit 0 --fail-on error "$deb" > /var/tmp/lintian.log 2>&1 || { cat /var/tmp/lintian.log; fails "lintian finds no error"; }
holds "lintian finds no error ($(grep -c '^W:' /var/tmp/lintian.log || true) warnings)"

apt-get install -y -qq --no-install-recommends $deb > /var/tmp/install.log 2>&1 || fails "apt installs it"
[ "$(dpkg-query -W -f='${Status}' holdfast)" = 'install ok installed' ] || fails "apt installs it"
holds "apt installs it: $(ls /usr/lib/postgresql | sed 's/^/PostgreSQL /')"
dpkg --verify holdfast | grep . && fails "every file is as packed"
holds "every file is as packed"
[ "$(stat -c '%U:%G %a' $data)" = 'holdfast:holdfast 750' ] || fails "the data folder is the service's alone"
[ "$(getent shadow holdfast | cut -d: -f2 | cut -c1)" = '!' ] || fails "the account has no password"
[ ! -e $data/initial-admin-password ] || fails "no password before the first start"
holds "account $(id -u holdfast) without a password, data folder its own"
systemctl is-enabled --quiet holdfastd.service holdfast-agent.service || fails "both units start at boot"
systemd-analyze verify holdfastd.service holdfast-agent.service > /var/tmp/verify.log 2>&1 || fails "systemd understands both units"
! grep -i holdfast /var/tmp/verify.log || fails "systemd understands both units"
holds "both units start at boot, and systemd understands them"
missing=$(find /usr/lib/holdfast -name '*.so' ! -name libcoreclrtraceptprovider.so -exec ldd {} + 2>/dev/null | grep 'not found' || true)
[ -z "$missing" ] || fails "every library is there: $missing"
holds "every library that the programs need comes with what it depends on"
for page in holdfast.1 holdfastd.8 holdfast-agent.8; do [ -s /usr/share/man/man${page##*.}/$page.gz ] || grep -rq 'path-exclude.*man' /etc/dpkg/dpkg.cfg.d || fails "manual of $page"; done

# What the units say, by hand: a folder without init can't start units.
unit() { sed -n "s/^$2=//p" /usr/lib/systemd/system/$1.service; }
start() {
    install -d -m 0755 /run/holdfast
    env $(unit holdfast-agent Environment) $(unit holdfast-agent ExecStart) >> /var/tmp/agent.log 2>&1 &
    agent=$!
    setpriv --reuid=holdfast --regid=holdfast --init-groups --no-new-privs env $(unit holdfastd Environment) $(unit holdfastd ExecStart) >> /var/tmp/service.log 2>&1 &
    service=$!
    holdfast health --data $data --wait 300 > /var/tmp/health.log 2>&1 || fails "the service becomes healthy"
}
start
holds "the service becomes healthy, as user holdfast, with the agent beside it"
[ "$(stat -c '%U %a' $data/initial-admin-password)" = 'holdfast 600' ] || fails "the first password is its owner's alone"
ss -tln 2>/dev/null | grep -q ':8007 ' || fails "port 8007"
export PBS_REPOSITORY=admin@pbs@127.0.0.1:8007:main PBS_PASSWORD=$(cat $data/initial-admin-password)
PBS_FINGERPRINT=$(sha256sum < <(openssl x509 -in $data/tls/cert.pem -outform DER) | cut -c1-64 | sed 's/../&:/g; s/:$//')
export PBS_FINGERPRINT
holdfast backup usr.pxar:/usr/share/holdfast --backup-id try > /var/tmp/backup.log 2>&1 || fails "a backup goes in"
snapshot=host/try/$(ls $data/datastores/main/host/try | grep '^20')
restored() { rm -rf /var/tmp/back && holdfast restore "$snapshot" usr.pxar /var/tmp/back > /var/tmp/restore.log 2>&1 && diff -r /usr/share/holdfast /var/tmp/back; }
restored || fails "the backup comes back"
holds "a backup goes in and comes back the same"
holdfast pool list > /var/tmp/pools.log 2>&1 || grep -qi zfs /var/tmp/pools.log || fails "the agent answers the service"
! holdfast time zone Europe/Vienna > /var/tmp/zone.log 2>&1 && grep -q 'its own means' /var/tmp/zone.log || fails "what the image alone has is refused"
holds "the agent answers the service; what only the image has is refused: $(grep -o 'this machine.*' /var/tmp/zone.log | head -1)"

stop_all
head=$(cat $data/ledger-head | sha256sum)
dpkg -i $deb > /var/tmp/upgrade.log 2>&1 || fails "it is installed over itself"
start
restored || fails "the backup comes back after an upgrade"
holds "an upgrade keeps all"
stop_all
dpkg --remove holdfast > /var/tmp/remove.log 2>&1 || fails "it is removed"
[ ! -e /usr/lib/holdfast/holdfastd ] && [ -e /etc/pam.d/holdfast ] || fails "removing takes the programs and leaves the settings"
dpkg --purge holdfast > /var/tmp/purge.log 2>&1 || fails "it is purged"
grep -q 'the data stays' /var/tmp/purge.log || fails "purging says that the data stays"
[ ! -e /etc/pam.d/holdfast ] && [ -s $data/keys/ledger.pem ] && [ -d $data/datastores/main ] && [ -d $data/ledger/cluster ] || fails "purging leaves the data"
getent passwd holdfast >/dev/null || fails "purging leaves the owner of the data"
holds "removed and purged: the data is still there, and it says so"
apt-get install -y -qq --no-install-recommends $deb > /var/tmp/again.log 2>&1 || fails "it is installed again"
start
restored || fails "the backup comes back after purge and install"
holds "installed again: the old data is taken up"
