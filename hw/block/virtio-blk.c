/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block device (virtio 1.2, section 5.2): read, write, flush, get-id, discard and write-zeroes.
 *
 * A request lives from pop to push. One that failed and whose policy is "stop" waits in `retry` and is
 * submitted again when the VM runs. The VM's stop drains, so that nothing is under way in a saved
 * state but what waits in `retry`.
 */
#include "hw/block/virtio-blk.h"

#include <errno.h>
#include <string.h>

#include "backend/block/block.h"
#include "base/util/bits.h"
#include "base/util/endian.h"
#include "hw/core/machine.h"
#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-pci.h"

enum {
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_GET_ID = 8,
    T_DISCARD = 11,
    T_WRITE_ZEROES = 13
};
enum {
    S_OK = 0,
    S_IOERR = 1,
    S_UNSUPP = 2
};
enum {
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_CONFIG_WCE = 11,
    F_MQ = 12,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};
#define HEADER_BYTES  16
#define ID_BYTES      20
#define SECTOR        512
#define RANGE_BYTES   16 /* u64 sector, u32 count, u32 flags */
#define WZ_UNMAP      1u
#define QUEUES_AUTO   0xffff
#define SECTORS_LIMIT (INT64_MAX / SECTOR)

typedef struct VirtioBlk VirtioBlk;

typedef struct Request {
    VirtqElement elem; /* first */
    VirtioBlk *blk;
    VirtQueue *vq;
    uint32_t type;
    uint64_t sector;
    size_t in_len; /* bytes that the driver sees written, with the status byte */
    uint8_t range[RANGE_BYTES];
    struct Request *next; /* in retry */
} Request;

struct VirtioBlk {
    VirtioDevice vdev; /* first */
    /* properties */
    char *drive_name, *serial;
    uint16_t num_queues, queue_size;
    bool config_wce, request_merging, discard, write_zeroes, seg_max_adjust, share_rw;
    bool report_discard_granularity, enable_wce_if_config_wce;
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    uint64_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint64_t discard_granularity;
    uint32_t cyls, heads, secs, lcyls, lheads, lsecs;
    int32_t bootindex;
    int werror, rerror; /* BlockOnError */
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    /* state */
    BlockDrive *drive;
    uint64_t told_bytes;    /* size that the driver knows */
    bool first_write_cache; /* what a reset returns to */
    Request *retry;         /* newest first */
    GArray *parked; /* VirtioParked, oldest first: came with a migration, not yet looked at */
    unsigned inflight;
};

/* ---- completion ---- */

static void finish(Request *req, uint8_t status)
{
    VirtioBlk *blk = req->blk;
    size_t size = virtq_in_bytes(&req->elem);

    virtq_write_in(&req->elem, size - 1, &status, 1);
    virtqueue_push(req->vq, &req->elem, (uint32_t)MIN(req->in_len, UINT32_MAX));
    virtio_notify(&blk->vdev, req->vq);
    virtq_element_free(req);
}

/* True: the request is dealt with (put aside); false: report the error or success in *status. */
static bool failed(Request *req, int ret, uint8_t *status)
{
    VirtioBlk *blk = req->blk;

    *status = S_OK;
    if (!ret) {
        return false;
    }
    switch (block_drive_handle_error(blk->drive, req->type == T_IN, -ret)) {
    case BLOCK_ACTION_STOP:
        req->next = blk->retry;
        blk->retry = req;
        return true;
    case BLOCK_ACTION_IGNORE: return false;
    case BLOCK_ACTION_REPORT: break;
    }
    *status = S_IOERR;
    return false;
}

static void request_done(void *opaque, int ret)
{
    Request *req = opaque;
    uint8_t status;

    req->blk->inflight--;
    if (!failed(req, ret, &status)) {
        finish(req, status);
    }
}

/* ---- submission ---- */

static bool range_ok(const VirtioBlk *blk, uint64_t sector, uint64_t bytes)
{
    uint64_t total = block_drive_length(blk->drive) / SECTOR;

    return sector <= SECTORS_LIMIT && !(bytes % SECTOR) &&
           !((sector * SECTOR | bytes) & (blk->logical_block_size - 1)) && sector <= total &&
           bytes / SECTOR <= total - sector;
}

