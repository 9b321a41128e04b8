/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region tree: making regions, hanging them into containers, and changing them.
 *
 * Every change goes through begin/commit; the outermost commit rebuilds the views of all address
 * spaces. Of two siblings with the same priority the one added last wins.
 */
#include <string.h>
#include <unistd.h>
#include "base/memory/memory-priv.h"

/* ---- making ---- */

void memory_region_init(MemoryRegion *mr, Vm *vm, Object *owner, const char *name, uint64_t size)
{
    memset(mr, 0, sizeof(*mr));
    mr->vm = vm;
    mr->name = g_strdup(name);
    mr->owner = owner;
    mr->kind = REGION_CONTAINER;
    mr->size = size;
    mr->enabled = true;
}

void memory_region_init_io(MemoryRegion *mr, Vm *vm, Object *owner, const RegionOps *ops,
                           void *opaque, const char *name, uint64_t size)
{
    memory_region_init(mr, vm, owner, name, size);
    mr->kind = REGION_IO;
    mr->ops = ops;
    mr->opaque = opaque;
}

static bool init_backed(MemoryRegion *mr, Vm *vm, Object *owner, RegionKind kind, const char *name,
                        uint64_t size, const RamBlockSpec *spec, GError **error)
{
    RamBlock *block = ram_block_new(vm, spec, error);

    memory_region_init(mr, vm, owner, name, size);
    if (!block) {
        g_clear_pointer(&mr->name, g_free);
        return false;
    }
    mr->kind = kind;
    mr->ram = block;
    mr->ram_owned = true;
    return true;
}

bool memory_region_init_ram(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                            uint64_t size, GError **error)
{
    RamBlockSpec spec = { .idstr = name, .used_length = size, .flags = RAM_MIGRATABLE, .fd = -1 };

    return init_backed(mr, vm, owner, REGION_RAM, name, size, &spec, error);
}

bool memory_region_init_rom(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                            uint64_t size, GError **error)
{
    RamBlockSpec spec = {
        .idstr = name, .used_length = size, .flags = RAM_MIGRATABLE | RAM_READONLY, .fd = -1
    };

    return init_backed(mr, vm, owner, REGION_ROM, name, size, &spec, error);
}

bool memory_region_init_resizeable(
    MemoryRegion *mr, Vm *vm, Object *owner, const char *name, uint64_t size, uint64_t max_size,
    void (*resized)(void *opaque, RamBlock *block, uint64_t old_used), void *opaque, GError **error)
{
    RamBlockSpec spec = { .idstr = name,
                          .used_length = size,
                          .max_length = max_size,
                          .flags = RAM_MIGRATABLE | RAM_RESIZEABLE,
                          .fd = -1,
                          .resized = resized,
                          .opaque = opaque };

    return init_backed(mr, vm, owner, REGION_RAM, name, size, &spec, error);
}

bool memory_region_init_rom_device(MemoryRegion *mr, Vm *vm, Object *owner, const RegionOps *ops,
                                   void *opaque, const char *name, uint64_t size, GError **error)
{
    RamBlockSpec spec = { .idstr = name, .used_length = size, .flags = RAM_MIGRATABLE, .fd = -1 };

    if (!init_backed(mr, vm, owner, REGION_ROMD, name, size, &spec, error)) {
        return false;
    }
    mr->ops = ops;
    mr->opaque = opaque;
    mr->rom_device_mode = true;
    return true;
}

void memory_region_init_ram_block(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                                  RamBlock *block, bool take)
{
    memory_region_init(mr, vm, owner, name, ram_block_used_length(block));
    mr->kind = ram_block_flags(block) & RAM_READONLY ? REGION_ROM : REGION_RAM;
    mr->ram = block;
    mr->ram_owned = take;
}

void memory_region_init_alias(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                              MemoryRegion *target, uint64_t offset, uint64_t size)
{
    memory_region_init(mr, vm, owner, name, size);
    mr->kind = REGION_ALIAS;
    mr->alias = target;
    mr->alias_offset = offset;
}

