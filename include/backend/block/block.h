/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block layer: a graph of nodes (a format over a protocol: raw over file) and the drives
 * through which guest devices use them.
 *
 * A request is submitted with a completion callback, which always runs later, in the main loop
 * thread under the VM lock (or inside a drain), never from within the submitting call. Everything
 * here is called with the VM lock held, from the main loop thread or a vCPU thread; drains and
 * blocks_inactivate() only from the main loop thread.
 *
 * Durability: a completed write is as safe as the drive's cache mode says. With the write cache off
 * (writethrough, directsync) it is on stable storage; with it on (writeback, none), it is after the
 * next completed flush; with no-flush (unsafe) never.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/core/vm.h"
#include "base/io/fdset.h"

#define FERRY_BLOCK_ERROR (block_error_quark())
GQuark block_error_quark(void);

typedef enum BlockErrorCode {
    BLOCK_ERROR_CONFIG,    /* options that make no sense */
    BLOCK_ERROR_OPEN,      /* the host refused */
    BLOCK_ERROR_BUSY,      /* in use: by a device, by another node's user, by another process */
    BLOCK_ERROR_NOT_FOUND, /* no node or drive of that name */
    BLOCK_ERROR_EXISTS,
    BLOCK_ERROR_IO,
    BLOCK_ERROR_UNSUPPORTED,
} BlockErrorCode;

typedef struct Blocks Blocks;
typedef struct BlockNode BlockNode;
typedef struct BlockDrive BlockDrive;

/* 0 or -errno. */
typedef void (*BlockDone)(void *opaque, int ret);

/* ---- the set (vm->blocks) ---- */
/* fdsets (borrowed) may be NULL. */
Blocks *blocks_new(Vm *vm, FdSets *fdsets);
/* Drains, flushes and closes everything. */
void blocks_free(Blocks *blocks);
static inline Blocks *vm_blocks(Vm *vm)
{
    return vm->blocks;
}

/* ---- -drive ---- */
typedef enum BlockInterface {
    BLOCK_IF_DEFAULT, /* the machine's choice */
    BLOCK_IF_NONE,
    BLOCK_IF_IDE,
    BLOCK_IF_SCSI,
    BLOCK_IF_FLOPPY,
    BLOCK_IF_PFLASH,
    BLOCK_IF_MTD,
    BLOCK_IF_SD,
    BLOCK_IF_VIRTIO,
    BLOCK_IF_XEN,
} BlockInterface;
const char *block_interface_name(BlockInterface iface);

typedef enum BlockOnError {
    BLOCK_ON_ERROR_AUTO, /* reads: report; writes: enospc */
    BLOCK_ON_ERROR_REPORT,
    BLOCK_ON_ERROR_IGNORE,
    BLOCK_ON_ERROR_STOP,
    BLOCK_ON_ERROR_ENOSPC,
} BlockOnError;
/* "auto", "report", "ignore", "stop", "enospc", NULL: for PROP_ENUM. */
extern const char *const block_on_error_names[];

/* What the board or the composition root needs to make the guest device. */
typedef struct BlockDriveInfo {
    BlockInterface iface;
    int bus, unit, index; /* -1: not given */
    bool cdrom;
    bool claimed; /* a device was made for it */
} BlockDriveInfo;

/*
 * Make a drive of the argument of -drive. @default_if stands for a missing if=. Checks everything,
 * then opens the image. The drive is borrowed from the set.
 */
BlockDrive *blocks_add_drive(Blocks *blocks, const char *text, BlockInterface default_if,
                             GError **error);
