/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's half of the "ram" section. The first round sends every page of every migratable
 * block; later ones what was dirtied meanwhile. A page's dirty bit is cleared before the page is
 * read, so a write during the read sets it again and the page travels once more.
 */
#include <inttypes.h>
#include <string.h>
#include "base/util/bitmap.h"
#include "base/util/endian.h"
#include "ram-format.h"
#include "ram-watch.h"
#include "ram.h"
#include "xbzrle.h"

typedef struct {
    RamBlock *block; /* borrowed: the notifier tells when it goes */
    char *idstr;
    uint8_t *host;
    uint64_t pages;
    uint64_t *todo; /* one bit a page */
    uint64_t left;  /* bits set in todo */
} SaveBlock;

struct RamSave {
    Vm *vm;
    GArray *blocks; /* SaveBlock */
    RamWatch watch;
    void (*on_disturbed)(void *opaque);
    void *on_disturbed_opaque;
    bool zero_pages; /* look for them */
    guint cur;       /* block being sent */
    uint64_t next;   /* page to look at in it */
    int last_sent;   /* index of the block of the last page on the wire, -1 */
    int64_t last_sync_ns;
    uint64_t normal, zero, syncs, dirtied, rate; /* atomic, relaxed */
    uint64_t total;
    XbzrleCache *cache; /* NULL: pages travel whole */
    bool bulk_done;     /* every page was sent once: deltas from now on */
    RamXbzrleStats xbzrle;
};

const char *ram_save_disturbed(RamSave *ram)
{
    return ram_watch_disturbed(&ram->watch);
}

void ram_save_on_disturbed(RamSave *ram, void (*fn)(void *opaque), void *opaque)
{
    ram->on_disturbed = fn;
    ram->on_disturbed_opaque = opaque;
}

void ram_save_settled(RamSave *ram)
{
    ram_watch_stop(&ram->watch);
}

static void disturbed(void *opaque)
{
    RamSave *ram = opaque;
    if (ram->on_disturbed) {
        ram->on_disturbed(ram->on_disturbed_opaque);
    }
}

static bool take_block(RamBlock *block, void *opaque)
{
    RamSave *ram = opaque;
    if (ram_block_migratable(block)) {
        SaveBlock b = { .block = block,
                        .idstr = g_strdup(ram_block_idstr(block)),
                        .host = ram_block_host(block),
                        .pages = ram_block_used_length(block) / GUEST_PAGE_SIZE };
        b.todo = bitmap_new(b.pages);
        bitmap_set(b.todo, 0, b.pages);
        b.left = b.pages;
        ram->total += b.pages * GUEST_PAGE_SIZE;
        g_array_append_val(ram->blocks, b);
    }
    return true;
}

static bool nameless(RamSave *ram, GError **error)
{
    for (guint i = 0; i < ram->blocks->len; i++) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, i);
        if (!*b->idstr) {
            g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM,
                        "a RAM block of %" PRIu64 " pages has no name and cannot be migrated",
                        b->pages);
            return true;
        }
    }
    return false;
}

static bool make_cache(RamSave *ram, uint64_t bytes, GError **error)
{
    ram->cache = xbzrle_cache_new(bytes);
    ram->xbzrle.cache_size = bytes;
    if (!ram->cache) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "there is no memory for an xbzrle-cache-size of %" PRIu64 " bytes", bytes);
    }
    return ram->cache != NULL;
}

RamSave *ram_save_new(Vm *vm, const MigrationParams *params, bool xbzrle, GError **error)
{
    RamSave *ram = g_new0(RamSave, 1);
    ram->vm = vm;
    ram->last_sent = -1;
    ram->zero_pages = params->zero_page_detection != ZERO_PAGE_NONE;
    ram->blocks = g_array_new(false, false, sizeof(SaveBlock));
    ram_list_foreach(vm, take_block, ram);
    if (nameless(ram, error) || (xbzrle && !make_cache(ram, params->xbzrle_cache_size, error))) {
        ram_save_free(ram);
        return NULL;
    }
    ram_watch_start(&ram->watch, vm, disturbed, ram);
    ram_dirty_client_enable(vm, DIRTY_MIGRATION, true);
    for (guint i = 0; i < ram->blocks->len; i++) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, i);
        ram_dirty_test_and_clear(vm, ram_block_addr(b->block), b->pages * GUEST_PAGE_SIZE,
                                 DIRTY_MIGRATION);
    }
    ram->last_sync_ns = clock_now_ns(vm, CLOCK_KIND_REALTIME);
    ram->syncs = 1; /* the one that finds everything to be sent */
    return ram;
}

