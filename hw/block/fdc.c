/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy disk controller of the 82077AA family (Intel 290166) on ISA: two drives, DMA channel 2.
 *
 *   command bytes -> [execution] -> result bytes -> command
 *
 * Execution moves one sector at a time between the drive and the FIFO; DMA (or, in non-DMA mode, the
 * data port) moves it on. `data_pos` of `data_len` bytes are done. A transfer ends at terminal count,
 * at the last sector of the track (EOT), or by an error.
 *
 * Not here: scan commands, real timing (seeks and rotation take no time), sizes other than 512 bytes, and
 * tape. In a stream nothing is under way at the drive: stopping the VM waits for it, and a transfer
 * then stands at a sector in the FIFO that the guest's side has not taken or filled.
 */
#include <string.h>

#include "fdc-priv.h"

static void access_sector(Fdc *s);
static void sector_taken(Fdc *s);

static unsigned selected(const Fdc *s)
{
    return s->r.dor & 1;
}

static FloppyUnit *unit(Fdc *s)
{
    return &s->units[selected(s)];
}

/* ---- interrupt ---- */
static void lower_irq(Fdc *s)
{
    irq_set(s->irq, 0);
    s->r.sra &= (uint8_t)~SRA_INTPEND;
}

static void raise_irq(Fdc *s)
{
    if (!(s->r.sra & SRA_INTPEND)) {
        irq_set(s->irq, 1);
        s->r.sra |= SRA_INTPEND;
    }
    s->r.reset_sensei = 0;
}

/* ---- phases ---- */
static void to_command_phase(Fdc *s)
{
    s->r.phase = PHASE_COMMAND;
    s->r.data_dir = DIR_WRITE;
    s->r.data_pos = 0;
    s->r.data_len = 1; /* known when the first byte is there */
    s->r.msr &= (uint8_t) ~(MSR_CB | MSR_DIO | MSR_NONDMA);
    s->r.msr |= MSR_RQM;
}

static void to_result_phase(Fdc *s, uint32_t bytes)
{
    s->r.phase = PHASE_RESULT;
    s->r.data_dir = DIR_READ;
    s->r.data_len = bytes;
    s->r.data_pos = 0;
    s->r.msr |= MSR_CB | MSR_RQM | MSR_DIO;
}

void fdc_set_dreq(Fdc *s, bool on)
{
    if (s->dma_ops) {
        s->dma_ops->set_dreq(s->dma_controller, (int)s->dma, on);
    }
}

/* The seven result bytes of a transfer. */
static void end_transfer(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
    FloppyUnit *u = unit(s);

    s->r.status0 = (uint8_t)(st0 | u->head << 2 | selected(s));
    s->r.fifo[0] = s->r.status0;
    s->r.fifo[1] = s->r.status1 = st1;
    s->r.fifo[2] = s->r.status2 = st2;
    s->r.fifo[3] = u->track;
    s->r.fifo[4] = u->head;
    s->r.fifo[5] = u->sect;
    s->r.fifo[6] = 2; /* 512 bytes */
    fdc_set_dreq(s, false);
    s->r.msr &= (uint8_t)~MSR_NONDMA;
    to_result_phase(s, 7);
    raise_irq(s);
}

/* ---- sectors ---- */
static uint64_t sector_offset(const FloppyUnit *u)
{
    uint64_t lba =
        ((uint64_t)u->track * u->format.heads + u->head) * u->format.sectors + u->sect - 1;

    return lba * SECTOR;
}

static bool sector_exists(const FloppyUnit *u)
{
    return u->track < u->format.tracks && u->head < u->format.heads && u->sect >= 1 &&
           u->sect <= u->format.sectors;
}

/* The next sector of a transfer; false: this was the last. */
static bool next_sector(Fdc *s)
{
    FloppyUnit *u = unit(s);

    if (u->sect < s->r.eot && u->sect < u->format.sectors) {
        u->sect++;
        return true;
    }
    u->sect = 1;
    if (s->r.data_state & STATE_MULTI && u->head == 0 && u->format.heads > 1) {
        u->head = 1;
        return true;
    }
    u->head = s->r.data_state & STATE_MULTI ? 0 : u->head;
    u->track += u->track + 1 < u->format.tracks;
    return false;
}

