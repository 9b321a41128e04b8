/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks: host memory that backs guest RAM and ROM, with dirty bitmaps and notifiers.
 *
 * A block has a stable id string (the name that travels in a migration, as QEMU 10.0 names them),
 * a used length and a maximum, and lives at [ram_addr, ram_addr + max_length) of one process-wide
 * RamAddr space, which the dirty bitmaps are indexed by (in guest pages).
 *
 * Locks: adding, removing, resizing, renaming: VM lock. The block list may be walked with the VM
 * lock held or, from other threads, between ram_list_acquire() and ram_list_release(); dirty
 * bitmaps are lock-free. A block's host pointer stays valid until the block is freed.
 */
#pragma once
#include <glib.h>
#include "base/core/object.h"
#include "base/memory/types.h"

#define FERRY_MEMORY_ERROR (ferry_memory_error_quark())
GQuark ferry_memory_error_quark(void);
typedef enum {
    FERRY_MEMORY_ERROR_ALLOC,
    FERRY_MEMORY_ERROR_DUPLICATE,
    FERRY_MEMORY_ERROR_SIZE,
    FERRY_MEMORY_ERROR_FILE,
    FERRY_MEMORY_ERROR_ACCESS,
} FerryMemoryError;

typedef enum {
    RAM_SHARED = 1 << 0,
    RAM_RESIZEABLE = 1 << 1,
    RAM_MIGRATABLE = 1 << 2,
    RAM_READONLY = 1 << 3, /* guest view is read-only (ROM contents) */
    RAM_PREALLOC = 1 << 4,
    RAM_NAMED_FILE = 1 << 5,
    RAM_UNINITIALIZED = 1 << 6,
    RAM_READONLY_FD =
        1 << 7,           /* the fd is open for reading only: a shared mapping cannot be written */
    RAM_RESERVE = 1 << 8, /* ask the host for swap space now (default: not) */
} RamFlags;

/* Clients of the dirty bitmaps. */
typedef enum {
    DIRTY_MIGRATION,
    DIRTY_DISPLAY,
    DIRTY_CODE,
    DIRTY_RATE,   /* who writes how fast: dirty limits, dirty rates */
    DIRTY_CHANGE, /* recording of changes for the guest: the change bits of s390x storage keys */
    DIRTY_CLIENTS
} DirtyClient;
#define DIRTY_MASK(client) (1u << (client))
#define DIRTY_MASK_ALL     ((1u << DIRTY_CLIENTS) - 1)

/* Where the memory comes from; see ram_block_new. */
typedef struct {
    const char *idstr;    /* NULL: unnamed until ram_block_set_idstr */
    uint64_t used_length; /* bytes, rounded up to the guest page */
    uint64_t max_length;  /* 0: same as used */
    unsigned flags;       /* RamFlags */
    int fd;               /* -1: anonymous (memfd when RAM_SHARED); ownership passes on success */
    uint64_t fd_offset;
    uint64_t align; /* 0: host page */
    void *host;     /* caller's memory, not freed; NULL: mapped here */
    /* RAM_RESIZEABLE: told after the used length changed */
    void (*resized)(void *opaque, RamBlock *block, uint64_t old_used);
    void *opaque;
} RamBlockSpec;

RamBlock *ram_block_new(Vm *vm, const RamBlockSpec *spec, GError **error);
/* NULL is harmless. Waits for threads that walk the block list, so never call it between
   ram_list_acquire and _release. The memory of a block that is pinned, by DMA maps or others, goes with the last pin. */
void ram_block_free(RamBlock *block);
/* Keeps the block's memory, and what the calls below tell of it, though the block may be freed. With the VM lock, or
   between ram_list_acquire and _release. */
void ram_block_pin(RamBlock *block);
/* Any thread, not between ram_list_acquire and _release; takes the VM lock. */
void ram_block_unpin(RamBlock *block);

