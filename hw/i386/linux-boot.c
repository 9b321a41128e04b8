/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct start of a kernel: bzImage by the Linux/x86 boot protocol (64-bit entry when the image
 * offers it, else 32-bit), or an ELF image by its Xen PVH note (32-bit entry, hvm_start_info).
 *
 * Low memory: GDT 8000, page tables 9000-efff, boot_params 10000 (or start info), command line
 * 20000. The initrd goes as high as kernel and RAM allow.
 */
#include <elf.h>
#include <string.h>
#include "base/util/bits.h"
#include "base/util/endian.h"
#include "base/util/units.h"
#include "linux-boot.h"

#define GDT_ADDR      0x8000
#define TABLES_ADDR   0x9000
#define PARAMS_ADDR   0x10000
#define STACK_TOP     0x1fff0
#define CMDLINE_ADDR  0x20000
#define CMDLINE_LIMIT 0x10000
#define MAX_E820      128
#define MAX_IMAGE     (2 * GiB)
#define PVH_MAGIC     0x336ec578
#define XEN_NOTE_PVH  18

/* Offsets in the setup header (Documentation/arch/x86/boot.rst of Linux). */
enum {
    H_SETUP_SECTS = 0x1f1,
    H_SYSSIZE = 0x1f4,
    H_BOOT_FLAG = 0x1fe,
    H_JUMP_LEN = 0x201,
    H_MAGIC = 0x202,
    H_VERSION = 0x206,
    H_LOADER = 0x210,
    H_LOADFLAGS = 0x211,
    H_CODE32 = 0x214,
    H_RAMDISK = 0x218,
    H_RAMDISK_SIZE = 0x21c,
    H_CMDLINE = 0x228,
    H_INITRD_MAX = 0x22c,
    H_RELOCATABLE = 0x234,
    H_XLOADFLAGS = 0x236,
    H_CMDLINE_SIZE = 0x238,
    H_PREF_ADDRESS = 0x258,
    H_INIT_SIZE = 0x260,
    H_MIN_BYTES = 0x268,
};

G_GNUC_PRINTF(3, 4)
static bool fail(GError **error, const char *file, const char *format, ...)
{
    g_autofree char *why = NULL;
    va_list args;

    va_start(args, format);
    why = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, "kernel '%s': %s", file, why);
    return false;
}

static bool add(RomStore *roms, const char *name, uint64_t addr, const void *data, size_t len,
                GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, len);

    return rom_store_add(roms, name, addr, bytes, error);
}

/* ---- what both ways share ---- */
static bool add_gdt(RomStore *roms, X86BootState *out, GError **error)
{
    uint64_t gdt[4] = {
        0,
        0,
        out->mode == X86_BOOT_LONG64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
        0x00cf93000000ffff,
    };

    for (int i = 0; i < 4; i++) {
        gdt[i] = GUINT64_TO_LE(gdt[i]);
    }
    out->gdt_base = GDT_ADDR;
    out->gdt_limit = sizeof(gdt) - 1;
    out->rsp = STACK_TOP;
    return add(roms, "boot GDT", GDT_ADDR, gdt, sizeof(gdt), error);
}

/* Level 4, level 3, four tables of 2 MiB pages. */
static bool add_page_tables(RomStore *roms, X86BootState *out, GError **error)
{
    g_autofree uint8_t *t = g_malloc0(6 * 4096);

    st_le64(t, (TABLES_ADDR + 0x1000) | 3);
    for (int i = 0; i < 4; i++) {
        st_le64(t + 0x1000 + 8 * i, (TABLES_ADDR + 0x2000 + 0x1000 * i) | 3);
    }
    for (uint64_t i = 0; i < 4 * 512; i++) {
        st_le64(t + 0x2000 + 8 * i, i << 21 | 0x83);
    }
    out->cr3 = TABLES_ADDR;
    return add(roms, "boot page tables", TABLES_ADDR, t, 6 * 4096, error);
}

static bool add_cmdline(RomStore *roms, const LinuxBootConfig *c, uint64_t limit, GError **error)
{
    const char *cmdline = c->cmdline ? c->cmdline : "";
    size_t len = strlen(cmdline);

    if (len > limit) {
        return fail(error, c->kernel,
                    "command line of %zu bytes is too long (limit %" G_GUINT64_FORMAT ")", len,
                    limit);
    }
    return add(roms, "kernel command line", CMDLINE_ADDR, cmdline, len + 1, error);
}

