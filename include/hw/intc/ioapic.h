/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC ("ioapic"): 24 inputs (unnamed GPIO group) that become messages, which it writes to
 * 0xfee00000 of the system memory like any MSI. VM lock held.
 */
#pragma once
#include "hw/core/device.h"

#define IOAPIC_NUM_PINS     24
#define IOAPIC_DEFAULT_BASE 0xfec00000ull
/* How its messages are signed: bus ff, no PCI function. */
#define IOAPIC_REQUESTER 0xff00

/* The register page (4 KiB), for the board to map. */
MemoryRegion *ioapic_region(Device *dev);
/* An EOI of a level interrupt was broadcast (for apic_bus_add_eoi). */
void ioapic_eoi(void *dev, int vector);
/* "info pic" text. */
void ioapic_describe(Device *dev, GString *out);

extern const TypeInfo ioapic_types[];
extern const size_t ioapic_types_n;
