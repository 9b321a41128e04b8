/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the controller (fdc.c), its saved form (fdc-state.c) and its drives (floppy.c). */
#pragma once
#include "backend/block/block.h"
#include "base/core/runstate.h"
#include "hw/block/fdc.h"
#include "hw/isa/isa.h"

#define TYPE_FLOPPY_BUS "floppy-bus"
#define FDC_DRIVES      2

/* A medium's layout; rate as in the data rate register (0: 500, 1: 300, 2: 250, 3: 1000 kbit/s). */
typedef struct {
    uint8_t sectors, tracks, heads, rate;
} FloppyFormat;

/* What the controller knows of one drive. */
typedef struct {
    BlockDrive *drive;   /* borrowed; NULL: no drive */
    FloppyFormat format; /* all 0 without medium */
    uint8_t cmos_type;
    bool read_only;
    /* registers */
    uint8_t head, track, sect, media_rate, perpendicular;
    bool media_changed;
} FloppyUnit;

typedef struct {
    Bus bus;           /* first */
    FloppyUnit *units; /* FDC_DRIVES, the controller's */
} FloppyBus;

Bus *floppy_bus_new(Device *fdc, FloppyUnit *units);

/* ---- the controller ---- */
#define SECTOR     512
#define FIFO_BYTES 512

enum {
    SRA_NDRV2 = 0x40,
    SRA_INTPEND = 0x80
};
enum {
    SRB_RESERVED = 0xc0,
    SRB_DRIVE0 = 0x20,
    SRB_WDATA = 0x08,
    SRB_RDATA = 0x10
};
enum {
    DOR_SELECT = 0x03,
    DOR_NRESET = 0x04,
    DOR_DMAEN = 0x08,
    DOR_MOTOR = 0xf0
};
enum {
    MSR_CB = 0x10,
    MSR_NONDMA = 0x20,
    MSR_DIO = 0x40,
    MSR_RQM = 0x80
};
enum {
    DSR_RATE = 0x03,
    DSR_RESET = 0x80
};
enum {
    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLL = 0xc0,
    ST0_SEEK = 0x20
};
enum {
    ST1_MA = 0x01,
    ST1_NW = 0x02,
    ST1_ND = 0x04,
    ST1_EN = 0x80,
    ST1_DE = 0x20
};
enum {
    CONFIG_DEFAULT = 0x60,
    CONFIG_EIS = 0x40
};
enum {
    STATE_MULTI = 1,
    STATE_FORMAT = 2
};
enum {
    DIR_WRITE,
    DIR_READ,
    DIR_SCANE,
    DIR_SCANL,
    DIR_SCANH,
    DIR_VERIFY
};
enum {
    PHASE_RECONSTRUCT,
    PHASE_COMMAND,
    PHASE_EXECUTION,
    PHASE_RESULT
};

/* ---- saved form: "fdc" version 2 ---- */
typedef struct {
    uint8_t head, track, sect, media_changed, media_rate, perpendicular;
    bool has_drive;
} DriveSaved;

typedef struct {
    uint8_t sra, srb, dor, tdr, dsr, msr, status0, status1, status2;
    uint8_t fifo[FIFO_BYTES];
    uint32_t data_pos, data_len;
    uint8_t data_state, data_dir, eot, timer0, timer1, precomp_trk, config, lock, pwrd;
    uint8_t num_floppies;
    DriveSaved drives[FDC_DRIVES];
    int32_t reset_sensei;
    int64_t result_timer;
    uint8_t phase;
    bool has_result_timer;
} FdcRegs;

typedef struct {
    FdcRegs state;
} FdcSaved;

typedef struct {
    Device dev; /* first */
    /* properties */
    uint32_t iobase, irq_number, dma;
    char *type_a, *type_b, *fallback;
    int32_t bootindex_a, bootindex_b;
    /* parts */
    MemoryRegion io, dir_io;
    Irq *irq;
    const IsaDmaOps *dma_ops;
    void *dma_controller;
    FloppyUnit units[FDC_DRIVES];
    RunStateHandler *run_handler;
    FdcRegs r;              /* `drives` only in a saved form: units[] has them */
    bool busy;              /* a sector is under way at the drive */
    bool stale;             /* and nobody waits for it any more */
    bool again;             /* but for the next one, which starts when it is done */
    bool tc;                /* this sector is the last */
    uint8_t sector[SECTOR]; /* of what is under way */
} Fdc;

/* The request line to the DMA controller. */
void fdc_set_dreq(Fdc *s, bool on);
extern const SectionDesc fdc_section;
