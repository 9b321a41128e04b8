/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's disk, cluster by cluster: where its bytes are, reading them wherever that is, giving
 * clusters to what is written, and taking them back.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

typedef enum {
    AT_BACKING, /* not in this image */
    AT_ZERO,
    AT_FILE,
    AT_COMPRESSED,
} Place;

typedef struct {
    Place place;
    bool own;        /* AT_FILE, AT_ZERO: the cluster is this image's alone */
    uint64_t offset; /* of the cluster in the file; 0: none (AT_ZERO may have one) */
    uint64_t entry;
} Cluster;

/* ---- looking up ---- */

static int decode(Qcow2 *q, uint64_t entry, Cluster *c)
{
    *c = (Cluster){ .place = AT_BACKING, .entry = entry };
    if (entry & ENTRY_COMPRESSED) {
        c->place = AT_COMPRESSED;
        return 0;
    }
    c->offset = entry & ENTRY_OFFSET;
    c->own = entry & ENTRY_COPIED;
    if (c->offset & (q->cluster_size - 1)) {
        return qcow2_damaged(q, "a data cluster is not aligned", c->offset);
    }
    if (q->version >= 3 && (entry & ENTRY_ZERO)) {
        c->place = AT_ZERO;
    } else if (c->offset) {
        c->place = AT_FILE;
    }
    return 0;
}

static int find(Qcow2 *q, uint64_t offset, Cluster *c)
{
    uint64_t n = qcow2_cluster(q, offset), l1 = n / qcow2_l2_entries(q);
    Table *t;
    int ret;

    if (l1 >= q->l1_size) {
        return -EIO;
    }
    if (!(q->l1[l1] & ENTRY_OFFSET)) {
        *c = (Cluster){ .place = AT_BACKING };
        return 0;
    }
    ret = qcow2_l2_get(q, l1, &t);
    return ret ? ret : decode(q, ld_be64(t->data + 8 * (n % qcow2_l2_entries(q))), c);
}

/* ---- scatter lists ---- */

/* The part of @iov from @skip on, @len bytes long; a new array. */
static struct iovec *slice(const struct iovec *iov, int niov, uint64_t skip, uint64_t len, int *n)
{
    struct iovec *out = g_new(struct iovec, (size_t)MAX(niov, 1));

    *n = 0;
    for (int i = 0; i < niov && len; i++) {
        size_t take;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        take = MIN(len, iov[i].iov_len - skip);
        out[(*n)++] = (struct iovec){ (uint8_t *)iov[i].iov_base + skip, take };
        len -= take;
        skip = 0;
    }
    return out;
}

static void scatter(const struct iovec *iov, int niov, const uint8_t *from)
{
    for (int i = 0; i < niov; i++) {
        memcpy(iov[i].iov_base, from, iov[i].iov_len);
        from += iov[i].iov_len;
    }
}

static void gather(const struct iovec *iov, int niov, uint8_t *to)
{
    for (int i = 0; i < niov; i++) {
        memcpy(to, iov[i].iov_base, iov[i].iov_len);
        to += iov[i].iov_len;
    }
}

/* ---- reading ---- */

static int read_backing(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov,
                        int niov)
{
    BlockNode *backing = q->node->backing ? q->node->backing->node : NULL;
    uint64_t there;
    g_autofree struct iovec *part = NULL;
    int n, ret;

    if (!backing || offset >= backing->length) {
        iov_fill_zero_from(iov, niov, 0);
        return 0;
    }
    there = MIN(bytes, backing->length - offset);
    part = slice(iov, niov, 0, there, &n);
    ret = block_node_run(backing, BLOCK_OP_READ, offset, there, part, n, 0);
    iov_fill_zero_from(iov, niov, there);
    return ret;
}

/* Where the compressed bytes of a cluster lie, in the file. */
static void compressed_extent(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *bytes)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    uint64_t sectors = entry >> shift & ((1ull << (q->cluster_bits - 8)) - 1);

    *offset = entry & ((1ull << shift) - 1);
    *bytes = (sectors + 1) * 512 - (*offset & 511);
}

static int read_compressed(Qcow2 *q, uint64_t entry, uint8_t *out)
{
    uint64_t offset, bytes;
    g_autofree uint8_t *in = NULL;
    z_stream z = { 0 };
    int ret;

    compressed_extent(q, entry, &offset, &bytes);
    in = g_malloc(bytes);
    ret = qcow2_file_read(q, offset, in, bytes);
    if (ret) {
        return ret;
    }
    z.next_in = in;
    z.avail_in = (uInt)bytes;
    z.next_out = out;
    z.avail_out = (uInt)q->cluster_size;
    if (inflateInit2(&z, -12) != Z_OK) {
        return -ENOMEM;
    }
    ret = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (ret == Z_STREAM_END || ret == Z_BUF_ERROR) && !z.avail_out ? 0 : -EIO;
}

