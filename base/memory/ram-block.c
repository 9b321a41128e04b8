/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks: their list, names, lengths and the notifiers that watch them.
 *
 * B1: the list is an immutable array, largest block first; every change publishes a new one.
 * B2: two blocks never have the same id string. B3: a block's [addr, addr + max_length) overlaps no
 * other's. B4: notifiers hear of a change after it took effect, in order of their registration;
 * "removed" still finds the host memory mapped.
 */
#include <string.h>
#include <unistd.h>
#include "base/memory/memory-priv.h"

G_DEFINE_QUARK(ferry - memory - error - quark, ferry_memory_error)

#define NOTIFY(vm_, member, ...)                         \
    do {                                                 \
        RamBlockNotifier *n_ = (vm_)->memory->notifiers; \
        while (n_) {                                     \
            RamBlockNotifier *next_ = n_->next;          \
            if (n_->member) {                            \
                n_->member(n_, __VA_ARGS__);             \
            }                                            \
            n_ = next_;                                  \
        }                                                \
    } while (0)

static void list_publish(MemoryRoot *root, RamList *list)
{
    memory_retire(root, atomic_exchange(&root->ram_list, list), g_free);
}

static RamList *list_alloc(guint n)
{
    RamList *list = g_malloc0(sizeof(RamList) + n * sizeof(RamBlock *));

    list->n = n;
    return list;
}

static void list_add(MemoryRoot *root, RamBlock *block)
{
    RamList *old = atomic_load(&root->ram_list), *list = list_alloc(old->n + 1);
    guint at = 0;

    while (at < old->n && old->blocks[at]->max_length >= block->max_length) {
        list->blocks[at] = old->blocks[at];
        at++;
    }
    list->blocks[at] = block;
    for (guint i = at; i < old->n; i++) {
        list->blocks[i + 1] = old->blocks[i];
    }
    list_publish(root, list);
}

static void list_remove(MemoryRoot *root, RamBlock *block)
{
    RamList *old = atomic_load(&root->ram_list), *list = list_alloc(old->n - 1);
    guint to = 0;

    for (guint i = 0; i < old->n; i++) {
        if (old->blocks[i] != block) {
            list->blocks[to++] = old->blocks[i];
        }
    }
    list_publish(root, list);
}

/* The smallest gap of RamAddr space that takes @len bytes; false when there is none. */
static bool find_gap(MemoryRoot *root, uint64_t len, RamAddr *out)
{
    RamList *list = atomic_load(&root->ram_list);
    uint64_t best = UINT64_MAX;

    for (guint i = 0; i <= list->n; i++) {
        uint64_t start = 0, next = RAM_ADDR_LIMIT;

        if (i < list->n) {
            start =
                ROUND_UP_TO(list->blocks[i]->addr + list->blocks[i]->max_length, RAM_ADDR_ALIGN);
        }
        for (guint j = 0; j < list->n; j++) {
            if (list->blocks[j]->addr >= start) {
                next = MIN(next, list->blocks[j]->addr);
            }
        }
        if (start < next && next - start >= len && next - start < best) {
            best = next - start;
            *out = start;
        }
    }
    return best != UINT64_MAX;
}

static bool name_is_free(Vm *vm, const char *idstr, GError **error)
{
    if (idstr && ram_block_find(vm, idstr)) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_DUPLICATE,
                    "RAM block '%s' already exists", idstr);
        return false;
    }
    if (idstr && strlen(idstr) > 255) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE,
                    "RAM block name of %zu bytes is longer than 255", strlen(idstr));
        return false;
    }
    return true;
}

RamBlock *ram_block_new(Vm *vm, const RamBlockSpec *spec, GError **error)
{
    MemoryRoot *root = vm->memory;
    uint64_t max = MAX(spec->max_length, spec->used_length);
    RamBlock *block;

    if (max == 0 || max > RAM_ADDR_LIMIT / 2) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE,
                    "RAM block '%s': size %" G_GUINT64_FORMAT
                    " is not within 1 and %" G_GUINT64_FORMAT " bytes",
                    spec->idstr ? spec->idstr : "", max, (uint64_t)RAM_ADDR_LIMIT / 2);
        return NULL;
    }
    if (!name_is_free(vm, spec->idstr, error)) {
        return NULL;
    }
    block = g_new0(RamBlock, 1);
    block->vm = vm;
    block->max_length = ROUND_UP_TO(max, GUEST_PAGE_SIZE);
    atomic_init(&block->used_length, ROUND_UP_TO(spec->used_length, GUEST_PAGE_SIZE));
    atomic_init(&block->flags, spec->flags);
    block->fd = -1;
    block->resized = spec->resized;
    block->opaque = spec->opaque;
    if (!find_gap(root, block->max_length, &block->addr)) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE,
                    "RAM block '%s': no room for %" G_GUINT64_FORMAT " more bytes",
                    spec->idstr ? spec->idstr : "", block->max_length);
        g_free(block);
        return NULL;
    }
    if (spec->host) {
        block->host = spec->host;
        block->foreign = true;
        block->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    } else if (!ram_map(spec, block, error)) {
        g_free(block);
        return NULL;
    }
    atomic_init(&block->idstr, g_strdup(spec->idstr));
    ram_dirty_cover(root, block->addr, block->max_length);
    list_add(root, block);
    NOTIFY(vm, added, block);
    return block;
}

