/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet commands of a CD or DVD drive (MMC-3, SFF-8020i). The medium has one data track of 2048
 * bytes a sector. No audio, no raw sectors, no DVD structures.
 *
 *   command block -> command -> packet_ok()
 *                           \-> reply in buf or from the medium, in blocks or by DMA -> packet_ok()
 *                           \-> atapi_fail(): sense is kept until it is asked for
 */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "hw/core/mmc.h"
#include "ide-priv.h"

#define FILL_SECTORS   32u /* read from the medium at once */
#define READ_MAX_BYTES (1u << 30)

enum { /* sense keys and additional codes */
    KEY_NONE = 0x0,
    KEY_NOT_READY = 0x2,
    KEY_ILLEGAL = 0x5,
    KEY_ATTENTION = 0x6,
    KEY_ABORTED = 0xb,
    ASC_OPCODE = 0x20,
    ASC_RANGE = 0x21,
    ASC_FIELD = 0x24,
    ASC_CHANGED = 0x28,
    ASC_INCOMPATIBLE = 0x30,
    ASC_NO_MEDIUM = 0x3a,
    ASC_LOCKED = 0x53,
};

enum { /* conditions of a command */
    NEEDS_MEDIUM = 1 << 0,
    IGNORES_CHANGE = 1 << 1, /* works with a unit attention pending */
};

typedef struct {
    uint8_t opcode, flags;
    void (*run)(IdeUnit *u);
} Packet;

/* ---- end of a command ---- */

static void packet_ok(IdeUnit *u)
{
    u->nsector = IR_IO | IR_CD;
    ide_finish(u, true);
}

void atapi_fail(IdeUnit *u, uint8_t key, uint8_t asc)
{
    u->sense_key = key;
    u->asc = asc;
    u->ascq = 0;
    u->nsector = IR_IO | IR_CD;
    ide_fail(u, (uint8_t)(key << 4));
}

/* ---- replies ---- */

static void fill_done(void *opaque, int ret)
{
    IdeUnit *u = opaque;
    uint32_t n = MIN(u->packet_left, FILL_SECTORS * IDE_CD_SECTOR);

    u->busy--;
    u->status &= ~ST_BSY;
    if (!ide_drive_result(u, ret, true, RETRY_PACKET)) {
        return;
    }
    u->packet_lba += n / IDE_CD_SECTOR;
    u->reply_from = 0;
    u->reply_valid = n;
    atapi_reply_next(u);
}

static void fill(IdeUnit *u)
{
    uint32_t n = MIN(u->packet_left, FILL_SECTORS * IDE_CD_SECTOR);
    struct iovec iov = { .iov_base = u->buf, .iov_len = n };

    u->status = ST_DRDY | ST_DSC | ST_BSY;
    u->busy++;
    block_aio_preadv(u->drive, (uint64_t)u->packet_lba * IDE_CD_SECTOR, &iov, 1, fill_done, u);
}

void atapi_reply_next(IdeUnit *u)
{
    uint32_t n;

    if (!u->packet_left) {
        packet_ok(u);
        return;
    }
    if (u->reply_from == u->reply_valid) {
        if (u->packet_lba_known) {
            fill(u);
        } else {
            atapi_fail(u, KEY_ABORTED, 0);
        }
        return;
    }
    n = MIN(MIN(u->packet_left, u->packet_limit), u->reply_valid - u->reply_from);
    u->lcyl = (uint8_t)n;
    u->hcyl = (uint8_t)(n >> 8);
    u->nsector = IR_IO;
    u->packet_left -= n;
    u->reply_from += n;
    u->status = ST_DRDY | ST_DSC;
    ide_raise_irq(u->bus);
    ide_pio_begin(u, u->reply_from - n, n, IDE_END_PACKET_REPLY);
}

/* The first @len bytes of buf, of which the initiator has room for @room. */
static void reply(IdeUnit *u, uint32_t len, uint32_t room)
{
    len = MIN(len, room);
    if (!len) {
        packet_ok(u);
        return;
    }
    if (u->packet_dma) {
        ide_dma_begin(u, IDE_DMA_PACKET_REPLY, len);
        return;
    }
    u->packet_left = len;
    u->packet_lba_known = false;
    u->reply_from = 0;
    u->reply_valid = len;
    atapi_reply_next(u);
}

