/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ATA command set (ATA8-ACS 7): one row a command, one function a kind of command. Moving data
 * is disk.c's, packet commands are atapi.c's.
 */
#include <string.h>

#include "base/util/bits.h"
#include "base/util/endian.h"
#include "ide-priv.h"

enum { /* who knows the command, and how its count is read */
    HD = 1 << IDE_KIND_DISK,
    CD = 1 << IDE_KIND_CD,
    ANY = HD | CD,
};

typedef struct {
    uint8_t first, last; /* command codes */
    uint8_t kinds;
    bool lba48;
    void (*run)(IdeUnit *u, uint8_t cmd);
} Command;

/* ---- data ---- */

static void load_count(IdeUnit *u, bool lba48)
{
    u->lba48 = lba48;
    if (lba48) {
        u->nsector = (uint32_t)u->hob.nsector << 8 | (u->nsector & 0xff);
        u->nsector = u->nsector ? u->nsector : 65536;
    } else {
        u->nsector &= 0xff;
        u->nsector = u->nsector ? u->nsector : 256;
    }
}

static void cmd_read_pio(IdeUnit *u, uint8_t cmd)
{
    bool multiple = cmd == 0xc4 || cmd == 0x29;

    if (multiple && !u->mult_sectors) {
        ide_fail(u, ER_ABRT);
        return;
    }
    u->block_sectors = multiple ? u->mult_sectors : 1;
    ide_read_sectors(u);
}

static void cmd_write_pio(IdeUnit *u, uint8_t cmd)
{
    bool multiple = cmd == 0xc5 || cmd == 0x39;

    if ((multiple && !u->mult_sectors) || block_drive_read_only(u->drive)) {
        ide_fail(u, ER_ABRT);
        return;
    }
    u->block_sectors = multiple ? u->mult_sectors : 1;
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    ide_pio_begin(u, 0, MIN(u->nsector, u->block_sectors) * IDE_SECTOR, IDE_END_WRITE_SECTORS);
}

static void cmd_read_dma(IdeUnit *u, uint8_t cmd)
{
    ide_dma_begin(u, IDE_DMA_READ, u->nsector * IDE_SECTOR);
}

static void cmd_write_dma(IdeUnit *u, uint8_t cmd)
{
    if (block_drive_read_only(u->drive)) {
        ide_fail(u, ER_ABRT);
        return;
    }
    ide_dma_begin(u, IDE_DMA_WRITE, u->nsector * IDE_SECTOR);
}

static void cmd_verify(IdeUnit *u, uint8_t cmd)
{
    uint64_t lba = ide_get_lba(u);

    if (!ide_range_ok(u, lba, u->nsector)) {
        ide_fail(u, ER_ABRT);
        return;
    }
    ide_finish(u, true);
}

static void cmd_trim(IdeUnit *u, uint8_t cmd)
{
    if (u->feature != 1 || block_drive_read_only(u->drive) || !u->nsector ||
        u->nsector * IDE_SECTOR > IDE_BUF_BYTES) {
        ide_fail(u, ER_ABRT);
        return;
    }
    ide_dma_begin(u, IDE_DMA_TRIM, u->nsector * IDE_SECTOR);
}

static void cmd_flush(IdeUnit *u, uint8_t cmd)
{
    ide_flush(u);
}

/* ---- identification, features ---- */

static void reply_page(IdeUnit *u, const uint8_t *page)
{
    memcpy(u->buf, page, IDE_SECTOR);
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    ide_pio_begin(u, 0, IDE_SECTOR, IDE_END_STOP);
    ide_raise_irq(u->bus);
}

static void cmd_identify(IdeUnit *u, uint8_t cmd)
{
    if (u->kind == IDE_KIND_CD) { /* says what it is, and refuses */
        ide_set_signature(u);
        ide_fail(u, ER_ABRT);
        return;
    }
    u->identify_set = true;
    reply_page(u, u->identify);
}

static void cmd_identify_packet(IdeUnit *u, uint8_t cmd)
{
    u->identify_set = true;
    reply_page(u, u->identify);
}

/* Set Features, subcommand 3: the count register names the mode. */
static bool set_transfer_mode(IdeUnit *u)
{
    uint8_t kind = (uint8_t)u->nsector >> 3, mode = u->nsector & 7;
    uint16_t mdma = 0x07, udma = 0x3f;

    switch (kind) {
    case 0: /* PIO default */
    case 1: /* PIO with flow control */ break;
    case 4:
        if (mode > 2) {
            return false;
        }
        mdma |= (uint16_t)(0x100 << mode);
        break;
    case 8:
        if (mode > 5) {
            return false;
        }
        udma |= (uint16_t)(0x100 << mode);
        break;
    default: return false;
    }
    ide_identify_set(u, 62, 0x07);
    ide_identify_set(u, 63, mdma);
    ide_identify_set(u, 88, udma);
    return true;
}

