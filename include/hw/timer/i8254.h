/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 8254 interval timer ("isa-pit", ports 0x40-0x43) and the speaker port 0x61 ("isa-pcspk").
 *
 * isa-pit: output 0 is channel 0's OUT, connected to ISA line 0 in realize unless the board did it
 * before; input 0 switches that output (the HPET's legacy mode takes it away). VM lock held.
 */
#pragma once
#include "hw/isa/isa.h"

#define I8254_HZ 1193182

/* @channel 0-2. */
void i8254_set_gate(Device *dev, int channel, bool level);
bool i8254_get_gate(Device *dev, int channel);
bool i8254_get_out(Device *dev, int channel);

extern const TypeInfo i8254_types[];
extern const size_t i8254_types_n;
