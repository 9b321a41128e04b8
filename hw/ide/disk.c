/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hard disk does with its medium: addresses, PIO blocks, DMA transfers, flush and trim.
 *
 * The registers are moved forward only when a request has succeeded, so that a parked one can be
 * repeated from them.
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "ide-priv.h"

/* ---- addresses ---- */

uint64_t ide_sectors(const IdeUnit *u)
{
    return block_drive_length(u->drive) / IDE_SECTOR;
}

bool ide_range_ok(const IdeUnit *u, uint64_t lba, uint64_t count)
{
    uint64_t total = ide_sectors(u);

    return lba < total && count <= total - lba;
}

uint64_t ide_get_lba(const IdeUnit *u)
{
    uint64_t low = (uint64_t)u->hcyl << 16 | (uint64_t)u->lcyl << 8 | u->sector;

    if (u->lba48) {
        return low | (uint64_t)u->hob.hcyl << 40 | (uint64_t)u->hob.lcyl << 32 |
               (uint64_t)u->hob.sector << 24;
    }
    if (u->select & DEV_LBA) {
        return low | (uint64_t)(u->select & 0x0f) << 24;
    }
    if (!u->sector) {
        return UINT64_MAX; /* sectors count from 1 */
    }
    return ((uint64_t)(u->hcyl << 8 | u->lcyl) * u->dev->heads + (u->select & 0x0f)) *
               u->dev->secs +
           u->sector - 1;
}

void ide_set_lba(IdeUnit *u, uint64_t lba)
{
    uint64_t cyl, rest;

    if (u->lba48 || (u->select & DEV_LBA)) {
        u->sector = (uint8_t)lba;
        u->lcyl = (uint8_t)(lba >> 8);
        u->hcyl = (uint8_t)(lba >> 16);
        if (u->lba48) {
            u->hob.sector = (uint8_t)(lba >> 24);
            u->hob.lcyl = (uint8_t)(lba >> 32);
            u->hob.hcyl = (uint8_t)(lba >> 40);
        } else {
            u->select = (u->select & 0xf0) | ((lba >> 24) & 0x0f);
        }
        return;
    }
    cyl = lba / (u->dev->heads * u->dev->secs);
    rest = lba % (u->dev->heads * u->dev->secs);
    u->hcyl = (uint8_t)(cyl >> 8);
    u->lcyl = (uint8_t)cyl;
    u->select = (u->select & 0xf0) | ((rest / u->dev->secs) & 0x0f);
    u->sector = (uint8_t)(rest % u->dev->secs + 1);
}

/* Moves the registers past @n sectors. */
static void advance(IdeUnit *u, uint32_t n)
{
    ide_set_lba(u, ide_get_lba(u) + n);
    u->nsector -= n;
}

static void refuse_range(IdeUnit *u, bool read)
{
    block_drive_account_invalid(u->drive, read ? BLOCK_STAT_READ : BLOCK_STAT_WRITE);
    ide_fail(u, ER_ABRT);
}

/* ---- PIO ---- */

static void read_done(void *opaque, int ret)
{
    IdeUnit *u = opaque;
    uint32_t n = MIN(u->nsector, u->block_sectors);

    u->busy--;
    u->status &= ~ST_BSY;
    if (!ide_drive_result(u, ret, true, RETRY_PIO_READ)) {
        return;
    }
    advance(u, n);
    ide_pio_begin(u, 0, n * IDE_SECTOR, IDE_END_READ_SECTORS);
    ide_raise_irq(u->bus);
}

void ide_read_sectors(IdeUnit *u)
{
    uint32_t n = MIN(u->nsector, u->block_sectors);
    struct iovec iov = { .iov_base = u->buf, .iov_len = (size_t)n * IDE_SECTOR };
    uint64_t lba = ide_get_lba(u);

    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    if (!n) {
        ide_finish(u, u->bus->ops->irq == NULL); /* the last block told already */
        return;
    }
    if (!ide_range_ok(u, lba, n)) {
        refuse_range(u, true);
        return;
    }
    u->status |= ST_BSY;
    u->busy++;
    block_aio_preadv(u->drive, lba * IDE_SECTOR, &iov, 1, read_done, u);
}

