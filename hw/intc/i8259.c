/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8259A programmable interrupt controller (data sheet 231468), with the edge/level control
 * register of PCI chip sets.
 *
 * A rising edge stays latched in IRR until it is acknowledged, also when the line falls before.
 * Only 8086 mode exists: MCS-80 call sequences do not.
 */
#include "hw/intc/i8259.h"

/* ---- saved form: "i8259" version 1 ---- */

typedef struct {
    uint8_t last_irr; /* line levels, for edge detection */
    uint8_t irr, imr, isr;
    uint8_t priority_add; /* the input with the highest priority */
    uint8_t irq_base;
    uint8_t read_reg_select; /* 1: ISR, 0: IRR */
    uint8_t poll;
    uint8_t special_mask;
    uint8_t init_state; /* the ICW that comes next; 0: ready */
    uint8_t auto_eoi;
    uint8_t rotate_on_auto_eoi;
    uint8_t special_fully_nested_mode;
    uint8_t init4; /* ICW4 follows */
    uint8_t single_mode;
    uint8_t elcr;
    uint8_t ltim; /* all inputs are level triggered (ICW1) */
} I8259Saved;

typedef struct I8259 I8259;
struct I8259 {
    Device dev; /* first */
    I8259Saved r;
    Irq *out;
    I8259 *slave; /* on the master */
    MemoryRegion io, elcr_io;
    /* properties */
    uint32_t iobase, elcr_addr;
    uint8_t elcr_mask;
    bool master;
};

#define CASCADE_PIN 2

/* ---- priorities ---- */

/* How far @mask's strongest bit is from the top; 8 when there is none. */
static int rank_of(const I8259 *s, uint8_t mask)
{
    int rank = 0;

    while (rank < 8 && !(mask & (1u << ((rank + s->r.priority_add) & 7)))) {
        rank++;
    }
    return rank;
}

/* The input to serve now; -1: none. */
static int strongest(const I8259 *s)
{
    uint8_t in_service = s->r.isr;
    int rank = rank_of(s, s->r.irr & (uint8_t)~s->r.imr);

    if (rank == 8) {
        return -1;
    }
    if (s->r.special_mask) {
        in_service &= (uint8_t)~s->r.imr;
    }
    if (s->r.special_fully_nested_mode && s->master) {
        /* The slave may interrupt itself. */
        in_service &= (uint8_t) ~(1u << CASCADE_PIN);
    }
    return rank < rank_of(s, in_service) ? (rank + s->r.priority_add) & 7 : -1;
}

static bool is_level(const I8259 *s, int pin)
{
    return s->r.ltim || (s->r.elcr >> pin & 1);
}

/* ---- interrupt update ---- */

static void update(I8259 *s)
{
    irq_set(s->out, strongest(s) >= 0);
}

static void set_input(void *opaque, int pin, int level)
{
    I8259 *s = opaque;
    uint8_t bit = (uint8_t)(1u << pin);

    /* The slave takes its request back when nothing is left to serve: no spurious interrupt. */
    if (is_level(s, pin) || (s->slave && pin == CASCADE_PIN && !level)) {
        s->r.irr = level ? s->r.irr | bit : s->r.irr & (uint8_t)~bit;
    } else if (level && !(s->r.last_irr & bit)) {
        s->r.irr |= bit;
    }
    s->r.last_irr = level ? s->r.last_irr | bit : s->r.last_irr & (uint8_t)~bit;
    update(s);
}

static void acknowledge(I8259 *s, int pin)
{
    uint8_t bit = (uint8_t)(1u << pin);

    if (!s->r.auto_eoi) {
        s->r.isr |= bit;
    } else if (s->r.rotate_on_auto_eoi) {
        s->r.priority_add = (uint8_t)((pin + 1) & 7);
    }
    if (!is_level(s, pin)) {
        s->r.irr &= (uint8_t)~bit;
    }
    update(s);
}

int i8259_ack(void *master)
{
    I8259 *s = master;
    int pin = strongest(s);

    if (pin < 0) {
        return s->r.irq_base + 7;
    }
    if (pin == CASCADE_PIN && s->slave) {
        I8259 *slave = s->slave;
        int slave_pin = strongest(slave);

        acknowledge(s, pin);
        if (slave_pin < 0) {
            return slave->r.irq_base + 7;
        }
        acknowledge(slave, slave_pin);
        return slave->r.irq_base + slave_pin;
    }
    acknowledge(s, pin);
    return s->r.irq_base + pin;
}

bool i8259_pending(Device *master)
{
    return strongest((I8259 *)master) >= 0;
}

/* ---- registers ---- */

static void to_power_on(I8259 *s)
{
    uint8_t elcr = s->r.elcr;

    s->r = (I8259Saved){ .elcr = elcr };
}

static void write_icw1(I8259 *s, uint8_t value)
{
    uint8_t levels = s->r.last_irr;

    to_power_on(s);
    s->r.init_state = 1;
    s->r.init4 = value & 1;
    s->r.single_mode = value & 2;
    s->r.ltim = (value & 8) != 0;
    s->r.last_irr = levels;
    /* Edges are forgotten; what is level triggered still asks. */
    for (int pin = 0; pin < 8; pin++) {
        if (is_level(s, pin)) {
            s->r.irr |= levels & (1u << pin);
        }
    }
}

