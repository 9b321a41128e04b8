/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving values to where they must be: literals, single moves, parallel moves at exits and calls.
 */
#include <string.h>
#include "host-priv.h"

AsmRm hg_state(int32_t off)
{
    return asm_mem(HR_CPU, off);
}

AsmRm hg_frame(int32_t off)
{
    return asm_mem(HR_FRAME, off);
}

AsmBuf *hg_asm(HostGen *g)
{
    return &g->as;
}

IrType hg_type(const HostGen *g, IrVal v)
{
    return ir_type(g->b, v);
}

/* ---- literals ---- */

AsmRm hg_literal(HostGen *g, const void *data, unsigned size)
{
    for (unsigned k = 0; k < g->literals->len; k++) {
        const HgLiteral *l = &g_array_index(g->literals, HgLiteral, k);
        if (l->size == size && !memcmp(g->lit_data->data + l->at, data, size)) {
            return asm_at_label(l->label);
        }
    }
    HgLiteral l = { .label = asm_label(&g->as), .at = g->lit_data->len, .size = size };
    g_byte_array_append(g->lit_data, data, size);
    ir_push(g->literals, HG_ROOM, HgLiteral, l);
    return asm_at_label(l.label);
}

void hg_call_c(HostGen *g, const void *fn)
{
    uint64_t addr = (uintptr_t)fn;

    if (asm_reachable(&g->as, addr)) {
        asm_call_abs(&g->as, addr);
    } else {
        asm_call_rm(&g->as, hg_literal(g, &addr, 8));
    }
}

/* ---- single moves ---- */

void hg_load_addr(HostGen *g, unsigned reg, const void *at)
{
    uint64_t addr = (uintptr_t)at;

    if (asm_reachable(&g->as, addr)) {
        asm_lea(&g->as, 8, reg, asm_abs(addr));
    } else {
        asm_mov_imm(&g->as, reg, addr);
    }
}

void hg_load_loc(HostGen *g, unsigned reg, HostLoc from)
{
    switch (from.kind) {
    case LOC_REG:
        if (from.reg != reg) {
            asm_mov_rr(&g->as, 8, reg, from.reg);
        }
        break;
    case LOC_CELL: asm_mov(&g->as, 8, reg, hg_frame(from.off)); break;
    case LOC_STATE: asm_mov(&g->as, 8, reg, hg_state(from.off)); break;
    case LOC_CONST: asm_mov_imm(&g->as, reg, from.k); break;
    case LOC_FRAME_ADDR: asm_lea(&g->as, 8, reg, hg_frame(from.off)); break;
    case LOC_STATE_ADDR: asm_lea(&g->as, 8, reg, hg_state(from.off)); break;
    default: g_assert_not_reached();
    }
}

void hg_load_vec(HostGen *g, unsigned reg, IrType t, HostLoc from)
{
    bool wide = t == IR_V256;

    switch (from.kind) {
    case LOC_VREG:
        if (from.reg != reg) {
            asm_vrr(&g->as, I_VMOVDQA, wide, reg, from.reg);
        }
        break;
    case LOC_CELL: asm_v2(&g->as, I_VMOVDQU, wide, reg, hg_frame(from.off), 0); break;
    case LOC_STATE: asm_v2(&g->as, I_VMOVDQU, wide, reg, hg_state(from.off), 0); break;
    case LOC_POOL: {
        static const uint64_t zero[4];
        const void *p = &g_array_index(g->b->pool, IrVec, from.k);
        if (!memcmp(p, zero, wide ? 32 : 16)) {
            asm_vrrr(&g->as, I_VPXOR, false, reg, reg, reg); /* clears all 256 bits */
        } else {
            asm_v2(&g->as, I_VMOVDQU, wide, reg, hg_literal(g, p, wide ? 32 : 16), 0);
        }
        break;
    }
    default: g_assert_not_reached();
    }
}

void hg_store_vec(HostGen *g, AsmRm to, unsigned reg, unsigned size)
{
    asm_v2_store(&g->as, size == 8 ? I_VMOVSD_ST : I_VMOVDQU_ST, size == 32, to, reg, 0);
}

