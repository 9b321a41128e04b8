/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PATA channel with bus mastering (Programming Interface for Bus Master IDE Controller 1.0): the
 * ATA bus, its legacy ports, and eight bus master registers.
 */
#pragma once
#include "hw/pci/pci.h"
#include "ide-priv.h"

enum { /* bus master status */
    BM_ACTIVE = 0x01,
    BM_ERROR = 0x02,
    BM_INTERRUPT = 0x04,
    BM_DRIVES = 0x60, /* what software says of the drives */
};
enum { /* bus master command */
    BM_START = 0x01,
    BM_TO_MEMORY = 0x08,
};

typedef struct {
    IdeBus bus; /* first */
    PciDevice *pci;
    Irq *irq; /* to the board; NULL: unconnected */
    MemoryRegion data, control;
    uint8_t cmd, status;
    uint32_t addr;
    /* where the walk over the table is */
    uint32_t cur_addr, cur_prd_last, cur_prd_addr, cur_prd_len;
} BmChannel;

void bm_channel_init(BmChannel *c, PciDevice *pci, unsigned index, uint16_t data_port,
                     uint16_t control_port);
void bm_channel_clear(BmChannel *c);
void bm_channel_reset(BmChannel *c);
uint8_t bm_read(BmChannel *c, unsigned reg);
void bm_write(BmChannel *c, unsigned reg, uint8_t value);

typedef struct {
    uint8_t cmd, migration_compat_status;
    uint32_t addr;
    int64_t migration_retry_sector_num;
    uint32_t migration_retry_nsector;
    uint8_t migration_retry_unit;
    bool has_current, has_status;
    uint32_t cur_addr, cur_prd_last, cur_prd_addr, cur_prd_len;
    uint8_t status;
} BmSaved;
extern const Record bm_record;
void bm_save(const BmChannel *c, BmSaved *saved);
void bm_install(BmChannel *c, const BmSaved *saved);
