/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the block layer: nodes, edges, requests and the driver interface.
 *
 * Invariants:
 *  1. A request counts in node->inflight and blocks->inflight from submit to the call of done().
 *  2. done() runs with the VM lock held, from the completion queue, never from submit.
 *  3. node->perm is the union of its users' perm, node->shared the intersection of their shared.
 *  4. An inactive node holds no lock and completes every request with -EPERM.
 */
#pragma once

#include "backend/block/block.h"
#include "base/util/options.h"

/* What a user of a node does, and what it lets others do. The bit numbers are also the byte
   offsets of the file locks, which other emulators use the same way. */
enum {
    PERM_CONSISTENT_READ = 1 << 0,
    PERM_WRITE = 1 << 1,
    PERM_WRITE_UNCHANGED = 1 << 2,
    PERM_RESIZE = 1 << 3,
    PERM_COUNT = 4,
    PERM_ALL = (1 << PERM_COUNT) - 1,
};

typedef enum BlockOp {
    BLOCK_OP_READ,
    BLOCK_OP_WRITE,
    BLOCK_OP_FLUSH,
    BLOCK_OP_DISCARD,
    BLOCK_OP_ZEROES,
} BlockOp;

typedef enum {
    DETECT_ZEROES_OFF,
    DETECT_ZEROES_ON,
    DETECT_ZEROES_UNMAP
} DetectZeroes;

typedef struct BlockRequest BlockRequest;
struct BlockRequest {
    BlockNode *node;
    BlockOp op;
    uint64_t offset, bytes;
    struct iovec *iov; /* owned copy */
    int niov;
    unsigned flags;
    BlockDone done;
    void *opaque;
    int ret;
    BlockRequest *next; /* in the completion queue */
};

typedef struct BlockDriver {
    const char *name;
    size_t state_size;
    bool protocol; /* reaches the host itself: has no child */
    bool format;   /* has metadata: two writers would destroy the image */
    /* Take the driver's own options out of @r (the common ones are gone already) and open. */
    bool (*open)(BlockNode *node, OptionsReader *r, GError **error);
    void (*close)(BlockNode *node);
    /* Start @req; block_request_complete() ends it, from the main loop or any other thread. */
    void (*submit)(BlockNode *node, BlockRequest *req);
    /* The same, carried out before it returns: any thread, no lock. 0 or -errno. */
    int (*run)(BlockRequest *req);
    /* Read the size again (after activation, after a resize by someone else). */
    bool (*refresh)(BlockNode *node, GError **error);
    bool (*resize)(BlockNode *node, uint64_t bytes, GError **error);
    /* Lock for @perm, @shared: may fail; commit with the same values never does. NULL: no locks. */
    bool (*set_perm)(BlockNode *node, unsigned perm, unsigned shared, GError **error);
    uint64_t (*allocated)(BlockNode *node);
    /* What is damaged, when nothing is written for that reason; NULL: nothing, or the driver knows no damage. */
    const char *(*trouble)(BlockNode *node);
} BlockDriver;

/* From a drive, or from a parent node, down to a node. */
typedef struct BlockEdge {
    BlockNode *node; /* holds a reference */
    BlockNode *parent;
    BlockDrive *drive;
    unsigned perm, shared;
} BlockEdge;

struct BlockNode {
    Blocks *blocks;
    const BlockDriver *driver;
    char *name;
    char *filename; /* what to show; "" when nothing fits */
    void *state;    /* driver->state_size bytes */
    int refs;
    bool monitor_owned;
    BlockEdge *file;    /* owned; the child, NULL for a protocol */
    BlockEdge *backing; /* owned; what shows through where a format has nothing; NULL: none */
    GPtrArray *users;   /* BlockEdge *, borrowed */
    uint64_t length;
    uint32_t alignment;
    unsigned perm, shared;
    unsigned inflight;
    bool read_only, auto_read_only, direct, no_flush, discard_unmap, inactive, force_share;
    bool opened;      /* driver->open() was called */
    bool guessed_raw; /* writes must not make the image look like another format */
    bool dirty;       /* written since the last completed flush */
    DetectZeroes detect_zeroes;
};

struct BlockDrive {
    Blocks *blocks;
    char *id;
    BlockEdge *root; /* owned; NULL without medium */
    BlockDriveInfo info;
    BlockAttach attach; /* valid while attached */
    bool attached, anonymous, legacy, dying;
    bool write_cache;       /* now */
    bool write_cache_given; /* by cache= */
    bool read_only;
    BlockOnError on_read_error, on_write_error;       /* in force */
    BlockOnError drive_read_error, drive_write_error; /* as -drive said */
    bool io_failed, io_nospace;
    unsigned inflight;
    BlockStats stats;
};

