/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for system management mode, as the SMRAM registers of the host bridges place it (Intel
 * 440FX datasheet 3.2.19; 3 Series MCH datasheet 5.1.29 and 5.1.30).
 *
 * Locked memory reads as ones for everybody else; writes go nowhere.
 */
#include "smram.h"

#define WINDOW_BASE 0xa0000
#define WINDOW_SIZE 0x20000
#define HIGH_BASE   0xfeda0000ull
#define SMBASE_BASE 0x30000
#define SMBASE_SIZE 0x20000

static uint64_t hole_read(void *opaque, uint64_t addr, unsigned size)
{
    return UINT64_MAX;
}

static void hole_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const RegionOps hole_ops = {
    .read = hole_read,
    .write = hole_write,
    .valid = { 1, 8, true },
    .impl = { 1, 8, true },
};

static void add_off(MemoryRegion *container, uint64_t addr, MemoryRegion *mr)
{
    memory_region_set_enabled(mr, false);
    memory_region_add_overlap(container, addr, mr, 1);
}

void smram_init(Smram *s, Device *owner, MemoryRegion *view, MemoryRegion *ram, MemoryRegion *pci,
                bool full)
{
    Vm *vm = device_vm(owner);
    Object *obj = &owner->obj;
    MemoryRegion *system = memory_system_region(vm);

    s->view = view;
    memory_region_init_alias(&s->vga, vm, obj, "smram-region", pci, WINDOW_BASE, WINDOW_SIZE);
    memory_region_add_overlap(system, WINDOW_BASE, &s->vga, 1);
    memory_region_init_alias(&s->low, vm, obj, "smram-low", ram, WINDOW_BASE, WINDOW_SIZE);
    add_off(s->view, WINDOW_BASE, &s->low);
    if (!full) {
        return;
    }
    memory_region_init_alias(&s->open_high, vm, obj, "smram-open-high", ram, WINDOW_BASE,
                             WINDOW_SIZE);
    add_off(system, HIGH_BASE, &s->open_high);
    memory_region_init_alias(&s->high, vm, obj, "smram-high", ram, WINDOW_BASE, WINDOW_SIZE);
    add_off(s->view, HIGH_BASE, &s->high);
    memory_region_init_alias(&s->tseg, vm, obj, "tseg-window", ram, 0, MiB);
    add_off(s->view, 0, &s->tseg);
    memory_region_init_io(&s->tseg_hole, vm, obj, &hole_ops, s, "tseg-blackhole", MiB);
    add_off(system, 0, &s->tseg_hole);
    memory_region_init_alias(&s->smbase, vm, obj, "smbase-window", ram, SMBASE_BASE, SMBASE_SIZE);
    add_off(s->view, SMBASE_BASE, &s->smbase);
    memory_region_init_io(&s->smbase_hole, vm, obj, &hole_ops, s, "smbase-blackhole", SMBASE_SIZE);
    add_off(system, SMBASE_BASE, &s->smbase_hole);
}

void smram_clear(Smram *s)
{
    MemoryRegion *all[] = { &s->smbase_hole, &s->smbase,    &s->tseg_hole, &s->tseg,
                            &s->high,        &s->open_high, &s->low,       &s->vga };

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i]->vm) {
            memory_region_clear(all[i]);
        }
    }
}

static void update_full(Smram *s, const SmramState *st)
{
    bool tseg = st->tseg_size != 0;

    memory_region_set_enabled(&s->open_high, st->open && st->high);
    memory_region_set_enabled(&s->high, st->enabled && st->high);
    if (tseg) {
        memory_region_set_size(&s->tseg, st->tseg_size);
        memory_region_set_size(&s->tseg_hole, st->tseg_size);
        memory_region_set_alias_offset(&s->tseg, st->tseg_base);
        memory_region_set_address(&s->tseg, st->tseg_base);
        memory_region_set_address(&s->tseg_hole, st->tseg_base);
    }
    memory_region_set_enabled(&s->tseg, tseg);
    memory_region_set_enabled(&s->tseg_hole, tseg);
    memory_region_set_enabled(&s->smbase, st->smbase);
    memory_region_set_enabled(&s->smbase_hole, st->smbase);
}

void smram_update(Smram *s, const SmramState *st)
{
    memory_transaction_begin(s->view->vm);
    memory_region_set_enabled(&s->vga, !(st->open && !st->high));
    memory_region_set_enabled(&s->low, st->enabled && !st->high);
    if (s->high.vm) {
        update_full(s, st);
    }
    memory_transaction_commit(s->view->vm);
}
