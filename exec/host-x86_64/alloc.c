/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register allocator: one forward pass, asked by the emitters as they go.
 *
 * Invariants between two instructions:
 *  1. in[c][r] == v  <=>  val[v].reg == r, v a root of class c that is used later.
 *  2. A value used later is in a register, or in its cell (stored), or is a constant.
 *  3. A pin's home is in its register (home_reg), in CpuState (home_mem), in both; or in neither, when
 *     nobody needs it any more (dead_after) or the value put there is owed by every snapshot.
 *  4. A pin's register may hold its home and a value read from it at once; they are equal then.
 *  5. At region borders (in a loop: its own), labels and branches all homes are in their registers, and all values
 *     used further on are stored (rules of joins: ir.h).
 * The victim of a full house is what is used last; a cell once written is never written again.
 */
#include <string.h>
#include "host-priv.h"

#define REG_ALLOC_ORDER                                               \
    {                                                                 \
        RAX, RCX, RDX, R10, RSI, RDI, R8, R9, RBX, R12, R13, R14, R15 \
    }
static const uint8_t order[] = REG_ALLOC_ORDER;

static uint16_t pool(bool vec)
{
    return vec ? HV_POOL : HR_POOL;
}

/* The pin whose home is in register r now, + 1. */
static unsigned home_in(const HostGen *g, bool vec, unsigned r)
{
    unsigned p = g->pins->of_reg[vec][r];

    return p && (g->home_reg & 1u << (p - 1)) ? p : 0;
}

static bool home_dead(const HostGen *g, unsigned pin)
{
    return g->dead_after[g->pos] & 1u << pin;
}

/* ---- cells ---- */

/*
 * A cell that is free since an earlier instruction, or 0. One freed by this instruction is still read by it:
 * operands are released, and results given their registers, before anything is emitted.
 */
static int32_t reuse_cell(HostGen *g, bool vec)
{
    for (unsigned k = g->n_free_cell[vec]; k-- > 0;) {
        if (g->free_cell[vec][k].since != g->pos) {
            int32_t off = g->free_cell[vec][k].off;
            g->free_cell[vec][k] = g->free_cell[vec][--g->n_free_cell[vec]];
            return off;
        }
    }
    return 0;
}

int32_t hg_cell(HostGen *g, IrVal r)
{
    HgVal *x = &g->val[r];
    bool vec = x->vec;
    unsigned size = vec ? 32 : 8;

    if (!x->cell) {
        x->cell = reuse_cell(g, vec);
        if (!x->cell) {
            g->next_cell = (g->next_cell + size - 1) & ~(size - 1);
            if (g->next_cell + size > FRAME_OFF(cells) + HOST_CELL_BYTES) {
                g->failed = true;
                return FRAME_OFF(cells);
            }
            x->cell = g->next_cell;
            g->next_cell += size;
        }
    }
    return x->cell;
}

static void free_cell(HostGen *g, IrVal r)
{
    HgVal *x = &g->val[r];

    if (x->cell && g->n_free_cell[x->vec] < G_N_ELEMENTS(g->free_cell[0])) {
        g->free_cell[x->vec][g->n_free_cell[x->vec]++] = (HgFreeCell){ x->cell, g->pos };
    }
    x->cell = 0;
    x->stored = false;
}

static bool is_const(const HostGen *g, IrVal r)
{
    unsigned op = ir_at(g->b, r)->op;

    return op == IR_CONST || op == IR_VCONST;
}

void hg_save(HostGen *g, IrVal r)
{
    HgVal *x = &g->val[r];

    if (x->stored || is_const(g, r)) {
        return;
    }
    g_assert(x->reg != HR_NONE);
    int32_t off = hg_cell(g, r);
    if (x->vec) {
        asm_v2_store(&g->as, I_VMOVDQU_ST, ir_type(g->b, r) == IR_V256, hg_frame(off), x->reg, 0);
    } else {
        asm_store(&g->as, 8, hg_frame(off), x->reg);
    }
    x->stored = true;
}

/* ---- giving up registers ---- */

static void forget_reg(HostGen *g, IrVal r)
{
    HgVal *x = &g->val[r];

    if (x->reg != HR_NONE) {
        g->in[x->vec][x->reg] = 0;
        x->reg = HR_NONE;
    }
}