static void write_ocw2(I8259 *s, uint8_t value)
{
    int pin = value & 7, rank;

    switch (value >> 5) {
    case 0: /* rotate in automatic EOI mode: off, on */
    case 4: s->r.rotate_on_auto_eoi = value >> 7; break;
    case 1: /* non-specific EOI, and with rotation */
    case 5:
        rank = rank_of(s, s->r.special_mask ? s->r.isr & (uint8_t)~s->r.imr : s->r.isr);
        if (rank != 8) {
            pin = (rank + s->r.priority_add) & 7;
            s->r.isr &= (uint8_t) ~(1u << pin);
            if (value >> 5 == 5) {
                s->r.priority_add = (uint8_t)((pin + 1) & 7);
            }
        }
        break;
    case 3: s->r.isr &= (uint8_t) ~(1u << pin); break;           /* specific EOI */
    case 6: s->r.priority_add = (uint8_t)((pin + 1) & 7); break; /* set priority */
    case 7:                                                      /* specific EOI with rotation */
        s->r.isr &= (uint8_t) ~(1u << pin);
        s->r.priority_add = (uint8_t)((pin + 1) & 7);
        break;
    default: break; /* 2: no operation */
    }
    update(s);
}

static void write_ocw3(I8259 *s, uint8_t value)
{
    if (value & 4) {
        s->r.poll = 1;
    }
    if (value & 2) {
        s->r.read_reg_select = value & 1;
    }
    if (value & 0x40) {
        s->r.special_mask = value >> 5 & 1;
    }
    update(s);
}

static void write_data(I8259 *s, uint8_t value)
{
    switch (s->r.init_state) {
    case 0:
        s->r.imr = value;
        update(s);
        break;
    case 1:
        s->r.irq_base = value & 0xf8;
        s->r.init_state = s->r.single_mode ? (s->r.init4 ? 3 : 0) : 2;
        break;
    case 2: s->r.init_state = s->r.init4 ? 3 : 0; break;
    default:
        s->r.special_fully_nested_mode = value >> 4 & 1;
        s->r.auto_eoi = value >> 1 & 1;
        s->r.init_state = 0;
        break;
    }
}

static void port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    I8259 *s = opaque;

    if (addr == 1) {
        write_data(s, (uint8_t)value);
    } else if (value & 0x10) {
        write_icw1(s, (uint8_t)value);
        update(s);
    } else if (value & 0x08) {
        write_ocw3(s, (uint8_t)value);
    } else {
        write_ocw2(s, (uint8_t)value);
    }
}

static uint64_t port_read(void *opaque, uint64_t addr, unsigned size)
{
    I8259 *s = opaque;

    if (s->r.poll) {
        int pin = strongest(s);

        s->r.poll = 0;
        if (pin < 0) {
            return 0;
        }
        acknowledge(s, pin);
        return 0x80 | (unsigned)pin;
    }
    return addr == 1 ? s->r.imr : s->r.read_reg_select ? s->r.isr : s->r.irr;
}

static void elcr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    I8259 *s = opaque;

    s->r.elcr = (uint8_t)value & s->elcr_mask;
}

static uint64_t elcr_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((I8259 *)opaque)->r.elcr;
}

static const RegionOps port_ops = { .read = port_read, .write = port_write, .impl = { 1, 1 } };
static const RegionOps elcr_ops = { .read = elcr_read, .write = elcr_write, .impl = { 1, 1 } };

/* ---- reset, realize ---- */

static void i8259_reset(Device *dev, ResetKind kind)
{
    I8259 *s = (I8259 *)dev;

    s->r.elcr = 0;
    to_power_on(s);
    update(s);
}

static void i8259_init(Object *obj)
{
    device_add_gpio_in(DEVICE(obj), NULL, set_input, 8);
    device_add_gpio_out(DEVICE(obj), NULL, &((I8259 *)obj)->out, 1);
}

static bool i8259_realize(Device *dev, GError **error)
{
    I8259 *s = (I8259 *)dev;
    Vm *vm = device_vm(dev);

    if (s->iobase > 0xfffe) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "isa-i8259: iobase 0x%x is over 0xfffe", s->iobase);
        return false;
    }
    memory_region_init_io(&s->io, vm, &dev->obj, &port_ops, s, "pic", 2);
    isa_device_add_io(dev, &s->io, (uint16_t)s->iobase);
    memory_region_init_io(&s->elcr_io, vm, &dev->obj, &elcr_ops, s, "elcr", 1);
    if (s->elcr_addr <= 0xffff) {
        isa_device_add_io(dev, &s->elcr_io, (uint16_t)s->elcr_addr);
    }
    return true;
}

static void i8259_unrealize(Device *dev)
{
    memory_region_clear(&((I8259 *)dev)->io);
    memory_region_clear(&((I8259 *)dev)->elcr_io);
}

