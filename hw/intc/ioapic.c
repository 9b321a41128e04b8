/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82093AA I/O APIC, with the EOI register of version 0x20.
 *
 * Inputs are logical: the polarity bit is kept but means nothing. An edge on a masked input is lost;
 * a level is seen again when the entry is unmasked, re-programmed, or its EOI arrives.
 */
#include "hw/intc/ioapic.h"

/* ---- saved form: "ioapic" version 3 ---- */

typedef struct {
    uint8_t id, ioregsel;
    uint32_t irr;
    uint64_t ioredtbl[IOAPIC_NUM_PINS];
} IoapicSaved;

typedef struct {
    Device dev; /* first */
    IoapicSaved r;
    uint32_t lines; /* levels of the inputs */
    MemoryRegion mmio;
    uint8_t version; /* property */
} Ioapic;

/* ---- registers ---- */

enum {
    REG_SELECT = 0x00,
    REG_WINDOW = 0x10,
    REG_EOI = 0x40,
    SEL_ID = 0,
    SEL_VERSION = 1,
    SEL_ARBITRATION = 2,
    SEL_REDTBL = 0x10,
};

#define ENTRY_VECTOR     0xffull
#define ENTRY_DELIVERY   (7ull << 8)
#define ENTRY_LOGICAL    (1ull << 11)
#define ENTRY_PENDING    (1ull << 12)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL      (1ull << 15)
#define ENTRY_MASKED     (1ull << 16)
#define ENTRY_READ_ONLY  (ENTRY_PENDING | ENTRY_REMOTE_IRR)

/* ---- interrupt update ---- */

static void deliver(Ioapic *s, uint64_t entry)
{
    /* Bits 48 and up are the destination, or the format and index of a message to be remapped. */
    uint64_t addr = 0xfee00000u | (entry >> 48) << 4 | (entry & ENTRY_LOGICAL ? 4 : 0);
    MemAttrs attrs = { .requester_id = IOAPIC_REQUESTER };
    uint64_t data = entry & (ENTRY_VECTOR | ENTRY_DELIVERY);

    if (entry & ENTRY_LEVEL) {
        data |= 1u << 15 | 1u << 14;
    }
    address_space_st(address_space_memory(device_vm(&s->dev)), addr, data, 4, DEVICE_LITTLE_ENDIAN,
                     attrs, NULL);
}

static void service(Ioapic *s, int pin)
{
    uint64_t *entry = &s->r.ioredtbl[pin];

    if (!(s->r.irr >> pin & 1) || (*entry & ENTRY_MASKED)) {
        return;
    }
    if (!(*entry & ENTRY_LEVEL)) {
        s->r.irr &= ~(1u << pin);
    } else if (*entry & ENTRY_REMOTE_IRR) {
        return; /* its EOI brings us back */
    } else {
        *entry |= ENTRY_REMOTE_IRR;
    }
    deliver(s, *entry);
}

static void set_input(void *opaque, int pin, int level)
{
    Ioapic *s = opaque;
    uint32_t bit = 1u << pin;
    bool rises = level && !(s->lines & bit);

    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (s->r.ioredtbl[pin] & ENTRY_LEVEL) {
        s->r.irr = level ? s->r.irr | bit : s->r.irr & ~bit;
    } else if (rises && !(s->r.ioredtbl[pin] & ENTRY_MASKED)) {
        s->r.irr |= bit;
    }
    service(s, pin);
}

void ioapic_eoi(void *dev, int vector)
{
    Ioapic *s = dev;

    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t *entry = &s->r.ioredtbl[pin];

        if ((*entry & ENTRY_VECTOR) == (unsigned)vector && (*entry & ENTRY_LEVEL) &&
            (*entry & ENTRY_REMOTE_IRR)) {
            *entry &= ~ENTRY_REMOTE_IRR;
            service(s, pin);
        }
    }
}

/* ---- read ---- */

static uint32_t window_read(const Ioapic *s)
{
    unsigned sel = s->r.ioregsel;

    switch (sel) {
    case SEL_ID:
    case SEL_ARBITRATION: return (uint32_t)s->r.id << 24;
    case SEL_VERSION: return s->version | (IOAPIC_NUM_PINS - 1) << 16;
    default: break;
    }
    if (sel >= SEL_REDTBL && sel < SEL_REDTBL + 2 * IOAPIC_NUM_PINS) {
        uint64_t entry = s->r.ioredtbl[(sel - SEL_REDTBL) / 2];

        return (uint32_t)(sel & 1 ? entry >> 32 : entry);
    }
    return 0;
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    Ioapic *s = opaque;

    switch (addr & 0xff) {
    case REG_SELECT: return s->r.ioregsel;
    case REG_WINDOW: return size == 4 ? window_read(s) : 0;
    default: return 0;
    }
}

/* ---- write ---- */

