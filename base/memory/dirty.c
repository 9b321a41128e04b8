/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty bitmaps: one bit a guest page and client, in chunks that are made when a block covers them
 * and live as long as the VM, so that setting and reading bits takes no lock.
 *
 * D1: a bit is set after the bytes it stands for were written. D2: whoever clears a bit tells the
 * CPU engine (hooks.cleaned) before it reads the page, so that the next write sets it again.
 * D3: bits of a client that is off may have any value; switching it on sets them all.
 */
#include "base/memory/memory-priv.h"

static DirtyChunk *chunk_at(MemoryRoot *root, uint64_t page)
{
    uint64_t i = page >> DIRTY_CHUNK_PAGE_BITS;

    return i < DIRTY_CHUNKS ? atomic_load_explicit(&root->dirty[i], memory_order_acquire) : NULL;
}

/* Calls @fn for each bitmap word that [first, last] touches, with the mask of its pages. */
typedef bool (*WordFn)(_Atomic uint64_t *word, uint64_t mask, uint64_t page, void *opaque);

static bool foreach_word(MemoryRoot *root, RamAddr addr, uint64_t len, DirtyClient client,
                         WordFn fn, void *opaque)
{
    if (len == 0 || addr >= RAM_ADDR_LIMIT || len > RAM_ADDR_LIMIT - addr) {
        return false;
    }
    uint64_t page = addr >> GUEST_PAGE_BITS, last = (addr + len - 1) >> GUEST_PAGE_BITS;
    bool any = false;

    while (page <= last) {
        unsigned bit = page & 63;
        uint64_t end = MIN(last, page | 63);
        uint64_t mask = (~0ULL << bit) & (~0ULL >> (63 - (end & 63)));
        DirtyChunk *chunk = chunk_at(root, page);

        if (chunk) {
            unsigned w = (page & (DIRTY_CHUNK_PAGES - 1)) / 64;

            any |= fn(&chunk->words[client][w], mask, page & ~63ULL, opaque);
        }
        page = end + 1;
    }
    return any;
}

static bool word_set(_Atomic uint64_t *word, uint64_t mask, uint64_t page, void *opaque)
{
    /* A plain look first: most pages that are written are dirty already. The fence keeps the look
     * behind the write that it stands for (D1): x86 moves loads before older stores. */
    atomic_thread_fence(memory_order_seq_cst);
    if (~atomic_load_explicit(word, memory_order_relaxed) & mask) {
        atomic_fetch_or_explicit(word, mask, memory_order_release);
    }
    return true;
}

static bool word_clear(_Atomic uint64_t *word, uint64_t mask, uint64_t page, void *opaque)
{
    return (atomic_fetch_and(word, ~mask) & mask) != 0;
}

static bool word_any_clean(_Atomic uint64_t *word, uint64_t mask, uint64_t page, void *opaque)
{
    return (~atomic_load_explicit(word, memory_order_acquire) & mask) != 0;
}

void ram_dirty_cover(MemoryRoot *root, RamAddr addr, uint64_t len)
{
    uint64_t first = (addr >> GUEST_PAGE_BITS) >> DIRTY_CHUNK_PAGE_BITS;
    uint64_t last = ((addr + len - 1) >> GUEST_PAGE_BITS) >> DIRTY_CHUNK_PAGE_BITS;

    for (uint64_t i = first; i <= last; i++) {
        if (!atomic_load(&root->dirty[i])) {
            atomic_store(&root->dirty[i], g_new0(DirtyChunk, 1));
        }
    }
    for (int c = 0; c < DIRTY_CLIENTS; c++) {
        foreach_word(root, addr, len, c, word_set, NULL);
    }
}

void ram_dirty_set(Vm *vm, RamAddr addr, uint64_t len, unsigned mask)
{
    MemoryRoot *root = vm->memory;

    mask &= atomic_load_explicit(&root->dirty_enabled, memory_order_acquire);
    for (int c = 0; c < DIRTY_CLIENTS; c++) {
        if (mask & DIRTY_MASK(c)) {
            foreach_word(root, addr, len, c, word_set, NULL);
        }
    }
}

void ram_dirty_written(Vm *vm, RamAddr addr, uint64_t len)
{
    MemoryRoot *root = vm->memory;

    if (root->hooks.code_written &&
        foreach_word(root, addr, len, DIRTY_CODE, word_any_clean, NULL)) {
        root->hooks.code_written(root->hooks.opaque, addr, len);
    }
    ram_dirty_set(vm, addr, len, DIRTY_MASK_ALL & ~DIRTY_MASK(DIRTY_CODE));
}

