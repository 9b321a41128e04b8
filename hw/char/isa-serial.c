/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "isa-serial": a 16550A at one of the four usual places, COM1 to COM4, or anywhere by iobase/irq.
 */
#include "hw/char/serial.h"
#include "hw/isa/isa.h"

typedef struct {
    SerialSaved state;
} IsaSerialSaved;

typedef struct {
    Device dev; /* first */
    Serial core;
    char *chardev;
    uint32_t index, iobase, isa_irq;
    uint32_t baudbase;
    bool wakeup;
} IsaSerial;

#define UNSET    0xffffffffu
#define MAX_PORT 4

static const uint16_t usual_ports[MAX_PORT] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const uint8_t usual_irqs[MAX_PORT] = { 4, 3, 4, 3 };

/* The first index that no other port on the bus has. */
static uint32_t free_index(Device *dev)
{
    uint32_t taken = 0;

    for (guint i = 0; i < dev->bus->devices->len; i++) {
        Device *other = g_ptr_array_index(dev->bus->devices, i);

        if (other != dev && other->realized && object_is_a(&other->obj, "isa-serial") &&
            ((IsaSerial *)other)->index < MAX_PORT) {
            taken |= 1u << ((IsaSerial *)other)->index;
        }
    }
    return (uint32_t)__builtin_ctz(~taken);
}

static bool isa_serial_realize(Device *dev, GError **error)
{
    IsaSerial *s = (IsaSerial *)dev;
    Irq *irq;

    if (s->index == UNSET) {
        s->index = free_index(dev);
    }
    if (s->index >= MAX_PORT && (s->iobase == UNSET || s->isa_irq == UNSET)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Max. supported number of ISA serial ports is %d.", MAX_PORT);
        return false;
    }
    if (s->iobase == UNSET) {
        s->iobase = usual_ports[s->index];
    }
    if (s->isa_irq == UNSET) {
        s->isa_irq = usual_irqs[s->index];
    }
    s->core.baudbase = s->baudbase;
    s->core.wakeup = s->wakeup;
    if (!isa_device_get_irq(dev, s->isa_irq, &irq, error) ||
        !serial_init(&s->core, dev, irq, s->chardev, error)) {
        return false;
    }
    isa_device_add_io(dev, &s->core.io, (uint16_t)s->iobase);
    return true;
}

static void isa_serial_unrealize(Device *dev)
{
    serial_clear(&((IsaSerial *)dev)->core);
}

static void isa_serial_reset(Device *dev, ResetKind kind)
{
    serial_reset(&((IsaSerial *)dev)->core);
}

/* ---- record description ---- */

static const Record isa_serial_record = {
    .name = "serial",
    .version = 3,
    .min_version = 2,
    .size = sizeof(IsaSerialSaved),
    .fields = (const Field[]){ F_STRUCT(IsaSerialSaved, state, serial_record), F_END },
};

static void save(void *owner, void *saved)
{
    serial_save(&((IsaSerial *)owner)->core, &((IsaSerialSaved *)saved)->state);
}
static bool check(void *owner, const void *saved, GError **error)
{
    return serial_check(&((const IsaSerialSaved *)saved)->state, error);
}
static void install(void *owner, const void *saved)
{
    serial_install(&((IsaSerial *)owner)->core, &((const IsaSerialSaved *)saved)->state);
}
static void installed(void *owner)
{
    serial_installed(&((IsaSerial *)owner)->core);
}

static const SectionOps section_ops = { save, check, install, installed };
static const SectionDesc section = { .record = &isa_serial_record, .ops = &section_ops };

/* ---- types ---- */

static const Property isa_serial_props[] = {
    PROP(PROP_NAME, IsaSerial, chardev, "chardev", NULL, .link_type = "chardev"),
    PROP(PROP_U32, IsaSerial, index, "index", "0xffffffff"),
    PROP(PROP_U32, IsaSerial, iobase, "iobase", "0xffffffff"),
    PROP(PROP_U32, IsaSerial, isa_irq, "irq", "0xffffffff"),
    PROP(PROP_U32, IsaSerial, baudbase, "baudbase", "115200", .min = 1, .max = 0xffffffff),
    PROP(PROP_BOOL, IsaSerial, wakeup, "wakeup", NULL),
    PROP_END,
};

static const DeviceOps isa_serial_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_INPUT,
    .user_creatable = true,
    .realize = isa_serial_realize,
    .unrealize = isa_serial_unrealize,
    .reset = isa_serial_reset,
    .section = &section,
};

const TypeInfo serial_types[] = {
    { .name = "isa-serial",
      .parent = "isa-device",
      .description = "ISA serial port (16550A)",
      .instance_size = sizeof(IsaSerial),
      .props = isa_serial_props,
      .ops = &isa_serial_ops },
};
const size_t serial_types_n = G_N_ELEMENTS(serial_types);
