/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real-time clock and CMOS memory ("mc146818rtc", ports 0x70/0x71).
 *
 * Output 0 is IRQ; realize connects it to ISA line 8 unless the board did it before. Which clock it
 * runs on and where it starts come from -rtc: hidden properties "x-clock" (host, rt, vm) and "x-base"
 * (seconds since 1970 at start; default: the host's). VM lock held.
 */
#pragma once
#include "hw/isa/isa.h"

/* CMOS bytes beyond the clock's (@addr 14..127), for boards and firmware tables. */
void mc146818rtc_set_cmos(Device *dev, unsigned addr, uint8_t value);
uint8_t mc146818rtc_get_cmos(Device *dev, unsigned addr);

extern const TypeInfo mc146818rtc_types[];
extern const size_t mc146818rtc_types_n;
