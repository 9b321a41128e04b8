/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AHCI ports: command slots, frames (FIS) to the host, the tables of memory regions, and the host
 * side of the ATA bus. AHCI 1.3.1 chapters 4 (memory), 5 (data), 6 (errors).
 */
#include <string.h>

#include "ahci-priv.h"
#include "base/util/endian.h"

enum {
    FIS_H2D = 0x27,
    FIS_D2H = 0x34,
    FIS_PIO_SETUP = 0x5f,
};
enum { /* places in the receive area */
    RECEIVE_PIO_SETUP = 0x20,
    RECEIVE_D2H = 0x40,
};
#define HEADER_BYTES 32
#define TABLE_PACKET 0x40
#define TABLE_PRDT   0x80

static IdeUnit *unit_of(AhciPort *p)
{
    return &p->bus.units[0];
}

static AhciPort *port_of(IdeBus *bus)
{
    return (AhciPort *)bus;
}

static uint64_t header_address(const AhciPort *p, unsigned slot)
{
    return ((uint64_t)p->r.clbu << 32 | p->r.clb) + slot * HEADER_BYTES;
}

/* ---- memory regions of a command ---- */

void ahci_sg_init(AhciPort *p, AhciSg *sg, unsigned slot)
{
    uint8_t header[HEADER_BYTES] = { 0 };

    ahci_dma_read(p->hba, header_address(p, slot), header, sizeof(header));
    *sg = (AhciSg){
        .table = (ld_le64(header + 8) & ~0x7full) + TABLE_PRDT,
        .n = ld_le32(header) >> 16,
    };
}

static bool next_region(AhciPort *p, AhciSg *sg)
{
    uint8_t entry[16];

    if (sg->i >= sg->n || !ahci_dma_read(p->hba, sg->table + 16ull * sg->i, entry, sizeof(entry))) {
        return false;
    }
    sg->i++;
    sg->addr = ld_le64(entry) & ~1ull;
    sg->left = (ld_le32(entry + 12) & 0x3fffff) + 1;
    return true;
}

bool ahci_sg_copy(AhciPort *p, AhciSg *sg, void *buf, size_t len, bool to_guest)
{
    uint8_t *at = buf;

    while (len) {
        uint32_t n;
        bool ok;

        if (!sg->left && !next_region(p, sg)) {
            return false;
        }
        n = (uint32_t)MIN(len, sg->left);
        ok = to_guest ? ahci_dma_write(p->hba, sg->addr, at, n)
                      : ahci_dma_read(p->hba, sg->addr, at, n);
        if (!ok) {
            return false;
        }
        sg->addr += n;
        sg->left -= n;
        sg->moved += n;
        at += n;
        len -= n;
    }
    return true;
}

/* The header's count of bytes moved. */
static void write_byte_count(AhciPort *p, unsigned slot)
{
    uint8_t count[4];

    st_le32(count, p->sg.moved);
    ahci_dma_write(p->hba, header_address(p, slot) + 4, count, sizeof(count));
}

/* ---- frames to the host ---- */

void ahci_fis_write(AhciPort *p, unsigned offset, const void *fis, size_t len)
{
    if (p->r.cmd & CMD_FRE) {
        ahci_dma_write(p->hba, ((uint64_t)p->r.fbu << 32 | p->r.fb) + offset, fis, len);
    }
}

static void fill_registers(const IdeUnit *u, uint8_t *fis)
{
    fis[2] = u->status;
    fis[3] = u->error;
    fis[4] = u->sector;
    fis[5] = u->lcyl;
    fis[6] = u->hcyl;
    fis[7] = u->select;
    fis[8] = u->hob.sector;
    fis[9] = u->hob.lcyl;
    fis[10] = u->hob.hcyl;
    fis[12] = (uint8_t)u->nsector;
    fis[13] = (uint8_t)(u->nsector >> 8);
}

static void set_tfd(AhciPort *p)
{
    const IdeUnit *u = unit_of(p);

    p->r.tfd = (uint32_t)u->error << 8 | u->status;
}

void ahci_fis_d2h(AhciPort *p, bool interrupt)
{
    const IdeUnit *u = unit_of(p);
    uint8_t fis[20] = { FIS_D2H, interrupt ? 0x40 : 0 };

    fill_registers(u, fis);
    ahci_fis_write(p, RECEIVE_D2H, fis, sizeof(fis));
    set_tfd(p);
    ahci_port_raise(p, (interrupt ? IS_DHRS : 0) | (u->status & ST_ERR ? IS_TFES : 0));
}

