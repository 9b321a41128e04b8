/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register side of a bus (ATA8-ACS 6): task file, data port, device control, and what every
 * command has in common: its beginning, its end, its failure. The commands are in commands.c.
 *
 *   command written -> [PIO blocks | DMA transfer]* -> ide_finish() or ide_fail()
 */
#include <errno.h>
#include <string.h>

#include "ide-priv.h"

/* ---- interrupts, end of a command ---- */

void ide_raise_irq(IdeBus *bus)
{
    if (bus->ops->irq && !(bus->control & CTL_NIEN)) {
        bus->ops->irq(bus, true);
    }
}

static void lower_irq(IdeBus *bus)
{
    if (bus->ops->irq) {
        bus->ops->irq(bus, false);
    }
}

static void end(IdeUnit *u, bool interrupt)
{
    u->pio = false;
    u->pos = u->end = 0;
    u->dma = IDE_DMA_NONE;
    if (interrupt) {
        ide_raise_irq(u->bus);
    }
    if (u->bus->ops->done) {
        u->bus->ops->done(u->bus);
    }
}

void ide_finish(IdeUnit *u, bool interrupt)
{
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    end(u, interrupt);
}

void ide_fail(IdeUnit *u, uint8_t error_bits)
{
    u->status = ST_DRDY | ST_ERR;
    u->error = error_bits;
    end(u, true);
}

bool ide_drive_result(IdeUnit *u, int ret, bool read, unsigned retry)
{
    if (!ret) {
        return true;
    }
    switch (block_drive_handle_error(u->drive, read, -ret)) {
    case BLOCK_ACTION_IGNORE: return true;
    case BLOCK_ACTION_STOP: u->retry = retry; return false;
    case BLOCK_ACTION_REPORT: break;
    }
    if (u->kind == IDE_KIND_CD) {
        atapi_fail(u, 3, 0x11); /* medium error, unrecovered read */
    } else {
        ide_fail(u, ret == -EACCES ? ER_ABRT : read ? ER_UNC : ER_ABRT);
    }
    return false;
}

void ide_retry(IdeBus *bus)
{
    for (unsigned i = 0; i < bus->max_units; i++) {
        IdeUnit *u = &bus->units[i];
        unsigned retry = u->retry;

        u->retry = 0;
        switch (retry) {
        case RETRY_PIO_READ: ide_read_sectors(u); break;
        case RETRY_PIO_WRITE: ide_write_sectors(u); break;
        case RETRY_FLUSH: ide_flush(u); break;
        case RETRY_PACKET: atapi_retry(u); break;
        case RETRY_DMA_READ:
        case RETRY_DMA_WRITE:
        case RETRY_TRIM:
            if (bus->ops->dma_rewind) {
                bus->ops->dma_rewind(bus);
            }
            ide_dma_begin(u,
                          retry == RETRY_DMA_READ    ? IDE_DMA_READ
                          : retry == RETRY_DMA_WRITE ? IDE_DMA_WRITE
                                                     : IDE_DMA_TRIM,
                          u->nsector * IDE_SECTOR);
            break;
        default: break;
        }
    }
}

/* ---- PIO ---- */

void ide_pio_begin(IdeUnit *u, uint32_t from, uint32_t bytes, IdeEnd end_fn)
{
    u->pos = from;
    u->end = from + bytes;
    u->end_fn = end_fn;
    u->pio = true;
    u->status = (u->status & ~ST_BSY) | ST_DRQ | ST_DRDY | ST_DSC;
    if (u->bus->ops->pio) {
        u->bus->ops->pio(u->bus);
    }
}

void ide_pio_done(IdeUnit *u)
{
    u->pio = false;
    u->status &= ~ST_DRQ;
    switch (u->end_fn) {
    case IDE_END_READ_SECTORS: ide_read_sectors(u); break;
    case IDE_END_WRITE_SECTORS: ide_write_sectors(u); break;
    case IDE_END_PACKET_REPLY: atapi_reply_next(u); break;
    case IDE_END_PACKET_COMMAND:
        memcpy(u->packet, u->buf, IDE_PACKET);
        atapi_command(u);
        break;
    case IDE_END_STOP: ide_finish(u, u->bus->ops->irq == NULL); break;
    case IDE_END_DISCARD: ide_finish(u, true); break;
    }
}

static bool to_device(const IdeUnit *u)
{
    return u->end_fn == IDE_END_WRITE_SECTORS || u->end_fn == IDE_END_PACKET_COMMAND ||
           u->end_fn == IDE_END_DISCARD;
}

static bool data_waits(const IdeUnit *u, bool to)
{
    return u->pio && (u->status & ST_DRQ) && u->pos < u->end && to_device(u) == to;
}

uint32_t ide_data_read(IdeBus *bus, unsigned size)
{
    IdeUnit *u = ide_selected(bus);
    uint32_t value = 0, n;

    if (!data_waits(u, false)) {
        return 0;
    }
    n = MIN(size, u->end - u->pos);
    memcpy(&value, u->buf + u->pos, n); /* little-endian host, as the bus */
    u->pos += n;
    if (u->pos == u->end) {
        ide_pio_done(u);
    }
    return value;
}