/* The FIFO is ready for the guest's side: DMA runs at once, the data port waits. */
static void offer_fifo(Fdc *s)
{
    if (s->r.msr & MSR_NONDMA) {
        s->r.msr |= MSR_RQM;
        raise_irq(s);
    } else {
        fdc_set_dreq(s, true);
    }
}

static void sector_done(void *opaque, int ret)
{
    Fdc *s = opaque;

    s->busy = false;
    if (s->stale) {
        s->stale = false;
        if (s->again) {
            s->again = false;
            access_sector(s);
        }
        return;
    }
    if (ret < 0) {
        bool is_read = s->r.data_dir != DIR_WRITE;

        if (block_drive_handle_error(unit(s)->drive, is_read, -ret) != BLOCK_ACTION_IGNORE) {
            end_transfer(s, ST0_ABNORMAL, is_read ? ST1_ND | ST1_DE : ST1_NW, 0);
            return;
        }
    }
    if (s->r.data_dir == DIR_WRITE) {
        sector_taken(s);
    } else {
        memcpy(s->r.fifo, s->sector, SECTOR);
        if (s->r.data_dir == DIR_VERIFY) {
            s->r.data_pos += SECTOR;
            s->tc = s->r.data_pos >= s->r.data_len;
            sector_taken(s);
        } else {
            offer_fifo(s);
        }
    }
}

static void access_sector(Fdc *s)
{
    FloppyUnit *u = unit(s);
    struct iovec iov = { s->sector, SECTOR };

    if (!sector_exists(u)) {
        end_transfer(s, ST0_ABNORMAL, ST1_ND | ST1_MA, 0);
        return;
    }
    if (s->busy) {
        s->again = true;
        return;
    }
    s->busy = true;
    if (s->r.data_dir == DIR_WRITE) {
        memcpy(s->sector, s->r.fifo, SECTOR);
        block_aio_pwritev(u->drive, sector_offset(u), &iov, 1, 0, sector_done, s);
    } else {
        block_aio_preadv(u->drive, sector_offset(u), &iov, 1, sector_done, s);
    }
}

/* A sector is read and handed on, or taken and written: what comes next? */
static void sector_taken(Fdc *s)
{
    bool format = s->r.data_state & STATE_FORMAT;
    bool more = format ? !s->tc : next_sector(s) && !s->tc;

    if (!more) {
        bool by_eot = !s->tc && s->r.msr & MSR_NONDMA;

        end_transfer(s, by_eot ? ST0_ABNORMAL : 0, by_eot ? ST1_EN : 0, 0);
    } else if (s->r.data_dir == DIR_WRITE) {
        offer_fifo(s);
    } else {
        access_sector(s);
    }
}

/* ---- DMA ---- */
/* Formatting takes four bytes a sector: C, H, R, N; each sector is then filled. */
static void format_sector(Fdc *s, const uint8_t *id)
{
    FloppyUnit *u = unit(s);

    fdc_set_dreq(s, false);
    u->track = id[0];
    u->head = id[1];
    u->sect = id[2];
    memset(s->r.fifo, s->r.fifo[SECTOR - 1], SECTOR);
    access_sector(s);
}

static int transfer(void *opaque, int channel, int pos, int total)
{
    Fdc *s = opaque;
    uint32_t at = s->r.data_pos % SECTOR;
    int n = (int)(s->r.data_state & STATE_FORMAT ? 4 : SECTOR - at);
    uint8_t id[4] = { 0 };

    if (s->r.phase != PHASE_EXECUTION || s->r.msr & MSR_NONDMA || s->busy) {
        return pos;
    }
    n = MIN(n, total - pos);
    if (s->r.data_state & STATE_FORMAT) {
        s->dma_ops->read_memory(s->dma_controller, channel, id, pos, n);
        s->r.data_pos += 4;
        s->tc = pos + n >= total || s->r.data_pos >= s->r.data_len;
        format_sector(s, id);
        return pos + n;
    }
    if (s->r.data_dir == DIR_WRITE) {
        s->dma_ops->read_memory(s->dma_controller, channel, s->r.fifo + at, pos, n);
    } else {
        s->dma_ops->write_memory(s->dma_controller, channel, s->r.fifo + at, pos, n);
    }
    s->r.data_pos += (uint32_t)n;
    s->tc = pos + n >= total;
    if (s->tc || s->r.data_pos % SECTOR == 0) {
        uint32_t filled = s->r.data_pos % SECTOR;

        fdc_set_dreq(s, false);
        if (s->r.data_dir != DIR_WRITE) {
            sector_taken(s);
        } else {
            if (filled) {
                memset(s->r.fifo + filled, 0, SECTOR - filled);
            }
            access_sector(s);
        }
    }
    return pos + n;
}

