#!/usr/bin/env bash
# Installs the named Debian packages if they are missing, and only then. Not root: says what to install, and stops.
set -euo pipefail
missing=()
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Install them as root:  apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A packaged database server must not start a cluster of its own on this machine: the appliance brings its own.
if [ -d /etc/postgresql-common ] || printf '%s\n' "${missing[@]}" | grep -q '^postgresql'; then
    mkdir -p /etc/postgresql-common/createcluster.d
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/holdfast.conf
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
