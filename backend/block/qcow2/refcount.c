/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which clusters of the file are in use: refcounts of 1 to 64 bits, allocation, and the growth of
 * the refcount table. A cluster that covers its own refcount block is an ordinary case.
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

static uint64_t block_entries(const Qcow2 *q)
{
    return q->cluster_size * 8 >> q->refcount_order;
}

/* ---- one refcount ---- */

static uint64_t get_count(const Qcow2 *q, const Table *t, uint64_t i)
{
    const uint8_t *d = t->data;

    switch (q->refcount_order) {
    case 0: return d[i / 8] >> (i % 8) & 1;
    case 1: return d[i / 4] >> (2 * (i % 4)) & 3;
    case 2: return d[i / 2] >> (4 * (i % 2)) & 15;
    case 3: return d[i];
    case 4: return ld_be16(d + 2 * i);
    case 5: return ld_be32(d + 4 * i);
    default: return ld_be64(d + 8 * i);
    }
}

static void set_count(Qcow2 *q, Table *t, uint64_t i, uint64_t value)
{
    uint8_t *d = t->data;
    unsigned bits = 1u << q->refcount_order;

    if (bits < 8) {
        unsigned per = 8 / bits, shift = bits * (unsigned)(i % per);
        uint8_t mask = (uint8_t)(((1u << bits) - 1) << shift);

        d[i / per] = (uint8_t)((d[i / per] & ~mask) | (value << shift & mask));
    } else if (bits == 8) {
        d[i] = (uint8_t)value;
    } else if (bits == 16) {
        st_be16(d + 2 * i, (uint16_t)value);
    } else if (bits == 32) {
        st_be32(d + 4 * i, (uint32_t)value);
    } else {
        st_be64(d + 8 * i, value);
    }
    qcow2_table_dirty(q, t);
}

static Table *add_block(Qcow2 *q, uint64_t table_index, uint64_t offset)
{
    Table *t = g_new0(Table, 1);

    t->index = table_index;
    t->offset = offset;
    t->data = g_malloc0(q->cluster_size);
    g_hash_table_insert(q->refblocks, &t->index, t);
    return t;
}

/* The block of a refcount table entry; *@out NULL when there is none. */
static int get_block(Qcow2 *q, uint64_t table_index, Table **out)
{
    int ret;

    *out = g_hash_table_lookup(q->refblocks, &table_index);
    if (*out || !q->reftable[table_index]) {
        return 0;
    }
    *out = add_block(q, table_index, q->reftable[table_index]);
    ret = qcow2_file_read(q, (*out)->offset, (*out)->data, q->cluster_size);
    if (ret) {
        g_hash_table_remove(q->refblocks, &table_index);
        *out = NULL;
    }
    return ret;
}

/* ---- blocks and the table ---- */

static void note_meta(Qcow2 *q, uint64_t offset, uint64_t clusters)
{
    for (uint64_t i = 0; i < clusters; i++) {
        uint64_t key = qcow2_cluster(q, offset) + i;

        g_hash_table_add(q->meta, g_memdup2(&key, sizeof(key)));
    }
}

/*
 * A table twice as long, just beyond what the present one covers, with the blocks that count it
 * and themselves. It is complete on disk before the header names it.
 */
static int grow_table(Qcow2 *q)
{
    uint64_t per = block_entries(q), start = q->reftable_entries * per;
    uint64_t entries = q->reftable_entries * 2, clusters = q->reftable_clusters * 2ull;
    uint64_t blocks = 1, old_offset = q->reftable_offset;
    uint64_t old_bytes = q->reftable_clusters * q->cluster_size;
    uint8_t header[12];
    int ret;

    if (clusters * q->cluster_size > 8u << 20 || start > (uint64_t)INT64_MAX >> q->cluster_bits) {
        return -EFBIG;
    }
    while (blocks * per < blocks + clusters) {
        blocks++;
    }
    if (q->reftable_entries + blocks > entries) {
        return -EFBIG;
    }
    q->reftable = g_renew(uint64_t, q->reftable, entries);
    memset(q->reftable + q->reftable_entries, 0, q->reftable_entries * 8);
    for (uint64_t b = 0; b < blocks; b++) {
        uint64_t offset = (start + b) << q->cluster_bits;
        Table *t = add_block(q, q->reftable_entries + b, offset);

        q->reftable[t->index] = offset;
        for (uint64_t i = 0; i < per && b * per + i < blocks + clusters; i++) {
            set_count(q, t, i, 1);
        }
    }
    note_meta(q, start << q->cluster_bits, blocks + clusters);
    q->reftable_entries = entries;
    q->reftable_clusters = (uint32_t)clusters;
    q->reftable_offset = (start + blocks) << q->cluster_bits;
    q->reftable_dirty = true;
    ret = qcow2_flush(q);
    if (ret) {
        return ret;
    }
    st_be64(header, q->reftable_offset);
    st_be32(header + 8, q->reftable_clusters);
    ret = qcow2_header_put(q, 48, header, sizeof(header));
    qcow2_free_later(q, old_offset, old_bytes);
    return ret;
}

