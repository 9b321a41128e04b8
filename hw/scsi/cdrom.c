/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tray and what only a CD-ROM drive answers (MMC-3). */
#include "base/util/endian.h"
#include "scsi-priv.h"

#define MAX_SECTORS UINT32_MAX

MmcDrive scsi_mmc_facts(const ScsiDevice *d)
{
    bool disc = scsi_has_medium(d);

    return (MmcDrive){ .sectors = disc ? (uint32_t)MIN(scsi_blocks(d), MAX_SECTORS) : 0,
                       .disc = disc,
                       .tray_open = d->tray_open,
                       .tray_locked = d->tray_locked };
}

static void answer(ScsiRequest *req, const uint8_t *buf, uint32_t len, uint32_t room)
{
    if (len) {
        scsi_reply(req, buf, len, room);
    } else {
        scsi_fail(req, SENSE_FIELD);
    }
}

void scsi_cmd_toc(ScsiRequest *req)
{
    MmcDrive mmc = scsi_mmc_facts(req->dev);
    uint8_t buf[MMC_REPLY_MAX];

    answer(req, buf, mmc_read_toc(req->cdb, &mmc, buf), ld_be16(req->cdb + 7));
}

void scsi_cmd_configuration(ScsiRequest *req)
{
    MmcDrive mmc = scsi_mmc_facts(req->dev);
    uint8_t buf[MMC_REPLY_MAX];

    answer(req, buf, mmc_get_configuration(req->cdb, &mmc, buf), ld_be16(req->cdb + 7));
}

void scsi_cmd_event_status(ScsiRequest *req)
{
    MmcDrive mmc = scsi_mmc_facts(req->dev);
    uint8_t buf[MMC_REPLY_MAX];

    answer(req, buf, mmc_event_status(req->cdb, &mmc, &req->dev->events, buf),
           ld_be16(req->cdb + 7));
}

void scsi_cmd_disc_information(ScsiRequest *req)
{
    uint8_t buf[MMC_REPLY_MAX];

    answer(req, buf, mmc_disc_information(req->cdb, buf), ld_be16(req->cdb + 7));
}

void scsi_cmd_mechanism(ScsiRequest *req)
{
    uint8_t buf[MMC_REPLY_MAX];

    answer(req, buf, mmc_mechanism_status(buf), ld_be16(req->cdb + 8));
}

/* ---- the tray ---- */

void scsi_cmd_start_stop(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    bool start = req->cdb[4] & 1, load_eject = req->cdb[4] & 2;

    if (d->removable && load_eject && !(req->cdb[4] & 0xf0)) { /* else: a power condition */
        if (!start && !d->tray_open && d->tray_locked) {
            scsi_fail(req, block_drive_has_medium(d->drive) ? SENSE_LOCKED_READY : SENSE_LOCKED);
            return;
        }
        if (d->tray_open == start) {
            d->tray_open = !start;
            block_drive_tray_moved(d->drive);
        }
    }
    scsi_good(req);
}

void scsi_cmd_prevent(ScsiRequest *req)
{
    req->dev->tray_locked = req->cdb[4] & 1;
    scsi_good(req);
}
