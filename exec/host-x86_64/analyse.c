/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The passes before emission: which values are only aliases, which constants and address sums stay
 * inside their users, where each value is used next and last, and from where on nobody needs the
 * old content of a pinned slot. All linear in the length of the region.
 */
#include <string.h>
#include "host-priv.h"

enum {
    LABEL_SEEN = 1,
    LABEL_DEAD = 2, /* nothing comes here */
};

bool hg_imm_fits(IrType t, uint64_t k, int32_t *out)
{
    *out = (int32_t)k;
    return t == IR_I32 || (int64_t)k == (int32_t)k;
}

unsigned hg_pin_of(const HostGen *g, IrSlot s)
{
    return g->pins->n ? g->pins->of_slot[s] : 0;
}

/* Ops that take a constant second operand as it is. */
static bool takes_const(const IrInsn *i, unsigned k)
{
    switch (i->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_ANDN:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTL:
    case IR_ROTR:
    case IR_SETCOND:
    case IR_MOVCOND:
    case IR_CALL_IF:
    case IR_BRCOND:
    case IR_EXIT_DIRECT_IF:
    case IR_RAISE_IF:
    case IR_STORE: return k == 1;
    default: return i->op >= IR_VAND && k == 1 && (host_vec_rows[i->op].flags & HOP_IMM_B);
    }
}

static bool is_noreturn(const IrBuilder *b, const IrInsn *i)
{
    return g_array_index(b->calls, IrCall, i->imm).helper->flags & HELPER_NORETURN;
}

static bool is_address_op(unsigned op)
{
    return op == IR_LOAD || op == IR_STORE || op == IR_ATOMIC || op == IR_CMPXCHG || op == IR_PROBE;
}

/* An i32 result whose register has zeros above. */
static bool gives_clean(const HostGen *g, const IrInsn *i)
{
    switch (i->op) {
    case IR_TRUNC32: return false;
    case IR_MOV: return g->clean[i->arg[0]];
    default: return i->op < IR_VAND || (host_vec_rows[i->op].flags & HOP_CLEAN);
    }
}

/* Is the address of this access a sum with a constant? */
static bool may_fold(const HostGen *g, const IrInsn *i)
{
    const IrInsn *ad = ir_at(g->b, i->arg[0]);
    uint64_t k;
    int32_t d;

    return ad->op == IR_ADD && ir_const_value(g->b, ad->arg[1], &k) && hg_imm_fits(IR_I64, k, &d) &&
           !ir_const_value(g->b, ad->arg[0], &k);
}

/* What the first pass saw. */
typedef struct Seen {
    bool comi, twins;
    unsigned accesses; /* to memory */
    unsigned folds;    /* sums or shifts that may become part of others */
} Seen;

static Seen find_roots(HostGen *g)
{
    const HgVal none = { .next = UINT32_MAX, .reg = HR_NONE, .hint = HR_NONE };
    const IrInsn *all = ir_at(g->b, 0);
    HgVal *val = g->val;
    IrVal *root = g->root;
    uint8_t *clean = g->clean;
    Seen seen = { 0 };

    val[0] = none;
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = &all[v];
        val[v] = none;
        val[v].vec = i->type >= IR_V128;
        root[v] = v;
        clean[v] = i->type == IR_I32 && gives_clean(g, i);
        if (i->op == IR_TRUNC32 || i->op == IR_MOV || (i->op == IR_ZEXT32 && clean[i->arg[0]])) {
            root[v] = root[i->arg[0]];
        } else if (is_address_op(i->op)) {
            g->fold[v] = may_fold(g, i);
            seen.folds += g->fold[v];
            seen.accesses++;
        } else {
            seen.comi |= i->op == IR_VFCOMI;
            seen.folds += i->op == IR_SHL || (i->op == IR_SETCOND && i->sub == IR_LTU);
            seen.twins |= i->op >= IR_MULHU && i->op <= IR_DIVUW;
        }
    }
    return seen;
}

/* Which labels a branch leads to that is reached itself. A label that only a later branch reaches is not
 * for us: its values would be nowhere yet. */
