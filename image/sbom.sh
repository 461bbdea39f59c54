#!/usr/bin/env bash
# The list of all that is in the image, with versions and licences: CycloneDX 1.5 JSON, made from dpkg's own list, the copyright files, and the packages that our
# programs were built with. Written to out/image/sbom.json and into the root.
. "$(dirname "$0")/lib.sh"
root=$OUT/root
licences() { # of a Debian package: the short names of a machine-readable copyright file, else where to read them
    local file=$root/usr/share/doc/$1/copyright
    [ -e "$file" ] || { echo "see the source package"; return; }
    local found; found=$(sed -n 's/^License: *//p' "$file" | tr -d '\r' | sort -u | paste -sd'|' | sed 's/|/ AND /g')
    echo "${found:-see usr/share/doc/$1/copyright}"
}
debian() {
    while read -r name version arch; do
        printf '%s\t%s\tpkg:deb/debian/%s@%s?arch=%s\t%s\n' "$name" "$version" "$name" "$version" "$arch" "$(licences "$name")"
    done < "$OUT/packages.txt"
}
ours() {
    printf 'holdfast\t%s\tpkg:generic/holdfast@%s\tApache-2.0\n' "$VERSION" "$VERSION"
    printf 'dotnet-runtime\t%s\tpkg:generic/dotnet-runtime@%s\tMIT\n' "$RUNTIME" "$RUNTIME"
    if [ "$ZFS" = prebuilt ]; then
        local zfs; zfs=$(in_build_root dpkg-query -W -f='${Version}' zfs-dkms)
        printf 'zfs-kmod\t%s\tpkg:deb/debian/zfs-dkms@%s\tCDDL-1.0\n' "$zfs" "$zfs"
    fi
    jq -r '.libraries | to_entries[] | select(.value.type == "package") | .key | split("/") | "\(.[0])\t\(.[1])\tpkg:nuget/\(.[0])@\(.[1])\tsee nuget.org"' \
        appliance/*/obj/project.assets.json drivers/*/obj/project.assets.json | sort -u
}
RUNTIME=$(jq -r '.. | .version? // empty' "$OUT/programs/holdfastd.runtimeconfig.json" | head -1)
{ ours; debian; } | jq -R -s --arg version "$VERSION" --arg time "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" '
    { bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
      metadata: { timestamp: $time, component: { type: "operating-system", name: "holdfast", version: $version } },
      components: [ split("\n")[] | select(length > 0) | split("\t")
        | { type: "library", name: .[0], version: .[1], purl: .[2], licenses: [ { license: { name: .[3] } } ] } ] }' > "$OUT/sbom.json"
install -D -m 0644 "$OUT/sbom.json" "$root/usr/share/holdfast/sbom.json"
echo "$(jq '.components | length' "$OUT/sbom.json") components in sbom.json"
