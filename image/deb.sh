#!/usr/bin/env bash
# The service as a Debian package, for people with their own Debian (12, 13): the programs of image/publish.sh, the units and files of image/service (the same as on the
# image), maintainer scripts of image/deb. Written to out/deb/holdfast_VERSION_amd64.deb. Needs no root; the same tree makes the same bytes.
. "$(dirname "$0")/lib.sh"
[ "${PUBLISHED:-0}" = 1 ] || image/publish.sh
say "package"
# Who answers for it, as Debian's own tools take it.
maintainer="${DEBFULLNAME:-Holdfast} <${DEBEMAIL:-packages@holdfast.invalid}>"
to=$TREE/out/deb
tree=$to/tree
rm -rf "$tree"; mkdir -p "$tree"/{DEBIAN,usr/lib/holdfast,usr/bin,usr/share/holdfast,usr/share/doc/holdfast,usr/share/man/man1,usr/share/man/man8}
cp -r "$OUT/programs/." "$tree/usr/lib/holdfast/"
lay image/service "$tree"
for program in holdfastd holdfast holdfast-agent; do ln -s "../lib/holdfast/$program" "$tree/usr/bin/$program"; done
cp -r hardware/profiles "$tree/usr/share/holdfast/"

doc=$tree/usr/share/doc/holdfast
cp image/deb/README.Debian image/deb/copyright docs/operations.md docs/datastore.md docs/write-order.md "$doc/"
printf 'holdfast (%s) unstable; urgency=medium\n\n  * Built from the tree of this date.\n\n -- %s  %s\n' \
    "$VERSION" "$maintainer" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" | gzip -9n > "$doc/changelog.gz"
runtime=$(jq -r '.. | .version? // empty' "$OUT/programs/holdfastd.runtimeconfig.json" | head -1)
notices=$(printf '%s\n' "${NUGET_PACKAGES:-$HOME/.nuget/packages}/microsoft.netcore.app.runtime.linux-x64/$runtime"/THIRD-PARTY-NOTICES.TXT)
[ -r "$notices" ] || die "the notices of the runtime $runtime are not at $notices"
gzip -9nc "$notices" > "$doc/dotnet-notices.gz"
gzip -9nc image/deb/holdfast.1 > "$tree/usr/share/man/man1/holdfast.1.gz"
for page in holdfastd holdfast-agent; do gzip -9nc "image/deb/$page.8" > "$tree/usr/share/man/man8/$page.8.gz"; done

install -D image/deb/lintian-overrides "$tree/usr/share/lintian/overrides/holdfast"

find "$tree" -type d -exec chmod 0755 {} +
find "$tree" -type f -exec chmod 0644 {} +
chmod 0755 "$tree"/usr/lib/holdfast/{holdfastd,holdfast,holdfast-agent,createdump}
install -m 0755 -t "$tree/DEBIAN" image/deb/postinst image/deb/prerm image/deb/postrm
install -m 0644 image/deb/conffiles "$tree/DEBIAN/"
size=$(du -k --apparent-size -s --exclude=DEBIAN "$tree" | cut -f1)
sed "s/@VERSION@/$VERSION/; s/@SIZE@/$size/; s/@MAINTAINER@/$maintainer/" image/deb/control > "$tree/DEBIAN/control"
(cd "$tree" && find . -type f -not -path './DEBIAN/*' -not -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum > DEBIAN/md5sums)
find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
# One thread: with several, the packer's blocks depend on the machine.
dpkg-deb --root-owner-group --threads-max=1 -Zxz -z4 --build "$tree" "$to/holdfast_${VERSION}_amd64.deb" >/dev/null
(cd "$to" && sha256sum "holdfast_${VERSION}_amd64.deb" > "holdfast_${VERSION}_amd64.deb.sha256")
rm -rf "$tree"
ls -l --block-size=M "$to"/*.deb
