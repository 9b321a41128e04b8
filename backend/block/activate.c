/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drain, flush, and the handing over of images to another process.
 *
 * active --blocks_inactivate()--> inactive (no locks, requests refused) --blocks_activate()--> active
 * Either arrow that fails leaves everything where it was.
 */
#include "block-priv.h"

void blocks_drain_all(Blocks *blocks)
{
    blocks_wait(blocks, &blocks->inflight);
}

typedef struct {
    unsigned pending;
    int ret;
    BlockNode *failed; /* borrowed: nodes do not go away inside */
} FlushAll;

typedef struct {
    FlushAll *all;
    BlockNode *node;
} FlushOne;

static void flush_done(void *opaque, int ret)
{
    FlushOne *one = opaque;

    if (ret && !one->all->ret) {
        one->all->ret = ret;
        one->all->failed = one->node;
    }
    one->all->pending--;
    g_free(one);
}

static bool is_root(const BlockNode *node)
{
    for (guint i = 0; i < node->users->len; i++) {
        if (((BlockEdge *)g_ptr_array_index(node->users, i))->parent) {
            return false;
        }
    }
    return true;
}

bool blocks_flush_all(Blocks *blocks, GError **error)
{
    FlushAll all = { 0 };

    for (guint i = 0; i < blocks->nodes->len; i++) {
        BlockNode *node = g_ptr_array_index(blocks->nodes, i);

        if (is_root(node) && !node->read_only && !node->inactive) {
            FlushOne *one = g_new(FlushOne, 1);

            *one = (FlushOne){ &all, node };
            all.pending++;
            block_node_submit(node, BLOCK_OP_FLUSH, 0, 0, NULL, 0, 0, flush_done, one);
        }
    }
    blocks_wait(blocks, &all.pending);
    if (all.ret) {
        const char *trouble =
            all.failed->driver->trouble ? all.failed->driver->trouble(all.failed) : NULL;

        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_IO, "cannot flush '%s': %s%s%s%s",
                    all.failed->name, g_strerror(-all.ret),
                    trouble ? "; its image is damaged: " : "", trouble ? trouble : "",
                    trouble ? ", and what this process has still to write there cannot be" : "");
        return false;
    }
    return true;
}

/* Bottom nodes first, so that a parent finds its child active. */
static bool set_all(Blocks *blocks, bool inactive, guint *reached, GError **error)
{
    for (guint i = 0; i < blocks->nodes->len; i++) {
        BlockNode *node = g_ptr_array_index(blocks->nodes, i);

        *reached = i;
        node->inactive = inactive;
        if ((!inactive && node->driver->refresh && !node->driver->refresh(node, error)) ||
            !block_node_update_perm(node, error)) {
            g_prefix_error(error, "node '%s': ", node->name);
            node->inactive = !inactive;
            return false;
        }
    }
    *reached = blocks->nodes->len;
    return true;
}

static void undo(Blocks *blocks, bool inactive, guint reached)
{
    while (reached-- > 0) {
        BlockNode *node = g_ptr_array_index(blocks->nodes, reached);

        node->inactive = inactive;
        block_node_update_perm(node, NULL);
    }
}

bool blocks_inactivate(Blocks *blocks, GError **error)
{
    guint reached;

    if (blocks->inactive || blocks->start_inactive) {
        return true;
    }
    blocks_drain_all(blocks);
    if (!blocks_flush_all(blocks, error)) {
        return false;
    }
    if (!set_all(blocks, true, &reached, error)) {
        undo(blocks, false, reached);
        return false;
    }
    blocks->inactive = true;
    return true;
}

bool blocks_activate(Blocks *blocks, GError **error)
{
    guint reached;

    if (!blocks->inactive && !blocks->start_inactive) {
        return true;
    }
    if (!set_all(blocks, false, &reached, error)) {
        undo(blocks, true, reached);
        return false;
    }
    blocks->inactive = false;
    blocks->start_inactive = false;
    for (guint i = 0; i < blocks->nodes->len; i++) {
        BlockNode *node = g_ptr_array_index(blocks->nodes, i);

        if (!node->file) {
            block_node_set_length(node, node->length);
        }
    }
    return true;
}

bool blocks_are_inactive(const Blocks *blocks)
{
    return blocks->inactive || blocks->start_inactive;
}

void blocks_start_inactive(Blocks *blocks)
{
    blocks->start_inactive = true;
}
