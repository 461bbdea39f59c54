#!/usr/bin/env bash
# Compares two builds of the image bit by bit, each part by itself, so that it says where a difference comes from: `image/compare.sh FOLDER FOLDER`, each an out/image.
# Fails if anything differs that docs/image.md ("Two builds") does not list.
. "$(dirname "$0")/lib.sh"
first=$(realpath "$1") second=$(realpath "$2")
name=holdfast-$VERSION
work=$(mktemp -d "${TMPDIR:-/var/tmp}/holdfast-compare.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "what differs"
differs=0
same() { # a name for people, two files
    if cmp -s "$2" "$3"; then printf '  same     %s\n' "$1"; else printf '  DIFFERS  %s\n' "$1"; differs=$((differs + 1)); return 1; fi
}
programs() { (cd "$1/programs" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
listing() { # every file of a root, as the squashfs has it: kind, rights, owner, time, target, content
    (cd "$1" && find . -printf '%P %y %m %U:%G %T@ %l\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum)
}
programs "$first" > "$work/a"; programs "$second" > "$work/b"
same "our programs" "$work/a" "$work/b" || { diff "$work/a" "$work/b" | head -n 40 || true; }
for file in packages.txt sbom.json vmlinuz initrd "holdfast_$VERSION.efi"; do same "$file" "$first/$file" "$second/$file" || true; done
same root.squashfs "$first/root.squashfs" "$second/root.squashfs" || {
    listing "$first/root" > "$work/a"; listing "$second/root" > "$work/b"
    diff "$work/a" "$work/b" | head -n 80 || true
}
same "$name.raw" <(zstd -dcq "$first/$name.raw.zst") <(zstd -dcq "$second/$name.raw.zst") || true
for file in "$name.raw.zst" "$name.qcow2"; do same "$file" "$first/$file" "$second/$file" || true; done
deb=deb/holdfast_${VERSION}_amd64.deb
[ ! -e "$first/../$deb" ] || same "$(basename "$deb")" "$first/../$deb" "$second/../$deb" || true
# The bundle's signature has a time and its verity tree a salt; what is signed has neither.
for one in first second; do unsquashfs -quiet -no-progress -d "$work/bundle-$one" "${!one}/$name.raucb" >/dev/null; done
for file in root.img kernel.efi hook version; do same "$file of the update bundle" "$work/bundle-first/$file" "$work/bundle-second/$file" || true; done
same "manifest of the update bundle" <(grep -v ^verity "$work/bundle-first/manifest.raucm") <(grep -v ^verity "$work/bundle-second/manifest.raucm") || true
cmp -s "$first/$name.raucb" "$second/$name.raucb" && echo "  same     $name.raucb" || echo "  listed   $name.raucb: salt and time of its signature"
# Whoever was made an account on the day of building would differ tomorrow.
day=$(($(stat -c %Y "$second/root/etc/shadow") / 86400))
later=$(cut -d: -f1,3 "$second/root/etc/shadow" | awk -F: -v day=$day '$2 > day { print $1 }')
[ -z "$later" ] && echo "  same     days of accounts" || { echo "  DIFFERS  tomorrow: accounts made on the day of building: $later"; differs=$((differs + 1)); }
[ $differs -eq 0 ] || die "$differs parts differ"
say "two builds are the same"