static void fis_pio_setup(AhciPort *p, uint32_t bytes, bool to_host, bool interrupt)
{
    const IdeUnit *u = unit_of(p);
    uint8_t fis[20] = { FIS_PIO_SETUP, (uint8_t)((interrupt ? 0x40 : 0) | (to_host ? 0x20 : 0)) };

    fill_registers(u, fis);
    fis[15] = ST_DRDY | ST_DSC; /* status when the block is moved */
    st_le16(fis + 16, (uint16_t)bytes);
    ahci_fis_write(p, RECEIVE_PIO_SETUP, fis, sizeof(fis));
    if (interrupt) {
        ahci_port_raise(p, IS_PSS);
    }
}

void ahci_port_send_signature(AhciPort *p)
{
    IdeUnit *u = unit_of(p);

    if (p->init_d2h_sent || !ide_unit_present(u) || !(p->r.cmd & CMD_FRE)) {
        return;
    }
    p->init_d2h_sent = true;
    u->error = 1; /* diagnostics passed */
    p->r.sig = (uint32_t)u->hcyl << 24 | (uint32_t)u->lcyl << 16 | (uint32_t)u->sector << 8 |
               (u->nsector & 0xff);
    ahci_fis_d2h(p, true);
}

/* ---- host side of the bus ---- */

/* Moves the waiting PIO block; a block that the end of one makes waits for its turn. */
static void move_block(AhciPort *p)
{
    IdeUnit *u = unit_of(p);
    uint32_t bytes = u->end - u->pos;
    bool packet = u->end_fn == IDE_END_PACKET_COMMAND;
    bool from_guest = packet || u->end_fn == IDE_END_WRITE_SECTORS;
    bool ok;

    if (packet) {
        uint8_t header[HEADER_BYTES] = { 0 };

        ahci_dma_read(p->hba, header_address(p, (unsigned)p->busy_slot), header, sizeof(header));
        fis_pio_setup(p, bytes, false, false);
        ok =
            ahci_dma_read(p->hba, (ld_le64(header + 8) & ~0x7full) + TABLE_PACKET, u->buf, bytes) &&
            (p->header & HDR_ATAPI);
        p->done_first_drq = true;
    } else {
        fis_pio_setup(p, bytes, !from_guest, true);
        ok = ahci_sg_copy(p, &p->sg, u->buf + u->pos, bytes, !from_guest);
    }
    u->pos = u->end;
    if (!ok && from_guest) {
        ide_fail(u, ER_ABRT);
        return;
    }
    if (!ok) {
        ahci_port_raise(p, IS_OFS); /* more came than there is room for */
    }
    ide_pio_done(u);
}

static void host_pio(IdeBus *bus)
{
    AhciPort *p = port_of(bus);

    p->move_again = true;
    if (p->moving) {
        return;
    }
    p->moving = true;
    while (p->move_again) {
        p->move_again = false;
        if (p->busy_slot < 0) {
            ide_fail(unit_of(p), ER_ABRT);
        } else {
            move_block(p);
        }
    }
    p->moving = false;
}

static void host_dma_ready(IdeBus *bus)
{
    ide_dma_start(bus);
}

static bool host_dma_copy(IdeBus *bus, void *buf, size_t len, bool to_guest)
{
    AhciPort *p = port_of(bus);

    return p->busy_slot >= 0 && ahci_sg_copy(p, &p->sg, buf, len, to_guest);
}

static void host_dma_end(IdeBus *bus, bool complete)
{
    if (!complete) {
        ahci_port_raise(port_of(bus), IS_OFS);
    }
}

static void host_dma_rewind(IdeBus *bus)
{
    AhciPort *p = port_of(bus);

    if (p->busy_slot >= 0) {
        ahci_sg_init(p, &p->sg, (unsigned)p->busy_slot);
    }
}

static void host_done(IdeBus *bus)
{
    AhciPort *p = port_of(bus);
    int slot = p->busy_slot;

    if (slot < 0) {
        return;
    }
    write_byte_count(p, (unsigned)slot);
    p->busy_slot = -1;
    if (unit_of(p)->status & ST_ERR) {
        p->halted = true; /* the slot's bit stays, for the host to see which one it was */
    } else {
        p->r.ci &= ~(1u << slot);
    }
    ahci_fis_d2h(p, true);
    ahci_port_issue(p);
}

static void host_resume(IdeBus *bus)
{
    ahci_ncq_retry(port_of(bus));
    ahci_port_issue(port_of(bus));
}

