/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a qcow2 image: every number is checked before it is used, and an image with a
 * feature that is not known here is refused with the feature's name.
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

#define V2_HEADER_BYTES  72
#define V3_HEADER_BYTES  104
#define HEADER_BYTES_MAX 112
#define L1_BYTES_MAX     (32u << 20)
#define REFTABLE_MAX     (8u << 20)
#define BACKING_NAME_MAX 1023

enum { /* incompatible features */
    FEATURE_DIRTY = 1 << 0,
    FEATURE_CORRUPT = 1 << 1,
    FEATURE_DATA_FILE = 1 << 2,
    FEATURE_COMPRESSION = 1 << 3,
    FEATURE_EXTENDED_L2 = 1 << 4,
};
enum {
    EXT_END = 0,
    EXT_BACKING_FORMAT = 0xe2792aca,
};

static bool bad(const Qcow2 *q, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool bad(const Qcow2 *q, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_OPEN, "qcow2 image '%s': %s",
                q->node->file->node->filename, text);
    return false;
}

static bool unsupported(const Qcow2 *q, GError **error, const char *what)
{
    g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                "qcow2 image '%s' uses %s, which is not supported", q->node->file->node->filename,
                what);
    return false;
}

static bool check_features(Qcow2 *q, const uint8_t *h, uint32_t header_bytes, GError **error)
{
    uint64_t incompatible = ld_be64(h + 72);

    q->autoclear = ld_be64(h + 88);
    q->refcount_order = ld_be32(h + 96);
    if (incompatible & FEATURE_DATA_FILE) {
        return unsupported(q, error, "an external data file");
    }
    if (incompatible & FEATURE_EXTENDED_L2) {
        return unsupported(q, error, "extended L2 entries");
    }
    if ((incompatible & FEATURE_COMPRESSION) && header_bytes > 104 && h[104]) {
        return unsupported(q, error, h[104] == 1 ? "zstd compression" : "an unknown compression");
    }
    if (incompatible & ~(uint64_t)31) {
        return bad(q, error, "unknown incompatible features 0x%" G_GINT64_MODIFIER "x",
                   incompatible & ~(uint64_t)31);
    }
    q->incompatible = incompatible;
    q->marked = incompatible & FEATURE_CORRUPT;
    if ((incompatible & (FEATURE_DIRTY | FEATURE_CORRUPT)) && !q->node->read_only &&
        !((q->node->inactive || q->taking_over) && !(incompatible & FEATURE_DIRTY))) {
        return bad(q, error,
                   incompatible & FEATURE_CORRUPT
                       ? "marked corrupt, it can be opened read-only; repair it first"
                       : "its refcounts are stale (lazy refcounts, not closed), it can be opened "
                         "read-only; repair it first");
    }
    if (q->refcount_order > 6) {
        return bad(q, error, "refcount width 2^%u bits (limit 64)", q->refcount_order);
    }
    return true;
}

/* The header's fixed part. */
static bool parse(Qcow2 *q, const uint8_t *h, uint32_t *header_bytes, GError **error)
{
    if (ld_be32(h) != QCOW_MAGIC) {
        return bad(q, error, "not in qcow2 format");
    }
    q->version = ld_be32(h + 4);
    if (q->version < 2 || q->version > 3) {
        return bad(q, error, "version %u (2 and 3 are known)", q->version);
    }
    q->cluster_bits = ld_be32(h + 20);
    if (q->cluster_bits < 9 || q->cluster_bits > 21) {
        return bad(q, error, "cluster size 2^%u (2^9 to 2^21 are possible)", q->cluster_bits);
    }
    q->cluster_size = 1ull << q->cluster_bits;
    q->size = ld_be64(h + 24);
    if (q->size > INT64_MAX - (1ull << 22)) {
        return bad(q, error, "virtual size %" G_GUINT64_FORMAT " is too large", q->size);
    }
    if (ld_be32(h + 32)) {
        return unsupported(q, error, "encryption");
    }
    q->l1_size = ld_be32(h + 36);
    q->l1_offset = ld_be64(h + 40);
    q->reftable_offset = ld_be64(h + 48);
    q->reftable_clusters = ld_be32(h + 56);
    q->refcount_order = 4;
    q->autoclear = 0;
    *header_bytes = V2_HEADER_BYTES;
    if (q->version == 2) {
        return true;
    }
    *header_bytes = ld_be32(h + 100);
    if (*header_bytes < V3_HEADER_BYTES || *header_bytes > q->cluster_size) {
        return bad(q, error, "header of %u bytes (%d to the cluster size are possible)",
                   *header_bytes, V3_HEADER_BYTES);
    }
    return check_features(q, h, *header_bytes, error);
}