static void block_destroy(RamBlock *block)
{
    ram_unmap(block);
    g_free(atomic_load(&block->idstr));
    g_free(block);
}

void ram_block_free(RamBlock *block)
{
    if (!block) {
        return;
    }
    MemoryRoot *root = block->vm->memory;

    list_remove(root, block);
    NOTIFY(block->vm, removed, block);
    atomic_store(&block->dying, true);
    memory_synchronize(root);
    if (atomic_load(&block->pins)) {
        g_ptr_array_add(root->zombies, block);
    } else {
        block_destroy(block);
    }
}

void ram_block_pin(RamBlock *block)
{
    atomic_fetch_add(&block->pins, 1);
}

/* A section that began before ram_block_free() synchronized has counted down when that looks at
   `pins`; one that began later sees `dying` and counts down under the VM lock. */
void ram_block_unpin(RamBlock *block)
{
    Vm *vm = block->vm;

    memory_read_begin(vm->memory);
    bool dying = atomic_load(&block->dying);

    if (!dying) {
        atomic_fetch_sub(&block->pins, 1);
    }
    memory_read_end(vm->memory);
    if (dying) {
        vm_lock(vm);
        if (atomic_fetch_sub(&block->pins, 1) == 1 &&
            g_ptr_array_remove(vm->memory->zombies, block)) {
            block_destroy(block);
        }
        vm_unlock(vm);
    }
}

const char *ram_block_idstr(const RamBlock *block)
{
    const char *idstr = atomic_load_explicit(&((RamBlock *)block)->idstr, memory_order_acquire);

    return idstr ? idstr : "";
}

bool ram_block_set_idstr(RamBlock *block, const char *idstr, GError **error)
{
    Vm *vm = block->vm;

    if (g_strcmp0(ram_block_idstr(block), idstr ? idstr : "") == 0) {
        return true;
    }
    if (!name_is_free(vm, idstr, error)) {
        return false;
    }
    char *old = atomic_exchange(&block->idstr, g_strdup(idstr));

    NOTIFY(vm, idstr_changed, block, old ? old : "");
    memory_retire(vm->memory, old, g_free);
    return true;
}

void *ram_block_host(const RamBlock *block)
{
    return block->host;
}

RamAddr ram_block_addr(const RamBlock *block)
{
    return block->addr;
}

uint64_t ram_block_used_length(const RamBlock *block)
{
    return atomic_load_explicit(&((RamBlock *)block)->used_length, memory_order_acquire);
}

uint64_t ram_block_max_length(const RamBlock *block)
{
    return block->max_length;
}

uint64_t ram_block_page_size(const RamBlock *block)
{
    return block->page_size;
}

int ram_block_fd(const RamBlock *block)
{
    return block->fd;
}

uint64_t ram_block_fd_offset(const RamBlock *block)
{
    return block->fd_offset;
}

unsigned ram_block_flags(const RamBlock *block)
{
    return atomic_load_explicit(&((RamBlock *)block)->flags, memory_order_acquire);
}

bool ram_block_migratable(const RamBlock *block)
{
    return ram_block_flags(block) & RAM_MIGRATABLE;
}

void ram_block_set_migratable(RamBlock *block, bool migratable)
{
    if (ram_block_migratable(block) == migratable) {
        return;
    }
    if (migratable) {
        atomic_fetch_or(&block->flags, RAM_MIGRATABLE);
    } else {
        atomic_fetch_and(&block->flags, ~(unsigned)RAM_MIGRATABLE);
    }
    NOTIFY(block->vm, migratable_changed, block, migratable);
}

