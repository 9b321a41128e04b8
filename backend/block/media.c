/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Media that come and go: trays, removing, inserting, changing. A drive without a tray (a floppy drive)
 * is always open to it.
 *
 *   closed, medium --open--> open, medium --remove--> open, empty --insert--> open, medium --close--> ...
 *
 * The device says what its tray does (BlockDriveOps); the medium is the drive's root node.
 */
#include "block-priv.h"

#include <string.h>

#define PERIPHERAL "/machine/peripheral/"

char *block_drive_device_id(const BlockDrive *drive)
{
    g_autofree char *path = NULL;

    if (!drive->attached || !drive->attach.ops || !drive->attach.ops->device_path) {
        return NULL;
    }
    path = drive->attach.ops->device_path(drive->attach.opaque);
    if (g_str_has_prefix(path, PERIPHERAL) && !strchr(path + strlen(PERIPHERAL), '/')) {
        return g_strdup(path + strlen(PERIPHERAL));
    }
    return g_steal_pointer(&path);
}

/* ---- which drive ---- */

static bool is_device(const BlockDrive *drive, const char *id)
{
    g_autofree char *name = block_drive_device_id(drive);
    g_autofree char *path = g_strconcat(PERIPHERAL, id, NULL);
    g_autofree char *backend = g_strconcat(path, "/virtio-backend", NULL);
    g_autofree char *full = g_strconcat(PERIPHERAL, name, NULL);

    return name && (!strcmp(name, id) || !strcmp(name, backend) || !strcmp(full, id));
}

BlockDrive *blocks_find_for_device(Blocks *blocks, const char *device, const char *id,
                                   GError **error)
{
    BlockDrive *found = device ? blocks_find_drive(blocks, device) : NULL;

    if (!device == !id) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG,
                    "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    for (guint i = 0; id && !found && i < blocks->drives->len; i++) {
        BlockDrive *drive = g_ptr_array_index(blocks->drives, i);

        found = is_device(drive, id) ? drive : NULL;
    }
    if (!found) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND, "Device '%s' not found",
                    device ? device : id);
    }
    return found;
}

static const BlockDriveOps *ops_of(const BlockDrive *drive)
{
    return drive->attached ? drive->attach.ops : NULL;
}

bool block_drive_removable(const BlockDrive *drive)
{
    const BlockDriveOps *ops = ops_of(drive);

    return !ops || ops->medium_changed;
}

static char *name_of(const BlockDrive *drive)
{
    return *drive->id ? g_strdup(drive->id) : block_drive_device_id(drive);
}

static bool refuse(const BlockDrive *drive, BlockErrorCode code, const char *format, GError **error)
    G_GNUC_PRINTF(3, 0);
static bool refuse(const BlockDrive *drive, BlockErrorCode code, const char *format, GError **error)
{
    g_autofree char *name = name_of(drive);

    g_set_error(error, FERRY_BLOCK_ERROR, code, format, name);
    return false;
}

static bool check_removable(const BlockDrive *drive, GError **error)
{
    return block_drive_removable(drive) ||
           refuse(drive, BLOCK_ERROR_UNSUPPORTED, "Device '%s' is not removable", error);
}

/* ---- the tray ---- */

static bool has_tray(const BlockDrive *drive)
{
    const BlockDriveOps *ops = ops_of(drive);

    return ops && ops->tray_is_open;
}

bool block_drive_tray_open(const BlockDrive *drive)
{
    return has_tray(drive) && drive->attach.ops->tray_is_open(drive->attach.opaque);
}

bool block_drive_tray_locked(const BlockDrive *drive)
{
    const BlockDriveOps *ops = ops_of(drive);

    return ops && ops->tray_is_locked && ops->tray_is_locked(drive->attach.opaque);
}

bool block_drive_has_tray(const BlockDrive *drive)
{
    return has_tray(drive);
}

void block_drive_tray_moved(BlockDrive *drive)
{
    g_autofree char *id = block_drive_device_id(drive);
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "device", g_variant_new_string(drive->id));
    g_variant_builder_add(&data, "{sv}", "id", g_variant_new_string(id ? id : ""));
    g_variant_builder_add(&data, "{sv}", "tray-open",
                          g_variant_new_boolean(block_drive_tray_open(drive)));
    vm_event(drive->blocks->vm, "DEVICE_TRAY_MOVED", g_variant_builder_end(&data));
}

/* The device's half of a change; its tray goes along. */
static void tell_device(BlockDrive *drive, bool loaded)
{
    bool open = block_drive_tray_open(drive);

    if (ops_of(drive)) {
        drive->attach.ops->medium_changed(drive->attach.opaque, loaded);
    }
    if (block_drive_tray_open(drive) != open) {
        block_drive_tray_moved(drive);
    }
}

