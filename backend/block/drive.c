/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives: what a guest device holds. Attach and detach, requests with statistics, the write cache
 * and the error policy.
 */
#include "block-priv.h"

#include <errno.h>
#include <string.h>

const char *const block_on_error_names[] = { "auto", "report", "ignore", "stop", "enospc", NULL };

/* ---- attach ---- */

static BlockDrive *new_anonymous(Blocks *blocks)
{
    BlockDrive *drive = g_new0(BlockDrive, 1);

    drive->blocks = blocks;
    drive->id = g_strdup("");
    drive->anonymous = true;
    drive->write_cache = true;
    drive->info.index = drive->info.bus = drive->info.unit = -1;
    return drive;
}

static BlockDrive *drive_for(Blocks *blocks, const char *name, GError **error)
{
    BlockDrive *drive = blocks_find_drive(blocks, name);
    BlockNode *node;

    if (drive) {
        if (drive->attached || drive->dying) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                        "drive '%s' is already in use by another block device", name);
            return NULL;
        }
        return drive;
    }
    node = blocks_find_node(blocks, name);
    if (!node) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_NOT_FOUND,
                    "cannot find drive or node '%s'", name);
        return NULL;
    }
    drive = new_anonymous(blocks);
    drive->root = block_edge_new(node, NULL, drive, 0, PERM_ALL, error);
    if (!drive->root) {
        g_free(drive->id);
        g_free(drive);
        return NULL;
    }
    drive->read_only = node->read_only;
    g_ptr_array_add(blocks->drives, drive);
    return drive;
}

static bool take_permissions(BlockDrive *drive, const BlockAttach *attach, GError **error)
{
    unsigned perm = PERM_CONSISTENT_READ, shared = PERM_ALL & ~PERM_WRITE;

    if (!drive->root) {
        return true;
    }
    if (!attach->read_only) {
        perm |= PERM_WRITE;
    }
    if (attach->share_rw) {
        shared |= PERM_WRITE;
    }
    return block_edge_set_perm(drive->root, perm, shared, error);
}

static BlockDrive *attach_to(BlockDrive *drive, const BlockAttach *attach, GError **error)
{
    bool failed = drive->root && !attach->read_only && drive->read_only;

    if (failed) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_CONFIG, "block node is read-only: '%s'",
                    *drive->id ? drive->id : drive->root->node->name);
    }
    if (failed || !take_permissions(drive, attach, error)) {
        if (drive->anonymous) {
            g_ptr_array_remove(drive->blocks->drives, drive);
        }
        return NULL;
    }
    drive->attach = *attach;
    drive->attached = true;
    drive->on_read_error = attach->on_read_error ? attach->on_read_error : drive->drive_read_error;
    drive->on_write_error =
        attach->on_write_error ? attach->on_write_error : drive->drive_write_error;
    if (attach->write_cache != ONOFFAUTO_AUTO) {
        drive->write_cache = attach->write_cache == ONOFFAUTO_ON;
    }
    return drive;
}

BlockDrive *block_drive_attach(Blocks *blocks, const char *name, const BlockAttach *attach,
                               GError **error)
{
    BlockDrive *drive = drive_for(blocks, name, error);

    return drive ? attach_to(drive, attach, error) : NULL;
}

BlockDrive *block_drive_attach_empty(Blocks *blocks, const BlockAttach *attach, GError **error)
{
    BlockDrive *drive = new_anonymous(blocks);

    g_ptr_array_add(blocks->drives, drive);
    return attach_to(drive, attach, error);
}

void block_drive_detach(BlockDrive *drive)
{
    Blocks *blocks = drive->blocks;

    block_drive_drain(drive);
    drive->attached = false;
    drive->attach = (BlockAttach){ 0 };
    if (drive->anonymous || drive->dying) {
        g_ptr_array_remove(blocks->drives, drive);
        return;
    }
    if (drive->root) {
        block_edge_set_perm(drive->root, 0, PERM_ALL, NULL);
    }
}

void block_drive_notify_resized(BlockDrive *drive)
{
    if (drive->attached && drive->attach.ops && drive->attach.ops->resized) {
        drive->attach.ops->resized(drive->attach.opaque);
    }
}

/* ---- what it is ---- */

const char *block_drive_id(const BlockDrive *drive)
{
    return drive->id;
}

BlockDriveInfo *block_drive_info(BlockDrive *drive)
{
    return &drive->info;
}

bool block_drive_has_medium(const BlockDrive *drive)
{
    return drive->root != NULL;
}

bool block_drive_read_only(const BlockDrive *drive)
{
    return drive->root ? drive->root->node->read_only : drive->read_only;
}

uint64_t block_drive_length(const BlockDrive *drive)
{
    return drive->root ? (drive->root->node->length + 511) & ~511ull : 0;
}

bool block_drive_can_discard(const BlockDrive *drive)
{
    return drive->root && drive->root->node->discard_unmap;
}

bool block_drive_write_cache(const BlockDrive *drive)
{
    return drive->write_cache;
}