void hg_drop(HostGen *g, IrVal r)
{
    forget_reg(g, r);
    free_cell(g, r);
}

void hg_flush_homes(HostGen *g, HostPinSet pins)
{
    for (unsigned p = 0; p < g->pins->n; p++) {
        HostPinSet bit = 1u << p;
        if ((pins & bit) && (g->home_reg & bit) && !(g->home_mem & bit)) {
            hg_store_home(g, &g->pins->pin[p]);
            g->home_mem |= bit;
        }
    }
}

/* The home leaves its register. */
static void evict_home(HostGen *g, unsigned pin, bool dead)
{
    if (!dead) {
        hg_flush_homes(g, 1u << pin);
    }
    g->home_reg &= ~(1u << pin);
}

static void put_in(HostGen *g, IrVal r, unsigned reg)
{
    g->val[r].reg = reg;
    g->in[g->val[r].vec][reg] = r;
}

static int find_free(HostGen *g, bool vec, uint16_t not_these)
{
    uint16_t ok = pool(vec) & ~g->lock[vec] & ~not_these & ~(vec ? 0 : g->win_regs);

    for (unsigned k = 0; k < 16; k++) {
        unsigned r = vec ? k : order[k % G_N_ELEMENTS(order)];
        if ((ok & 1u << r) && !g->in[vec][r] && !home_in(g, vec, r)) {
            return r;
        }
    }
    return -1;
}

/* When the content of r is used next: the farther, the better a victim. */
static uint32_t distance(const HostGen *g, bool vec, unsigned r)
{
    uint32_t d = UINT32_MAX;
    IrVal v = g->in[vec][r];
    unsigned p = home_in(g, vec, r);

    if (v) {
        d = g->val[v].next;
        /* rather one that need not be stored */
        d = g->val[v].stored || is_const(g, v) ? d : d > 8 ? d - 8 : 0;
    }
    if (p) {
        d = MIN(d, g->pin_next[p - 1] == UINT32_MAX ? g->n + 4 : g->pin_next[p - 1]);
        d = d > 16 ? d - 16 : 0;
    }
    return d;
}

static unsigned evict_one(HostGen *g, bool vec)
{
    uint16_t ok = pool(vec) & ~g->lock[vec];
    uint32_t best = 0;
    int at = -1;

    for (unsigned r = 0; r < 16; r++) {
        if (ok & 1u << r) {
            uint32_t d = distance(g, vec, r);
            if (at < 0 || d > best) {
                best = d;
                at = r;
            }
        }
    }
    g_assert(at >= 0);
    IrVal v = g->in[vec][at];
    if (v) {
        hg_save(g, v);
        forget_reg(g, v);
    }
    unsigned p = home_in(g, vec, at);
    if (p) {
        evict_home(g, p - 1, false);
    }
    return at;
}

unsigned hg_temp(HostGen *g, bool vec)
{
    int r = find_free(g, vec, 0);

    if (r < 0 && !vec && (g->win_regs & ~g->lock[0])) {
        r = __builtin_ctz(g->win_regs & ~g->lock[0]);
        hg_window_lose(g, 1u << r);
    }
    if (r < 0) {
        r = evict_one(g, vec);
    }
    g->lock[vec] |= 1u << r;
    return r;
}

unsigned hg_spare(HostGen *g)
{
    int r = find_free(g, false, 0);

    return r < 0 ? HR_NONE : (unsigned)r;
}

/* The value in reg goes to another register or its cell. */
static void move_away(HostGen *g, bool vec, unsigned reg)
{
    IrVal v = g->in[vec][reg];

    if (!vec) {
        hg_window_lose(g, 1u << reg);
    }
    if (!v) {
        return;
    }
    int to = g->val[v].next != UINT32_MAX ? find_free(g, vec, 1u << reg) : -1;
    if (to < 0 || is_const(g, v)) {
        hg_save(g, v);
        forget_reg(g, v);
        return;
    }
    if (vec) {
        asm_vrr(&g->as, I_VMOVDQA, ir_type(g->b, v) == IR_V256, to, reg);
    } else {
        asm_mov_rr(&g->as, 8, to, reg);
    }
    forget_reg(g, v);
    put_in(g, v, to);
}

