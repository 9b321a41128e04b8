/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices and nodes. */
#include <string.h>

#include "backend/block/block.h"
#include "qmp.h"

static Json *image_info(const BlockNodeInfo *info)
{
    Json *image = json_object_new_object();
    json_add_str(image, "filename", info->filename);
    json_add_str(image, "format", info->driver);
    json_add_uint(image, "virtual-size", info->virtual_size);
    json_add_uint(image, "actual-size", info->actual_size);
    json_add_bool(image, "dirty-flag", false);
    json_add_str_opt(image, "backing-filename", info->backing);
    return image;
}

static Json *node_info(BlockNode *node)
{
    static const char *const limits[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };
    BlockNodeInfo info;
    block_node_info(node, &info);
    Json *out = json_object_new_object();
    Json *cache = json_object_new_object();
    json_add_str(out, "file", info.filename);
    json_add_str(out, "node-name", info.node_name);
    json_add_bool(out, "ro", info.read_only);
    json_add_str(out, "drv", info.driver);
    json_add_str_opt(out, "backing_file", info.backing);
    json_add_int(out, "backing_file_depth", info.backing_depth);
    json_add_bool(out, "active", info.active);
    json_add_bool(out, "encrypted", false);
    json_add_str(out, "detect_zeroes", info.detect_zeroes);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        json_add_int(out, limits[i], 0);
    }
    json_add(out, "image", image_info(&info));
    json_add_bool(cache, "writeback", info.writeback);
    json_add_bool(cache, "direct", info.direct);
    json_add_bool(cache, "no-flush", info.no_flush);
    json_add(out, "cache", cache);
    json_add_int(out, "write_threshold", 0);
    return out;
}

static void add_drive(BlockDrive *drive, void *opaque)
{
    BlockDriveView v;
    block_drive_view(drive, &v);
    Json *item = json_object_new_object();
    json_add_str(item, "device", v.id);
    json_add_str_opt(item, "qdev", v.qdev);
    json_add_str(item, "type", "unknown");
    json_add_bool(item, "removable", v.removable);
    json_add_bool(item, "locked", v.locked);
    if (v.node) {
        json_add(item, "inserted", node_info(v.node));
    }
    if (v.has_tray) {
        json_add_bool(item, "tray_open", v.tray_open);
    }
    json_add_str_opt(item, "io-status", v.io_status);
    json_object_array_add(opaque, item);
    block_drive_view_clear(&v);
}

Json *qmp_query_block(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    blocks_foreach_drive(vm_blocks(call->vm), add_drive, list);
    return list;
}

static void add_node(BlockNode *node, void *opaque)
{
    json_object_array_add(opaque, node_info(node));
}

Json *qmp_query_named_block_nodes(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    blocks_foreach_node(vm_blocks(call->vm), add_node, list);
    return list;
}

/* ---- statistics ---- */

static Json *stats_json(const BlockStats *s)
{
    static const BlockStats none;
    static const struct {
        const char *name;
        int index; /* BLOCK_STAT_*, -1: zoned devices, which there are not */
    } kinds[] = { { "rd", BLOCK_STAT_READ },
                  { "wr", BLOCK_STAT_WRITE },
                  { "zone_append", -1 },
                  { "flush", BLOCK_STAT_FLUSH },
                  { "unmap", BLOCK_STAT_UNMAP } };
    static const struct {
        const char *format;
        size_t offset;
    } columns[] = {
        { "%s_bytes", offsetof(BlockStats, bytes) },
        { "%s_operations", offsetof(BlockStats, ops) },
        { "%s_total_time_ns", offsetof(BlockStats, time_ns) },
        { "%s_merged", offsetof(BlockStats, merged) },
        { "failed_%s_operations", offsetof(BlockStats, failed) },
        { "invalid_%s_operations", offsetof(BlockStats, invalid) },
    };
    s = s ? s : &none;
    Json *out = json_object_new_object();
    for (size_t c = 0; c < G_N_ELEMENTS(columns); c++) {
        for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
            bool flush = kinds[k].index == BLOCK_STAT_FLUSH;
            bool unmap = kinds[k].index == BLOCK_STAT_UNMAP;
            if ((flush && (c == 0 || c == 3)) || (unmap && c == 2)) {
                continue; /* not part of the reply */
            }
            const uint64_t *row = (const uint64_t *)((const char *)s + columns[c].offset);
            GString *name = g_string_new(NULL);
            const char *mark = strstr(columns[c].format, "%s");
            g_string_append_len(name, columns[c].format, mark - columns[c].format);
            g_string_append(name, kinds[k].name);
            g_string_append(name, mark + 2);
            json_add_uint(out, name->str, kinds[k].index < 0 ? 0 : row[kinds[k].index]);
            g_string_free(name, TRUE);
        }
    }
    json_add_uint(out, "unmap_total_time_ns", s->time_ns[BLOCK_STAT_UNMAP]);
    json_add_uint(out, "wr_highest_offset", s->highest_write);
    json_add_bool(out, "account_invalid", true);
    json_add_bool(out, "account_failed", true);
    json_add(out, "timed_stats", json_object_new_array());
    return out;
}

