/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A register by which a guest says that it has panicked: "pvpanic" (ISA port) and "pvpanic-pci" (BAR 0).
 * Reading tells which events are known; writing an event's bit reports it.
 */
#include "base/util/log.h"
#include "hw/isa/isa.h"
#include "hw/misc/pvpanic.h"
#include "hw/pci/pci.h"

#define EVENT_PANICKED    1u
#define EVENT_CRASHLOADED 2u /* a crash kernel takes over */
#define EVENT_SHUTDOWN    4u
#define EVENTS_KNOWN      (EVENT_PANICKED | EVENT_CRASHLOADED | EVENT_SHUTDOWN)

typedef struct {
    Vm *vm;
    MemoryRegion mr;
    uint8_t events;
} Panic;

typedef struct {
    Device dev; /* first */
    Panic panic;
    uint32_t ioport;
} IsaPanic;

typedef struct {
    PciDevice pci; /* first */
    Panic panic;
} PciPanic;

static uint64_t panic_read(void *opaque, uint64_t addr, unsigned size)
{
    return addr == 0 ? ((Panic *)opaque)->events : 0;
}

static void panic_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Panic *p = opaque;
    unsigned event = value & p->events;

    if (addr != 0) {
        return;
    }
    if (value & ~(uint64_t)p->events) {
        log_guest_error("pvpanic: unknown event 0x%02x\n", (unsigned)value);
    }
    if (event & EVENT_PANICKED) {
        vm_guest_panicked(p->vm, NULL);
    } else if (event & EVENT_CRASHLOADED) {
        vm_guest_crashloaded(p->vm);
    } else if (event & EVENT_SHUTDOWN) {
        vm_event(p->vm, "GUEST_PVSHUTDOWN", NULL);
        vm_shutdown_request(p->vm, SHUTDOWN_GUEST_SHUTDOWN);
    }
}

static const RegionOps panic_ops = {
    .read = panic_read, .write = panic_write, .valid = { 1, 4 }, .impl = { 1, 1 }
};

static void panic_init(Panic *p, Device *dev, uint64_t size)
{
    p->vm = device_vm(dev);
    memory_region_init_io(&p->mr, p->vm, &dev->obj, &panic_ops, p, "pvpanic", size);
}

/* ---- ISA ---- */

static bool isa_panic_realize(Device *dev, GError **error)
{
    IsaPanic *s = (IsaPanic *)dev;

    panic_init(&s->panic, dev, 1);
    isa_device_add_io(dev, &s->panic.mr, (uint16_t)s->ioport);
    return true;
}

static void isa_panic_unrealize(Device *dev)
{
    memory_region_clear(&((IsaPanic *)dev)->panic.mr);
}

static const Property isa_panic_props[] = {
    PROP(PROP_U32, IsaPanic, ioport, "ioport", "0x505", .max = 0xffff),
    PROP(PROP_U8, IsaPanic, panic.events, "events", "7", .max = EVENTS_KNOWN),
    PROP_END,
};

static const DeviceOps isa_panic_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .realize = isa_panic_realize,
    .unrealize = isa_panic_unrealize,
};

/* ---- PCI ---- */

typedef struct {
    PciDeviceSaved dev;
} PciPanicSaved;

static const Record pci_panic_record = {
    .name = "pvpanic-pci",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciPanicSaved),
    .fields = (const Field[]){ F_PCI_DEVICE(PciPanicSaved, dev), F_END },
};

static void save(void *owner, void *saved)
{
    pci_device_save(owner, &((PciPanicSaved *)saved)->dev);
}

static bool check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const PciPanicSaved *)saved)->dev, error);
}

static void install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const PciPanicSaved *)saved)->dev);
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc pci_panic_section = { .record = &pci_panic_record, .ops = &section_ops };

static bool pci_panic_realize(PciDevice *pci, GError **error)
{
    PciPanic *s = (PciPanic *)pci;

    panic_init(&s->panic, &pci->dev, 0x1000);
    pci_register_bar(pci, 0, 0, &s->panic.mr);
    return true;
}

static void pci_panic_unrealize(PciDevice *pci)
{
    memory_region_clear(&((PciPanic *)pci)->panic.mr);
}

static const Property pci_panic_props[] = {
    PROP(PROP_U8, PciPanic, panic.events, "events", "7", .max = EVENTS_KNOWN),
    PROP_END,
};

static const PciDeviceOps pci_panic_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_MISC, .user_creatable = true,
             .section = &pci_panic_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x0011,
    .class_id = 0x0880,
    .revision = 1,
    .realize = pci_panic_realize,
    .unrealize = pci_panic_unrealize,
};

const TypeInfo pvpanic_types[] = {
    { .name = "pvpanic",
      .parent = "isa-device",
      .description = "port for guests that panic",
      .instance_size = sizeof(IsaPanic),
      .props = isa_panic_props,
      .ops = &isa_panic_ops },
    { .name = "pvpanic-pci",
      .parent = TYPE_PCI_DEVICE,
      .description = "register for guests that panic",
      .instance_size = sizeof(PciPanic),
      .props = pci_panic_props,
      .ops = &pci_panic_ops },
};
const size_t pvpanic_types_n = G_N_ELEMENTS(pvpanic_types);