const IdeHostOps ahci_host_ops = {
    .pio = host_pio,
    .dma_ready = host_dma_ready,
    .dma_copy = host_dma_copy,
    .dma_end = host_dma_end,
    .dma_rewind = host_dma_rewind,
    .done = host_done,
    .resume = host_resume,
};

/* ---- commands from the host ---- */

static void load_registers(IdeUnit *u, const uint8_t *fis)
{
    u->feature = fis[3];
    u->sector = fis[4];
    u->lcyl = fis[5];
    u->hcyl = fis[6];
    u->select = fis[7] & ~DEV_UNIT;
    u->hob = (IdeHob){
        .sector = fis[8], .lcyl = fis[9], .hcyl = fis[10], .feature = fis[11], .nsector = fis[13]
    };
    u->nsector = fis[12];
}

/* A frame that only carries the device control register: soft reset. */
static void control_frame(AhciPort *p, unsigned slot, const uint8_t *fis)
{
    bool was = p->bus.control & CTL_SRST, now = fis[15] & CTL_SRST;

    p->r.ci &= ~(1u << slot);
    ide_control_write(&p->bus, fis[15]);
    if (was && !now) {
        p->init_d2h_sent = false;
        ahci_port_send_signature(p);
    }
}

static void fatal(AhciPort *p)
{
    p->halted = true;
    ahci_port_raise(p, IS_HBFS);
}

/* Queued commands run side by side; whatever is not queued waits in its slot until they are over. */
static void start_command(AhciPort *p, unsigned slot)
{
    uint8_t header[HEADER_BYTES], fis[64];
    uint64_t table;

    if (!ahci_dma_read(p->hba, header_address(p, slot), header, sizeof(header))) {
        fatal(p);
        return;
    }
    table = ld_le64(header + 8) & ~0x7full;
    if (!ahci_dma_read(p->hba, table, fis, sizeof(fis))) {
        fatal(p);
        return;
    }
    if (ahci_ncq_busy(p) && !ahci_is_ncq(fis[2])) {
        return;
    }
    if (fis[0] != FIS_H2D) {
        p->r.ci &= ~(1u << slot); /* no such frame goes to a device */
        return;
    }
    if (!(fis[1] & 0x80)) {
        control_frame(p, slot, fis);
        return;
    }
    if (ahci_is_ncq(fis[2])) {
        ahci_ncq_start(p, slot, fis);
        return;
    }
    p->busy_slot = (int)slot;
    p->header = ld_le32(header);
    p->done_first_drq = false;
    ahci_sg_init(p, &p->sg, slot);
    load_registers(unit_of(p), fis);
    p->r.tfd |= ST_BSY;
    ide_command(&p->bus, fis[2]);
}

static bool may_issue(const AhciPort *p)
{
    return (p->r.cmd & CMD_ST) && !p->halted && p->busy_slot < 0 &&
           ide_unit_present(&p->bus.units[0]) && !p->bus.stopped;
}

void ahci_port_issue(AhciPort *p)
{
    p->issue_again = true;
    if (p->issuing) {
        return;
    }
    p->issuing = true;
    while (p->issue_again) {
        p->issue_again = false;
        for (unsigned slot = 0; slot < AHCI_SLOTS && may_issue(p); slot++) {
            if (p->r.ci & (1u << slot)) {
                start_command(p, slot);
            }
        }
    }
    p->issuing = false;
}

void ahci_port_stop(AhciPort *p)
{
    IdeUnit *u = unit_of(p);

    p->r.cmd &= ~CMD_CR;
    ide_bus_drain(&p->bus);
    ahci_ncq_forget(p);
    if (p->busy_slot >= 0) { /* parked */
        u->retry = 0;
        u->dma = IDE_DMA_NONE;
        u->pio = false;
        u->status = ST_DRDY | ST_DSC;
        p->busy_slot = -1;
    }
    p->r.ci = p->r.sact = 0;
    p->halted = false;
}

void ahci_port_reset(AhciPort *p)
{
    IdeUnit *u = unit_of(p);

    p->busy_slot = -1; /* nothing that ends in the wait is told */
    ide_bus_reset(&p->bus);
    ahci_ncq_forget(p);
    p->halted = false;
    p->finished = 0;
    p->init_d2h_sent = p->done_first_drq = false;
    p->r.tfd = 0x7f;
    p->r.sig = UINT32_MAX;
    p->r.ssts = ide_unit_present(u) ? 0x113 : 0; /* present, 1.5 Gbps, active */
    p->r.serr = 0;
    p->r.sact = 0;
    p->r.ci = 0;
}