static void set_write_cache(IdeUnit *u, bool on)
{
    uint16_t word = ide_identify_get(u, 85);

    block_drive_set_write_cache(u->drive, on);
    ide_identify_set(u, 85, on ? word | 0x20 : word & ~0x20);
}

static void cmd_set_features(IdeUnit *u, uint8_t cmd)
{
    bool disk = u->kind == IDE_KIND_DISK;

    u->identify_set = true;
    switch (u->feature) {
    case 0x02:
    case 0x82: /* write cache */
        if (!disk) {
            ide_fail(u, ER_ABRT);
            return;
        }
        set_write_cache(u, u->feature == 0x02);
        if (u->feature == 0x82) {
            ide_flush(u); /* what was cached is no longer allowed to be */
            return;
        }
        break;
    case 0x03:
        if (!set_transfer_mode(u)) {
            ide_fail(u, ER_ABRT);
            return;
        }
        break;
    case 0x05: /* power management */
    case 0x85:
    case 0x42: /* acoustics */
    case 0xc2:
    case 0x55: /* read look-ahead */
    case 0xaa:
    case 0x66: /* defaults at soft reset */
    case 0xcc: break;
    default: ide_fail(u, ER_ABRT); return;
    }
    ide_finish(u, true);
}

static void cmd_set_multiple(IdeUnit *u, uint8_t cmd)
{
    uint8_t n = (uint8_t)u->nsector;

    if (n > IDE_MULT_MAX || (n && !bits_is_pow2(n))) {
        ide_fail(u, ER_ABRT);
        return;
    }
    u->mult_sectors = n;
    ide_identify_set(u, 59, n ? 0x100 | n : 0);
    ide_finish(u, true);
}

static void cmd_native_max(IdeUnit *u, uint8_t cmd)
{
    uint64_t sectors = ide_sectors(u);

    u->lba48 = cmd == 0x27;
    u->select |= DEV_LBA;
    ide_set_lba(u, u->lba48 ? sectors - 1 : MIN(sectors, 0x0fffffffu) - 1);
    ide_finish(u, true);
}

/* ---- logs and health ---- */

static void checksum_page(uint8_t page[IDE_SECTOR])
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < IDE_SECTOR - 1; i++) {
        sum += page[i];
    }
    page[IDE_SECTOR - 1] = (uint8_t)-sum;
}

/* The queued-command error log and the directory that lists it. */
static void cmd_read_log(IdeUnit *u, uint8_t cmd)
{
    uint8_t page[IDE_SECTOR] = { 0 };

    if (u->lcyl || u->hob.lcyl || (uint8_t)u->nsector != 1 || u->hob.nsector) {
        ide_fail(u, ER_ABRT);
        return;
    }
    switch (u->sector) {
    case 0x00:
        st_le16(page, 1);
        st_le16(page + 2 * 0x10, 1);
        break;
    case 0x10:
        memcpy(page, u->ncq_error, sizeof(u->ncq_error));
        checksum_page(page);
        break;
    default: ide_fail(u, ER_ABRT); return;
    }
    reply_page(u, page);
}

static void smart_page(IdeUnit *u)
{
    uint8_t page[IDE_SECTOR] = { 0 };

    st_le16(page, 0x0010); /* revision; no attributes */
    checksum_page(page);
    reply_page(u, page);
}

static void cmd_smart(IdeUnit *u, uint8_t cmd)
{
    uint8_t page[IDE_SECTOR] = { 0 };

    if (u->lcyl != 0x4f || u->hcyl != 0xc2) {
        ide_fail(u, ER_ABRT);
        return;
    }
    switch (u->feature) {
    case 0xd0: /* data */
    case 0xd1: /* thresholds */ smart_page(u); return;
    case 0xd5:
        if (u->sector) {
            ide_fail(u, ER_ABRT);
            return;
        }
        page[0] = 1; /* a directory without logs */
        reply_page(u, page);
        return;
    case 0xd2: /* attribute autosave */
    case 0xd8:
    case 0xd9: /* enable, disable */
    case 0xda: /* status: the signature unchanged means healthy */ ide_finish(u, true); return;
    default: ide_fail(u, ER_ABRT); return;
    }
}

/* ---- the rest ---- */

static void cmd_nothing(IdeUnit *u, uint8_t cmd)
{
    ide_finish(u, true);
}

static void cmd_power_mode(IdeUnit *u, uint8_t cmd)
{
    u->nsector = 0xff; /* active */
    ide_finish(u, true);
}

static void cmd_diagnostic(IdeUnit *u, uint8_t cmd)
{
    IdeBus *bus = u->bus;

    bus->unit = 0;
    for (unsigned i = 0; i < bus->max_units; i++) {
        ide_set_signature(&bus->units[i]);
    }
    u = ide_selected(bus);
    ide_finish(u, true);
    u->error = 1; /* both passed */
}