/* ---- commands ---- */
typedef struct {
    uint8_t mask, value, bytes; /* bytes: parameters after the first */
    void (*run)(Fdc *s);
} Command;

static void begin_execution(Fdc *s, uint32_t bytes)
{
    s->r.phase = PHASE_EXECUTION;
    s->r.data_pos = 0;
    s->r.data_len = bytes;
    s->tc = false;
    s->r.msr &= (uint8_t) ~(MSR_RQM | MSR_DIO | MSR_NONDMA);
    s->r.msr |= MSR_CB;
    if (s->r.timer1 & 1 || !(s->r.dor & DOR_DMAEN)) {
        s->r.msr |= MSR_NONDMA | (s->r.data_dir == DIR_READ ? MSR_DIO : 0);
    }
}

static bool rate_fits(Fdc *s)
{
    return (s->r.dsr & DSR_RATE) == unit(s)->media_rate;
}

/* Command bytes: code, head and drive, C, H, R, N, EOT, gap, data length. */
static void start_transfer(Fdc *s, uint8_t dir)
{
    FloppyUnit *u;

    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    u = unit(s);
    s->r.data_dir = dir;
    s->r.data_state = s->r.fifo[0] & 0x80 ? STATE_MULTI : 0;
    s->r.eot = s->r.fifo[6];
    if (!u->drive || !u->format.tracks || s->r.fifo[1] & 2) {
        end_transfer(s, ST0_ABNORMAL, ST1_MA, 0);
        return;
    }
    if (s->r.config & CONFIG_EIS) {
        u->track = s->r.fifo[2];
    }
    u->head = s->r.fifo[3] & 1;
    u->sect = s->r.fifo[4];
    if (!rate_fits(s) || s->r.fifo[5] != 2 || !sector_exists(u)) {
        end_transfer(s, ST0_ABNORMAL, rate_fits(s) ? ST1_ND : ST1_MA, 0);
        return;
    }
    if (dir == DIR_WRITE && u->read_only) {
        end_transfer(s, ST0_ABNORMAL, ST1_NW, 0);
        return;
    }
    begin_execution(s, (uint32_t)(MAX(s->r.eot, u->sect) - u->sect + 1) * SECTOR);
    if (dir == DIR_WRITE) {
        offer_fifo(s);
    } else {
        access_sector(s);
    }
}

static void cmd_read(Fdc *s)
{
    start_transfer(s, DIR_READ);
}
static void cmd_write(Fdc *s)
{
    start_transfer(s, DIR_WRITE);
}
static void cmd_verify(Fdc *s)
{
    start_transfer(s, DIR_VERIFY);
}

/* Command bytes: code, head and drive, N, sectors, gap, filler. */
static void cmd_format(Fdc *s)
{
    FloppyUnit *u;
    uint8_t filler = s->r.fifo[5];

    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    u = unit(s);
    u->head = s->r.fifo[1] >> 2 & 1;
    if (!u->drive || !u->format.tracks || u->read_only || s->r.fifo[2] != 2) {
        end_transfer(s, ST0_ABNORMAL, u->read_only ? ST1_NW : ST1_MA, 0);
        return;
    }
    s->r.data_dir = DIR_WRITE;
    s->r.data_state = STATE_FORMAT;
    s->r.eot = s->r.fifo[3];
    begin_execution(s, 4u * s->r.eot);
    if (s->r.msr & MSR_NONDMA || !s->r.eot) { /* no one formats byte by byte */
        end_transfer(s, ST0_ABNORMAL, ST1_EN, 0);
        return;
    }
    memset(s->r.fifo, filler, SECTOR);
    offer_fifo(s);
}

