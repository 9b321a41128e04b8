/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "qcow2" driver: options, the backing file, requests, resize, hand-over. Every request runs in
 * a worker thread; cluster.c does the work.
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

#define CHAIN_MAX 64

/* ---- requests ---- */

/* Once nothing may be written, all is well only if nothing has to be. */
static int flush_once(Qcow2 *q)
{
    if (!q->distrusted) {
        return qcow2_flush(q);
    }
    g_array_set_size(q->freed, 0);
    return qcow2_is_dirty(q) ? -EIO : qcow2_file_sync(q);
}

static int flush(Qcow2 *q)
{
    int ret;

    g_rw_lock_writer_lock(&q->lock);
    do { /* again for the refcounts of what became free by it */
        ret = flush_once(q);
    } while (!ret && (q->dirty_bytes || q->freed->len));
    g_rw_lock_writer_unlock(&q->lock);
    return ret;
}

static int modify(Qcow2 *q, BlockRequest *req)
{
    switch (req->op) {
    case BLOCK_OP_WRITE: return qcow2_write(q, req->offset, req->bytes, req->iov, req->niov);
    case BLOCK_OP_ZEROES:
        return qcow2_zero(q, req->offset, req->bytes,
                          (req->flags & BLOCK_REQ_MAY_UNMAP) && q->node->discard_unmap);
    default: return q->node->discard_unmap ? qcow2_discard(q, req->offset, req->bytes) : 0;
    }
}

/* Readers add tables and cannot drop any; now and then one of them does it alone. */
static void drop_tables(Qcow2 *q)
{
    bool many;

    g_mutex_lock(&q->cache_lock);
    many = (uint64_t)g_hash_table_size(q->l2s) << q->cluster_bits > CACHE_BYTES_MAX;
    g_mutex_unlock(&q->cache_lock);
    if (many && g_rw_lock_writer_trylock(&q->lock)) {
        qcow2_trim_cache(q);
        g_rw_lock_writer_unlock(&q->lock);
    }
}

static int qcow2_run(BlockRequest *req)
{
    Qcow2 *q = req->node->state;
    int ret;

    if (req->op == BLOCK_OP_READ) {
        g_rw_lock_reader_lock(&q->lock);
        ret = qcow2_read(q, req->offset, req->bytes, req->iov, req->niov);
        g_rw_lock_reader_unlock(&q->lock);
        drop_tables(q);
        return ret;
    }
    if (req->op == BLOCK_OP_FLUSH) {
        return req->node->read_only ? 0 : flush(q);
    }
    if (q->broken) {
        return -EIO;
    }
    ret = modify(q, req);
    if (!ret && (req->flags & BLOCK_REQ_FUA)) {
        ret = flush(q);
    }
    return ret;
}

static void qcow2_submit(BlockNode *node, BlockRequest *req)
{
    blocks_run_in_thread(node->blocks, req, qcow2_run);
}

/* ---- the backing file ---- */

/* "json:{}" and the like are refused, a relative name is relative to the image. */
static char *backing_path(BlockNode *node, const char *name, GError **error)
{
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');
    g_autofree char *dir = NULL;

    if (g_str_has_prefix(name, "file:")) {
        name += 5;
    } else if (colon && (!slash || colon < slash)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "backing file '%s': unknown protocol '%.*s'", name, (int)(colon - name), name);
        return NULL;
    }
    if (g_path_is_absolute(name)) {
        return g_strdup(name);
    }
    dir = g_path_get_dirname(node->file->node->filename);
    return g_build_filename(dir, name, NULL);
}

static const char *probe_file(BlockNode *file)
{
    uint8_t head[BLOCK_PROBE_BYTES] = { 0 };
    struct iovec iov = { head, sizeof(head) };

    return block_node_run(file, BLOCK_OP_READ, 0, sizeof(head), &iov, 1, 0)
               ? "raw"
               : block_probe(head, sizeof(head));
}

static BlockNode *open_options(BlockNode *node, const char *driver, GVariant *file, GError **error)
{
    g_autoptr(GVariant) held = NULL;
    GVariantDict d;

    g_variant_dict_init(&d, NULL);
    g_variant_dict_insert(&d, "driver", "s", driver);
    g_variant_dict_insert(&d, "read-only", "b", TRUE);
    g_variant_dict_insert_value(&d, "cache",
                                g_variant_new_parsed("{'direct': <%b>, 'no-flush': <%b>}",
                                                     (gboolean)node->direct,
                                                     (gboolean)node->no_flush));
    g_variant_dict_insert(&d, "force-share", "b", (gboolean)node->force_share);
    g_variant_dict_insert_value(&d, "file", file);
    held = g_variant_ref_sink(g_variant_dict_end(&d));
    return block_node_open(node->blocks, held, NULL, error);
}

