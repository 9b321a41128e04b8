/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of the virtio block device. */
#pragma once

#include "base/core/object.h"

extern const TypeInfo virtio_blk_types[];
extern const size_t virtio_blk_types_count;