bool ram_dirty_get(Vm *vm, RamAddr addr, DirtyClient client)
{
    return !(ram_dirty_clean_mask(vm, addr) & DIRTY_MASK(client));
}

unsigned ram_dirty_clean_mask(Vm *vm, RamAddr addr)
{
    MemoryRoot *root = vm->memory;
    unsigned enabled = atomic_load_explicit(&root->dirty_enabled, memory_order_acquire);
    uint64_t page = addr >> GUEST_PAGE_BITS;
    DirtyChunk *chunk = chunk_at(root, page);
    unsigned clean = 0, w = (page & (DIRTY_CHUNK_PAGES - 1)) / 64;

    for (unsigned m = chunk ? enabled : 0; m; m &= m - 1) {
        int c = __builtin_ctz(m);
        uint64_t word = atomic_load_explicit(&chunk->words[c][w], memory_order_acquire);

        clean |= word >> (page & 63) & 1 ? 0 : DIRTY_MASK(c);
    }
    return clean;
}

bool ram_dirty_test_and_clear(Vm *vm, RamAddr addr, uint64_t len, DirtyClient client)
{
    MemoryRoot *root = vm->memory;

    if (!ram_dirty_client_enabled(vm, client)) {
        return true;
    }
    bool any = foreach_word(root, addr, len, client, word_clear, NULL);

    if (any && root->hooks.cleaned) {
        root->hooks.cleaned(root->hooks.opaque, addr, len);
    }
    return any;
}

typedef struct {
    unsigned long *dest;
    uint64_t base_page, count, first, last;
} SyncState;

static bool word_move(_Atomic uint64_t *word, uint64_t mask, uint64_t page, void *opaque)
{
    SyncState *s = opaque;

    if (!(atomic_load_explicit(word, memory_order_relaxed) & mask)) {
        return false;
    }
    uint64_t bits = atomic_fetch_and(word, ~mask) & mask;

    if (bits) {
        /* Blocks start on a word (RAM_ADDR_ALIGN), so the words of both bitmaps line up. */
        s->dest[(page - s->base_page) / 64] |= bits;
        s->count += (uint64_t)__builtin_popcountll(bits);
        s->first = MIN(s->first, page + (uint64_t)__builtin_ctzll(bits));
        s->last = page + 63 - (uint64_t)__builtin_clzll(bits);
    }
    return bits != 0;
}

uint64_t ram_dirty_sync_and_clear(Vm *vm, RamBlock *block, DirtyClient client, unsigned long *dest)
{
    MemoryRoot *root = vm->memory;
    uint64_t len = ram_block_used_length(block);
    SyncState s = { .dest = dest,
                    .base_page = block->addr >> GUEST_PAGE_BITS,
                    .first = UINT64_MAX };

    G_STATIC_ASSERT(sizeof(unsigned long) == 8);
    foreach_word(root, block->addr, len, client, word_move, &s);
    if (s.count && root->hooks.cleaned) {
        root->hooks.cleaned(root->hooks.opaque, s.first << GUEST_PAGE_BITS,
                            (s.last - s.first + 1) << GUEST_PAGE_BITS);
    }
    return s.count;
}

void ram_dirty_client_enable(Vm *vm, DirtyClient client, bool on)
{
    MemoryRoot *root = vm->memory;

    if (client == DIRTY_CODE || ram_dirty_client_enabled(vm, client) == on) {
        return;
    }
    if (!on) {
        atomic_fetch_and(&root->dirty_enabled, ~DIRTY_MASK(client));
        return;
    }
    RamList *list = atomic_load(&root->ram_list);

    for (guint i = 0; i < list->n; i++) {
        foreach_word(root, list->blocks[i]->addr, list->blocks[i]->max_length, client, word_set,
                     NULL);
    }
    atomic_fetch_or(&root->dirty_enabled, DIRTY_MASK(client));
}

bool ram_dirty_client_enabled(Vm *vm, DirtyClient client)
{
    return (atomic_load_explicit(&vm->memory->dirty_enabled, memory_order_acquire) &
            DIRTY_MASK(client)) != 0;
}

void ram_dirty_set_hooks(Vm *vm, const RamDirtyHooks *hooks)
{
    vm->memory->hooks = hooks ? *hooks : (RamDirtyHooks){ 0 };
}