/* The block that counts @cluster, made at @cluster itself when there is none: then *@taken. */
static int block_for(Qcow2 *q, uint64_t cluster, Table **out, bool *taken)
{
    uint64_t per = block_entries(q), table_index = cluster / per;
    int ret = 0;

    *taken = false;
    while (!ret && table_index >= q->reftable_entries) {
        ret = grow_table(q);
    }
    if (ret || (ret = get_block(q, table_index, out)) || *out) {
        return ret;
    }
    *out = add_block(q, table_index, cluster << q->cluster_bits);
    set_count(q, *out, cluster % per, 1);
    q->reftable[table_index] = cluster << q->cluster_bits;
    q->reftable_dirty = true;
    note_meta(q, cluster << q->cluster_bits, 1);
    *taken = true;
    return 0;
}

/* ---- allocation ---- */

/* What is in use cannot be known any more. */
static int distrust(Qcow2 *q, const char *what, uint64_t cluster)
{
    q->distrusted = true;
    return qcow2_damaged(q, what, cluster << q->cluster_bits);
}

int qcow2_alloc(Qcow2 *q, uint64_t n, uint64_t *offset)
{
    uint64_t per = block_entries(q), first = q->free_hint, run = 0;
    Table *t;
    bool taken;
    int ret;

    if (q->broken) {
        return -EIO;
    }
    for (uint64_t c = first; run < n; c++) {
        if (c > (uint64_t)(INT64_MAX >> q->cluster_bits)) {
            return -EFBIG;
        }
        ret = block_for(q, c, &t, &taken);
        if (ret) {
            return ret;
        }
        if (taken || get_count(q, t, c % per)) {
            run = 0;
            first = c + 1;
            continue;
        }
        /* Free, but full of metadata: the refcounts are wrong. */
        if (g_hash_table_contains(q->meta, &c)) {
            return distrust(q, "a metadata cluster has no refcount", c);
        }
        run++;
    }
    for (uint64_t c = first; c < first + n; c++) {
        ret = get_block(q, c / per, &t);
        if (ret || !t) {
            return ret ? ret : -EIO;
        }
        set_count(q, t, c % per, 1);
    }
    if (n == 1 || first == q->free_hint) {
        q->free_hint = first + n;
    }
    *offset = first << q->cluster_bits;
    return 0;
}

void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    Freed f = { .cluster = qcow2_cluster(q, offset) };

    f.count = qcow2_cluster(q, offset + bytes - 1) - f.cluster + 1;
    g_array_append_val(q->freed, f);
}

static int drop_reference(Qcow2 *q, uint64_t cluster)
{
    uint64_t per = block_entries(q), count;
    Table *t = NULL;
    int ret;

    if (cluster / per >= q->reftable_entries) {
        return distrust(q, "a cluster beyond the refcount table was in use", cluster);
    }
    ret = get_block(q, cluster / per, &t);
    if (ret) {
        return ret;
    }
    count = t ? get_count(q, t, cluster % per) : 0;
    if (!count) {
        return distrust(q, "a cluster in use had no refcount", cluster);
    }
    set_count(q, t, cluster % per, count - 1);
    if (count == 1) {
        q->free_hint = MIN(q->free_hint, cluster);
        g_hash_table_remove(q->meta, &cluster);
        if (q->node->discard_unmap) {
            block_node_run(q->node->file->node, BLOCK_OP_DISCARD, cluster << q->cluster_bits,
                           q->cluster_size, NULL, 0, 0);
        }
    }
    return 0;
}

int qcow2_free_now(Qcow2 *q)
{
    int ret = 0;

    for (guint i = 0; i < q->freed->len && !ret; i++) {
        Freed f = g_array_index(q->freed, Freed, i);

        for (uint64_t c = 0; c < f.count && !ret; c++) {
            ret = drop_reference(q, f.cluster + c);
        }
    }
    g_array_set_size(q->freed, 0);
    if (ret &&
        q->distrusted) { /* all else was written before: only that clusters are free is lost */
        g_hash_table_remove_all(q->refblocks);
        q->dirty_bytes = 0;
        ret = 0;
    }
    return ret;
}