/* The highest place below @top and @max, above @floor. */
static bool add_initrd(RomStore *roms, const LinuxBootConfig *c, uint64_t floor, uint64_t max,
                       uint64_t *addr, uint64_t *size, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    uint64_t top = MIN(c->low_ram_top, max), len;

    *addr = *size = 0;
    if (!c->initrd) {
        return true;
    }
    bytes = image_read_file("initrd", c->initrd, MAX_IMAGE, error);
    if (!bytes) {
        return false;
    }
    len = g_bytes_get_size(bytes);
    if (floor > top || len > top - floor || bits_align_down(top - len, 4096) < floor) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "initrd '%s' of %" G_GUINT64_FORMAT " bytes does not fit in memory between the "
                    "kernel's end at 0x%" G_GINT64_MODIFIER "x and 0x%" G_GINT64_MODIFIER "x",
                    c->initrd, len, floor, top);
        return false;
    }
    *addr = bits_align_down(top - len, 4096);
    *size = len;
    return rom_store_add(roms, "initrd", *addr, bytes, error);
}

/* ---- bzImage ---- */
typedef struct {
    uint16_t version;
    uint32_t setup_bytes, header_end;
    uint64_t kernel_bytes, load, init_size, initrd_max, cmdline_max;
    bool entry64;
} BzImage;

static bool bz_parse(const LinuxBootConfig *c, const uint8_t *d, size_t len, BzImage *bz,
                     GError **error)
{
    uint64_t declared;

    bz->version = ld_le16(d + H_VERSION);
    if (bz->version < 0x0206) {
        return fail(error, c->kernel, "boot protocol %u.%02u is too old (limit 2.06)",
                    bz->version >> 8, bz->version & 0xff);
    }
    if (!(d[H_LOADFLAGS] & 1)) {
        return fail(error, c->kernel, "a zImage that loads low is not supported");
    }
    bz->setup_bytes = ((d[H_SETUP_SECTS] ? d[H_SETUP_SECTS] : 4) + 1) * 512;
    bz->header_end = MIN((uint32_t)H_MAGIC + d[H_JUMP_LEN], 0x290u);
    declared = (uint64_t)ld_le32(d + H_SYSSIZE) * 16;
    if (len <= bz->setup_bytes || len - bz->setup_bytes + 15 < declared) {
        return fail(error, c->kernel,
                    "truncated: %zu bytes, its header asks for %" G_GUINT64_FORMAT, len,
                    bz->setup_bytes + declared);
    }
    bz->kernel_bytes = len - bz->setup_bytes;
    bz->load = 1 * MiB;
    bz->init_size = bz->kernel_bytes;
    if (bz->version >= 0x020a) {
        bz->init_size = MAX(ld_le32(d + H_INIT_SIZE), bz->kernel_bytes);
        if (d[H_RELOCATABLE] && ld_le64(d + H_PREF_ADDRESS) >= 1 * MiB) {
            bz->load = ld_le64(d + H_PREF_ADDRESS);
        }
    }
    bz->initrd_max = (uint64_t)ld_le32(d + H_INITRD_MAX) + 1;
    bz->cmdline_max = MIN(ld_le32(d + H_CMDLINE_SIZE), CMDLINE_LIMIT - 1u);
    bz->entry64 = bz->version >= 0x020c && ld_le16(d + H_XLOADFLAGS) & 1;
    if (bz->load > c->low_ram_top || bz->init_size > c->low_ram_top - bz->load) {
        return fail(error, c->kernel,
                    "needs memory up to 0x%" G_GINT64_MODIFIER "x, the machine has it up to "
                    "0x%" G_GINT64_MODIFIER "x",
                    bz->load + bz->init_size, c->low_ram_top);
    }
    return true;
}

static void e820_write(uint8_t *at, const LinuxBootConfig *c)
{
    for (unsigned i = 0; i < c->n_e820; i++) {
        st_le64(at + 20 * i, c->e820[i].base);
        st_le64(at + 20 * i + 8, c->e820[i].len);
        st_le32(at + 20 * i + 16, c->e820[i].type);
    }
}

