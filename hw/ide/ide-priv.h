/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the ATA room: a bus with two units, the drive behind each, and what a controller does for
 * them (ATA/ATAPI-8 ACS, MMC-3 for the CD-ROM).
 *
 * A command runs in a unit between ide_command() and IdeHostOps.done(). What moves data is the
 * controller: a PIO block waits in unit->buf[pos, end) while DRQ is set, a DMA transfer waits for
 * ide_dma_start().
 *
 * Invariants:
 *  1. At most one command of a bus is under way; `unit->busy` counts its request to the drive.
 *  2. pos <= end <= IDE_BUF_BYTES; DRQ set with `pio` exactly while a block waits.
 *  3. While the VM is stopped nothing is under way but what waits in `unit->retry`.
 */
#pragma once
#include "backend/block/block.h"
#include "hw/core/device.h"
#include "hw/ide/ide.h"

#define IDE_SECTOR      512u
#define IDE_CD_SECTOR   2048u
#define IDE_MULT_MAX    16u
#define IDE_BUF_BYTES   (256u * IDE_SECTOR + 4)
#define IDE_PACKET      12u
#define IDE_SERIAL_MAX  20
#define IDE_MODEL_MAX   40
#define IDE_VERSION_MAX 8
#define IDE_SENSE_BYTES 18u

enum { /* status */
    ST_ERR = 0x01,
    ST_DRQ = 0x08,
    ST_DSC = 0x10, /* seek complete; service for packet devices */
    ST_DF = 0x20,
    ST_DRDY = 0x40,
    ST_BSY = 0x80,
};
enum { /* error */
    ER_ABRT = 0x04,
    ER_IDNF = 0x10,
    ER_UNC = 0x40,
};
enum { /* interrupt reason (sector count of packet commands) */
    IR_CD = 0x01,
    IR_IO = 0x02,
};
enum { /* device register */
    DEV_UNIT = 0x10,
    DEV_LBA = 0x40,
    DEV_FIXED = 0xa0,
};
enum { /* device control */
    CTL_NIEN = 0x02,
    CTL_SRST = 0x04,
    CTL_HOB = 0x80,
};

typedef enum {
    IDE_KIND_NONE,
    IDE_KIND_DISK,
    IDE_KIND_CD,
} IdeKind;

/* What happens when the waiting PIO block was moved. The numbers travel in streams. */
typedef enum {
    IDE_END_READ_SECTORS = 0,
    IDE_END_WRITE_SECTORS = 1,
    IDE_END_STOP = 2,
    IDE_END_PACKET_REPLY = 3,
    IDE_END_PACKET_COMMAND = 4,
    IDE_END_DISCARD = 5, /* moved for form's sake, no effect */
} IdeEnd;

typedef enum {
    IDE_DMA_NONE,
    IDE_DMA_READ,
    IDE_DMA_WRITE,
    IDE_DMA_TRIM,
    IDE_DMA_PACKET_READ,  /* from the medium */
    IDE_DMA_PACKET_REPLY, /* what is in buf */
} IdeDma;

/* A request that waits: for the VM to run after an error, or for the guest to start its DMA. These
   numbers travel in streams. */
enum {
    RETRY_DMA_WRITE = 0x08,
    RETRY_DMA_READ = 0x28,
    RETRY_PIO_WRITE = 0x10,
    RETRY_PIO_READ = 0x30,
    RETRY_PACKET = 0x20,
    RETRY_FLUSH = 0x40,
    RETRY_TRIM = 0x88,
};

typedef struct IdeBus IdeBus;
typedef struct IdeUnit IdeUnit;
typedef struct IdeDevice IdeDevice;

typedef struct {
    uint8_t feature, sector, nsector, lcyl, hcyl;
} IdeHob;