struct Blocks {
    Vm *vm;
    FdSets *fdsets;
    GPtrArray *nodes;  /* borrowed, in order of creation */
    GPtrArray *drives; /* owned */
    unsigned inflight;
    unsigned next_node;
    int ide_units;
    bool snapshot;        /* what -drive means without snapshot= */
    unsigned chain_depth; /* while a backing chain is opened */
    bool start_inactive, inactive;
    GThreadPool *pool;
    /* The completion queue: workers append, the main loop or a drain takes. */
    GMutex done_lock;
    GCond done_cond;
    BlockRequest *done_first, **done_last;
    bool done_scheduled;
    GQueue corrupted; /* CorruptedImage: to be told with the next completion; by done_lock */
    bool closing;
    GSource *done_source; /* owned */
    int done_fd;
};

/* ---- node.c ---- */
const BlockDriver *block_driver_find(const char *name);
/* Open from options; one reference for the caller. @name_hint: NULL makes a "#blockN" name. */
BlockNode *block_node_open(Blocks *blocks, GVariant *options, const BlockNode *inherit,
                           GError **error);
BlockNode *block_node_ref(BlockNode *node);
void block_node_unref(BlockNode *node);
BlockEdge *block_edge_new(BlockNode *node, BlockNode *parent, BlockDrive *drive, unsigned perm,
                          unsigned shared, GError **error);
void block_edge_free(BlockEdge *edge);
bool block_edge_set_perm(BlockEdge *edge, unsigned perm, unsigned shared, GError **error);
bool block_node_update_perm(BlockNode *node, GError **error);
/* Tell every user of @node that its length is now @length. */
void block_node_set_length(BlockNode *node, uint64_t length);

/* ---- request.c ---- */
void block_node_submit(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes,
                       const struct iovec *iov, int niov, unsigned flags, BlockDone done,
                       void *opaque);
/* For drivers, in a worker thread: a request to a node below, done when it returns. */
int block_node_run(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes,
                   const struct iovec *iov, int niov, unsigned flags);
/* Ends a request; any thread. */
void block_request_complete(BlockRequest *req, int ret);
/* A driver found @node's image damaged at @offset of its file; @fatal: it is not written any more. The event
   goes out before the request at hand ends. Any thread. */
void blocks_image_corrupted(BlockNode *node, const char *what, uint64_t offset, bool fatal);
/* A BlockDone for those who look at the data only. */
void block_ignore_result(void *opaque, int ret);
/* A completion for a request that no node can take. */
void blocks_fail_later(Blocks *blocks, int ret, BlockDone done, void *opaque);
void blocks_queue_setup(Blocks *blocks);
void blocks_queue_teardown(Blocks *blocks);
/* Run completions until nothing counted by *@inflight is left. */
void blocks_wait(Blocks *blocks, const unsigned *inflight);
/* Hand @req to a thread; @fn ends it. */
void blocks_run_in_thread(Blocks *blocks, BlockRequest *req, int (*fn)(BlockRequest *req));

uint64_t iov_bytes(const struct iovec *iov, int niov);
bool iov_is_zero(const struct iovec *iov, int niov);
void iov_fill_zero_from(const struct iovec *iov, int niov, uint64_t from);

/* ---- drive.c ---- */
void block_drive_notify_resized(BlockDrive *drive);
/* Completes later with @ret; counts as a request of the drive, so that a drain waits for it. */
void block_drive_fail_later(BlockDrive *drive, int ret, BlockDone done, void *opaque);

/* ---- drive-options.c ---- */
/* An image file as -drive opens it, for its caller's use; one reference. @format NULL: guessed. */
BlockNode *block_open_image(Blocks *blocks, const char *filename, const char *format,
                            bool read_only, GError **error);

/* ---- probe.c ---- */
/* The name of the image format that @head (the first bytes) belongs to; "raw" when none. */
const char *block_probe(const uint8_t *head, size_t len);
#define BLOCK_PROBE_BYTES 512

/* ---- drivers ---- */
extern const BlockDriver block_driver_file;
extern const BlockDriver block_driver_host_device;
extern const BlockDriver block_driver_raw;
extern const BlockDriver block_driver_null_co;
extern const BlockDriver block_driver_qcow2;
/* Makes an empty image of @bytes for the guest in a new file. */
bool qcow2_create(int fd, uint64_t bytes, GError **error);
