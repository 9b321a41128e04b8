/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus: 16 interrupt lines, a memory and a port space, 8 DMA channels, no addresses of its
 * own. The bridge (LPC, PIIX, or a stand-alone one) makes the bus and gives it its lines.
 *
 * ISA devices are of a type below "isa-device" with DeviceOps.bus_type = "ISA"; in realize they ask
 * for lines and ports. VM lock held.
 */
#pragma once
#include "hw/core/device.h"

#define ISA_NUM_IRQS 16
#define ISA_NUM_DMA  8

/* A DMA controller as its clients see it (hw/misc/i8237.c). */
typedef struct {
    /* @transfer(opaque, channel, pos, len): moves bytes of the programmed block, starting @pos
       bytes into it, and returns the new position. Called while the channel's DREQ is up. */
    void (*set_client)(void *dma, int channel,
                       int (*transfer)(void *opaque, int channel, int pos, int len), void *opaque);
    void (*set_dreq)(void *dma, int channel, bool on);
    /* Between the device and guest memory; @pos from transfer(). Return bytes moved. */
    int (*read_memory)(void *dma, int channel, void *buf, int pos, int len);
    int (*write_memory)(void *dma, int channel, const void *buf, int pos, int len);
} IsaDmaOps;

typedef struct {
    Bus bus; /* first */
    MemoryRegion *mem, *io;
    Irq *irqs[ISA_NUM_IRQS]; /* where device lines end; NULL: nowhere */
    const IsaDmaOps *dma_ops[2];
    void *dma[2]; /* channels 0-3, 4-7 */
} IsaBus;

/* A bus below @owner (NULL: none); name NULL: "isa.0". @mem and @io are borrowed. */
IsaBus *isa_bus_new(Vm *vm, Device *owner, MemoryRegion *mem, MemoryRegion *io, const char *name);
/* The board's inputs for lines 0-15. */
void isa_bus_set_irqs(IsaBus *bus, Irq *const irqs[ISA_NUM_IRQS]);
void isa_bus_set_dma(IsaBus *bus, int controller, const IsaDmaOps *ops, void *dma);
/* The input for line @n; NULL when out of range or unconnected. */
Irq *isa_bus_irq(IsaBus *bus, unsigned n);

/* The bus that @dev, an ISA device, is plugged into; NULL while it is not. */
IsaBus *isa_device_bus(Device *dev);
/* As isa_bus_irq, but an error for a line that does not exist. *@out is NULL when unconnected. */
bool isa_device_get_irq(Device *dev, unsigned n, Irq **out, GError **error);
/* Shows @mr at @port. Devices call memory_region_clear in unrealize. */
void isa_device_add_io(Device *dev, MemoryRegion *mr, uint16_t port);

/* "ISA" and "isa-device". */
extern const TypeInfo isa_types[];
extern const size_t isa_types_n;
