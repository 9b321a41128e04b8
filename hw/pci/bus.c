/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI buses: addresses of devices, bus numbers, search, paths.
 *
 * A slot's functions other than 0 may be used only when function 0 is a multifunction device (or
 * is not there yet); below a PCIe port there is slot 0 alone.
 */
#include "hw/core/machine.h"
#include "pci-priv.h"

int pci_swizzle_map_irq(PciDevice *dev, int pin)
{
    return (PCI_SLOT(dev->devfn) + pin) % PCI_INTX_PINS;
}

uint16_t pci_requester_id(const PciDevice *dev)
{
    uint16_t id = pci_device_bdf(dev);

    for (const PciBus *bus = pci_device_bus(dev); bus->bridge; bus = pci_device_bus(bus->bridge)) {
        if (!bus->express) {
            id = pci_device_express(bus->bridge) ? (uint16_t)(pci_bus_number(bus) << 8)
                                                 : pci_device_bdf(bus->bridge);
        }
    }
    return id;
}

int pci_bus_number(const PciBus *bus)
{
    return bus->bridge ? pci_get8(bus->bridge, PCI_SECONDARY_BUS) : 0;
}

PciBus *pci_root_bus_new(PciHost *host, const char *type, const char *name, MemoryRegion *mem,
                         MemoryRegion *io)
{
    PciBus *bus = PCI_BUS(bus_new(device_vm(&host->dev), type, &host->dev, name));

    bus->mem = mem;
    bus->io = io;
    bus->host = host;
    bus->express = object_is_a(&bus->bus.obj, TYPE_PCIE_BUS);
    bus->map_irq = pci_swizzle_map_irq;
    host->bus = bus;
    return bus;
}

void pci_bus_set_irqs(PciBus *bus, void (*set_irq)(void *opaque, int n, int level),
                      PciMapIrq map_irq, void *opaque, int n_irqs)
{
    g_assert(n_irqs <= (int)G_N_ELEMENTS(bus->irq_count));
    bus->set_irq = set_irq;
    bus->map_irq = map_irq;
    bus->irq_opaque = opaque;
    bus->n_irqs = n_irqs;
}

void pci_bus_refresh_irqs(PciBus *bus)
{
    for (int i = 0; bus->set_irq && i < bus->n_irqs; i++) {
        bus->set_irq(bus->irq_opaque, i, bus->irq_count[i] != 0);
    }
}

PciHost *pci_bus_host(PciBus *bus)
{
    while (bus->bridge) {
        bus = pci_device_bus(bus->bridge);
    }
    return bus->host;
}

PciDevice *pci_find_device(PciBus *root, int bus_number, int devfn)
{
    PciBus *bus = root;

    while (bus && pci_bus_number(bus) != bus_number) {
        PciBus *next = NULL;

        for (int i = 0; i < PCI_DEVFN_MAX && !next; i++) {
            PciDevice *dev = bus->devices[i];
            PciBus *sec = dev ? pci_bridge_bus(dev) : NULL;

            if (sec && pci_get8(dev, PCI_SECONDARY_BUS) &&
                pci_get8(dev, PCI_SECONDARY_BUS) <= bus_number &&
                pci_get8(dev, PCI_SUBORDINATE_BUS) >= bus_number) {
                next = sec;
            }
        }
        bus = next;
    }
    return bus ? bus->devices[devfn & 0xff] : NULL;
}

void pci_bus_foreach(PciBus *bus, bool recurse, void (*fn)(PciDevice *dev, void *opaque),
                     void *opaque)
{
    for (int i = 0; i < PCI_DEVFN_MAX; i++) {
        PciDevice *dev = bus->devices[i];

        if (!dev) {
            continue;
        }
        fn(dev, opaque);
        if (recurse && pci_bridge_bus(dev)) {
            pci_bus_foreach(pci_bridge_bus(dev), true, fn, opaque);
        }
    }
}

static Object *find_host(Object *obj)
{
    if (object_is_a(obj, TYPE_PCI_HOST)) {
        return obj;
    }
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        Object *found = find_host(g_ptr_array_index(obj->children, i));

        if (found) {
            return found;
        }
    }
    return NULL;
}

