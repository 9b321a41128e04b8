/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that only system management mode sees: the window a0000-bffff, its high alias, TSEG at
 * the top of RAM and the default SMBASE area. A bridge fills a view that the board owns, because
 * CPUs, which show it above their normal memory while in SMM, outlive the bridge. Private to hw/i386.
 */
#pragma once
#include "base/util/units.h"
#include "hw/core/device.h"

typedef struct {
    bool enabled;       /* the window exists for SMM */
    bool open;          /* ... and for everybody */
    bool high;          /* also at feda0000 (then only there for everybody) */
    uint64_t tseg_base; /* TSEG */
    uint64_t tseg_size; /* 0: none */
    bool smbase;        /* 30000-4ffff only in SMM */
} SmramState;

typedef struct {
    MemoryRegion *view;     /* borrowed */
    MemoryRegion vga;       /* system: PCI space over a0000-bffff while closed */
    MemoryRegion open_high; /* system: RAM at feda0000 while open */
    MemoryRegion low, high; /* SMM */
    MemoryRegion tseg, smbase;
    MemoryRegion tseg_hole, smbase_hole; /* system: nothing there */
} Smram;

#define SMRAM_VIEW_SIZE (4 * GiB)
/* @view, @ram and @pci are borrowed. Without @full only the a0000 window can be used. */
void smram_init(Smram *s, Device *owner, MemoryRegion *view, MemoryRegion *ram, MemoryRegion *pci,
                bool full);
void smram_clear(Smram *s);
void smram_update(Smram *s, const SmramState *state);