bool block_drive_open_tray(BlockDrive *drive, bool force, GError **error)
{
    bool locked = block_drive_tray_locked(drive);

    if (!check_removable(drive, error)) {
        return false;
    }
    if (!has_tray(drive) || block_drive_tray_open(drive)) {
        return true;
    }
    if (locked) {
        drive->attach.ops->eject_request(drive->attach.opaque, force);
    }
    if (locked && !force) {
        return refuse(drive, BLOCK_ERROR_BUSY,
                      "Device '%s' is locked and force was not specified, wait for tray to open "
                      "and try again",
                      error);
    }
    block_drive_drain(drive);
    tell_device(drive, false);
    return true;
}

bool block_drive_close_tray(BlockDrive *drive, GError **error)
{
    if (!check_removable(drive, error)) {
        return false;
    }
    if (block_drive_tray_open(drive)) {
        tell_device(drive, true);
    }
    return true;
}

/* ---- the medium ---- */

static bool check_open(const BlockDrive *drive, GError **error)
{
    return check_removable(drive, error) &&
           (!has_tray(drive) || block_drive_tray_open(drive) ||
            refuse(drive, BLOCK_ERROR_BUSY, "Tray of device '%s' is not open", error));
}

bool block_drive_remove_medium(BlockDrive *drive, GError **error)
{
    if (!check_open(drive, error)) {
        return false;
    }
    if (!drive->root) {
        return true;
    }
    block_drive_drain(drive);
    g_clear_pointer(&drive->root, block_edge_free);
    if (!has_tray(drive)) {
        tell_device(drive, false);
    }
    return true;
}

static bool in_use(const BlockNode *node)
{
    for (guint i = 0; i < node->users->len; i++) {
        if (((BlockEdge *)g_ptr_array_index(node->users, i))->drive) {
            return true;
        }
    }
    return false;
}

/* All that may refuse @node as a medium of @drive. */
static bool check_medium(const BlockDrive *drive, const BlockNode *node, GError **error)
{
    const BlockDriveOps *ops = ops_of(drive);

    if (in_use(node)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY, "Node '%s' is already in use",
                    node->name);
        return false;
    }
    return !ops || !ops->accepts ||
           ops->accepts(drive->attach.opaque, (node->length + 511) & ~511ull, error);
}

static bool insert(BlockDrive *drive, BlockNode *node, GError **error)
{
    bool never = ops_of(drive) && drive->attach.ops->never_writes;
    unsigned perm = 0, shared = PERM_ALL;

    if (drive->attached) {
        drive->attach.read_only = never || node->read_only;
        perm = PERM_CONSISTENT_READ | (drive->attach.read_only ? 0 : PERM_WRITE);
        shared = drive->attach.share_rw ? PERM_ALL : PERM_ALL & ~PERM_WRITE;
    }
    drive->root = block_edge_new(node, NULL, drive, perm, shared, error);
    if (!drive->root) {
        return false;
    }
    drive->read_only = node->read_only;
    if (!has_tray(drive)) {
        tell_device(drive, true);
    }
    return true;
}

bool block_drive_insert_medium(BlockDrive *drive, const char *node_name, GError **error)
{
    BlockNode *node;

    if (!check_open(drive, error)) {
        return false;
    }
    if (drive->root) {
        return refuse(drive, BLOCK_ERROR_BUSY, "There already is a medium in device '%s'", error);
    }
    node = blocks_find_node(drive->blocks, node_name);
    if (!node) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND, "Node '%s' not found",
                    node_name);
        return false;
    }
    return check_medium(drive, node, error) && insert(drive, node, error);
}

bool block_drive_change_medium(BlockDrive *drive, const BlockNewMedium *medium, GError **error)
{
    bool read_only = medium->mode == BLOCK_MEDIUM_RETAIN ? block_drive_read_only(drive)
                                                         : medium->mode == BLOCK_MEDIUM_READ_ONLY;
    BlockNode *node;
    bool good;

    if (!check_removable(drive, error)) {
        return false;
    }
    node = block_open_image(drive->blocks, medium->filename, medium->format, read_only, error);
    if (!node) {
        return false;
    }
    good = check_medium(drive, node, error) && block_drive_open_tray(drive, medium->force, error) &&
           block_drive_remove_medium(drive, error) && insert(drive, node, error) &&
           block_drive_close_tray(drive, error);
    block_node_unref(node);
    return good;
}
