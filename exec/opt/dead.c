/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dead code: one pass from the end. Roots are side effects, faults and snapshots.
 */
#include "exec/ir/ir-priv.h"
#include "opt.h"

static bool removable(const IrBuilder *b, const IrInsn *i)
{
    if (ir_is_call(i)) {
        return g_array_index(b->calls, IrCall, i->imm).helper->flags & HELPER_PURE;
    }
    return ir_only_result(i);
}

void opt_dead(IrBuilder *b)
{
    unsigned n = ir_count(b);
    IrInsn *all = ir_at(b, 0);
    uint8_t *used = ir_scratch(b, n + b->snaps->len, 0);
    uint8_t *snap_seen = used + n;

    for (IrVal v = n; v-- > 1;) {
        IrInsn *i = &all[v];
        if (!used[v] && removable(b, i)) {
            *i = (IrInsn){ .op = IR_NOP };
            continue;
        }
        for (unsigned k = 0, args = ir_nargs(i); k < args; k++) {
            used[i->arg[k]] = 1;
        }
        if (ir_is_call(i)) {
            const IrCall *c = &g_array_index(b->calls, IrCall, i->imm);
            for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
                if (c->helper->args[k] < HARG_SLOT_R) {
                    used[c->args[k]] = 1;
                }
            }
        }
        if (i->snap && !snap_seen[i->snap]) {
            const IrSnap *s = &g_array_index(b->snaps, IrSnap, i->snap);
            snap_seen[i->snap] = 1;
            for (unsigned k = 0; k < s->count; k++) {
                used[g_array_index(b->snap_entries, IrSnapEntry, s->first + k).val] = 1;
            }
        }
    }
}