static void find_labels(HostGen *g)
{
    bool reached = true;

    memset(g->label_used, 0, g->b->n_labels + 1);
    for (IrVal v = 1; v < g->n && g->b->n_labels; v++) {
        const IrInsn *i = ir_at(g->b, v);
        unsigned flags = ir_flags(i);
        if (i->op == IR_LABEL) {
            reached |= g->label_used[i->imm];
            g->label_used[i->imm] |= reached ? LABEL_SEEN : LABEL_DEAD;
        } else if (reached && (i->op == IR_BR || i->op == IR_BRCOND)) {
            g->failed |= g->label_used[i->imm] & LABEL_DEAD;
            g->label_used[i->imm] |= LABEL_SEEN;
        }
        reached &= !(flags & IRF_T) && !(i->op == IR_CALL && is_noreturn(g->b, i));
    }
}

/* Is operand k of a sum, used by nobody else, something times 2, 4 or 8? It becomes part of the sum's LEA. */
static bool is_scaled(const HostGen *g, const IrInsn *i, unsigned k, const uint32_t *uses)
{
    const IrInsn *sh = ir_at(g->b, i->arg[k]);
    uint64_t by, c;

    return sh->op == IR_SHL && uses[i->arg[k]] == 1 && ir_const_value(g->b, sh->arg[1], &by) &&
           by >= 1 && by <= 3 && !ir_const_value(g->b, i->arg[1 - k], &c);
}

/* Is operand k of a sum, used by nobody else, a carry, or another comparison like it? It is not made, the sum
 * becomes an ADC. */
static bool is_carry(const HostGen *g, const IrInsn *i, unsigned k, const uint32_t *uses)
{
    const IrInsn *c = ir_at(g->b, i->arg[k]);
    uint64_t n;

    return c->op == IR_SETCOND && c->sub == IR_LTU && uses[i->arg[k]] == 1 &&
           !ir_const_value(g->b, c->arg[0], &n) && !ir_const_value(g->b, c->arg[1], &n) &&
           !ir_const_value(g->b, i->arg[1 - k], &n);
}

static unsigned fold_of_sum(const HostGen *g, const IrInsn *i, const uint32_t *uses)
{
    for (unsigned k = 2; k-- > 0;) {
        if (is_scaled(g, i, k, uses)) {
            return HG_SCALED + k;
        }
        if (is_carry(g, i, k, uses)) {
            g->later[g->root[ir_at(g->b, i->arg[k])->arg[0]]] |= HG_CARRY;
            return HG_ADC + k;
        }
    }
    return 0;
}

static void count_snap(const HostGen *g, const IrInsn *i, uint32_t *uses)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);

    for (unsigned e = 0; e < s->count; e++) {
        uses[g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).val]++;
    }
}

/* Count uses, and those that are addresses: a sum used as nothing else is folded into them all. What faults
 * want does not count: they can do the sum. */
static void find_folds(HostGen *g)
{
    const IrBuilder *b = g->b;
    const IrInsn *all = ir_at(b, 0);
    uint32_t *uses = g->nu; /* borrowed until find_uses */
    uint32_t *addr = g->nu + g->n;

    memset(g->nu, 0, 2 * (size_t)g->n * sizeof(uint32_t));
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = &all[v];
        for (unsigned a = 0, n = ir_nargs(i); a < n; a++) {
            uses[i->arg[a]]++;
            addr[i->arg[a]] += a == 0 && is_address_op(i->op);
        }
        if (i->snap && (ir_flags(i) & IRF_X)) {
            count_snap(g, i, uses);
        }
        if (ir_is_call(i)) {
            const IrCall *c = &g_array_index(b->calls, IrCall, i->imm);
            for (unsigned a = 0; a < 6 && c->helper->args[a] != HARG_NONE; a++) {
                uses[c->helper->args[a] < HARG_SLOT_R ? c->args[a] : 0]++;
            }
        }
    }
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = &all[v];
        if (i->op == IR_ADD) {
            g->fold[v] = fold_of_sum(g, i, uses);
        } else if (g->fold[v]) {
            g->fold[v] = uses[i->arg[0]] == addr[i->arg[0]];
        }
    }
}

/* ---- what one host instruction gives at once ---- */

#define TWIN_FAR 24 /* no farther: both take a register from the first on */

static bool same_factors(const HostGen *g, const IrInsn *x, const IrInsn *y)
{
    const IrVal *r = g->root;
    IrVal a = r[x->arg[0]], b = r[x->arg[1]], c = r[y->arg[0]], d = r[y->arg[1]];

    return (a == c && b == d) || (a == d && b == c);
}