void ram_save_free(RamSave *ram)
{
    if (!ram) {
        return;
    }
    if (ram->watch.vm) {
        ram_dirty_client_enable(ram->vm, DIRTY_MIGRATION, false);
    }
    ram_watch_clear(&ram->watch);
    for (guint i = 0; i < ram->blocks->len; i++) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, i);
        g_free(b->idstr);
        g_free(b->todo);
    }
    g_array_unref(ram->blocks);
    xbzrle_cache_free(ram->cache);
    g_free(ram);
}

static bool put_name(StreamOut *out, const char *name, GError **error)
{
    return stream_out_u8(out, (uint8_t)strlen(name), error) &&
           stream_out_bytes(out, name, strlen(name), error);
}

bool ram_save_setup(RamSave *ram, StreamOut *out, GError **error)
{
    if (!stream_out_u64(out, ram->total | RAM_FLAG_MEM_SIZE, error)) {
        return false;
    }
    for (guint i = 0; i < ram->blocks->len; i++) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, i);
        if (!put_name(out, b->idstr, error) ||
            !stream_out_u64(out, b->pages * GUEST_PAGE_SIZE, error)) {
            return false;
        }
    }
    return stream_out_u64(out, RAM_FLAG_EOS, error);
}

static bool gone(RamSave *ram)
{
    return ram_save_disturbed(ram) != NULL;
}

uint64_t ram_save_sync(RamSave *ram)
{
    uint64_t dirtied = 0, before = ram_save_pending(ram);
    vm_lock(ram->vm);
    for (guint i = 0; i < ram->blocks->len && !gone(ram); i++) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, i);
        g_autofree uint64_t *fresh = bitmap_new(b->pages);
        dirtied +=
            ram_dirty_sync_and_clear(ram->vm, b->block, DIRTY_MIGRATION, (unsigned long *)fresh);
        bitmap_or(b->todo, fresh, b->pages);
        b->left = bitmap_count(b->todo, 0, b->pages);
    }
    vm_unlock(ram->vm);
    int64_t now = clock_now_ns(ram->vm, CLOCK_KIND_REALTIME);
    if (now > ram->last_sync_ns) {
        ram->rate = (uint64_t)((double)dirtied * NS_PER_SEC / (double)(now - ram->last_sync_ns));
    }
    ram->last_sync_ns = now;
    ram->dirtied = dirtied;
    ram->syncs++;
    return (ram_save_pending(ram) - before) / GUEST_PAGE_SIZE;
}

uint64_t ram_save_pending(const RamSave *ram)
{
    uint64_t pages = 0;
    for (guint i = 0; i < ram->blocks->len; i++) {
        pages += g_array_index(ram->blocks, SaveBlock, i).left;
    }
    return pages * GUEST_PAGE_SIZE;
}

static bool page_is_zero(const uint8_t *page)
{
    const uint64_t *w = (const uint64_t *)page;
    if (w[0] | w[GUEST_PAGE_SIZE / 16] | w[GUEST_PAGE_SIZE / 8 - 1]) {
        return false;
    }
    return !memcmp(page, page + 8, GUEST_PAGE_SIZE - 8) && !w[0];
}

/* Copies the page out, unless its block has just gone: writing may take long, the copy does not. */
static bool copy_page(RamSave *ram, const SaveBlock *b, uint64_t page, uint8_t *copy,
                      GError **error)
{
    ram_list_acquire(ram->vm);
    const char *why = ram_save_disturbed(ram);
    if (!why) {
        memcpy(copy, b->host + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
    }
    ram_list_release(ram->vm);
    if (why) {
        g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM, why);
    }
    return !why;
}

/* The word that starts a record, and the block's name where it is another one than before. */
static bool put_record(RamSave *ram, guint index, uint64_t page, unsigned kind, StreamOut *out,
                       GError **error)
{
    bool same = ram->last_sent == (int)index;
    uint64_t word = page * GUEST_PAGE_SIZE | kind | (same ? RAM_FLAG_CONTINUE : 0);
    ram->last_sent = (int)index;
    return stream_out_u64(out, word, error) &&
           (same || put_name(out, g_array_index(ram->blocks, SaveBlock, index).idstr, error));
}

static bool put_delta(RamSave *ram, guint index, uint64_t page, const uint8_t *delta, unsigned n,
                      StreamOut *out, GError **error)
{
    uint8_t head[3] = { XBZRLE_ENCODING };
    st_be16(head + 1, (uint16_t)n);
    ram->xbzrle.pages++;
    ram->xbzrle.bytes += sizeof(head) + n;
    return put_record(ram, index, page, RAM_FLAG_XBZRLE, out, error) &&
           stream_out_bytes(out, head, sizeof(head), error) &&
           stream_out_bytes(out, delta, n, error);
}