static void cmd_read_id(Fdc *s)
{
    FloppyUnit *u;

    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    u = unit(s);
    u->head = s->r.fifo[1] >> 2 & 1;
    u->sect = u->sect ? u->sect : 1;
    end_transfer(s, u->format.tracks && rate_fits(s) ? 0 : ST0_ABNORMAL,
                 u->format.tracks && rate_fits(s) ? 0 : ST1_MA, 0);
}

static void cmd_specify(Fdc *s)
{
    s->r.timer0 = s->r.fifo[1] >> 4;
    s->r.timer1 = s->r.fifo[2];
    to_command_phase(s);
}

static void cmd_sense_drive(Fdc *s)
{
    FloppyUnit *u;

    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    u = unit(s);
    u->head = s->r.fifo[1] >> 2 & 1;
    s->r.fifo[0] = (uint8_t)((u->read_only ? 0x40 : 0) | (u->track == 0 ? 0x10 : 0) | u->head << 2 |
                             selected(s) | 0x28);
    to_result_phase(s, 1);
}

static void seek_to(Fdc *s, uint8_t track)
{
    FloppyUnit *u = unit(s);

    if (u->drive) {
        u->track = u->format.tracks ? MIN(track, u->format.tracks - 1) : track;
        u->media_changed = u->media_changed && !u->format.tracks;
    }
    s->r.status0 = (uint8_t)(ST0_SEEK | u->head << 2 | selected(s));
    to_command_phase(s);
    raise_irq(s);
}

static void cmd_recalibrate(Fdc *s)
{
    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    unit(s)->head = 0;
    seek_to(s, 0);
}

static void cmd_seek(Fdc *s)
{
    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    unit(s)->head = s->r.fifo[1] >> 2 & 1;
    seek_to(s, s->r.fifo[2]);
}

static void cmd_relative_seek(Fdc *s)
{
    FloppyUnit *u;
    bool in = s->r.fifo[0] & 0x40;

    s->r.dor = (uint8_t)((s->r.dor & ~DOR_SELECT) | (s->r.fifo[1] & DOR_SELECT));
    u = unit(s);
    seek_to(s, in ? (uint8_t)MIN(u->track + s->r.fifo[2], 255)
                  : (uint8_t)MAX(u->track - s->r.fifo[2], 0));
}

static void cmd_sense_interrupt(Fdc *s)
{
    if (s->r.reset_sensei > 0) {
        s->r.fifo[0] = (uint8_t)(ST0_POLL | (4 - s->r.reset_sensei));
        s->r.reset_sensei--;
    } else if (!(s->r.sra & SRA_INTPEND)) {
        s->r.fifo[0] = ST0_INVALID;
        to_result_phase(s, 1);
        return;
    } else {
        s->r.fifo[0] = s->r.status0;
    }
    s->r.fifo[1] = unit(s)->track;
    to_result_phase(s, 2);
    lower_irq(s);
    s->r.status0 = 0;
}

static void cmd_dump_registers(Fdc *s)
{
    s->r.fifo[0] = s->units[0].track;
    s->r.fifo[1] = s->units[1].track;
    s->r.fifo[2] = s->r.fifo[3] = 0;
    s->r.fifo[4] = (uint8_t)(s->r.timer0 << 4);
    s->r.fifo[5] = s->r.timer1;
    s->r.fifo[6] = s->r.eot;
    s->r.fifo[7] = (uint8_t)(s->r.lock << 7 | (s->units[0].perpendicular & 0x3f));
    s->r.fifo[8] = s->r.config;
    s->r.fifo[9] = s->r.precomp_trk;
    to_result_phase(s, 10);
}

static void cmd_version(Fdc *s)
{
    s->r.fifo[0] = 0x90; /* enhanced controller */
    to_result_phase(s, 1);
}

static void cmd_part_id(Fdc *s)
{
    s->r.fifo[0] = 0x41;
    to_result_phase(s, 1);
}

