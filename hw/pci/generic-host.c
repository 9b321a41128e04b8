/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "gpex-pcihost": a host bridge that is nothing but an ECAM window, a window for 32-bit memory and four
 * lines, as boards that describe it by a table use it. Its function 0 is a bridge without registers.
 * No port window: port BARs stay unassigned.
 */
#include "hw/pci/generic-host.h"

#define GPEX_LINES 4

typedef struct {
    PciHost host; /* first */
    PciGenericWindows win;
    MemoryRegion space, ports, shown;
    Irq *const *lines;
} GenericHost;

/* ---- function 0 ---- */
typedef struct {
    PciDeviceSaved parent_obj;
} RootSaved;
static const Field root_fields[] = { F_PCI_DEVICE(RootSaved, parent_obj), F_END };
static const Record root_record = {
    .name = "gpex_root",
    .version = 1,
    .min_version = 1,
    .size = sizeof(RootSaved),
    .fields = root_fields,
};
static void root_save(void *owner, void *saved)
{
    pci_device_save(owner, &((RootSaved *)saved)->parent_obj);
}
static bool root_check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const RootSaved *)saved)->parent_obj, error);
}
static void root_install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const RootSaved *)saved)->parent_obj);
}
static const SectionOps root_section_ops = {
    .save = root_save,
    .check = root_check,
    .install = root_install,
};
static const SectionDesc root_section = { .record = &root_record, .ops = &root_section_ops };

static bool root_realize(PciDevice *dev, GError **error)
{
    return true;
}

static const PciDeviceOps root_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &root_section },
    .vendor_id = 0x1b36,
    .device_id = 0x0008,
    .class_id = PCI_CLASS_BRIDGE_HOST,
    .realize = root_realize,
};

/* ---- the host ---- */
static void set_line(void *opaque, int n, int level)
{
    irq_set(((GenericHost *)opaque)->lines[n], level);
}

static bool host_realize(Device *dev, GError **error)
{
    GenericHost *s = (GenericHost *)dev;
    PciHost *host = &s->host;
    Vm *vm = device_vm(dev);
    Device *root;

    memory_region_init(&s->space, vm, &dev->obj, "gpex_mmio", UINT64_MAX);
    memory_region_init(&s->ports, vm, &dev->obj, "gpex_ioport", 65536);
    memory_region_init_alias(&s->shown, vm, &dev->obj, "pcie-mmio32", &s->space, s->win.mem_base,
                             s->win.mem_size);
    memory_region_add(memory_system_region(vm), s->win.mem_base, &s->shown);
    pci_root_bus_new(host, TYPE_PCIE_BUS, "pcie.0", &s->space, &s->ports);
    pci_bus_set_irqs(host->bus, set_line, pci_swizzle_map_irq, s, GPEX_LINES);
    pci_host_map_ecam(host, true, s->win.ecam_base, s->win.ecam_size);
    root = device_new(vm, "gpex-root", error);
    if (!root || !object_set_str(&root->obj, "addr", "0", error) ||
        !device_realize(root, &host->bus->bus, "gpex-root", error)) {
        return false;
    }
    object_unref(&root->obj);
    pci_host_register_sections(host);
    return true;
}

static void host_unrealize(Device *dev)
{
    GenericHost *s = (GenericHost *)dev;

    pci_host_unregister_sections(&s->host);
    pci_host_map_ecam(&s->host, false, 0, 0);
    memory_region_clear(&s->shown);
    memory_region_clear(&s->ports);
    memory_region_clear(&s->space);
}

PciHost *pci_generic_host_create(Vm *vm, const PciGenericWindows *win, Irq *const lines[4],
                                 GError **error)
{
    Device *dev = device_new(vm, "gpex-pcihost", error);
    GenericHost *s = (GenericHost *)dev;
    bool ok;

    if (!dev) {
        return NULL;
    }
    s->win = *win;
    s->lines = lines;
    ok = device_realize(dev, bus_root(vm), NULL, error);
    object_unref(&dev->obj);
    return ok ? &s->host : NULL;
}

static const DeviceOps host_ops = {
    .category = DEVICE_CATEGORY_BRIDGE,
    .realize = host_realize,
    .unrealize = host_unrealize,
};
const TypeInfo pci_generic_types[] = {
    { .name = "gpex-pcihost",
      .parent = TYPE_PCI_HOST,
      .instance_size = sizeof(GenericHost),
      .ops = &host_ops },
    { .name = "gpex-root",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(PciDevice),
      .ops = &root_ops },
};
const size_t pci_generic_types_count = G_N_ELEMENTS(pci_generic_types);
