/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "intel-iommu" as the board sees it. Private to hw/i386. */
#pragma once
#include "hw/i386/apic.h"
#include "hw/pci/pci.h"

#define TYPE_VTD "intel-iommu"
#define VTD_BASE 0xfed90000ull

/* Before realize: what it stands in front of. */
void vtd_connect(Device *dev, PciHost *host, ApicBus *apic_bus);
/* For the DMAR table. */
unsigned vtd_address_bits(Device *dev);
bool vtd_remaps_interrupts(Device *dev);
