/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that move, check or deallocate blocks (SBC-3, section 5). A command is checked in full
 * (range, room, medium) before anything is submitted, and is repeated as a whole when it was parked.
 */
#include <string.h>

#include "base/util/endian.h"
#include "scsi-priv.h"

#define FILL_BYTES     (512u << 10) /* of WRITE SAME at once */
#define UNMAP_LIST_MAX (8u + 16 * 255)
#define SA_READ_CAP    0x10

typedef struct {
    uint64_t lba;
    uint32_t count;
} Range;

uint64_t scsi_blocks(const ScsiDevice *d)
{
    return block_drive_length(d->drive) / d->logical_block_size;
}

bool scsi_has_medium(const ScsiDevice *d)
{
    return block_drive_has_medium(d->drive) && !d->tray_open;
}

/* Where a command block of 6, 10, 12 or 16 bytes has its address and length. */
static Range range_of(const uint8_t *cdb)
{
    switch (cdb[0] >> 5) {
    case 0: return (Range){ ld_be32(cdb) & 0x1fffff, cdb[4] ? cdb[4] : 256 };
    case 4: return (Range){ ld_be64(cdb + 2), ld_be32(cdb + 10) };
    case 5: return (Range){ ld_be32(cdb + 2), ld_be32(cdb + 6) };
    default: return (Range){ ld_be32(cdb + 2), ld_be16(cdb + 7) };
    }
}

static bool range_ok(ScsiRequest *req, Range r)
{
    uint64_t total = scsi_blocks(req->dev);

    if (r.lba > total || r.count > total - r.lba) {
        scsi_fail(req, SENSE_RANGE);
        return false;
    }
    return true;
}

static bool writable(ScsiRequest *req)
{
    if (block_drive_read_only(req->dev->drive)) {
        scsi_fail(req, SENSE_WRITE_PROTECTED);
        return false;
    }
    return true;
}

/* The first @bytes of the request's memory as a list of its own; NULL: there is less. */
static struct iovec *cut(const ScsiRequest *req, uint64_t bytes, int *n)
{
    struct iovec *out;
    int i = 0;

    if (scsi_room(req) < bytes) {
        return NULL;
    }
    out = g_new(struct iovec, (gsize)MAX(req->niov, 1));
    for (; bytes; i++) {
        out[i] = req->iov[i];
        out[i].iov_len = MIN(out[i].iov_len, bytes);
        bytes -= out[i].iov_len;
    }
    *n = i;
    return out;
}

/* ---- read and write ---- */

static void transfer_done(ScsiRequest *req, int ret, bool read)
{
    if (scsi_drive_result(req, ret, read)) {
        req->moved = req->left;
        scsi_good(req);
    }
}
static void read_done(void *opaque, int ret)
{
    transfer_done(opaque, ret, true);
}
static void write_done(void *opaque, int ret)
{
    transfer_done(opaque, ret, false);
}

static void transfer(ScsiRequest *req, bool write, bool fua)
{
    ScsiDevice *d = req->dev;
    Range r = range_of(req->cdb);
    uint64_t bytes = r.count * d->logical_block_size, at = r.lba * d->logical_block_size;
    g_autofree struct iovec *iov = NULL;
    int n = 0;

    if (!range_ok(req, r)) {
        block_drive_account_invalid(d->drive, write ? BLOCK_STAT_WRITE : BLOCK_STAT_READ);
        return;
    }
    if (!bytes) {
        scsi_good(req);
        return;
    }
    iov = req->to_device == write ? cut(req, bytes, &n) : NULL;
    if (!iov) {
        scsi_overrun(req);
        return;
    }
    req->left = bytes;
    scsi_submitted(req);
    if (write) {
        block_aio_pwritev(d->drive, at, iov, n, fua ? BLOCK_REQ_FUA : 0, write_done, req);
    } else {
        block_aio_preadv(d->drive, at, iov, n, read_done, req);
    }
}

/* Force unit access and protection bits of all but the 6-byte commands. */
static bool flags_ok(ScsiRequest *req)
{
    if (req->cdb[0] >> 5 && (req->cdb[1] & 0xe0)) { /* protection information: there is none */
        scsi_fail(req, SENSE_FIELD);
        return false;
    }
    return true;
}

void scsi_cmd_read(ScsiRequest *req)
{
    if (flags_ok(req)) {
        transfer(req, false, false);
    }
}

void scsi_cmd_write(ScsiRequest *req)
{
    bool verify = (req->cdb[0] & 0x1f) == 0x0e; /* WRITE AND VERIFY: on the medium, then */

    if (writable(req) && flags_ok(req)) {
        transfer(req, true, verify || (req->cdb[0] >> 5 && (req->cdb[1] & 8)));
    }
}

void scsi_cmd_verify(ScsiRequest *req)
{
    if (req->cdb[1] & 0xe6) { /* compare with the initiator's data: not offered */
        scsi_fail(req, SENSE_FIELD);
    } else if (range_ok(req, range_of(req->cdb))) {
        scsi_good(req);
    }
}

void scsi_cmd_seek(ScsiRequest *req)
{
    Range r = { req->cdb[0] == 0x0b ? ld_be32(req->cdb) & 0x1fffff : ld_be32(req->cdb + 2), 1 };

    if (range_ok(req, r)) {
        scsi_good(req);
    }
}

static void sync_done(void *opaque, int ret)
{
    if (scsi_drive_result(opaque, ret, false)) {
        scsi_good(opaque);
    }
}

void scsi_cmd_sync(ScsiRequest *req)
{
    scsi_submitted(req);
    block_aio_flush(req->dev->drive, sync_done, req);
}

