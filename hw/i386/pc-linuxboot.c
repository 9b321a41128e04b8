/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel on a machine with firmware: the parts of a bzImage as fw_cfg items, where OVMF finds them,
 * and an option ROM of ours (optionrom/linuxboot.S) through which SeaBIOS starts them. The header
 * is filled in as the Linux x86 boot protocol asks of a boot loader.
 *
 * What is passed: kernel at 1 MiB, setup code at 10000, command line at 20000, ramdisk below the
 * memory that firmware keeps for itself.
 */
#include "linuxboot-rom.h"
#include "pc-priv.h"

#define SETUP_ADDR      0x10000
#define CMDLINE_AT      0x20000
#define KERNEL_AT       0x100000
#define FIRMWARE_KEEPS  (4 * MiB)
#define HEADER_BYTES    0x290
#define H_SETUP_SECTS   0x1f1
#define H_VID_MODE      0x1fa
#define H_MAGIC         0x202
#define H_VERSION       0x206
#define H_LOADER        0x210
#define H_LOADFLAGS     0x211
#define H_RAMDISK       0x218
#define H_HEAP_END      0x224
#define H_CMDLINE       0x228
#define H_INITRD_MAX    0x22c
#define H_CMDLINE_SIZE  0x238
#define LOADED_HIGH     0x01
#define CAN_USE_HEAP    0x80
#define CMDLINE_BYTES   0x10000 /* up to the segment's end, far below 0x9fc00 */
#define UNKNOWN_LOADER  0xff
#define ROM_PNP_POINTER 0x1a
#define PNP_CHECKSUM    9
#define PNP_BYTES       32

static bool fail(GError **error, const char *file, const char *why)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, "kernel '%s': %s", file, why);
    return false;
}

static void set_item(FwCfg *fw, uint16_t key, const void *data, size_t len)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, len);

    fw_cfg_set(fw, key, bytes);
}

/* Size of the setup code, 0 + error when this is no kernel that can be started this way. */
static size_t setup_bytes(const char *file, const uint8_t *d, size_t len, GError **error)
{
    size_t n;

    if (len < HEADER_BYTES || ld_le32(d + H_MAGIC) != 0x53726448) {
        fail(error, file, "not a bzImage; only those start through firmware, others without -bios");
        return 0;
    }
    if (ld_le16(d + H_VERSION) < 0x0206 || !(d[H_LOADFLAGS] & LOADED_HIGH)) {
        fail(error, file, "boot protocol older than 2.06, or loaded low");
        return 0;
    }
    n = ((d[H_SETUP_SECTS] ? d[H_SETUP_SECTS] : 4) + 1) * 512;
    if (n >= len) {
        fail(error, file, "truncated: it ends within its setup code");
        return 0;
    }
    return n;
}

static bool add_initrd(PcMachine *pc, uint8_t *setup, GError **error)
{
    Machine *m = &pc->machine;
    uint64_t limit = MIN((uint64_t)ld_le32(setup + H_INITRD_MAX) + 1, pc->ram_below_4g);
    g_autoptr(GBytes) bytes = NULL;
    uint64_t size, at;

    if (!m->initrd_file || !*m->initrd_file) {
        fw_cfg_set_u32(pc->fw_cfg, FW_CFG_INITRD_ADDR, 0);
        fw_cfg_set_u32(pc->fw_cfg, FW_CFG_INITRD_SIZE, 0);
        return true;
    }
    bytes = image_read_file("initrd", m->initrd_file, 2 * GiB, error);
    if (!bytes) {
        return false;
    }
    size = g_bytes_get_size(bytes);
    limit = MIN(limit, pc->ram_below_4g - MIN(pc->ram_below_4g, FIRMWARE_KEEPS));
    if (size > limit || limit - size < KERNEL_AT) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "initrd '%s' has %" G_GUINT64_FORMAT " bytes (limit %" G_GUINT64_FORMAT ")",
                    m->initrd_file, size, limit - MIN(limit, (uint64_t)KERNEL_AT));
        return false;
    }
    at = (limit - size) & ~0xfffull;
    st_le32(setup + H_RAMDISK, at);
    st_le32(setup + H_RAMDISK + 4, size);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_INITRD_ADDR, at);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_INITRD_SIZE, size);
    fw_cfg_set(pc->fw_cfg, FW_CFG_INITRD_DATA, bytes);
    return true;
}

