/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of base/memory share: the per-VM root, RAM blocks, flat views, and the read
 * sections under which other threads may look at them without a lock.
 *
 * Read sections: a thread inside memory_read_begin/end may use every view, block list and
 * event table that it loads there. A writer (VM lock held) publishes a new object, then retires the
 * old one; it is freed once no thread is in a section that began before. A reader never takes
 * the VM lock inside a section.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "base/core/vm.h"
#include "base/memory/space.h"

typedef unsigned __int128 Wide; /* sizes up to 2^64, ends of ranges */
typedef __int128 SWide;         /* bases: an alias may start below zero */

#define MEMORY_MAX_DEPTH 64 /* nesting of regions, chains of IOMMUs */

/* ---- dirty bitmaps ---- */
#define DIRTY_CHUNK_PAGE_BITS 18 /* one chunk: 1 GiB of guest pages */
#define DIRTY_CHUNK_PAGES     (1u << DIRTY_CHUNK_PAGE_BITS)
#define DIRTY_CHUNK_WORDS     (DIRTY_CHUNK_PAGES / 64)
#define DIRTY_CHUNKS          65536u /* 64 TiB of RamAddr space */
#define RAM_ADDR_LIMIT        ((uint64_t)DIRTY_CHUNKS << (DIRTY_CHUNK_PAGE_BITS + GUEST_PAGE_BITS))
/* Blocks start on a bitmap word, so that two blocks never share one. */
#define RAM_ADDR_ALIGN (64 * GUEST_PAGE_SIZE)

typedef struct {
    _Atomic uint64_t words[DIRTY_CLIENTS][DIRTY_CHUNK_WORDS];
} DirtyChunk;

struct RamBlock {
    Vm *vm;
    char *_Atomic idstr; /* owned; NULL when unnamed */
    uint8_t *host;
    RamAddr addr;
    _Atomic uint64_t used_length;
    uint64_t max_length;
    uint64_t page_size;
    atomic_uint flags; /* RamFlags */
    int fd;
    uint64_t fd_offset;
    bool foreign; /* host is the caller's */
    void (*resized)(void *opaque, RamBlock *block, uint64_t old_used);
    void *opaque;
    atomic_uint pins;  /* DMA maps that point into it */
    atomic_bool dying; /* freed by its owner; lives on as a zombie while pinned */
};

typedef struct {
    guint n;
    RamBlock *blocks[]; /* largest first */
} RamList;

/* ---- flat views ---- */
typedef struct {
    uint64_t start, last; /* inclusive */
    MemoryRegion *region;
    uint64_t offset; /* of start, in the region */
    RamBlock *ram;   /* reads are served from here; NULL: from ops */
    bool readonly;   /* RAM that writes do not change */
    bool write_io;   /* writes go to ops although ram is set (ROMD) */
    bool iommu;
} FlatRange;

typedef struct {
    guint n;
    atomic_uint hint; /* index of the last hit */
    FlatRange ranges[];
} FlatView;

struct AddressSpace {
    Vm *vm;
    char *name;
    MemoryRegion *root;
    FlatView *_Atomic view;
    MemoryListener *listeners;
};

typedef struct {
    uint64_t addr;
    unsigned size;
    bool match;
    uint64_t data;
    int fd;
} RegionEvent;
typedef struct {
    guint n;
    RegionEvent events[];
} RegionEvents;

/* ---- the root ---- */
typedef struct ReadSlot ReadSlot;
struct ReadSlot {
    _Atomic uint64_t epoch; /* 0: not in a section */
    unsigned depth;         /* owner thread only */
    atomic_bool taken;
    ReadSlot *next;
};

typedef struct {
    uint64_t epoch;
    void *object;
    void (*free_fn)(void *);
} Retired;

typedef struct Bounce Bounce;

struct MemoryRoot {
    Vm *vm;
    MemoryRegion system, io;
    AddressSpace *as_memory, *as_io;
    GPtrArray *spaces; /* AddressSpace *, borrowed */
    unsigned transaction_depth;
    bool topology_dirty;

    pthread_key_t slot_key;
    GMutex slot_lock; /* guards the slot list */
    ReadSlot *slots;
    _Atomic uint64_t epoch;
    GArray *retired; /* Retired, oldest first; VM lock */

    RamList *_Atomic ram_list;
    GPtrArray *zombies; /* RamBlock *, VM lock */
    RamBlockNotifier *notifiers;
    DirtyChunk *_Atomic *dirty; /* DIRTY_CHUNKS entries */
    atomic_uint dirty_enabled;  /* mask of clients */
    unsigned log_users[DIRTY_CLIENTS];
    RamDirtyHooks hooks;

    GMutex bounce_lock; /* guards the next three */
    Bounce *bounces;
    uint64_t bounce_bytes;
    NotifierList bounce_waiters;
    atomic_uint bounce_count;
};

/* ---- read sections (epoch.c) ---- */
void memory_epoch_init(MemoryRoot *root);
void memory_epoch_clear(MemoryRoot *root);
void memory_read_begin(MemoryRoot *root);
void memory_read_end(MemoryRoot *root);
/* Frees @object later, when no reader can hold it. VM lock held. */
void memory_retire(MemoryRoot *root, void *object, void (*free_fn)(void *));
/* Returns when every section that had begun has ended. Not inside a section. */
void memory_synchronize(MemoryRoot *root);

/* ---- views (view.c) ---- */
FlatView *flat_view_build(MemoryRegion *root);
bool flat_view_equal(const FlatView *a, const FlatView *b);
/* The range that holds @addr; NULL with *gap = bytes until the next range (0: to the end of the
   space). */
const FlatRange *flat_view_find(FlatView *view, uint64_t addr, uint64_t *gap);
void memory_topology_changed(Vm *vm);
void memory_publish_view(AddressSpace *as);

/* ---- RAM and dirty (ram-block.c, dirty.c) ---- */
void ram_dirty_cover(MemoryRoot *root, RamAddr addr, uint64_t len);
/* In a read section: the block that holds @host. */
RamBlock *ram_list_find_host(MemoryRoot *root, const void *host, uint64_t *offset);

/* ---- mapping host memory (ram-map.c) ---- */
bool ram_map(const RamBlockSpec *spec, RamBlock *block, GError **error);
void ram_unmap(RamBlock *block);
void ram_zero_range(RamBlock *block, uint64_t offset, uint64_t len);

static inline Wide region_wide_size(const MemoryRegion *mr)
{
    return mr->size == UINT64_MAX ? (Wide)1 << 64 : mr->size;
}
