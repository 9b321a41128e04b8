/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types that hw/pci offers: bases, buses, bridges. */
#include "pci-priv.h"

static const Property pci_device_props[] = {
    PROP(PROP_DEVFN, PciDevice, devfn, "addr", "-1",
         .description = "Slot and optional function number, example: 06.0 or 06"),
    PROP(PROP_STR, PciDevice, romfile, "romfile", NULL, .description = "option ROM file"),
    PROP(PROP_U32, PciDevice, romsize, "romsize", "0"),
    PROP(PROP_I32, PciDevice, rombar, "rombar", "-1"),
    PROP(PROP_BOOL, PciDevice, multifunction, "multifunction", "off", .description = "on/off"),
    PROP_END,
};

static const PciDeviceOps pci_device_base_ops = { .dev = { PCI_DEVICE_BASE } };

const TypeInfo pci_types[] = {
    { .name = TYPE_PCI_DEVICE,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(PciDevice),
      .props = pci_device_props,
      .ops = &pci_device_base_ops },
    { .name = TYPE_PCI_BUS, .parent = "bus", .instance_size = sizeof(PciBus), .ops = &pci_bus_ops },
    { .name = TYPE_PCIE_BUS,
      .parent = TYPE_PCI_BUS,
      .instance_size = sizeof(PciBus),
      .ops = &pci_bus_ops },
    { .name = TYPE_PCI_HOST,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(PciHost) },
    { .name = "pci-bridge-base",
      .parent = TYPE_PCI_DEVICE,
      .abstract = true,
      .instance_size = sizeof(PciBridge) },
};
const size_t pci_types_count = G_N_ELEMENTS(pci_types);
