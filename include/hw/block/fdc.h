/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's floppy disk controller "isa-fdc" and the drives "floppy" on its bus. VM lock held. */
#pragma once
#include "hw/core/device.h"

/* Was a -drive with if=floppy given? */
bool fdc_has_drives(Vm *vm);
/* The CMOS byte 0x10 that tells firmware of the controller's drives: A in the high half; 4 is 1.44 MB. */
uint8_t fdc_cmos_types(Device *fdc);

extern const TypeInfo fdc_types[], floppy_types[];
extern const size_t fdc_types_count, floppy_types_count;