struct IdeUnit {
    IdeBus *bus;
    uint8_t index;
    IdeKind kind;
    IdeDevice *dev;    /* borrowed; NULL without a drive */
    BlockDrive *drive; /* borrowed from the block layer; NULL without a drive */
    /* registers */
    uint8_t feature, error, sector, lcyl, hcyl, select, status;
    uint32_t nsector; /* of a running command: up to 65536 */
    IdeHob hob;
    bool lba48;
    uint32_t mult_sectors;
    /* identify page: made at realize, changed by Set Features */
    bool identify_set;
    uint8_t identify[IDE_SECTOR];
    /* PIO */
    uint8_t *buf; /* IDE_BUF_BYTES; NULL without a drive */
    uint32_t pos, end;
    bool pio;
    IdeEnd end_fn;
    uint32_t block_sectors; /* of a PIO command: sectors a block */
    /* packet commands */
    uint8_t packet[IDE_PACKET];
    bool packet_dma;
    uint32_t packet_left;             /* bytes of the reply after the waiting block */
    uint32_t packet_limit;            /* bytes a block, as the command said */
    uint32_t reply_from, reply_valid; /* what is in buf and not yet in a block */
    uint32_t packet_lba;              /* next sector of the medium, 2048 bytes each */
    bool packet_lba_known;            /* streams do not carry it: then the command is aborted */
    uint8_t sense_key, asc, ascq;
    uint8_t cdrom_changed; /* 0: no, 1: not told yet, 2: "not ready" was told */
    bool tray_open, tray_locked, event_new_media, event_eject;
    /* DMA */
    IdeDma dma;
    uint64_t dma_bytes;
    unsigned busy;  /* requests to the drive */
    unsigned retry; /* RETRY_*: parked after an error; 0: nothing */
    /* Read Log, page 10h */
    uint8_t ncq_error[16];
};

typedef struct {
    /* INTRQ, as far as nIEN lets it through. NULL: not used. */
    void (*irq)(IdeBus *bus, bool level);
    /* A PIO block waits; NULL: the guest moves it through the data port. */
    void (*pio)(IdeBus *bus);
    /* A DMA transfer waits for ide_dma_start(). */
    void (*dma_ready)(IdeBus *bus);
    /* The next @len bytes of the transfer, in order. False: guest memory ended. */
    bool (*dma_copy)(IdeBus *bus, void *buf, size_t len, bool to_guest);
    /* The transfer is over; @complete: every byte was moved. */
    void (*dma_end)(IdeBus *bus, bool complete);
    /* Start again with the first byte: the command is repeated after an error. */
    void (*dma_rewind)(IdeBus *bus);
    /* The command is over, status and error are final. NULL: nothing to do. */
    void (*done)(IdeBus *bus);
    /* The VM runs again: the controller's own parked requests. NULL: it has none. */
    void (*resume)(IdeBus *bus);
} IdeHostOps;

struct IdeBus {
    Vm *vm;
    const IdeHostOps *ops;
    void *host; /* the controller's own */
    Bus *qbus;  /* where ide-hd and ide-cd plug in */
    unsigned index, max_units;
    IdeUnit units[2];
    uint8_t unit; /* selected */
    uint8_t control;
    bool ncq;     /* the controller queues: identify says so */
    bool stopped; /* as the VM */
    RunStateHandler *run_handler;
};

typedef struct {
    Bus bus; /* first */
    IdeBus *ide;
} IdeQbus;

static inline IdeUnit *ide_selected(IdeBus *bus)
{
    return &bus->units[bus->unit];
}
static inline bool ide_unit_present(const IdeUnit *u)
{
    return u->kind != IDE_KIND_NONE;
}

/* ---- bus.c: buses and the run state ---- */
/* Makes the qbus "ide.<index>" ("<id>.<index>") below @owner. */
void ide_bus_init(IdeBus *bus, Device *owner, unsigned index, unsigned max_units,
                  const IdeHostOps *ops, void *host);
void ide_bus_clear(IdeBus *bus);
/* Power-on or hardware reset: waits for what is under way, drops what is parked. */
void ide_bus_reset(IdeBus *bus);
/* Waits until no request to a drive of the bus is under way. From the end of a request it may be
   called only when that was the unit's last one. */
void ide_bus_drain(IdeBus *bus);

/* ---- taskfile.c: registers and commands ---- */
void ide_write(IdeBus *bus, unsigned reg, uint8_t value); /* 1-7: taskfile of the bus */
uint8_t ide_read(IdeBus *bus, unsigned reg);
uint8_t ide_alt_status(IdeBus *bus);
void ide_control_write(IdeBus *bus, uint8_t value);
uint32_t ide_data_read(IdeBus *bus, unsigned size);
void ide_data_write(IdeBus *bus, uint32_t value, unsigned size);
/* Runs the command @cmd in the selected unit; registers are loaded. */
void ide_command(IdeBus *bus, uint8_t cmd);
/* The waiting block was moved as a whole. */
void ide_pio_done(IdeUnit *u);
void ide_pio_begin(IdeUnit *u, uint32_t from, uint32_t bytes, IdeEnd end);
void ide_unit_reset(IdeUnit *u);
void ide_set_signature(IdeUnit *u);
/* Ends the command well, with or without INTRQ. */
void ide_finish(IdeUnit *u, bool interrupt);
/* Ends it with ERR and these error bits. */
void ide_fail(IdeUnit *u, uint8_t error_bits);
void ide_raise_irq(IdeBus *bus);
/* A request ended with @ret. True: go on as if it had worked. False: it was parked as @retry, or
   failed and the command is over. */