/* ---- record description ---- */

static bool ltim_needed(const void *saved)
{
    return ((const I8259Saved *)saved)->ltim != 0;
}

static const Record ltim_record = {
    .name = "i8259/ltim",
    .version = 1,
    .min_version = 1,
    .size = sizeof(I8259Saved),
    .fields = (const Field[]){ F_U8(I8259Saved, ltim, .max = 1), F_END },
    .needed = ltim_needed,
};

static const Record i8259_record = {
    .name = "i8259",
    .version = 1,
    .min_version = 1,
    .size = sizeof(I8259Saved),
    .fields =
        (const Field[]){ F_U8(I8259Saved, last_irr), F_U8(I8259Saved, irr), F_U8(I8259Saved, imr),
                         F_U8(I8259Saved, isr), F_U8(I8259Saved, priority_add, .max = 7),
                         F_U8(I8259Saved, irq_base), F_U8(I8259Saved, read_reg_select),
                         F_U8(I8259Saved, poll), F_U8(I8259Saved, special_mask),
                         F_U8(I8259Saved, init_state, .max = 3), F_U8(I8259Saved, auto_eoi),
                         F_U8(I8259Saved, rotate_on_auto_eoi),
                         F_U8(I8259Saved, special_fully_nested_mode), F_U8(I8259Saved, init4),
                         F_U8(I8259Saved, single_mode), F_U8(I8259Saved, elcr), F_END },
    .subsections = (const Record *const[]){ &ltim_record, NULL },
};

static void save(void *owner, void *saved)
{
    *(I8259Saved *)saved = ((I8259 *)owner)->r;
}

static void install(void *owner, const void *saved)
{
    ((I8259 *)owner)->r = *(const I8259Saved *)saved;
}

/* What waits was raised where it came from: here nothing has seen the line yet. */
static void installed(void *owner)
{
    update(owner);
}

static const SectionOps section_ops = { .save = save, .install = install, .installed = installed };
static const SectionDesc i8259_section = { .record = &i8259_record, .ops = &section_ops };

/* ---- types ---- */

static const Property i8259_props[] = {
    PROP(PROP_U32, I8259, iobase, "iobase", "0xffffffff"),
    PROP(PROP_U32, I8259, elcr_addr, "elcr_addr", "0xffffffff"),
    PROP(PROP_U8, I8259, elcr_mask, "elcr_mask", "0xff"),
    PROP(PROP_BOOL, I8259, master, "master", NULL),
    PROP_END,
};

static const DeviceOps i8259_ops = {
    .bus_type = "ISA",
    .realize = i8259_realize,
    .unrealize = i8259_unrealize,
    .reset = i8259_reset,
    .section = &i8259_section,
};

const TypeInfo i8259_types[] = {
    { .name = "isa-i8259",
      .parent = "isa-device",
      .description = "8259A interrupt controller",
      .instance_size = sizeof(I8259),
      .props = i8259_props,
      .ops = &i8259_ops,
      .init = i8259_init },
};
const size_t i8259_types_n = G_N_ELEMENTS(i8259_types);

/* ---- the pair ---- */

static I8259 *new_one(IsaBus *bus, bool master, GError **error)
{
    Device *dev = device_new(bus->bus.obj.vm, "isa-i8259", error);

    if (!dev) {
        return NULL;
    }
    object_set_u64(&dev->obj, "iobase", master ? 0x20 : 0xa0);
    object_set_u64(&dev->obj, "elcr_addr", master ? 0x4d0 : 0x4d1);
    object_set_u64(&dev->obj, "elcr_mask", master ? 0xf8 : 0xde);
    object_set_bool(&dev->obj, "master", master);
    bool ok = device_realize(dev, &bus->bus, NULL, error);

    object_unref(&dev->obj);
    return ok ? (I8259 *)dev : NULL;
}

bool i8259_pair_new(IsaBus *bus, Irq *parent, I8259Pair *pair, GError **error)
{
    I8259 *master = new_one(bus, true, error);
    I8259 *slave = master ? new_one(bus, false, error) : NULL;

    if (!slave) {
        return false;
    }
    master->slave = slave;
    device_connect_out(&master->dev, NULL, 0, parent);
    device_connect_out(&slave->dev, NULL, 0, device_gpio_in(&master->dev, NULL, CASCADE_PIN));
    *pair = (I8259Pair){ .master = &master->dev, .slave = &slave->dev };
    for (int i = 0; i < ISA_NUM_IRQS; i++) {
        pair->inputs[i] = device_gpio_in(i < 8 ? pair->master : pair->slave, NULL, i & 7);
    }
    return true;
}

void i8259_describe(Device *dev, GString *out)
{
    const I8259Saved *r = &((I8259 *)dev)->r;

    g_string_append_printf(out,
                           "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d "
                           "elcr=%02x fnm=%d\n",
                           ((I8259 *)dev)->master ? 0 : 1, r->irr, r->imr, r->isr, r->priority_add,
                           r->irq_base, r->read_reg_select, r->elcr, r->special_fully_nested_mode);
}
