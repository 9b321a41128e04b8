/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The absolute mouse behind the backdoor port. VM lock held. */
#pragma once
#include "hw/isa/isa.h"

#define VMMOUSE_WORDS 6 /* that a guest takes at once */

/* @i8042's mouse tells the guest that there is something to read. Borrowed: the bus has it. */
Device *vmmouse_new(IsaBus *bus, Device *i8042, GError **error);
/* The upper half is the status (ffff: off), the lower how many words wait. */
uint32_t vmmouse_status(const Device *dev);
void vmmouse_command(Device *dev, uint32_t what);
/* Takes @n words out of the queue; false, and the mouse is off: there are not so many. */
bool vmmouse_take(Device *dev, unsigned n, uint32_t words[VMMOUSE_WORDS]);

extern const TypeInfo vmmouse_types[];
extern const size_t vmmouse_types_count;
