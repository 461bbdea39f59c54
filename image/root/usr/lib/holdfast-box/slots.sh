# What the update's scripts share: the two slots, the version in each, and its kernel on the ESP. A version's kernel is EFI/Linux/holdfast_VERSION[+LEFT-DONE].efi: the
# loader starts the newest version that has tries left (LEFT), counts each try down by renaming, and the count goes when a start was healthy
# (systemd-boot(7), systemd-bless-boot.service(8)). Sourced, not run.
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin
KERNELS=${KERNELS:-/efi/EFI/Linux}
BY_UUID=${BY_UUID:-/dev/disk/by-partuuid}

die() { echo "$*" >&2; exit 1; }

uuid() { # of a slot
    case $1 in
    A) echo 6a1f0d52-5d0e-4c63-9a5c-1c6c5c0ffa0a ;;
    B) echo 6a1f0d52-5d0e-4c63-9a5c-1c6c5c0ffb0b ;;
    *) die "no slot '$1': A or B" ;;
    esac
}
other() { [ "$1" = A ] && echo B || echo A; }
partition() { basename "$(readlink -f "$BY_UUID/$(uuid "$1")")"; }
disk() { basename "$(dirname "$(readlink -f "/sys/class/block/$(partition "$1")")")"; }
number() { cat "/sys/class/block/$(partition "$1")/partition"; }

# The version in a slot; nothing if it is empty.
version() { sfdisk --part-label "/dev/$(disk "$1")" "$(number "$1")" | sed -n 's/^holdfast_//p'; }
# Written under the disk's lock, so that nobody looks at it half way. The kernel needs no telling: a label is nothing to it.
set_label() {
    flock "/dev/$(disk "$1")" sfdisk --quiet --no-reread --no-tell-kernel --part-label "/dev/$(disk "$1")" "$(number "$1")" "$2"
    sync
}

# The file of a version's kernel; nothing if there is none.
kernel() {
    [ -n "$1" ] || return 0
    for file in "$KERNELS/holdfast_$1.efi" "$KERNELS/holdfast_$1"+*.efi; do
        [ ! -e "$file" ] || { echo "$file"; return 0; }
    done
}
# What the loader makes of it: none, good (a start was healthy), trial (it has tries left), bad.
state() {
    case $(basename "$(kernel "$1")") in
    '') echo none ;;
    *+0-*.efi | *+0.efi) echo bad ;;
    *+*.efi) echo trial ;;
    *) echo good ;;
    esac
}
# The same file under another count; a rename, which the file system does as a whole.
rename() { # version, count ('' = none)
    from=$(kernel "$1"); to=$KERNELS/holdfast_$1$2.efi
    [ -n "$from" ] || die "version $1 has no kernel"
    [ "$from" = "$to" ] || mv "$from" "$to"
    sync "$KERNELS"
}
# Is the first version newer than the second?
newer() { systemd-analyze compare-versions "$1" gt "$2" >/dev/null; }

running() { cat /usr/share/holdfast/version; }
current() { # the slot that runs
    for slot in A B; do [ "$(version $slot)" != "$(running)" ] || { echo $slot; return 0; }; done
    die "no slot holds version $(running), which runs"
}
# The slot that the loader starts next: the newest version that is not bad; if all are, the newest.
primary() {
    a=$(version A) b=$(version B)
    sa=$(state "$a") sb=$(state "$b")
    if [ "$sb" = none ]; then echo A
    elif [ "$sa" = none ]; then echo B
    elif [ "$sa" = bad ] && [ "$sb" != bad ]; then echo B
    elif [ "$sb" = bad ] && [ "$sa" != bad ]; then echo A
    elif newer "$b" "$a"; then echo B
    else echo A
    fi
}
