/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PATA channel: legacy ports, bus master registers and the walk over a table of memory regions.
 *
 * A transfer runs while the drive has one ready and the start bit is set, whichever came first.
 */
#include "bmdma.h"

#include "base/util/endian.h"

#define TABLE_LIMIT 0x10000u /* a table does not cross 64 KiB */

static BmChannel *channel_of(IdeBus *bus)
{
    return (BmChannel *)bus;
}

/* ---- host side of the bus ---- */

static void host_irq(IdeBus *bus, bool level)
{
    BmChannel *c = channel_of(bus);

    if (level) {
        c->status |= BM_INTERRUPT;
    }
    irq_set(c->irq, level);
}

static void rewind_table(BmChannel *c)
{
    c->cur_addr = c->addr;
    c->cur_prd_last = c->cur_prd_addr = c->cur_prd_len = 0;
}

static bool next_region(BmChannel *c)
{
    uint8_t entry[8];

    if (c->cur_prd_last || c->cur_addr - c->addr >= TABLE_LIMIT ||
        pci_dma_read(c->pci, c->cur_addr, entry, sizeof(entry)) != MEM_OK) {
        return false;
    }
    c->cur_addr += sizeof(entry);
    c->cur_prd_addr = ld_le32(entry) & ~1u;
    c->cur_prd_len = ld_le16(entry + 4) & ~1u;
    if (!c->cur_prd_len) {
        c->cur_prd_len = 0x10000;
    }
    c->cur_prd_last = entry[7] & 0x80;
    return true;
}

static bool host_dma_copy(IdeBus *bus, void *buf, size_t len, bool to_guest)
{
    BmChannel *c = channel_of(bus);
    uint8_t *at = buf;

    while (len) {
        uint32_t n;
        MemResult r;

        if (!c->cur_prd_len && !next_region(c)) {
            return false;
        }
        n = (uint32_t)MIN(len, c->cur_prd_len);
        r = to_guest ? pci_dma_write(c->pci, c->cur_prd_addr, at, n)
                     : pci_dma_read(c->pci, c->cur_prd_addr, at, n);
        if (r != MEM_OK) {
            c->status |= BM_ERROR;
            return false;
        }
        c->cur_prd_addr += n;
        c->cur_prd_len -= n;
        at += n;
        len -= n;
    }
    return true;
}

static void host_dma_ready(IdeBus *bus)
{
    if (channel_of(bus)->status & BM_ACTIVE) {
        ide_dma_start(bus);
    }
}

/* Active stays set when the table had more room than the transfer had bytes. */
static void host_dma_end(IdeBus *bus, bool complete)
{
    BmChannel *c = channel_of(bus);

    if (!complete || (c->cur_prd_last && !c->cur_prd_len)) {
        c->status &= ~BM_ACTIVE;
    }
}

static void host_dma_rewind(IdeBus *bus)
{
    rewind_table(channel_of(bus));
}

static const IdeHostOps channel_ops = {
    .irq = host_irq,
    .dma_ready = host_dma_ready,
    .dma_copy = host_dma_copy,
    .dma_end = host_dma_end,
    .dma_rewind = host_dma_rewind,
};

/* ---- bus master registers ---- */

static void write_command(BmChannel *c, uint8_t value)
{
    bool was = c->cmd & BM_START, now = value & BM_START;

    c->cmd = value & (BM_START | BM_TO_MEMORY);
    if (was && !now) {
        ide_bus_drain(&c->bus);
        c->status &= ~BM_ACTIVE;
    } else if (!was && now) {
        rewind_table(c);
        c->status |= BM_ACTIVE;
        ide_dma_start_if_waiting(&c->bus);
    }
}

uint8_t bm_read(BmChannel *c, unsigned reg)
{
    switch (reg) {
    case 0: return c->cmd;
    case 2: return c->status;
    case 4:
    case 5:
    case 6:
    case 7: return (uint8_t)(c->addr >> (8 * (reg - 4)));
    default: return 0xff;
    }
}

void bm_write(BmChannel *c, unsigned reg, uint8_t value)
{
    uint8_t cleared;

    switch (reg) {
    case 0: write_command(c, value); break;
    case 2:
        cleared = value & (BM_ERROR | BM_INTERRUPT);
        c->status = (uint8_t)((value & BM_DRIVES) | (c->status & ~(BM_DRIVES | cleared)));
        break;
    case 4:
    case 5:
    case 6:
    case 7: {
        unsigned shift = 8 * (reg - 4);

        c->addr = ((c->addr & ~(0xffu << shift)) | (uint32_t)value << shift) & ~3u;
        break;
    }
    default: break;
    }
}

/* ---- legacy ports ---- */

static uint64_t data_read(void *opaque, uint64_t addr, unsigned size)
{
    BmChannel *c = opaque;
    uint64_t value = 0;

    if (addr == 0) {
        return ide_data_read(&c->bus, size);
    }
    for (unsigned i = 0; i < size && addr + i < 8; i++) {
        value |= (uint64_t)ide_read(&c->bus, (unsigned)addr + i) << (8 * i);
    }
    return value;
}