static bool bz_load(const LinuxBootConfig *c, GBytes *file, RomStore *roms, X86BootState *out,
                    GError **error)
{
    size_t len;
    const uint8_t *d = g_bytes_get_data(file, &len);
    g_autoptr(GBytes) kernel = NULL;
    g_autofree uint8_t *params = g_malloc0(4096);
    uint64_t initrd, initrd_size;
    BzImage bz = { 0 };

    if (!bz_parse(c, d, len, &bz, error) || !add_cmdline(roms, c, bz.cmdline_max, error) ||
        !add_initrd(roms, c, bits_align_up(bz.load + bz.init_size, 4096), bz.initrd_max, &initrd,
                    &initrd_size, error)) {
        return false;
    }
    memcpy(params + H_SETUP_SECTS, d + H_SETUP_SECTS, bz.header_end - H_SETUP_SECTS);
    params[H_LOADER] = 0xff;
    params[H_LOADFLAGS] &= ~0x20; /* let it print */
    st_le32(params + H_CODE32, bz.load);
    st_le32(params + H_RAMDISK, initrd);
    st_le32(params + H_RAMDISK_SIZE, initrd_size);
    st_le32(params + H_CMDLINE, CMDLINE_ADDR);
    st_le64(params + 0x70, c->rsdp);
    params[0x06] = 3; /* text mode, 80 x 25, no VGA adapter */
    params[0x07] = 80;
    params[0x0e] = 25;
    params[0x1e8] = c->n_e820;
    e820_write(params + 0x2d0, c);
    out->mode = bz.entry64 ? X86_BOOT_LONG64 : X86_BOOT_FLAT32;
    out->entry = bz.load + (bz.entry64 ? 0x200 : 0);
    out->rsi = PARAMS_ADDR;
    kernel = g_bytes_new_from_bytes(file, bz.setup_bytes, bz.kernel_bytes);
    return (!bz.entry64 || add_page_tables(roms, out, error)) && add_gdt(roms, out, error) &&
           add(roms, "boot parameters", PARAMS_ADDR, params, 4096, error) &&
           rom_store_add(roms, "kernel", bz.load, kernel, error);
}

/* ---- ELF with a PVH note ---- */
static bool note_entry(const uint8_t *d, uint64_t offset, uint64_t size, uint64_t *entry)
{
    while (size >= 12) {
        uint32_t namesz = ld_le32(d + offset), descsz = ld_le32(d + offset + 4);
        uint64_t name = 12, desc = 12 + bits_align_up(namesz, 4);
        uint64_t next = desc + bits_align_up(descsz, 4);

        if (next > size) {
            return false;
        }
        if (ld_le32(d + offset + 8) == XEN_NOTE_PVH && namesz == 4 &&
            !memcmp(d + offset + name, "Xen", 4) && (descsz == 4 || descsz == 8)) {
            *entry = ld_le(d + offset + desc, descsz);
            return true;
        }
        offset += next;
        size -= next;
    }
    return false;
}

static bool elf_segment(const LinuxBootConfig *c, const uint8_t *d, size_t len, const Elf64_Phdr *p,
                        RomStore *roms, unsigned i, uint64_t *end, GError **error)
{
    g_autofree char *name = g_strdup_printf("kernel segment %u", i);
    g_autofree uint8_t *data = NULL;

    if (p->p_memsz < p->p_filesz || p->p_paddr < 1 * MiB || p->p_paddr > c->low_ram_top ||
        p->p_memsz > c->low_ram_top - p->p_paddr) {
        return fail(error, c->kernel,
                    "segment %u at 0x%" G_GINT64_MODIFIER "x (0x%" G_GINT64_MODIFIER "x bytes) is "
                    "not in memory from 0x100000 to 0x%" G_GINT64_MODIFIER "x",
                    i, (guint64)p->p_paddr, (guint64)p->p_memsz, c->low_ram_top);
    }
    data = g_malloc0(p->p_memsz + 1);
    memcpy(data, d + p->p_offset, p->p_filesz);
    *end = MAX(*end, p->p_paddr + p->p_memsz);
    return add(roms, name, p->p_paddr, data, p->p_memsz, error);
}