bool ide_drive_result(IdeUnit *u, int ret, bool read, unsigned retry);
/* Submits what is parked again. */
void ide_retry(IdeBus *bus);

/* ---- disk.c: read, write, flush, trim ---- */
uint64_t ide_sectors(const IdeUnit *u);
uint64_t ide_get_lba(const IdeUnit *u);
void ide_set_lba(IdeUnit *u, uint64_t lba);
void ide_read_sectors(IdeUnit *u);
void ide_write_sectors(IdeUnit *u);
void ide_flush(IdeUnit *u);
void ide_dma_begin(IdeUnit *u, IdeDma kind, uint32_t bytes);
/* The controller is ready to move the waiting transfer of the bus. */
void ide_dma_start(IdeBus *bus);
/* The same when one of the units has a transfer waiting. */
void ide_dma_start_if_waiting(IdeBus *bus);
bool ide_range_ok(const IdeUnit *u, uint64_t lba, uint64_t count);
/* BlockCopy for the selected unit of the IdeBus behind @opaque's unit. */
bool ide_copy(void *opaque, void *buf, size_t len, bool to_guest);
/* Trim ranges (8 bytes each) in @list; calls @done once. */
void ide_trim(IdeUnit *u, const uint8_t *list, uint32_t bytes, BlockDone done, void *opaque);

/* ---- identify.c ---- */
void ide_identify_make(IdeUnit *u);
/* A word of the page, in guest order. */
void ide_identify_set(IdeUnit *u, unsigned word, uint16_t value);
uint16_t ide_identify_get(const IdeUnit *u, unsigned word);

/* ---- atapi.c ---- */
void atapi_command(IdeUnit *u);
void atapi_reply_next(IdeUnit *u);
void atapi_dma_done(IdeUnit *u, int ret);
void atapi_retry(IdeUnit *u);
void atapi_fail(IdeUnit *u, uint8_t key, uint8_t asc);
void atapi_medium_changed(IdeUnit *u);

/* ---- drive.c: the devices ---- */
struct IdeDevice {
    Device dev;          /* first */
    IdeUnit *unit_state; /* borrowed from the controller; NULL while not realized */
    /* properties */
    char *drive_name, *serial, *model, *version;
    int32_t unit, bootindex;
    uint32_t cyls, heads, secs, lcyls, lheads, lsecs;
    int bios_chs_trans;
    uint64_t wwn;
    uint16_t rotation_rate;
    int werror, rerror;
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    bool share_rw, win2k_install_hack;
    uint64_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint64_t discard_granularity;
    bool first_write_cache;
};

/* ---- state.c: what streams carry ---- */
typedef struct {
    bool has_drive; /* local */
    int32_t mult_sectors, identify_set;
    uint8_t identify_data[IDE_SECTOR];
    uint8_t feature, error;
    uint32_t nsector;
    uint8_t sector, lcyl, hcyl, hob_feature, hob_sector, hob_nsector, hob_lcyl, hob_hcyl;
    uint8_t select, status, lba48, sense_key, asc, cdrom_changed;
    bool has_pio;
    int32_t req_nb_sectors;
    uint8_t io_buffer[IDE_BUF_BYTES];
    int32_t cur_io_buffer_offset, cur_io_buffer_len;
    uint8_t end_transfer_fn_idx;
    int32_t elementary_transfer_size, packet_transfer_size;
    bool has_tray, tray_open, tray_locked;
    bool has_gesn, new_media, eject_request;
} IdeUnitSaved;
typedef struct {
    uint8_t cmd, unit;
    bool has_error;
    int32_t error_status;
    int64_t retry_sector_num;
    uint32_t retry_nsector;
    uint8_t retry_unit;
} IdeBusSaved;
extern const Record ide_unit_record, ide_bus_record;
void ide_unit_save(const IdeUnit *u, IdeUnitSaved *saved);
bool ide_unit_check(const IdeUnit *u, const IdeUnitSaved *saved, GError **error);
void ide_unit_install(IdeUnit *u, const IdeUnitSaved *saved);
void ide_bus_save(const IdeBus *bus, IdeBusSaved *saved);
bool ide_bus_check(const IdeBus *bus, const IdeBusSaved *saved, GError **error);
void ide_bus_install(IdeBus *bus, const IdeBusSaved *saved);