void block_drive_set_write_cache(BlockDrive *drive, bool enable)
{
    drive->write_cache = enable;
}

uint32_t block_drive_alignment(const BlockDrive *drive)
{
    return drive->root ? drive->root->node->alignment : 512;
}

void block_drive_geometry(const BlockDrive *drive, uint32_t *cyls, uint32_t *heads, uint32_t *secs)
{
    uint64_t sectors = block_drive_length(drive) / 512;

    *heads = 16;
    *secs = 63;
    *cyls = (uint32_t)CLAMP(sectors / (16 * 63), 2, 16383);
}

const BlockStats *block_drive_stats(const BlockDrive *drive)
{
    return &drive->stats;
}

void block_drive_account_invalid(BlockDrive *drive, int stat)
{
    drive->stats.invalid[stat]++;
    drive->stats.last_access_ns = clock_now_ns(drive->blocks->vm, CLOCK_KIND_REALTIME);
}

void block_drive_account_merged(BlockDrive *drive, int stat, unsigned n)
{
    drive->stats.merged[stat] += n;
}

/* ---- requests ---- */

typedef struct {
    BlockDrive *drive;
    BlockDone done;
    void *opaque;
    int stat;
    uint64_t offset, bytes;
    int64_t start_ns;
} DriveRequest;

static void drive_done(void *opaque, int ret)
{
    DriveRequest *dr = opaque;
    BlockDrive *drive = dr->drive;
    BlockStats *st = &drive->stats;
    int64_t now = clock_now_ns(drive->blocks->vm, CLOCK_KIND_REALTIME);

    if (ret) {
        st->failed[dr->stat]++;
    } else {
        st->ops[dr->stat]++;
        st->bytes[dr->stat] += dr->bytes;
        if (dr->stat == BLOCK_STAT_WRITE) {
            st->highest_write = MAX(st->highest_write, dr->offset + dr->bytes);
        }
    }
    st->time_ns[dr->stat] += (uint64_t)(now - dr->start_ns);
    st->last_access_ns = now;
    dr->done(dr->opaque, ret);
    drive->inflight--;
    g_free(dr);
}

static void submit(BlockDrive *drive, BlockOp op, int stat, uint64_t offset, uint64_t bytes,
                   const struct iovec *iov, int niov, unsigned flags, BlockDone done, void *opaque)
{
    DriveRequest *dr = g_new(DriveRequest, 1);

    *dr = (DriveRequest){ drive,
                          done,
                          opaque,
                          stat,
                          offset,
                          bytes,
                          clock_now_ns(drive->blocks->vm, CLOCK_KIND_REALTIME) };
    if (!drive->write_cache && (op == BLOCK_OP_WRITE || op == BLOCK_OP_ZEROES)) {
        flags |= BLOCK_REQ_FUA;
    }
    drive->inflight++;
    if (!drive->root) {
        blocks_fail_later(drive->blocks, -ENOMEDIUM, drive_done, dr);
        return;
    }
    block_node_submit(drive->root->node, op, offset, bytes, iov, niov, flags, drive_done, dr);
}

void block_aio_preadv(BlockDrive *drive, uint64_t offset, const struct iovec *iov, int niov,
                      BlockDone done, void *opaque)
{
    submit(drive, BLOCK_OP_READ, BLOCK_STAT_READ, offset, iov_bytes(iov, niov), iov, niov, 0, done,
           opaque);
}

void block_aio_pwritev(BlockDrive *drive, uint64_t offset, const struct iovec *iov, int niov,
                       unsigned flags, BlockDone done, void *opaque)
{
    submit(drive, BLOCK_OP_WRITE, BLOCK_STAT_WRITE, offset, iov_bytes(iov, niov), iov, niov, flags,
           done, opaque);
}

void block_aio_flush(BlockDrive *drive, BlockDone done, void *opaque)
{
    submit(drive, BLOCK_OP_FLUSH, BLOCK_STAT_FLUSH, 0, 0, NULL, 0, 0, done, opaque);
}

void block_aio_discard(BlockDrive *drive, uint64_t offset, uint64_t bytes, BlockDone done,
                       void *opaque)
{
    submit(drive, BLOCK_OP_DISCARD, BLOCK_STAT_UNMAP, offset, bytes, NULL, 0, 0, done, opaque);
}

void block_aio_write_zeroes(BlockDrive *drive, uint64_t offset, uint64_t bytes, unsigned flags,
                            BlockDone done, void *opaque)
{
    submit(drive, BLOCK_OP_ZEROES, BLOCK_STAT_WRITE, offset, bytes, NULL, 0, flags, done, opaque);
}

typedef struct {
    BlockDrive *drive;
    BlockDone done;
    void *opaque;
} Later;

static void later_done(void *opaque, int ret)
{
    Later *later = opaque;

    later->done(later->opaque, ret);
    later->drive->inflight--;
    g_free(later);
}