static void submit_rw(Request *req)
{
    VirtioBlk *blk = req->blk;
    bool write = req->type == T_OUT;
    const VirtqElement *e = &req->elem;
    struct iovec iov[VIRTIO_RING_MAX + 1];
    size_t bytes = write ? virtq_out_bytes(e) - HEADER_BYTES : virtq_in_bytes(e) - 1;
    int n = write ? virtq_iov_slice(e->out_sg, (int)e->out_num, HEADER_BYTES, bytes, iov)
                  : virtq_iov_slice(e->in_sg, (int)e->in_num, 0, bytes, iov);

    if (!range_ok(blk, req->sector, bytes)) {
        block_drive_account_invalid(blk->drive, write ? BLOCK_STAT_WRITE : BLOCK_STAT_READ);
        finish(req, S_IOERR);
        return;
    }
    if (!write) {
        req->in_len = bytes + 1;
    }
    blk->inflight++;
    if (write) {
        block_aio_pwritev(blk->drive, req->sector * SECTOR, iov, n, 0, request_done, req);
    } else {
        block_aio_preadv(blk->drive, req->sector * SECTOR, iov, n, request_done, req);
    }
}

static void submit_range(Request *req)
{
    VirtioBlk *blk = req->blk;
    bool zeroes = req->type == T_WRITE_ZEROES;
    uint32_t flags, limit;
    uint64_t sector, count;

    if (!virtio_has(&blk->vdev, zeroes ? F_WRITE_ZEROES : F_DISCARD) ||
        virtq_out_bytes(&req->elem) != HEADER_BYTES + RANGE_BYTES) {
        finish(req, S_UNSUPP);
        return;
    }
    /* Read once: the guest must not change it between check and use. */
    virtq_read_out(&req->elem, HEADER_BYTES, req->range, RANGE_BYTES);
    sector = virtio_ld64(&blk->vdev, req->range);
    count = virtio_ld32(&blk->vdev, req->range + 8);
    flags = virtio_ld32(&blk->vdev, req->range + 12);
    limit = zeroes ? blk->max_write_zeroes_sectors : blk->max_discard_sectors;
    if (flags & ~(zeroes ? WZ_UNMAP : 0)) {
        finish(req, S_UNSUPP);
        return;
    }
    if (count > limit || !range_ok(blk, sector, count * SECTOR)) {
        block_drive_account_invalid(blk->drive, zeroes ? BLOCK_STAT_WRITE : BLOCK_STAT_UNMAP);
        finish(req, S_IOERR);
        return;
    }
    blk->inflight++;
    if (zeroes) {
        block_aio_write_zeroes(blk->drive, sector * SECTOR, count * SECTOR,
                               flags & WZ_UNMAP ? BLOCK_REQ_MAY_UNMAP : 0, request_done, req);
    } else {
        block_aio_discard(blk->drive, sector * SECTOR, count * SECTOR, request_done, req);
    }
}

static void get_id(Request *req)
{
    VirtioBlk *blk = req->blk;
    char id[ID_BYTES] = { 0 };
    size_t room = virtq_in_bytes(&req->elem) - 1;

    if (blk->serial) {
        memcpy(id, blk->serial, MIN(strlen(blk->serial), ID_BYTES));
    }
    room = virtq_write_in(&req->elem, 0, id, MIN(room, sizeof(id)));
    req->in_len = room + 1;
    finish(req, S_OK);
}

static void submit(Request *req)
{
    VirtioBlk *blk = req->blk;

    switch (req->type) {
    case T_OUT:
        if (block_drive_read_only(blk->drive)) {
            finish(req, S_IOERR);
            break;
        }
        submit_rw(req);
        break;
    case T_IN: submit_rw(req); break;
    case T_FLUSH:
        blk->inflight++;
        block_aio_flush(blk->drive, request_done, req);
        break;
    case T_GET_ID: get_id(req); break;
    case T_DISCARD:
    case T_WRITE_ZEROES: submit_range(req); break;
    default: finish(req, S_UNSUPP); break;
    }
}

