/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: lookup, reading and writing, and publishing new views.
 *
 * S1: RAM is copied inside a read section, so that a view, and the memory behind it, cannot go
 * away in the middle. S2: a device is called outside of any section; under the VM lock the address
 * is looked up again, so that a region that was just removed is not called.
 */
#include <string.h>
#include "base/memory/memory-priv.h"

/* One access, or the part of it that one target answers. Valid inside the section. */
typedef struct {
    AddressSpace *as; /* after IOMMUs */
    const FlatRange *range;
    uint64_t addr, offset;
    uint64_t len; /* 0: 2^64 */
    MemResult result;
} Hit;

static uint64_t limit_len(uint64_t len, uint64_t limit)
{
    return len == 0 || (limit != 0 && limit < len) ? limit : len;
}

/* Walks through IOMMUs to the range that answers. On return a read section is open. */
static Hit resolve_begin(AddressSpace *as, GuestPhys addr, bool is_write, MemAttrs attrs)
{
    MemoryRoot *root = as->vm->memory;
    Hit hit = { .as = as, .addr = addr };
    uint64_t gap = 0;

    for (unsigned hops = 0; hops < MEMORY_MAX_DEPTH; hops++) {
        memory_read_begin(root);
        FlatView *view = atomic_load_explicit(&hit.as->view, memory_order_acquire);

        hit.range = flat_view_find(view, hit.addr, &gap);
        if (!hit.range) {
            hit.len = limit_len(hit.len, gap);
            hit.result = MEM_DECODE_ERROR;
            return hit;
        }
        hit.len = limit_len(hit.len, hit.range->last - hit.addr + 1);
        hit.offset = hit.range->offset + (hit.addr - hit.range->start);
        if (!hit.range->iommu) {
            return hit;
        }
        MemoryRegion *mr = hit.range->region;

        memory_read_end(root);
        IommuEntry e = mr->iommu_translate(mr, hit.offset, is_write, attrs);

        hit.len = limit_len(hit.len, (e.addr_mask - (hit.offset & e.addr_mask)) + 1);
        if (!e.target || (is_write ? !e.writable : !e.readable)) {
            memory_read_begin(root);
            hit.range = NULL;
            hit.result = MEM_ACCESS_ERROR;
            return hit;
        }
        hit.addr = (e.translated & ~e.addr_mask) | (hit.offset & e.addr_mask);
        hit.as = e.target;
    }
    memory_read_begin(root);
    hit.range = NULL;
    hit.result = MEM_DECODE_ERROR;
    return hit;
}

static bool hit_is_ram(const Hit *hit, bool is_write)
{
    return hit->range && hit->range->ram && !(is_write && hit->range->write_io) &&
           hit->offset < ram_block_used_length(hit->range->ram);
}

MemTarget address_space_lookup(AddressSpace *as, GuestPhys addr, bool is_write, MemAttrs attrs)
{
    Hit hit = resolve_begin(as, addr, is_write, attrs);
    MemTarget t = { .len = hit.len, .attrs = attrs, .result = hit.result };

    if (hit.range) {
        t.region = hit.range->region;
        t.offset = hit.offset;
        t.readonly = hit.range->readonly || hit.range->write_io;
    }
    if (hit_is_ram(&hit, is_write)) {
        RamBlock *block = hit.range->ram;

        t.ram = block;
        t.host = block->host + hit.offset;
        t.ram_addr = block->addr + hit.offset;
        t.len = limit_len(t.len, ram_block_used_length(block) - hit.offset);
    } else if (hit.range && hit.range->ram && !hit.range->write_io) {
        t.region = NULL; /* beyond the used length of a resizeable block */
        t.result = MEM_DECODE_ERROR;
    }
    memory_read_end(as->vm->memory);
    return t;
}

/* ---- reading and writing ---- */

/* Aligned words in one piece, so that a vCPU never sees half of an index or a descriptor. */
static void copy_guest(void *to, const void *from, uint64_t len, const void *guest)
{
    if (((uintptr_t)guest & (len - 1)) == 0) {
        switch (len) {
        case 2:
            __atomic_store_n((uint16_t *)to, *(const volatile uint16_t *)from, __ATOMIC_RELAXED);
            return;
        case 4:
            __atomic_store_n((uint32_t *)to, *(const volatile uint32_t *)from, __ATOMIC_RELAXED);
            return;
        case 8:
            __atomic_store_n((uint64_t *)to, *(const volatile uint64_t *)from, __ATOMIC_RELAXED);
            return;
        default: break;
        }
    }
    memcpy(to, from, len);
}

