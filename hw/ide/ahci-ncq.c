/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queued commands: Read and Write FPDMA Queued (ATA8-ACS 7.32, 7.57; AHCI 1.3.1 5.6.4). A command
 * is accepted with a register frame, and ends, in any order, with a Set Device Bits frame.
 */
#include <errno.h>
#include <string.h>

#include "ahci-priv.h"
#include "base/util/endian.h"

enum {
    NCQ_READ = 0x60,
    NCQ_WRITE = 0x61,
};
#define RECEIVE_SDB 0x58

bool ahci_is_ncq(uint8_t cmd)
{
    return cmd == NCQ_READ || cmd == NCQ_WRITE;
}

bool ahci_ncq_busy(const AhciPort *p)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        if (p->ncq[i].used) {
            return true;
        }
    }
    return false;
}

/* ---- end ---- */

static void send_set_device_bits(AhciPort *p, uint32_t done)
{
    IdeUnit *u = &p->bus.units[0];
    uint8_t fis[8] = { 0xa1, 0x40, (uint8_t)(u->status & 0x77), u->error };

    st_le32(fis + 4, done);
    p->r.sact &= ~done;
    p->r.tfd = (p->r.tfd & (ST_BSY | ST_DRQ)) | (uint32_t)u->error << 8 | (u->status & 0x77);
    ahci_fis_write(p, RECEIVE_SDB, fis, sizeof(fis));
    ahci_port_raise(p, IS_SDBS | (u->status & ST_ERR ? IS_TFES : 0));
}

/* Everything outstanding is over; the log tells the host which one it was. */
static void fail(AhciNcq *n, uint8_t error)
{
    AhciPort *p = n->port;
    IdeUnit *u = &p->bus.units[0];

    n->used = n->halt = false;
    u->status = ST_DRDY | ST_DSC | ST_ERR;
    u->error = error;
    memset(u->ncq_error, 0, sizeof(u->ncq_error));
    u->ncq_error[0] = n->tag;
    u->ncq_error[2] = u->status;
    u->ncq_error[3] = error;
    u->ncq_error[4] = (uint8_t)n->lba;
    u->ncq_error[5] = (uint8_t)(n->lba >> 8);
    u->ncq_error[6] = (uint8_t)(n->lba >> 16);
    u->ncq_error[7] = DEV_LBA;
    u->ncq_error[8] = (uint8_t)(n->lba >> 24);
    u->ncq_error[9] = (uint8_t)(n->lba >> 32);
    u->ncq_error[10] = (uint8_t)(n->lba >> 40);
    p->halted = true;
    send_set_device_bits(p, 0);
}

static void ncq_done(void *opaque, int ret)
{
    AhciNcq *n = opaque;
    AhciPort *p = n->port;
    IdeUnit *u = &p->bus.units[0];
    bool read = n->cmd == NCQ_READ;

    u->busy--;
    if (!n->used) { /* forgotten while it ran */
        return;
    }
    if (ret == -EFAULT) {
        ahci_port_raise(p, IS_OFS);
        fail(n, ER_ABRT);
        return;
    }
    if (ret) {
        BlockErrorAction action = block_drive_handle_error(u->drive, read, -ret);

        if (action == BLOCK_ACTION_STOP) {
            n->halt = true;
            return;
        }
        if (action == BLOCK_ACTION_REPORT) {
            fail(n, read ? ER_UNC : ER_ABRT);
            return;
        }
    }
    n->used = false;
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    send_set_device_bits(p, 1u << n->tag);
    ahci_port_issue(p); /* one that is not queued may have waited for this */
}

/* ---- start ---- */

static bool ncq_copy(void *opaque, void *buf, size_t len, bool to_guest)
{
    AhciNcq *n = opaque;

    return !n->used || ahci_sg_copy(n->port, &n->sg, buf, len, to_guest);
}

static void submit(AhciNcq *n)
{
    BlockDrive *drive = n->port->bus.units[0].drive;
    uint64_t offset = n->lba * IDE_SECTOR, bytes = (uint64_t)n->count * IDE_SECTOR;

    n->halt = false;
    n->port->bus.units[0].busy++;
    ahci_sg_init(n->port, &n->sg, n->slot);
    if (n->cmd == NCQ_READ) {
        block_aio_read_copy(drive, offset, bytes, ncq_copy, ncq_done, n);
    } else {
        block_aio_write_copy(drive, offset, bytes, n->fua ? BLOCK_REQ_FUA : 0, ncq_copy, ncq_done,
                             n);
    }
}

void ahci_ncq_start(AhciPort *p, unsigned slot, const uint8_t fis[64])
{
    IdeUnit *u = &p->bus.units[0];
    uint8_t tag = fis[12] >> 3;
    AhciNcq *n = &p->ncq[tag];
    uint32_t count = fis[3] | (uint32_t)fis[11] << 8;

    p->r.ci &= ~(1u << slot);
    if (n->used || u->kind != IDE_KIND_DISK || tag != slot || !(p->r.sact & (1u << tag))) {
        u->status = ST_DRDY | ST_ERR; /* against the protocol: an ordinary failure */
        u->error = ER_ABRT;
        p->halted = true;
        ahci_fis_d2h(p, true);
        return;
    }
    *n = (AhciNcq){
        .port = p,
        .used = true,
        .cmd = fis[2],
        .tag = tag,
        .slot = (uint8_t)slot,
        .fua = fis[7] & 0x80,
        .count = count ? count : 65536,
        .lba = (uint64_t)fis[4] | (uint64_t)fis[5] << 8 | (uint64_t)fis[6] << 16 |
               (uint64_t)fis[8] << 24 | (uint64_t)fis[9] << 32 | (uint64_t)fis[10] << 40,
    };
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    ahci_fis_d2h(p, false); /* accepted */
    if (!ide_range_ok(u, n->lba, n->count)) {
        block_drive_account_invalid(u->drive,
                                    n->cmd == NCQ_READ ? BLOCK_STAT_READ : BLOCK_STAT_WRITE);
        fail(n, ER_ABRT | ER_IDNF);
        return;
    }
    submit(n);
}

void ahci_ncq_retry(AhciPort *p)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        if (p->ncq[i].used && p->ncq[i].halt) {
            submit(&p->ncq[i]);
        }
    }
}

void ahci_ncq_forget(AhciPort *p)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        p->ncq[i].used = p->ncq[i].halt = false;
    }
}
