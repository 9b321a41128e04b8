/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Homes of a loop: which slots live in which host registers inside a region that jumps back to its
 * own head, so that what the loop works on, vectors too, is loaded and stored once and not in each turn.
 *
 * The engine's pins are the contract between regions; a loop keeps it at its borders only:
 *
 *   entry: hg_homes_in    head: poll, body ... jump to head    exits: hg_plan_exit, by snapshot
 *
 * A pin that the loop uses stays in its register. The register of one that it does not use may be
 * given to another slot, busiest first; such a pin's home is in CpuState inside.
 * The jump back is a link like others (TbLink.loop), so an invalidated region is left in its next
 * turn; its stub, and that of the poll, bring the homes out (hg_homes_out).
 */
#include <string.h>
#include "host-priv.h"

/* What the region does with each slot. */
typedef struct SlotUse {
    uint16_t *n;   /* reads and writes up to the last jump back */
    uint8_t *read; /* a turn begins with the value that the last one left, or that none changes */
    uint8_t *seen; /* touched at all */
    uint8_t *written; /* CpuState may be behind */
    uint8_t *pointer; /* helpers get its address */
} SlotUse;

static IrVal last_jump_back(const HostGen *g)
{
    for (IrVal v = g->n; v-- > 1;) {
        if (hg_jumps_back(g, ir_at(g->b, v))) {
            return v;
        }
    }
    return 0;
}

static void use_slot(SlotUse *u, IrSlot s, bool counts)
{
    u->seen[s] = 1;
    u->n[s] += counts;
}

static void use_of_insn(const HostGen *g, SlotUse *u, const IrInsn *i, bool counts)
{
    if (i->op == IR_GET || i->op == IR_PUT) {
        use_slot(u, i->imm, counts);
        u->written[i->imm] |= i->op == IR_PUT;
        u->read[i->imm] |= i->op == IR_GET && counts;
    }
    if (i->op == IR_CALL) {
        const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
        for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
            if (c->helper->args[k] >= HARG_SLOT_R) {
                use_slot(u, c->args[k], false);
                u->pointer[c->args[k]] = 1;
            }
        }
    }
    if (i->snap) {
        const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);
        for (unsigned e = 0; e < s->count; e++) {
            IrSlot slot = g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).slot;
            use_slot(u, slot, hg_jumps_back(g, i));
            u->written[slot] = 1;
        }
    }
}

static void find_uses(const HostGen *g, SlotUse *u, IrVal back)
{
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = ir_at(g->b, v);
        if (i->op != IR_NOP) {
            use_of_insn(g, u, i, v <= back);
        }
    }
}

static bool can_be_home(const HostGen *g, const SlotUse *u, IrSlot s, bool vec)
{
    const IrSlotDesc *d = &g->b->slots->slots[s];
    bool fits = vec ? d->type >= IR_V128 : d->type == IR_I64 && d->size == 8;

    return u->read[s] && fits && !u->pointer[s] &&
           !slot_map_overlaps_any(g->code->overlaps, s, u->seen);
}

static void add_home(HostGen *g, IrSlot s, unsigned reg, const SlotUse *u)
{
    const IrSlotDesc *d = &g->b->slots->slots[s];
    HostPins *o = &g->own;
    bool pinned = g->code->pins.n && g->code->pins.of_slot[s], vec = d->type >= IR_V128;

    o->pin[o->n] =
        (HostPin){ .slot = s, .reg = reg, .size = d->size, .vec = vec, .offset = d->offset };
    if (!u->written[s] && !pinned) {
        g->read_only |= 1u << o->n;
    }
    o->vec |= (HostPinSet)vec << o->n;
    o->of_slot[s] = o->of_reg[vec][reg] = ++o->n;
}

