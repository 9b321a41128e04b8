/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "edu": a device to learn writing drivers with. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo edu_types[];
extern const size_t edu_types_n;
