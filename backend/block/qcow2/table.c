/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file below, tables in memory, and the flush that writes what has changed. The order of the
 * flush is the driver's promise; see qcow2-priv.h.
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

/* ---- the file ---- */

static int file_io(Qcow2 *q, BlockOp op, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len };

    return block_node_run(q->node->file->node, op, offset, len, &iov, len ? 1 : 0, 0);
}

int qcow2_file_read(Qcow2 *q, uint64_t offset, void *buf, size_t len)
{
    return file_io(q, BLOCK_OP_READ, offset, buf, len);
}

int qcow2_file_write(Qcow2 *q, uint64_t offset, const void *buf, size_t len)
{
    if (q->distrusted) {
        return -EIO;
    }
    return file_io(q, BLOCK_OP_WRITE, offset, (void *)buf, len);
}

int qcow2_file_sync(Qcow2 *q)
{
    return file_io(q, BLOCK_OP_FLUSH, 0, NULL, 0);
}

int qcow2_damaged(Qcow2 *q, const char *what, uint64_t offset)
{
    bool fatal = q->marked || (q->node->perm & PERM_WRITE);

    if (!g_atomic_int_compare_and_exchange(&q->broken, 0, 1)) {
        return -EIO;
    }
    q->trouble = g_strdup_printf("%s (0x%" G_GINT64_MODIFIER "x)", what, offset);
    g_message("qcow2 image '%s': %s; it is not written any more", q->node->file->node->filename,
              q->trouble);
    if (fatal && !q->marked) {
        qcow2_header_mark(q);
    }
    blocks_image_corrupted(q->node, q->trouble, offset, fatal);
    return -EIO;
}

bool qcow2_is_dirty(const Qcow2 *q)
{
    return q->dirty_bytes || q->l1_dirty || q->reftable_dirty;
}

/* ---- L2 tables ---- */

static int load(Qcow2 *q, uint64_t l1_index, Table **out)
{
    uint64_t offset = q->l1[l1_index] & ENTRY_OFFSET;
    Table *t = g_new0(Table, 1);
    int ret;

    t->offset = offset;
    t->index = l1_index;
    t->data = g_malloc(q->cluster_size);
    ret = qcow2_file_read(q, offset, t->data, q->cluster_size);
    if (ret) {
        g_free(t->data);
        g_free(t);
        return ret;
    }
    g_hash_table_insert(q->l2s, &t->index, t);
    *out = t;
    return 0;
}

int qcow2_l2_get(Qcow2 *q, uint64_t l1_index, Table **out)
{
    int ret = 0;

    g_mutex_lock(&q->cache_lock);
    *out = g_hash_table_lookup(q->l2s, &l1_index);
    if (!*out) {
        ret = load(q, l1_index, out);
    }
    g_mutex_unlock(&q->cache_lock);
    return ret;
}

void qcow2_table_dirty(Qcow2 *q, Table *t)
{
    if (!t->dirty) {
        t->dirty = true;
        q->dirty_bytes += q->cluster_size;
    }
}

/* A table of its own: empty, or a copy of one that a snapshot shares. */
int qcow2_l2_for_write(Qcow2 *q, uint64_t l1_index, Table **out)
{
    uint64_t entry = q->l1[l1_index], old = entry & ENTRY_OFFSET, offset;
    Table *t = NULL;
    int ret;

    if (old) {
        ret = qcow2_l2_get(q, l1_index, &t);
        if (ret || (entry & ENTRY_COPIED)) {
            *out = t;
            return ret;
        }
    }
    ret = qcow2_alloc(q, 1, &offset);
    if (ret) {
        return ret;
    }
    if (!t) {
        t = g_new0(Table, 1);
        t->index = l1_index;
        t->data = g_malloc0(q->cluster_size);
        g_hash_table_insert(q->l2s, &t->index, t);
    } else {
        g_hash_table_remove(q->meta, &(uint64_t){ qcow2_cluster(q, old) });
        qcow2_free_later(q, old, q->cluster_size);
    }
    t->offset = offset;
    g_hash_table_add(q->meta, g_memdup2(&(uint64_t){ qcow2_cluster(q, offset) }, 8));
    qcow2_table_dirty(q, t);
    q->l1[l1_index] = offset | ENTRY_COPIED;
    q->l1_dirty = true;
    *out = t;
    return 0;
}

/* ---- flush ---- */

static int write_tables(Qcow2 *q, GHashTable *tables, bool *any)
{
    GHashTableIter it;
    gpointer value;

    g_hash_table_iter_init(&it, tables);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        Table *t = value;
        int ret;

        if (!t->dirty) {
            continue;
        }
        ret = qcow2_file_write(q, t->offset, t->data, q->cluster_size);
        if (ret) {
            return ret;
        }
        t->dirty = false;
        q->dirty_bytes -= q->cluster_size;
        *any = true;
    }
    return 0;
}

static int write_top(Qcow2 *q, uint64_t offset, const uint64_t *table, uint64_t entries,
                     bool *dirty)
{
    g_autofree uint64_t *disk = NULL;
    int ret;

    if (!*dirty) {
        return 0;
    }
    disk = g_new(uint64_t, MAX(entries, 1));
    for (uint64_t i = 0; i < entries; i++) {
        st_be64((uint8_t *)&disk[i], table[i]);
    }
    ret = qcow2_file_write(q, offset, disk, entries * 8);
    if (!ret) {
        *dirty = false;
        ret = qcow2_file_sync(q);
    }
    return ret;
}

int qcow2_flush(Qcow2 *q)
{
    bool any = false;
    int ret = write_tables(q, q->refblocks, &any);

    /* Data and refcounts are safe before anything refers to them. */
    if (!ret) {
        ret = qcow2_file_sync(q);
    }
    if (!ret) {
        ret =
            write_top(q, q->reftable_offset, q->reftable, q->reftable_entries, &q->reftable_dirty);
    }
    any = false;
    if (!ret) {
        ret = write_tables(q, q->l2s, &any);
    }
    if (!ret && any) {
        ret = qcow2_file_sync(q);
    }
    if (!ret) {
        ret = write_top(q, q->l1_offset, q->l1, q->l1_size, &q->l1_dirty);
    }
    if (!ret && q->broken) { /* what became free is lost to a repair */
        g_array_set_size(q->freed, 0);
    }
    return ret ? ret : qcow2_free_now(q);
}

static gboolean is_clean(gpointer key, gpointer value, gpointer data)
{
    return !((Table *)value)->dirty;
}

void qcow2_trim_cache(Qcow2 *q)
{
    uint64_t tables = g_hash_table_size(q->l2s) + g_hash_table_size(q->refblocks);

    if (tables << q->cluster_bits > CACHE_BYTES_MAX) {
        g_hash_table_foreach_remove(q->l2s, is_clean, NULL);
        g_hash_table_foreach_remove(q->refblocks, is_clean, NULL);
    }
}