typedef enum {
    DELTA_NONE, /* the page must travel whole */
    DELTA_EMPTY,
    DELTA_MADE
} DeltaKind;

/* What the receiver has, it has from us: the cache holds what was sent last, before and after. */
static DeltaKind make_delta(RamSave *ram, uint64_t key, const uint8_t *copy, uint8_t *delta,
                            unsigned *n)
{
    uint8_t *old = xbzrle_cache_find(ram->cache, key);
    if (!old) {
        ram->xbzrle.cache_miss++;
        xbzrle_cache_put(ram->cache, key, copy);
        return DELTA_NONE;
    }
    int len = xbzrle_encode(old, copy, delta, GUEST_PAGE_SIZE - 1);
    memcpy(old, copy, GUEST_PAGE_SIZE);
    if (len < 0) {
        ram->xbzrle.overflow++;
        return DELTA_NONE;
    }
    *n = (unsigned)len;
    return len ? DELTA_MADE : DELTA_EMPTY;
}

/* The page may change while it is copied: whatever is sent, its dirty bit brings it back. */
static bool send_page(RamSave *ram, guint index, uint64_t page, StreamOut *out, GError **error)
{
    SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, index);
    uint8_t copy[GUEST_PAGE_SIZE] __attribute__((aligned(64))), delta[GUEST_PAGE_SIZE];
    uint64_t key = ram_block_addr(b->block) / GUEST_PAGE_SIZE + page;
    unsigned n;
    if (!copy_page(ram, b, page, copy, error)) {
        return false;
    }
    if (ram->zero_pages && page_is_zero(copy)) {
        uint8_t *old = ram->cache ? xbzrle_cache_find(ram->cache, key) : NULL;
        if (old) {
            memset(old, 0, GUEST_PAGE_SIZE);
        }
        ram->zero++;
        return put_record(ram, index, page, RAM_FLAG_ZERO, out, error) &&
               stream_out_u8(out, 0, error);
    }
    if (ram->cache && ram->bulk_done) {
        DeltaKind kind = make_delta(ram, key, copy, delta, &n);
        if (kind != DELTA_NONE) {
            return kind == DELTA_EMPTY || put_delta(ram, index, page, delta, n, out, error);
        }
    }
    ram->normal++;
    return put_record(ram, index, page, RAM_FLAG_PAGE, out, error) &&
           stream_out_bytes(out, copy, sizeof(copy), error);
}

bool ram_save_pages(RamSave *ram, StreamOut *out, uint64_t budget, bool *done, GError **error)
{
    uint64_t sent = 0;
    guint empty = 0; /* blocks in a row without a page to send */
    while (ram->blocks->len && sent < budget && empty <= ram->blocks->len) {
        SaveBlock *b = &g_array_index(ram->blocks, SaveBlock, ram->cur);
        uint64_t page = bitmap_find_next_set(b->todo, b->pages, ram->next);
        if (page >= b->pages) {
            ram->cur = (ram->cur + 1) % ram->blocks->len;
            ram->next = 0;
            empty++;
            continue;
        }
        empty = 0;
        bitmap_clear_bit(b->todo, page);
        b->left--;
        ram->next = page + 1;
        uint64_t before = out->bytes + out->buf->len;
        if (!send_page(ram, ram->cur, page, out, error)) {
            return false;
        }
        sent += out->bytes + out->buf->len - before;
    }
    *done = ram_save_pending(ram) == 0;
    ram->bulk_done = ram->bulk_done || *done;
    return stream_out_u64(out, RAM_FLAG_EOS, error);
}

void ram_save_stats(RamSave *ram, RamSaveStats *out)
{
    *out =
        (RamSaveStats){ .total_bytes = ram->total,
                        .normal_pages = __atomic_load_n(&ram->normal, __ATOMIC_RELAXED),
                        .zero_pages = __atomic_load_n(&ram->zero, __ATOMIC_RELAXED),
                        .sync_count = __atomic_load_n(&ram->syncs, __ATOMIC_RELAXED),
                        .dirty_pages_last_sync = __atomic_load_n(&ram->dirtied, __ATOMIC_RELAXED),
                        .dirty_rate = __atomic_load_n(&ram->rate, __ATOMIC_RELAXED) };
}

bool ram_save_xbzrle(RamSave *ram, RamXbzrleStats *out)
{
    *out = ram->xbzrle;
    uint64_t tried = out->pages + out->cache_miss + out->overflow;
    out->cache_miss_rate = tried ? (double)out->cache_miss / (double)tried : 0;
    out->encoding_rate = out->bytes ? (double)out->pages * GUEST_PAGE_SIZE / (double)out->bytes : 0;
    return ram->cache != NULL;
}