/* The other half of the product of 128 bits that v is a half of. */
static IrVal other_half(const HostGen *g, const IrInsn *i, IrVal v)
{
    uint64_t k;

    if (ir_const_value(g->b, i->arg[0], &k) || ir_const_value(g->b, i->arg[1], &k)) {
        return 0;
    }
    for (IrVal u = v; --u && v - u < TWIN_FAR;) {
        const IrInsn *o = ir_at(g->b, u);
        bool one = (o->op == IR_MUL) != (i->op == IR_MUL), low = o->op == IR_MUL || i->op == IR_MUL;
        bool product = o->op == IR_MUL || o->op == IR_MULHU || o->op == IR_MULHS;
        if (product && one && low && o->type == IR_I64 && same_factors(g, o, i)) {
            return u;
        }
    }
    return 0;
}

/* The quotient that i is the remainder of: x - x / d * d. */
static IrVal quotient_of(const HostGen *g, const IrInsn *i, IrVal v)
{
    const IrVal *r = g->root;
    const IrInsn *m = ir_at(g->b, r[i->arg[1]]);

    for (unsigned k = 0; k < 2 && m->op == IR_MUL; k++) {
        IrVal q = r[m->arg[k]], d = r[m->arg[1 - k]];
        const IrInsn *o = ir_at(g->b, q);
        unsigned low = o->op == IR_DIVUW;
        if ((o->op == IR_DIVU || o->op == IR_DIVS || low) && o->type == i->type &&
            m->type == i->type && v - q < TWIN_FAR && r[o->arg[low]] == r[i->arg[0]] &&
            r[o->arg[low + 1]] == d) {
            return q;
        }
    }
    return 0;
}

static void find_twins(HostGen *g)
{
    memset(g->twin, 0, g->n * sizeof(*g->twin));
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = ir_at(g->b, v);
        IrVal u = 0;
        if (i->op == IR_SUB) {
            u = quotient_of(g, i, v);
        } else if ((i->op == IR_MUL || i->op == IR_MULHU || i->op == IR_MULHS) &&
                   i->type == IR_I64) {
            u = other_half(g, i, v);
        }
        if (u && !g->twin[u] && g->root[u] == u) {
            g->twin[u] = v;
            g->twin[v] = u;
        }
    }
}

/* Is v what an instruction before it makes? That has to, then. */
static bool comes_with_twin(HostGen *g, IrVal v)
{
    if (!g->twins || !g->twin[v] || g->twin[v] > v) {
        return false;
    }
    g->later[v] |= HG_TWIN;
    g->later[g->twin[v]] |= HG_TWIN;
    return true;
}

/* Is v a test of flags that COMI left shortly before? Then it compares once more itself, which costs less
 * than flags in a register. What the comparison raises it has raised already. */
static bool is_float_compare(const HostGen *g, const IrInsn *i, IrVal v)
{
    uint64_t k;

    if ((i->sub != IR_TSTZ && i->sub != IR_TSTNZ) || !takes_const(i, 1) || i->op == IR_STORE ||
        i->op >= IR_VAND || !ir_const_value(g->b, i->arg[1], &k) ||
        (k != 1 && k != 4 && k != 0x40 && k != 0x41)) {
        return false;
    }
    IrVal c = g->root[i->arg[0]];
    if (ir_at(g->b, c)->op != IR_VFCOMI || v - c > 24) {
        return false;
    }
    for (IrVal u = c + 1; u < v; u++) {
        unsigned op = ir_at(g->b, u)->op;
        if (op == IR_CALL || op == IR_LABEL) {
            return false;
        }
    }
    return true;
}

static void find_float_compares(HostGen *g)
{
    for (IrVal v = 1; v < g->n; v++) {
        g->comi[v] = is_float_compare(g, ir_at(g->b, v), v);
    }
}

/* The value that operand k is read from. */
IrVal hg_operand_root(const HostGen *g, const IrInsn *i, IrVal v, unsigned k)
{
    IrVal x = i->arg[k];

    if (k < 2 && g->comi[v]) {
        return g->root[ir_at(g->b, g->root[i->arg[0]])->arg[k]];
    }

    if (i->op == IR_ADD ? g->fold[v] == HG_SCALED + k || g->fold[v] == HG_ADC + k
                        : k == 0 && g->fold[v]) {
        x = ir_at(g->b, x)->arg[0];
    }
    return g->root[x];
}