/* The largest access at @offset that the region takes and @len allows. */
static unsigned device_access_size(const MemoryRegion *mr, uint64_t offset, uint64_t len)
{
    unsigned max = mr->ops && mr->ops->valid.max ? mr->ops->valid.max : 8, size = 1;
    bool unaligned = mr->ops && mr->ops->valid.unaligned;

    while (size * 2 <= max && size * 2 <= len && (unaligned || !(offset & (size * 2 - 1)))) {
        size *= 2;
    }
    return size;
}

/* A device, or nothing, at @addr: returns how many bytes are done. VM lock held for devices that
   need it, the target looked up under it. */
static uint64_t device_rw(AddressSpace *as, GuestPhys addr, bool is_write, MemAttrs attrs,
                          uint8_t *buf, uint64_t len, MemResult *result)
{
    MemTarget t = address_space_lookup(as, addr, is_write, attrs);
    uint64_t n = limit_len(len, t.len);

    if (t.ram) {
        return 0; /* it changed under us: start over */
    }
    if (!t.region) {
        if (!is_write) {
            memset(buf, 0xff, n);
        }
        *result |= t.result;
        return n;
    }
    unsigned size = device_access_size(t.region, t.offset, n);
    uint64_t value = 0;

    if (is_write) {
        memcpy(&value, buf, size);
        *result |= memory_region_dispatch_write(t.region, t.offset, value, size,
                                                DEVICE_LITTLE_ENDIAN, attrs);
    } else {
        *result |= memory_region_dispatch_read(t.region, t.offset, &value, size,
                                               DEVICE_LITTLE_ENDIAN, attrs);
        memcpy(buf, &value, size);
    }
    return size;
}

static MemResult space_rw(AddressSpace *as, GuestPhys addr, bool is_write, MemAttrs attrs,
                          uint8_t *buf, uint64_t len, bool rom_too)
{
    Vm *vm = as->vm;
    MemResult result = MEM_OK;

    while (len) {
        Hit hit = resolve_begin(as, addr, is_write, attrs);
        uint64_t n = limit_len(len, hit.len);
        bool ram = hit_is_ram(&hit, is_write && !rom_too);

        if (ram) {
            RamBlock *block = hit.range->ram;
            uint8_t *host = block->host + hit.offset;

            n = MIN(n, ram_block_used_length(block) - hit.offset);
            if (!is_write) {
                copy_guest(buf, host, n, host);
            } else if (rom_too || !hit.range->readonly) {
                copy_guest(host, buf, n, host);
                ram_dirty_written(vm, block->addr + hit.offset, n);
            }
        }
        memory_read_end(vm->memory);
        if (!ram && rom_too) {
            result |= MEM_DECODE_ERROR;
            n = hit.range ? 1 : n;
        } else if (!ram) {
            vm_lock(vm);
            n = device_rw(as, addr, is_write, attrs, buf, n, &result);
            vm_unlock(vm);
        }
        addr += n;
        buf += n;
        len -= n;
    }
    return result;
}

MemResult address_space_read(AddressSpace *as, GuestPhys addr, MemAttrs attrs, void *buf,
                             uint64_t len)
{
    return space_rw(as, addr, false, attrs, buf, len, false);
}

MemResult address_space_write(AddressSpace *as, GuestPhys addr, MemAttrs attrs, const void *buf,
                              uint64_t len)
{
    return space_rw(as, addr, true, attrs, (uint8_t *)buf, len, false);
}

MemResult address_space_write_rom(AddressSpace *as, GuestPhys addr, const void *buf, uint64_t len)
{
    return space_rw(as, addr, true, MEM_ATTRS_NONE, (uint8_t *)buf, len, true);
}

MemResult address_space_set(AddressSpace *as, GuestPhys addr, MemAttrs attrs, uint8_t byte,
                            uint64_t len)
{
    uint8_t chunk[4096];
    MemResult result = MEM_OK;

    memset(chunk, byte, sizeof(chunk));
    while (len) {
        uint64_t n = MIN(len, sizeof(chunk));

        result |= address_space_write(as, addr, attrs, chunk, n);
        addr += n;
        len -= n;
    }
    return result;
}

/* ---- sized accesses ---- */

static uint64_t to_order(uint64_t value, unsigned size, DeviceEndian endian)
{
    return endian == DEVICE_BIG_ENDIAN ? __builtin_bswap64(value) >> (64 - size * 8) : value;
}

uint64_t address_space_ld(AddressSpace *as, GuestPhys addr, unsigned size, DeviceEndian endian,
                          MemAttrs attrs, MemResult *result)
{
    MemTarget t = address_space_lookup(as, addr, false, attrs);
    MemResult r = MEM_OK;
    uint64_t value = 0;

    if (t.ram || !t.region || limit_len(size, t.len) < size) {
        r = address_space_read(as, addr, attrs, &value, size);
        value = to_order(value, size, endian);
    } else {
        vm_lock(as->vm);
        t = address_space_lookup(as, addr, false, attrs);
        if (t.region) {
            r = memory_region_dispatch_read(t.region, t.offset, &value, size, endian, attrs);
        } else {
            r = t.result;
            value = size >= 8 ? UINT64_MAX : (1ULL << (size * 8)) - 1;
        }
        vm_unlock(as->vm);
    }
    if (result) {
        *result = r;
    }
    return value;
}