/* False after an error of the driver. */
static bool start(VirtioBlk *blk, VirtQueue *vq, Request *req)
{
    uint8_t header[HEADER_BYTES];

    req->blk = blk;
    req->vq = vq;
    if (!req->elem.out_num || !req->elem.in_num ||
        virtq_read_out(&req->elem, 0, header, HEADER_BYTES) != HEADER_BYTES) {
        virtio_error(&blk->vdev, "virtio-blk: request without a header or a status byte");
        virtqueue_detach(vq, &req->elem);
        virtq_element_free(req);
        return false;
    }
    req->type =
        virtio_ld32(&blk->vdev, header) & ~0x80000000u; /* the old barrier bit means nothing */
    req->sector = virtio_ld64(&blk->vdev, header + 8);
    req->in_len = 1;
    submit(req);
    return true;
}

static void serve(VirtioBlk *blk, VirtQueue *vq)
{
    VirtioDevice *vdev = &blk->vdev;
    Request *req;

    if (!vdev->vm_running || blk->retry) {
        return;
    }
    do {
        virtqueue_set_notification(vq, false);
        while ((req = virtqueue_pop(vq, sizeof(*req)))) {
            if (!start(blk, vq, req)) {
                return;
            }
        }
        virtqueue_set_notification(vq, true);
    } while (!virtqueue_empty(vq));
}

static void handle_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    serve((VirtioBlk *)vdev, vq);
}

/* ---- stop, run, reset ---- */

static void retry_all(VirtioBlk *blk)
{
    Request *list = NULL, *req;

    while ((req = blk->retry)) { /* oldest first */
        blk->retry = req->next;
        req->next = list;
        list = req;
    }
    while ((req = list)) {
        list = req->next;
        req->next = NULL;
        submit(req);
    }
}

/* The requests that came parked with a migration, now that the guest's memory may be used. */
static void start_parked(VirtioBlk *blk)
{
    g_autoptr(GArray) parked = blk->parked;

    blk->parked = g_array_new(FALSE, FALSE, sizeof(VirtioParked));
    for (guint i = 0; i < parked->len; i++) {
        const VirtioParked *p = &g_array_index(parked, VirtioParked, i);
        VirtQueue *vq = &blk->vdev.queues[p->queue];
        Request *req = virtqueue_take_again(vq, p->head, sizeof(*req));

        if (!req || !start(blk, vq, req)) {
            return;
        }
    }
}

static void drop_retries(VirtioBlk *blk)
{
    Request *req;

    if (blk->parked) {
        g_array_set_size(blk->parked, 0);
    }

    while ((req = blk->retry)) {
        blk->retry = req->next;
        virtqueue_detach(req->vq, &req->elem);
        virtq_element_free(req);
    }
}

static void set_status(VirtioDevice *vdev, uint8_t status)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    if (!vdev->vm_running) {
        block_drive_drain(blk->drive);
        return;
    }
    if (!(status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    start_parked(blk);
    retry_all(blk);
    for (unsigned i = 0; i < blk->num_queues; i++) {
        if (virtqueue_ready(&vdev->queues[i])) {
            serve(blk, &vdev->queues[i]);
        }
    }
}

static void reset(VirtioDevice *vdev)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    block_drive_drain(blk->drive);
    drop_retries(blk);
    block_drive_set_write_cache(blk->drive, blk->first_write_cache);
}

static void queue_reset(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    block_drive_drain(blk->drive);
    drop_retries(blk);
}

/* ---- config and features ---- */

