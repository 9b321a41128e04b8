/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware of a PC: an image below 4 GiB whose last 128 KiB also show below 1 MiB, in a ROM or in
 * flash chips (the first one ends at 4 GiB and holds the code, the second is below it), and the area for
 * option ROMs at c0000, which firmware fills after it has opened it with the PAM.
 *
 * With -kernel and without -bios the newer machine types have no ROM: the kernel is started directly.
 * Those of stream version 3 are machines that others know too, with the ROM, and a guest is to move
 * between them: they start the kernel through firmware, and directly only where none is installed.
 */
#include "hw/block/pflash.h"
#include "hw/core/firmware.h"
#include "pc-priv.h"

#define OPTION_ROMS    0xc0000
#define OPTION_ROM_LEN 0x20000
#define ISA_BIOS_BYTES (128 * KiB)
#define FLASH_MAX      (8 * MiB)

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
    const char *name = m->firmware ? m->firmware : pc->default_bios;
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
    uint64_t size = g_bytes_get_size(bytes), isa = MIN(size, ISA_BIOS_BYTES);

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

/* ---- flash ---- */
/* The drive or node of flash chip @n: -machine pflashN=, or the N-th -drive if=pflash; NULL: none. */
static const char *flash_drive(const PcMachine *pc, int n)
{
    return pc->pflash[n] && *pc->pflash[n] ? pc->pflash[n]
                                           : pflash_drive_id(device_vm(&pc->machine.dev), n);
}

static bool map_flash(PcMachine *pc, int n, uint64_t *end, GError **error)
{
    g_autofree char *name = g_strdup_printf("system.flash%d", n);
    Device *dev = pflash_new(device_vm(&pc->machine.dev), name, flash_drive(pc, n), error);
    uint64_t size;

    if (!dev) {
        g_prefix_error(error, "pflash%d: ", n);
        return false;
    }
    size = memory_region_size(pflash_region(dev));
    if (4 * GiB - *end + size > FLASH_MAX) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "combined size of system firmware exceeds %" G_GUINT64_FORMAT " bytes",
                    FLASH_MAX);
        return false;
    }
    *end -= size;
    memory_region_add(pc->pci_mem, *end, pflash_region(dev));
    if (n == 0) {
        pflash_show_end(dev, pc->pci_mem, 1 * MiB, ISA_BIOS_BYTES);
    }
    return true;
}

static bool flash_build(PcMachine *pc, GError **error)
{
    uint64_t end = 4 * GiB;

    if (pc->machine.firmware) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "firmware '%s' and flash (pflash0) exclude each other", pc->machine.firmware);
        return false;
    }
    for (int n = 0; n < PC_PFLASH_COUNT; n++) {
        if (flash_drive(pc, n) && !map_flash(pc, n, &end, error)) {
            return false;
        }
    }
    pc->has_flash = true;
    return true;
}

/* ---- all ---- */
static bool rom_build(PcMachine *pc, GError **error)
{
    g_autoptr(GError) missing = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (!wants_firmware(&pc->machine)) {
        return true;
    }
    bytes = read_bios(pc, &missing);
    if (!bytes && !needs_firmware(&pc->machine)) {
        return true;
    }
    if (!bytes) {
        g_propagate_error(error, g_steal_pointer(&missing));
        return false;
    }
    return map_bios(pc, bytes, error);
}

bool pc_firmware_build(PcMachine *pc, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);
    Object *owner = &pc->machine.dev.obj;

    if (flash_drive(pc, 1) && !flash_drive(pc, 0)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "pflash1 requires pflash0");
        return false;
    }
    if (!(flash_drive(pc, 0) ? flash_build(pc, error) : rom_build(pc, error))) {
        return false;
    }
    if (!pc_has_firmware(pc) || !pc->chipset->build) { /* no PAM: firmware uses RAM */
        return true;
    }
    if (!memory_region_init_rom(&pc->option_roms, vm, owner, "pc.rom", OPTION_ROM_LEN, error)) {
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