void atapi_dma_done(IdeUnit *u, int ret)
{
    IdeBus *bus = u->bus;

    u->status &= ~ST_BSY;
    if (ret == -EFAULT) {
        bus->ops->dma_end(bus, false);
        atapi_fail(u, KEY_ABORTED, 0);
        return;
    }
    if (!ide_drive_result(u, ret, true, RETRY_PACKET)) {
        if (!u->retry) {
            bus->ops->dma_end(bus, true);
        }
        return;
    }
    bus->ops->dma_end(bus, true);
    packet_ok(u);
}

void atapi_retry(IdeUnit *u)
{
    if (u->packet_dma) {
        if (u->bus->ops->dma_rewind) {
            u->bus->ops->dma_rewind(u->bus);
        }
        atapi_command(u);
    } else if (u->packet_lba_known) {
        atapi_reply_next(u); /* the same part of the medium again */
    } else {
        atapi_command(u); /* it came with a migration: the rest of it */
    }
}

/* ---- the medium ---- */

static uint32_t cd_sectors(const IdeUnit *u)
{
    return (uint32_t)MIN(block_drive_length(u->drive) / IDE_CD_SECTOR, UINT32_MAX);
}

static bool has_disc(const IdeUnit *u)
{
    return block_drive_has_medium(u->drive) && !u->tray_open;
}

static MmcDrive drive_facts(const IdeUnit *u)
{
    return (MmcDrive){ .sectors = cd_sectors(u),
                       .disc = has_disc(u),
                       .tray_open = u->tray_open,
                       .tray_locked = u->tray_locked };
}

/* An answer of @len bytes, 0: the command has a field that is not valid. */
static void answer(IdeUnit *u, uint32_t len, uint32_t room)
{
    if (!len) {
        atapi_fail(u, KEY_ILLEGAL, ASC_FIELD);
        return;
    }
    reply(u, len, room);
}

void atapi_medium_changed(IdeUnit *u)
{
    u->cdrom_changed = 1;
    u->event_new_media = true;
    u->event_eject = false;
}

static void read_medium(IdeUnit *u, uint32_t lba, uint32_t count)
{
    uint32_t total = cd_sectors(u);

    if (!count) {
        packet_ok(u);
    } else if (lba >= total || count > total - lba) {
        block_drive_account_invalid(u->drive, BLOCK_STAT_READ);
        atapi_fail(u, KEY_ILLEGAL, ASC_RANGE);
    } else if (count > READ_MAX_BYTES / IDE_CD_SECTOR) {
        atapi_fail(u, KEY_ILLEGAL, ASC_FIELD);
    } else {
        u->packet_lba = lba;
        u->packet_lba_known = true;
        if (u->packet_dma) {
            ide_dma_begin(u, IDE_DMA_PACKET_READ, (uint64_t)count * IDE_CD_SECTOR);
            return;
        }
        u->packet_left = count * IDE_CD_SECTOR;
        u->reply_from = u->reply_valid = 0;
        atapi_reply_next(u);
    }
}

static void cmd_read10(IdeUnit *u)
{
    read_medium(u, ld_be32(u->packet + 2), ld_be16(u->packet + 7));
}

static void cmd_read12(IdeUnit *u)
{
    read_medium(u, ld_be32(u->packet + 2), ld_be32(u->packet + 6));
}

static void cmd_read_cd(IdeUnit *u)
{
    const uint8_t *p = u->packet;
    uint32_t count = (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];

    switch (p[9] & 0xf8) {
    case 0x00: packet_ok(u); break; /* nothing but the access was asked for */
    case 0x10: read_medium(u, ld_be32(p + 2), count); break; /* user data */
    default: atapi_fail(u, KEY_ILLEGAL, ASC_FIELD); break;
    }
}

static void cmd_seek(IdeUnit *u)
{
    if (ld_be32(u->packet + 2) >= cd_sectors(u)) {
        atapi_fail(u, KEY_ILLEGAL, ASC_RANGE);
        return;
    }
    packet_ok(u);
}

