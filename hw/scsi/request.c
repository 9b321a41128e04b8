/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How requests begin, answer, fail, wait and end; sense data and unit attentions (SPC-4 4.5, SAM-5 5.14).
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "scsi-priv.h"

/* ---- data ---- */

uint64_t scsi_room(const ScsiRequest *req)
{
    uint64_t sum = 0;

    for (int i = 0; i < req->niov; i++) {
        sum += req->iov[i].iov_len;
    }
    return sum;
}

/* Copies between @buf and the initiator's memory; returns how much. */
static uint32_t copy(const ScsiRequest *req, uint8_t *buf, uint32_t len)
{
    uint32_t at = 0;

    for (int i = 0; i < req->niov && at < len; i++) {
        uint32_t n = (uint32_t)MIN(req->iov[i].iov_len, len - at);

        if (req->to_device) {
            memcpy(buf + at, req->iov[i].iov_base, n);
        } else {
            memcpy(req->iov[i].iov_base, buf + at, n);
        }
        at += n;
    }
    return at;
}

void scsi_reply(ScsiRequest *req, const void *data, uint32_t len, uint32_t room)
{
    req->moved = req->to_device ? 0 : copy(req, (uint8_t *)data, MIN(len, room));
    scsi_good(req);
}

bool scsi_take(ScsiRequest *req, uint8_t *out, uint32_t len)
{
    if (len && (!req->to_device || scsi_room(req) < len)) {
        scsi_overrun(req);
        return false;
    }
    req->moved = copy(req, out, len);
    return true;
}

/* ---- ends ---- */

static void finish(ScsiRequest *req)
{
    g_clear_pointer(&req->buf, g_free);
    req->bus->ops->done(req->bus, req);
}

void scsi_good(ScsiRequest *req)
{
    req->outcome = SCSI_DONE;
    req->status = SCSI_GOOD;
    finish(req);
}

void scsi_overrun(ScsiRequest *req)
{
    req->outcome = SCSI_OVERRUN;
    req->moved = 0;
    finish(req);
}

static void fixed_sense(uint8_t *out, ScsiSense s)
{
    memset(out, 0, SCSI_SENSE_BYTES);
    out[0] = 0x70;
    out[2] = s.key;
    out[7] = SCSI_SENSE_BYTES - 8;
    out[12] = s.asc;
    out[13] = s.ascq;
}

void scsi_fail(ScsiRequest *req, ScsiSense sense)
{
    ScsiDevice *d = req->dev;

    fixed_sense(req->sense, sense);
    if (req->lun == d->lun) {
        memcpy(d->sense, req->sense, SCSI_SENSE_BYTES);
        d->sense_len = SCSI_SENSE_BYTES;
        d->sense_is_ua = sense.key == 0x6;
    }
    req->outcome = SCSI_DONE;
    req->status = SCSI_CHECK_CONDITION;
    req->moved = 0;
    finish(req);
}

bool scsi_abort(ScsiRequest *req)
{
    if (!req->parked) {
        return false;
    }
    g_ptr_array_remove(req->dev->parked, req);
    req->parked = false;
    req->outcome = SCSI_ABORTED;
    req->moved = 0;
    finish(req);
    return true;
}

/* ---- the drive's answers ---- */

static ScsiSense sense_of_errno(int error)
{
    switch (error) {
    case ENOMEDIUM: return SENSE_NO_MEDIUM;
    case ENOMEM: return SENSE_TARGET_FAILURE;
    case EINVAL: return SENSE_FIELD;
    case ENOSPC: return SENSE_NO_SPACE;
    default: return SENSE_IO;
    }
}

void scsi_submitted(ScsiRequest *req)
{
    req->in_flight = true;
}

bool scsi_drive_result(ScsiRequest *req, int ret, bool read)
{
    req->in_flight = false;
    if (!ret) {
        return true;
    }
    switch (block_drive_handle_error(req->dev->drive, read, -ret)) {
    case BLOCK_ACTION_IGNORE: return true;
    case BLOCK_ACTION_STOP:
        g_clear_pointer(&req->buf, g_free);
        req->parked = true;
        g_ptr_array_add(req->dev->parked, req);
        return false;
    case BLOCK_ACTION_REPORT: break;
    }
    scsi_fail(req, sense_of_errno(-ret));
    return false;
}

/* ---- unit attention ---- */

/* Lower is more important: what a reset says is not replaced by news of the medium. */
static unsigned rank(ScsiSense s)
{
    switch (s.asc) {
    case 0x29: return 0;
    case 0x2f: return 1;
    case 0: return UINT16_MAX;
    default: return (unsigned)s.asc << 8 | s.ascq;
    }
}

