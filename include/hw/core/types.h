/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of hw/core, for the composition root's list. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo loader_device_types[];
extern const size_t loader_device_types_n;
extern const TypeInfo hw_core_device_types[], hw_core_bus_types[], hw_core_machine_types[];
extern const size_t hw_core_device_types_n, hw_core_bus_types_n, hw_core_machine_types_n;
