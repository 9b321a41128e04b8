/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode pages (SPC-4 7.5, SBC-3 6.5): caching, read-write error recovery, geometry, and those of a CD-ROM
 * drive. Only the write cache can be changed.
 */
#include <string.h>

#include "base/util/endian.h"
#include "scsi-priv.h"

enum {
    CURRENT = 0,
    CHANGEABLE = 1,
    DEFAULT = 2,
    SAVED = 3,
};
#define PAGE_ALL     0x3f
#define PAGE_CACHING 0x08
#define CACHE_WCE    0x04
#define SELECT_MAX   512u

/* The page at @p with @control's values; its length, 0: there is no such page. */
static uint32_t page(const ScsiDevice *d, uint8_t code, unsigned control, uint8_t *p)
{
    MmcDrive mmc = scsi_mmc_facts(d);
    uint32_t len = 0;

    memset(p, 0, 32);
    switch (code) {
    case 0x01: /* read-write error recovery */
        len = 12;
        p[2] = d->cd ? 0x20 : 0x80; /* transfer the block; reallocate */
        p[3] = d->cd ? 5 : 0;
        break;
    case 0x04: /* rigid disk geometry */
        if (d->cd) {
            return 0;
        }
        len = 24;
        st_be32(p + 1, d->cyls);
        p[5] = (uint8_t)d->heads;
        st_be16(p + 20, 5400);
        break;
    case PAGE_CACHING:
        len = 20;
        p[2] = block_drive_write_cache(d->drive) ? CACHE_WCE : 0;
        break;
    default: len = d->cd ? mmc_mode_page(code, &mmc, p) : 0; break;
    }
    if (len) {
        if (control == CHANGEABLE) {
            memset(p, 0, len);
            p[2] = code == PAGE_CACHING ? CACHE_WCE : 0;
        } else if (control == DEFAULT && code == PAGE_CACHING) {
            p[2] = d->first_write_cache ? CACHE_WCE : 0;
        }
        p[0] = code;
        p[1] = (uint8_t)(len - 2);
    }
    return len;
}

static uint32_t put_descriptor(const ScsiDevice *d, uint8_t *p)
{
    uint64_t blocks = scsi_blocks(d);

    st_be32(p,
            blocks > 0xffffff ? 0 : (uint32_t)blocks); /* the first byte is the density code: 0 */
    st_be32(p + 4, (uint32_t)d->logical_block_size);
    return 8;
}

void scsi_cmd_mode_sense(ScsiRequest *req)
{
    const ScsiDevice *d = req->dev;
    bool ten = req->cdb[0] == 0x5a;
    unsigned control = req->cdb[2] >> 6, code = req->cdb[2] & 0x3f;
    uint32_t head = ten ? 8 : 4, len = head, descriptor = 0;
    uint8_t out[REPLY_BYTES] = { 0 };

    if (control == SAVED) {
        scsi_fail(req, SENSE_NOT_SAVED);
        return;
    }
    out[ten ? 3 : 2] =
        (uint8_t)(d->cd ? 0
                        : (d->dpofua ? 0x10 : 0) | (block_drive_read_only(d->drive) ? 0x80 : 0));
    if (!(req->cdb[1] & 8) && !d->cd && scsi_has_medium(d)) {
        descriptor = put_descriptor(d, out + len);
        len += descriptor;
    }
    for (uint8_t i = 0; i < PAGE_ALL; i++) {
        if (code == PAGE_ALL || code == i) {
            len += page(d, i, control, out + len);
        }
    }
    if (len == head + descriptor && code != 0) {
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    if (ten) {
        st_be16(out, (uint16_t)(len - 2));
        st_be16(out + 6, (uint16_t)descriptor);
    } else {
        out[0] = (uint8_t)(len - 1);
        out[3] = (uint8_t)descriptor;
    }
    scsi_reply(req, out, len, ten ? ld_be16(req->cdb + 7) : req->cdb[4]);
}

/* Is @p, of @len bytes in all, a page as it is but for what may be changed? */
static bool acceptable(const ScsiDevice *d, const uint8_t *p, uint32_t len)
{
    uint8_t now[REPLY_BYTES], mask[REPLY_BYTES];
    uint32_t size = page(d, p[0] & 0x3f, CURRENT, now);

    if (!size || (p[0] & 0x40) || size != len) {
        return false;
    }
    page(d, p[0] & 0x3f, CHANGEABLE, mask);
    for (uint32_t i = 2; i < size; i++) {
        if ((p[i] ^ now[i]) & ~mask[i]) {
            return false;
        }
    }
    return true;
}

/* Checks all pages when @d keeps its state, else puts them into force. */
static bool each_page(ScsiDevice *d, const uint8_t *p, uint32_t len, bool apply)
{
    while (len) {
        uint32_t size = len >= 2 ? p[1] + 2u : UINT32_MAX;

        if (size > len || (!apply && !acceptable(d, p, size))) {
            return false;
        }
        if (apply && (p[0] & 0x3f) == PAGE_CACHING) {
            block_drive_set_write_cache(d->drive, p[2] & CACHE_WCE);
        }
        p += size;
        len -= size;
    }
    return true;
}

static void flushed(void *opaque, int ret)
{
    if (scsi_drive_result(opaque, ret, false)) {
        scsi_good(opaque);
    }
}

void scsi_cmd_mode_select(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    bool ten = req->cdb[0] == 0x55, cached = block_drive_write_cache(d->drive);
    uint32_t len = ten ? ld_be16(req->cdb + 7) : req->cdb[4], head = ten ? 8 : 4, skip;
    uint8_t in[SELECT_MAX] = { 0 };

    if (!len) {
        scsi_good(req);
        return;
    }
    if ((req->cdb[1] & 0x11) != 0x10 || len > sizeof(in)) { /* page format, not to be saved */
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    if (!scsi_take(req, in, len)) {
        return;
    }
    skip = head + (ten ? ld_be16(in + 6) : in[3]);
    if (len < head || skip > len || (skip != head && skip != head + 8)) {
        scsi_fail(req, SENSE_PARAMETER_LEN);
        return;
    }
    if (!each_page(d, in + skip, len - skip, false)) {
        scsi_fail(req, SENSE_PARAMETER);
        return;
    }
    each_page(d, in + skip, len - skip, true);
    if (cached && !block_drive_write_cache(d->drive)) { /* what was promised before is kept now */
        scsi_submitted(req);
        block_aio_flush(d->drive, flushed, req);
        return;
    }
    scsi_good(req);
}
