/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host device of a PC board: it owns PCI memory space, the root bus with its host bridge in
 * slot 0, and configuration mechanism 1 at cf8 and cfc (PCI Local Bus Specification 3.0, 3.2.2.3.2).
 * What is special to a chipset stands in its PcHostOps. Private to hw/i386.
 */
#pragma once
#include "hw/pci/pci.h"

typedef struct {
    PciHost host; /* first */
    MemoryRegion pci_mem;
    PciDevice *bridge;              /* device 0 of the root bus */
    MemoryRegion *ram, *smram_view; /* borrowed; set by the board before realize */
    uint64_t ram_below_4g;          /* likewise */
} PcHost;

typedef struct {
    DeviceOps dev; /* PC_HOST_DEVICE */
    const char *bus_type, *bus_name;
    const char *bridge_type, *bridge_id;
    uint32_t slots_reserved; /* bit n: slot n of the root bus is for the board's own devices */
} PcHostOps;

bool pc_host_realize(Device *dev, GError **error);
void pc_host_unrealize(Device *dev);
void pc_host_reset(Device *dev, ResetKind kind);
#define PC_HOST_DEVICE \
    .realize = pc_host_realize, .unrealize = pc_host_unrealize, .reset = pc_host_reset

/* The host device that @bridge hangs from. */
PcHost *pc_host_of(PciDevice *bridge);