/* To CpuState; may use the scratch registers. */
static void store_state(HostGen *g, const HgXfer *x)
{
    AsmRm to = hg_state(x->off);
    int32_t imm;

    if (x->size > 8 || x->from.kind == LOC_VREG || x->from.kind == LOC_POOL) {
        unsigned r = HV_SCRATCH;
        IrType t = x->size == 32 ? IR_V256 : IR_V128;
        if (x->from.kind == LOC_VREG) {
            r = x->from.reg;
        } else {
            hg_load_vec(g, r, t, x->from);
        }
        hg_store_vec(g, to, r, x->size);
    } else if (x->from.kind == LOC_REG) {
        asm_store(&g->as, x->size, to, x->from.reg);
    } else if (x->from.kind == LOC_CONST && (x->size < 8 || hg_imm_fits(IR_I64, x->from.k, &imm))) {
        asm_store_imm(&g->as, x->size, to, (int32_t)x->from.k);
    } else {
        hg_load_loc(g, HR_SCRATCH, x->from);
        asm_store(&g->as, x->size, to, HR_SCRATCH);
    }
}

/* ---- parallel moves ---- */

static void move_one(HostGen *g, bool vec, unsigned d, unsigned s)
{
    if (vec) {
        asm_vrr(&g->as, I_VMOVDQA, true, d, s);
    } else {
        asm_mov_rr(&g->as, 8, d, s);
    }
}

/* All that is pending goes in circles, d and its source in one of them. */
static void cut_circle(HostGen *g, bool vec, uint8_t from[16], unsigned d)
{
    unsigned s = from[d];

    if (vec) {
        move_one(g, vec, HV_SCRATCH, d);
        for (unsigned k = 0; k < 16; k++) {
            from[k] = from[k] == d ? HV_SCRATCH : from[k];
        }
        return;
    }
    asm_xchg(&g->as, 8, asm_reg(d), s);
    from[d] = HR_NONE; /* d is done; who wanted d's old content finds it in s */
    for (unsigned k = 0; k < 16; k++) {
        from[k] = from[k] == d ? s : from[k] == s ? d : from[k];
    }
}

/* Register to register, each destination (a bit of `to`) once. */
static void move_registers(HostGen *g, bool vec, uint8_t from[16], unsigned to)
{
    while (to) {
        unsigned read = 0;
        for (unsigned m = to; m; m &= m - 1) {
            unsigned d = __builtin_ctz(m);
            if (from[d] == HR_NONE || from[d] == d) {
                to &= ~(1u << d);
            } else {
                read |= 1u << from[d];
            }
        }
        for (unsigned m = to & ~read; m; m &= m - 1) {
            unsigned d = __builtin_ctz(m);
            move_one(g, vec, d, from[d]);
            from[d] = HR_NONE;
        }
        if (to && !(to & ~read)) {
            cut_circle(g, vec, from, __builtin_ctz(to));
        }
    }
}

/* Stores to CpuState in order, then registers all at once, then what registers get from memory. */
void hg_parallel(HostGen *g, const HgXfer *x, unsigned n)
{
    uint8_t from[2][16];
    unsigned to[2] = { 0, 0 };

    memset(from, HR_NONE, sizeof(from));
    for (unsigned k = 0; k < n; k++) {
        if (x[k].reg == HR_NONE) {
            store_state(g, &x[k]);
        } else if (x[k].from.kind == LOC_REG || x[k].from.kind == LOC_VREG) {
            from[x[k].vec][x[k].reg] = x[k].from.reg;
            to[x[k].vec] |= 1u << x[k].reg;
        }
    }
    move_registers(g, false, from[0], to[0]);
    move_registers(g, true, from[1], to[1]);
    for (unsigned k = 0; k < n; k++) {
        if (x[k].reg == HR_NONE || x[k].from.kind == LOC_REG || x[k].from.kind == LOC_VREG) {
            continue;
        }
        if (x[k].vec && x[k].size == 8 && x[k].from.kind == LOC_STATE) {
            asm_v2(&g->as, I_VMOVSD_LD, false, x[k].reg, hg_state(x[k].from.off), 0);
        } else if (x[k].vec) {
            hg_load_vec(g, x[k].reg, x[k].size == 32 ? IR_V256 : IR_V128, x[k].from);
        } else {
            hg_load_loc(g, x[k].reg, x[k].from);
        }
    }
}

