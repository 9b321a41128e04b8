/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PC host device: PCI memory space behind all else, the root bus, the host bridge, ports cf8 and
 * cfc. ECAM is mapped by the bridge that has it, and goes with the host.
 */
#include "pc-host.h"

PcHost *pc_host_of(PciDevice *bridge)
{
    return (PcHost *)pci_device_bus(bridge)->host;
}

bool pc_host_realize(Device *dev, GError **error)
{
    const PcHostOps *ops = object_ops(&dev->obj);
    PcHost *pc = (PcHost *)dev;
    PciHost *host = &pc->host;
    Vm *vm = device_vm(dev);
    Device *bridge;

    memory_region_init(&pc->pci_mem, vm, &dev->obj, "pci", UINT64_MAX);
    memory_region_add_overlap(memory_system_region(vm), 0, &pc->pci_mem, -1);
    pci_root_bus_new(host, ops->bus_type, ops->bus_name, &pc->pci_mem, memory_io_region(vm));
    host->bus->slots_reserved = ops->slots_reserved;
    pci_host_init_ports(host);
    memory_region_add(memory_io_region(vm), 0xcf8, &host->conf_mr);
    memory_region_add(memory_io_region(vm), 0xcfc, &host->data_mr);
    bridge = device_new(vm, ops->bridge_type, error);
    if (!bridge || !object_set_str(&bridge->obj, "addr", "0", error) ||
        !device_realize(bridge, &host->bus->bus, ops->bridge_id, error)) {
        return false;
    }
    pc->bridge = (PciDevice *)bridge;
    object_unref(&bridge->obj);
    pci_host_register_sections(host);
    return true;
}

void pc_host_unrealize(Device *dev)
{
    PcHost *pc = (PcHost *)dev;
    PciHost *host = &pc->host;

    pci_host_map_ecam(host, false, 0, 0);
    memory_region_clear(&host->conf_mr);
    memory_region_clear(&host->data_mr);
    pci_host_unregister_sections(host);
    /* What others still show in PCI space (firmware ROM) goes on its own. */
    while (pc->pci_mem.subregions && pc->pci_mem.subregions->len) {
        memory_region_del(&pc->pci_mem, g_ptr_array_index(pc->pci_mem.subregions, 0));
    }
    memory_region_clear(&pc->pci_mem);
}

void pc_host_reset(Device *dev, ResetKind kind)
{
    ((PcHost *)dev)->host.config_reg = 0;
}
