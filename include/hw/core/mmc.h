/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CD or DVD drive answers whatever bus it is on (MMC-3): command and facts in, bytes out. The
 * medium has one data track of 2048 bytes a sector.
 *
 * Each function fills @buf (MMC_REPLY_MAX bytes) and returns how many bytes the whole answer has; the
 * caller cuts it to what the initiator has room for. 0: a field of the command is not valid.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MMC_REPLY_MAX  64u
#define MMC_SECTOR     2048u
#define MMC_CD_SECTORS (80u * 60 * 75) /* larger than a CD: it is a DVD */

typedef struct MmcDrive {
    uint32_t sectors; /* of the disc; 0: none */
    bool disc;        /* one is in, and the tray is closed */
    bool tray_open, tray_locked;
} MmcDrive;

/* Events not yet told; telling one clears it. */
typedef struct MmcEvents {
    bool new_media, eject_request;
} MmcEvents;

uint32_t mmc_read_toc(const uint8_t *cdb, const MmcDrive *drive, uint8_t *buf);
uint32_t mmc_get_configuration(const uint8_t *cdb, const MmcDrive *drive, uint8_t *buf);
uint32_t mmc_event_status(const uint8_t *cdb, const MmcDrive *drive, MmcEvents *events,
                          uint8_t *buf);
uint32_t mmc_disc_information(const uint8_t *cdb, uint8_t *buf);
uint32_t mmc_mechanism_status(uint8_t *buf);
/* A page of MODE SENSE at @buf, without any header: pages 0Eh (audio) and 2Ah (capabilities). */
uint32_t mmc_mode_page(uint8_t page, const MmcDrive *drive, uint8_t *buf);
