#!/usr/bin/env bash
# Kernel modules for the rig alone: simulated GPIO lines (gpio-sim with irq_sim) and lights (uleds), which Debian's kernel has the sources of but not the
# modules. Built in the image's build root from package linux-source, for the image's kernel, into out/hil-modules/; never part of the product.
. "$(dirname "$0")/../image/lib.sh"
root=$CACHE/build-root
[ -e "$root/.done" ] || die "the rig's modules are made in the image's build root: make image first (as root)"
kernel=$(basename "$(ls -d "$root"/lib/modules/*)")
to=$TREE/out/hil-modules
[ -e "$to/$kernel/uleds.ko" ] && exit 0
say "kernel modules for the rig, for $kernel"
work=$root/tmp/hil-modules
rm -rf "$work" "$to"; mkdir -p "$work" "$to/$kernel"
trap 'rm -rf "$work"' EXIT
source=linux-source-$(echo "$kernel" | cut -d. -f1,2)
in_build_root sh -ec "cd /tmp/hil-modules; apt-get update -qq; apt-get download -qq $source 2>/dev/null"
dpkg-deb --fsys-tarfile "$work"/$source*.deb | tar -xOf - "./usr/src/$source.tar.xz" | tar -xJf - -C "$work" --strip-components=3 --wildcards \
    "$source/drivers/gpio/gpio-sim.c" "$source/drivers/gpio/*.h" "$source/drivers/leds/uleds.c" "$source/kernel/irq/irq_sim.c"
mv "$work/gpio-sim.c" "$work/gpio-sim-core.c"
# irq_to_desc is not exported to modules; the inline that gives the same is.
sed -i 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' "$work/irq_sim.c"
printf 'obj-m := gpio-sim.o uleds.o\ngpio-sim-y := gpio-sim-core.o irq_sim.o\n' > "$work/Makefile"
in_build_root make -s -C "/lib/modules/$kernel/build" M=/tmp/hil-modules modules
cp "$work/gpio-sim.ko" "$work/uleds.ko" "$to/$kernel/"
