#!/usr/bin/env bash
# The update bundle: the same root and kernel as the flashable disk, signed. Written to out/image/holdfast-VERSION.raucb, with its checksum. Takes what image/disk.sh left.
. "$(dirname "$0")/lib.sh"
say "update bundle"
work=$CACHE/build-root/build
name=holdfast-$VERSION.raucb
key=${UPDATE_KEY:-$CACHE/development-key/key.pem}
rm -rf "$work"; mkdir -p "$work/bundle"; chmod 700 "$work"
cp "$OUT/root.squashfs" "$work/bundle/root.img"
cp "$OUT/holdfast_$VERSION.efi" "$work/bundle/kernel.efi"
cp image/bundle/hook "$work/bundle/"
printf '%s\n' "$VERSION" > "$work/bundle/version"
cat > "$work/bundle/manifest.raucm" <<TEXT
[update]
compatible=holdfast-x86-64
version=$VERSION
build=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%dT%H%M%SZ)

[bundle]
format=verity

[hooks]
filename=hook
hooks=install-check

[image.rootfs]
filename=root.img
hooks=pre-install;post-install
TEXT
find "$work/bundle" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
cp "$OUT/keys/cert.pem" "$work/cert.pem"
install -m 0600 "$key" "$work/key.pem"
in_build_root rauc --cert=/build/cert.pem --key=/build/key.pem bundle /build/bundle "/build/$name" >/dev/null
in_build_root rauc --keyring=/build/cert.pem info "/build/$name" >/dev/null
rm -f "$work/key.pem" "$OUT/$name" "$OUT/$name.sha256"
mv "$work/$name" "$OUT/"
(cd "$OUT" && sha256sum "$name" > "$name.sha256")
rm -rf "$work"
ls -l --block-size=M "$OUT/$name"
