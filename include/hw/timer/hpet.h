/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IA-PC high precision event timer ("hpet"). VM lock held.
 *
 * Outputs 0-31: interrupt lines (0 is also what stands in for the PIT, 8 for the RTC); output
 * "pit-enabled" goes to the PIT's input. Inputs: 0 from the PIT, 1 from the RTC, passed on to
 * outputs 0 and 8 except in legacy replacement mode.
 */
#pragma once
#include "hw/core/device.h"

#define HPET_BASE     0xfed00000ull
#define HPET_NUM_IRQS 32
#define HPET_IN_PIT   0
#define HPET_IN_RTC   1
#define HPET_PIT_OUT  "pit-enabled"

/* The register page (1 KiB), for the board to map. */
MemoryRegion *hpet_region(Device *dev);

extern const TypeInfo hpet_types[];
extern const size_t hpet_types_n;