static void cmd_perpendicular(Fdc *s)
{
    if (s->r.fifo[1] & 0x80) {
        s->units[0].perpendicular = s->r.fifo[1] & 7;
    }
    to_command_phase(s);
}

static void cmd_configure(Fdc *s)
{
    s->r.config = s->r.fifo[2];
    s->r.precomp_trk = s->r.fifo[3];
    to_command_phase(s);
}

static void cmd_lock(Fdc *s)
{
    s->r.lock = s->r.fifo[0] >> 7;
    s->r.fifo[0] = (uint8_t)(s->r.lock << 4);
    to_result_phase(s, 1);
}

static void cmd_power_down(Fdc *s)
{
    s->r.pwrd = s->r.fifo[1];
    s->r.fifo[0] = s->r.fifo[1];
    to_result_phase(s, 1);
}

static void cmd_invalid(Fdc *s)
{
    s->r.fifo[0] = ST0_INVALID;
    to_result_phase(s, 1);
}

/* Data sheet, table 5-1. The first that matches; the last matches all. */
static const Command commands[] = {
    { 0x1f, 0x06, 8, cmd_read },            /* MT MFM SK 0 0 1 1 0 */
    { 0x3f, 0x05, 8, cmd_write },           /* MT MFM 0 0 0 1 0 1 */
    { 0x1f, 0x0c, 8, cmd_read },            /* deleted data are data */
    { 0x3f, 0x09, 8, cmd_write },           /**/
    { 0x9f, 0x02, 8, cmd_read },            /* a track */
    { 0x1f, 0x16, 8, cmd_verify },          /**/
    { 0xbf, 0x0d, 5, cmd_format },          /**/
    { 0xbf, 0x0a, 1, cmd_read_id },         /**/
    { 0xff, 0x03, 2, cmd_specify },         /**/
    { 0xff, 0x04, 1, cmd_sense_drive },     /**/
    { 0xff, 0x07, 1, cmd_recalibrate },     /**/
    { 0xff, 0x08, 0, cmd_sense_interrupt }, /**/
    { 0xff, 0x0e, 0, cmd_dump_registers },  /**/
    { 0xff, 0x0f, 2, cmd_seek },            /**/
    { 0xbf, 0x8f, 2, cmd_relative_seek },   /**/
    { 0xff, 0x10, 0, cmd_version },         /**/
    { 0xff, 0x12, 1, cmd_perpendicular },   /**/
    { 0xff, 0x13, 3, cmd_configure },       /**/
    { 0x7f, 0x14, 0, cmd_lock },            /**/
    { 0xff, 0x17, 1, cmd_power_down },      /**/
    { 0xff, 0x18, 0, cmd_part_id },         /**/
    { 0x00, 0x00, 0, cmd_invalid },
};

static const Command *find_command(uint8_t code)
{
    const Command *c = commands;

    while ((code & c->mask) != c->value) {
        c++;
    }
    return c;
}

/* ---- reset ---- */
static void reset_controller(Fdc *s, bool with_interrupt)
{
    fdc_set_dreq(s, false);
    irq_set(s->irq, 0);
    s->r.sra = SRA_NDRV2;
    s->r.srb = SRB_RESERVED;
    s->r.dor = DOR_NRESET | DOR_DMAEN;
    s->r.msr = MSR_RQM;
    s->r.status0 = s->r.status1 = s->r.status2 = 0;
    s->r.data_state = 0;
    s->r.reset_sensei = 0;
    for (int i = 0; i < FDC_DRIVES; i++) {
        s->units[i].head = s->units[i].track = 0;
        s->units[i].sect = s->units[i].drive != NULL;
    }
    to_command_phase(s);
    if (with_interrupt) {
        s->r.status0 = ST0_POLL;
        raise_irq(s);
        s->r.reset_sensei = 4;
    }
}

/* What is under way at the drive goes on there, and is forgotten here. */
static void abandon(Fdc *s)
{
    s->stale = s->busy;
    s->again = false;
    s->r.phase = PHASE_COMMAND;
}

