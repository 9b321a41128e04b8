/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identify page (ATA8-ACS 7.16 and 7.17). Tables of words for each kind of drive, then what
 * depends on the image and the properties.
 */
#include <string.h>

#include "base/util/bits.h"
#include "base/util/endian.h"
#include "ide-priv.h"

typedef struct {
    uint8_t word;
    uint16_t value;
} Word;

static const Word disk_words[] = {
    { 0, 0x0040 },                   /* fixed */
    { 5, 512 },                      /* bytes a sector, obsolete */
    { 20, 3 },                       /* dual ported buffer, obsolete */
    { 21, 512 },                     /* its size in sectors */
    { 22, 4 },                       /* ECC bytes */
    { 47, 0x8010 },                  /* sectors a block, at most */
    { 48, 1 },                       /* 32-bit data port */
    { 49, 0x0b00 },                  /* IORDY, LBA, DMA */
    { 51, 0x0200 },  { 52, 0x0200 }, /* PIO and DMA timing, obsolete */
    { 53, 0x0007 },                  /* words 54-58, 64-70, 88 are valid */
    { 62, 0x0007 },  { 63, 0x0007 }, /* single and multiword DMA 0-2 */
    { 64, 0x0003 },                  /* PIO 3, 4 */
    { 65, 120 },     { 66, 120 },     { 67, 120 },    { 68, 120 }, /* cycle times, ns */
    { 69, 0x4000 },                  /* deterministic read after trim */
    { 80, 0x00f0 },                  /* ATA-4 to ATA-7 */
    { 81, 0x0016 },  { 82, 0x4021 }, /* NOP, write cache, SMART */
    { 83, 0x7400 },                  /* flush (ext), LBA48 */
    { 84, 0x4000 },  { 85, 0x4001 },  { 86, 0x3400 }, { 87, 0x4000 },
    { 88, 0x203f },                   /* Ultra DMA 0-5, 5 selected */
    { 93, 0x6001 },                   /* cable, reset result */
    { 106, 0x6000 }, { 169, 0x0001 }, /* trim */
};

static const Word cd_words[] = {
    { 0, 0x85c0 }, /* packet device, CD-ROM, removable, 12-byte packets */
    { 20, 3 },      { 21, 512 },    { 22, 4 },      { 48, 1 },   { 49, 0x0300 }, { 53, 0x0007 },
    { 62, 0x0007 }, { 63, 0x0007 }, { 64, 0x0003 }, { 65, 180 }, { 66, 180 },    { 67, 300 },
    { 68, 180 },    { 71, 30 },     { 72, 30 }, /* ns of bus release and service */
    { 80, 0x001e }, { 88, 0x203f },
};

void ide_identify_set(IdeUnit *u, unsigned word, uint16_t value)
{
    st_le16(u->identify + 2 * word, value);
}

uint16_t ide_identify_get(const IdeUnit *u, unsigned word)
{
    return ld_le16(u->identify + 2 * word);
}

/* Text in identify pages has its byte pairs swapped and is padded with blanks. */
static void put_text(IdeUnit *u, unsigned word, const char *text, unsigned bytes)
{
    size_t len = text ? strlen(text) : 0;

    for (unsigned i = 0; i < bytes; i++) {
        u->identify[2 * word + (i ^ 1)] = i < len ? (uint8_t)text[i] : ' ';
    }
}

static void put_words(IdeUnit *u, const Word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ide_identify_set(u, words[i].word, words[i].value);
    }
}

static void put_u32(IdeUnit *u, unsigned word, uint32_t value)
{
    st_le32(u->identify + 2 * word, value);
}

static void put_geometry(IdeUnit *u)
{
    const IdeDevice *d = u->dev;
    uint64_t sectors = ide_sectors(u);

    ide_identify_set(u, 1, (uint16_t)d->cyls);
    ide_identify_set(u, 3, (uint16_t)d->heads);
    ide_identify_set(u, 4, (uint16_t)(512 * d->secs));
    ide_identify_set(u, 6, (uint16_t)d->secs);
    ide_identify_set(u, 54, (uint16_t)d->cyls);
    ide_identify_set(u, 55, (uint16_t)d->heads);
    ide_identify_set(u, 56, (uint16_t)d->secs);
    put_u32(u, 57, d->cyls * d->heads * d->secs);
    put_u32(u, 60, (uint32_t)MIN(sectors, 0x0fffffffu));
    st_le64(u->identify + 200, sectors);
}

static void put_disk(IdeUnit *u)
{
    const IdeDevice *d = u->dev;

    put_words(u, disk_words, G_N_ELEMENTS(disk_words));
    put_geometry(u);
    ide_identify_set(u, 59, u->mult_sectors ? 0x100 | u->mult_sectors : 0);
    if (block_drive_write_cache(u->drive)) {
        ide_identify_set(u, 85, 0x4021);
    }
    if (d->physical_block_size > d->logical_block_size) {
        ide_identify_set(u, 106,
                         0x6000 | bits_log2_floor(d->physical_block_size / d->logical_block_size));
    }
    if (d->wwn) {
        ide_identify_set(u, 84, 0x4100);
        ide_identify_set(u, 87, 0x4100);
        for (int i = 0; i < 4; i++) {
            ide_identify_set(u, 108 + i, (uint16_t)(d->wwn >> (48 - 16 * i)));
        }
    }
    ide_identify_set(u, 217, d->rotation_rate);
}

void ide_identify_make(IdeUnit *u)
{
    const IdeDevice *d = u->dev;

    memset(u->identify, 0, sizeof(u->identify));
    put_text(u, 10, d->serial, IDE_SERIAL_MAX);
    put_text(u, 23, d->version, IDE_VERSION_MAX);
    put_text(u, 27, d->model, IDE_MODEL_MAX);
    if (u->kind == IDE_KIND_DISK) {
        put_disk(u);
    } else {
        put_words(u, cd_words, G_N_ELEMENTS(cd_words));
    }
    if (u->bus->ncq) {
        ide_identify_set(u, 75, 31);     /* tags */
        ide_identify_set(u, 76, 0x0100); /* queueing */
    }
    u->identify_set = false;
}