/* The busiest slot that can be a home and is none yet; ~0: none. */
static unsigned busiest(const HostGen *g, const SlotUse *u, bool vec)
{
    const HostPins *engine = &g->code->pins;
    unsigned best = ~0u, n = g->b->slots->count;

    for (unsigned s = 0; s < n; s++) {
        bool taken = g->own.of_slot[s] || (engine->n && engine->of_slot[s]);
        if (!taken && can_be_home(g, u, s, vec) && (best == ~0u || u->n[s] > u->n[best])) {
            best = s;
        }
    }
    return best;
}

/* Registers of pins that the loop does not use, and of none, go to others. True: some did. */
static bool general_homes(HostGen *g, const SlotUse *u)
{
    const HostPins *engine = &g->code->pins;
    bool any = false;

    for (unsigned k = 0; k < HOST_PINS_MAX; k++) {
        unsigned reg = host_pin_regs[k], p = engine->of_reg[0][reg];
        unsigned s = p && u->n[engine->pin[p - 1].slot] ? ~0u : busiest(g, u, false);
        if (s != ~0u) {
            add_home(g, s, reg, u);
            any = true;
        } else if (p) {
            add_home(g, engine->pin[p - 1].slot, reg, u);
        }
    }
    return any;
}

static bool vector_homes(HostGen *g, const SlotUse *u)
{
    unsigned n = 0, s;

    while (n < HOST_VEC_PINS_MAX && (s = busiest(g, u, true)) != ~0u) {
        add_home(g, s, 14 - n++, u);
    }
    return n != 0;
}

static void forget_own(HostGen *g)
{
    HostPins *o = &g->own;

    for (unsigned p = 0; p < o->n; p++) {
        o->of_slot[o->pin[p].slot] = 0;
    }
    o->n = 0;
    o->vec = 0;
    memset(o->of_reg, 0, sizeof(o->of_reg));
    g->read_only = 0;
}

void hg_choose_homes(HostGen *g)
{
    unsigned n = g->b->slots->count;
    IrVal back = g->tb->draft ? 0 : last_jump_back(g);

    forget_own(g);
    g->pins = &g->code->pins;
    if (!back) {
        return;
    }
    g_autofree uint16_t *mem = g_malloc0(n * (sizeof(uint16_t) + 4));
    uint8_t *bytes = (uint8_t *)(mem + n);
    SlotUse u = { .n = mem,
                  .seen = bytes,
                  .written = bytes + n,
                  .pointer = bytes + 2 * n,
                  .read = bytes + 3 * n };
    if (!g->own.of_slot) {
        g->own.of_slot = g_malloc0(n);
    }
    find_uses(g, &u, back);
    bool any = general_homes(g, &u);
    any |= vector_homes(g, &u);
    if (any) {
        g->pins = &g->own;
    } else {
        forget_own(g);
    }
}

/* ---- across the borders ---- */

/* Is this pin of the engine a home inside? It has the same register then. */
static bool kept(const HostGen *g, const HostPin *p)
{
    return g->own.of_slot[p->slot];
}

static bool is_pin(const HostGen *g, const HostPin *p)
{
    return g->code->pins.n && g->code->pins.of_slot[p->slot];
}

void hg_homes_in(HostGen *g)
{
    const HostPins *engine = &g->code->pins;

    for (unsigned p = 0; p < engine->n; p++) {
        if (!kept(g, &engine->pin[p])) {
            hg_store_home(g, &engine->pin[p]);
        }
    }
    for (unsigned p = 0; p < g->own.n; p++) {
        if (!is_pin(g, &g->own.pin[p])) {
            hg_load_home(g, &g->own.pin[p]);
        }
    }
}

void hg_homes_out(HostGen *g)
{
    const HostPins *engine = &g->code->pins;

    for (unsigned p = 0; p < g->own.n; p++) {
        if (!is_pin(g, &g->own.pin[p]) && !(g->read_only & 1u << p)) {
            hg_store_home(g, &g->own.pin[p]);
        }
    }
    for (unsigned p = 0; p < engine->n; p++) {
        if (!kept(g, &engine->pin[p])) {
            hg_load_home(g, &engine->pin[p]);
        }
    }
}
