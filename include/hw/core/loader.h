/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that a reset puts (back) into guest memory: kernels, initrds, tables.
 *
 * A board owns one RomStore, fills it while it is built, and calls rom_store_reset() after its
 * devices are reset. VM lock held.
 */
#pragma once
#include "hw/core/device.h"

typedef struct RomStore RomStore;

RomStore *rom_store_new(AddressSpace *as);
void rom_store_free(RomStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RomStore, rom_store_free)
/* @bytes appear at @addr after each reset. A range that overlaps another image is an error that
   names both. Takes its own reference. */
bool rom_store_add(RomStore *store, const char *name, GuestPhys addr, GBytes *bytes,
                   GError **error);
/* Forgets an image (harmless when there is none of that name). */
void rom_store_remove(RomStore *store, const char *name);
void rom_store_reset(RomStore *store);
uint64_t rom_store_total(const RomStore *store); /* bytes */

/* Reads a whole file; "WHAT 'NAME': why" on failure, also when it is longer than @limit bytes. */
GBytes *image_read_file(const char *what, const char *path, uint64_t limit, GError **error);
