/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of the virtio console device, its bus and its ports. */
#pragma once

#include "base/core/object.h"

extern const TypeInfo virtio_serial_types[];
extern const size_t virtio_serial_types_count;