static int read_cluster(Qcow2 *q, const Cluster *c, uint64_t offset, uint64_t bytes,
                        const struct iovec *iov, int niov)
{
    uint64_t in = offset & (q->cluster_size - 1);
    g_autofree uint8_t *whole = NULL;
    int ret;

    switch (c->place) {
    case AT_BACKING: return read_backing(q, offset, bytes, iov, niov);
    case AT_ZERO: iov_fill_zero_from(iov, niov, 0); return 0;
    case AT_FILE:
        return block_node_run(q->node->file->node, BLOCK_OP_READ, c->offset + in, bytes, iov, niov,
                              0);
    case AT_COMPRESSED: break;
    }
    whole = g_malloc(q->cluster_size);
    ret = read_compressed(q, c->entry, whole);
    if (!ret) {
        scatter(iov, niov, whole + in);
    }
    return ret;
}

/* Whether @next continues @c, @distance bytes further on. */
static bool continues(const Cluster *c, const Cluster *next, uint64_t distance)
{
    return c->place == next->place && c->place != AT_COMPRESSED &&
           (c->place != AT_FILE || next->offset == c->offset + distance);
}

/* How many of @bytes from @offset on lie as the first cluster does. */
static int run_length(Qcow2 *q, uint64_t offset, uint64_t bytes, const Cluster *c, uint64_t *len)
{
    uint64_t base = offset & ~(q->cluster_size - 1), n = q->cluster_size;

    while (base + n < offset + bytes) {
        Cluster next;
        int ret = find(q, base + n, &next);

        if (ret) {
            return ret;
        }
        if (!continues(c, &next, n)) {
            break;
        }
        n += q->cluster_size;
    }
    *len = MIN(bytes, base + n - offset);
    return 0;
}

int qcow2_read(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov)
{
    uint64_t done = 0;
    int ret = 0;

    while (done < bytes && !ret) {
        g_autofree struct iovec *part = NULL;
        uint64_t len = 0;
        Cluster c;
        int n;

        ret = find(q, offset + done, &c);
        if (!ret) {
            ret = run_length(q, offset + done, bytes - done, &c, &len);
        }
        if (!ret) {
            part = slice(iov, niov, done, len, &n);
            ret = read_cluster(q, &c, offset + done, len, part, n);
        }
        done += len;
    }
    return ret;
}

/* ---- giving back ---- */

static void release(Qcow2 *q, const Cluster *c)
{
    uint64_t offset, bytes;

    if (c->place == AT_COMPRESSED) {
        compressed_extent(q, c->entry, &offset, &bytes);
        qcow2_free_later(q, offset, bytes);
    } else if (c->offset) {
        qcow2_free_later(q, c->offset, q->cluster_size);
    }
}

static int set_entry(Qcow2 *q, uint64_t offset, uint64_t entry)
{
    uint64_t n = qcow2_cluster(q, offset);
    Table *t;
    int ret = qcow2_l2_for_write(q, n / qcow2_l2_entries(q), &t);

    if (!ret) {
        st_be64(t->data + 8 * (n % qcow2_l2_entries(q)), entry);
        qcow2_table_dirty(q, t);
    }
    return ret;
}

/* ---- writing ---- */

static int check_target(Qcow2 *q, uint64_t offset)
{
    uint64_t cluster = qcow2_cluster(q, offset);

    return g_hash_table_contains(q->meta, &cluster)
               ? qcow2_damaged(q, "a data cluster lies in metadata", offset)
               : 0;
}

/* The image's own, and not marked as zeroes: written where it is. */
static bool in_place(const Cluster *c)
{
    return c->place == AT_FILE && c->own;
}

/* Every cluster of the range can be written in place. `lock` is shared. */
static int write_in_place(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov,
                          int niov, bool *possible)
{
    uint64_t done = 0, end = offset + bytes;
    int ret = 0;

    *possible = true;
    for (uint64_t at = offset & ~(q->cluster_size - 1); at < end; at += q->cluster_size) {
        Cluster c;

        ret = find(q, at, &c);
        if (ret || !in_place(&c)) {
            *possible = ret != 0;
            return ret;
        }
        ret = check_target(q, c.offset);
        if (ret) {
            return ret;
        }
    }
    while (done < bytes && !ret) {
        g_autofree struct iovec *part = NULL;
        uint64_t len = 0, at = offset + done;
        Cluster c;
        int n;

        ret = find(q, at, &c);
        ret = ret ? ret : run_length(q, at, bytes - done, &c, &len);
        if (!ret) {
            part = slice(iov, niov, done, len, &n);
            ret = q->broken
                      ? -EIO
                      : block_node_run(q->node->file->node, BLOCK_OP_WRITE,
                                       c.offset + (at & (q->cluster_size - 1)), len, part, n, 0);
        }
        done += len;
    }
    return ret;
}

