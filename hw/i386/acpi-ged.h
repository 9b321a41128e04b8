/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event device of boards with reduced ACPI hardware. Private to hw/i386. */
#pragma once
#include "hw/core/device.h"

#define ACPI_GED_OTHERS     0x200 /* sleep and reset registers, from the event register's address */
#define ACPI_GED_POWER_DOWN 2     /* events */

/* Events are edges on @irq. */
bool acpi_ged_create(Vm *vm, uint64_t base, Irq *irq, GError **error);
