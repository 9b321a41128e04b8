/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "acpi-ged": what a board of reduced hardware (ACPI 6.4, 4.1) has in place of fixed power management
 * registers: a generic event device, whose register says what has happened, and the sleep and reset
 * registers that the FADT names.
 *
 *   event block  0  32 bits: the events since the last read, which clears them
 *   other block  0  sleep control: bit 5 enables, 4-2 the type   1  sleep status   2  0x42 resets
 */
#include "acpi-ged.h"

#define EVENT_BYTES 4
#define OTHER_BYTES 3
#define SLP_EN      0x20
#define SLP_TYP(v)  ((v) >> 2 & 7)
#define S5          5
#define DO_RESET    0x42

enum {
    REG_SLEEP_CONTROL = 0,
    REG_SLEEP_STATUS = 1,
    REG_RESET = 2,
};

/* ---- saved form ---- */
typedef struct {
    uint32_t sel, memhp_selector;
} GedSaved;

typedef struct {
    Device dev; /* first */
    uint32_t sel;
    uint32_t memhp_selector; /* no such registers here: it only travels */
    uint64_t base;           /* the board's */
    Irq *irq;
    MemoryRegion events, others;
    Notifier powerdown;
} Ged;

/* ---- events ---- */
static void power_button(Notifier *n, void *data)
{
    Ged *s = (Ged *)((char *)n - offsetof(Ged, powerdown));

    s->sel |= ACPI_GED_POWER_DOWN;
    irq_pulse(s->irq);
}

static uint64_t events_read(void *opaque, uint64_t addr, unsigned size)
{
    Ged *s = opaque;
    uint32_t sel = s->sel;

    s->sel = 0;
    return sel;
}

static void events_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

/* ---- sleep and reset ---- */
static uint64_t others_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void others_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Ged *s = opaque;
    Vm *vm = device_vm(&s->dev);

    if (addr == REG_SLEEP_CONTROL && value & SLP_EN && SLP_TYP(value) == S5) {
        vm_shutdown_request(vm, SHUTDOWN_GUEST_SHUTDOWN);
    } else if (addr == REG_RESET && value == DO_RESET) {
        vm_reset_request(vm, SHUTDOWN_GUEST_RESET);
    }
}

static const RegionOps events_ops = {
    .read = events_read,
    .write = events_write,
    .valid = { 4, 4 },
    .impl = { 4, 4 },
};
static const RegionOps others_ops = {
    .read = others_read,
    .write = others_write,
    .valid = { 1, 1 },
    .impl = { 1, 1 },
};

/* ---- record ---- */
static const Field state_fields[] = { F_U32(GedSaved, sel), F_END };
static const Record state_record = {
    .name = "acpi-ged-state",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GedSaved),
    .fields = state_fields,
};
static const Field memhp_state_fields[] = {
    F_U32(GedSaved, memhp_selector, .name = "selector"),
    F_END,
};
static const Record memhp_state = {
    .name = "memory hotplug state",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GedSaved),
    .fields = memhp_state_fields,
};
static bool memhp_needed(const void *saved)
{
    return true; /* as others send it, with no slot in it */
}
static const Field memhp_fields[] = {
    { .name = "memhp_state",
      .kind = FIELD_STRUCT,
      .size = sizeof(GedSaved),
      .record = &memhp_state },
    F_END,
};
static const Record memhp_record = {
    .name = "acpi-ged/memhp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GedSaved),
    .fields = memhp_fields,
    .needed = memhp_needed,
};
static const Record *const subsections[] = { &memhp_record, NULL };
static const Field ged_fields[] = {
    { .name = "ged_state",
      .kind = FIELD_STRUCT,
      .size = sizeof(GedSaved),
      .record = &state_record },
    F_END,
};
static const Record ged_record = {
    .name = "acpi-ged",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GedSaved),
    .fields = ged_fields,
    .subsections = subsections,
};

static void ged_save(void *owner, void *saved)
{
    const Ged *s = owner;

    *(GedSaved *)saved = (GedSaved){ s->sel, s->memhp_selector };
}

static void ged_install(void *owner, const void *saved)
{
    Ged *s = owner;

    s->sel = ((const GedSaved *)saved)->sel;
    s->memhp_selector = ((const GedSaved *)saved)->memhp_selector;
}

static const SectionOps section_ops = { .save = ged_save, .install = ged_install };
static const SectionDesc section = { .record = &ged_record, .ops = &section_ops };

/* ---- life ---- */
static void ged_reset(Device *dev, ResetKind kind)
{
    ((Ged *)dev)->sel = 0;
    ((Ged *)dev)->memhp_selector = 0;
}

static bool ged_realize(Device *dev, GError **error)
{
    Ged *s = (Ged *)dev;
    Vm *vm = device_vm(dev);

    memory_region_init_io(&s->events, vm, &dev->obj, &events_ops, s, "acpi-ged", EVENT_BYTES);
    memory_region_add(memory_system_region(vm), s->base, &s->events);
    memory_region_init_io(&s->others, vm, &dev->obj, &others_ops, s, "acpi-ged-regs", OTHER_BYTES);
    memory_region_add(memory_system_region(vm), s->base + ACPI_GED_OTHERS, &s->others);
    s->powerdown.fn = power_button;
    notifier_add(&vm->powerdown_list, &s->powerdown);
    return true;
}

static void ged_unrealize(Device *dev)
{
    Ged *s = (Ged *)dev;

    notifier_remove(&s->powerdown);
    memory_region_clear(&s->events);
    memory_region_clear(&s->others);
}

bool acpi_ged_create(Vm *vm, uint64_t base, Irq *irq, GError **error)
{
    Device *dev = device_new(vm, "acpi-ged", error);
    Ged *s = (Ged *)dev;
    bool ok;

    if (!dev) {
        return false;
    }
    s->base = base;
    s->irq = irq;
    ok = device_realize(dev, bus_root(vm), NULL, error);
    object_unref(&dev->obj);
    return ok;
}

static const DeviceOps ged_ops = {
    .realize = ged_realize,
    .unrealize = ged_unrealize,
    .reset = ged_reset,
    .section = &section,
};
const TypeInfo acpi_ged_types[] = {
    { .name = "acpi-ged",
      .parent = "device",
      .description = "ACPI generic event device",
      .instance_size = sizeof(Ged),
      .ops = &ged_ops },
};
const size_t acpi_ged_types_count = G_N_ELEMENTS(acpi_ged_types);
