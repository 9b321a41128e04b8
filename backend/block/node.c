/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes and edges: opening from options, sharing permissions, closing with the last reference.
 */
#include "block-priv.h"

#include <string.h>

#define NODE_NAME_MAX 31
#define DEPTH_MAX     16

static const BlockDriver *const drivers[] = {
    &block_driver_file,    &block_driver_host_device, &block_driver_raw,
    &block_driver_null_co, &block_driver_qcow2,
};

const BlockDriver *block_driver_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!strcmp(drivers[i]->name, name)) {
            return drivers[i];
        }
    }
    return NULL;
}

/* ---- permissions ---- */

static const char *perm_name(unsigned perm)
{
    static const char *const names[PERM_COUNT] = { "consistent read", "write", "write unchanged",
                                                   "resize" };

    for (unsigned i = 0; i < PERM_COUNT; i++) {
        if (perm & (1u << i)) {
            return names[i];
        }
    }
    return "nothing";
}

static const char *user_name(const BlockEdge *edge)
{
    if (edge->drive) {
        return *edge->drive->id ? edge->drive->id : "a device";
    }
    return edge->parent->name;
}

static bool refuse_perm(const BlockNode *node, const BlockEdge *user, unsigned perm, GError **error)
{
    g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                "conflicts with use of node '%s' by '%s', which does not allow '%s'", node->name,
                user_name(user), perm_name(perm));
    return false;
}

/* What lies behind is read only, and must not change while it shows. */
static bool set_backing_perm(BlockNode *node, unsigned perm, GError **error)
{
    unsigned shared = node->force_share ? PERM_ALL : PERM_ALL & ~(PERM_WRITE | PERM_RESIZE);

    return !node->backing || block_edge_set_perm(node->backing, perm ? PERM_CONSISTENT_READ : 0,
                                                 perm ? shared : PERM_ALL, error);
}

/* Recompute the node's totals, take the locks, and tell its child. */
bool block_node_update_perm(BlockNode *node, GError **error)
{
    unsigned perm = 0, shared = PERM_ALL;
    unsigned old_perm = node->perm, old_shared = node->shared;

    if (!node->inactive) {
        for (guint i = 0; i < node->users->len; i++) {
            BlockEdge *user = g_ptr_array_index(node->users, i);

            perm |= user->perm;
            shared &= user->shared;
        }
    }
    if (node->driver->format && perm) { /* its file: all for one writer */
        perm |= perm & PERM_WRITE ? PERM_RESIZE : 0;
        shared &= ~(PERM_WRITE | PERM_RESIZE);
    }
    if (node->force_share) {
        shared = PERM_ALL;
    }
    if (!set_backing_perm(node, perm, error)) {
        return false;
    }
    if (node->driver->set_perm && !node->driver->set_perm(node, perm, shared, error)) {
        return false;
    }
    node->perm = perm;
    node->shared = shared;
    if (node->file && !block_edge_set_perm(node->file, perm, shared, error)) {
        node->perm = old_perm;
        node->shared = old_shared;
        if (node->driver->set_perm) {
            node->driver->set_perm(node, old_perm, old_shared, NULL);
        }
        return false;
    }
    return true;
}

bool block_edge_set_perm(BlockEdge *edge, unsigned perm, unsigned shared, GError **error)
{
    unsigned old_perm = edge->perm, old_shared = edge->shared;
    BlockNode *node = edge->node;

    if ((perm & PERM_WRITE) && node->read_only) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG, "block node is read-only: '%s'",
                    node->name);
        return false;
    }
    for (guint i = 0; i < node->users->len; i++) {
        BlockEdge *other = g_ptr_array_index(node->users, i);

        if (other == edge) {
            continue;
        }
        if (perm & ~other->shared) {
            return refuse_perm(node, other, perm & ~other->shared, error);
        }
        if (other->perm & ~shared) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                        "node '%s' is in use by '%s' with permission '%s'", node->name,
                        user_name(other), perm_name(other->perm & ~shared));
            return false;
        }
    }
    edge->perm = perm;
    edge->shared = shared;
    if (!block_node_update_perm(node, error)) {
        edge->perm = old_perm;
        edge->shared = old_shared;
        return false;
    }
    return true;
}

