/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware that IPLs from devices: an ELF file (z/Architecture, position-independent) that is put at
 * the top of the memory below 2 GiB, relocated, and entered at its entry point in 64-bit mode.
 *
 * Only what such a file needs is understood: loadable segments and relative relocations. The image is
 * built here once and is a ROM of the machine, so that a reset brings it back as it was.
 */
#include <string.h>
#include "base/util/endian.h"
#include "base/util/units.h"
#include "hw/core/firmware.h"
#include "s390-priv.h"

#define DEFAULT_FIRMWARE "s390-ccw.img"
#define FILE_LIMIT       (16 * MiB)
#define IMAGE_LIMIT      (64 * MiB)
#define PLACE_ALIGN      (1 * MiB)
#define PLACE_LIMIT      (2048 * MiB)

/* ELF: offsets and values of the fields that are looked at. */
enum {
    E_TYPE = 16,
    E_MACHINE = 18,
    E_ENTRY = 24,
    E_PHOFF = 32,
    E_PHENTSIZE = 54,
    E_PHNUM = 56,
    EHDR_BYTES = 64,
    PHDR_BYTES = 56,
    ET_DYN = 3,
    EM_S390 = 22,
    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    DYN_BYTES = 16,
    DT_RELA = 7,
    DT_RELASZ = 8,
    RELA_BYTES = 24,
    R_390_RELATIVE = 12,
};

typedef struct {
    uint32_t type;
    uint64_t offset, vaddr, filesz, memsz;
} Segment;

static bool bad(GError **error, const char *path, const char *why)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, "firmware '%s': %s", path, why);
    return false;
}

static Segment segment_at(const uint8_t *file, unsigned i)
{
    const uint8_t *p = file + ld_be64(file + E_PHOFF) + (size_t)i * PHDR_BYTES;

    return (Segment){ ld_be32(p), ld_be64(p + 8), ld_be64(p + 16), ld_be64(p + 32),
                      ld_be64(p + 40) };
}

/* Header and program headers are there; the segments are within the file and the limit. */
static bool check_headers(const uint8_t *f, uint64_t n, const char *path, uint64_t *bytes,
                          GError **error)
{
    static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 2, 1 };

    if (n < EHDR_BYTES || memcmp(f, ident, sizeof(ident)) || ld_be16(f + E_MACHINE) != EM_S390 ||
        ld_be16(f + E_TYPE) != ET_DYN || ld_be16(f + E_PHENTSIZE) != PHDR_BYTES) {
        return bad(error, path, "not a position-independent ELF file for s390x");
    }
    uint64_t at = ld_be64(f + E_PHOFF), count = ld_be16(f + E_PHNUM);
    if (at > n || count * PHDR_BYTES > n - at) {
        return bad(error, path, "program headers outside the file");
    }
    *bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        Segment s = segment_at(f, i);

        if (s.type != PT_LOAD && s.type != PT_DYNAMIC) {
            continue;
        }
        if (s.filesz > s.memsz || s.offset > n || s.filesz > n - s.offset ||
            s.memsz > IMAGE_LIMIT || s.vaddr > IMAGE_LIMIT) {
            return bad(error, path, "a segment outside the file, or too large");
        }
        *bytes = MAX(*bytes, s.vaddr + s.memsz);
    }
    if (!*bytes || ld_be64(f + E_ENTRY) >= *bytes) {
        return bad(error, path, "nothing to load, or an entry point outside of it");
    }
    return true;
}

/* Every relocation is "place's address plus a number". */
static bool relocate(uint8_t *image, uint64_t bytes, uint64_t place, const Segment *dynamic)
{
    uint64_t rela = 0, size = 0;

    for (uint64_t k = 0; k + DYN_BYTES <= dynamic->filesz; k += DYN_BYTES) {
        const uint8_t *entry = image + dynamic->vaddr + k;

        rela = ld_be64(entry) == DT_RELA ? ld_be64(entry + 8) : rela;
        size = ld_be64(entry) == DT_RELASZ ? ld_be64(entry + 8) : size;
    }
    if (rela > bytes || size > bytes - rela) {
        return false;
    }
    for (uint64_t k = 0; k + RELA_BYTES <= size; k += RELA_BYTES) {
        uint64_t at = ld_be64(image + rela + k), addend = ld_be64(image + rela + k + 16);

        if (ld_be64(image + rela + k + 8) != R_390_RELATIVE || at > bytes - 8) {
            return false;
        }
        st_be64(image + at, place + addend);
    }
    return true;
}

static bool load_image(uint8_t *image, uint64_t bytes, uint64_t place, const uint8_t *file)
{
    unsigned count = ld_be16(file + E_PHNUM);

    for (unsigned i = 0; i < count; i++) {
        Segment s = segment_at(file, i);

        if (s.type == PT_LOAD) {
            memcpy(image + s.vaddr, file + s.offset, s.filesz);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        Segment s = segment_at(file, i);

        if (s.type == PT_DYNAMIC && !relocate(image, bytes, place, &s)) {
            return false;
        }
    }
    return true;
}

bool s390_firmware_load(S390Machine *m, GError **error)
{
    Machine *base = &m->machine;
    const char *name = base->firmware ? base->firmware : DEFAULT_FIRMWARE;
    g_autofree char *path = firmware_find(m->board.vm, name, error);
    g_autoptr(GBytes) file = path ? image_read_file("firmware", path, FILE_LIMIT, error) : NULL;
    uint64_t bytes, top = MIN(base->ram_bytes, PLACE_LIMIT);
    gsize n;

    if (!file) {
        return false;
    }
    const uint8_t *f = g_bytes_get_data(file, &n);
    if (!check_headers(f, n, path, &bytes, error)) {
        return false;
    }
    if (bytes + PLACE_ALIGN > top) {
        return bad(error, path, "larger than the machine's memory");
    }
    uint64_t place = (top - bytes) & ~(PLACE_ALIGN - 1);
    uint8_t *image = g_malloc0(bytes);
    g_autoptr(GBytes) out = g_bytes_new_take(image, bytes);
    if (!load_image(image, bytes, place, f)) {
        return bad(error, path, "a relocation that is not understood");
    }
    m->firmware_at = place;
    m->entry = place + ld_be64(f + E_ENTRY);
    return rom_store_add(m->roms, "firmware", place, out, error);
}