void scsi_set_attention(ScsiDevice *d, ScsiSense sense)
{
    if (d->attention.key != 0x6 || rank(sense) < rank(d->attention)) {
        d->attention = sense;
    }
}

/* ---- commands about the target, whatever the unit ---- */

static bool lists_it(const Bus *bus, const ScsiDevice *asked, uint32_t lun)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        const ScsiDevice *d = g_ptr_array_index(bus->devices, i);

        if (d->dev.realized && d->channel == asked->channel && d->id == asked->id &&
            d->lun == lun) {
            return true;
        }
    }
    return false;
}

static void put_lun(GByteArray *list, uint32_t lun)
{
    uint8_t entry[8] = { 0 };

    if (lun < 256) {
        entry[1] = (uint8_t)lun;
    } else {
        st_be16(entry, (uint16_t)(0x4000 | lun));
    }
    g_byte_array_append(list, entry, sizeof(entry));
}

static void report_luns(ScsiRequest *req)
{
    const Bus *bus = &req->bus->bus;
    uint32_t room = ld_be32(req->cdb + 6);
    uint8_t header[8] = { 0 };

    if (room < 16 || req->cdb[2] > 2) {
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    g_autoptr(GByteArray) list = g_byte_array_new();
    g_byte_array_append(list, header, sizeof(header));
    if (req->cdb[2] != 1) { /* 1: well known units only, of which there are none */
        if (!lists_it(bus, req->dev, 0)) {
            put_lun(list, 0); /* is always there to be asked */
        }
        for (guint i = 0; i < bus->devices->len; i++) {
            const ScsiDevice *d = g_ptr_array_index(bus->devices, i);

            if (d->dev.realized && d->channel == req->dev->channel && d->id == req->dev->id) {
                put_lun(list, d->lun);
            }
        }
    }
    st_be32(list->data, list->len - 8);
    if (req->dev->attention.asc == SENSE_LUNS_CHANGED.asc) {
        req->dev->attention = SENSE_NONE;
    }
    scsi_reply(req, list->data, list->len, room);
}

/* What is kept, or the attention that waits, or that all is well. */
static void request_sense(ScsiRequest *req, bool no_such_unit)
{
    ScsiDevice *d = req->dev;
    ScsiSense s = SENSE_NONE;
    uint8_t out[SCSI_SENSE_BYTES];

    if (no_such_unit) {
        s = SENSE_LUN;
    } else if (d->sense_len >= 14) {
        s = (ScsiSense){ d->sense[2] & 0xf, d->sense[12], d->sense[13] };
    } else if (d->attention.key) {
        s = d->attention;
        d->attention = SENSE_NONE;
    }
    if (!no_such_unit) {
        d->sense_len = 0;
        d->sense_is_ua = false;
    }
    fixed_sense(out, s);
    if (req->cdb[1] & 1) { /* descriptor format */
        const uint8_t desc[8] = { 0x72, s.key, s.asc, s.ascq };

        scsi_reply(req, desc, sizeof(desc), req->cdb[4]);
        return;
    }
    scsi_reply(req, out, sizeof(out), req->cdb[4]);
}

static void inquiry_of_nothing(ScsiRequest *req)
{
    uint8_t out[36] = { 0x7f, 0, 5, 2, sizeof(out) - 5 };

    scsi_reply(req, out, (req->cdb[1] & 1) ? 4 : sizeof(out), ld_be16(req->cdb + 3));
}

static bool keeps_attention(uint8_t opcode)
{
    return opcode == 0x12 || opcode == 0xa0 || opcode == 0x03 || opcode == 0x46 || opcode == 0x4a;
}

void scsi_start(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    bool other = req->lun != d->lun;

    switch (req->cdb[0]) {
    case 0xa0: report_luns(req); return;
    case 0x03: request_sense(req, other); return;
    default: break;
    }
    if (other) {
        if (req->cdb[0] == 0x12) {
            inquiry_of_nothing(req);
        } else {
            scsi_fail(req, SENSE_LUN);
        }
        return;
    }
    d->sense_len = 0;
    d->sense_is_ua = false;
    if (d->attention.key && !keeps_attention(req->cdb[0])) {
        ScsiSense s = d->attention;

        d->attention = SENSE_NONE;
        scsi_fail(req, s);
        return;
    }
    scsi_execute(req);
}

void scsi_device_reset(ScsiDevice *d)
{
    block_drive_drain(d->drive);
    while (d->parked->len) {
        scsi_abort(g_ptr_array_index(d->parked, 0));
    }
    d->attention = SENSE_RESET;
    d->sense_len = 0;
    d->sense_is_ua = false;
    d->tray_locked = false;
    d->events = (MmcEvents){ 0 };
    d->media_changed = false;
    block_drive_set_write_cache(d->drive, d->first_write_cache);
}