IrVal hg_third_root(const HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->op != IR_ADD || g->fold[v] < HG_ADC) {
        return 0;
    }
    return g->root[ir_at(g->b, i->arg[g->fold[v] - HG_ADC])->arg[1]];
}

static void note_last(HostGen *g, IrVal x, IrVal at)
{
    HgVal *s = &g->val[g->root[x]];

    s->last = MAX(s->last, at);
}

static void note_hot(HostGen *g, IrVal x, IrVal at)
{
    note_last(g, x, at);
    g->later[g->root[x]] |= HG_HOT;
}

static void use_snap(HostGen *g, const IrInsn *i, IrVal v)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);

    for (unsigned e = 0; e < s->count; e++) {
        IrVal x = g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).val;
        if (ir_flags(i) & IRF_X) {
            note_hot(g, x, v);
        } else {
            note_last(g, x, v);
        }
    }
}

/* ---- what comes later ---- */

/* Only faults want v, and it is known then by what its operands are. It may keep one register that nobody
 * else keeps so long: as many as v itself. */
static bool may_come_later(const HostGen *g, const IrInsn *i, IrVal v)
{
    IrVal more = 0;

    if (i->op < IR_ADD || i->op > IR_MOVCOND || i->op == IR_DIVUW || !ir_type_is_int(i->type) ||
        g->comi[v] || (g->later[v] & (HG_HOT | HG_TWIN)) ||
        g->later[v] >> HG_DEPTH_SHIFT >= HG_DEPTH_MAX) {
        return false;
    }
    for (unsigned a = 0; a < ir_nargs(i); a++) {
        IrVal r = g->root[i->arg[a]];
        uint64_t k;
        if (ir_const_value(g->b, r, &k) || r == more || g->val[r].last >= g->val[v].last) {
            continue;
        }
        if (more) {
            return false;
        }
        more = r;
    }
    return true;
}

static void come_later(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned depth = (g->later[v] >> HG_DEPTH_SHIFT) + 1;

    g->later[v] |= HG_LATER;
    for (unsigned a = 0; a < ir_nargs(i); a++) {
        IrVal r = g->root[i->arg[a]];
        note_last(g, r, g->val[v].last);
        if (g->later[r] >> HG_DEPTH_SHIFT < depth) {
            g->later[r] = (g->later[r] & ((1u << HG_DEPTH_SHIFT) - 1)) | depth << HG_DEPTH_SHIFT;
        }
    }
}

void hg_each_known(HostGen *g, IrVal v, HgValueFn fn)
{
    IrVal r = g->root[v];
    const IrInsn *i = ir_at(g->b, r);

    if (!(g->later[r] & HG_LATER)) {
        fn(g, r);
        return;
    }
    for (unsigned a = 0; a < ir_nargs(i); a++) {
        hg_each_known(g, i->arg[a], fn);
    }
}

static HostPinSet pins_in_snap(const HostGen *g, uint32_t snap)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, snap);
    HostPinSet m = 0;

    for (unsigned e = 0; e < s->count; e++) {
        unsigned p =
            hg_pin_of(g, g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).slot);
        m |= p ? 1u << (p - 1) : 0;
    }
    return m;
}

/* Pins whose home must be as it is before the instruction, given those needed after it. */
static HostPinSet needed_before(HostGen *g, const IrInsn *i, HostPinSet needed)
{
    const HostPinSet all = hg_all_pins(g);
    unsigned flags = ir_flags(i), p;

    switch (i->op) {
    case IR_LABEL:
    case IR_BR:
    case IR_BRCOND: return all;
    case IR_GET: p = hg_pin_of(g, i->imm); return p ? needed | 1u << (p - 1) : needed;
    case IR_PUT: p = hg_pin_of(g, i->imm); return p ? needed & ~(1u << (p - 1)) : needed;
    case IR_CALL: {
        const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
        for (unsigned a = 0; a < 6 && c->helper->args[a] != HARG_NONE; a++) {
            if (c->helper->args[a] >= HARG_SLOT_R) {
                return all;
            }
        }
        if (c->helper->flags & (HELPER_READS | HELPER_WRITES)) {
            return all;
        }
        if (c->helper->flags & HELPER_NORETURN) {
            needed = 0;
        }
        break;
    }
    default:
        if (flags & IRF_T) {
            needed = 0;
        }
        break;
    }
    if (i->snap) {
        needed |= all & ~pins_in_snap(g, i->snap);
    }
    return needed;
}

