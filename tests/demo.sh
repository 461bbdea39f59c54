#!/usr/bin/env bash
# The product doing its main job on real data, told as a short story: a real ext4 image of more than 1 GiB goes in, is changed, goes in
# again, both come back identical, and the ledger is proven. Needs bash, coreutils, e2fsprogs and the programs in out/. No root, no loop
# devices. Exit status 0 = all of it held.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${HOLDFAST_OUT:-$PWD/out}
holdfastd=$out/holdfastd
holdfast=$out/holdfast
image_mib=${DEMO_IMAGE_MIB:-1280}
fill_mib=$((image_mib * 6 / 10))
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
server=""

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    for _ in $(seq 240); do kill -0 "$server" 2>/dev/null || break; sleep 0.25; done
    if kill -0 "$server" 2>/dev/null; then
        echo "demo: holdfastd did not stop on TERM" >&2
        kill -KILL "$server" 2>/dev/null || true
        local postgres=$work/data/ledger/cluster/postmaster.pid
        [ -r "$postgres" ] && kill -INT "$(head -n 1 "$postgres")" 2>/dev/null || true
    fi
    wait "$server" 2>/dev/null || true
    server=""
}

finish() {
    local status=$?
    trap - EXIT INT TERM
    stop_server
    if [ $status -ne 0 ]; then
        echo "demo: FAILED" >&2
        [ -s "$work/holdfastd.log" ] && tail -n 20 "$work/holdfastd.log" >&2
    fi
    rm -rf "$work"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n%s\n' "$*"; }
indented() { sed 's/^/    /'; }
fail() { echo "demo: $*" >&2; exit 1; }
sha() { sha256sum "$1" | cut -d ' ' -f 1; }

for program in "$holdfastd" "$holdfast"; do [ -x "$program" ] || fail "$program is missing: run make build"; done
command -v mke2fs >/dev/null && command -v debugfs >/dev/null || fail "mke2fs and debugfs are missing: install e2fsprogs"
free_mib=$(df --output=avail -m "$work" | tail -n 1)
[ "$free_mib" -ge $((image_mib * 3 + 512)) ] || fail "$work has only $free_mib MiB free, $((image_mib * 3 + 512)) are needed: set TMPDIR"

# --- a real disk --------------------------------------------------------------------------------------------------

fill_tree() {
    local filled=0 size source
    mkdir "$work/tree"
    for source in /usr/share/* /usr/lib/* /usr/bin; do
        [ -e "$source" ] && [ ! -L "$source" ] || continue
        size=$(du -sm --apparent-size "$source" 2>/dev/null | cut -f 1) || continue
        [ $((filled + size)) -le "$fill_mib" ] || continue
        cp -R -P --parents "$source" "$work/tree" 2>/dev/null || true   # what can't be read by this user is left out
        filled=$((filled + size))
    done
    # A very small machine: its files once more under another name still make a disk worth the name.
    [ "$filled" -ge 64 ] || fail "found only $filled MiB of files to fill a disk with"
}

make_image() {
    truncate -s "${image_mib}M" "$work/disk.img"
    mke2fs -q -F -t ext4 -b 4096 -E root_owner=0:0,lazy_itable_init=1 -L holdfast-demo -d "$work/tree" "$work/disk.img"
    printf 'name: demo\nmemory: 2048\nscsi0: disk.img,size=%sM\n' "$image_mib" > "$work/demo.conf"
}

# Rewrites every so-many-th larger file inside the image, adds one, removes some.
change_image() {
    local commands=$work/changes n=0 path
    : > "$commands"
    while IFS= read -r path; do
        n=$((n + 1))
        { printf 'changed by the demo %d\n' "$n"; cat "$work/tree/$path"; } > "$work/changed.$n" 2>/dev/null || continue
        printf 'rm "/%s"\n' "$path" >> "$commands"
        if [ $((n % 5)) -ne 0 ]; then printf 'write "%s" "/%s"\n' "$work/changed.$n" "$path" >> "$commands"; fi
    done < <(cd "$work/tree" && find . -type f -size +64k -size -2048k -printf '%P\n' | grep -v '[" ]' | sort | awk 'NR % 37 == 1' | head -n 40)
    printf 'write "%s" "/new-file"\n' "$work/demo.conf" >> "$commands"
    debugfs -w -f "$commands" "$work/disk.img" > "$work/debugfs.log" 2>&1 || { tail "$work/debugfs.log" >&2; return 1; }
    rm -f "$work"/changed.*
    echo "$n"
}

say "A disk: ext4, $image_mib MiB, filled from the files of this machine."
fill_tree
make_image
first_sha=$(sha "$work/disk.img")
echo "    $(find "$work/tree" -type f | wc -l) files, $(du -sm "$work/disk.img" | cut -f 1) MiB used"

# --- an appliance -------------------------------------------------------------------------------------------------

say "An appliance, started for the first time on an empty folder."
"$holdfastd" --data "$work/data" --port 0 --listen 127.0.0.1 > "$work/holdfastd.log" 2>&1 &
server=$!
for _ in $(seq 480); do
    grep -q '^holdfastd is ready' "$work/holdfastd.log" && break
    kill -0 "$server" 2>/dev/null || fail "holdfastd ended while it started"
    sleep 0.25
done
grep -E '^(holdfastd is ready|certificate|ledger signing)' "$work/holdfastd.log" | indented
port=$(sed -n 's/^holdfastd is ready: .*:\([0-9]*\)$/\1/p' "$work/holdfastd.log")
[ -n "$port" ] || fail "holdfastd did not come up"
signer=$(sed -n 's/^ledger signing key: *//p' "$work/holdfastd.log")
PBS_REPOSITORY="admin@pbs@127.0.0.1:$port:main"
PBS_FINGERPRINT=$(sed -n 's/^certificate fingerprint: *//p' "$work/holdfastd.log")
PBS_PASSWORD=$(cat "$work/data/initial-admin-password")
export PBS_REPOSITORY PBS_FINGERPRINT PBS_PASSWORD

# --- in, changed, in again ----------------------------------------------------------------------------------------

backup() { "$holdfast" backup "disk.img:$work/disk.img" "demo.conf:$work/demo.conf" --backup-type vm --backup-id demo --backup-time "$@"; }
at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
now=$(date +%s)
first=vm/demo/$(at "$now")
second=vm/demo/$(at "$((now + 1))")
third=vm/demo/$(at "$((now + 2))")

say "First backup: everything is new, except what repeats."
backup "$now" | indented
changed=$(change_image)
second_sha=$(sha "$work/disk.img")
[ "$first_sha" != "$second_sha" ] || fail "the image was not changed"
say "$changed files were changed or removed in the disk. Second backup: only what changed is sent."
backup "$((now + 1))" | indented
"$holdfast" snapshots | indented

# --- and back -----------------------------------------------------------------------------------------------------

compare() {
    local snapshot=$1 expected=$2 actual
    shift 2
    "$holdfast" restore "$@" "$snapshot" disk.img "$work/restored.img" | sed "s,$work/,," | indented
    actual=$(sha "$work/restored.img")
    [ "$actual" = "$expected" ] || fail "$snapshot came back DIFFERENT: $actual, expected $expected"
    echo "    SHA-256 $actual: identical"
}
say "Both come back."
compare "$first" "$first_sha"
rm "$work/restored.img"
compare "$second" "$second_sha"
"$holdfast" restore "$second" demo.conf - 2> "$work/restore.log" | cmp - "$work/demo.conf" || fail "demo.conf came back different"
e2fsck -fn "$work/restored.img" > "$work/fsck.log" 2>&1 || { tail "$work/fsck.log" >&2; fail "the restored file system is not clean"; }
echo "    the restored file system is clean (e2fsck)"
rm "$work/restored.img"

# --- a folder -----------------------------------------------------------------------------------------------------

say "A folder of the same machine: names, links, times, modes. Twice, and only the first time anything is sent."
tree=$work/tree/usr
first_part=$(find "$tree" -mindepth 2 -maxdepth 2 -type d | sort | head -n 1)
ln -s "nowhere" "$first_part/a dangling link"
printf 'hole' > "$first_part/holes"; truncate -s 8M "$first_part/holes"
ln "$first_part/holes" "$first_part/$(printf 'the same, by a name that is no text \xff\xfe')"
mkfifo "$first_part/pipe"
printf '*.pyc\n' > "$first_part/.pxarexclude"
folder_backup() { "$holdfast" backup "usr.pxar:$tree" --backup-id demo-files --backup-time "$1" --exclude '*.a'; }
folder_backup "$now" | indented
folder_backup "$((now + 1))" | indented
"$holdfast" restore host/demo-files usr.pxar "$work/restored" | sed "s,$work/,," | indented
# What the rules leave out, and the rules themselves as the archive keeps them.
find "$tree" -name '*.a' -delete; find "$first_part" -name '*.pyc' -delete; rm -f "$work/restored/.pxarexclude-cli"
describe() { (cd "$1" && find . ! -type d -printf '%p %m %s %T@ %l %n %y\n' | sort; find . -type f -exec sha256sum {} + | sort); }
cmp <(describe "$tree") <(describe "$work/restored") || fail "the folder came back DIFFERENT"
echo "    $(find "$work/restored" | wc -l) entries: identical, metadata included"
"$holdfast" catalog host/demo-files | head -n 3 | indented || true
rm -rf "$work/restored"

# --- care ---------------------------------------------------------------------------------------------------------

say "A namespace for a customer, in the same store. The same disk goes in once more and costs nearly nothing: its chunks are there."
"$holdfast" namespace create customers | indented
backup "$((now + 2))" --ns customers | indented
say "Prune by policy. First what it would do, and why:"
"$holdfast" prune vm/demo --keep-last 1 --dry-run | indented
echo "  Then for the whole store, as a task:"
"$holdfast" prune --keep-last 1 | indented
"$holdfast" restore "$first" disk.img "$work/gone.img" > "$work/gone.log" 2>&1 && fail "$first was pruned and still restores"
echo "    $first is gone: $(tail -n 1 "$work/gone.log")"
say "Garbage collection gives its space back: what the second backup and the customer need stays."
"$holdfast" gc | tee "$work/gc.log" | grep -vE ': (marked|processed) [0-9]+%' | indented
grep -Eq 'Removed chunks: [1-9]' "$work/gc.log" || fail "the collection removed nothing"
say "Everything that is left is read back and checked:"
"$holdfast" verify | tail -n 12 | indented
compare "$third" "$second_sha" --ns customers
rm "$work/restored.img"

# --- the ledger ---------------------------------------------------------------------------------------------------

say "What the ledger says happened:"
"$holdfast" ledger show --data "$work/data" | cut -c 1-150 | indented
say "Proven online, and from a signed export that needs no server:"
"$holdfast" ledger verify --data "$work/data" | indented
"$holdfast" ledger export "$work/ledger.export" --data "$work/data" | sed "s,$work/,," | indented
"$holdfast" ledger verify "$work/ledger.export" --fingerprint "$signer" | sed "s,$work/,," | indented

# --- the worst day ------------------------------------------------------------------------------------------------

say "The appliance is stopped. Its ledger, verified and folded again from the first event:"
stop_server
unset PBS_REPOSITORY PBS_PASSWORD PBS_FINGERPRINT
"$holdfast" ledger verify --data "$work/data" | indented
"$holdfast" ledger rebuild --compare --data "$work/data" | indented
say "The worst day: no server, no ledger, no database, only the datastore's folder."
compare "$second" "$second_sha" --datastore "$work/data/datastores/main"

say "Everything came back identical, and the ledger proves it."