static bool check_place(const Qcow2 *q, uint64_t offset, uint64_t bytes, const char *what,
                        GError **error)
{
    if (offset & (q->cluster_size - 1)) {
        return bad(q, error, "%s at 0x%" G_GINT64_MODIFIER "x, which is not cluster aligned", what,
                   offset);
    }
    if (!offset || offset > (uint64_t)INT64_MAX - bytes ||
        offset + bytes >
            ((q->node->file->node->length + q->cluster_size - 1) & ~(q->cluster_size - 1))) {
        return bad(q, error,
                   "%s at 0x%" G_GINT64_MODIFIER "x, %" G_GUINT64_FORMAT
                   " bytes long, lies outside the file",
                   what, offset, bytes);
    }
    return true;
}

static bool check_tables(Qcow2 *q, GError **error)
{
    unsigned shift = 2 * q->cluster_bits - 3; /* bytes of guest disk that an L1 entry stands for */
    uint64_t needed = (q->size >> shift) + ((q->size & ((1ull << shift) - 1)) != 0);

    if (q->l1_size < needed || (uint64_t)q->l1_size * 8 > L1_BYTES_MAX) {
        return bad(q, error, "L1 table of %u entries (%" G_GUINT64_FORMAT " needed, %u possible)",
                   q->l1_size, needed, L1_BYTES_MAX / 8);
    }
    if (q->l1_size && !check_place(q, q->l1_offset, q->l1_size * 8ull, "L1 table", error)) {
        return false;
    }
    if (!q->reftable_clusters || q->reftable_clusters * q->cluster_size > REFTABLE_MAX) {
        return bad(q, error, "refcount table of %u clusters (1 to %" G_GUINT64_FORMAT " possible)",
                   q->reftable_clusters, REFTABLE_MAX / q->cluster_size);
    }
    q->reftable_entries = q->reftable_clusters * q->cluster_size / 8;
    return check_place(q, q->reftable_offset, q->reftable_clusters * q->cluster_size,
                       "refcount table", error);
}

/* Extensions: type, length, data padded to 8 bytes. */
static bool read_extensions(Qcow2 *q, const uint8_t *first, uint64_t at, uint64_t end,
                            GError **error)
{
    while (at + 8 <= end) {
        uint32_t type = ld_be32(first + at), len = ld_be32(first + at + 4);

        at += 8;
        if (type == EXT_END) {
            return true;
        }
        if (len > end - at) {
            return bad(q, error, "header extension 0x%08x of %u bytes ends beyond the header", type,
                       len);
        }
        if (type == EXT_BACKING_FORMAT && len && len < 64) {
            g_free(q->backing_format);
            q->backing_format = g_strndup((const char *)first + at, len);
        }
        at += (len + 7ull) & ~7ull;
    }
    return true;
}

static bool read_first_cluster(Qcow2 *q, uint32_t header_bytes, const uint8_t *head, GError **error)
{
    uint64_t name_at = ld_be64(head + 8), end = q->cluster_size;
    uint32_t name_len = ld_be32(head + 16);
    g_autofree uint8_t *first = g_malloc0(q->cluster_size);
    int ret = qcow2_file_read(q, 0, first, q->cluster_size);

    if (ret) {
        return bad(q, error, "cannot read the header: %s", g_strerror(-ret));
    }
    if (name_at) {
        if (name_len > BACKING_NAME_MAX || name_at > q->cluster_size ||
            name_len > q->cluster_size - name_at) {
            return bad(q, error,
                       "backing file name of %u bytes at %" G_GUINT64_FORMAT
                       " (limit %d bytes, within the first cluster)",
                       name_len, name_at, BACKING_NAME_MAX);
        }
        q->backing_name = g_strndup((const char *)first + name_at, name_len);
        end = name_at;
    }
    return read_extensions(q, first, header_bytes, end, error);
}

static uint64_t *read_top_table(Qcow2 *q, uint64_t offset, uint64_t entries, GError **error)
{
    uint64_t *table = g_new0(uint64_t, MAX(entries, 1));
    int ret = entries ? qcow2_file_read(q, offset, table, entries * 8) : 0;

    if (ret) {
        bad(q, error, "cannot read its tables: %s", g_strerror(-ret));
        g_free(table);
        return NULL;
    }
    for (uint64_t i = 0; i < entries; i++) {
        table[i] = ld_be64((uint8_t *)&table[i]);
    }
    return table;
}

