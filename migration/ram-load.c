/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination's half of the "ram" section. Block names, offsets and lengths come from outside:
 * each is checked against our own list of blocks before a byte is stored.
 */
#include <inttypes.h>
#include <string.h>
#include "populate.h"
#include "base/util/endian.h"
#include "ram-format.h"
#include "ram-watch.h"
#include "ram.h"
#include "xbzrle.h"

struct RamLoad {
    Vm *vm;
    RamBlock *current; /* of CONTINUE; NULL before the first name */
    bool listed;       /* the block list came */
    /* RamBlock -> itself: listed by the source; pinned, as pages may be on their way when it is removed. */
    GHashTable *seen;
    Populate *populate;
    RamWatch watch;
};

RamLoad *ram_load_new(Vm *vm)
{
    RamLoad *ram = g_new0(RamLoad, 1);
    ram->vm = vm;
    ram->seen = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)ram_block_unpin);
    ram->populate = populate_new();
    return ram;
}

void ram_load_free(RamLoad *ram)
{
    if (ram) {
        ram_watch_clear(&ram->watch);
        populate_free(ram->populate);
        g_hash_table_unref(ram->seen);
        g_free(ram);
    }
}

void ram_load_watch(RamLoad *ram, void (*fn)(void *opaque), void *opaque)
{
    ram_watch_start(&ram->watch, ram->vm, fn, opaque);
}

void ram_load_settled(RamLoad *ram)
{
    ram_watch_stop(&ram->watch);
}

const char *ram_load_disturbed(RamLoad *ram)
{
    return ram_watch_disturbed(&ram->watch);
}

G_GNUC_PRINTF(2, 3) static bool ram_error(GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM, text);
    return false;
}

/* Makes our block as long as the source's, or says why that cannot be. VM lock held. */
static bool fit_block(RamLoad *ram, RamBlock *block, uint64_t length, GError **error)
{
    const char *name = ram_block_idstr(block);
    uint64_t used = ram_block_used_length(block), max = ram_block_max_length(block);
    if (length == used) {
        return true;
    }
    if (!(ram_block_flags(block) & RAM_RESIZEABLE)) {
        return ram_error(error,
                         "RAM block '%s' has 0x%" PRIx64 " bytes there and 0x%" PRIx64 " here",
                         name, length, used);
    }
    if (length > max || length % GUEST_PAGE_SIZE) {
        return ram_error(error,
                         "RAM block '%s' has 0x%" PRIx64 " bytes there, at most 0x%" PRIx64
                         " fit here",
                         name, length, max);
    }
    ram_watch_expect(&ram->watch, true);
    bool ok = ram_block_resize(block, length, error);
    ram_watch_expect(&ram->watch, false);
    return ok;
}

/* VM lock held. */
static bool list_block(RamLoad *ram, const char *name, uint64_t length, GError **error)
{
    RamBlock *block = ram_block_find(ram->vm, name);
    if (!block || !ram_block_migratable(block)) {
        return ram_error(error, "there is no RAM block '%s' here", name);
    }
    if (!fit_block(ram, block, length, error)) {
        return false;
    }
    if (g_hash_table_contains(ram->seen, block)) {
        return ram_error(error, "RAM block '%s' is listed twice", name);
    }
    ram_block_pin(block);
    g_hash_table_add(ram->seen, block);
    return true;
}

static bool load_block_list(RamLoad *ram, StreamIn *in, uint64_t total, GError **error)
{
    if (ram->listed) {
        return ram_error(error, "the RAM block list comes twice");
    }
    while (total) {
        char name[256];
        uint64_t length;
        if (!stream_in_str8(in, name, error) || !stream_in_u64(in, &length, error)) {
            return false;
        }
        vm_lock(ram->vm);
        bool ok = list_block(ram, name, length, error);
        vm_unlock(ram->vm);
        if (!ok) {
            return false;
        }
        if (!length || length > total) {
            return ram_error(error,
                             "RAM block '%s' has 0x%" PRIx64 " bytes, 0x%" PRIx64
                             " are left of the total",
                             name, length, total);
        }
        total -= length;
    }
    ram->listed = true;
    return true;
}

/* Borrowed, pinned by the list; NULL + error. */
static RamBlock *listed_block(RamLoad *ram, const char *name, GError **error)
{
    ram_list_acquire(ram->vm);
    RamBlock *block = ram_block_find(ram->vm, name);
    bool ours = block && ram_block_migratable(block);
    bool listed = ours && g_hash_table_contains(ram->seen, block);
    ram_list_release(ram->vm);
    if (!listed) {
        ram_error(error,
                  ours ? "pages come for RAM block '%s', which is not in the stream's list"
                       : "there is no RAM block '%s' here",
                  name);
    }
    return listed ? block : NULL;
}