static void get_config(VirtioDevice *vdev, uint8_t *c)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;
    uint32_t seg_max = blk->seg_max_adjust ? blk->queue_size - 2u : 126;
    uint32_t lbs = (uint32_t)blk->logical_block_size;

    virtio_st64(vdev, c, block_drive_length(blk->drive) / SECTOR);
    virtio_st32(vdev, c + 12, seg_max);
    virtio_st16(vdev, c + 16, (uint16_t)MIN(blk->cyls, UINT16_MAX));
    c[18] = (uint8_t)blk->heads;
    c[19] = (uint8_t)blk->secs;
    virtio_st32(vdev, c + 20, lbs);
    c[24] = (uint8_t)bits_log2_floor(blk->physical_block_size / lbs);
    virtio_st16(vdev, c + 26, (uint16_t)MIN(blk->min_io_size / lbs, UINT16_MAX));
    virtio_st32(vdev, c + 28, (uint32_t)(blk->opt_io_size / lbs));
    c[32] = block_drive_write_cache(blk->drive);
    virtio_st16(vdev, c + 34, blk->num_queues);
    if (vdev->config_len <= 36) {
        return;
    }
    virtio_st32(vdev, c + 36, blk->max_discard_sectors);
    virtio_st32(vdev, c + 40, 1);
    virtio_st32(vdev, c + 44, (uint32_t)(blk->discard_granularity / SECTOR));
    virtio_st32(vdev, c + 48, blk->max_write_zeroes_sectors);
    virtio_st32(vdev, c + 52, 1);
    c[56] = 1; /* write zeroes may unmap */
}

static void set_config(VirtioDevice *vdev, const uint8_t *c)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    if (blk->config_wce) {
        block_drive_set_write_cache(blk->drive, c[32] != 0);
    }
}

static uint64_t features(VirtioDevice *vdev, uint64_t wanted)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;
    uint64_t f = VIRTIO_BIT(F_SEG_MAX) | VIRTIO_BIT(F_GEOMETRY) | VIRTIO_BIT(F_BLK_SIZE) |
                 VIRTIO_BIT(F_FLUSH) | VIRTIO_BIT(F_TOPOLOGY);

    if (blk->config_wce) {
        f |= VIRTIO_BIT(F_CONFIG_WCE);
    }
    if (block_drive_read_only(blk->drive)) {
        f |= VIRTIO_BIT(F_RO);
    }
    if (blk->num_queues > 1) {
        f |= VIRTIO_BIT(F_MQ);
    }
    if (blk->discard) {
        f |= VIRTIO_BIT(F_DISCARD);
    }
    if (blk->write_zeroes) {
        f |= VIRTIO_BIT(F_WRITE_ZEROES);
    }
    return f;
}

/* A driver that knows no flush cannot have a write cache in its back. */
static void set_features(VirtioDevice *vdev, uint64_t f)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    if (f && !(f & (VIRTIO_BIT(F_FLUSH) | VIRTIO_BIT(F_CONFIG_WCE)))) {
        block_drive_set_write_cache(blk->drive, false);
    }
}

/* ---- realize ---- */

/* Also called when the image was opened anew, as after a migration, and is as large as before. */
static void resized(void *opaque)
{
    VirtioBlk *blk = opaque;
    uint64_t bytes = block_drive_length(blk->drive);

    if (bytes != blk->told_bytes) {
        blk->told_bytes = bytes;
        virtio_notify_config(opaque);
    }
}

static char *path_of(void *opaque)
{
    return object_path(opaque);
}

static const BlockDriveOps drive_ops = { .resized = resized, .device_path = path_of };

static bool check_size(const char *name, uint64_t value, GError **error)
{
    if (value && (value < 512 || value > 2 * 1024 * 1024 || !bits_is_pow2(value))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property '%s' is %" G_GUINT64_FORMAT
                    ", expected a power of two between 512 and 2097152",
                    name, value);
        return false;
    }
    return true;
}

static bool check_properties(VirtioBlk *blk, GError **error)
{
    if (!blk->drive_name || !*blk->drive_name) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "drive property not set");
        return false;
    }
    if (!check_size("logical_block_size", blk->logical_block_size, error) ||
        !check_size("physical_block_size", blk->physical_block_size, error)) {
        return false;
    }
    if (blk->num_queues == QUEUES_AUTO) {
        blk->num_queues = 1;
    }
    if (!blk->num_queues || blk->num_queues > VIRTIO_QUEUE_MAX) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "num-queues is %u, expected 1 to %d", blk->num_queues, VIRTIO_QUEUE_MAX);
        return false;
    }
    if (blk->queue_size < 4 || blk->queue_size > VIRTIO_RING_MAX ||
        !bits_is_pow2(blk->queue_size)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "invalid queue-size property (%u), must be a power of 2 between 4 and %d",
                    blk->queue_size, VIRTIO_RING_MAX);
        return false;
    }
    if (blk->serial && strlen(blk->serial) > ID_BYTES) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "serial '%s' is longer than %d bytes", blk->serial, ID_BYTES);
        return false;
    }
    return true;
}