const char *ram_block_idstr(const RamBlock *block); /* "" when unnamed */
bool ram_block_set_idstr(RamBlock *block, const char *idstr, GError **error);
void *ram_block_host(const RamBlock *block);
RamAddr ram_block_addr(const RamBlock *block);
uint64_t ram_block_used_length(const RamBlock *block);
uint64_t ram_block_max_length(const RamBlock *block);
uint64_t ram_block_page_size(const RamBlock *block); /* of the host mapping */
int ram_block_fd(const RamBlock *block);             /* -1 when anonymous */
uint64_t ram_block_fd_offset(const RamBlock *block);
unsigned ram_block_flags(const RamBlock *block);
bool ram_block_migratable(const RamBlock *block);
void ram_block_set_migratable(RamBlock *block, bool migratable);
/* Changes the used length (<= max). New pages read zero. */
bool ram_block_resize(RamBlock *block, uint64_t new_used, GError **error);

RamBlock *ram_block_find(Vm *vm, const char *idstr);
/* The block that holds the host pointer / the RamAddr, with the offset in it; NULL if none. */
RamBlock *ram_block_from_host(Vm *vm, const void *host, uint64_t *offset);
RamBlock *ram_block_from_addr(Vm *vm, RamAddr addr, uint64_t *offset);

void ram_list_acquire(Vm *vm);
void ram_list_release(Vm *vm);
/* Calls @fn for each block, largest first; stops when it returns false. @fn must not free blocks,
   and, in a thread without the VM lock, not take that lock. */
void ram_list_foreach(Vm *vm, bool (*fn)(RamBlock *block, void *opaque), void *opaque);
uint64_t ram_list_total_used(Vm *vm, bool migratable_only); /* bytes */

/* ---- notifiers: migration and caches watch the block list ---- */
typedef struct RamBlockNotifier RamBlockNotifier;
struct RamBlockNotifier {
    void (*added)(RamBlockNotifier *n, RamBlock *block);
    void (*removed)(RamBlockNotifier *n, RamBlock *block);
    void (*resized)(RamBlockNotifier *n, RamBlock *block, uint64_t old_used, uint64_t new_used);
    void (*migratable_changed)(RamBlockNotifier *n, RamBlock *block, bool migratable);
    void (*idstr_changed)(RamBlockNotifier *n, RamBlock *block, const char *old_idstr);
    RamBlockNotifier *next; /* private */
};
/* Any member may be NULL. Callbacks run under the VM lock. @added is called for existing blocks. */
void ram_block_notifier_add(Vm *vm, RamBlockNotifier *n);
void ram_block_notifier_remove(Vm *vm, RamBlockNotifier *n);

/* ---- dirty tracking ---- */
/* Marks [addr, addr+len) dirty for the clients in @mask. Any thread, lock-free. */
void ram_dirty_set(Vm *vm, RamAddr addr, uint64_t len, unsigned mask);
/* After bytes were written by anything but a CPU: sets every client's bits but CODE's; when a page
   of the range has its CODE bit clean, hooks.code_written is called instead, and whoever drops the
   last translation of a page sets that bit with ram_dirty_set. Any thread, lock-free. */
void ram_dirty_written(Vm *vm, RamAddr addr, uint64_t len);
bool ram_dirty_get(Vm *vm, RamAddr addr, DirtyClient client);
/* The clients (mask) for which the page at @addr is still clean. */
unsigned ram_dirty_clean_mask(Vm *vm, RamAddr addr);
/* Clears and tells whether any page was dirty; afterwards vCPU TLBs are told to trap writes again
   (hooks.cleaned). */
bool ram_dirty_test_and_clear(Vm *vm, RamAddr addr, uint64_t len, DirtyClient client);
/* Moves the block's dirty bits of @client into @dest (one bit a guest page, from bit 0), clearing
   them; returns how many were set. */
uint64_t ram_dirty_sync_and_clear(Vm *vm, RamBlock *block, DirtyClient client, unsigned long *dest);
/* While a client is off its bits read "dirty" and cost nothing; all its bits are set when it is
   switched on. CODE is always on. VM lock. */
void ram_dirty_client_enable(Vm *vm, DirtyClient client, bool on);
bool ram_dirty_client_enabled(Vm *vm, DirtyClient client);
/* The CPU engine asks to be told that a range was cleaned (drop write tags in every TLB) and that
   device writes hit a page whose CODE bit is clean (invalidate translations). */
typedef struct {
    void (*cleaned)(void *opaque, RamAddr addr, uint64_t len);
    void (*code_written)(void *opaque, RamAddr addr, uint64_t len);
    void *opaque;
} RamDirtyHooks;
void ram_dirty_set_hooks(Vm *vm, const RamDirtyHooks *hooks);