void hg_take(HostGen *g, unsigned reg)
{
    unsigned p = home_in(g, false, reg);

    /* a locked value may be moved only while nobody has been told its register: emitters take
     * fixed registers first */
    move_away(g, false, reg);
    if (p) {
        evict_home(g, p - 1, false);
    }
    g->lock[0] |= 1u << reg;
}

/* ---- operands ---- */

unsigned hg_use(HostGen *g, IrVal v)
{
    IrVal r = g->root[v];
    HgVal *x = &g->val[r];

    if (x->reg == HR_NONE) {
        HostLoc from = hg_where(g, r);
        unsigned reg = hg_temp(g, x->vec);
        if (x->vec) {
            hg_load_vec(g, reg, ir_type(g->b, r), from);
        } else {
            hg_load_loc(g, reg, from);
        }
        put_in(g, r, reg);
    }
    g->lock[x->vec] |= 1u << x->reg;
    return x->reg;
}

void hg_use_in(HostGen *g, IrVal v, unsigned reg)
{
    HostLoc from = hg_where(g, g->root[v]);

    if (from.kind != LOC_REG || from.reg != reg) {
        hg_load_loc(g, reg, from);
    }
}

AsmRm hg_use_rm(HostGen *g, IrVal v)
{
    IrVal r = g->root[v];
    HgVal *x = &g->val[r];

    if (x->reg == HR_NONE && x->stored && x->last <= g->pos) {
        return hg_frame(x->cell);
    }
    return asm_reg(hg_use(g, v));
}

static void release_one(HostGen *g, IrVal r)
{
    if (g->val[r].last <= g->pos && ir_at(g->b, r)->op != IR_NOP) {
        unsigned reg = g->val[r].reg;
        if (reg != HR_NONE) {
            g->lock[g->val[r].vec] &= ~(1u << reg);
        }
        hg_drop(g, r);
    }
}

void hg_release(HostGen *g)
{
    const IrInsn *i = ir_at(g->b, g->pos);

    for (unsigned k = 0; k < ir_nargs(i); k++) {
        release_one(g, hg_operand_root(g, i, g->pos, k));
    }
    if (hg_third_root(g, i, g->pos)) {
        release_one(g, hg_third_root(g, i, g->pos));
    }
    if (ir_is_call(i)) {
        const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
        for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
            if (c->helper->args[k] < HARG_SLOT_R) {
                release_one(g, g->root[c->args[k]]);
            }
        }
    }
    if (i->snap) {
        const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);
        for (unsigned e = 0; e < s->count; e++) {
            IrVal r = g->root[g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).val];
            if (g->later[r] & HG_LATER) {
                hg_each_known(g, r, release_one);
            } else {
                release_one(g, r);
            }
        }
    }
}

/* ---- results ---- */

/* May r take a new value? Its home may be lost when it is dead. */
static bool can_have(HostGen *g, bool vec, unsigned r)
{
    unsigned p = home_in(g, vec, r);

    return (pool(vec) & 1u << r) && !(g->lock[vec] & 1u << r) && !g->in[vec][r] &&
           (vec || !(g->win_regs & 1u << r)) && (!p || home_dead(g, p - 1));
}

static void have(HostGen *g, bool vec, unsigned r)
{
    unsigned p = home_in(g, vec, r);

    if (p) {
        evict_home(g, p - 1, home_dead(g, p - 1));
    }
    g->lock[vec] |= 1u << r;
}

/* wish: registers good for a short encoding, in no order. */
unsigned hg_def(HostGen *g, IrVal v, uint16_t wish)
{
    HgVal *x = &g->val[v];
    unsigned r = HR_NONE;

    if (x->hint != HR_NONE && can_have(g, x->vec, x->hint)) {
        r = x->hint;
    }
    for (unsigned k = 0; k < 16 && r == HR_NONE; k++) {
        if ((wish & 1u << k) && can_have(g, x->vec, k)) {
            r = k;
        }
    }
    if (r == HR_NONE) {
        r = hg_temp(g, x->vec);
    } else {
        have(g, x->vec, r);
    }
    return hg_def_in(g, v, r);
}

