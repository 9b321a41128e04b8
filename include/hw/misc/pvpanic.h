/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "pvpanic" and "pvpanic-pci": guests that panic say so. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo pvpanic_types[];
extern const size_t pvpanic_types_n;
