/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of the virtio network device. */
#pragma once

#include "base/core/object.h"

extern const TypeInfo virtio_net_types[];
extern const size_t virtio_net_types_count;