static void write_done(void *opaque, int ret)
{
    IdeUnit *u = opaque;
    uint32_t n = MIN(u->nsector, u->block_sectors);

    u->busy--;
    u->status &= ~ST_BSY;
    if (!ide_drive_result(u, ret, false, RETRY_PIO_WRITE)) {
        return;
    }
    advance(u, n);
    if (!u->nsector) {
        ide_finish(u, true);
        return;
    }
    ide_pio_begin(u, 0, MIN(u->nsector, u->block_sectors) * IDE_SECTOR, IDE_END_WRITE_SECTORS);
    ide_raise_irq(u->bus);
}

void ide_write_sectors(IdeUnit *u)
{
    uint32_t n = MIN(u->nsector, u->block_sectors);
    struct iovec iov = { .iov_base = u->buf, .iov_len = (size_t)n * IDE_SECTOR };
    uint64_t lba = ide_get_lba(u);

    u->status = ST_DRDY | ST_DSC;
    if (!ide_range_ok(u, lba, n)) {
        refuse_range(u, false);
        return;
    }
    u->status |= ST_BSY;
    u->busy++;
    block_aio_pwritev(u->drive, lba * IDE_SECTOR, &iov, 1, 0, write_done, u);
}

/* ---- flush ---- */

static void flush_done(void *opaque, int ret)
{
    IdeUnit *u = opaque;

    u->busy--;
    u->status &= ~ST_BSY;
    if (ide_drive_result(u, ret, false, RETRY_FLUSH)) {
        ide_finish(u, true);
    }
}

void ide_flush(IdeUnit *u)
{
    if (!block_drive_has_medium(u->drive)) {
        ide_finish(u, true);
        return;
    }
    u->status = ST_DRDY | ST_DSC | ST_BSY;
    u->busy++;
    block_aio_flush(u->drive, flush_done, u);
}

/* ---- trim ---- */

typedef struct {
    IdeUnit *u;
    unsigned pending;
    int ret;
    BlockDone done;
    void *opaque;
} Trim;

static void trim_step_done(void *opaque, int ret)
{
    Trim *t = opaque;

    if (ret && !t->ret) {
        t->ret = ret;
    }
    if (--t->pending == 0) {
        t->done(t->opaque, t->ret);
        g_free(t);
    }
}

void ide_trim(IdeUnit *u, const uint8_t *list, uint32_t bytes, BlockDone done, void *opaque)
{
    Trim *t = g_new0(Trim, 1);

    *t = (Trim){ .u = u, .done = done, .opaque = opaque };
    for (uint32_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t entry = ld_le64(list + i);
        uint64_t lba = entry & 0xffffffffffffull, count = entry >> 48;

        if (!count) {
            continue;
        }
        t->pending++;
        /* A range beyond the end fails in the block layer, as an error of the drive. */
        block_aio_discard(u->drive, lba * IDE_SECTOR, count * IDE_SECTOR, trim_step_done, t);
    }
    if (!t->pending) {
        t->pending = 1; /* an empty list: complete, but not from within */
        block_aio_discard(u->drive, 0, 0, trim_step_done, t);
    }
}

static bool trim_list_ok(const IdeUnit *u, uint32_t bytes)
{
    for (uint32_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t entry = ld_le64(u->buf + i);
        uint64_t lba = entry & 0xffffffffffffull, count = entry >> 48;

        if (count && !ide_range_ok(u, lba, count)) {
            return false;
        }
    }
    return true;
}

/* ---- DMA ---- */

bool ide_copy(void *opaque, void *buf, size_t len, bool to_guest)
{
    IdeUnit *u = opaque;

    return u->bus->ops->dma_copy(u->bus, buf, len, to_guest);
}

