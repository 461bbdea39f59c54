#!/usr/bin/env bash
# `make hil`: the rig. GROUP=boot|backup|crash|drivers|nfs|update runs one group, LOOPS=n cuts the power n times. Ends with "N passed, N failed"; without QEMU with
# "0 passed, 0 failed, N skipped" and why.
set -uo pipefail
cd "$(dirname "$0")/.."
groups=$(grep -rhoE 'Trait\("group", "[a-z]+"\)' tests/Hil | cut -d'"' -f4 | sort -u)
skip() { echo "$1"; echo "0 passed, 0 failed, $(echo "$groups" | wc -l) skipped"; exit 0; }
command -v qemu-system-x86_64 >/dev/null || skip "QEMU is not installed (package qemu-system-x86)"
[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || skip "there is no firmware for virtual machines (package ovmf)"
version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
[ -e "out/image/holdfast-$version.qcow2" ] || skip "there is no image to start: make image (as root)"
export LOOPS=${LOOPS:-1}
filter=(); [ -z "${GROUP:-}" ] || { echo "$groups" | grep -qx "$GROUP" || { echo "GROUP is one of: $(echo $groups)"; exit 2; }; filter=(--filter "group=$GROUP"); }
case ${GROUP:-update} in update)
    # Two later versions, made of the image in half a minute each: one that is well, one whose service never comes up.
    for variant in "$version.1" "$version.2 ill"; do
        [ "out/image/variant-${variant% ill}/holdfast-${variant% ill}.raucb" -nt "out/image/holdfast-$version.qcow2" ] && continue
        [ -d out/image/root ] && [ "$(id -u)" -eq 0 ] || skip "the update's versions are made of out/image/root, as root: make image first"
        image/variant.sh $variant >/dev/null || exit 1
    done ;;
esac
case ${GROUP:-drivers} in drivers) [ "$(id -u)" -ne 0 ] || tests/hil-modules.sh || echo "the panel is left out" ;; esac
log=$(mktemp); trap 'rm -f "$log"' EXIT
dotnet test tests/Hil -c Release -v q --nologo --logger "console;verbosity=detailed" "${filter[@]}" 2>&1 | grep --line-buffered -vE '^\s*$' | tee "$log"
passed=$(grep -E '^ +Passed: +[0-9]+$' "$log" | awk '{s+=$2} END{print s+0}')
failed=$(grep -E '^ +Failed: +[0-9]+$' "$log" | awk '{s+=$2} END{print s+0}')
[ $((passed + failed)) -gt 0 ] || failed=1
skipped=$(grep -E '^ +Skipped: +[0-9]+$' "$log" | awk '{s+=$2} END{print s+0}')
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
