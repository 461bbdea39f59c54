#!/usr/bin/env bash
# For the rig only: the last build under another version number, as an update bundle, quickly compressed. `image/variant.sh 0.2.0 [ill]`; ill = its service never comes up,
# and the check of its health waits 10 s instead of 120. Written to out/image/variant-VERSION/.
. "$(dirname "$0")/lib.sh"
from=$OUT
export VERSION=$1 OUT=$OUT/variant-$1 LEVEL=1
rm -rf "$OUT"; mkdir -p "$OUT"
cp -a --reflink=auto "$from/root" "$from/keys" "$from/vmlinuz" "$from/initrd" "$OUT/"
was=$(cat "$OUT/root/usr/share/holdfast/version")
echo "$VERSION" > "$OUT/root/usr/share/holdfast/version"
sed -i "s/$was/$VERSION/g" "$OUT/root/etc/os-release"
if [ "${2:-}" = ill ]; then
    sed -i 's|^ExecStart=.*|ExecStart=/usr/bin/false|' "$OUT/root/usr/lib/systemd/system/holdfastd.service"
    sed -i 's|--wait 120|--wait 10|' "$OUT/root/usr/lib/systemd/system/holdfast-healthy.service"
fi
image/version.sh
image/bundle.sh
rm -rf "$OUT/root"