static void data_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    BmChannel *c = opaque;

    if (addr == 0) {
        ide_data_write(&c->bus, (uint32_t)value, size);
        return;
    }
    for (unsigned i = 0; i < size && addr + i < 8; i++) {
        ide_write(&c->bus, (unsigned)addr + i, (uint8_t)(value >> (8 * i)));
    }
}

static const RegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 4, true },
    .impl = { 1, 4, true },
};

static uint64_t control_read(void *opaque, uint64_t addr, unsigned size)
{
    return ide_alt_status(&((BmChannel *)opaque)->bus);
}

static void control_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    ide_control_write(&((BmChannel *)opaque)->bus, (uint8_t)value);
}

static const RegionOps control_ops = {
    .read = control_read,
    .write = control_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 1 },
};

/* ---- life ---- */

void bm_channel_init(BmChannel *c, PciDevice *pci, unsigned index, uint16_t data_port,
                     uint16_t control_port)
{
    Vm *vm = device_vm(&pci->dev);

    ide_bus_init(&c->bus, &pci->dev, index, 2, &channel_ops, c);
    c->pci = pci;
    memory_region_init_io(&c->data, vm, &pci->dev.obj, &data_ops, c, "ide", 8);
    memory_region_init_io(&c->control, vm, &pci->dev.obj, &control_ops, c, "ide-control", 1);
    memory_region_add(memory_io_region(vm), data_port, &c->data);
    memory_region_add(memory_io_region(vm), control_port, &c->control);
}

void bm_channel_clear(BmChannel *c)
{
    ide_bus_clear(&c->bus);
    memory_region_clear(&c->control);
    memory_region_clear(&c->data);
}

void bm_channel_reset(BmChannel *c)
{
    ide_bus_reset(&c->bus);
    c->cmd = c->status = 0;
    c->addr = 0;
    rewind_table(c);
    irq_set(c->irq, 0);
}

/* ---- migrated state ---- */

static bool current_needed(const void *saved)
{
    return ((const BmSaved *)saved)->has_current;
}
static bool status_needed(const void *saved)
{
    return ((const BmSaved *)saved)->has_status;
}

static const Field current_fields[] = {
    F_U32(BmSaved, cur_addr),
    F_U32(BmSaved, cur_prd_last),
    F_U32(BmSaved, cur_prd_addr),
    F_U32(BmSaved, cur_prd_len),
    F_END,
};
static const Record current_record = {
    .name = "ide bmdma_current",
    .version = 1,
    .min_version = 1,
    .size = sizeof(BmSaved),
    .fields = current_fields,
    .needed = current_needed,
    .has_present = true,
    .present_offset = offsetof(BmSaved, has_current),
    .legacy_name = true,
};
static const Field status_fields[] = { F_U8(BmSaved, status), F_END };
static const Record status_record = {
    .name = "ide bmdma/status",
    .version = 1,
    .min_version = 1,
    .size = sizeof(BmSaved),
    .fields = status_fields,
    .needed = status_needed,
    .has_present = true,
    .present_offset = offsetof(BmSaved, has_status),
};
static const Record *const bm_subsections[] = { &current_record, &status_record, NULL };
static const Field bm_fields[] = {
    F_U8(BmSaved, cmd),
    F_U8(BmSaved, migration_compat_status),
    F_U32(BmSaved, addr),
    F_I64(BmSaved, migration_retry_sector_num),
    F_U32(BmSaved, migration_retry_nsector),
    F_U8(BmSaved, migration_retry_unit),
    F_END,
};
const Record bm_record = {
    .name = "ide bmdma",
    .version = 3,
    .min_version = 0,
    .size = sizeof(BmSaved),
    .fields = bm_fields,
    .subsections = bm_subsections,
};

void bm_save(const BmChannel *c, BmSaved *s)
{
    uint8_t plain = BM_ACTIVE | BM_ERROR | BM_INTERRUPT;

    s->cmd = c->cmd;
    s->migration_compat_status = c->status & plain;
    s->addr = c->addr;
    s->cur_addr = c->cur_addr;
    s->cur_prd_last = c->cur_prd_last;
    s->cur_prd_addr = c->cur_prd_addr;
    s->cur_prd_len = c->cur_prd_len;
    s->has_current = c->cur_prd_len != 0;
    s->status = c->status;
    s->has_status = (c->status & ~plain) != 0; /* bits that once meant something else here */
}

void bm_install(BmChannel *c, const BmSaved *s)
{
    uint8_t plain = BM_ACTIVE | BM_ERROR | BM_INTERRUPT;

    c->cmd = s->cmd & (BM_START | BM_TO_MEMORY);
    c->status =
        s->has_status ? s->status & (plain | BM_DRIVES) : s->migration_compat_status & plain;
    c->addr = s->addr & ~3u;
    rewind_table(c);
    if (s->has_current && s->cur_prd_len <= 0x10000) {
        c->cur_addr = s->cur_addr;
        c->cur_prd_last = s->cur_prd_last;
        c->cur_prd_addr = s->cur_prd_addr;
        c->cur_prd_len = s->cur_prd_len;
    }
}