void address_space_st(AddressSpace *as, GuestPhys addr, uint64_t value, unsigned size,
                      DeviceEndian endian, MemAttrs attrs, MemResult *result)
{
    MemTarget t = address_space_lookup(as, addr, true, attrs);
    MemResult r = MEM_OK;

    if (t.ram || !t.region || limit_len(size, t.len) < size) {
        value = to_order(value, size, endian);
        r = address_space_write(as, addr, attrs, &value, size);
    } else {
        vm_lock(as->vm);
        t = address_space_lookup(as, addr, true, attrs);
        r = t.region ? memory_region_dispatch_write(t.region, t.offset, value, size, endian, attrs)
                     : t.result;
        vm_unlock(as->vm);
    }
    if (result) {
        *result = r;
    }
}

/* ---- life ---- */

void memory_publish_view(AddressSpace *as)
{
    FlatView *view = flat_view_build(as->root), *old = atomic_load(&as->view);

    if (old && flat_view_equal(old, view)) {
        g_free(view);
        return;
    }
    atomic_store(&as->view, view);
    for (MemoryListener *l = as->listeners, *next; l; l = next) {
        next = l->next;
        l->changed(l, as);
    }
    memory_retire(as->vm->memory, old, g_free);
}

AddressSpace *address_space_new(Vm *vm, MemoryRegion *root, const char *name)
{
    AddressSpace *as = g_new0(AddressSpace, 1);

    as->vm = vm;
    as->root = root;
    as->name = g_strdup(name);
    g_ptr_array_add(vm->memory->spaces, as);
    memory_publish_view(as);
    return as;
}

void address_space_free(AddressSpace *as)
{
    if (as) {
        g_ptr_array_remove(as->vm->memory->spaces, as);
        memory_synchronize(as->vm->memory);
        g_free(atomic_load(&as->view));
        g_free(as->name);
        g_free(as);
    }
}

const char *address_space_name(const AddressSpace *as)
{
    return as->name;
}

void address_space_listener_add(AddressSpace *as, MemoryListener *l)
{
    MemoryListener **at = &as->listeners;

    while (*at) {
        at = &(*at)->next;
    }
    l->next = NULL;
    *at = l;
}

void address_space_listener_remove(AddressSpace *as, MemoryListener *l)
{
    for (MemoryListener **at = &as->listeners; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            l->next = NULL;
            return;
        }
    }
}

bool memory_setup(Vm *vm, GError **error)
{
    MemoryRoot *root = g_new0(MemoryRoot, 1);

    root->vm = vm;
    vm->memory = root;
    memory_epoch_init(root);
    root->spaces = g_ptr_array_new();
    root->zombies = g_ptr_array_new();
    root->dirty = g_new0(DirtyChunk * _Atomic, DIRTY_CHUNKS);
    atomic_init(&root->dirty_enabled, DIRTY_MASK(DIRTY_CODE));
    atomic_init(&root->ram_list, g_new0(RamList, 1));
    g_mutex_init(&root->bounce_lock);
    memory_region_init(&root->system, vm, NULL, "system", UINT64_MAX);
    memory_region_init(&root->io, vm, NULL, "io", 0x10000);
    root->as_memory = address_space_new(vm, &root->system, "memory");
    root->as_io = address_space_new(vm, &root->io, "I/O");
    return true;
}

void memory_teardown(Vm *vm)
{
    MemoryRoot *root = vm->memory;

    if (!root) {
        return;
    }
    memory_transaction_begin(vm); /* the last views need no rebuilding */
    memory_region_clear(&root->system);
    memory_region_clear(&root->io);
    address_space_free(root->as_memory);
    address_space_free(root->as_io);
    g_ptr_array_free(root->spaces, TRUE);
    g_ptr_array_free(root->zombies, TRUE);
    g_free(atomic_load(&root->ram_list));
    for (unsigned i = 0; i < DIRTY_CHUNKS; i++) {
        g_free(atomic_load(&root->dirty[i]));
    }
    g_free((void *)root->dirty);
    memory_epoch_clear(root);
    g_mutex_clear(&root->bounce_lock);
    g_free(root);
    vm->memory = NULL;
}

MemoryRegion *memory_system_region(Vm *vm)
{
    return &vm->memory->system;
}

MemoryRegion *memory_io_region(Vm *vm)
{
    return &vm->memory->io;
}

AddressSpace *address_space_memory(Vm *vm)
{
    return vm->memory->as_memory;
}

AddressSpace *address_space_io(Vm *vm)
{
    return vm->memory->as_io;
}
