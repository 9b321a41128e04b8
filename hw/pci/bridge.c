/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI-to-PCI bridges: type 1 header, the bus behind, the three address windows (PCI-to-PCI Bridge
 * Architecture 1.2), and the plain "pci-bridge" device.
 *
 * A window is an alias of the secondary space into the primary one, present exactly while Command
 * enables its kind and base <= limit.
 */
#include "pci-priv.h"

PciBus *pci_bridge_bus(PciDevice *dev)
{
    return pci_device_ops(dev)->is_bridge ? PCI_BRIDGE(dev)->sec : NULL;
}

static void window_set(PciBridge *br, MemoryRegion *win, MemoryRegion *parent, MemoryRegion *behind,
                       const char *name, bool on, uint64_t base, uint64_t limit)
{
    Vm *vm = device_vm(&br->pci.dev);

    memory_region_clear(win);
    if (!on || limit < base) {
        base = 0;
        limit = 0;
        on = false;
    }
    memory_region_init_alias(win, vm, &br->pci.dev.obj, name, behind, base, limit - base + 1);
    memory_region_add_overlap(parent, base, win, 1);
    memory_region_set_enabled(win, on);
}

void pci_bridge_windows_update(PciBridge *br)
{
    PciDevice *dev = &br->pci;
    PciBus *bus = pci_device_bus(dev);
    uint16_t command = pci_get16(dev, PCI_COMMAND);
    bool mem_on = command & PCI_COMMAND_MEMORY;
    uint64_t base, limit;

    if (!br->sec) {
        return;
    }
    memory_transaction_begin(device_vm(&dev->dev));
    base = (pci_get8(dev, PCI_IO_BASE) & 0xf0) << 8 | (uint64_t)pci_get16(dev, PCI_IO_BASE_UPPER16)
                                                          << 16;
    limit = (pci_get8(dev, PCI_IO_LIMIT) & 0xf0) << 8 | 0xfff |
            (uint64_t)pci_get16(dev, PCI_IO_LIMIT_UPPER16) << 16;
    window_set(br, &br->win_io, bus->io, &br->sec_io, "pci_bridge_io",
               command & PCI_COMMAND_IO && limit <= 0xffff, base, limit);
    base = (uint64_t)(pci_get16(dev, PCI_MEMORY_BASE) & 0xfff0) << 16;
    limit = (uint64_t)(pci_get16(dev, PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
    window_set(br, &br->win_mem, bus->mem, &br->sec_mem, "pci_bridge_mem", mem_on, base, limit);
    base = (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_BASE) & 0xfff0) << 16 |
           (uint64_t)pci_get32(dev, PCI_PREF_BASE_UPPER32) << 32;
    limit = (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff |
            (uint64_t)pci_get32(dev, PCI_PREF_LIMIT_UPPER32) << 32;
    window_set(br, &br->win_pref, bus->mem, &br->sec_mem, "pci_bridge_pref_mem", mem_on, base,
               limit);
    memory_transaction_commit(device_vm(&dev->dev));
}

void pci_bridge_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    PciBridge *br = PCI_BRIDGE(dev);
    uint16_t old = pci_get16(dev, PCI_BRIDGE_CONTROL), now;

    pci_config_default_write(dev, addr, value, len);
    if ((addr < PCI_COMMAND + 2 && addr + len > PCI_COMMAND) ||
        (addr < PCI_IO_LIMIT_UPPER16 + 2 && addr + len > PCI_IO_BASE)) {
        pci_bridge_windows_update(br);
    }
    now = pci_get16(dev, PCI_BRIDGE_CONTROL);
    if (~old & now & PCI_BRIDGE_CTL_BUS_RESET) {
        bus_reset(&br->sec->bus, RESET_WARM);
    }
}

bool pci_bridge_init(PciBridge *br, const char *bus_type, const char *bus_name, GError **error)
{
    PciDevice *dev = &br->pci;
    Vm *vm = device_vm(&dev->dev);

    memset(dev->wmask + PCI_PRIMARY_BUS, 0xff, 4);
    pci_set8(dev, PCI_IO_BASE, 0x01); /* 32-bit I/O and 64-bit prefetchable decoding */
    pci_set8(dev, PCI_IO_LIMIT, 0x01);
    pci_wmask8(dev, PCI_IO_BASE, 0xf0);
    pci_wmask8(dev, PCI_IO_LIMIT, 0xf0);
    pci_wmask32(dev, PCI_MEMORY_BASE, 0xfff0fff0);
    pci_set32(dev, PCI_PREF_MEMORY_BASE, 0x00010001);
    pci_wmask32(dev, PCI_PREF_MEMORY_BASE, 0xfff0fff0);
    memset(dev->wmask + PCI_PREF_BASE_UPPER32, 0xff, 12);
    pci_w1cmask16(dev, PCI_SEC_STATUS, 0xf900);
    pci_wmask16(dev, PCI_BRIDGE_CONTROL, 0x0fff & ~0x0400);
    pci_w1cmask16(dev, PCI_BRIDGE_CONTROL, 0x0400);

    br->sec = PCI_BUS(bus_new(vm, bus_type, &dev->dev, bus_name));
    br->sec->bridge = dev;
    br->sec->express = object_is_a(&br->sec->bus.obj, TYPE_PCIE_BUS);
    br->sec->map_irq = pci_swizzle_map_irq;
    memory_region_init(&br->sec_mem, vm, &dev->dev.obj, "pci_bridge_pci", UINT64_MAX);
    memory_region_init(&br->sec_io, vm, &dev->dev.obj, "pci_bridge_io", 65536);
    br->sec->mem = &br->sec_mem;
    br->sec->io = &br->sec_io;
    MemoryRegion *wins[] = { &br->win_io, &br->win_mem, &br->win_pref };
    for (unsigned i = 0; i < G_N_ELEMENTS(wins); i++) {
        memory_region_init(wins[i], vm, &dev->dev.obj, "pci_bridge_window", 1);
    }
    pci_bridge_windows_update(br);
    return true;
}

void pci_bridge_exit(PciBridge *br)
{
    PciHost *host = br->sec ? pci_bus_host(br->sec) : NULL;

    if (host && host->hotplug) {
        host->hotplug->bus_gone(host->hotplug_opaque, br->sec);
    }
    memory_region_clear(&br->win_io);
    memory_region_clear(&br->win_mem);
    memory_region_clear(&br->win_pref);
    memory_region_clear(&br->sec_mem);
    memory_region_clear(&br->sec_io);
    br->sec = NULL;
}

void pci_bridge_reset(PciBridge *br)
{
    PciDevice *dev = &br->pci;

    pci_set32(dev, PCI_PRIMARY_BUS, 0);
    pci_set16(dev, PCI_IO_BASE, 0x0101);
    pci_set32(dev, PCI_MEMORY_BASE, 0);
    pci_set32(dev, PCI_PREF_MEMORY_BASE, 0x00010001);
    pci_set32(dev, PCI_PREF_BASE_UPPER32, 0);
    pci_set32(dev, PCI_PREF_LIMIT_UPPER32, 0);
    pci_set32(dev, PCI_IO_BASE_UPPER16, 0);
    pci_set16(dev, PCI_BRIDGE_CONTROL, 0);
    pci_bridge_windows_update(br);
}

/* ---- "pci-bridge": a conventional bridge, no hotplug controller ---- */
typedef struct {
    PciDeviceSaved parent_obj;
} BridgeSaved;

static const Field bridge_fields[] = { F_PCI_DEVICE(BridgeSaved, parent_obj), F_END };
static const Record bridge_record = {
    .name = "pci_bridge",
    .version = 1,
    .min_version = 1,
    .size = sizeof(BridgeSaved),
    .fields = bridge_fields,
};
static void bridge_save(void *owner, void *saved)
{
    pci_device_save(owner, &((BridgeSaved *)saved)->parent_obj);
}
static bool bridge_check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const BridgeSaved *)saved)->parent_obj, error);
}
static void bridge_install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const BridgeSaved *)saved)->parent_obj);
}
static const SectionOps bridge_section_ops = {
    .save = bridge_save,
    .check = bridge_check,
    .install = bridge_install,
};
static const SectionDesc bridge_section = {
    .record = &bridge_record,
    .ops = &bridge_section_ops,
    .priority = SECTION_PRIORITY_PCI_BUS,
};

static bool bridge_realize(PciDevice *dev, GError **error)
{
    uint8_t ssvid = pci_add_capability(dev, PCI_CAP_ID_SSVID, 0, 8, error);

    if (!ssvid) {
        return false;
    }
    pci_set32(dev, ssvid + 4, 0x11001af4);
    return pci_bridge_init(PCI_BRIDGE(dev), TYPE_PCI_BUS, dev->dev.id ? dev->dev.id : "pci.1",
                           error);
}
static void bridge_unrealize(PciDevice *dev)
{
    pci_bridge_exit(PCI_BRIDGE(dev));
}
static void bridge_reset(PciDevice *dev, ResetKind kind)
{
    pci_bridge_reset(PCI_BRIDGE(dev));
}

const PciDeviceOps pci_bridge_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .user_creatable = true,
             .section = &bridge_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x0001,
    .class_id = PCI_CLASS_BRIDGE_PCI,
    .is_bridge = true,
    .realize = bridge_realize,
    .unrealize = bridge_unrealize,
    .reset = bridge_reset,
    .config_write = pci_bridge_config_write,
};
