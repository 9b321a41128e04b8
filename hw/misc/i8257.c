/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8237A DMA controller (data sheet 231466) with the PC's page registers. The type is called
 * "i8257" as in the machine types that this follows.
 *
 * A client with its request up is run at once until it stops taking bytes or the count ends; there
 * are no memory-to-memory transfers and no verify cycles.
 */
#include "hw/misc/isa-misc.h"

/* ---- saved form: "dma" version 1 ---- */

enum {
    NOW_ADDR,
    NOW_COUNT
};

typedef struct {
    int32_t now[2]; /* address at the start of the block; bytes done */
    uint16_t base[2];
    uint8_t mode, page, pageh, dack, eop;
} DmaChannel;

typedef struct {
    uint8_t command, mask, flip_flop;
    int32_t dshift;
    DmaChannel regs[4];
} DmaSaved;

typedef struct {
    int (*transfer)(void *opaque, int channel, int pos, int len);
    void *opaque;
} DmaClient;

typedef struct {
    Device dev; /* first */
    DmaSaved r;
    uint8_t status; /* low: terminal counts; high: requests */
    DmaClient clients[4];
    MemoryRegion channel_io, control_io, page_io, pageh_io;
    int32_t base, page_base, pageh_base, dshift;
} Dma;

#define MODE_AUTOINIT  0x10
#define MODE_DECREMENT 0x20

/* The page registers' ports lie in this order; -1: no channel's. */
static const int8_t page_channels[8] = { -1, 2, 3, 1, -1, -1, -1, 0 };

/* ---- transfers ---- */

static int block_bytes(const Dma *s, int c)
{
    return (s->r.regs[c].base[NOW_COUNT] + 1) << s->r.dshift;
}

static void start_over(Dma *s, int c)
{
    DmaChannel *r = &s->r.regs[c];

    r->now[NOW_ADDR] = r->base[NOW_ADDR] << s->r.dshift;
    r->now[NOW_COUNT] = 0;
}

static void run(Dma *s, int c)
{
    DmaChannel *r = &s->r.regs[c];
    DmaClient *client = &s->clients[c];

    while ((s->status >> (4 + c) & 1) && !(s->r.mask >> c & 1) && client->transfer) {
        int total = block_bytes(s, c), before = r->now[NOW_COUNT];
        int after = client->transfer(client->opaque, c, before, total);

        r->now[NOW_COUNT] = CLAMP(after, before, total);
        if (r->now[NOW_COUNT] == total) {
            s->status |= (uint8_t)(1u << c);
            if (r->mode & MODE_AUTOINIT) {
                start_over(s, c);
            } else {
                s->r.mask |= (uint8_t)(1u << c);
            }
        } else if (r->now[NOW_COUNT] == before) {
            break;
        }
    }
}

static void set_client(void *dma, int channel,
                       int (*transfer)(void *opaque, int channel, int pos, int len), void *opaque)
{
    ((Dma *)dma)->clients[channel & 3] = (DmaClient){ transfer, opaque };
}

static void set_dreq(void *dma, int channel, bool on)
{
    Dma *s = dma;
    uint8_t bit = (uint8_t)(0x10u << (channel & 3));

    s->status = on ? s->status | bit : s->status & (uint8_t)~bit;
    if (on) {
        run(s, channel & 3);
    }
}

static int move(Dma *s, int c, uint8_t *buf, int pos, int len, bool to_memory)
{
    DmaChannel *r = &s->r.regs[c & 3];
    uint32_t start = (uint32_t)(r->pageh & 0x7f) << 24 | (uint32_t)r->page << 16 |
                     (uint32_t)(r->now[NOW_ADDR] & 0x1ffff);
    AddressSpace *as = address_space_memory(device_vm(&s->dev));

    if (s->r.dshift) {
        start &= ~0x10000u | (uint32_t)(r->now[NOW_ADDR] & 0x10000);
    }
    for (int i = 0; i < len; i++) {
        uint64_t at =
            r->mode & MODE_DECREMENT ? start - (uint32_t)(pos + i) : start + (uint32_t)(pos + i);

        if (to_memory) {
            address_space_write(as, at, MEM_ATTRS_NONE, buf + i, 1);
        } else {
            address_space_read(as, at, MEM_ATTRS_NONE, buf + i, 1);
        }
    }
    return len;
}

static int read_memory(void *dma, int channel, void *buf, int pos, int len)
{
    return move(dma, channel, buf, pos, len, false);
}

static int write_memory(void *dma, int channel, const void *buf, int pos, int len)
{
    return move(dma, channel, (uint8_t *)buf, pos, len, true);
}

static const IsaDmaOps dma_ops = { set_client, set_dreq, read_memory, write_memory };

