/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory regions: a tree of containers, RAM, ROM, MMIO, aliases and IOMMUs with priorities, from
 * which an AddressSpace computes a flat view.
 *
 * Regions are embedded in or owned by their device. Changes (add, remove, enable, move) need the
 * VM lock; between memory_transaction_begin/commit flat views are rebuilt once.
 */
#pragma once
#include "base/memory/ram.h"

/* Register access. @size is 1, 2, 4 or 8 and @addr is relative to the region; called under the VM
   lock unless `lockless`. Values are in host order; `endian` says how the bytes lie on the bus. */
typedef struct {
    uint64_t (*read)(void *opaque, uint64_t addr, unsigned size);
    void (*write)(void *opaque, uint64_t addr, uint64_t value, unsigned size);
    /* Used instead of read/write when set. */
    MemResult (*read_attrs)(void *opaque, uint64_t addr, uint64_t *value, unsigned size,
                            MemAttrs attrs);
    MemResult (*write_attrs)(void *opaque, uint64_t addr, uint64_t value, unsigned size,
                             MemAttrs attrs);
    DeviceEndian endian;
    /* Accesses the guest may make; others are a decode error. 0,0: 1..8 (valid) / as valid (impl). */
    struct {
        uint8_t min, max;
        bool unaligned;
    } valid;
    /* Accesses the callbacks take; wider ones are split, narrower ones widened to an aligned one of
       impl.min (a write then reads the register first and merges). */
    struct {
        uint8_t min, max;
        bool unaligned;
    } impl;
    bool lockless;
} RegionOps;

typedef enum {
    REGION_CONTAINER,
    REGION_RAM,
    REGION_ROM,  /* RAM that guest writes do not change */
    REGION_ROMD, /* reads as RAM, writes (and, switched off, reads) go to ops */
    REGION_IO,
    REGION_ALIAS,
    REGION_IOMMU,
} RegionKind;

/* One translation of an IOMMU region. */
typedef struct {
    AddressSpace *target;
    GuestPhys iova, translated;
    uint64_t addr_mask; /* page size - 1 */
    bool readable, writable;
} IommuEntry;
typedef IommuEntry (*IommuTranslate)(MemoryRegion *mr, GuestPhys addr, bool is_write,
                                     MemAttrs attrs);

struct MemoryRegion {
    Vm *vm;
    char *name;
    Object *owner; /* borrowed; may be NULL */
    RegionKind kind;
    uint64_t size;  /* bytes; UINT64_MAX means 2^64 */
    GuestPhys addr; /* in the container */
    int priority;
    bool enabled, readonly, may_overlap, rom_device_mode;
    const RegionOps *ops;
    void *opaque;
    RamBlock *ram; /* owned by the region when ram_owned */
    bool ram_owned;
    MemoryRegion *alias;
    uint64_t alias_offset;
    IommuTranslate iommu_translate;
    MemoryRegion *container;
    GPtrArray *subregions; /* borrowed, sorted by priority */
    uint8_t dirty_log_mask;
    void *priv;
};

void memory_region_init(MemoryRegion *mr, Vm *vm, Object *owner, const char *name, uint64_t size);
void memory_region_init_io(MemoryRegion *mr, Vm *vm, Object *owner, const RegionOps *ops,
                           void *opaque, const char *name, uint64_t size);
/* A new RAM block; @idstr as it travels ("pc.ram", "/rom@etc/acpi/tables"); NULL: @name. */
bool memory_region_init_ram(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                            uint64_t size, GError **error);
bool memory_region_init_rom(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                            uint64_t size, GError **error);
/* Reads from RAM, writes to ops; memory_region_rom_device_set_romd switches reads too. */
bool memory_region_init_rom_device(MemoryRegion *mr, Vm *vm, Object *owner, const RegionOps *ops,
                                   void *opaque, const char *name, uint64_t size, GError **error);
/* Wraps an existing block (borrowed unless @take). */
void memory_region_init_ram_block(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                                  RamBlock *block, bool take);
void memory_region_init_alias(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                              MemoryRegion *target, uint64_t offset, uint64_t size);
void memory_region_init_iommu(MemoryRegion *mr, Vm *vm, Object *owner, IommuTranslate translate,
                              void *opaque, const char *name, uint64_t size);
/* Removes it from its container and frees what it owns. */
void memory_region_clear(MemoryRegion *mr);

void memory_region_add(MemoryRegion *container, GuestPhys addr, MemoryRegion *sub);
void memory_region_add_overlap(MemoryRegion *container, GuestPhys addr, MemoryRegion *sub,
                               int priority);
void memory_region_del(MemoryRegion *container, MemoryRegion *sub);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_address(MemoryRegion *mr, GuestPhys addr);
void memory_region_set_size(MemoryRegion *mr, uint64_t size);
void memory_region_set_alias_offset(MemoryRegion *mr, uint64_t offset);
void memory_region_set_readonly(MemoryRegion *mr, bool readonly);
void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd);
/* Dirty logging for the display client of a RAM region (nests). */
void memory_region_set_log(MemoryRegion *mr, bool on, DirtyClient client);
void memory_transaction_begin(Vm *vm);
void memory_transaction_commit(Vm *vm);

/* Write-notification by eventfd: a write of @size bytes (0: any) of @data (when match) at @addr
   signals @fd instead of calling ops. */
bool memory_region_add_eventfd(MemoryRegion *mr, uint64_t addr, unsigned size, bool match,
                               uint64_t data, int fd, GError **error);
void memory_region_del_eventfd(MemoryRegion *mr, uint64_t addr, unsigned size, bool match,
                               uint64_t data, int fd);

/* As init_ram for a block whose used length can change up to @max_size; the region keeps the size
   @size until told otherwise. @resized as in RamBlockSpec. */
bool memory_region_init_resizeable(MemoryRegion *mr, Vm *vm, Object *owner, const char *name,
                                   uint64_t size, uint64_t max_size,
                                   void (*resized)(void *opaque, RamBlock *block,
                                                   uint64_t old_used),
                                   void *opaque, GError **error);
/* Host pointer of a RAM/ROM region. */
void *memory_region_ram_ptr(MemoryRegion *mr);
uint64_t memory_region_size(const MemoryRegion *mr);