PciBus *pci_root_bus(Vm *vm)
{
    Object *host = vm->machine ? find_host(&vm->machine->dev.obj) : NULL;

    return host ? ((PciHost *)host)->bus : NULL;
}

/* ---- BusOps ---- */
static Device *plugged_at(PciBus *bus, Device *self, int devfn)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        Device *d = g_ptr_array_index(bus->bus.devices, i);

        if (d != self && PCI_DEVICE(d)->devfn == devfn) {
            return d;
        }
    }
    return NULL;
}

static bool slot_empty(PciBus *bus, Device *self, int slot)
{
    for (int fn = 0; fn < 8; fn++) {
        if (plugged_at(bus, self, PCI_DEVFN(slot, fn))) {
            return false;
        }
    }
    return true;
}

static bool function_allowed(PciBus *bus, PciDevice *dev, GError **error)
{
    int slot = PCI_SLOT(dev->devfn), fn = PCI_FUNC(dev->devfn);

    if (fn) {
        Device *f0 = plugged_at(bus, &dev->dev, PCI_DEVFN(slot, 0));

        if (f0 && !PCI_DEVICE(f0)->multifunction) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "PCI: single function device can't be populated in function %x.%x", slot,
                        fn);
            return false;
        }
        return true;
    }
    for (int i = 1; i < 8 && !dev->multifunction; i++) {
        if (plugged_at(bus, &dev->dev, PCI_DEVFN(slot, i))) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "PCI: %x.0 indicates single function, but %x.%x is already populated.",
                        slot, slot, i);
            return false;
        }
    }
    return true;
}

static bool bus_plug(Bus *b, Device *d, GError **error)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *dev = PCI_DEVICE(d);
    int slots = bus->single_slot ? 1 : 32;

    if (dev->devfn < 0) {
        int slot = bus->bridge && !bus->single_slot ? 1 : 0;

        while (slot < slots && (bus->slots_reserved >> slot & 1 || !slot_empty(bus, d, slot))) {
            slot++;
        }
        if (slot == slots) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                        "PCI: no slot/function available for %s, all in use or reserved",
                        object_type_name(&d->obj));
            return false;
        }
        dev->devfn = PCI_DEVFN(slot, 0);
    } else if (dev->devfn >= PCI_DEVFN_MAX || PCI_SLOT(dev->devfn) >= slots) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "PCI: slot %d is not on bus '%s' (slots 0 to %d)", PCI_SLOT(dev->devfn),
                    bus_name(b), slots - 1);
        return false;
    }
    Device *other = plugged_at(bus, d, dev->devfn);
    if (other) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "PCI: slot %d function %d not available for %s, in use by %s%s%s",
                    PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), object_type_name(&d->obj),
                    object_type_name(&other->obj), other->id ? ", id=" : "",
                    other->id ? other->id : "");
        return false;
    }
    return function_allowed(bus, dev, error);
}

static void bus_unplug(Bus *b, Device *d)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *dev = PCI_DEVICE(d);

    if (dev->devfn >= 0 && bus->devices[dev->devfn] == dev) {
        bus->devices[dev->devfn] = NULL;
    }
}

/* "0000:00" and, from the root down, ":slot.function" a level. */
static char *bus_device_path(Bus *b, Device *d)
{
    GString *path = g_string_new(NULL);
    PciDevice *dev = PCI_DEVICE(d);

    for (;;) {
        g_autofree char *part =
            g_strdup_printf(":%02x.%x", PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));

        g_string_prepend(path, part);
        if (!pci_device_bus(dev)->bridge) {
            break;
        }
        dev = pci_device_bus(dev)->bridge;
    }
    g_string_prepend(path, "0000:00");
    return g_string_free(path, FALSE);
}

static void bus_reset_irqs(Bus *b, ResetKind kind)
{
    PciBus *bus = PCI_BUS(b);

    memset(bus->irq_count, 0, sizeof(bus->irq_count));
    pci_bus_refresh_irqs(bus);
}

const BusOps pci_bus_ops = {
    .kind = "PCI",
    .plug = bus_plug,
    .unplug = bus_unplug,
    .device_path = bus_device_path,
    .reset = bus_reset_irqs,
};