/* ---- registers ---- */

static unsigned take_flip_flop(Dma *s)
{
    unsigned ff = s->r.flip_flop;

    s->r.flip_flop = !ff;
    return ff;
}

static uint64_t channel_read(void *opaque, uint64_t addr, unsigned size)
{
    Dma *s = opaque;
    unsigned reg = (unsigned)(addr >> s->r.dshift) & 7;
    DmaChannel *r = &s->r.regs[reg >> 1];
    int step = r->mode & MODE_DECREMENT ? -1 : 1;
    int value = reg & 1 ? (r->base[NOW_COUNT] << s->r.dshift) - r->now[NOW_COUNT]
                        : r->now[NOW_ADDR] + r->now[NOW_COUNT] * step;

    return (uint64_t)(value >> (s->r.dshift + (int)(take_flip_flop(s) << 3))) & 0xff;
}

static void channel_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Dma *s = opaque;
    unsigned reg = (unsigned)(addr >> s->r.dshift) & 7;
    DmaChannel *r = &s->r.regs[reg >> 1];

    if (take_flip_flop(s)) {
        r->base[reg & 1] = (uint16_t)((r->base[reg & 1] & 0xff) | (value & 0xff) << 8);
        start_over(s, (int)(reg >> 1));
    } else {
        r->base[reg & 1] = (uint16_t)((r->base[reg & 1] & 0xff00) | (value & 0xff));
    }
}

static void master_clear(Dma *s)
{
    s->r.flip_flop = 0;
    s->r.mask = 0xff;
    s->r.command = 0;
    s->status = 0;
}

static uint64_t control_read(void *opaque, uint64_t addr, unsigned size)
{
    Dma *s = opaque;
    uint8_t value;

    switch (addr >> s->r.dshift & 7) {
    case 0: /* status: reading clears the terminal counts */
        value = s->status;
        s->status &= 0xf0;
        return value;
    case 7: return s->r.mask;
    default: return 0;
    }
}

static void run_all(Dma *s)
{
    for (int c = 0; c < 4; c++) {
        run(s, c);
    }
}

static void control_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Dma *s = opaque;
    unsigned c = value & 3;

    switch (addr >> s->r.dshift & 7) {
    case 0: s->r.command = (uint8_t)value; break;
    case 1: /* software request */
        s->status = (uint8_t)(value & 4 ? s->status | 0x10u << c : s->status & ~(0x10u << c));
        s->status &= (uint8_t) ~(1u << c);
        run(s, (int)c);
        break;
    case 2:
        s->r.mask = (uint8_t)(value & 4 ? s->r.mask | 1u << c : s->r.mask & ~(1u << c));
        run(s, (int)c);
        break;
    case 3: s->r.regs[c].mode = (uint8_t)value; break;
    case 4: s->r.flip_flop = 0; break;
    case 5: master_clear(s); break;
    case 6:
        s->r.mask = 0;
        run_all(s);
        break;
    default:
        s->r.mask = (uint8_t)value;
        run_all(s);
        break;
    }
}

static uint64_t page_read(void *opaque, uint64_t addr, unsigned size)
{
    int c = page_channels[addr & 7];

    return c < 0 ? 0 : ((Dma *)opaque)->r.regs[c].page;
}

static void page_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    int c = page_channels[addr & 7];

    if (c >= 0) {
        ((Dma *)opaque)->r.regs[c].page = (uint8_t)value;
    }
}

static uint64_t pageh_read(void *opaque, uint64_t addr, unsigned size)
{
    int c = page_channels[addr & 7];

    return c < 0 ? 0 : ((Dma *)opaque)->r.regs[c].pageh;
}

static void pageh_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    int c = page_channels[addr & 7];

    if (c >= 0) {
        ((Dma *)opaque)->r.regs[c].pageh = (uint8_t)value;
    }
}

static const RegionOps channel_ops = { .read = channel_read,
                                       .write = channel_write,
                                       .impl = { 1, 1 } };
static const RegionOps control_ops = { .read = control_read,
                                       .write = control_write,
                                       .impl = { 1, 1 } };
static const RegionOps page_ops = { .read = page_read, .write = page_write, .impl = { 1, 1 } };
static const RegionOps pageh_ops = { .read = pageh_read, .write = pageh_write, .impl = { 1, 1 } };

/* ---- reset, realize ---- */

static void dma_reset(Device *dev, ResetKind kind)
{
    Dma *s = (Dma *)dev;

    memset(s->r.regs, 0, sizeof(s->r.regs));
    master_clear(s);
}

