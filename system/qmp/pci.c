/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-pci: the PCI devices as the guest has set them up. */
#include <string.h>

#include "hw/pci/pci.h"
#include "qmp.h"

static Json *bus_devices(PciBus *bus);

static Json *range(uint64_t base, uint64_t limit)
{
    Json *r = json_object_new_object();
    json_add_uint(r, "base", base);
    json_add_uint(r, "limit", limit);
    return r;
}

/* Windows of a bridge, from its configuration space (PCI-to-PCI bridge specification 3.2.5). */
static Json *bridge_info(PciDevice *dev)
{
    Json *bus = json_object_new_object();
    uint8_t io_base = pci_get8(dev, 0x1c), io_limit = pci_get8(dev, 0x1d);
    uint16_t mem_base = pci_get16(dev, 0x20), mem_limit = pci_get16(dev, 0x22);
    uint16_t pre_base = pci_get16(dev, 0x24), pre_limit = pci_get16(dev, 0x26);
    uint64_t high_base = 0, high_limit = 0;
    if ((pre_base & 0xf) == 1) {
        high_base = (uint64_t)pci_get32(dev, 0x28) << 32;
        high_limit = (uint64_t)pci_get32(dev, 0x2c) << 32;
    }
    json_add_int(bus, "number", pci_get8(dev, 0x18));
    json_add_int(bus, "secondary", pci_get8(dev, 0x19));
    json_add_int(bus, "subordinate", pci_get8(dev, 0x1a));
    json_add(bus, "io_range",
             range((uint64_t)(io_base & 0xf0) << 8, ((uint64_t)(io_limit & 0xf0) << 8) | 0xfff));
    json_add(bus, "memory_range",
             range((uint64_t)(mem_base & 0xfff0) << 16,
                   ((uint64_t)(mem_limit & 0xfff0) << 16) | 0xfffff));
    json_add(bus, "prefetchable_range",
             range(high_base | (uint64_t)(pre_base & 0xfff0) << 16,
                   high_limit | (uint64_t)(pre_limit & 0xfff0) << 16 | 0xfffff));
    Json *out = json_object_new_object();
    PciBus *below = pci_bridge_bus(dev);
    json_add(out, "bus", bus);
    if (below) {
        json_add(out, "devices", bus_devices(below));
    }
    return out;
}

static Json *regions(PciDevice *dev)
{
    Json *list = json_object_new_array();
    for (int i = 0; i < PCI_NUM_BARS; i++) {
        const PciBar *bar = &dev->bars[i];
        if (!bar->mr || !bar->size) {
            continue;
        }
        bool io = bar->flags & 1;
        Json *r = json_object_new_object();
        json_add_int(r, "bar", i);
        json_add_str(r, "type", io ? "io" : "memory");
        json_add_int(r, "address", (int64_t)bar->addr);
        json_add_uint(r, "size", bar->size);
        if (!io) {
            json_add_bool(r, "prefetch", bar->flags & 8);
            json_add_bool(r, "mem_type_64", bar->flags & 4);
        }
        json_object_array_add(list, r);
    }
    return list;
}

static const char *class_name(unsigned class_id)
{
    static const struct {
        unsigned id;
        const char *name;
    } names[] = {
        { 0x0100, "SCSI controller" }, { 0x0101, "IDE controller" },
        { 0x0106, "SATA controller" }, { 0x0200, "Ethernet controller" },
        { 0x0300, "VGA controller" },  { 0x0600, "Host bridge" },
        { 0x0601, "ISA bridge" },      { 0x0604, "PCI bridge" },
        { 0x0680, "Bridge" },          { 0x0c03, "USB controller" },
        { 0x0c05, "SMBus" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].id == class_id) {
            return names[i].name;
        }
    }
    return NULL;
}

static void add_device(PciDevice *dev, void *opaque)
{
    Json *item = json_object_new_object();
    Json *class_info = json_object_new_object();
    Json *id = json_object_new_object();
    unsigned class_id = pci_get16(dev, 0x0a);
    bool bridge = pci_device_ops(dev)->is_bridge;
    json_add_int(item, "bus", pci_bus_number(pci_device_bus(dev)));
    json_add_int(item, "slot", dev->devfn >> 3);
    json_add_int(item, "function", dev->devfn & 7);
    json_add_str_opt(class_info, "desc", class_name(class_id));
    json_add_int(class_info, "class", class_id);
    json_add(item, "class_info", class_info);
    json_add_int(id, "vendor", pci_get16(dev, 0x00));
    json_add_int(id, "device", pci_get16(dev, 0x02));
    if (!bridge) {
        json_add_int(id, "subsystem-vendor", pci_get16(dev, 0x2c));
        json_add_int(id, "subsystem", pci_get16(dev, 0x2e));
    }
    json_add(item, "id", id);
    if (pci_get8(dev, 0x3d)) {
        json_add_int(item, "irq", pci_get8(dev, 0x3c));
    }
    json_add_int(item, "irq_pin", pci_get8(dev, 0x3d));
    json_add_str(item, "qdev_id", dev->dev.id);
    if (bridge) {
        json_add(item, "pci_bridge", bridge_info(dev));
    }
    json_add(item, "regions", regions(dev));
    json_object_array_add(opaque, item);
}

static Json *bus_devices(PciBus *bus)
{
    Json *list = json_object_new_array();
    pci_bus_foreach(bus, false, add_device, list);
    return list;
}

Json *qmp_query_pci(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    PciBus *root = call->vm->machine ? pci_root_bus(call->vm) : NULL;
    if (root) {
        Json *info = json_object_new_object();
        json_add_int(info, "bus", pci_bus_number(root));
        json_add(info, "devices", bus_devices(root));
        json_object_array_add(list, info);
    }
    return list;
}
