/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus: hands out interrupt lines, ports and DMA channels to what is plugged into it. */
#include "hw/isa/isa.h"

IsaBus *isa_bus_new(Vm *vm, Device *owner, MemoryRegion *mem, MemoryRegion *io, const char *name)
{
    IsaBus *bus = (IsaBus *)bus_new(vm, "ISA", owner, name ? name : "isa.0");

    bus->mem = mem;
    bus->io = io;
    return bus;
}

void isa_bus_set_irqs(IsaBus *bus, Irq *const irqs[ISA_NUM_IRQS])
{
    for (int i = 0; i < ISA_NUM_IRQS; i++) {
        bus->irqs[i] = irqs[i];
    }
}

void isa_bus_set_dma(IsaBus *bus, int controller, const IsaDmaOps *ops, void *dma)
{
    bus->dma_ops[controller] = ops;
    bus->dma[controller] = dma;
}

Irq *isa_bus_irq(IsaBus *bus, unsigned n)
{
    return n < ISA_NUM_IRQS ? bus->irqs[n] : NULL;
}

IsaBus *isa_device_bus(Device *dev)
{
    return dev->bus && object_is_a(&dev->bus->obj, "ISA") ? (IsaBus *)dev->bus : NULL;
}

bool isa_device_get_irq(Device *dev, unsigned n, Irq **out, GError **error)
{
    if (n >= ISA_NUM_IRQS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%s: there is no ISA interrupt %u, the last is %d", object_type_name(&dev->obj),
                    n, ISA_NUM_IRQS - 1);
        return false;
    }
    *out = isa_bus_irq(isa_device_bus(dev), n);
    return true;
}

void isa_device_add_io(Device *dev, MemoryRegion *mr, uint16_t port)
{
    memory_region_add(isa_device_bus(dev)->io, port, mr);
}

static const BusOps isa_bus_ops = { .kind = "ISA" };
/* A bridge that is nothing but its bus, for boards without PCI. */
static const DeviceOps isa_bridge_ops = { .category = DEVICE_CATEGORY_BRIDGE };
static const DeviceOps isa_device_ops = { .bus_type = "ISA" };

const TypeInfo isa_types[] = {
    { .name = "ISA", .parent = "bus", .instance_size = sizeof(IsaBus), .ops = &isa_bus_ops },
    { .name = "isabus-bridge", .parent = "device", .ops = &isa_bridge_ops },
    { .name = "isa-device", .parent = "device", .abstract = true, .ops = &isa_device_ops },
};
const size_t isa_types_n = G_N_ELEMENTS(isa_types);
