/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/pci share and nobody else sees. */
#pragma once
#include "base/util/endian.h"
#include "hw/pci/pci.h"

/* BARs follow the Command register and the BAR registers: map, move or unmap what changed. */
void pci_bars_update(PciDevice *dev);
void pci_bars_unmap(PciDevice *dev);
/* The DMA window follows Bus Master. */
void pci_dma_update(PciDevice *dev);
/* The level of pin INTx as it may leave the device (Interrupt Disable), after a change of Command. */
void pci_intx_update(PciDevice *dev, uint16_t old_command);
void pci_irq_change(PciDevice *dev, int pin, int change);
void msi_config_written(PciDevice *dev, uint32_t addr, unsigned len);
void msi_reset(PciDevice *dev);
void msix_config_written(PciDevice *dev, uint32_t addr, unsigned len);
void msix_clear(PciDevice *dev);

typedef struct Shpc Shpc;

/* A bridge: type 1 header and the bus behind it. */
typedef struct {
    PciDevice pci; /* first */
    PciBus *sec;
    Section *bus_section;                   /* of `sec` */
    bool port;                              /* of PCI Express: set before pci_bridge_init() */
    Shpc *shpc;                             /* its hotplug controller; owned, NULL: none */
    MemoryRegion sec_mem, sec_io;           /* address spaces behind */
    MemoryRegion win_io, win_mem, win_pref; /* windows in the primary bus's spaces */
} PciBridge;
#define PCI_BRIDGE(obj_) ((PciBridge *)(obj_))
bool pci_bridge_init(PciBridge *br, const char *bus_type, const char *bus_name, GError **error);
void pci_bridge_exit(PciBridge *br);
void pci_bridge_reset(PciBridge *br);
void pci_bridge_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len);
void pci_bridge_windows_update(PciBridge *br);

/* Told by the bus when a device came or goes below a port while the machine runs. */
void pcie_slot_plugged(PciDevice *port, PciDevice *dev, bool cold);
/* The device is gone, by whichever way. */
void pcie_slot_emptied(PciDevice *port);
bool pcie_slot_unplug_request(PciDevice *port, PciDevice *dev, GError **error);
bool pcie_is_port(const PciDevice *dev);

/* What bridges and ports have more than endpoints: after pcie_cap_init(), pcie_aer_init(). */
void pcie_cap_as_bridge(PciDevice *dev);
void pcie_aer_as_root(PciDevice *dev);
void pcie_acs_init(PciDevice *dev, uint16_t offset);

/* ---- the hotplug controller of a conventional bridge: shpc.c ---- */
#define SHPC_BYTES 160 /* of registers, with 31 slots: what a stream has */

/* Capability, and registers in 64-bit BAR 0. After pci_bridge_init(). */
bool shpc_init(PciBridge *br, uint8_t cap_offset, GError **error);
void shpc_exit(PciBridge *br);
void shpc_reset(PciBridge *br);
void shpc_config_written(PciBridge *br, uint32_t addr, unsigned len);
void shpc_plugged(PciBridge *br, PciDevice *dev, bool cold);
bool shpc_unplug_request(PciBridge *br, PciDevice *dev, GError **error);
void shpc_emptied(PciBridge *br, PciDevice *dev);
const uint8_t *shpc_registers(const PciBridge *br);
bool shpc_check(const PciBridge *br, const uint8_t registers[SHPC_BYTES], GError **error);
void shpc_install(PciBridge *br, const uint8_t registers[SHPC_BYTES]);

Section *pci_bus_register_section(PciBus *bus);
extern const BusOps pci_bus_ops;