static bool add_cmdline(PcMachine *pc, const uint8_t *setup, GError **error)
{
    const char *text = pc->machine.cmdline ? pc->machine.cmdline : "";
    size_t len = strlen(text) + 1, limit = MIN(ld_le32(setup + H_CMDLINE_SIZE), CMDLINE_BYTES - 1u);

    if (len - 1 > limit) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "kernel '%s': command line of %zu bytes (limit %zu)", pc->machine.kernel_file,
                    len - 1, limit);
        return false;
    }
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_CMDLINE_ADDR, CMDLINE_AT);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_CMDLINE_SIZE, len);
    set_item(pc->fw_cfg, FW_CFG_CMDLINE_DATA, text, len);
    return true;
}

static uint8_t checksum(const uint8_t *d, size_t len)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += d[i];
    }
    return -sum;
}

static bool add_option_rom(PcMachine *pc, GError **error)
{
    g_autofree uint8_t *rom = g_memdup2(linuxboot_rom, sizeof(linuxboot_rom));
    uint8_t *pnp = rom + ld_le16(rom + ROM_PNP_POINTER);
    g_autoptr(GBytes) bytes = NULL;

    pnp[PNP_CHECKSUM] = checksum(pnp, PNP_BYTES);
    rom[sizeof(linuxboot_rom) - 1] = checksum(rom, sizeof(linuxboot_rom));
    bytes = g_bytes_new(rom, sizeof(linuxboot_rom));
    return fw_cfg_add_file(pc->fw_cfg, PC_LINUXBOOT_FILE, bytes, error);
}

bool pc_linuxboot_takes(const PcMachine *pc)
{
    const char *name = pc->machine.kernel_file;
    g_autoptr(GBytes) file = image_read_file("kernel", name, 2 * GiB, NULL);

    return file && setup_bytes(name, g_bytes_get_data(file, NULL), g_bytes_get_size(file), NULL);
}

bool pc_linuxboot_build(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    g_autoptr(GBytes) file = image_read_file("kernel", m->kernel_file, 2 * GiB, error);
    g_autoptr(GBytes) kernel = NULL;
    g_autofree uint8_t *setup = NULL;
    const uint8_t *d = file ? g_bytes_get_data(file, NULL) : NULL;
    size_t n = file ? setup_bytes(m->kernel_file, d, g_bytes_get_size(file), error) : 0;

    if (!n) {
        return false;
    }
    setup = g_malloc0(MAX(n, (size_t)HEADER_BYTES));
    memcpy(setup, d, n);
    setup[H_LOADER] = UNKNOWN_LOADER;
    setup[H_LOADFLAGS] |= CAN_USE_HEAP;
    st_le16(setup + H_HEAP_END, CMDLINE_AT - SETUP_ADDR - 0x200);
    st_le32(setup + H_CMDLINE, CMDLINE_AT);
    if (!add_initrd(pc, setup, error) || !add_cmdline(pc, setup, error)) {
        return false;
    }
    kernel = g_bytes_new_from_bytes(file, n, g_bytes_get_size(file) - n);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_KERNEL_ADDR, KERNEL_AT);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_KERNEL_SIZE, g_bytes_get_size(kernel));
    fw_cfg_set(pc->fw_cfg, FW_CFG_KERNEL_DATA, kernel);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_SETUP_ADDR, SETUP_ADDR);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_SETUP_SIZE, n);
    set_item(pc->fw_cfg, FW_CFG_SETUP_DATA, setup, n);
    return add_option_rom(pc, error);
}
