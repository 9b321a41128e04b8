/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallel NOR flash with the Intel command set, for boards that keep firmware in it. */
#pragma once
#include "hw/core/device.h"

#define PFLASH_SECTOR_BYTES 4096

/* A chip called @name (also of its RAM block) over the drive or node @drive, realized; as big as the image.
   Borrowed. The board maps pflash_region(). VM lock held, main loop thread. */
Device *pflash_new(Vm *vm, const char *name, const char *drive, GError **error);
/* The @n-th -drive with if=pflash; NULL: there is none. */
const char *pflash_drive_id(Vm *vm, int n);
MemoryRegion *pflash_region(Device *dev);
/* Also shows the last @bytes of the chip, read-only, up to @end of @container. Once. */
void pflash_show_end(Device *dev, MemoryRegion *container, GuestPhys end, uint64_t bytes);

extern const TypeInfo pflash_types[];
extern const size_t pflash_types_count;