/* ---- unmap ---- */

static void unmap_next(ScsiRequest *req);

static void unmap_done(void *opaque, int ret)
{
    ScsiRequest *req = opaque;

    if (scsi_drive_result(req, ret, false)) {
        req->step++;
        unmap_next(req);
    }
}

static Range unmap_range(const ScsiRequest *req, uint32_t i)
{
    const uint8_t *at = req->buf + 8 + 16 * i;

    return (Range){ ld_be64(at), ld_be32(at + 8) };
}

/* buf holds the list, checked; `step` is the descriptor whose turn it is. */
static void unmap_next(ScsiRequest *req)
{
    uint64_t block = req->dev->logical_block_size;

    if (8 + 16 * req->step >= req->buf_len) {
        req->moved = req->buf_len;
        scsi_good(req);
        return;
    }
    Range r = unmap_range(req, req->step);
    scsi_submitted(req);
    block_aio_discard(req->dev->drive, r.lba * block, r.count * block, unmap_done, req);
}

void scsi_cmd_unmap(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    uint32_t len = ld_be16(req->cdb + 7);

    if (req->cdb[1] & 1) { /* anchor */
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    if (!len) {
        scsi_good(req);
        return;
    }
    if (len < 8 || len > UNMAP_LIST_MAX) {
        scsi_fail(req, SENSE_PARAMETER_LEN);
        return;
    }
    if (!writable(req)) {
        return;
    }
    req->buf = g_malloc0(UNMAP_LIST_MAX);
    if (!scsi_take(req, req->buf, len)) {
        return;
    }
    if (len < ld_be16(req->buf) + 2u || len < ld_be16(req->buf + 2) + 8u ||
        ld_be16(req->buf + 2) % 16) {
        scsi_fail(req, SENSE_PARAMETER_LEN);
        return;
    }
    req->buf_len = 8u + ld_be16(req->buf + 2);
    for (uint32_t i = 0; 8 + 16 * i < req->buf_len; i++) {
        if (!range_ok(req, unmap_range(req, i))) {
            block_drive_account_invalid(d->drive, BLOCK_STAT_UNMAP);
            return;
        }
    }
    req->step = 0;
    unmap_next(req);
}

/* ---- write same ---- */

static void same_next(ScsiRequest *req);

static void same_done(void *opaque, int ret)
{
    ScsiRequest *req = opaque;
    uint64_t n = MIN(req->left, FILL_BYTES);

    if (scsi_drive_result(req, ret, false)) {
        req->offset += n;
        req->left -= n;
        same_next(req);
    }
}

/* buf holds as many copies of the block as fit. */
static void same_next(ScsiRequest *req)
{
    struct iovec iov = { .iov_base = req->buf, .iov_len = MIN(req->left, FILL_BYTES) };

    if (!req->left) {
        scsi_good(req);
        return;
    }
    scsi_submitted(req);
    block_aio_pwritev(req->dev->drive, req->offset, &iov, 1, 0, same_done, req);
}

static bool all_zero(const uint8_t *p, uint32_t len)
{
    return !p[0] && !memcmp(p, p + 1, len - 1);
}

static void start_same(ScsiRequest *req, bool zero, bool unmap)
{
    uint32_t block = (uint32_t)req->dev->logical_block_size;

    if (zero) {
        scsi_submitted(req);
        block_aio_write_zeroes(req->dev->drive, req->offset, req->left,
                               unmap ? BLOCK_REQ_MAY_UNMAP : 0, sync_done, req);
        return;
    }
    for (uint32_t at = block; at < FILL_BYTES; at += block) {
        memcpy(req->buf + at, req->buf, block);
    }
    same_next(req);
}

void scsi_cmd_write_same(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    uint32_t block = (uint32_t)d->logical_block_size;
    bool no_data = req->cdb[0] == 0x93 && (req->cdb[1] & 1), unmap = req->cdb[1] & 8;
    Range r = range_of(req->cdb);

    if ((req->cdb[1] & 0xf6) || !r.count || (no_data && !unmap) || block > FILL_BYTES) {
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    if (!writable(req) || !range_ok(req, r)) {
        return;
    }
    req->buf = g_malloc0(FILL_BYTES);
    if (!no_data && !scsi_take(req, req->buf, block)) {
        return;
    }
    req->offset = r.lba * block;
    req->left = (uint64_t)r.count * block;
    start_same(req, no_data || all_zero(req->buf, block), unmap);
}

/* ---- size ---- */

void scsi_cmd_capacity10(ScsiRequest *req)
{
    uint64_t last = scsi_blocks(req->dev) - 1;
    uint8_t out[8];

    st_be32(out, (uint32_t)MIN(last, UINT32_MAX));
    st_be32(out + 4, (uint32_t)req->dev->logical_block_size);
    scsi_reply(req, out, sizeof(out), sizeof(out));
}

void scsi_cmd_service_in(ScsiRequest *req)
{
    const ScsiDevice *d = req->dev;
    uint8_t out[32] = { 0 };
    uint8_t exponent = 0;

    if ((req->cdb[1] & 31) != SA_READ_CAP) {
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    while (d->logical_block_size << exponent < d->physical_block_size) {
        exponent++;
    }
    st_be64(out, scsi_blocks(d) - 1);
    st_be32(out + 8, (uint32_t)d->logical_block_size);
    out[13] = exponent;
    out[14] = d->discard_granularity ? 0x80 : 0; /* may be thinly provisioned */
    scsi_reply(req, out, sizeof(out), ld_be32(req->cdb + 10));
}
