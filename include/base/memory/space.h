/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: what a CPU or a bus master sees. Each has a root region and a flat view that is
 * rebuilt when the tree changes.
 *
 * Reading and writing take no lock for RAM; accesses to devices take the VM lock inside. Writes to
 * RAM mark the pages dirty for every client and invalidate translated code. Any thread.
 */
#pragma once
#include "base/core/notify.h"
#include "base/memory/region.h"

/* The per-VM root: the system memory and I/O spaces exist from here on. Called once by vm set-up. */
bool memory_setup(Vm *vm, GError **error);
void memory_teardown(Vm *vm);
MemoryRegion *memory_system_region(Vm *vm); /* root of the system memory space */
MemoryRegion *memory_io_region(Vm *vm);     /* root of the port space, 64 KiB */
AddressSpace *address_space_memory(Vm *vm);
AddressSpace *address_space_io(Vm *vm);

AddressSpace *address_space_new(Vm *vm, MemoryRegion *root, const char *name);
void address_space_free(AddressSpace *as);
const char *address_space_name(const AddressSpace *as);

MemResult address_space_read(AddressSpace *as, GuestPhys addr, MemAttrs attrs, void *buf,
                             uint64_t len);
MemResult address_space_write(AddressSpace *as, GuestPhys addr, MemAttrs attrs, const void *buf,
                              uint64_t len);
MemResult address_space_set(AddressSpace *as, GuestPhys addr, MemAttrs attrs, uint8_t byte,
                            uint64_t len);
/* Also writes ROM (loaders, option ROM set-up). */
MemResult address_space_write_rom(AddressSpace *as, GuestPhys addr, const void *buf, uint64_t len);

/* Sized single accesses. */
uint64_t address_space_ld(AddressSpace *as, GuestPhys addr, unsigned size, DeviceEndian endian,
                          MemAttrs attrs, MemResult *result);
void address_space_st(AddressSpace *as, GuestPhys addr, uint64_t value, unsigned size,
                      DeviceEndian endian, MemAttrs attrs, MemResult *result);
#define DEFINE_AS_LDST(bits, sz)                                                        \
    static inline uint64_t phys_ld##bits##_le(AddressSpace *as, GuestPhys a)            \
    {                                                                                   \
        return address_space_ld(as, a, sz, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, NULL); \
    }                                                                                   \
    static inline void phys_st##bits##_le(AddressSpace *as, GuestPhys a, uint64_t v)    \
    {                                                                                   \
        address_space_st(as, a, v, sz, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, NULL);     \
    }                                                                                   \
    static inline uint64_t phys_ld##bits##_be(AddressSpace *as, GuestPhys a)            \
    {                                                                                   \
        return address_space_ld(as, a, sz, DEVICE_BIG_ENDIAN, MEM_ATTRS_NONE, NULL);    \
    }                                                                                   \
    static inline void phys_st##bits##_be(AddressSpace *as, GuestPhys a, uint64_t v)    \
    {                                                                                   \
        address_space_st(as, a, v, sz, DEVICE_BIG_ENDIAN, MEM_ATTRS_NONE, NULL);        \
    }
DEFINE_AS_LDST(8, 1)
DEFINE_AS_LDST(16, 2)
DEFINE_AS_LDST(32, 4)
DEFINE_AS_LDST(64, 8)

/* DMA maps: a host pointer to guest RAM, or a bounce buffer for anything else. *len may shrink.
   NULL when nothing is there or bounce space ran out (then address_space_map_wait). */
void *address_space_map(AddressSpace *as, GuestPhys addr, uint64_t *len, bool is_write,
                        MemAttrs attrs);
/* Has @n called once, under no lock but the caller's of address_space_unmap, when bounce space is
   free again (at once when some is now). */
void address_space_map_wait(Vm *vm, Notifier *n);
/* @access_len bytes were really read or written (writes are marked dirty / copied back). */
void address_space_unmap(AddressSpace *as, void *host, uint64_t len, bool is_write,
                         uint64_t access_len);

/* What lies at an address: for the CPU engine's TLB fill, and for debuggers. */
typedef struct {
    MemoryRegion *region; /* NULL: nothing */
    uint64_t offset;      /* in the region */
    RamBlock *ram;        /* RAM, ROM, ROMD in RAM mode; else NULL */
    uint8_t *host;        /* with ram: pointer to the byte at @addr */
    RamAddr ram_addr;     /* with ram */
    bool readonly;        /* writes do not reach RAM */
    uint64_t len;         /* bytes from @addr with the same answer (page-limited by the caller);
                             0 means 2^64 */
    MemAttrs attrs;
    MemResult result; /* MEM_OK with a region; else why there is none */
} MemTarget;
/* Any thread, no lock (IOMMU regions are asked without one too). The answer holds until the next
   topology change, which is announced to listeners before memory behind the old view goes away.
   A ROM device in ROMD mode has `ram` for reads only: for writes ask again with @is_write. */
MemTarget address_space_lookup(AddressSpace *as, GuestPhys addr, bool is_write, MemAttrs attrs);
/* A device access as the CPU makes it (takes the VM lock itself unless lockless). */
MemResult memory_region_dispatch_read(MemoryRegion *mr, uint64_t offset, uint64_t *value,
                                      unsigned size, DeviceEndian endian, MemAttrs attrs);
MemResult memory_region_dispatch_write(MemoryRegion *mr, uint64_t offset, uint64_t value,
                                       unsigned size, DeviceEndian endian, MemAttrs attrs);

/* Told (VM lock held) after a flat view of @as changed: CPUs flush their TLBs. */
typedef struct MemoryListener MemoryListener;
struct MemoryListener {
    void (*changed)(MemoryListener *l, AddressSpace *as);
    MemoryListener *next; /* private */
};
void address_space_listener_add(AddressSpace *as, MemoryListener *l);
void address_space_listener_remove(AddressSpace *as, MemoryListener *l);

/* "info mtree" text; owned by the caller. */
char *memory_describe(Vm *vm, bool flat);