static GVariant *file_options(const char *path)
{
    GVariantDict d;

    g_variant_dict_init(&d, NULL);
    g_variant_dict_insert(&d, "driver", "s", "file");
    g_variant_dict_insert(&d, "filename", "s", path);
    g_variant_dict_insert(&d, "read-only", "b", TRUE);
    return g_variant_dict_end(&d);
}

static BlockNode *open_named(BlockNode *node, Qcow2 *q, GError **error)
{
    g_autofree char *path = backing_path(node, q->backing_name, error);
    const char *format = q->backing_format;
    BlockNode *found;

    if (!path) {
        return NULL;
    }
    if (!format) { /* older images do not say: look, read-only */
        BlockNode *raw = open_options(node, "raw", file_options(path), error);

        if (!raw) {
            return NULL;
        }
        format = probe_file(raw->file->node);
        if (!strcmp(format, "raw")) {
            return raw;
        }
        block_node_unref(raw);
    }
    found = open_options(node, format, file_options(path), error);
    if (!found) {
        g_prefix_error(error, "could not open backing file '%s': ", path);
    }
    return found;
}

/* The "backing" option: a node's name, options of a new node, or null for none. */
static BlockNode *open_given(BlockNode *node, GVariant *value, GError **error)
{
    BlockNode *found;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        found = blocks_find_node(node->blocks, g_variant_get_string(value, NULL));
        if (!found) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND,
                        "cannot find node '%s' (backing)", g_variant_get_string(value, NULL));
            return NULL;
        }
        return block_node_ref(found);
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "'backing' expects a node name or an object");
        return NULL;
    }
    return block_node_open(node->blocks, value, NULL, error);
}

static bool open_backing(BlockNode *node, OptionsReader *r, GError **error)
{
    Qcow2 *q = node->state;
    g_autoptr(GVariant) value = options_reader_value(r, "backing");
    BlockNode *backing = NULL;
    bool none = value && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
                !*g_variant_get_string(value, NULL);

    if (none || (!value && !q->backing_name)) {
        return true;
    }
    if (node->blocks->chain_depth >= CHAIN_MAX) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "the chain of backing files is longer than %d images, or a loop", CHAIN_MAX);
        return false;
    }
    node->blocks->chain_depth++;
    backing = value ? open_given(node, value, error) : open_named(node, q, error);
    node->blocks->chain_depth--;
    if (!backing) {
        return false;
    }
    node->backing = block_edge_new(backing, node, NULL, 0, PERM_ALL, error);
    block_node_unref(backing);
    return node->backing != NULL;
}

/* ---- life ---- */

/* Sizes of caches and the like, which tune what here needs no tuning. */
static void take_tuning(OptionsReader *r)
{
    static const char *const sizes[] = { "cache-size", "l2-cache-size", "l2-cache-entry-size",
                                         "refcount-cache-size" };
    static const char *const bools[] = { "lazy-refcounts", "pass-discard-request",
                                         "pass-discard-snapshot", "pass-discard-other",
                                         "discard-no-unref" };
    g_autofree char *overlap = options_reader_str(r, "overlap-check");

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        options_reader_size(r, sizes[i], 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bools); i++) {
        options_reader_bool(r, bools[i], false);
    }
    options_reader_uint(r, "cache-clean-interval", 0, UINT32_MAX, 0);
    if (options_reader_has(r, "data-file")) {
        options_reader_fail(r, "data-file", "is not supported by this build");
    }
    if (options_reader_has(r, "encrypt")) {
        options_reader_fail(r, "encrypt", "is not supported by this build");
    }
}

static void settle(BlockNode *node)
{
    Qcow2 *q = node->state;

    node->length = q->size;
    node->alignment = 512;
}

static bool qcow2_open(BlockNode *node, OptionsReader *r, GError **error)
{
    Qcow2 *q = node->state;

    q->node = node;
    g_rw_lock_init(&q->lock);
    g_mutex_init(&q->cache_lock);
    take_tuning(r);
    if (r->error) {
        return options_reader_finish(r, error);
    }
    g_free(node->filename);
    node->filename = g_strdup(node->file->node->filename);
    if (!qcow2_load(q, error) || !open_backing(node, r, error)) {
        return false;
    }
    settle(node);
    return true;
}

