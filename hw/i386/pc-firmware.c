/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware ROM of a PC: an image below 4 GiB whose last 128 KiB also show below 1 MiB, and the
 * area for option ROMs at c0000, which firmware fills after it has opened it with the PAM.
 *
 * With -kernel and without -bios the newer machine types have no ROM: the kernel is started directly.
 * Those of stream version 3 are machines that others know too, with the ROM, and a guest is to move
 * between them: they start the kernel through firmware, and directly only where none is installed.
 */
#include "hw/core/firmware.h"
#include "pc-priv.h"

#define DEFAULT_BIOS   "bios-256k.bin"
#define OPTION_ROMS    0xc0000
#define OPTION_ROM_LEN 0x20000

static bool has_kernel(const Machine *m)
{
    return m->kernel_file && *m->kernel_file;
}

static bool wants_firmware(const Machine *m)
{
    return m->firmware ? *m->firmware : !has_kernel(m) || machine_ops(m)->stream_version == 3;
}

/* It is an error when it is not there. */
static bool needs_firmware(const Machine *m)
{
    return m->firmware || !(m->firmware_optional || has_kernel(m));
}

static GBytes *read_bios(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    const char *name = m->firmware ? m->firmware : DEFAULT_BIOS;
    g_autofree char *path = firmware_find(device_vm(&m->dev), name, error);
    g_autoptr(GBytes) bytes = path ? image_read_file("firmware", path, 16 * MiB, error) : NULL;
    uint64_t size = bytes ? g_bytes_get_size(bytes) : 0;

    if (bytes && (!size || size % (64 * KiB))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "firmware '%s' has %" G_GUINT64_FORMAT " bytes (a multiple of 65536 expected)",
                    path, size);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

static bool map_bios(PcMachine *pc, GBytes *bytes, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);
    Object *obj = &pc->machine.dev.obj;
    uint64_t size = g_bytes_get_size(bytes), isa = MIN(size, 128 * KiB);

    if (!memory_region_init_rom(&pc->bios, vm, obj, "pc.bios", size, error)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&pc->bios), g_bytes_get_data(bytes, NULL), size);
    memory_region_init_alias(&pc->isa_bios, vm, obj, "isa-bios", &pc->bios, size - isa, isa);
    memory_region_add_overlap(pc->pci_mem, 1 * MiB - isa, &pc->isa_bios, 1);
    memory_region_add(pc->pci_mem, 4 * GiB - size, &pc->bios);
    pc->has_bios = true;
    return true;
}

bool pc_firmware_build(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    Vm *vm = device_vm(&m->dev);
    g_autoptr(GError) missing = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (!wants_firmware(m)) {
        return true;
    }
    bytes = read_bios(pc, &missing);
    if (!bytes && !needs_firmware(m)) {
        return true;
    }
    if (!bytes) {
        g_propagate_error(error, g_steal_pointer(&missing));
        return false;
    }
    if (!map_bios(pc, bytes, error) || !memory_region_init_rom(&pc->option_roms, vm, &m->dev.obj,
                                                               "pc.rom", OPTION_ROM_LEN, error)) {
        return false;
    }
    memory_region_add_overlap(pc->pci_mem, OPTION_ROMS, &pc->option_roms, 1);
    pc->has_option_roms = true;
    return true;
}

void pc_firmware_clear(PcMachine *pc)
{
    if (pc->has_option_roms) {
        memory_region_clear(&pc->option_roms);
    }
    if (pc->has_bios) {
        memory_region_clear(&pc->isa_bios);
        memory_region_clear(&pc->bios);
    }
}
