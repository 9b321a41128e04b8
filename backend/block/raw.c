/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two small drivers: "raw", a window (offset, size) of its child, and "null-co", a disk that
 * forgets what is written and reads as zero (read-zeroes=on) or as whatever was in the buffer.
 */
#include "block-priv.h"

#include <errno.h>
#include <string.h>

/* ---- raw ---- */

typedef struct {
    uint64_t offset;
    uint64_t size;
    bool has_size;
} RawState;

static bool raw_refresh(BlockNode *node, GError **error)
{
    RawState *s = node->state;
    uint64_t below = node->file->node->length;

    if (s->offset > below) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "offset %" G_GUINT64_FORMAT " is beyond the image's end %" G_GUINT64_FORMAT,
                    s->offset, below);
        return false;
    }
    if (s->has_size && s->size > below - s->offset) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "size %" G_GUINT64_FORMAT " at offset %" G_GUINT64_FORMAT
                    " ends beyond the image's end %" G_GUINT64_FORMAT,
                    s->size, s->offset, below);
        return false;
    }
    node->length = s->has_size ? s->size : below - s->offset;
    node->alignment = node->file->node->alignment;
    return true;
}

static bool raw_open(BlockNode *node, OptionsReader *r, GError **error)
{
    RawState *s = node->state;

    s->offset = options_reader_size(r, "offset", 0);
    s->has_size = options_reader_has(r, "size");
    s->size = options_reader_size(r, "size", 0);
    if ((s->offset | s->size) & 511) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "offset and size of a raw node must be multiples of 512");
        return false;
    }
    g_free(node->filename);
    node->filename = g_strdup(node->file->node->filename);
    return raw_refresh(node, error);
}

static void raw_child_done(void *opaque, int ret)
{
    block_request_complete(opaque, ret);
}

static void raw_submit(BlockNode *node, BlockRequest *req)
{
    RawState *s = node->state;

    block_node_submit(node->file->node, req->op, req->offset + s->offset, req->bytes, req->iov,
                      req->niov, req->flags, raw_child_done, req);
}

static int raw_run(BlockRequest *req)
{
    BlockNode *node = req->node;
    RawState *s = node->state;

    return block_node_run(node->file->node, req->op, req->offset + s->offset, req->bytes, req->iov,
                          req->niov, req->flags);
}

static bool raw_resize(BlockNode *node, uint64_t bytes, GError **error)
{
    RawState *s = node->state;
    BlockNode *below = node->file->node;

    if (s->has_size) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED, "node '%s' has a fixed size",
                    node->name);
        return false;
    }
    if (bytes > INT64_MAX - s->offset || !below->driver->resize) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "node '%s' cannot be resized to %" G_GUINT64_FORMAT " bytes", node->name,
                    bytes);
        return false;
    }
    return below->driver->resize(below, bytes + s->offset, error);
}

const BlockDriver block_driver_raw = {
    .name = "raw",
    .state_size = sizeof(RawState),
    .open = raw_open,
    .submit = raw_submit,
    .run = raw_run,
    .refresh = raw_refresh,
    .resize = raw_resize,
};

/* ---- null-co ---- */

typedef struct {
    bool read_zeroes;
} NullState;

static bool null_open(BlockNode *node, OptionsReader *r, GError **error)
{
    NullState *s = node->state;

    node->length = options_reader_size(r, "size", 1ull << 30);
    s->read_zeroes = options_reader_bool(r, "read-zeroes", false);
    node->alignment = 512;
    g_free(node->filename);
    node->filename = g_strdup("null-co://");
    return true;
}

static int null_run(BlockRequest *req)
{
    NullState *s = req->node->state;

    if (req->op == BLOCK_OP_READ && s->read_zeroes) {
        iov_fill_zero_from(req->iov, req->niov, 0);
    }
    return 0;
}

static void null_submit(BlockNode *node, BlockRequest *req)
{
    block_request_complete(req, null_run(req));
}

const BlockDriver block_driver_null_co = {
    .name = "null-co",
    .state_size = sizeof(NullState),
    .protocol = true,
    .open = null_open,
    .submit = null_submit,
    .run = null_run,
};
