/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of Intel's gigabit Ethernet controllers. */
#pragma once

#include "base/core/object.h"

extern const TypeInfo e1000_types[];
extern const size_t e1000_types_count;
extern const TypeInfo e1000e_types[];
extern const size_t e1000e_types_count;