void hg_do_xfers(HostGen *g, uint32_t first, unsigned n)
{
    hg_parallel(g, &g_array_index(g->xfers, HgXfer, first), n);
}

static void plan(HostGen *g, HgXfer x)
{
    bool stays = x.reg != HR_NONE && x.from.reg == x.reg &&
                 (x.from.kind == LOC_REG || x.from.kind == LOC_VREG);

    if (!stays) {
        ir_push(g->xfers, HG_ROOM, HgXfer, x);
    }
}

/* Where the home of a pin (of the region's) is. */
static HostLoc home_at(const HostGen *g, unsigned pin)
{
    const HostPin *hp = &g->pins->pin[pin];

    if (g->home_reg & 1u << pin) {
        return (HostLoc){ .kind = host_pin_is_vec(hp) ? LOC_VREG : LOC_REG, .reg = hp->reg };
    }
    return (HostLoc){ .kind = LOC_STATE, .off = hp->offset };
}

/* What is owed by the snapshot; the pins of `to` and of the region that it names. */
static void plan_snap(HostGen *g, const IrSnap *s, const HostPins *to, HostPinSet *done,
                      HostPinSet *named)
{
    for (unsigned e = 0; e < s->count; e++) {
        const IrSnapEntry *se = &g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e);
        const IrSlotDesc *d = &g->b->slots->slots[se->slot];
        unsigned p = to->n ? to->of_slot[se->slot] : 0, own = hg_pin_of(g, se->slot);
        HgXfer x = {
            .from = hg_where(g, se->val), .reg = HR_NONE, .off = d->offset, .size = d->size
        };
        if (p) {
            x.reg = to->pin[p - 1].reg;
            x.vec = to->pin[p - 1].vec;
            *done |= 1u << (p - 1);
        }
        *named |= own ? 1u << (own - 1) : 0;
        plan(g, x);
    }
}

/* What an exit with this snapshot has to move; number of moves, from *first on. */
unsigned hg_plan_exit(HostGen *g, uint32_t snap, bool back, const HgXfer *extra, uint32_t *first)
{
    const HostPins *to = back ? g->pins : &g->code->pins;
    HostPinSet done = 0, named = 0;

    *first = g->xfers->len;
    plan_snap(g, &g_array_index(g->b->snaps, IrSnap, snap), to, &done, &named);
    /* where the pins are the same, those in their registers stay there */
    HostPinSet rest = hg_pins_of(to) & ~done & ~(to == g->pins ? g->home_reg : 0);
    for (; rest; rest &= rest - 1) {
        const HostPin *hp = &to->pin[__builtin_ctz(rest)];
        unsigned own = hg_pin_of(g, hp->slot);
        plan(g, (HgXfer){ .from = own ? home_at(g, own - 1)
                                      : (HostLoc){ .kind = LOC_STATE, .off = hp->offset },
                          .reg = hp->reg,
                          .vec = hp->vec,
                          .size = hp->size });
    }
    for (unsigned p = 0; p < g->pins->n && to != g->pins; p++) {
        const HostPin *hp = &g->pins->pin[p];
        HostPinSet only = g->home_reg & ~g->home_mem & ~named & 1u << p;
        if (only && !(to->n && to->of_slot[hp->slot])) {
            plan(g,
                 (HgXfer){
                     .from = home_at(g, p), .reg = HR_NONE, .size = hp->size, .off = hp->offset });
        }
    }
    if (extra) {
        plan(g, *extra);
    }
    return g->xfers->len - *first;
}
