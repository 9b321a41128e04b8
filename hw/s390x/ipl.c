/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reset IPLs: the firmware (firmware.c), or with -kernel a Linux image directly. Such an image is
 * its own memory image from absolute 0 on, entered at 0x10000. What the boot loader would have written
 * into its parameter area is put into the image here.
 */
#include <string.h>
#include "s390-priv.h"

#define ENTRY         0x10000u
#define MAGIC_AT      0x10008u
#define PARM_INITRD   0x10408u /* start, size: 8 bytes each */
#define PARM_MAX_LINE 0x10430u /* 0: the old limit */
#define PARM_LINE     0x10480u
#define OLD_MAX_LINE  896u
#define INITRD_AT     0x800000u /* at least */
#define IMAGE_LIMIT   (512ull << 20)

static void put64(uint8_t *p, uint64_t v)
{
    for (int k = 0; k < 8; k++) {
        p[k] = v >> (56 - 8 * k);
    }
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v = 0;

    for (int k = 0; k < 8; k++) {
        v = v << 8 | p[k];
    }
    return v;
}

static bool fail(GError **error, const char *format, const char *name, uint64_t value)
{
    g_autofree char *text = g_strdup_printf(format, name, value);

    g_set_error_literal(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, text);
    return false;
}

static bool put_cmdline(uint8_t *image, const char *line, const char *name, GError **error)
{
    uint64_t max = get64(image + PARM_MAX_LINE);

    if (max == 0 || max > 65536) {
        max = OLD_MAX_LINE;
    }
    if (strlen(line) >= max) {
        return fail(error,
                    "kernel '%s': the command line is too long (limit %" G_GUINT64_FORMAT ")", name,
                    max - 1);
    }
    g_strlcpy((char *)image + PARM_LINE, line, max);
    return true;
}

static bool add_initrd(S390Machine *m, uint8_t *image, uint64_t kernel_end, GError **error)
{
    const char *file = m->machine.initrd_file;
    g_autoptr(GBytes) initrd = image_read_file("initrd", file, IMAGE_LIMIT, error);
    uint64_t at = MAX(INITRD_AT, (kernel_end + 0xfffff) & ~0xfffffull), n;

    if (!initrd) {
        return false;
    }
    n = g_bytes_get_size(initrd);
    if (at + n > m->machine.ram_bytes) {
        return fail(error, "initrd '%s': does not fit into memory below 0x%" G_GINT64_MODIFIER "x",
                    file, m->machine.ram_bytes);
    }
    put64(image + PARM_INITRD, at);
    put64(image + PARM_INITRD + 8, n);
    return rom_store_add(m->roms, "initrd", at, initrd, error);
}

static bool add_kernel(S390Machine *m, GError **error)
{
    const char *file = m->machine.kernel_file;
    g_autoptr(GBytes) raw = image_read_file("kernel", file, IMAGE_LIMIT, error), bytes = NULL;
    gsize n;

    if (!raw) {
        return false;
    }
    uint8_t *image = g_bytes_unref_to_data(g_steal_pointer(&raw), &n);
    bytes = g_bytes_new_take(image, n);
    if (n < PARM_LINE + OLD_MAX_LINE || memcmp(image + MAGIC_AT, "S390EP", 6)) {
        return fail(error, "kernel '%s': no Linux image for s390x (no \"S390EP\" at 0x%x)", file,
                    MAGIC_AT);
    }
    if (n > m->machine.ram_bytes) {
        return fail(error, "kernel '%s': larger than the memory of 0x%" G_GINT64_MODIFIER "x bytes",
                    file, m->machine.ram_bytes);
    }
    if (m->machine.cmdline && *m->machine.cmdline &&
        !put_cmdline(image, m->machine.cmdline, file, error)) {
        return false;
    }
    if (m->machine.initrd_file && *m->machine.initrd_file && !add_initrd(m, image, n, error)) {
        return false;
    }
    m->entry = ENTRY;
    return rom_store_add(m->roms, "kernel", 0, bytes, error);
}

bool s390_ipl_prepare(S390Machine *m, GError **error)
{
    Machine *base = &m->machine;

    if (base->kernel_file && *base->kernel_file) {
        m->direct_boot = add_kernel(m, error);
        return m->direct_boot;
    }
    if ((base->initrd_file && *base->initrd_file) || (base->cmdline && *base->cmdline)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "-append and -initrd only allowed with -kernel option");
        return false;
    }
    if (base->firmware_optional && !base->firmware) {
        return true;
    }
    return s390_boot_devices_find(m, error) && s390_firmware_load(m, error);
}
