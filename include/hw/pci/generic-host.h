/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generic PCI Express host bridge ("gpex-pcihost"). VM lock held. */
#pragma once
#include "hw/pci/pci.h"

typedef struct {
    uint64_t ecam_base, ecam_size;
    uint64_t mem_base, mem_size; /* where 32-bit memory BARs can be */
} PciGenericWindows;

/* With root bus "pcie.0", whose INTA-D by slot are @lines (borrowed for its life). Borrowed (the tree
   owns it); NULL + error. */
PciHost *pci_generic_host_create(Vm *vm, const PciGenericWindows *win, Irq *const lines[4],
                                 GError **error);

extern const TypeInfo pci_generic_types[];
extern const size_t pci_generic_types_count;
