/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The set of nodes and drives: life, lookup, blockdev-add and blockdev-del, and what queries show.
 */
#include "block-priv.h"

#include <string.h>

G_DEFINE_QUARK(ferry - block - error - quark, block_error)

static void drive_free(gpointer p)
{
    BlockDrive *drive = p;

    if (drive->root) {
        block_edge_free(drive->root);
    }
    g_free(drive->id);
    g_free(drive);
}

Blocks *blocks_new(Vm *vm, FdSets *fdsets)
{
    Blocks *blocks = g_new0(Blocks, 1);

    blocks->vm = vm;
    blocks->fdsets = fdsets;
    blocks->ide_units = 2;
    blocks->nodes = g_ptr_array_new();
    blocks->drives = g_ptr_array_new_with_free_func(drive_free);
    blocks_queue_setup(blocks);
    return blocks;
}

void blocks_free(Blocks *blocks)
{
    blocks_drain_all(blocks);
    if (!blocks->inactive && !blocks->start_inactive) {
        g_autoptr(GError) error = NULL;

        if (!blocks_flush_all(blocks, &error)) {
            g_message("closing disks: %s", error->message);
        }
    }
    blocks->closing = true;
    g_ptr_array_unref(blocks->drives);
    for (guint i = blocks->nodes->len; i-- > 0;) {
        /* Dropping one may free its children as well. */
        if (i < blocks->nodes->len) {
            BlockNode *node = g_ptr_array_index(blocks->nodes, i);

            if (node->monitor_owned) {
                node->monitor_owned = false;
                block_node_unref(node);
            }
        }
    }
    g_assert(!blocks->nodes->len);
    g_ptr_array_unref(blocks->nodes);
    blocks_queue_teardown(blocks);
    g_free(blocks);
}

BlockNode *blocks_find_node(Blocks *blocks, const char *node_name)
{
    for (guint i = 0; i < blocks->nodes->len; i++) {
        BlockNode *node = g_ptr_array_index(blocks->nodes, i);

        if (!strcmp(node->name, node_name)) {
            return node;
        }
    }
    return NULL;
}

BlockDrive *blocks_find_drive(Blocks *blocks, const char *id)
{
    for (guint i = 0; i < blocks->drives->len; i++) {
        BlockDrive *drive = g_ptr_array_index(blocks->drives, i);

        if (!drive->anonymous && !strcmp(drive->id, id)) {
            return drive;
        }
    }
    return NULL;
}

bool blocks_is_read_only(Blocks *blocks, const char *name)
{
    BlockDrive *drive = blocks_find_drive(blocks, name);
    BlockNode *node = drive ? NULL : blocks_find_node(blocks, name);

    return drive ? block_drive_read_only(drive) : node && node->read_only;
}

void blocks_foreach_drive(Blocks *blocks, void (*fn)(BlockDrive *drive, void *opaque), void *opaque)
{
    for (guint i = 0; i < blocks->drives->len; i++) {
        fn(g_ptr_array_index(blocks->drives, i), opaque);
    }
}

void blocks_foreach_node(Blocks *blocks, void (*fn)(BlockNode *node, void *opaque), void *opaque)
{
    for (guint i = 0; i < blocks->nodes->len; i++) {
        fn(g_ptr_array_index(blocks->nodes, i), opaque);
    }
}

BlockDrive *blocks_drive_by_index(Blocks *blocks, BlockInterface iface, int index)
{
    for (guint i = 0; i < blocks->drives->len; i++) {
        BlockDrive *drive = g_ptr_array_index(blocks->drives, i);

        if (drive->legacy && drive->info.iface == iface && drive->info.index == index) {
            return drive;
        }
    }
    return NULL;
}

bool blocks_add_node(Blocks *blocks, GVariant *options, GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(options);
    g_autoptr(GVariant) name = NULL;
    BlockNode *node;

    if (g_variant_is_of_type(held, G_VARIANT_TYPE_VARDICT)) {
        name = g_variant_lookup_value(held, "node-name", NULL);
    }
    if (!name) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "'node-name' must be specified for the root node");
        return false;
    }
    node = block_node_open(blocks, held, NULL, error);
    if (!node) {
        return false;
    }
    node->monitor_owned = true; /* the reference stays with the set */
    return true;
}

bool blocks_del_node(Blocks *blocks, const char *node_name, GError **error)
{
    BlockNode *node = blocks_find_node(blocks, node_name);

    if (!node) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND,
                    "failed to find node with node-name='%s'", node_name);
        return false;
    }
    if (!node->monitor_owned) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                    "node %s is not owned by the monitor", node_name);
        return false;
    }
    if (node->users->len) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY, "block device %s is in use",
                    node_name);
        return false;
    }
    blocks_wait(blocks, &node->inflight);
    node->monitor_owned = false;
    block_node_unref(node);
    return true;
}

bool blocks_del_drive(Blocks *blocks, const char *id, GError **error)
{
    BlockDrive *drive = blocks_find_drive(blocks, id);

    if (!drive) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND, "device '%s' not found", id);
        return false;
    }
    block_drive_drain(drive);
    if (drive->attached) {
        /* The medium goes now, the rest when the device is gone. */
        g_clear_pointer(&drive->root, block_edge_free);
        drive->dying = true;
        return true;
    }
    g_ptr_array_remove(blocks->drives, drive);
    return true;
}

static BlockNode *root_node(Blocks *blocks, const char *name)
{
    BlockDrive *drive = blocks_find_drive(blocks, name);

    if (drive) {
        return drive->root ? drive->root->node : NULL;
    }
    return blocks_find_node(blocks, name);
}

bool blocks_resize(Blocks *blocks, const char *name, uint64_t bytes, GError **error)
{
    BlockNode *node = root_node(blocks, name), *changed;

    if (!node) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND,
                    "cannot find device='%s' nor node-name='%s'", name, name);
        return false;
    }
    if (node->read_only || node->inactive || !node->driver->resize || bytes > INT64_MAX) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "image '%s' cannot be resized to %" G_GUINT64_FORMAT " bytes", name, bytes);
        return false;
    }
    blocks_drain_all(blocks);
    if (!node->driver->resize(node, bytes, error)) {
        return false;
    }
    for (changed = node; changed->file; changed = changed->file->node) {
    }
    block_node_set_length(changed, changed->length);
    return true;
}

void block_node_info(BlockNode *node, BlockNodeInfo *info)
{
    static const char *const detect[] = { "off", "on", "unmap" };
    BlockNode *bottom = node;
    unsigned depth = 0;

    while (bottom->file) {
        bottom = bottom->file->node;
    }
    for (BlockEdge *e = node->backing; e; e = e->node->backing) {
        depth++;
    }
    *info = (BlockNodeInfo){
        .node_name = node->name,
        .driver = node->driver->name,
        .filename = node->filename,
        .read_only = node->read_only,
        .active = !node->inactive,
        .direct = node->direct,
        .no_flush = node->no_flush,
        .writeback = true,
        .detect_zeroes = detect[node->detect_zeroes],
        .virtual_size = (node->length + 511) & ~511ull,
        .actual_size = bottom->driver->allocated ? bottom->driver->allocated(bottom) : 0,
        .child = node->file ? node->file->node->name : NULL,
        .backing = node->backing ? node->backing->node->filename : NULL,
        .backing_depth = depth,
    };
}