static void cmd_read_capacity(IdeUnit *u)
{
    st_be32(u->buf, cd_sectors(u) - 1);
    st_be32(u->buf + 4, IDE_CD_SECTOR);
    reply(u, 8, 8);
}

/* ---- tray ---- */

static void cmd_start_stop(IdeUnit *u)
{
    bool start = u->packet[4] & 1, load_eject = u->packet[4] & 2;

    if (u->packet[4] & 0xf0) { /* a power condition: there is but one */
        packet_ok(u);
        return;
    }
    if (load_eject) {
        if (!start && !u->tray_open && u->tray_locked) {
            atapi_fail(u, block_drive_has_medium(u->drive) ? KEY_NOT_READY : KEY_ILLEGAL,
                       ASC_LOCKED);
            return;
        }
        if (u->tray_open == start) {
            u->tray_open = !start;
            block_drive_tray_moved(u->drive);
        }
    }
    packet_ok(u);
}

static void cmd_prevent_allow(IdeUnit *u)
{
    u->tray_locked = u->packet[4] & 1;
    packet_ok(u);
}

/* ---- questions about the drive ---- */

static void cmd_test_ready(IdeUnit *u)
{
    packet_ok(u);
}

static void cmd_request_sense(IdeUnit *u)
{
    memset(u->buf, 0, IDE_SENSE_BYTES);
    u->buf[0] = 0xf0;
    u->buf[2] = u->sense_key;
    u->buf[7] = IDE_SENSE_BYTES - 8;
    u->buf[12] = u->asc;
    u->buf[13] = u->ascq;
    u->sense_key = u->asc = u->ascq = 0;
    reply(u, IDE_SENSE_BYTES, u->packet[4]);
}

static void put_padded(uint8_t *at, const char *text, size_t len)
{
    size_t n = strlen(text);

    memset(at, ' ', len);
    memcpy(at, text, MIN(n, len));
}

static void inquiry_page(IdeUnit *u, uint8_t page, uint32_t room)
{
    uint8_t *b = u->buf;

    b[0] = 0x05;
    b[1] = page;
    if (page == 0x00) {
        b[3] = 2;
        b[5] = 0x83;
        reply(u, 6, room);
    } else if (page == 0x83) {
        b[3] = 24 + 72;
        b[4] = 2; /* ASCII */
        b[7] = 20;
        put_padded(b + 8, u->dev->serial, 20);
        b[28] = 2;
        b[29] = 1; /* vendor id, model, serial */
        b[31] = 68;
        put_padded(b + 32, "ATA", 8);
        put_padded(b + 40, u->dev->model, 40);
        put_padded(b + 80, u->dev->serial, 20);
        reply(u, 100, room);
    } else {
        atapi_fail(u, KEY_ILLEGAL, ASC_FIELD);
    }
}

static void cmd_inquiry(IdeUnit *u)
{
    uint32_t room = ld_be16(u->packet + 3);
    uint8_t *b = u->buf;

    memset(b, 0, 256);
    if (u->packet[1] & 1) {
        inquiry_page(u, u->packet[2], room);
        return;
    }
    if (u->packet[2]) {
        atapi_fail(u, KEY_ILLEGAL, ASC_FIELD);
        return;
    }
    b[0] = 0x05; /* CD-ROM */
    b[1] = 0x80; /* removable */
    b[3] = 0x21;
    b[4] = 36 - 5;
    put_padded(b + 8, "QEMU", 8);
    put_padded(b + 16, "QEMU DVD-ROM", 16);
    put_padded(b + 32, u->dev->version, 4);
    reply(u, 36, room);
}

static void cmd_mode_sense(IdeUnit *u)
{
    static const uint8_t errors[] = { 0x01, 6, 0, 5, 0, 0, 0, 0 };
    MmcDrive drive = drive_facts(u);
    uint8_t *b = u->buf, page = u->packet[2] & 0x3f;
    uint32_t len;

    memset(b, 0, 64);
    if (u->packet[2] >> 6 == 3) { /* saved values: none */
        atapi_fail(u, KEY_ILLEGAL, 0x39);
        return;
    }
    if (page == errors[0]) {
        len = sizeof(errors);
        memcpy(b + 8, errors, sizeof(errors));
    } else {
        len = mmc_mode_page(page, &drive, b + 8);
    }
    st_be16(b, (uint16_t)(len + 8 - 2));
    b[2] = 0x70;
    answer(u, len ? len + 8 : 0, ld_be16(u->packet + 7));
}

