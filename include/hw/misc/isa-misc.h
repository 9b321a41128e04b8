/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small ISA devices: "isa-debugcon" (a byte port to a chardev), "isa-debug-exit" (a write ends the
 * program with that exit code), and the 8237 DMA controllers ("i8257"). VM lock held.
 */
#pragma once
#include "hw/isa/isa.h"

/* The two controllers of a PC, known to @bus as its DMA channels 0-3 and 4-7. */
bool i8257_pair_new(IsaBus *bus, GError **error);

extern const TypeInfo i8257_types[], isa_debug_types[];
extern const size_t i8257_types_n, isa_debug_types_n;