bool ram_block_resize(RamBlock *block, uint64_t new_used, GError **error)
{
    uint64_t old = ram_block_used_length(block);

    if (new_used > block->max_length) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE,
                    "RAM block '%s': new size %" G_GUINT64_FORMAT
                    " is over its maximum of %" G_GUINT64_FORMAT " bytes",
                    ram_block_idstr(block), new_used, block->max_length);
        return false;
    }
    new_used = ROUND_UP_TO(new_used, GUEST_PAGE_SIZE);
    if (new_used == old) {
        return true;
    }
    if (!(ram_block_flags(block) & RAM_RESIZEABLE)) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE,
                    "RAM block '%s' has %" G_GUINT64_FORMAT
                    " bytes and cannot take %" G_GUINT64_FORMAT,
                    ram_block_idstr(block), old, new_used);
        return false;
    }
    atomic_store(&block->used_length, new_used);
    if (new_used < old) {
        ram_zero_range(block, new_used, old - new_used);
    } else {
        ram_dirty_written(block->vm, block->addr + old, new_used - old);
    }
    NOTIFY(block->vm, resized, block, old, new_used);
    if (block->resized) {
        block->resized(block->opaque, block, old);
    }
    return true;
}

RamBlock *ram_block_find(Vm *vm, const char *idstr)
{
    RamBlock *found = NULL;

    ram_list_acquire(vm);
    RamList *list = atomic_load(&vm->memory->ram_list);

    for (guint i = 0; i < list->n && !found; i++) {
        if (*idstr && strcmp(ram_block_idstr(list->blocks[i]), idstr) == 0) {
            found = list->blocks[i];
        }
    }
    ram_list_release(vm);
    return found;
}

RamBlock *ram_list_find_host(MemoryRoot *root, const void *host, uint64_t *offset)
{
    RamList *list = atomic_load_explicit(&root->ram_list, memory_order_acquire);

    for (guint i = 0; i < list->n; i++) {
        RamBlock *b = list->blocks[i];

        if ((const uint8_t *)host - b->host >= 0 &&
            (uint64_t)((const uint8_t *)host - b->host) < b->max_length) {
            if (offset) {
                *offset = (uint64_t)((const uint8_t *)host - b->host);
            }
            return b;
        }
    }
    return NULL;
}

RamBlock *ram_block_from_host(Vm *vm, const void *host, uint64_t *offset)
{
    ram_list_acquire(vm);
    RamBlock *block = ram_list_find_host(vm->memory, host, offset);

    ram_list_release(vm);
    return block;
}

RamBlock *ram_block_from_addr(Vm *vm, RamAddr addr, uint64_t *offset)
{
    RamBlock *found = NULL;

    ram_list_acquire(vm);
    RamList *list = atomic_load(&vm->memory->ram_list);

    for (guint i = 0; i < list->n && !found; i++) {
        if (addr >= list->blocks[i]->addr &&
            addr - list->blocks[i]->addr < list->blocks[i]->max_length) {
            found = list->blocks[i];
            if (offset) {
                *offset = addr - found->addr;
            }
        }
    }
    ram_list_release(vm);
    return found;
}

void ram_list_acquire(Vm *vm)
{
    memory_read_begin(vm->memory);
}

void ram_list_release(Vm *vm)
{
    memory_read_end(vm->memory);
}

void ram_list_foreach(Vm *vm, bool (*fn)(RamBlock *block, void *opaque), void *opaque)
{
    ram_list_acquire(vm);
    RamList *list = atomic_load(&vm->memory->ram_list);

    for (guint i = 0; i < list->n; i++) {
        if (!fn(list->blocks[i], opaque)) {
            break;
        }
    }
    ram_list_release(vm);
}

uint64_t ram_list_total_used(Vm *vm, bool migratable_only)
{
    uint64_t total = 0;

    ram_list_acquire(vm);
    RamList *list = atomic_load(&vm->memory->ram_list);

    for (guint i = 0; i < list->n; i++) {
        if (!migratable_only || ram_block_migratable(list->blocks[i])) {
            total += ram_block_used_length(list->blocks[i]);
        }
    }
    ram_list_release(vm);
    return total;
}

void ram_block_notifier_add(Vm *vm, RamBlockNotifier *n)
{
    RamBlockNotifier **at = &vm->memory->notifiers;
    RamList *list = atomic_load(&vm->memory->ram_list);

    while (*at) {
        at = &(*at)->next;
    }
    n->next = NULL;
    *at = n;
    for (guint i = 0; n->added && i < list->n; i++) {
        n->added(n, list->blocks[i]);
    }
}

void ram_block_notifier_remove(Vm *vm, RamBlockNotifier *n)
{
    for (RamBlockNotifier **at = &vm->memory->notifiers; *at; at = &(*at)->next) {
        if (*at == n) {
            *at = n->next;
            n->next = NULL;
            return;
        }
    }
}