static void add_drive_stats(BlockDrive *drive, void *opaque)
{
    BlockDriveView v;
    BlockNodeInfo info;
    block_drive_view(drive, &v);
    Json *item = json_object_new_object();
    json_add_str(item, "device", v.id);
    json_add_str_opt(item, "qdev", v.qdev);
    if (v.node) {
        block_node_info(v.node, &info);
        json_add_str(item, "node-name", info.node_name);
    }
    json_add(item, "stats", stats_json(block_drive_stats(drive)));
    json_object_array_add(opaque, item);
    block_drive_view_clear(&v);
}

static void add_node_stats(BlockNode *node, void *opaque)
{
    BlockNodeInfo info;
    block_node_info(node, &info);
    Json *item = json_object_new_object();
    json_add_str(item, "node-name", info.node_name);
    json_add(item, "stats", stats_json(NULL));
    json_object_array_add(opaque, item);
}

Json *qmp_query_blockstats(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    if (json_flag(args, "query-nodes", false)) {
        blocks_foreach_node(vm_blocks(call->vm), add_node_stats, list);
    } else {
        blocks_foreach_drive(vm_blocks(call->vm), add_drive_stats, list);
    }
    return list;
}

/* ---- nodes ---- */

Json *qmp_blockdev_add(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(GVariant) options = g_variant_ref_sink(json_to_variant(args));
    blocks_add_node(vm_blocks(call->vm), options, error);
    return NULL;
}

Json *qmp_blockdev_del(QmpCall *call, Json *args, GError **error)
{
    blocks_del_node(vm_blocks(call->vm), json_str(args, "node-name", ""), error);
    return NULL;
}

Json *qmp_block_resize(QmpCall *call, Json *args, GError **error)
{
    const char *device = json_str(args, "device", NULL);
    const char *node = json_str(args, "node-name", NULL);
    int64_t size = json_int(args, "size", -1);
    if (!device == !node) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Exactly one of 'device' and 'node-name' must be given");
    } else if (size < 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter 'size' expects a >0 size");
    } else {
        blocks_resize(vm_blocks(call->vm), device ? device : node, (uint64_t)size, error);
    }
    return NULL;
}

/* ---- media ---- */

static BlockDrive *drive_of(QmpCall *call, Json *args, GError **error)
{
    return blocks_find_for_device(vm_blocks(call->vm), json_str(args, "device", NULL),
                                  json_str(args, "id", NULL), error);
}

Json *qmp_blockdev_open_tray(QmpCall *call, Json *args, GError **error)
{
    BlockDrive *drive = drive_of(call, args, error);
    GError *local = NULL;
    if (drive && !block_drive_open_tray(drive, json_flag(args, "force", false), &local)) {
        if (g_error_matches(local, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY)) {
            g_error_free(local); /* the guest was asked: that is all that was wanted */
        } else {
            g_propagate_error(error, local);
        }
    }
    return NULL;
}

Json *qmp_blockdev_close_tray(QmpCall *call, Json *args, GError **error)
{
    BlockDrive *drive = drive_of(call, args, error);
    if (drive) {
        block_drive_close_tray(drive, error);
    }
    return NULL;
}

Json *qmp_blockdev_remove_medium(QmpCall *call, Json *args, GError **error)
{
    BlockDrive *drive = drive_of(call, args, error);
    if (drive) {
        block_drive_remove_medium(drive, error);
    }
    return NULL;
}

Json *qmp_blockdev_insert_medium(QmpCall *call, Json *args, GError **error)
{
    BlockDrive *drive = drive_of(call, args, error);
    if (drive) {
        block_drive_insert_medium(drive, json_str(args, "node-name", ""), error);
    }
    return NULL;
}

Json *qmp_eject(QmpCall *call, Json *args, GError **error)
{
    BlockDrive *drive = drive_of(call, args, error);
    if (drive && block_drive_open_tray(drive, json_flag(args, "force", false), error)) {
        block_drive_remove_medium(drive, error);
    }
    return NULL;
}

Json *qmp_blockdev_change_medium(QmpCall *call, Json *args, GError **error)
{
    const char *mode = json_str(args, "read-only-mode", "retain");
    BlockNewMedium medium = { .filename = json_str(args, "filename", ""),
                              .format = json_str(args, "format", NULL),
                              .force = json_flag(args, "force", false),
                              .mode = !strcmp(mode, "retain")      ? BLOCK_MEDIUM_RETAIN
                                      : !strcmp(mode, "read-only") ? BLOCK_MEDIUM_READ_ONLY
                                                                   : BLOCK_MEDIUM_READ_WRITE };
    BlockDrive *drive = drive_of(call, args, error);
    if (drive) {
        block_drive_change_medium(drive, &medium, error);
    }
    return NULL;
}