static bool attach(VirtioBlk *blk, GError **error)
{
    Blocks *blocks = vm_blocks(virtio_vm(&blk->vdev));
    BlockAttach a = {
        .ops = &drive_ops,
        .opaque = blk,
        .share_rw = blk->share_rw,
        .on_read_error = (BlockOnError)blk->rerror,
        .on_write_error = (BlockOnError)blk->werror,
        .write_cache = blk->write_cache,
    };

    if (!blocks) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "no drive '%s'", blk->drive_name);
        return false;
    }
    a.read_only = blocks_is_read_only(blocks, blk->drive_name);
    blk->drive = block_drive_attach(blocks, blk->drive_name, &a, error);
    if (!blk->drive) {
        return false;
    }
    if (!block_drive_has_medium(blk->drive)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "device needs media, but drive is empty");
        block_drive_detach(blk->drive);
        blk->drive = NULL;
        return false;
    }
    blk->told_bytes = block_drive_length(blk->drive);
    return true;
}

static void settle_sizes(VirtioBlk *blk)
{
    uint32_t c, h, s;

    block_drive_geometry(blk->drive, &c, &h, &s);
    blk->cyls = blk->cyls ? blk->cyls : c;
    blk->heads = blk->heads ? blk->heads : h;
    blk->secs = blk->secs ? blk->secs : s;
    if (!blk->logical_block_size) {
        blk->logical_block_size = 512;
    }
    if (blk->physical_block_size < blk->logical_block_size) {
        blk->physical_block_size = blk->logical_block_size;
    }
    if (blk->discard_granularity == UINT32_MAX || !blk->report_discard_granularity) {
        blk->discard_granularity = blk->logical_block_size;
    }
    blk->vdev.config_len = blk->discard || blk->write_zeroes ? 60 : 36;
}

static bool realize(VirtioDevice *vdev, GError **error)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    if (!check_properties(blk, error) || !attach(blk, error)) {
        return false;
    }
    blk->parked = g_array_new(FALSE, FALSE, sizeof(VirtioParked));
    blk->first_write_cache = block_drive_write_cache(blk->drive);
    settle_sizes(blk);
    for (unsigned i = 0; i < blk->num_queues; i++) {
        virtio_add_queue(vdev, blk->queue_size, handle_queue);
    }
    return true;
}

static void unrealize(VirtioDevice *vdev)
{
    VirtioBlk *blk = (VirtioBlk *)vdev;

    block_drive_detach(blk->drive);
    blk->drive = NULL;
    g_clear_pointer(&blk->parked, g_array_unref);
}

/* A queue a CPU unless the user says otherwise. */
static void choose_queues(VirtioBlk *blk)
{
    Machine *m = vm_machine(virtio_vm(&blk->vdev));

    if (blk->num_queues == QUEUES_AUTO) {
        blk->num_queues = (uint16_t)(m && m->smp.cpus ? MIN(m->smp.cpus, 1023u) : 1);
    }
}

static bool prepare_ccw(VirtioCcw *proxy, GError **error)
{
    choose_queues((VirtioBlk *)proxy->backend);
    return true;
}

static bool prepare_pci(VirtioPci *proxy, GError **error)
{
    choose_queues((VirtioBlk *)proxy->backend);
    return true;
}

/* ---- migrated state ---- */

/*
 * Requests under way: none after the stop, but for those that an error has parked. QEMU's list of them
 * dumps addresses of the sender; ours, in a subsection, names their chains, which are read again. A
 * sender that cannot (or is not us) says `more_requests`, which is refused here.
 */
VIRTIO_PARKED_FIELDS(parked, "virtio-blk-parked");
static const Record parked_record = { .name = "virtio-blk-requests/parked",
                                      .version = 1,
                                      .min_version = 1,
                                      .size = sizeof(VirtioParkedSaved),
                                      .fields = parked_fields,
                                      .needed = virtio_parked_needed };