/* -blockdev / blockdev-add: @options is an a{sv} (dotted keys already nested). */
bool blocks_add_node(Blocks *blocks, GVariant *options, GError **error);
/* blockdev-del. */
bool blocks_del_node(Blocks *blocks, const char *node_name, GError **error);
/* drive_del (HMP): the drive goes when its device is gone. */
bool blocks_del_drive(Blocks *blocks, const char *id, GError **error);
/* How many units an IDE bus of the machine has (2 unless told), for the place that index= means. */
void blocks_set_ide_units(Blocks *blocks, int per_bus);
/* -snapshot: drives made from now on keep what is written in a temporary image. */
void blocks_set_snapshot(Blocks *blocks, bool on);
BlockDrive *blocks_find_drive(Blocks *blocks, const char *id);
/* Is what that drive or node holds read-only? False when there is none. */
bool blocks_is_read_only(Blocks *blocks, const char *name);
BlockNode *blocks_find_node(Blocks *blocks, const char *node_name);
/* In order of creation. */
void blocks_foreach_drive(Blocks *blocks, void (*fn)(BlockDrive *drive, void *opaque),
                          void *opaque);
/* The @n-th drive of an interface, by index, or NULL. */
BlockDrive *blocks_drive_by_index(Blocks *blocks, BlockInterface iface, int index);
BlockDriveInfo *block_drive_info(BlockDrive *drive);

/* ---- guest devices ---- */
typedef struct BlockDriveOps {
    /* The image changed its size. */
    void (*resized)(void *opaque);
    /* "/machine/peripheral/x"; new string; NULL member: unknown */
    char *(*device_path)(void *opaque);
    /* Removable media. The medium came, which closes a tray, or goes, which opens it. NULL: fixed. */
    void (*medium_changed)(void *opaque, bool loaded);
    bool never_writes; /* whatever the medium is */
    /* Can a medium of that size be used? NULL: any. */
    bool (*accepts)(void *opaque, uint64_t bytes, GError **error);
    /* A tray; all NULL: none. The guest, which has locked it, is asked to let go; @force: no more. */
    bool (*tray_is_open)(void *opaque);
    bool (*tray_is_locked)(void *opaque);
    void (*eject_request)(void *opaque, bool force);
} BlockDriveOps;

typedef struct BlockAttach {
    const BlockDriveOps *ops;
    void *opaque;
    bool read_only;                             /* never writes */
    bool share_rw;                              /* others may write at the same time */
    BlockOnError on_read_error, on_write_error; /* AUTO: what -drive said */
    OnOffAuto write_cache;                      /* AUTO: what the cache mode said */
} BlockAttach;

/*
 * Take the drive called @name, or make one over the node called @name. Fails when a device has it
 * already, or when the image is locked by someone. The drive is borrowed until detach.
 */
BlockDrive *block_drive_attach(Blocks *blocks, const char *name, const BlockAttach *attach,
                               GError **error);
/* The same for a device that may be without a medium and was given no name: a new, empty drive. */
BlockDrive *block_drive_attach_empty(Blocks *blocks, const BlockAttach *attach, GError **error);
/* Drains first. An anonymous drive is gone afterwards. */
void block_drive_detach(BlockDrive *drive);

const char *block_drive_id(const BlockDrive *drive); /* "" for an anonymous one */
bool block_drive_has_medium(const BlockDrive *drive);
bool block_drive_read_only(const BlockDrive *drive);
uint64_t block_drive_length(const BlockDrive *drive); /* bytes; 0 without medium */
bool block_drive_can_discard(const BlockDrive *drive);
bool block_drive_write_cache(const BlockDrive *drive);
/* A guest's cache mode page or config field: off makes every write durable before it completes. */
void block_drive_set_write_cache(BlockDrive *drive, bool enable);

/* Smallest unit that O_DIRECT needs (512 when buffered). */
uint32_t block_drive_alignment(const BlockDrive *drive);

/* CHS for old partition tables: heads and sectors from the size (LBA-assisted). */
void block_drive_geometry(const BlockDrive *drive, uint32_t *cyls, uint32_t *heads, uint32_t *secs);

/*
 * Requests. @offset and lengths in bytes. @iov is copied; the memory it names must stay until
 * @done. A request past the end completes with -EIO, a write to a read-only drive with -EACCES,
 * one without a medium with -ENOMEDIUM.
 */