BlockEdge *block_edge_new(BlockNode *node, BlockNode *parent, BlockDrive *drive, unsigned perm,
                          unsigned shared, GError **error)
{
    BlockEdge *edge = g_new0(BlockEdge, 1);

    *edge = (BlockEdge){
        .node = block_node_ref(node), .parent = parent, .drive = drive, .shared = PERM_ALL
    };
    g_ptr_array_add(node->users, edge);
    if (!block_edge_set_perm(edge, perm, shared, error)) {
        block_edge_free(edge);
        return NULL;
    }
    return edge;
}

void block_edge_free(BlockEdge *edge)
{
    BlockNode *node = edge->node;

    g_ptr_array_remove(node->users, edge);
    if (edge->perm || edge->shared != PERM_ALL) {
        block_node_update_perm(node, NULL);
    }
    g_free(edge);
    block_node_unref(node);
}

/* ---- life ---- */

BlockNode *block_node_ref(BlockNode *node)
{
    node->refs++;
    return node;
}

static void node_free(BlockNode *node)
{
    if (node->opened && node->driver->close) {
        node->driver->close(node);
    }
    if (node->backing) {
        block_edge_free(node->backing);
    }
    if (node->file) {
        block_edge_free(node->file);
    }
    g_ptr_array_remove(node->blocks->nodes, node);
    g_ptr_array_unref(node->users);
    g_free(node->name);
    g_free(node->filename);
    g_free(node->state);
    g_free(node);
}

void block_node_unref(BlockNode *node)
{
    if (--node->refs == 0) {
        node_free(node);
    }
}

void block_node_set_length(BlockNode *node, uint64_t length)
{
    node->length = length;
    for (guint i = 0; i < node->users->len; i++) {
        BlockEdge *user = g_ptr_array_index(node->users, i);

        if (user->drive) {
            block_drive_notify_resized(user->drive);
        } else if (user->parent->driver->refresh &&
                   user->parent->driver->refresh(user->parent, NULL)) {
            block_node_set_length(user->parent, user->parent->length);
        }
    }
}

/* ---- opening ---- */

static bool name_is_good(const char *name)
{
    if (!g_ascii_isalpha(*name) || strlen(name) > NODE_NAME_MAX) {
        return false;
    }
    for (const char *p = name; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

static bool name_node(Blocks *blocks, BlockNode *node, OptionsReader *r, GError **error)
{
    node->name = options_reader_str(r, "node-name");
    if (!node->name) {
        node->name = g_strdup_printf("#block%03u", blocks->next_node++);
        return true;
    }
    if (!name_is_good(node->name)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG, "invalid node-name: '%s'",
                    node->name);
        return false;
    }
    if (blocks_find_node(blocks, node->name)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_EXISTS,
                    "duplicate nodes with node-name='%s'", node->name);
        return false;
    }
    if (blocks_find_drive(blocks, node->name)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_EXISTS,
                    "node-name=%s is conflicting with a device id", node->name);
        return false;
    }
    return true;
}

static void read_common(BlockNode *node, OptionsReader *r, const BlockNode *inherit)
{
    static const char *const discard_names[] = { "ignore", "unmap", "off", "on", NULL };
    static const char *const detect_names[] = { "off", "on", "unmap", NULL };
    g_autoptr(GVariant) cache = options_reader_dict(r, "cache");
    g_auto(OptionsReader) c = { 0 };

    node->read_only = options_reader_bool(r, "read-only", inherit ? inherit->read_only : false);
    node->auto_read_only = options_reader_bool(r, "auto-read-only", inherit != NULL);
    node->force_share = options_reader_bool(r, "force-share", inherit && inherit->force_share);
    node->discard_unmap = options_reader_enum(r, "discard", discard_names, inherit ? 1 : 0) & 1;
    node->detect_zeroes =
        (DetectZeroes)options_reader_enum(r, "detect-zeroes", detect_names, DETECT_ZEROES_OFF);
    node->direct = inherit && inherit->direct;
    node->no_flush = inherit && inherit->no_flush;
    options_reader_init(&c, cache ? cache : g_variant_new("a{sv}", NULL), "cache.");
    node->direct = options_reader_bool(&c, "direct", node->direct);
    node->no_flush = options_reader_bool(&c, "no-flush", node->no_flush);
    if (!r->error) {
        options_reader_finish(&c, &r->error);
    }
    if (!r->error && node->force_share && !node->read_only) {
        options_reader_fail(r, "force-share", "can only be used with read-only images");
    }
}

