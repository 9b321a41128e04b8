/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of virtio devices without a class of their own: rng (and its sources), balloon. */
#pragma once

#include "base/core/object.h"

extern const TypeInfo virtio_rng_types[];
extern const size_t virtio_rng_types_count;
extern const TypeInfo virtio_balloon_types[];
extern const size_t virtio_balloon_types_count;

typedef struct Vm Vm;
/* What query-balloon shows; false + error when no balloon device is there or its driver is not. */
bool virtio_balloon_query(Vm *vm, uint64_t *actual_bytes, GError **error);
/* The balloon command: ask the guest to have @bytes of RAM. */
bool virtio_balloon_set_target(Vm *vm, uint64_t bytes, GError **error);