/* ---- ports ---- */
static void write_dor(Fdc *s, uint8_t value)
{
    bool was_reset = !(s->r.dor & DOR_NRESET);

    s->r.srb = (uint8_t)(SRB_RESERVED | (value & 1 ? 0 : SRB_DRIVE0) | (value >> 4 & 3));
    if (!was_reset && !(value & DOR_NRESET)) {
        abandon(s);
        to_command_phase(s);
        fdc_set_dreq(s, false);
    }
    if (was_reset && value & DOR_NRESET) {
        uint8_t srb = s->r.srb;

        reset_controller(s, true);
        s->r.srb = srb;
    }
    s->r.dor = value;
}

static uint8_t read_data(Fdc *s)
{
    uint8_t byte;

    if (!(s->r.dor & DOR_NRESET) || !(s->r.msr & MSR_RQM) || !(s->r.msr & MSR_DIO)) {
        return 0;
    }
    byte = s->r.fifo[s->r.data_pos % FIFO_BYTES];
    s->r.data_pos++;
    if (s->r.phase == PHASE_RESULT) {
        if (s->r.data_pos == 1 && s->r.data_len == 7) {
            lower_irq(s);
        }
        if (s->r.data_pos >= s->r.data_len) {
            to_command_phase(s);
        }
    } else if (s->r.data_pos % SECTOR == 0) {
        s->r.msr &= (uint8_t)~MSR_RQM;
        lower_irq(s);
        sector_taken(s);
    }
    return byte;
}

static void command_byte(Fdc *s, uint8_t value)
{
    const Command *c;

    if (s->r.data_pos == 0) {
        s->r.msr |= MSR_CB;
        s->r.data_len = 1 + find_command(value)->bytes;
    }
    s->r.fifo[s->r.data_pos++] = value;
    if (s->r.data_pos < s->r.data_len) {
        return;
    }
    c = find_command(s->r.fifo[0]);
    s->r.data_pos = 0;
    c->run(s);
}

static void write_data(Fdc *s, uint8_t value)
{
    if (!(s->r.dor & DOR_NRESET) || !(s->r.msr & MSR_RQM) || s->r.msr & MSR_DIO) {
        return;
    }
    if (s->r.phase == PHASE_COMMAND) {
        command_byte(s, value);
        return;
    }
    s->r.fifo[s->r.data_pos % FIFO_BYTES] = value;
    if (++s->r.data_pos % SECTOR == 0) {
        s->r.msr &= (uint8_t)~MSR_RQM;
        lower_irq(s);
        access_sector(s);
    }
}

static uint64_t fdc_read(void *opaque, uint64_t addr, unsigned size)
{
    Fdc *s = opaque;

    switch (addr + 1) {
    case 1: return s->r.srb;
    case 2: return s->r.dor;
    case 3: return s->r.tdr;
    case 4: s->r.dsr &= (uint8_t)~DSR_RESET; return s->r.dor & DOR_NRESET ? s->r.msr : 0;
    case 5: return read_data(s);
    }
    return 0xff;
}

static void fdc_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fdc *s = opaque;

    switch (addr + 1) {
    case 2: write_dor(s, (uint8_t)value); break;
    case 3: s->r.tdr = value & 3; break;
    case 4:
        s->r.dsr = value & 0x7f;
        if (value & DSR_RESET && s->r.dor & DOR_NRESET) {
            uint8_t dor = s->r.dor;

            abandon(s);
            reset_controller(s, true);
            s->r.dor = dor;
        }
        break;
    case 5: write_data(s, (uint8_t)value); break;
    }
}

/* The digital input register: bit 7 says that the disk may have been changed. */
static uint64_t dir_read(void *opaque, uint64_t addr, unsigned size)
{
    Fdc *s = opaque;
    FloppyUnit *u = unit(s);

    return s->r.dor & 0x10 << selected(s) && (u->media_changed || !u->format.tracks) ? 0x80 : 0;
}

static void ccr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fdc *s = opaque;

    s->r.dsr = (uint8_t)((s->r.dsr & ~DSR_RATE) | (value & DSR_RATE));
}

static const RegionOps fdc_ops = { .read = fdc_read, .write = fdc_write, .valid = { 1, 1 } };
static const RegionOps dir_ops = { .read = dir_read, .write = ccr_write, .valid = { 1, 1 } };