void block_drive_fail_later(BlockDrive *drive, int ret, BlockDone done, void *opaque)
{
    Later *later = g_new(Later, 1);

    *later = (Later){ drive, done, opaque };
    drive->inflight++;
    blocks_fail_later(drive->blocks, ret, later_done, later);
}

static void sync_done(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

int block_drive_pread(BlockDrive *drive, uint64_t offset, void *buf, size_t bytes)
{
    struct iovec iov = { .iov_base = buf, .iov_len = bytes };
    int ret = -EIO;

    block_aio_preadv(drive, offset, &iov, 1, sync_done, &ret);
    block_drive_drain(drive);
    return ret;
}

int block_drive_pwrite(BlockDrive *drive, uint64_t offset, const void *buf, size_t bytes)
{
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = bytes };
    int ret = -EIO;

    block_aio_pwritev(drive, offset, &iov, 1, 0, sync_done, &ret);
    block_drive_drain(drive);
    return ret;
}

void block_drive_drain(BlockDrive *drive)
{
    blocks_wait(drive->blocks, &drive->inflight);
}

/* ---- errors ---- */

static BlockErrorAction decide(const BlockDrive *drive, bool is_read, int error_number)
{
    BlockOnError policy = is_read ? drive->on_read_error : drive->on_write_error;

    switch (policy) {
    case BLOCK_ON_ERROR_IGNORE: return BLOCK_ACTION_IGNORE;
    case BLOCK_ON_ERROR_STOP: return BLOCK_ACTION_STOP;
    case BLOCK_ON_ERROR_AUTO:
        return !is_read && error_number == ENOSPC ? BLOCK_ACTION_STOP : BLOCK_ACTION_REPORT;
    case BLOCK_ON_ERROR_ENOSPC:
        return error_number == ENOSPC ? BLOCK_ACTION_STOP : BLOCK_ACTION_REPORT;
    case BLOCK_ON_ERROR_REPORT: break;
    }
    return BLOCK_ACTION_REPORT;
}

BlockErrorAction block_drive_handle_error(BlockDrive *drive, bool is_read, int error_number)
{
    static const char *const names[] = { "report", "ignore", "stop" };
    BlockErrorAction action = decide(drive, is_read, error_number);
    bool stops = (is_read ? drive->on_read_error : drive->on_write_error) >= BLOCK_ON_ERROR_STOP ||
                 action == BLOCK_ACTION_STOP;
    g_autofree char *path = NULL;
    GVariantBuilder data;

    if (drive->attached && drive->attach.ops && drive->attach.ops->device_path) {
        path = drive->attach.ops->device_path(drive->attach.opaque);
    }
    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "qom-path", g_variant_new_string(path ? path : ""));
    g_variant_builder_add(&data, "{sv}", "device", g_variant_new_string(drive->id));
    if (drive->root) {
        g_variant_builder_add(&data, "{sv}", "node-name",
                              g_variant_new_string(drive->root->node->name));
    }
    g_variant_builder_add(&data, "{sv}", "operation",
                          g_variant_new_string(is_read ? "read" : "write"));
    g_variant_builder_add(&data, "{sv}", "action", g_variant_new_string(names[action]));
    if (stops) {
        g_variant_builder_add(&data, "{sv}", "nospace",
                              g_variant_new_boolean(error_number == ENOSPC));
    }
    g_variant_builder_add(&data, "{sv}", "reason", g_variant_new_string(g_strerror(error_number)));
    if (action == BLOCK_ACTION_STOP) {
        drive->io_failed = true;
        drive->io_nospace = error_number == ENOSPC;
        vm_stop_request(drive->blocks->vm, RUN_STATE_IO_ERROR);
    }
    vm_event(drive->blocks->vm, "BLOCK_IO_ERROR", g_variant_builder_end(&data));
    return action;
}

void block_drive_view(BlockDrive *drive, BlockDriveView *view)
{
    bool stops = drive->on_read_error == BLOCK_ON_ERROR_STOP ||
                 drive->on_read_error == BLOCK_ON_ERROR_ENOSPC ||
                 drive->on_write_error == BLOCK_ON_ERROR_STOP ||
                 drive->on_write_error == BLOCK_ON_ERROR_ENOSPC ||
                 drive->on_write_error == BLOCK_ON_ERROR_AUTO;

    *view = (BlockDriveView){
        .id = drive->id,
        .node = drive->root ? drive->root->node : NULL,
        .removable = block_drive_removable(drive),
        .has_tray = block_drive_has_tray(drive),
        .tray_open = block_drive_tray_open(drive),
        .locked = block_drive_tray_locked(drive),
        .qdev = block_drive_device_id(drive),
        .writeback = drive->write_cache,
        .on_read_error = drive->on_read_error,
        .on_write_error = drive->on_write_error,
        .io_status = !stops              ? NULL
                     : drive->io_nospace ? "nospace"
                     : drive->io_failed  ? "failed"
                                         : "ok",
    };
}

void block_drive_view_clear(BlockDriveView *view)
{
    g_clear_pointer(&view->qdev, g_free);
}