static const Record *const blk_subsections[] = { &parked_record, NULL };
static const Field blk_own_fields[] = { F_U8(VirtioParkedSaved, more_requests), F_END };
static const Record blk_own = { .name = "virtio-blk-requests",
                                .version = 1,
                                .min_version = 1,
                                .size = sizeof(VirtioParkedSaved),
                                .fields = blk_own_fields,
                                .subsections = blk_subsections };

static void blk_save(void *owner, void *p)
{
    VirtioBlk *blk = owner;
    VirtioSaved *saved = p;
    VirtioParkedSaved *own = (VirtioParkedSaved *)(void *)saved->device.bytes;

    virtio_save(owner, saved);
    own->more_requests = blk->retry && virtio_has(&blk->vdev, VIRTIO_F_RING_PACKED);
    for (guint i = 0; i < blk->parked->len; i++) {
        const VirtioParked *parked = &g_array_index(blk->parked, VirtioParked, i);

        virtio_parked_add(own, parked->queue, parked->head);
    }
    g_autoptr(GPtrArray) retry = g_ptr_array_new();
    for (Request *req = blk->retry; req; req = req->next) {
        g_ptr_array_add(retry, req);
    }
    for (guint i = retry->len; i > 0; i--) { /* oldest first */
        const Request *req = g_ptr_array_index(retry, i - 1);

        virtio_parked_add(own, req->vq->index, req->elem.index);
    }
}

static bool blk_check(void *owner, const void *p, GError **error)
{
    const VirtioSaved *saved = p;

    return virtio_check(owner, saved, error) &&
           virtio_parked_check(saved, (const VirtioParkedSaved *)(const void *)saved->device.bytes,
                               error);
}

static void blk_install(void *owner, const void *saved)
{
    VirtioBlk *blk = owner;
    const VirtioSaved *v = saved;
    const VirtioParkedSaved *own = (const VirtioParkedSaved *)(const void *)v->device.bytes;

    virtio_install(owner, saved);
    if (v->config_len > 32 && blk->config_wce) {
        block_drive_set_write_cache(blk->drive, v->config[32] != 0);
    }
    g_array_set_size(blk->parked, 0);
    g_array_append_vals(blk->parked, own->parked, own->count);
}

static void blk_installed(void *owner)
{
    virtio_installed(owner);
}

static const SectionOps blk_section_ops = { blk_save, blk_check, blk_install, blk_installed };
static const Field blk_saved_fields[] = {
    VIRTIO_SAVED_COMMON_FIELDS,
    VIRTIO_SAVED_DEVICE_FIELD(VirtioParkedSaved, blk_own),
    F_END,
};
static const Record blk_inner = VIRTIO_SAVED_INNER(blk_saved_fields);
VIRTIO_SECTION(blk, "virtio-blk", 2, blk_inner, blk_section_ops);

