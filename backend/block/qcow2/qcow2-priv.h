/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the qcow2 driver (the format's published specification, versions 2 and 3).
 *
 * A request runs in a worker thread from start to end. Reads, and writes into clusters that are
 * the image's own, share `lock`; whatever changes metadata holds it alone. Changed tables stay in memory
 * until a flush, which writes them in an order that leaves a sound image wherever it is cut:
 *
 *   data | refcount blocks | sync | refcount table | sync | L2 | sync | L1 | sync | free clusters
 *
 * Invariants:
 *  1. On disk, a cluster that is referenced has a refcount: references are written after it.
 *  2. A cluster is free for use again only when nothing on disk refers to it (`freed`).
 *  3. `meta` holds the index of every cluster with metadata; guest data never goes there.
 *  4. After `broken` is set nothing changes any more; what had been changed before is still written, but
 *     where the refcounts are what is damaged (`distrusted`): then nothing is, but the mark in the header.
 *  5. An image that is marked corrupt is opened read-only; one that another process hands over, broken.
 */
#pragma once
#include "backend/block/block-priv.h"

#define QCOW_MAGIC       0x514649fbu
#define ENTRY_COPIED     (1ull << 63)
#define ENTRY_COMPRESSED (1ull << 62)
#define ENTRY_ZERO       1ull
#define ENTRY_OFFSET     0x00fffffffffffe00ull
#define CACHE_BYTES_MAX  (64u << 20) /* tables in memory before clean ones are dropped */
#define DIRTY_BYTES_MAX  (8u << 20)  /* changed tables before they are written */

/* An L2 table or a refcount block in memory. */
typedef struct {
    uint64_t offset; /* in the file */
    uint64_t index;  /* in the L1 or the refcount table */
    bool dirty;
    uint8_t *data; /* cluster_size bytes, big-endian as on disk */
} Table;

typedef struct {
    uint64_t cluster, count; /* indices of clusters in the file */
} Freed;

typedef struct {
    BlockNode *node;
    unsigned version, cluster_bits, refcount_order;
    uint64_t cluster_size, size;
    uint32_t l1_size;
    uint64_t l1_offset, reftable_offset;
    uint32_t reftable_clusters;
    uint64_t reftable_entries;
    uint64_t autoclear;
    char *backing_name, *backing_format; /* as the image says; NULL: none */
    uint64_t *l1, *reftable;             /* host order */
    bool l1_dirty, reftable_dirty;
    GHashTable *l2s;       /* L1 index -> Table, owned */
    GHashTable *refblocks; /* refcount table index -> Table, owned */
    GMutex cache_lock;     /* l2s, for those that share `lock` */
    GHashTable *meta;      /* indices of metadata clusters */
    GArray *freed;         /* Freed: to be given back once the references are gone from disk */
    uint64_t free_hint;    /* no free cluster below this index */
    uint64_t dirty_bytes;
    gint broken; /* set once, by any thread */
    bool distrusted, marked, taking_over;
    uint64_t incompatible; /* features, as the header has them */
    char *trouble;         /* what made it broken; NULL: it is sound, or could not be loaded */
    GRWLock lock;
} Qcow2;

static inline uint64_t qcow2_cluster(const Qcow2 *q, uint64_t offset)
{
    return offset >> q->cluster_bits;
}
static inline uint64_t qcow2_l2_entries(const Qcow2 *q)
{
    return q->cluster_size / 8;
}

/* ---- header.c ---- */
/* Reads and checks the header and both top tables; what was loaded before is forgotten. */
bool qcow2_load(Qcow2 *q, GError **error);
void qcow2_unload(Qcow2 *q);
/* Clears the bits that a writer who does not know them must clear. 0 or -errno. */
int qcow2_header_claim(Qcow2 *q);
/* Sets the mark that keeps others from writing before a repair. */
void qcow2_header_mark(Qcow2 *q);
int qcow2_header_put(Qcow2 *q, uint64_t at, const void *bytes, size_t len);

/* ---- table.c: the file, tables in memory, flush ---- */
int qcow2_file_read(Qcow2 *q, uint64_t offset, void *buf, size_t len);
int qcow2_file_write(Qcow2 *q, uint64_t offset, const void *buf, size_t len);
int qcow2_file_sync(Qcow2 *q);
/* The L2 table of an L1 index that has one. *@out is borrowed. */
int qcow2_l2_get(Qcow2 *q, uint64_t l1_index, Table **out);
/* The same for writing: made or copied when it is not the image's own. `lock` held alone. */
int qcow2_l2_for_write(Qcow2 *q, uint64_t l1_index, Table **out);
void qcow2_table_dirty(Qcow2 *q, Table *t);
int qcow2_flush(Qcow2 *q); /* `lock` held alone */
/* Drops clean tables when there are many. `lock` held alone. */
void qcow2_trim_cache(Qcow2 *q);
/* Something on disk contradicts itself, at @offset of the file: from here on the image is only read,
   marked as corrupt, and the user told. Any thread. Returns -EIO. */
int qcow2_damaged(Qcow2 *q, const char *what, uint64_t offset);
/* Is there anything that the file does not have? */
bool qcow2_is_dirty(const Qcow2 *q);

/* ---- refcount.c: `lock` held alone ---- */
/* @n clusters in a row, refcount 1 each; *@offset in the file. */
int qcow2_alloc(Qcow2 *q, uint64_t n, uint64_t *offset);
/* Drops one reference each, after the next flush has written what no longer refers to them. */
void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t bytes);
/* Carries out what qcow2_free_later() noted. */
int qcow2_free_now(Qcow2 *q);

/* ---- cluster.c: the guest's side; any of these from a worker thread ---- */
int qcow2_read(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov);
int qcow2_write(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov);
int qcow2_zero(Qcow2 *q, uint64_t offset, uint64_t bytes, bool unmap);
int qcow2_discard(Qcow2 *q, uint64_t offset, uint64_t bytes);
