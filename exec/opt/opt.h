/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stages between translator and backend. All are linear in the length of the region.
 */
#ifndef EXEC_OPT_H
#define EXEC_OPT_H

#include "exec/ir.h"

/* Which slots overlap which others: computed once for a target's table. */
typedef struct SlotMap SlotMap;
SlotMap *slot_map_new(const IrSlotTable *slots);
void slot_map_free(SlotMap *m);
bool slot_map_overlaps(const SlotMap *m, IrSlot s); /* any other slot */
/* ... one of those marked in set, by slot? */
bool slot_map_overlaps_any(const SlotMap *m, IrSlot s, const uint8_t *set);

/*
 * Copy src to dst, turning puts into snapshots: the new region's PUTs are real stores to
 * CpuState, ops that may fault and exits carry what is still owed. With optimise, values are
 * forwarded from put and get to get, and everything folds again; else puts are stored at the end
 * of each guest instruction.
 */
void opt_lower(const IrBuilder *src, IrBuilder *dst, const SlotMap *map, bool optimise);
/* Turn instructions whose result nobody uses into NOPs. */
void opt_dead(IrBuilder *b);

#endif
