/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See mmc.h. Command layouts: MMC-3, sections 5 and 6. */
#include "hw/core/mmc.h"

#include <string.h>

#include "base/util/endian.h"

enum { /* READ TOC formats */
    TOC_TRACKS = 0,
    TOC_SESSIONS = 1,
    TOC_FULL = 2,
};
#define LEAD_OUT    0xaa
#define PROFILE_CD  0x0008
#define PROFILE_DVD 0x0010

/* ---- table of contents ---- */

static void put_address(uint8_t *at, bool msf, uint32_t lba)
{
    st_be32(at, lba);
    if (msf) {
        lba += 150;
        at[0] = 0;
        at[1] = (uint8_t)(lba / 75 / 60);
        at[2] = (uint8_t)(lba / 75 % 60);
        at[3] = (uint8_t)(lba % 75);
    }
}

static uint8_t *put_track(uint8_t *at, uint8_t track, bool msf, uint32_t lba)
{
    memset(at, 0, 8);
    at[1] = track == LEAD_OUT ? 0x16 : 0x14;
    at[2] = track;
    put_address(at + 4, msf, lba);
    return at + 8;
}

/* One entry of the full table: 11 bytes. */
static uint8_t *put_raw(uint8_t *at, uint8_t point, uint8_t a, uint8_t b, uint8_t c)
{
    memset(at, 0, 11);
    at[0] = 1;
    at[1] = 0x14;
    at[3] = point;
    at[8] = a;
    at[9] = b;
    at[10] = c;
    return at + 11;
}

static uint8_t *put_full_toc(uint8_t *at, uint32_t end)
{
    uint8_t msf[4];

    put_address(msf, true, end);
    at = put_raw(at, 0xa0, 1, 0, 0);
    at = put_raw(at, 0xa1, 1, 0, 0);
    at = put_raw(at, 0xa2, msf[1], msf[2], msf[3]);
    return put_raw(at, 1, 0, 2, 0);
}

uint32_t mmc_read_toc(const uint8_t *cdb, const MmcDrive *drive, uint8_t *buf)
{
    bool msf = cdb[1] & 2;
    uint8_t format = cdb[2] & 0x0f, start = cdb[6], *at = buf + 4;

    if (!format) { /* the older place */
        format = cdb[9] >> 6;
    }
    buf[2] = buf[3] = 1; /* first and last track or session */
    switch (format) {
    case TOC_TRACKS:
        if (start > 1 && start != LEAD_OUT) {
            return 0;
        }
        if (start <= 1) {
            at = put_track(at, 1, msf, 0);
        }
        at = put_track(at, LEAD_OUT, msf, drive->sectors);
        break;
    case TOC_SESSIONS: at = put_track(at, 1, msf, 0); break;
    case TOC_FULL: at = put_full_toc(at, drive->sectors); break;
    default: return 0;
    }
    st_be16(buf, (uint16_t)(at - buf - 2));
    return (uint32_t)(at - buf);
}

uint32_t mmc_disc_information(const uint8_t *cdb, uint8_t *buf)
{
    static const uint8_t start[] = { 0, 32, 0x0e, 1, 1, 1, 1, 0x20 };

    if (cdb[1] & 7) {
        return 0;
    }
    memset(buf, 0, 34);
    memcpy(buf, start, sizeof(start));
    return 34;
}

/* ---- the drive ---- */

uint32_t mmc_get_configuration(const uint8_t *cdb, const MmcDrive *drive, uint8_t *buf)
{
    bool dvd = drive->sectors > MMC_CD_SECTORS;
    uint32_t len = 8;

    memset(buf, 0, MMC_REPLY_MAX);
    st_be16(buf + 6, !drive->disc ? 0 : dvd ? PROFILE_DVD : PROFILE_CD);
    if (ld_be16(cdb + 2) == 0) { /* the list of profiles */
        buf[10] = 0x03;
        buf[11] = 8;
        st_be16(buf + 12, PROFILE_DVD);
        buf[14] = drive->disc && dvd;
        st_be16(buf + 16, PROFILE_CD);
        buf[18] = drive->disc && !dvd;
        len = 20;
    }
    st_be32(buf, len - 4);
    return len;
}

uint32_t mmc_event_status(const uint8_t *cdb, const MmcDrive *drive, MmcEvents *events,
                          uint8_t *buf)
{
    if (!(cdb[1] & 1)) { /* only polling */
        return 0;
    }
    memset(buf, 0, 8);
    buf[3] = 0x10; /* media events are known */
    if (!(cdb[4] & 0x10)) {
        buf[1] = 2;
        buf[2] = 0x80; /* none of these classes */
        return 4;
    }
    buf[1] = 4;
    buf[2] = 0x04;
    if (events->eject_request) {
        buf[4] = 1;
        events->eject_request = false;
    } else if (events->new_media) {
        buf[4] = 2;
        events->new_media = false;
    }
    buf[5] = (uint8_t)((drive->tray_open ? 1 : 0) | (drive->disc ? 2 : 0));
    return 8;
}

uint32_t mmc_mechanism_status(uint8_t *buf)
{
    memset(buf, 0, 8);
    buf[5] = 1;
    return 8;
}

uint32_t mmc_mode_page(uint8_t page, const MmcDrive *drive, uint8_t *buf)
{
    static const uint8_t audio[] = { 0x0e, 14, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 2, 0 };
    static const uint8_t capabilities[] = { 0x2a, 20,   0x3b, 0, 0x71, 0x60, 0x29, 0,
                                            0x02, 0xc0, 0,    2, 2,    0,    0x02, 0xc0 };

    switch (page) {
    case 0x0e: memcpy(buf, audio, sizeof(audio)); return sizeof(audio);
    case 0x2a:
        memset(buf, 0, 22);
        memcpy(buf, capabilities, sizeof(capabilities));
        buf[6] |= drive->tray_locked ? 2 : 0;
        return 22;
    default: return 0;
    }
}