static void hint_snap(HostGen *g, const IrInsn *i)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);

    for (unsigned e = 0; e < s->count; e++) {
        const IrSnapEntry *se = &g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e);
        unsigned p = hg_pin_of(g, se->slot);
        if (p) {
            g->val[g->root[se->val]].hint = g->pins->pin[p - 1].reg;
        }
    }
}

static void find_uses_of(HostGen *g, const IrInsn *i, IrVal v)
{
    uint64_t k;

    IrVal third = hg_third_root(g, i, v);
    if (third) {
        note_hot(g, third, v);
        g->nu[v * 4 + 2] = g->val[third].next;
        g->val[third].next = v;
    }
    for (unsigned a = ir_nargs(i); a-- > 0;) {
        IrVal r = hg_operand_root(g, i, v, a);
        if (takes_const(i, a) && ir_const_value(g->b, r, &k)) {
            g->imm[v] |= 1u << a;
            continue;
        }
        note_hot(g, r, v);
        if (i->op != IR_PUT && i->op != IR_VARSET && !(ir_flags(i) & IRF_T)) {
            g->nu[v * 4 + a] = g->val[r].next;
            g->val[r].next = v;
        }
    }
    if (ir_is_call(i)) {
        const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
        for (unsigned a = 0; a < 6 && c->helper->args[a] != HARG_NONE; a++) {
            if (c->helper->args[a] < HARG_SLOT_R) {
                note_hot(g, c->args[a], v);
            }
        }
    }
    unsigned p = i->op == IR_GET || i->op == IR_PUT ? hg_pin_of(g, i->imm) : 0;
    if (p && i->op == IR_GET) {
        g->nu[v * 4] = g->pin_next[p - 1];
        g->pin_next[p - 1] = v;
    } else if (p) {
        g->val[g->root[i->arg[0]]].hint = g->pins->pin[p - 1].reg;
    }
    if (i->snap) {
        use_snap(g, i, v);
        if (ir_flags(i) & IRF_X) {
            hint_snap(g, i);
        }
    }
}

/* A value from before a loop that is used in it lasts until the jump back. */
static void extend_over_loops(HostGen *g)
{
    g_autofree uint32_t *at = NULL;

    if (!g->b->n_labels) {
        return;
    }
    at = g_new0(uint32_t, g->b->n_labels + 1);
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = ir_at(g->b, v);
        if (i->op == IR_LABEL) {
            at[i->imm] = v;
        } else if ((i->op == IR_BR || i->op == IR_BRCOND) && at[i->imm]) {
            for (IrVal u = 1; u < at[i->imm]; u++) {
                if (g->val[u].last > at[i->imm] && g->val[u].last < v) {
                    g->val[u].last = v;
                }
            }
        }
    }
}

void hg_analyse(HostGen *g)
{
    HostPinSet needed = 0;

    memset(g->imm, 0, g->n);
    memset(g->comi, 0, g->n);
    memset(g->later, 0, g->n);
    memset(g->fold, 0, g->n);
    for (unsigned p = 0; p < g->pins->n; p++) {
        g->pin_next[p] = UINT32_MAX;
    }
    find_labels(g);
    Seen seen = find_roots(g);
    if (seen.folds) {
        find_folds(g);
    }
    hg_find_windows(g, seen.accesses);
    if (seen.accesses) {
        hg_find_late(g);
    }
    if (seen.comi) {
        find_float_compares(g);
    }
    g->twins = seen.twins;
    if (seen.twins) {
        find_twins(g);
    }
    for (IrVal v = g->n; v-- > 1;) {
        const IrInsn *i = ir_at(g->b, v);
        g->dead_after[v] = ~needed;
        if (i->op == IR_NOP || g->root[v] != v) {
            continue;
        }
        g->failed |= i->type == IR_V256 && !g->code->wide;
        if (!g->val[v].last && ir_only_result(i) && !(g->later[v] & HG_TWIN)) {
            continue; /* folded into its users: never emitted, uses nothing */
        }
        if (may_come_later(g, i, v)) {
            come_later(g, i, v);
            continue;
        }
        if (comes_with_twin(g, v)) {
            continue;
        }
        needed = needed_before(g, i, needed);
        find_uses_of(g, i, v);
    }
    extend_over_loops(g);
}
