/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over memory-mapped registers (virtio 1.2, section 4.2): "virtio-mmio", a transport that a
 * board puts at an address and gives a line; the user plugs a "virtio-...-device" into its bus.
 */
#pragma once
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_MMIO  "virtio-mmio"
#define VIRTIO_MMIO_BYTES 0x200

/* The transport with bus "virtio-mmio-bus.@n" at @addr of system memory, level interrupts to @irq.
   Borrowed (the tree owns it); NULL + error. */
Device *virtio_mmio_create(Vm *vm, unsigned n, uint64_t addr, Irq *irq, GError **error);
/* Is there a device in it? */
bool virtio_mmio_occupied(const Device *dev);

extern const TypeInfo virtio_mmio_types[];
extern const size_t virtio_mmio_types_count;