#define BLK_PROPERTIES(P)                                                                        \
    P(PROP_NAME, VirtioBlk, drive_name, "drive", NULL, .link_type = "drive"),                    \
        P(PROP_STR, VirtioBlk, serial, "serial", NULL),                                          \
        P(PROP_U16, VirtioBlk, num_queues, "num-queues", "65535"),                               \
        P(PROP_U16, VirtioBlk, queue_size, "queue-size", "256"),                                 \
        P(PROP_BOOL, VirtioBlk, config_wce, "config-wce", "on"),                                 \
        P(PROP_BOOL, VirtioBlk, request_merging, "request-merging", "on"),                       \
        P(PROP_BOOL, VirtioBlk, discard, "discard", "on"),                                       \
        P(PROP_BOOL, VirtioBlk, write_zeroes, "write-zeroes", "on"),                             \
        P(PROP_BOOL, VirtioBlk, seg_max_adjust, "seg-max-adjust", "on"),                         \
        P(PROP_BOOL, VirtioBlk, share_rw, "share-rw", "off"),                                    \
        P(PROP_BOOL, VirtioBlk, report_discard_granularity, "report-discard-granularity", "on"), \
        P(PROP_BOOL, VirtioBlk, enable_wce_if_config_wce, "x-enable-wce-if-config-wce", "on"),   \
        P(PROP_U32, VirtioBlk, max_discard_sectors, "max-discard-sectors", "4194303", .min = 1,  \
          .max = 4194303),                                                                       \
        P(PROP_U32, VirtioBlk, max_write_zeroes_sectors, "max-write-zeroes-sectors", "4194303",  \
          .min = 1, .max = 4194303),                                                             \
        P(PROP_SIZE, VirtioBlk, logical_block_size, "logical_block_size", "0"),                  \
        P(PROP_SIZE, VirtioBlk, physical_block_size, "physical_block_size", "0"),                \
        P(PROP_SIZE, VirtioBlk, min_io_size, "min_io_size", "0", .max = 1 << 25),                \
        P(PROP_SIZE, VirtioBlk, opt_io_size, "opt_io_size", "0", .max = 1 << 30),                \
        P(PROP_SIZE, VirtioBlk, discard_granularity, "discard_granularity", "4294967295"),       \
        P(PROP_U32, VirtioBlk, cyls, "cyls", "0"), P(PROP_U32, VirtioBlk, heads, "heads", "0"),  \
        P(PROP_U32, VirtioBlk, secs, "secs", "0"), P(PROP_U32, VirtioBlk, lcyls, "lcyls", "0"),  \
        P(PROP_U32, VirtioBlk, lheads, "lheads", "0"),                                           \
        P(PROP_U32, VirtioBlk, lsecs, "lsecs", "0"),                                             \
        P(PROP_I32, VirtioBlk, bootindex, "bootindex", "-1"),                                    \
        P(PROP_ENUM, VirtioBlk, werror, "werror", "auto", .choices = block_on_error_names,       \
          .link_type = "BlockdevOnError"),                                                       \
        P(PROP_ENUM, VirtioBlk, rerror, "rerror", "auto", .choices = block_on_error_names,       \
          .link_type = "BlockdevOnError"),                                                       \
        P(PROP_ONOFFAUTO, VirtioBlk, write_cache, "write-cache", "auto"),                        \
        P(PROP_ONOFFAUTO, VirtioBlk, account_invalid, "account-invalid", "auto"),                \
        P(PROP_ONOFFAUTO, VirtioBlk, account_failed, "account-failed", "auto"),                  \
        P(PROP_ONOFFAUTO, VirtioBlk, backend_defaults, "backend_defaults", "auto")

static const Property blk_props[] = { BLK_PROPERTIES(PROP), PROP_END };
static const Property blk_ccw_props[] = { BLK_PROPERTIES(VIRTIO_CCW_FORWARD), PROP_END };
static const Property blk_pci_props[] = {
    BLK_PROPERTIES(VIRTIO_PCI_FORWARD),
    PROP(PROP_U32, VirtioPci, class_code, "class", "0"),
    PROP_END,
};

static const VirtioDeviceOps blk_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &blk_section, .category = DEVICE_CATEGORY_STORAGE },
    .device_id = VIRTIO_ID_BLOCK,
    .realize = realize,
    .unrealize = unrealize,
    .features = features,
    .set_features = set_features,
    .get_config = get_config,
    .set_config = set_config,
    .reset = reset,
    .queue_reset = queue_reset,
    .set_status = set_status,
};

VIRTIO_PCI_DECLARE(blk, "virtio-blk-device", 0x0100, DEVICE_CATEGORY_STORAGE, prepare_pci);
VIRTIO_CCW_DECLARE(blk, "virtio-blk-device", DEVICE_CATEGORY_STORAGE, prepare_ccw);

const TypeInfo virtio_blk_types[] = {
    { .name = "virtio-blk-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioBlk),
      .props = blk_props,
      .ops = &blk_ops },
    VIRTIO_PCI_TYPES("virtio-blk", blk, blk_pci_props),
    VIRTIO_CCW_TYPE("virtio-blk", blk, blk_ccw_props),
};
const size_t virtio_blk_types_count = G_N_ELEMENTS(virtio_blk_types);