/* One cluster, with what it held around the new bytes. `lock` is held alone. */
static int write_cluster(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov,
                         int niov)
{
    uint64_t base = offset & ~(q->cluster_size - 1), target;
    g_autofree uint8_t *whole = g_malloc(q->cluster_size);
    struct iovec all = { .iov_base = whole, .iov_len = q->cluster_size };
    bool reuse;
    Cluster c;
    int ret = find(q, base, &c);

    if (ret) {
        return ret;
    }
    if (in_place(&c)) {
        ret = check_target(q, c.offset);
        gather(iov, niov, whole);
        return ret ? ret : qcow2_file_write(q, c.offset + offset - base, whole, bytes);
    }
    if (bytes < q->cluster_size) {
        ret = read_cluster(q, &c, base, q->cluster_size, &all, 1);
    }
    if (ret) {
        return ret;
    }
    gather(iov, niov, whole + (offset - base));
    reuse = c.place == AT_ZERO && c.offset && c.own;
    target = c.offset;
    ret = reuse ? check_target(q, target) : qcow2_alloc(q, 1, &target);
    if (!ret) {
        ret = qcow2_file_write(q, target, whole, q->cluster_size);
    }
    if (!ret) {
        ret = set_entry(q, base, target | ENTRY_COPIED);
    }
    if (!ret && !reuse) {
        release(q, &c);
    }
    return ret;
}

static int keep_small(Qcow2 *q)
{
    int ret = q->dirty_bytes > DIRTY_BYTES_MAX ? qcow2_flush(q) : 0;

    qcow2_trim_cache(q);
    return ret;
}

int qcow2_write(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov)
{
    uint64_t done = 0;
    bool possible;
    int ret;

    g_rw_lock_reader_lock(&q->lock);
    ret = write_in_place(q, offset, bytes, iov, niov, &possible);
    g_rw_lock_reader_unlock(&q->lock);
    if (ret || possible) {
        return ret;
    }
    g_rw_lock_writer_lock(&q->lock);
    ret = qcow2_header_claim(q);
    while (done < bytes && !ret) {
        uint64_t at = offset + done;
        uint64_t len = MIN(bytes - done, q->cluster_size - (at & (q->cluster_size - 1)));
        int n;
        g_autofree struct iovec *part = slice(iov, niov, done, len, &n);

        ret = write_cluster(q, at, len, part, n);
        done += len;
    }
    if (!ret) {
        ret = keep_small(q);
    }
    g_rw_lock_writer_unlock(&q->lock);
    return ret;
}

/* ---- zeroes and discard ---- */

/* A whole cluster reads as zero from here on. */
static int zero_cluster(Qcow2 *q, uint64_t base, bool unmap)
{
    Cluster c;
    int ret = find(q, base, &c);
    bool keep;

    if (ret || c.place == AT_ZERO || (c.place == AT_BACKING && !q->node->backing)) {
        return ret;
    }
    if (q->version < 3 && q->node->backing) {
        return -ENOTSUP; /* "not here" would show the backing file */
    }
    keep = q->version >= 3 && c.place == AT_FILE && c.own && !unmap;
    ret = set_entry(q, base,
                    keep              ? c.offset | ENTRY_COPIED | ENTRY_ZERO
                    : q->version >= 3 ? ENTRY_ZERO
                                      : 0);
    if (!ret && !keep) {
        release(q, &c);
    }
    return ret;
}

static int write_zero_bytes(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    g_autofree uint8_t *zero = g_malloc0(bytes);
    struct iovec iov = { .iov_base = zero, .iov_len = bytes };
    Cluster c;
    int ret = find(q, offset, &c);

    if (ret || c.place == AT_ZERO || (c.place == AT_BACKING && !q->node->backing)) {
        return ret;
    }
    return write_cluster(q, offset, bytes, &iov, 1);
}

int qcow2_zero(Qcow2 *q, uint64_t offset, uint64_t bytes, bool unmap)
{
    uint64_t end = offset + bytes;
    int ret;

    g_rw_lock_writer_lock(&q->lock);
    ret = qcow2_header_claim(q);
    while (offset < end && !ret) {
        uint64_t in = offset & (q->cluster_size - 1);
        uint64_t len = MIN(end - offset, q->cluster_size - in);

        /* The disk's last cluster is whole when the disk ends in it. */
        if (!in && (len == q->cluster_size || offset + len == q->size)) {
            ret = zero_cluster(q, offset, unmap);
            ret = ret == -ENOTSUP ? write_zero_bytes(q, offset, len) : ret;
        } else {
            ret = write_zero_bytes(q, offset, len);
        }
        offset += len;
    }
    if (!ret) {
        ret = keep_small(q);
    }
    g_rw_lock_writer_unlock(&q->lock);
    return ret;
}

int qcow2_discard(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    uint64_t mask = q->cluster_size - 1, end = offset + bytes;
    uint64_t last = end == q->size ? end : end & ~mask;
    int ret;

    g_rw_lock_writer_lock(&q->lock);
    ret = qcow2_header_claim(q);
    for (uint64_t at = (offset + mask) & ~mask; at < last && !ret; at += q->cluster_size) {
        ret = zero_cluster(q, at, true);
        ret = ret == -ENOTSUP ? 0 : ret; /* a hint: what cannot be given back stays */
    }
    if (!ret) {
        ret = keep_small(q);
    }
    g_rw_lock_writer_unlock(&q->lock);
    return ret;
}