static bool elf_segments(const LinuxBootConfig *c, const uint8_t *d, size_t len, RomStore *roms,
                         uint64_t *entry, uint64_t *end, GError **error)
{
    Elf64_Ehdr eh;
    bool found = false;

    memcpy(&eh, d, sizeof(eh));
    if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
        eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phoff > len ||
        eh.e_phnum > (len - eh.e_phoff) / sizeof(Elf64_Phdr)) {
        return fail(error, c->kernel, "not a 64-bit x86 ELF image (class %u, machine %u)",
                    eh.e_ident[EI_CLASS], eh.e_machine);
    }
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, d + eh.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_offset > len || p.p_filesz > len - p.p_offset) {
            return fail(error, c->kernel,
                        "truncated: segment %u ends at 0x%" G_GINT64_MODIFIER
                        "x, the file at 0x%zx",
                        i, (guint64)(p.p_offset + p.p_filesz), len);
        }
        if (p.p_type == PT_NOTE) {
            found |= note_entry(d, p.p_offset, p.p_filesz, entry);
        } else if (p.p_type == PT_LOAD && p.p_memsz &&
                   !elf_segment(c, d, len, &p, roms, i, end, error)) {
            return false;
        }
    }
    return found ||
           fail(error, c->kernel, "ELF image without a PVH entry (Xen note %d)", XEN_NOTE_PVH);
}

static bool elf_load(const LinuxBootConfig *c, const uint8_t *d, size_t len, RomStore *roms,
                     X86BootState *out, GError **error)
{
    g_autofree uint8_t *info = g_malloc0(4096);
    uint64_t entry = 0, end = 0, initrd, initrd_size;

    if (!elf_segments(c, d, len, roms, &entry, &end, error) ||
        !add_cmdline(roms, c, CMDLINE_LIMIT - 1, error) ||
        !add_initrd(roms, c, bits_align_up(end, 2 * MiB), 2 * GiB, &initrd, &initrd_size, error)) {
        return false;
    }
    st_le32(info, PVH_MAGIC);
    st_le32(info + 4, 1);
    st_le32(info + 12, c->initrd ? 1 : 0);
    st_le64(info + 16, c->initrd ? PARAMS_ADDR + 0x80 : 0);
    st_le64(info + 24, CMDLINE_ADDR);
    st_le64(info + 32, c->rsdp);
    st_le64(info + 40, PARAMS_ADDR + 0x100);
    st_le32(info + 48, c->n_e820);
    st_le64(info + 0x80, initrd);
    st_le64(info + 0x88, initrd_size);
    for (unsigned i = 0; i < c->n_e820; i++) {
        st_le64(info + 0x100 + 24 * i, c->e820[i].base);
        st_le64(info + 0x108 + 24 * i, c->e820[i].len);
        st_le32(info + 0x110 + 24 * i, c->e820[i].type);
    }
    out->mode = X86_BOOT_FLAT32;
    out->entry = entry;
    out->rbx = PARAMS_ADDR;
    return add_gdt(roms, out, error) && add(roms, "PVH start info", PARAMS_ADDR, info, 4096, error);
}

bool linux_boot_load(const LinuxBootConfig *c, RomStore *roms, X86BootState *out, GError **error)
{
    g_autoptr(GBytes) bytes = image_read_file("kernel", c->kernel, MAX_IMAGE, error);
    const uint8_t *d;
    size_t len;

    if (!bytes) {
        return false;
    }
    g_assert(c->n_e820 <= MAX_E820);
    *out = (X86BootState){ 0 };
    d = g_bytes_get_data(bytes, &len);
    if (len >= sizeof(Elf64_Ehdr) && !memcmp(d, ELFMAG, SELFMAG)) {
        return elf_load(c, d, len, roms, out, error);
    }
    if (len < H_MIN_BYTES) {
        return fail(error, c->kernel, "truncated: %zu bytes are no kernel image (limit %d)", len,
                    H_MIN_BYTES);
    }
    if (ld_le16(d + H_BOOT_FLAG) != 0xaa55 || memcmp(d + H_MAGIC, "HdrS", 4)) {
        return fail(error, c->kernel, "neither a bzImage (no HdrS at 0x%x) nor an ELF image",
                    H_MAGIC);
    }
    return bz_load(c, bytes, roms, out, error);
}