static void write_entry(Ioapic *s, int pin, bool high, uint32_t value)
{
    uint64_t *entry = &s->r.ioredtbl[pin], keep = *entry & ENTRY_READ_ONLY;
    uint32_t bit = 1u << pin;

    if (high) {
        *entry = (*entry & 0xffffffffu) | (uint64_t)value << 32;
    } else {
        *entry = (*entry & ~0xffffffffull) | (value & 0x1ffffu & ~(uint32_t)ENTRY_READ_ONLY) | keep;
    }
    if (!(*entry & ENTRY_LEVEL)) {
        /* Turning an entry to edge and back is how old software sends an EOI by hand. */
        *entry &= ~ENTRY_REMOTE_IRR;
        if (*entry & ENTRY_MASKED) {
            s->r.irr &= ~bit;
        }
    } else {
        s->r.irr = (s->r.irr & ~bit) | (s->lines & bit);
    }
    service(s, pin);
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Ioapic *s = opaque;
    unsigned sel = s->r.ioregsel;

    switch (addr & 0xff) {
    case REG_SELECT: s->r.ioregsel = (uint8_t)value; break;
    case REG_WINDOW:
        if (size != 4) {
            break;
        }
        if (sel == SEL_ID) {
            s->r.id = value >> 24 & 0xf;
        } else if (sel >= SEL_REDTBL && sel < SEL_REDTBL + 2 * IOAPIC_NUM_PINS) {
            write_entry(s, (int)(sel - SEL_REDTBL) / 2, sel & 1, (uint32_t)value);
        }
        break;
    case REG_EOI:
        if (s->version >= 0x20) {
            ioapic_eoi(s, value & 0xff);
        }
        break;
    default: break;
    }
}

static const RegionOps mmio_ops = { .read = mmio_read, .write = mmio_write, .valid = { 1, 4 } };

/* ---- reset, realize ---- */

static void ioapic_reset(Device *dev, ResetKind kind)
{
    Ioapic *s = (Ioapic *)dev;

    s->r = (IoapicSaved){ 0 };
    for (int i = 0; i < IOAPIC_NUM_PINS; i++) {
        s->r.ioredtbl[i] = ENTRY_MASKED;
    }
}

static void ioapic_init(Object *obj)
{
    device_add_gpio_in(DEVICE(obj), NULL, set_input, IOAPIC_NUM_PINS);
}

static bool ioapic_realize(Device *dev, GError **error)
{
    Ioapic *s = (Ioapic *)dev;

    if (s->version != 0x11 && s->version != 0x20) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "IOAPIC only supports version 0x11 or 0x20 (not 0x%x)", s->version);
        return false;
    }
    memory_region_init_io(&s->mmio, device_vm(dev), &dev->obj, &mmio_ops, s, "ioapic", 0x1000);
    ioapic_reset(dev, RESET_COLD);
    return true;
}

static void ioapic_unrealize(Device *dev)
{
    memory_region_clear(&((Ioapic *)dev)->mmio);
}

MemoryRegion *ioapic_region(Device *dev)
{
    return &((Ioapic *)dev)->mmio;
}

/* ---- record description ---- */

static const Record ioapic_record = {
    .name = "ioapic",
    .version = 3,
    .min_version = 1,
    .size = sizeof(IoapicSaved),
    .fields = (const Field[]){ F_U8(IoapicSaved, id), F_U8(IoapicSaved, ioregsel),
                               F_UNUSED(8, .since = 2), F_U32(IoapicSaved, irr, .since = 3),
                               F_ARRAY(FIELD_U64, IoapicSaved, ioredtbl), F_END },
};

static void save(void *owner, void *saved)
{
    *(IoapicSaved *)saved = ((Ioapic *)owner)->r;
}

static void install(void *owner, const void *saved)
{
    Ioapic *s = owner;

    s->r = *(const IoapicSaved *)saved;
    s->r.irr &= (1u << IOAPIC_NUM_PINS) - 1;
    s->lines = 0;
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if (s->r.ioredtbl[pin] & ENTRY_LEVEL) {
            s->lines |= s->r.irr & (1u << pin);
        }
    }
}

static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc ioapic_section = { .record = &ioapic_record, .ops = &section_ops };

/* ---- types ---- */

static const Property ioapic_props[] = {
    PROP(PROP_U8, Ioapic, version, "version", "0x20"),
    PROP_END,
};

static const DeviceOps ioapic_ops = {
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
    .section = &ioapic_section,
};

const TypeInfo ioapic_types[] = {
    { .name = "ioapic",
      .parent = "sys-bus-device",
      .description = "I/O APIC",
      .instance_size = sizeof(Ioapic),
      .props = ioapic_props,
      .ops = &ioapic_ops,
      .init = ioapic_init },
};
const size_t ioapic_types_n = G_N_ELEMENTS(ioapic_types);

void ioapic_describe(Device *dev, GString *out)
{
    const Ioapic *s = (Ioapic *)dev;

    g_string_append_printf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", s->version, s->r.id,
                           s->r.ioregsel);
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t e = s->r.ioredtbl[pin];

        g_string_append_printf(
            out, "  pin %-2d 0x%016" G_GINT64_MODIFIER "x dest=%x vec=%-3d %s %s%s%s\n", pin, e,
            (unsigned)(e >> 56), (int)(e & ENTRY_VECTOR), e & ENTRY_LEVEL ? "level" : "edge",
            e & ENTRY_LOGICAL ? "logical" : "physical", e & ENTRY_MASKED ? " masked" : "",
            e & ENTRY_REMOTE_IRR ? " rirr" : "");
    }
    g_string_append_printf(out, "  IRR 0x%06x\n", s->r.irr);
}
