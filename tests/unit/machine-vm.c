/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See machine-vm.h. */
#include "machine-vm.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "base/memory/space.h"

#define NOTHING " -accel qtest -S -display none -nodefaults -m 4"
#define VIRTIO                                                                 \
    " -drive file={dir}/disk,if=none,id=d,format=raw,read-only=on"             \
    " -device virtio-blk-pci,drive=d -netdev user,id=u"                        \
    " -device virtio-net-pci,netdev=u -device virtio-rng-pci"                  \
    " -device virtio-balloon-pci -device virtio-serial-pci -chardev null,id=c" \
    " -device virtconsole,chardev=c -device virtserialport,name=agent,nr=3"    \
    " -device virtio-scsi-pci,id=scsi -device scsi-cd,bus=scsi.0"
#define CARDS                                                                                \
    " -device VGA,romfile= -device secondary-vga -device pvpanic-pci -device i6300esb"       \
    " -device ich9-ahci,id=more -drive file={dir}/disk,if=none,id=hd,format=raw,snapshot=on" \
    " -device ide-hd,drive=hd,bus=more.0 -device ide-cd,bus=more.1 -device migration-testdev"
#define BRIDGES                                                           \
    " -device pcie-root-port,id=p,chassis=1 -device virtio-rng-pci,bus=p" \
    " -device pci-bridge,id=b,chassis_nr=2 -device virtio-rng-pci,bus=b,addr=1"
#define RTC    " -rtc base=2020-01-01T00:00:00,clock=vm"
#define PC     " -bios {dir}/bios -serial null -smp 2 -cpu max" RTC
#define Q35    NOTHING PC VIRTIO CARDS BRIDGES
#define I440FX NOTHING PC VIRTIO CARDS
#define S390                                                                                \
    NOTHING " -smp 2 -chardev null,id=s -device sclpconsole,chardev=s"                      \
            " -drive file={dir}/disk,if=none,id=d,format=raw,read-only=on"                  \
            " -device virtio-blk-ccw,drive=d -device virtio-net-ccw -device virtio-rng-ccw" \
            " -device virtio-balloon-ccw -device virtio-serial-ccw -chardev null,id=c"      \
            " -device virtconsole,chardev=c -device migration-testdev"                      \
            " -device sclplmconsole -device diag288"
/* Only where they may be sent. */
#define ZPCI " -device zpci,uid=7,fid=9,target=n -device virtio-rng-pci,id=n -device edu"
#define NVME                                                       \
    " -drive file={dir}/disk,if=none,id=nv,format=raw,snapshot=on" \
    " -device nvme,serial=s,drive=nv,max_ioqpairs=3,msix_qsize=4"
#define USB                                                                           \
    " -device qemu-xhci,id=x,p2=5 -device usb-kbd -device usb-mouse"                  \
    " -device usb-tablet -drive file={dir}/disk,if=none,id=ud,format=raw,snapshot=on" \
    " -device usb-storage,drive=ud -device nec-usb-xhci,slots=4,intrs=2"
/* What takes the place of other devices, or is rare. */
#define FLASH                                                                              \
    NOTHING RTC " -drive file={dir}/bios,if=pflash,format=raw,readonly=on"                 \
                " -drive file={dir}/bios,if=pflash,format=raw,snapshot=on -device isa-fdc" \
                " -device edu -device pci-testdev -device intel-iommu -device vmgenid" USB \
                " -device ioh3420,id=i,chassis=2 -device pcie-pci-bridge,id=c,bus=i"       \
                " -device pci-bridge,id=o,bus=c,addr=2,shpc=off"
#define MICROVM                                                            \
    NOTHING " -bios {dir}/bios -serial null" RTC                           \
            " -drive file={dir}/disk,if=none,id=d,format=raw,read-only=on" \
            " -device virtio-blk-device,drive=d -device virtio-rng-device"
#define X86_NAME "ferry-system-x86_64"

const MachineRow machine_rows[] = {
    { "pc-q35-10.0", X86_NAME, Q35 NVME, STREAM_V3 },
    { "pc-q35-ferry-1.0", X86_NAME, Q35 " -device e1000e,romfile=", STREAM_V4 }, /* large: once */
    { "pc-i440fx-10.0", X86_NAME, I440FX " -device e1000,romfile=", STREAM_V3 }, /* large: once */
    { "pc-i440fx-ferry-1.0", X86_NAME, I440FX NVME, STREAM_V4 },
    { "s390-ccw-virtio-10.0", "ferry-system-s390x", S390, STREAM_V3 },
    { "s390-ccw-virtio-ferry-1.0", "ferry-system-s390x", S390 ZPCI, STREAM_V4 },
    { "pc-q35-ferry-1.0", X86_NAME, FLASH, STREAM_V4, "flash" },
    { "microvm", X86_NAME, MICROVM " -machine pcie=on", STREAM_V3 },
    { "microvm-ferry-1.0", X86_NAME, MICROVM " -global virtio-mmio.force-legacy=off", STREAM_V4 },
};
const size_t machine_rows_n = G_N_ELEMENTS(machine_rows);

static void make_file(const char *dir, const char *name, long bytes)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_cmpint(truncate(path, bytes), ==, 0);
}

static void drop_file(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_unlink(path);
}

MachineVm *machine_vm_new(const MachineRow *row)
{
    g_autoptr(GError) error = NULL;
    MachineVm *m = g_new0(MachineVm, 1);
    g_autofree char *line =
        g_strdup_printf("%s -machine %s%s", row->program, row->name, row->options);
    g_auto(GStrv) words = NULL;

    m->dir = g_dir_make_tmp("ferry-machine-XXXXXX", NULL);
    g_assert_nonnull(m->dir);
    make_file(m->dir, "bios", 64 << 10);
    make_file(m->dir, "disk", 1 << 20);
    g_auto(GStrv) parts = g_strsplit(line, "{dir}", -1);
    g_autofree char *full = g_strjoinv(m->dir, parts);
    words = g_strsplit(full, " ", -1);
    g_assert_cmpint(cmdline_parse(&m->cmd, (int)g_strv_length(words), words, &error), ==,
                    CMDLINE_RUN);
    m->cmd.program = row->program; /* not borrowed from words */
    m->sys = (System){ .cmd = &m->cmd, .vm = vm_new(system_types_new()) };
    m->sys.vm->system = &m->sys;
    m->sys.serial_ids = g_ptr_array_new_with_free_func(cmdline_arg_free);
    vm_lock(m->sys.vm);
    system_build(&m->sys, &error);
    g_assert_no_error(error);
    return m;
}

void machine_vm_free(MachineVm *m)
{
    system_teardown(&m->sys);
    vm_unlock(m->sys.vm);
    g_ptr_array_unref(m->sys.serial_ids);
    memory_teardown(m->sys.vm);
    vm_free(m->sys.vm);
    cmdline_clear(&m->cmd);
    drop_file(m->dir, "bios");
    drop_file(m->dir, "disk");
    g_rmdir(m->dir);
    g_free(m->dir);
    g_free(m);
}

static bool gather(Section *s, void *opaque)
{
    if (s->desc->record) {
        g_ptr_array_add(opaque, s);
    }
    return true;
}

GPtrArray *machine_vm_sections(const MachineVm *m)
{
    GPtrArray *all = g_ptr_array_new();

    section_foreach(m->sys.vm, gather, all);
    return all;
}