void memory_region_init_iommu(MemoryRegion *mr, Vm *vm, Object *owner, IommuTranslate translate,
                              void *opaque, const char *name, uint64_t size)
{
    memory_region_init(mr, vm, owner, name, size);
    mr->kind = REGION_IOMMU;
    mr->iommu_translate = translate;
    mr->opaque = opaque;
}

static void events_free(void *data)
{
    RegionEvents *ev = data;

    for (guint i = 0; i < ev->n; i++) {
        close(ev->events[i].fd);
    }
    g_free(ev);
}

void memory_region_clear(MemoryRegion *mr)
{
    if (!mr->name) {
        return;
    }
    if (mr->container) {
        memory_region_del(mr->container, mr);
    }
    while (mr->subregions && mr->subregions->len) {
        memory_region_del(mr, g_ptr_array_index(mr->subregions, 0));
    }
    if (mr->vm->memory) {
        memory_retire(mr->vm->memory, mr->priv, events_free);
        /* A thread that dispatches without the VM lock may still be on its way into this region. */
        memory_synchronize(mr->vm->memory);
    }
    g_clear_pointer(&mr->subregions, g_ptr_array_unref);
    if (mr->ram_owned) {
        ram_block_free(mr->ram);
    }
    g_free(mr->name);
    memset(mr, 0, sizeof(*mr));
}

/* ---- changing ---- */

void memory_transaction_begin(Vm *vm)
{
    vm->memory->transaction_depth++;
}

void memory_transaction_commit(Vm *vm)
{
    MemoryRoot *root = vm->memory;

    g_assert(root->transaction_depth > 0);
    if (--root->transaction_depth == 0 && root->topology_dirty) {
        root->topology_dirty = false;
        for (guint i = 0; i < root->spaces->len; i++) {
            memory_publish_view(g_ptr_array_index(root->spaces, i));
        }
    }
}

void memory_topology_changed(Vm *vm)
{
    memory_transaction_begin(vm);
    vm->memory->topology_dirty = true;
    memory_transaction_commit(vm);
}

static void insert_sorted(MemoryRegion *container, MemoryRegion *sub)
{
    guint at = 0;

    if (!container->subregions) {
        container->subregions = g_ptr_array_new();
    }
    while (at < container->subregions->len) {
        const MemoryRegion *other = g_ptr_array_index(container->subregions, at);

        if (other->priority <= sub->priority) {
            break;
        }
        at++;
    }
    g_ptr_array_insert(container->subregions, (gint)at, sub);
}

static void add(MemoryRegion *container, GuestPhys addr, MemoryRegion *sub, int priority,
                bool may_overlap)
{
    g_assert(!sub->container);
    sub->container = container;
    sub->addr = addr;
    sub->priority = priority;
    sub->may_overlap = may_overlap;
    insert_sorted(container, sub);
    memory_topology_changed(container->vm);
}

void memory_region_add(MemoryRegion *container, GuestPhys addr, MemoryRegion *sub)
{
    add(container, addr, sub, 0, false);
}

void memory_region_add_overlap(MemoryRegion *container, GuestPhys addr, MemoryRegion *sub,
                               int priority)
{
    add(container, addr, sub, priority, true);
}

void memory_region_del(MemoryRegion *container, MemoryRegion *sub)
{
    g_assert(sub->container == container);
    g_ptr_array_remove(container->subregions, sub);
    sub->container = NULL;
    memory_topology_changed(container->vm);
}

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        memory_topology_changed(mr->vm);
    }
}

void memory_region_set_address(MemoryRegion *mr, GuestPhys addr)
{
    if (mr->addr == addr) {
        return;
    }
    mr->addr = addr;
    if (mr->container) {
        /* As if it had been taken out and added again: it is the newest of its priority now. */
        g_ptr_array_remove(mr->container->subregions, mr);
        insert_sorted(mr->container, mr);
        memory_topology_changed(mr->vm);
    }
}