enum {
    BLOCK_REQ_FUA = 1 << 0,       /* on stable storage before it completes */
    BLOCK_REQ_MAY_UNMAP = 1 << 1, /* write_zeroes may deallocate */
};
void block_aio_preadv(BlockDrive *drive, uint64_t offset, const struct iovec *iov, int niov,
                      BlockDone done, void *opaque);
void block_aio_pwritev(BlockDrive *drive, uint64_t offset, const struct iovec *iov, int niov,
                       unsigned flags, BlockDone done, void *opaque);
/*
 * A transfer whose guest memory is not directly addressable, moved piece by piece through a buffer
 * of the block layer. @copy moves @len bytes, the pieces in order and each once, to or from the
 * guest; false: guest memory ended, and the transfer ends with -EFAULT (a write has then written
 * what came before).
 */
typedef bool (*BlockCopy)(void *opaque, void *buf, size_t len, bool to_guest);
void block_aio_read_copy(BlockDrive *drive, uint64_t offset, uint64_t bytes, BlockCopy copy,
                         BlockDone done, void *opaque);
void block_aio_write_copy(BlockDrive *drive, uint64_t offset, uint64_t bytes, unsigned flags,
                          BlockCopy copy, BlockDone done, void *opaque);
void block_aio_flush(BlockDrive *drive, BlockDone done, void *opaque);
void block_aio_discard(BlockDrive *drive, uint64_t offset, uint64_t bytes, BlockDone done,
                       void *opaque);
void block_aio_write_zeroes(BlockDrive *drive, uint64_t offset, uint64_t bytes, unsigned flags,
                            BlockDone done, void *opaque);
/* Synchronous, for loaders and flash at start-up: main loop thread; 0 or -errno. */
int block_drive_pread(BlockDrive *drive, uint64_t offset, void *buf, size_t bytes);
int block_drive_pwrite(BlockDrive *drive, uint64_t offset, const void *buf, size_t bytes);

/* ---- errors ---- */
typedef enum BlockErrorAction {
    BLOCK_ACTION_REPORT, /* give the guest the error */
    BLOCK_ACTION_IGNORE, /* tell the guest that it worked */
    BLOCK_ACTION_STOP,   /* keep the request, submit it again when the VM runs again */
} BlockErrorAction;
/* Apply the drive's policy to a failed request: emits BLOCK_IO_ERROR, asks the VM to stop. */
BlockErrorAction block_drive_handle_error(BlockDrive *drive, bool is_read, int error_number);

/* ---- removable media (media.c); main loop thread ---- */
/* The drive called @device, or the one of the device with that id or path; just one is given. */
BlockDrive *blocks_find_for_device(Blocks *blocks, const char *device, const char *id,
                                   GError **error);
/* The id of the device that has it, or its path when it has none; new string; NULL: no device. */
char *block_drive_device_id(const BlockDrive *drive);
bool block_drive_removable(const BlockDrive *drive);
bool block_drive_has_tray(const BlockDrive *drive);
bool block_drive_tray_open(const BlockDrive *drive);
bool block_drive_tray_locked(const BlockDrive *drive);
/* By the guest: the event DEVICE_TRAY_MOVED. */
void block_drive_tray_moved(BlockDrive *drive);
/* A tray that the guest has locked stays closed (BLOCK_ERROR_BUSY) and the guest is asked; @force opens
   it all the same. Drives without one have nothing to open or close. */
