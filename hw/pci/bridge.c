/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI-to-PCI bridges: type 1 header, the bus behind, the three address windows (PCI-to-PCI Bridge
 * Architecture 1.2). I/O windows have 16 bits, prefetchable ones 64.
 *
 * Ports of PCI Express (`port`) have no secondary latency timer and fewer control bits, and their windows are closed
 * by a reset; those of the others are at 0 then, and closed by Command.
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
    base = (pci_get8(dev, PCI_IO_BASE) & 0xf0) << 8;
    limit = (pci_get8(dev, PCI_IO_LIMIT) & 0xf0) << 8 | 0xfff;
    window_set(br, &br->win_io, bus->io, &br->sec_io, "pci_bridge_io", command & PCI_COMMAND_IO,
               base, limit);
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
        (addr < PCI_PREF_LIMIT_UPPER32 + 4 && addr + len > PCI_IO_BASE)) {
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

    memset(dev->wmask + PCI_PRIMARY_BUS, 0xff, br->port ? 3 : 4);
    pci_wmask8(dev, PCI_IO_BASE, 0xf0);
    pci_wmask8(dev, PCI_IO_LIMIT, 0xf0);
    dev->cmask[PCI_IO_BASE] = dev->cmask[PCI_IO_LIMIT] = 0x0f;
    pci_wmask32(dev, PCI_MEMORY_BASE, 0xfff0fff0);
    pci_set32(dev, PCI_PREF_MEMORY_BASE, 0x00010001);
    pci_wmask32(dev, PCI_PREF_MEMORY_BASE, 0xfff0fff0);
    memset(dev->wmask + PCI_PREF_BASE_UPPER32, 0xff, 8);
    pci_w1cmask16(dev, PCI_SEC_STATUS, 0xf900);
    pci_wmask16(dev, PCI_BRIDGE_CONTROL, br->port ? 0x005f : 0x0bff);
    pci_w1cmask16(dev, PCI_BRIDGE_CONTROL, br->port ? 0 : 0x0400);

    br->sec = PCI_BUS(bus_new(vm, bus_type, &dev->dev, bus_name));
    br->sec->bridge = dev;
    br->sec->express = object_is_a(&br->sec->bus.obj, TYPE_PCIE_BUS);
    br->sec->map_irq = pci_swizzle_map_irq;
    br->bus_section = pci_bus_register_section(br->sec);
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
    if (br->bus_section) {
        section_unregister(device_vm(&br->pci.dev), g_steal_pointer(&br->bus_section));
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
    pci_set16(dev, PCI_IO_BASE, br->port ? 0x00f0 : 0);
    pci_set16(dev, PCI_SEC_STATUS, pci_get16(dev, PCI_SEC_STATUS) & 0x00a0);
    pci_set32(dev, PCI_MEMORY_BASE, br->port ? 0xfff0 : 0);
    pci_set32(dev, PCI_PREF_MEMORY_BASE, br->port ? 0x0001fff1 : 0x00010001);
    pci_set32(dev, PCI_PREF_BASE_UPPER32, 0);
    pci_set32(dev, PCI_PREF_LIMIT_UPPER32, 0);
    pci_set16(dev, PCI_BRIDGE_CONTROL, 0);
    pci_bridge_windows_update(br);
}