void memory_region_set_size(MemoryRegion *mr, uint64_t size)
{
    if (mr->size != size) {
        mr->size = size;
        memory_topology_changed(mr->vm);
    }
}

void memory_region_set_alias_offset(MemoryRegion *mr, uint64_t offset)
{
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        memory_topology_changed(mr->vm);
    }
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
    if (mr->readonly != readonly) {
        mr->readonly = readonly;
        memory_topology_changed(mr->vm);
    }
}

void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd)
{
    if (mr->rom_device_mode != romd) {
        mr->rom_device_mode = romd;
        memory_topology_changed(mr->vm);
    }
}

void memory_region_set_log(MemoryRegion *mr, bool on, DirtyClient client)
{
    MemoryRoot *root = mr->vm->memory;
    bool was = mr->dirty_log_mask & DIRTY_MASK(client);

    if (was == on) {
        return;
    }
    mr->dirty_log_mask ^= (uint8_t)DIRTY_MASK(client);
    root->log_users[client] += on ? 1 : -1u;
    ram_dirty_client_enable(mr->vm, client, root->log_users[client] > 0);
}

/* ---- eventfds ---- */

static bool event_same(const RegionEvent *e, uint64_t addr, unsigned size, bool match,
                       uint64_t data)
{
    return e->addr == addr && e->size == size && e->match == match && (!match || e->data == data);
}

/* A new table without (skip < n) or with one more entry; the old one goes when nobody reads it. */
static void events_publish(MemoryRegion *mr, const RegionEvent *extra, guint skip)
{
    RegionEvents *old = mr->priv;
    guint n = old ? old->n : 0, to = 0;
    RegionEvents *ev = g_malloc0(sizeof(*ev) + (n + 1) * sizeof(RegionEvent));

    for (guint i = 0; i < n; i++) {
        if (i != skip) {
            ev->events[to++] = old->events[i];
        }
    }
    if (extra) {
        ev->events[to++] = *extra;
    }
    ev->n = to;
    __atomic_store_n(&mr->priv, ev, __ATOMIC_RELEASE);
    memory_retire(mr->vm->memory, old, g_free);
}

bool memory_region_add_eventfd(MemoryRegion *mr, uint64_t addr, unsigned size, bool match,
                               uint64_t data, int fd, GError **error)
{
    RegionEvents *ev = mr->priv;
    RegionEvent e = { addr, size, match, data, -1 };

    for (guint i = 0; ev && i < ev->n; i++) {
        if (event_same(&ev->events[i], addr, size, match, data)) {
            g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_DUPLICATE,
                        "region '%s' already has an eventfd at offset 0x%" G_GINT64_MODIFIER "x",
                        mr->name, addr);
            return false;
        }
    }
    e.fd = dup(fd);
    if (e.fd < 0) {
        g_set_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_FILE,
                    "region '%s': cannot duplicate descriptor %d", mr->name, fd);
        return false;
    }
    events_publish(mr, &e, G_MAXUINT);
    return true;
}

void memory_region_del_eventfd(MemoryRegion *mr, uint64_t addr, unsigned size, bool match,
                               uint64_t data, int fd)
{
    RegionEvents *ev = mr->priv;

    for (guint i = 0; ev && i < ev->n; i++) {
        if (event_same(&ev->events[i], addr, size, match, data)) {
            int old_fd = ev->events[i].fd;

            events_publish(mr, NULL, i);
            memory_synchronize(mr->vm->memory);
            close(old_fd);
            return;
        }
    }
}

void *memory_region_ram_ptr(MemoryRegion *mr)
{
    return mr->ram ? mr->ram->host : NULL;
}

uint64_t memory_region_size(const MemoryRegion *mr)
{
    return mr->size;
}