unsigned hg_def_in(HostGen *g, IrVal v, unsigned reg)
{
    g_assert(!g->in[g->val[v].vec][reg]);
    if (g->val[v].last) {
        put_in(g, v, reg);
    }
    return reg;
}

/* ---- homes ---- */

void hg_store_home(HostGen *g, const HostPin *hp)
{
    AsmRm to = hg_state(hp->offset);

    if (host_pin_is_vec(hp)) {
        hg_store_vec(g, to, hp->reg, hp->size);
    } else {
        asm_store(&g->as, 8, to, hp->reg);
    }
}

void hg_load_home(HostGen *g, const HostPin *hp)
{
    AsmRm from = hg_state(hp->offset);

    if (host_pin_is_vec(hp)) {
        asm_v2(&g->as, hp->size == 8 ? I_VMOVSD_LD : I_VMOVDQU, hp->size == 32, hp->reg, from, 0);
    } else {
        asm_mov(&g->as, 8, hp->reg, from);
    }
}

void hg_home_needed(HostGen *g, unsigned pin)
{
    const HostPin *hp = &g->pins->pin[pin];

    if (g->home_reg & 1u << pin) {
        return;
    }
    g_assert(g->home_mem & 1u << pin);
    move_away(g, host_pin_is_vec(hp), hp->reg);
    hg_load_home(g, hp);
    g->home_reg |= 1u << pin;
}

void hg_set_home(HostGen *g, unsigned pin, IrVal v)
{
    const HostPin *hp = &g->pins->pin[pin];
    IrVal r = g->root[v];
    bool vec = host_pin_is_vec(hp);

    if (g->in[vec][hp->reg] != r) {
        move_away(g, vec, hp->reg);
        if (vec) {
            hg_load_vec(g, hp->reg, ir_type(g->b, r), hg_where(g, r));
        } else {
            hg_load_loc(g, hp->reg, hg_where(g, r));
        }
    }
    g->home_reg |= 1u << pin;
    g->home_mem &= ~(1u << pin);
}

/* ---- calls, labels ---- */

static void leave_regs(HostGen *g, bool store)
{
    for (unsigned c = 0; c < 2; c++) {
        for (unsigned r = 0; r < 16; r++) {
            IrVal v = g->in[c][r];
            if (v && store) {
                hg_save(g, v);
            }
        }
    }
}

void hg_reset(HostGen *g)
{
    for (unsigned c = 0; c < 2; c++) {
        for (unsigned r = 0; r < 16; r++) {
            if (g->in[c][r]) {
                forget_reg(g, g->in[c][r]);
            }
        }
    }
    g->home_reg = hg_all_pins(g);
    g->home_mem = g->read_only;
    hg_window_lose(g, 0xffff);
}

void hg_barrier(HostGen *g, bool forget)
{
    leave_regs(g, true);
    for (unsigned p = 0; p < g->pins->n; p++) {
        if (!(g->home_reg & 1u << p)) {
            const HostPin *hp = &g->pins->pin[p];
            IrVal v = g->in[host_pin_is_vec(hp)][hp->reg];
            if (v) { /* stored above */
                forget_reg(g, v);
            }
            hg_home_needed(g, p);
        }
    }
    if (forget) {
        hg_reset(g);
    }
}

HostLoc hg_where(HostGen *g, IrVal v)
{
    const HgVal *x = &g->val[g->root[v]];

    if (x->reg != HR_NONE) {
        return (HostLoc){ .kind = x->vec ? LOC_VREG : LOC_REG, .reg = x->reg };
    }
    return hg_where_memory(g, v);
}

/* Constant or cell. */
HostLoc hg_where_memory(HostGen *g, IrVal v)
{
    IrVal r = g->root[v];
    const HgVal *x = &g->val[r];
    const IrInsn *i = ir_at(g->b, r);

    if (i->op == IR_CONST) {
        return (HostLoc){ .kind = LOC_CONST, .k = i->imm & ir_type_mask(i->type) };
    }
    if (i->op == IR_VCONST) {
        return (HostLoc){ .kind = LOC_POOL, .k = i->imm };
    }
    if (!x->stored) { /* code that only a branch back could reach: leave it to the interpreter */
        g->failed = true;
    }
    return (HostLoc){ .kind = LOC_CELL, .off = x->cell };
}