/* The block and page that a record names; NULL + error. */
static uint8_t *page_of(RamLoad *ram, StreamIn *in, uint64_t word, GError **error)
{
    uint64_t offset = word & ~RAM_FLAGS_MASK;
    if (!(word & RAM_FLAG_CONTINUE)) {
        char name[256];
        if (!stream_in_str8(in, name, error)) {
            return NULL;
        }
        ram->current = listed_block(ram, name, error);
        if (!ram->current) {
            return NULL;
        }
    }
    if (!ram->current) {
        ram_error(error, "a page continues a RAM block before any was named");
        return NULL;
    }
    if (offset >= ram_block_used_length(ram->current)) {
        ram_error(error, "offset 0x%" PRIx64 " lies outside RAM block '%s' (0x%" PRIx64 " bytes)",
                  offset, ram_block_idstr(ram->current), ram_block_used_length(ram->current));
        return NULL;
    }
    return (uint8_t *)ram_block_host(ram->current) + offset;
}

static bool load_zero(StreamIn *in, uint8_t *page, GError **error)
{
    static const uint8_t zeros[GUEST_PAGE_SIZE];
    uint8_t fill;
    if (!stream_in_u8(in, &fill, error)) {
        return false;
    }
    if (fill) {
        return ram_error(error, "a zero page has the fill byte 0x%02x", fill);
    }
    /* Not touching what reads zero already saves the host from allocating it. */
    if (memcmp(page, zeros, GUEST_PAGE_SIZE)) {
        memset(page, 0, GUEST_PAGE_SIZE);
    }
    return true;
}

static bool load_page(RamLoad *ram, StreamIn *in, uint8_t *page, GError **error)
{
    uint8_t *host = ram_block_host(ram->current);
    populate_hint(ram->populate, host, ram_block_used_length(ram->current),
                  (uint64_t)(page - host));
    return stream_in_bytes(in, page, GUEST_PAGE_SIZE, error);
}

/* A delta to the page that is here. */
static bool load_delta(StreamIn *in, uint8_t *page, GError **error)
{
    uint8_t head[3], delta[GUEST_PAGE_SIZE];
    if (!stream_in_bytes(in, head, sizeof(head), error)) {
        return false;
    }
    unsigned n = ld_be16(head + 1);
    if (head[0] != XBZRLE_ENCODING || !n || n > sizeof(delta)) {
        return ram_error(error, "a page's delta has the encoding %u and %u bytes", head[0], n);
    }
    if (!stream_in_bytes(in, delta, n, error)) {
        return false;
    }
    const char *why = xbzrle_decode(delta, n, page);
    return !why || ram_error(error, "a page's delta of %u bytes is malformed: %s", n, why);
}

bool ram_load_body(RamLoad *ram, StreamIn *in, uint32_t version, GError **error)
{
    if (version != RAM_SECTION_VERSION) {
        return ram_error(error, "section 'ram' version %u is not supported, %u is", version,
                         RAM_SECTION_VERSION);
    }
    for (;;) {
        uint64_t word;
        if (!stream_in_u64(in, &word, error)) {
            return false;
        }
        uint64_t kind = word & RAM_FLAGS_MASK & ~(uint64_t)RAM_FLAG_CONTINUE;
        uint8_t *page;
        if ((kind == RAM_FLAG_EOS || kind == RAM_FLAG_MULTIFD_FLUSH) && word != kind) {
            return ram_error(error, "a RAM record has the unknown flags 0x%" PRIx64, word);
        }
        switch (kind) {
        case RAM_FLAG_EOS: return true;
        case RAM_FLAG_MULTIFD_FLUSH: break;
        case RAM_FLAG_MEM_SIZE:
            if (!load_block_list(ram, in, word & ~RAM_FLAGS_MASK, error)) {
                return false;
            }
            break;
        case RAM_FLAG_ZERO:
            page = page_of(ram, in, word, error);
            if (!page || !load_zero(in, page, error)) {
                return false;
            }
            break;
        case RAM_FLAG_PAGE:
            page = page_of(ram, in, word, error);
            if (!page || !load_page(ram, in, page, error)) {
                return false;
            }
            break;
        case RAM_FLAG_XBZRLE:
            page = page_of(ram, in, word, error);
            if (!page || !load_delta(in, page, error)) {
                return false;
            }
            break;
        default: return ram_error(error, "a RAM record has the unknown flags 0x%" PRIx64, kind);
        }
    }
}

typedef struct {
    RamLoad *ram;
    GError **error;
    bool ok;
} Missing;

static bool check_listed(RamBlock *block, void *opaque)
{
    Missing *m = opaque;
    if (ram_block_migratable(block) && !g_hash_table_contains(m->ram->seen, block)) {
        m->ok = ram_error(m->error, "RAM block '%s' (0x%" PRIx64 " bytes) is missing in the stream",
                          ram_block_idstr(block), ram_block_used_length(block));
    }
    return m->ok;
}

bool ram_load_complete(RamLoad *ram, GError **error)
{
    Missing m = { ram, error, true };
    ram_list_foreach(ram->vm, check_listed, &m);
    return m.ok;
}
