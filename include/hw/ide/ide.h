/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA controllers and disks, for boards and the composition root's list of types.
 *
 * "ich9-ahci" and "piix3-ide" are PCI devices that make their buses themselves; "ide-hd" and
 * "ide-cd" plug into a bus of kind "IDE" (property "unit": 0 or 1).
 */
#pragma once
#include "base/core/object.h"

#define TYPE_IDE_BUS "IDE"

extern const TypeInfo ide_types[], ide_bus_types[], ahci_types[], piix_ide_types[];
extern const size_t ide_types_count, ide_bus_types_count, ahci_types_count, piix_ide_types_count;