/* Notes clusters as metadata; false when one was noted before. */
static bool note_meta(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    bool ok = true;

    for (uint64_t at = offset; at < offset + bytes; at += q->cluster_size) {
        uint64_t *key = g_memdup2(&(uint64_t){ qcow2_cluster(q, at) }, sizeof(uint64_t));

        ok = g_hash_table_add(q->meta, key) && ok;
    }
    return ok;
}

static bool map_metadata(Qcow2 *q, GError **error)
{
    bool ok = note_meta(q, 0, 1);

    ok = note_meta(q, q->l1_offset, q->l1_size * 8ull) && ok;
    ok = note_meta(q, q->reftable_offset, q->reftable_clusters * q->cluster_size) && ok;
    for (uint64_t i = 0; i < q->reftable_entries; i++) {
        if (q->reftable[i] & (q->cluster_size - 1)) {
            return bad(q, error, "refcount block at 0x%" G_GINT64_MODIFIER "x is not aligned",
                       q->reftable[i]);
        }
        ok = (!q->reftable[i] || note_meta(q, q->reftable[i], 1)) && ok;
    }
    for (uint32_t i = 0; i < q->l1_size; i++) {
        uint64_t offset = q->l1[i] & ENTRY_OFFSET;

        if (offset & (q->cluster_size - 1)) {
            return bad(q, error, "L2 table at 0x%" G_GINT64_MODIFIER "x is not aligned", offset);
        }
        ok = (!offset || note_meta(q, offset, 1)) && ok;
    }
    if (!ok && !q->node->read_only) {
        return bad(q, error, "metadata overlaps, it can be opened read-only; repair it first");
    }
    return true;
}

void qcow2_unload(Qcow2 *q)
{
    g_clear_pointer(&q->l2s, g_hash_table_unref);
    g_clear_pointer(&q->refblocks, g_hash_table_unref);
    g_clear_pointer(&q->meta, g_hash_table_unref);
    g_clear_pointer(&q->freed, g_array_unref);
    g_clear_pointer(&q->l1, g_free);
    g_clear_pointer(&q->reftable, g_free);
    g_clear_pointer(&q->backing_name, g_free);
    g_clear_pointer(&q->backing_format, g_free);
    q->l1_dirty = q->reftable_dirty = false;
    q->dirty_bytes = q->free_hint = 0;
}

static void table_free(gpointer p)
{
    g_free(((Table *)p)->data);
    g_free(p);
}

bool qcow2_load(Qcow2 *q, GError **error)
{
    BlockNode *below = q->node->file->node;
    uint8_t head[HEADER_BYTES_MAX] = { 0 };
    uint32_t header_bytes = 0;
    int ret;

    qcow2_unload(q);
    if (below->driver->refresh && !below->driver->refresh(below, error)) {
        return false; /* requests have let it grow behind its node's back */
    }
    q->l2s = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, table_free);
    q->refblocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, table_free);
    q->meta = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    q->freed = g_array_new(FALSE, FALSE, sizeof(Freed));
    ret = qcow2_file_read(q, 0, head, sizeof(head));
    if (ret) {
        return bad(q, error, "cannot read the header: %s", g_strerror(-ret));
    }
    if (!parse(q, head, &header_bytes, error) || !check_tables(q, error) ||
        !read_first_cluster(q, header_bytes, head, error)) {
        return false;
    }
    q->l1 = read_top_table(q, q->l1_offset, q->l1_size, error);
    q->reftable = q->l1 ? read_top_table(q, q->reftable_offset, q->reftable_entries, error) : NULL;
    return q->reftable && map_metadata(q, error);
}

/* Version 2 has no such mark. */
void qcow2_header_mark(Qcow2 *q)
{
    uint8_t bits[8];
    struct iovec iov = { .iov_base = bits, .iov_len = sizeof(bits) };

    if (q->version < 3) {
        return;
    }
    st_be64(bits, q->incompatible | FEATURE_CORRUPT);
    if (!block_node_run(q->node->file->node, BLOCK_OP_WRITE, 72, sizeof(bits), &iov, 1, 0)) {
        qcow2_file_sync(q);
        q->marked = true;
    }
}

int qcow2_header_put(Qcow2 *q, uint64_t at, const void *bytes, size_t len)
{
    int ret = qcow2_file_write(q, at, bytes, len);

    return ret ? ret : qcow2_file_sync(q);
}

int qcow2_header_claim(Qcow2 *q)
{
    uint8_t none[8] = { 0 };

    if (!q->autoclear) {
        return 0;
    }
    q->autoclear = 0;
    return qcow2_header_put(q, 88, none, sizeof(none));
}