void ide_data_write(IdeBus *bus, uint32_t value, unsigned size)
{
    IdeUnit *u = ide_selected(bus);
    uint32_t n;

    if (!data_waits(u, true)) {
        return;
    }
    n = MIN(size, u->end - u->pos);
    memcpy(u->buf + u->pos, &value, n);
    u->pos += n;
    if (u->pos == u->end) {
        ide_pio_done(u);
    }
}

/* ---- registers ---- */

void ide_write(IdeBus *bus, unsigned reg, uint8_t value)
{
    if (reg == 7) {
        ide_command(bus, value);
        return;
    }
    bus->control &= ~CTL_HOB;
    if (ide_selected(bus)->status & (ST_BSY | ST_DRQ)) {
        return; /* the device owns the registers */
    }
    for (int i = 0; i < 2; i++) {
        IdeUnit *u = &bus->units[i];

        switch (reg) {
        case 1: u->hob.feature = u->feature, u->feature = value; break;
        case 2: u->hob.nsector = (uint8_t)u->nsector, u->nsector = value; break;
        case 3: u->hob.sector = u->sector, u->sector = value; break;
        case 4: u->hob.lcyl = u->lcyl, u->lcyl = value; break;
        case 5: u->hob.hcyl = u->hcyl, u->hcyl = value; break;
        case 6: u->select = value | DEV_FIXED; break;
        default: break;
        }
    }
    if (reg == 6) {
        bus->unit = value & DEV_UNIT ? 1 : 0;
    }
}

/* Nobody drives the bus, or not for the selected unit. */
static bool is_silent(const IdeBus *bus)
{
    return (!ide_unit_present(&bus->units[0]) && !ide_unit_present(&bus->units[1])) ||
           (bus->unit && !ide_unit_present(&bus->units[1]));
}

uint8_t ide_alt_status(IdeBus *bus)
{
    return is_silent(bus) ? 0 : ide_selected(bus)->status;
}

uint8_t ide_read(IdeBus *bus, unsigned reg)
{
    const IdeUnit *u = ide_selected(bus);
    bool hob = bus->control & CTL_HOB;

    if (reg == 7) {
        lower_irq(bus);
        return ide_alt_status(bus);
    }
    if (!ide_unit_present(&bus->units[0]) && !ide_unit_present(&bus->units[1])) {
        return 0;
    }
    switch (reg) {
    case 1: return hob ? u->hob.feature : u->error;
    case 2: return hob ? u->hob.nsector : (uint8_t)u->nsector;
    case 3: return hob ? u->hob.sector : u->sector;
    case 4: return hob ? u->hob.lcyl : u->lcyl;
    case 5: return hob ? u->hob.hcyl : u->hcyl;
    default: return u->select;
    }
}

/* ---- reset ---- */

void ide_set_signature(IdeUnit *u)
{
    static const uint8_t lcyl[] = { 0xff, 0x00, 0x14 }, hcyl[] = { 0xff, 0x00, 0xeb };

    u->select &= ~0x0f;
    u->nsector = 1;
    u->sector = 1;
    u->lcyl = lcyl[u->kind];
    u->hcyl = hcyl[u->kind];
}

void ide_unit_reset(IdeUnit *u)
{
    u->retry = 0;
    u->mult_sectors = IDE_MULT_MAX;
    u->feature = u->error = 0;
    u->select = DEV_FIXED;
    u->status = ST_DRDY | ST_DSC;
    u->hob = (IdeHob){ 0 };
    u->lba48 = false;
    u->pio = false;
    u->pos = u->end = 0;
    u->end_fn = IDE_END_STOP;
    u->block_sectors = 0;
    u->packet_left = u->reply_from = u->reply_valid = 0;
    u->packet_dma = u->packet_lba_known = false;
    u->sense_key = u->asc = u->ascq = 0;
    u->cdrom_changed = 0;
    u->dma = IDE_DMA_NONE;
    u->event_new_media = u->event_eject = false;
    memset(u->ncq_error, 0, sizeof(u->ncq_error));
    ide_set_signature(u);
    if (u->drive) {
        ide_identify_make(u);
    }
}

void ide_control_write(IdeBus *bus, uint8_t value)
{
    bool was = bus->control & CTL_SRST, now = value & CTL_SRST;

    bus->control = value;
    if (now && !was) {
        ide_bus_drain(bus);
        for (int i = 0; i < 2; i++) {
            bus->units[i].retry = 0;
            bus->units[i].pio = false;
            bus->units[i].dma = IDE_DMA_NONE;
            bus->units[i].status = ST_BSY | ST_DSC;
            bus->units[i].error = 1;
        }
    } else if (was && !now) {
        for (int i = 0; i < 2; i++) {
            IdeUnit *u = &bus->units[i];

            ide_unit_reset(u);
            u->status = u->kind == IDE_KIND_CD ? 0 : ST_DRDY | ST_DSC;
            u->error = 1; /* diagnostics passed */
        }
        bus->unit = 0;
    }
}