bool block_drive_open_tray(BlockDrive *drive, bool force, GError **error);
bool block_drive_close_tray(BlockDrive *drive, GError **error);
/* Both need the tray open. An image that was the drive's own is closed. */
bool block_drive_remove_medium(BlockDrive *drive, GError **error);
bool block_drive_insert_medium(BlockDrive *drive, const char *node_name, GError **error);
typedef struct BlockNewMedium {
    const char *filename, *format; /* format NULL: what it looks like */
    bool force;
    enum {
        BLOCK_MEDIUM_RETAIN,
        BLOCK_MEDIUM_READ_ONLY,
        BLOCK_MEDIUM_READ_WRITE
    } mode; /* RETAIN: as the medium before */
} BlockNewMedium;
/* Opens the image, then the tray, and puts it in place of the medium. */
bool block_drive_change_medium(BlockDrive *drive, const BlockNewMedium *medium, GError **error);

/* ---- drain, migration ---- */
/* Wait until no request is under way (callbacks run inside). Main loop thread. */
void block_drive_drain(BlockDrive *drive);
void blocks_drain_all(Blocks *blocks);
/* Flush everything that may be dirty. False + error when one fails. */
bool blocks_flush_all(Blocks *blocks, GError **error);
/*
 * Give up the images, so that another process may take them: drain, flush, unlock. From then on
 * requests fail with -EPERM. On failure everything is active as before.
 */
bool blocks_inactivate(Blocks *blocks, GError **error);
/* Take them again: lock, read sizes anew. On failure everything stays inactive. */
bool blocks_activate(Blocks *blocks, GError **error);
bool blocks_are_inactive(const Blocks *blocks);
/* Incoming migration: nodes opened from now on start inactive (before the first one is opened). */
void blocks_start_inactive(Blocks *blocks);
/* block_resize: by drive id or node name. */
bool blocks_resize(Blocks *blocks, const char *name, uint64_t bytes, GError **error);

/* ---- what query-block* show ---- */
typedef struct BlockNodeInfo {
    const char *node_name, *driver;
    const char *filename; /* as -drive spelled it, or json:{...}-free description */
    bool read_only, active, direct, no_flush, writeback;
    const char *detect_zeroes; /* "off", "on", "unmap" */
    uint64_t virtual_size;
    uint64_t actual_size; /* bytes allocated on the host */
    const char *child;    /* node name of "file", or NULL */
    const char *backing;  /* file name of the backing image, or NULL */
    unsigned backing_depth;
} BlockNodeInfo;
/* Strings are borrowed until the graph changes. */
void block_node_info(BlockNode *node, BlockNodeInfo *info);
void blocks_foreach_node(Blocks *blocks, void (*fn)(BlockNode *node, void *opaque), void *opaque);

enum {
    BLOCK_STAT_READ,
    BLOCK_STAT_WRITE,
    BLOCK_STAT_FLUSH,
    BLOCK_STAT_UNMAP,
    BLOCK_STAT_COUNT
};
typedef struct BlockStats {
    uint64_t bytes[BLOCK_STAT_COUNT], ops[BLOCK_STAT_COUNT], failed[BLOCK_STAT_COUNT];
    uint64_t invalid[BLOCK_STAT_COUNT], merged[BLOCK_STAT_COUNT];
    uint64_t time_ns[BLOCK_STAT_COUNT];
    int64_t last_access_ns; /* REALTIME clock; 0: never */
    uint64_t highest_write; /* end of the furthest write, bytes */
} BlockStats;
const BlockStats *block_drive_stats(const BlockDrive *drive);
/* A request that the device refused itself. */
void block_drive_account_invalid(BlockDrive *drive, int stat);
void block_drive_account_merged(BlockDrive *drive, int stat, unsigned n);

typedef struct BlockDriveView {
    const char *id;  /* "" for an anonymous one */
    char *qdev;      /* id or path of the device; owned by the view; NULL when none */
    BlockNode *node; /* NULL without medium */
    bool removable, has_tray, locked, tray_open;
    const char *io_status; /* "ok", "failed", "nospace"; NULL when errors do not stop */
    bool writeback;
    BlockOnError on_read_error, on_write_error;
} BlockDriveView;
void block_drive_view(BlockDrive *drive, BlockDriveView *view);
void block_drive_view_clear(BlockDriveView *view);
