/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backdoor port 0x5658 and the absolute mouse behind it. Private to hw/i386. */
#pragma once
#include "hw/isa/isa.h"

/* "vmport" and, with a keyboard controller, "vmmouse"; @i8042: NULL, or that controller. */
bool vmport_build(IsaBus *bus, Device *i8042, GError **error);

extern const TypeInfo vmport_types[];
extern const size_t vmport_types_count;