static void cmd_event_status(IdeUnit *u)
{
    MmcDrive drive = drive_facts(u);
    MmcEvents events = { u->event_new_media, u->event_eject };
    uint32_t len = mmc_event_status(u->packet, &drive, &events, u->buf);

    u->event_new_media = events.new_media;
    u->event_eject = events.eject_request;
    answer(u, len, ld_be16(u->packet + 7));
}

static void cmd_get_configuration(IdeUnit *u)
{
    MmcDrive drive = drive_facts(u);

    answer(u, mmc_get_configuration(u->packet, &drive, u->buf), ld_be16(u->packet + 7));
}

static void cmd_mechanism_status(IdeUnit *u)
{
    answer(u, mmc_mechanism_status(u->buf), ld_be16(u->packet + 8));
}

/* ---- questions about the disc ---- */

static void cmd_read_toc(IdeUnit *u)
{
    MmcDrive drive = drive_facts(u);

    answer(u, mmc_read_toc(u->packet, &drive, u->buf), ld_be16(u->packet + 7));
}

static void cmd_disc_information(IdeUnit *u)
{
    answer(u, mmc_disc_information(u->packet, u->buf), ld_be16(u->packet + 7));
}

static void cmd_dvd_structure(IdeUnit *u)
{
    atapi_fail(u, KEY_ILLEGAL, ASC_INCOMPATIBLE);
}

/* ---- dispatch ---- */

static const Packet packets[] = {
    { 0x00, NEEDS_MEDIUM, cmd_test_ready },
    { 0x03, IGNORES_CHANGE, cmd_request_sense },
    { 0x12, IGNORES_CHANGE, cmd_inquiry },
    { 0x1b, 0, cmd_start_stop },
    { 0x1e, 0, cmd_prevent_allow },
    { 0x25, NEEDS_MEDIUM, cmd_read_capacity },
    { 0x28, NEEDS_MEDIUM, cmd_read10 },
    { 0x2b, NEEDS_MEDIUM, cmd_seek },
    { 0x43, NEEDS_MEDIUM, cmd_read_toc },
    { 0x46, IGNORES_CHANGE, cmd_get_configuration },
    { 0x4a, IGNORES_CHANGE, cmd_event_status },
    { 0x51, NEEDS_MEDIUM, cmd_disc_information },
    { 0x5a, 0, cmd_mode_sense },
    { 0xa8, NEEDS_MEDIUM, cmd_read12 },
    { 0xad, NEEDS_MEDIUM, cmd_dvd_structure },
    { 0xbb, 0, cmd_test_ready }, /* set speed */
    { 0xbd, 0, cmd_mechanism_status },
    { 0xbe, NEEDS_MEDIUM, cmd_read_cd },
};

/* A changed disc is first "not ready", then announced, so that every guest notices. */
static bool change_pending(IdeUnit *u)
{
    if (!u->cdrom_changed || !has_disc(u)) {
        return false;
    }
    if (u->cdrom_changed == 1) {
        u->cdrom_changed = 2;
        atapi_fail(u, KEY_NOT_READY, ASC_NO_MEDIUM);
    } else {
        u->cdrom_changed = 0;
        atapi_fail(u, KEY_ATTENTION, ASC_CHANGED);
    }
    return true;
}

void atapi_command(IdeUnit *u)
{
    uint8_t opcode = u->packet[0];

    for (size_t i = 0; i < G_N_ELEMENTS(packets); i++) {
        const Packet *p = &packets[i];

        if (p->opcode != opcode) {
            continue;
        }
        if (!(p->flags & IGNORES_CHANGE) && change_pending(u)) {
            return;
        }
        if ((p->flags & NEEDS_MEDIUM) && (!has_disc(u) || !cd_sectors(u))) {
            atapi_fail(u, KEY_NOT_READY, ASC_NO_MEDIUM);
            return;
        }
        p->run(u);
        return;
    }
    atapi_fail(u, KEY_ILLEGAL, ASC_OPCODE);
}
