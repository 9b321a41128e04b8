/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Graphics devices: "VGA" and "secondary-vga". */
#pragma once
#include "base/core/object.h"

extern const TypeInfo vga_types[];
extern const size_t vga_types_count;