/* ---- reset, realize ---- */
static void drain(Fdc *s)
{
    for (int i = 0; i < FDC_DRIVES; i++) {
        if (s->units[i].drive) {
            block_drive_drain(s->units[i].drive);
        }
    }
}

static void fdc_reset(Device *dev, ResetKind kind)
{
    Fdc *s = (Fdc *)dev;

    abandon(s);
    drain(s);
    s->r.tdr = s->r.dsr = s->r.eot = s->r.timer0 = s->r.timer1 = s->r.precomp_trk = 0;
    s->r.config = CONFIG_DEFAULT;
    s->r.lock = s->r.pwrd = 0;
    s->r.result_timer = -1;
    s->r.num_floppies = FDC_DRIVES;
    memset(s->r.fifo, 0, sizeof(s->r.fifo));
    reset_controller(s, false);
}

static bool run_state_changed(void *opaque, bool running, RunState state, GError **error)
{
    if (!running) {
        drain(opaque);
    }
    return true;
}

static bool fdc_realize(Device *dev, GError **error)
{
    Fdc *s = (Fdc *)dev;
    IsaBus *bus = isa_device_bus(dev);
    Vm *vm = device_vm(dev);

    if (s->dma > 3) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "dma=%u is no channel of 8-bit transfers (0 to 3)", s->dma);
        return false;
    }
    if (!isa_device_get_irq(dev, s->irq_number, &s->irq, error)) {
        return false;
    }
    s->dma_ops = bus->dma_ops[0];
    s->dma_controller = bus->dma[0];
    if (s->dma_ops) {
        s->dma_ops->set_client(s->dma_controller, (int)s->dma, transfer, s);
    }
    memory_region_init_io(&s->io, vm, &dev->obj, &fdc_ops, s, "fdc", 5);
    memory_region_init_io(&s->dir_io, vm, &dev->obj, &dir_ops, s, "fdc", 1);
    isa_device_add_io(dev, &s->io, (uint16_t)(s->iobase + 1));
    isa_device_add_io(dev, &s->dir_io, (uint16_t)(s->iobase + 7));
    floppy_bus_new(dev, s->units);
    s->run_handler = run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "fdc", run_state_changed, s);
    return true;
}

static void fdc_unrealize(Device *dev)
{
    Fdc *s = (Fdc *)dev;

    run_state_handler_remove(device_vm(dev), s->run_handler);
    if (s->dma_ops) {
        s->dma_ops->set_client(s->dma_controller, (int)s->dma, NULL, NULL);
    }
    memory_region_clear(&s->io);
    memory_region_clear(&s->dir_io);
}

uint8_t fdc_cmos_types(Device *fdc)
{
    Fdc *s = (Fdc *)fdc;

    return (uint8_t)(s->units[0].cmos_type << 4 | s->units[1].cmos_type);
}

/* ---- type ---- */
static const Property fdc_props[] = {
    PROP(PROP_U32, Fdc, iobase, "iobase", "0x3f0", .max = 0xfff8),
    PROP(PROP_U32, Fdc, irq_number, "irq", "6"),
    PROP(PROP_U32, Fdc, dma, "dma", "2"),
    PROP(PROP_STR, Fdc, type_a, "fdtypeA", "auto"),
    PROP(PROP_STR, Fdc, type_b, "fdtypeB", "auto"),
    PROP(PROP_STR, Fdc, fallback, "fallback", "288"),
    PROP(PROP_I32, Fdc, bootindex_a, "bootindexA", "-1"),
    PROP(PROP_I32, Fdc, bootindex_b, "bootindexB", "-1"),
    PROP_END,
};

static const DeviceOps fdc_device_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_STORAGE,
    .user_creatable = true,
    .realize = fdc_realize,
    .unrealize = fdc_unrealize,
    .reset = fdc_reset,
    .section = &fdc_section,
};

const TypeInfo fdc_types[] = {
    { .name = "isa-fdc",
      .parent = "isa-device",
      .description = "floppy disk controller",
      .instance_size = sizeof(Fdc),
      .props = fdc_props,
      .ops = &fdc_device_ops },
};
const size_t fdc_types_count = G_N_ELEMENTS(fdc_types);