static unsigned depth_of(GVariant *options)
{
    g_autoptr(GVariant) below = g_variant_lookup_value(options, "file", G_VARIANT_TYPE_VARDICT);

    return below ? 1 + depth_of(below) : 0;
}

/* The "file" child: a node name or a dictionary of its own options. */
static bool open_child(Blocks *blocks, BlockNode *node, OptionsReader *r, GError **error)
{
    g_autoptr(GVariant) value = options_reader_value(r, "file");
    BlockNode *child;

    if (!value) {
        options_reader_require(r, "file");
        return options_reader_finish(r, error);
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        const char *name = g_variant_get_string(value, NULL);

        child = blocks_find_node(blocks, name);
        if (!child) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND,
                        "cannot find node '%s' (file)", name);
            return false;
        }
        block_node_ref(child);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        child = block_node_open(blocks, value, node, error);
        if (!child) {
            return false;
        }
    } else {
        options_reader_fail(r, "file", "expects a node name or an object");
        return options_reader_finish(r, error);
    }
    if (child->read_only && !node->read_only) {
        if (!node->auto_read_only) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                        "block node is read-only: '%s'", child->name);
            block_node_unref(child);
            return false;
        }
        node->read_only = true;
    }
    node->file = block_edge_new(child, node, NULL, 0, PERM_ALL, error);
    block_node_unref(child);
    return node->file != NULL;
}

static BlockNode *node_new(Blocks *blocks, const BlockDriver *driver)
{
    BlockNode *node = g_new0(BlockNode, 1);

    node->blocks = blocks;
    node->driver = driver;
    node->refs = 1;
    node->users = g_ptr_array_new();
    node->shared = PERM_ALL;
    node->alignment = 512;
    node->filename = g_strdup("");
    node->state = g_malloc0(MAX(driver->state_size, 1));
    node->inactive = blocks->start_inactive;
    return node;
}

BlockNode *block_node_open(Blocks *blocks, GVariant *options, const BlockNode *inherit,
                           GError **error)
{
    g_auto(OptionsReader) r = { 0 };
    g_autofree char *driver_name = NULL;
    const BlockDriver *driver;
    BlockNode *node;

    options_reader_init(&r, options, inherit ? "file." : NULL);
    driver_name = options_reader_str(&r, "driver");
    options_reader_require(&r, "driver");
    if (r.error) {
        options_reader_finish(&r, error);
        return NULL;
    }
    driver = block_driver_find(driver_name);
    if (!driver) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED, "unknown driver '%s'",
                    driver_name);
        return NULL;
    }
    if (depth_of(options) > DEPTH_MAX) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "block nodes nested more than %d deep", DEPTH_MAX);
        return NULL;
    }
    node = node_new(blocks, driver);
    read_common(node, &r, inherit);
    if (!name_node(blocks, node, &r, error) ||
        (!driver->protocol && !open_child(blocks, node, &r, error))) {
        block_node_unref(node);
        return NULL;
    }
    node->opened = true; /* close() also cleans up after a failed open() */
    if (!driver->open(node, &r, error)) {
        block_node_unref(node);
        return NULL;
    }
    if (!options_reader_finish(&r, error)) {
        block_node_unref(node);
        return NULL;
    }
    g_ptr_array_add(blocks->nodes, node);
    return node;
}