static void cmd_device_reset(IdeUnit *u, uint8_t cmd)
{
    ide_set_signature(u);
    u->status = 0; /* no interrupt, no DRDY: ATA8-ACS 7.11 */
    u->error = 1;
    u->pio = false;
    u->dma = IDE_DMA_NONE;
    if (u->bus->ops->done) {
        u->bus->ops->done(u->bus);
    }
}

static void cmd_packet(IdeUnit *u, uint8_t cmd)
{
    uint32_t limit = (uint32_t)u->hcyl << 8 | u->lcyl;

    if (u->feature & 0x02) { /* overlapped */
        ide_fail(u, ER_ABRT);
        return;
    }
    u->packet_dma = u->feature & 1;
    /* An odd limit holds one byte less; 0 means as much as fits the registers. */
    u->packet_limit = limit < 2 || limit == 0xffff ? 0xfffe : limit & ~1u;
    u->status = ST_DRDY | ST_DSC;
    u->error = 0;
    u->nsector = IR_CD;
    u->retry = 0;
    ide_pio_begin(u, 0, IDE_PACKET, IDE_END_PACKET_COMMAND);
}

static const Command commands[] = {
    { 0x06, 0x06, HD, false, cmd_trim },
    { 0x08, 0x08, CD, false, cmd_device_reset },
    { 0x10, 0x1f, HD, false, cmd_nothing }, /* recalibrate */
    { 0x20, 0x21, HD, false, cmd_read_pio },
    { 0x24, 0x24, HD, true, cmd_read_pio },
    { 0x25, 0x25, HD, true, cmd_read_dma },
    { 0x27, 0x27, HD, false, cmd_native_max },
    { 0x29, 0x29, HD, true, cmd_read_pio },
    { 0x2f, 0x2f, HD, false, cmd_read_log },
    { 0x30, 0x31, HD, false, cmd_write_pio },
    { 0x34, 0x34, HD, true, cmd_write_pio },
    { 0x35, 0x35, HD, true, cmd_write_dma },
    { 0x39, 0x39, HD, true, cmd_write_pio },
    { 0x40, 0x41, HD, false, cmd_verify },
    { 0x42, 0x42, HD, true, cmd_verify },
    { 0x70, 0x7f, HD, false, cmd_nothing }, /* seek */
    { 0x90, 0x90, ANY, false, cmd_diagnostic },
    { 0x91, 0x91, HD, false, cmd_nothing },  /* geometry is fixed */
    { 0x94, 0x97, ANY, false, cmd_nothing }, /* power, old codes */
    { 0x98, 0x98, ANY, false, cmd_power_mode },
    { 0x99, 0x99, ANY, false, cmd_nothing },
    { 0xa0, 0xa0, CD, false, cmd_packet },
    { 0xa1, 0xa1, CD, false, cmd_identify_packet },
    { 0xb0, 0xb0, HD, false, cmd_smart },
    { 0xc4, 0xc4, HD, false, cmd_read_pio },
    { 0xc5, 0xc5, HD, false, cmd_write_pio },
    { 0xc6, 0xc6, HD, false, cmd_set_multiple },
    { 0xc8, 0xc9, HD, false, cmd_read_dma },
    { 0xca, 0xcb, HD, false, cmd_write_dma },
    { 0xe0, 0xe3, ANY, false, cmd_nothing },
    { 0xe5, 0xe5, ANY, false, cmd_power_mode },
    { 0xe6, 0xe6, ANY, false, cmd_nothing },
    { 0xe7, 0xe7, ANY, false, cmd_flush },
    { 0xea, 0xea, ANY, false, cmd_flush },
    { 0xec, 0xec, ANY, false, cmd_identify },
    { 0xef, 0xef, ANY, false, cmd_set_features },
    { 0xf8, 0xf8, HD, false, cmd_native_max },
};

/* Commands whose count register is a number of sectors or blocks. */
static bool counts(const Command *c)
{
    return c->run == cmd_read_pio || c->run == cmd_write_pio || c->run == cmd_read_dma ||
           c->run == cmd_write_dma || c->run == cmd_verify;
}

void ide_command(IdeBus *bus, uint8_t cmd)
{
    IdeUnit *u = ide_selected(bus);

    bus->control &= ~CTL_HOB;
    if (!ide_unit_present(u) || (bus->control & CTL_SRST)) {
        return;
    }
    if ((u->status & (ST_BSY | ST_DRQ)) && !(cmd == 0x08 && u->kind == IDE_KIND_CD)) {
        return;
    }
    if (u->busy) {
        ide_bus_drain(bus); /* a device reset amid a command */
    }
    if (bus->ops->irq) {
        bus->ops->irq(bus, false);
    }
    u->retry = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const Command *c = &commands[i];

        if (cmd >= c->first && cmd <= c->last && (c->kinds & (1 << u->kind))) {
            if (counts(c)) {
                load_count(u, c->lba48);
            }
            c->run(u, cmd);
            return;
        }
    }
    ide_fail(u, ER_ABRT);
}