static void qcow2_close(BlockNode *node)
{
    Qcow2 *q = node->state;

    if (!q->node) {
        return;
    }
    if (q->freed && !node->read_only && !node->inactive && !q->distrusted &&
        (qcow2_is_dirty(q) || q->freed->len)) {
        int ret = flush(q);

        if (ret) {
            g_message("closing '%s': %s", node->filename, g_strerror(-ret));
        }
    }
    qcow2_unload(q);
    g_clear_pointer(&q->trouble, g_free);
    g_rw_lock_clear(&q->lock);
    g_mutex_clear(&q->cache_lock);
}

static const char *qcow2_trouble(BlockNode *node)
{
    return ((Qcow2 *)node->state)->trouble;
}

/* After another process had the image everything is read anew. */
static bool qcow2_refresh(BlockNode *node, GError **error)
{
    Qcow2 *q = node->state;

    bool good;

    if (qcow2_is_dirty(q) || (q->freed && q->freed->len)) {
        return true; /* ours: only the file below has changed its size */
    }
    q->broken = q->trouble != NULL;
    q->distrusted = false;
    q->taking_over = true;
    good = qcow2_load(q, error);
    q->taking_over = false;
    if (!good) {
        q->broken = true;
        q->distrusted = true;
        return false;
    }
    if (q->marked && !node->read_only) {
        qcow2_damaged(q, "it was marked corrupt before", 0);
    }
    settle(node);
    return true;
}

/* ---- resize ---- */

static int grow_l1(Qcow2 *q, uint32_t entries)
{
    uint64_t bytes = entries * 8ull, old = q->l1_offset, old_bytes = q->l1_size * 8ull, offset;
    uint64_t clusters = (bytes + q->cluster_size - 1) >> q->cluster_bits;
    uint8_t header[12];
    int ret = qcow2_alloc(q, clusters, &offset);

    if (ret) {
        return ret;
    }
    for (uint64_t i = 0; i < clusters; i++) {
        uint64_t key = qcow2_cluster(q, offset) + i;

        g_hash_table_add(q->meta, g_memdup2(&key, sizeof(key)));
    }
    q->l1 = g_renew(uint64_t, q->l1, entries);
    memset(q->l1 + q->l1_size, 0, bytes - old_bytes);
    q->l1_size = entries;
    q->l1_offset = offset;
    q->l1_dirty = true;
    ret = qcow2_flush(q);
    if (!ret) {
        st_be32(header, entries);
        st_be64(header + 4, offset);
        ret = qcow2_header_put(q, 36, header, sizeof(header));
    }
    if (!ret && old_bytes) {
        qcow2_free_later(q, old, old_bytes);
    }
    return ret;
}

static int grow(Qcow2 *q, uint64_t bytes)
{
    unsigned shift = 2 * q->cluster_bits - 3;
    uint64_t needed = (bytes + (1ull << shift) - 1) >> shift;
    uint8_t size[8];
    int ret = qcow2_header_claim(q);

    if (!ret && needed * 8 > 32u << 20) {
        ret = -EFBIG;
    }
    if (!ret && needed > q->l1_size) {
        ret = grow_l1(q, (uint32_t)needed);
    }
    if (!ret) {
        st_be64(size, bytes);
        ret = qcow2_header_put(q, 24, size, sizeof(size));
    }
    if (!ret) {
        q->size = bytes;
    }
    return ret;
}

static bool qcow2_resize(BlockNode *node, uint64_t bytes, GError **error)
{
    Qcow2 *q = node->state;
    int ret;

    if (bytes & 511 || bytes < q->size) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "image '%s' of %" G_GUINT64_FORMAT
                    " bytes cannot be resized to %" G_GUINT64_FORMAT
                    " (it can grow, by multiples of 512)",
                    node->filename, q->size, bytes);
        return false;
    }
    g_rw_lock_writer_lock(&q->lock);
    ret = q->broken ? -EIO : grow(q, bytes);
    g_rw_lock_writer_unlock(&q->lock);
    ret = ret ? ret : flush(q); /* gives the old table back */
    if (ret) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_IO, "cannot resize '%s': %s",
                    node->filename, g_strerror(-ret));
        return false;
    }
    settle(node);
    return true;
}

const BlockDriver block_driver_qcow2 = {
    .name = "qcow2",
    .state_size = sizeof(Qcow2),
    .format = true,
    .open = qcow2_open,
    .close = qcow2_close,
    .submit = qcow2_submit,
    .run = qcow2_run,
    .refresh = qcow2_refresh,
    .resize = qcow2_resize,
    .trouble = qcow2_trouble,
};
