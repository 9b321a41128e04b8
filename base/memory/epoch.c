/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read sections: how vCPU and I/O threads look at flat views and block lists with no lock.
 *
 * Each thread owns a slot that shows the epoch at which its section began. Retiring an object
 * advances the epoch; the object dies when no slot shows an older one. E1: an object is unreachable
 * for new sections before it is retired. E2: a slot's epoch is visible to all before the section
 * reads its first pointer (the fence in memory_read_begin pairs with that in memory_retire).
 */
#include "base/memory/memory-priv.h"

static void slot_release(void *data)
{
    ReadSlot *slot = data;

    atomic_store_explicit(&slot->epoch, 0, memory_order_release);
    slot->depth = 0;
    atomic_store_explicit(&slot->taken, false, memory_order_release);
}

void memory_epoch_init(MemoryRoot *root)
{
    int rc = pthread_key_create(&root->slot_key, slot_release);

    g_assert(rc == 0);
    g_mutex_init(&root->slot_lock);
    atomic_init(&root->epoch, 1);
    root->retired = g_array_new(FALSE, FALSE, sizeof(Retired));
}

static ReadSlot *slot_new(MemoryRoot *root)
{
    ReadSlot *slot;

    g_mutex_lock(&root->slot_lock);
    for (slot = root->slots; slot; slot = slot->next) {
        if (!atomic_load_explicit(&slot->taken, memory_order_acquire)) {
            break;
        }
    }
    if (!slot) {
        slot = g_new0(ReadSlot, 1);
        slot->next = root->slots;
        root->slots = slot;
    }
    atomic_store(&slot->taken, true);
    g_mutex_unlock(&root->slot_lock);
    pthread_setspecific(root->slot_key, slot);
    return slot;
}

void memory_read_begin(MemoryRoot *root)
{
    ReadSlot *slot = pthread_getspecific(root->slot_key);

    if (G_UNLIKELY(!slot)) {
        slot = slot_new(root);
    }
    if (slot->depth++ == 0) {
        uint64_t now = atomic_load_explicit(&root->epoch, memory_order_acquire);

        atomic_store_explicit(&slot->epoch, now, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
    }
}

void memory_read_end(MemoryRoot *root)
{
    ReadSlot *slot = pthread_getspecific(root->slot_key);

    if (--slot->depth == 0) {
        atomic_store_explicit(&slot->epoch, 0, memory_order_release);
    }
}

/* The oldest epoch that a running section may have seen. */
static uint64_t oldest_reader(MemoryRoot *root)
{
    uint64_t oldest = UINT64_MAX;

    g_mutex_lock(&root->slot_lock);
    for (ReadSlot *slot = root->slots; slot; slot = slot->next) {
        uint64_t epoch = atomic_load_explicit(&slot->epoch, memory_order_acquire);

        if (epoch && epoch < oldest) {
            oldest = epoch;
        }
    }
    g_mutex_unlock(&root->slot_lock);
    return oldest;
}

static uint64_t epoch_advance(MemoryRoot *root)
{
    uint64_t now = atomic_fetch_add(&root->epoch, 1) + 1;

    atomic_thread_fence(memory_order_seq_cst);
    return now;
}

static void reclaim(MemoryRoot *root)
{
    uint64_t oldest = root->retired->len ? oldest_reader(root) : 0;
    guint done = 0;

    while (done < root->retired->len) {
        Retired *r = &g_array_index(root->retired, Retired, done);

        if (r->epoch > oldest) {
            break;
        }
        r->free_fn(r->object);
        done++;
    }
    if (done) {
        g_array_remove_range(root->retired, 0, done);
    }
}

void memory_retire(MemoryRoot *root, void *object, void (*free_fn)(void *))
{
    if (object) {
        Retired r = { epoch_advance(root), object, free_fn };

        g_array_append_val(root->retired, r);
    }
    reclaim(root);
}

void memory_synchronize(MemoryRoot *root)
{
    uint64_t now = epoch_advance(root);

    while (oldest_reader(root) < now) {
        g_usleep(50);
    }
    reclaim(root);
}

void memory_epoch_clear(MemoryRoot *root)
{
    for (guint i = 0; i < root->retired->len; i++) {
        Retired *r = &g_array_index(root->retired, Retired, i);

        r->free_fn(r->object);
    }
    g_array_free(root->retired, TRUE);
    pthread_key_delete(root->slot_key);
    while (root->slots) {
        ReadSlot *next = root->slots->next;

        g_free(root->slots);
        root->slots = next;
    }
    g_mutex_clear(&root->slot_lock);
}