static bool dma_realize(Device *dev, GError **error)
{
    Dma *s = (Dma *)dev;
    Vm *vm = device_vm(dev);

    s->r.dshift = s->dshift;
    memory_region_init_io(&s->channel_io, vm, &dev->obj, &channel_ops, s, "dma-chan",
                          8u << s->dshift);
    memory_region_init_io(&s->control_io, vm, &dev->obj, &control_ops, s, "dma-cont",
                          8u << s->dshift);
    memory_region_init_io(&s->page_io, vm, &dev->obj, &page_ops, s, "dma-page", 8);
    memory_region_init_io(&s->pageh_io, vm, &dev->obj, &pageh_ops, s, "dma-pageh", 8);
    isa_device_add_io(dev, &s->channel_io, (uint16_t)s->base);
    isa_device_add_io(dev, &s->control_io, (uint16_t)(s->base + (8 << s->dshift)));
    isa_device_add_io(dev, &s->page_io, (uint16_t)s->page_base);
    if (s->pageh_base >= 0) {
        isa_device_add_io(dev, &s->pageh_io, (uint16_t)s->pageh_base);
    }
    return true;
}

static void dma_unrealize(Device *dev)
{
    Dma *s = (Dma *)dev;

    memory_region_clear(&s->channel_io);
    memory_region_clear(&s->control_io);
    memory_region_clear(&s->page_io);
    memory_region_clear(&s->pageh_io);
}

/* ---- record description ---- */

static const Record channel_record = {
    .name = "dma_regs",
    .version = 1,
    .min_version = 1,
    .size = sizeof(DmaChannel),
    .fields =
        (const Field[]){ F_ARRAY(FIELD_I32, DmaChannel, now), F_ARRAY(FIELD_U16, DmaChannel, base),
                         F_U8(DmaChannel, mode), F_U8(DmaChannel, page), F_U8(DmaChannel, pageh),
                         F_U8(DmaChannel, dack), F_U8(DmaChannel, eop), F_END },
};

static const Record dma_record = {
    .name = "dma",
    .version = 1,
    .min_version = 1,
    .size = sizeof(DmaSaved),
    .fields = (const Field[]){ F_U8(DmaSaved, command), F_U8(DmaSaved, mask),
                               F_U8(DmaSaved, flip_flop, .max = 1),
                               F_I32(DmaSaved, dshift, .flags = FIELD_EQUAL, .wire_type = "int32"),
                               F_STRUCT_ARRAY(DmaSaved, regs, channel_record), F_END },
};

static void save(void *owner, void *saved)
{
    *(DmaSaved *)saved = ((Dma *)owner)->r;
}

static void install(void *owner, const void *saved)
{
    Dma *s = owner;

    s->r = *(const DmaSaved *)saved;
    for (int c = 0; c < 4; c++) {
        s->r.regs[c].now[NOW_COUNT] = CLAMP(s->r.regs[c].now[NOW_COUNT], 0, block_bytes(s, c));
    }
}

static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc dma_section = { .record = &dma_record, .ops = &section_ops };

/* ---- types ---- */

static const Property dma_props[] = {
    PROP(PROP_I32, Dma, base, "base", "0", .min = 0, .max = 0xfff0),
    PROP(PROP_I32, Dma, page_base, "page-base", "0x80", .min = 0, .max = 0xfff8),
    PROP(PROP_I32, Dma, pageh_base, "pageh-base", "0x480"),
    PROP(PROP_I32, Dma, dshift, "dshift", "0", .min = 0, .max = 1),
    PROP_END,
};

static const DeviceOps dma_device_ops = {
    .bus_type = "ISA",
    .realize = dma_realize,
    .unrealize = dma_unrealize,
    .reset = dma_reset,
    .section = &dma_section,
};

const TypeInfo i8257_types[] = {
    { .name = "i8257",
      .parent = "isa-device",
      .description = "8237 DMA controller",
      .instance_size = sizeof(Dma),
      .props = dma_props,
      .ops = &dma_device_ops },
};
const size_t i8257_types_n = G_N_ELEMENTS(i8257_types);

bool i8257_pair_new(IsaBus *bus, GError **error)
{
    for (int i = 0; i < 2; i++) {
        Device *dev = device_new(bus->bus.obj.vm, "i8257", error);

        if (!dev) {
            return false;
        }
        object_set_u64(&dev->obj, "base", i ? 0xc0 : 0);
        object_set_u64(&dev->obj, "dshift", (uint64_t)i);
        object_set_u64(&dev->obj, "page-base", i ? 0x88 : 0x80);
        object_set_u64(&dev->obj, "pageh-base", i ? 0x488 : 0x480);
        bool ok = device_realize(dev, &bus->bus, NULL, error);

        object_unref(&dev->obj);
        if (!ok) {
            return false;
        }
        isa_bus_set_dma(bus, i, &dma_ops, dev);
    }
    return true;
}