static unsigned retry_of(IdeDma dma)
{
    switch (dma) {
    case IDE_DMA_READ: return RETRY_DMA_READ;
    case IDE_DMA_WRITE: return RETRY_DMA_WRITE;
    case IDE_DMA_TRIM: return RETRY_TRIM;
    default: return RETRY_PACKET;
    }
}

static void dma_done(void *opaque, int ret)
{
    IdeUnit *u = opaque;
    IdeDma kind = u->dma;
    IdeBus *bus = u->bus;

    u->busy--;
    u->status &= ~ST_BSY;
    if (kind == IDE_DMA_PACKET_READ) {
        atapi_dma_done(u, ret);
        return;
    }
    if (ret == -EFAULT) {
        bus->ops->dma_end(bus, false);
        ide_fail(u, ER_ABRT);
        return;
    }
    if (ret && !ide_drive_result(u, ret, kind == IDE_DMA_READ, retry_of(kind))) {
        if (!u->retry) {
            bus->ops->dma_end(bus, true);
        }
        return;
    }
    if (kind != IDE_DMA_TRIM) {
        advance(u, u->nsector);
    }
    bus->ops->dma_end(bus, true);
    ide_finish(u, true);
}

void ide_dma_begin(IdeUnit *u, IdeDma kind, uint32_t bytes)
{
    u->error = 0;
    u->status = ST_DRDY | ST_DSC | ST_DRQ;
    u->dma = kind;
    u->dma_bytes = bytes;
    u->bus->ops->dma_ready(u->bus);
}

static void start_trim(IdeUnit *u)
{
    if (!u->bus->ops->dma_copy(u->bus, u->buf, u->dma_bytes, false)) {
        u->bus->ops->dma_end(u->bus, false);
        ide_fail(u, ER_ABRT);
        return;
    }
    if (!trim_list_ok(u, u->dma_bytes)) {
        block_drive_account_invalid(u->drive, BLOCK_STAT_UNMAP);
        u->bus->ops->dma_end(u->bus, true);
        ide_fail(u, ER_ABRT);
        return;
    }
    u->busy++;
    ide_trim(u, u->buf, u->dma_bytes, dma_done, u);
}

static void start_transfer(IdeUnit *u)
{
    bool read = u->dma == IDE_DMA_READ;
    uint64_t lba = ide_get_lba(u);

    if (!ide_range_ok(u, lba, u->nsector)) {
        u->bus->ops->dma_end(u->bus, true);
        refuse_range(u, read);
        return;
    }
    u->busy++;
    if (read) {
        block_aio_read_copy(u->drive, lba * IDE_SECTOR, u->dma_bytes, ide_copy, dma_done, u);
    } else {
        block_aio_write_copy(u->drive, lba * IDE_SECTOR, u->dma_bytes, 0, ide_copy, dma_done, u);
    }
}

void ide_dma_start(IdeBus *bus)
{
    IdeUnit *u = ide_selected(bus);

    if (u->busy) {
        return;
    }
    u->status = (u->status & ~ST_DRQ) | ST_BSY;
    switch (u->dma) {
    case IDE_DMA_READ:
    case IDE_DMA_WRITE: start_transfer(u); break;
    case IDE_DMA_TRIM: start_trim(u); break;
    case IDE_DMA_PACKET_READ:
        u->busy++;
        block_aio_read_copy(u->drive, (uint64_t)u->packet_lba * IDE_CD_SECTOR, u->dma_bytes,
                            ide_copy, dma_done, u);
        break;
    case IDE_DMA_PACKET_REPLY:
        atapi_dma_done(u, ide_copy(u, u->buf, u->dma_bytes, true) ? 0 : -EFAULT);
        break;
    case IDE_DMA_NONE: u->status &= ~ST_BSY; break;
    }
}

void ide_dma_start_if_waiting(IdeBus *bus)
{
    IdeUnit *u = ide_selected(bus);

    if (u->dma != IDE_DMA_NONE && !u->busy && !u->retry) {
        ide_dma_start(bus);
    }
}
