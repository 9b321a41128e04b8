/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMA maps: a bus master gets a host pointer to guest RAM, or a bounce buffer for anything else.
 *
 * A mapped block is pinned, so that its memory outlives the block. Bounce buffers come from a
 * budget of 1 MiB a VM; who finds it used up waits with address_space_map_wait().
 */
#include "base/memory/memory-priv.h"

#define BOUNCE_BUDGET (1u << 20)
#define BOUNCE_MAX    (64u << 10) /* of one map */

struct Bounce {
    Bounce *next;
    AddressSpace *as;
    GuestPhys addr;
    uint64_t len;
    MemAttrs attrs;
    uint8_t data[];
};

static void *map_bounce(AddressSpace *as, GuestPhys addr, uint64_t *len, bool is_write,
                        MemAttrs attrs)
{
    MemoryRoot *root = as->vm->memory;
    uint64_t n = MIN(*len, BOUNCE_MAX);

    g_mutex_lock(&root->bounce_lock);
    n = MIN(n, BOUNCE_BUDGET - root->bounce_bytes);
    root->bounce_bytes += n;
    g_mutex_unlock(&root->bounce_lock);
    if (n == 0) {
        return NULL;
    }
    Bounce *b = g_malloc0(sizeof(*b) + n);

    *b = (Bounce){ .as = as, .addr = addr, .len = n, .attrs = attrs };
    if (!is_write) {
        address_space_read(as, addr, attrs, b->data, n);
    }
    g_mutex_lock(&root->bounce_lock);
    b->next = root->bounces;
    root->bounces = b;
    atomic_fetch_add(&root->bounce_count, 1);
    g_mutex_unlock(&root->bounce_lock);
    *len = n;
    return b->data;
}

void *address_space_map(AddressSpace *as, GuestPhys addr, uint64_t *len, bool is_write,
                        MemAttrs attrs)
{
    MemoryRoot *root = as->vm->memory;
    uint64_t want = *len, got = 0;
    RamBlock *block = NULL;
    uint8_t *host = NULL;
    bool nothing = false;

    if (want == 0) {
        return NULL;
    }
    memory_read_begin(root);
    while (got < want) {
        MemTarget t = address_space_lookup(as, addr + got, is_write, attrs);

        if (!t.ram || (is_write && t.readonly) || (block && t.host != host + got)) {
            nothing = got == 0 && !t.region;
            break;
        }
        if (!block) {
            block = t.ram;
            host = t.host;
            ram_block_pin(block);
        }
        got += t.len == 0 ? want - got : MIN(t.len, want - got);
    }
    memory_read_end(root);
    if (got) {
        *len = got;
        return host;
    }
    if (nothing) {
        *len = 0;
        return NULL;
    }
    MemTarget t = address_space_lookup(as, addr, is_write, attrs);

    *len = t.len == 0 ? want : MIN(t.len, want);
    void *data = map_bounce(as, addr, len, is_write, attrs);

    if (!data) {
        *len = 0;
    }
    return data;
}

static Bounce *take_bounce(MemoryRoot *root, void *host)
{
    Bounce *found = NULL;

    if (!atomic_load(&root->bounce_count)) {
        return NULL;
    }
    g_mutex_lock(&root->bounce_lock);
    for (Bounce **at = &root->bounces; *at; at = &(*at)->next) {
        if ((*at)->data == host) {
            found = *at;
            *at = found->next;
            atomic_fetch_sub(&root->bounce_count, 1);
            break;
        }
    }
    g_mutex_unlock(&root->bounce_lock);
    return found;
}

static void release_bounce(MemoryRoot *root, Bounce *b, bool is_write, uint64_t access_len)
{
    if (is_write && access_len) {
        address_space_write(b->as, b->addr, b->attrs, b->data, MIN(access_len, b->len));
    }
    g_mutex_lock(&root->bounce_lock);
    root->bounce_bytes -= b->len;
    NotifierList waiters = root->bounce_waiters;

    root->bounce_waiters.first = NULL;
    if (waiters.first) {
        waiters.first->prev = &waiters.first;
    }
    g_mutex_unlock(&root->bounce_lock);
    g_free(b);
    while (waiters.first) {
        Notifier *n = waiters.first;

        notifier_remove(n);
        n->fn(n, NULL);
    }
}

static RamBlock *zombie_with(MemoryRoot *root, const void *host)
{
    RamBlock *found = NULL;

    vm_lock(root->vm);
    for (guint i = 0; i < root->zombies->len && !found; i++) {
        RamBlock *b = g_ptr_array_index(root->zombies, i);

        if ((const uint8_t *)host >= b->host && (const uint8_t *)host < b->host + b->max_length) {
            found = b;
        }
    }
    vm_unlock(root->vm);
    return found;
}

void address_space_unmap(AddressSpace *as, void *host, uint64_t len, bool is_write,
                         uint64_t access_len)
{
    MemoryRoot *root = as->vm->memory;
    Bounce *b = take_bounce(root, host);

    if (b) {
        release_bounce(root, b, is_write, access_len);
        return;
    }
    uint64_t offset = 0;

    memory_read_begin(root);
    RamBlock *block = ram_list_find_host(root, host, &offset);

    if (block && is_write && access_len) {
        ram_dirty_written(as->vm, block->addr + offset, access_len);
    }
    memory_read_end(root);
    if (!block) {
        block = zombie_with(root, host);
    }
    if (block) {
        ram_block_unpin(block);
    }
}

void address_space_map_wait(Vm *vm, Notifier *n)
{
    MemoryRoot *root = vm->memory;

    g_mutex_lock(&root->bounce_lock);
    bool now = root->bounce_bytes < BOUNCE_BUDGET;

    if (!now) {
        notifier_add(&root->bounce_waiters, n);
    }
    g_mutex_unlock(&root->bounce_lock);
    if (now) {
        n->fn(n, NULL);
    }
}
