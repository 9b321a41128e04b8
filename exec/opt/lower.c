/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lowering of guest state: puts become lazy.
 *
 * Invariants, at every point of the walk:
 *  1. known[s] is the value of slot s as the guest sees it, if not 0.
 *  2. dirty[s] means CpuState does not hold it yet; then known[s] != 0.
 *  3. base is the list of (slot, value) that, written to CpuState, makes the state of the current
 *     guest instruction's start (or last commit), whatever was put since.
 *  4. At labels nothing is dirty and nothing is known.
 */
#include <string.h>
#include "exec/ir/ir-priv.h"
#include "opt.h"

struct SlotMap {
    unsigned n;
    uint32_t *first; /* n + 1 */
    IrSlot *list;    /* others that overlap slot s: list[first[s] .. first[s + 1]) */
};

SlotMap *slot_map_new(const IrSlotTable *t)
{
    SlotMap *m = g_new0(SlotMap, 1);
    GArray *list = g_array_new(FALSE, FALSE, sizeof(IrSlot));

    m->n = t->count;
    m->first = g_new0(uint32_t, t->count + 1);
    for (unsigned a = 0; a < t->count; a++) {
        const IrSlotDesc *x = &t->slots[a];
        m->first[a] = list->len;
        for (unsigned c = 0; c < t->count; c++) {
            const IrSlotDesc *y = &t->slots[c];
            if (a != c && x->offset < y->offset + y->size && y->offset < x->offset + x->size) {
                IrSlot s = c;
                g_array_append_val(list, s);
            }
        }
    }
    m->first[t->count] = list->len;
    m->list = (IrSlot *)g_array_free(list, FALSE);
    return m;
}

void slot_map_free(SlotMap *m)
{
    if (m) {
        g_free(m->first);
        g_free(m->list);
        g_free(m);
    }
}

bool slot_map_overlaps(const SlotMap *m, IrSlot s)
{
    return m->first[s] != m->first[s + 1];
}

bool slot_map_overlaps_any(const SlotMap *m, IrSlot s, const uint8_t *set)
{
    for (unsigned k = m->first[s]; k < m->first[s + 1]; k++) {
        if (set[m->list[k]]) {
            return true;
        }
    }
    return false;
}

typedef struct Lower {
    const IrBuilder *src;
    IrBuilder *dst;
    const SlotMap *slots;
    bool opt;
    IrVal *map;     /* src value -> dst value */
    IrVal *known;   /* by slot */
    uint8_t *dirty; /* by slot */
    uint8_t *fresh; /* by slot: put since the base was taken */
    IrSlot *order;  /* slots with known or dirty, each once, in order of first appearance */
    uint8_t *listed;
    unsigned n_order;
    IrSnapEntry *base;
    unsigned n_base;
    bool changed; /* something was put, or base is not what is dirty: take_base has work */
    uint64_t pc;
    uint32_t aux;
    uint32_t base_snap; /* cached snapshot of base, 0 = none yet */
    bool rolled;        /* base undoes a store already made: one must be made again after a sync */
} Lower;

static void note(Lower *l, IrSlot s)
{
    if (!l->listed[s]) {
        l->listed[s] = 1;
        l->order[l->n_order++] = s;
    }
}

static bool in_base(const Lower *l, IrSlot s)
{
    for (unsigned i = 0; i < l->n_base; i++) {
        if (l->base[i].slot == s) {
            return true;
        }
    }
    return false;
}

/* Store a dirty slot. One put in this instruction would be lost to a rollback: save what memory
 * has, for the base, first. */
static void flush_slot(Lower *l, IrSlot s, bool keep_rollback)
{
    if (!l->dirty[s]) {
        return;
    }
    IrType t = l->dst->slots->slots[s].type;
    if (keep_rollback && l->fresh[s] && !in_base(l, s)) {
        IrSnapEntry e = { .slot = s, .val = ir_emit(l->dst, IR_GET, t, 0, 0, 0, 0, 0, s) };
        /* First: what other entries owe to parts of it must win. */
        memmove(l->base + 1, l->base, l->n_base++ * sizeof(*l->base));
        l->base[0] = e;
        l->changed = true;
        l->base_snap = 0;
    }
    l->rolled |= l->fresh[s];
    ir_emit(l->dst, IR_PUT, t, 0, l->known[s], 0, 0, 0, s);
    l->dirty[s] = 0;
    l->changed = true;
}

/* The current state becomes what a fault restores. */
static void take_base(Lower *l)
{
    l->base_snap = 0;
    l->rolled = false;
    if (!l->changed) {
        return;
    }
    l->changed = false;
    l->n_base = 0;
    for (unsigned i = 0; i < l->n_order; i++) {
        IrSlot s = l->order[i];
        if (l->dirty[s]) {
            l->base[l->n_base++] = (IrSnapEntry){ .slot = s, .val = l->known[s] };
        }
        l->fresh[s] = 0;
    }
}

static void flush_all(Lower *l)
{
    for (unsigned i = 0; i < l->n_order; i++) {
        flush_slot(l, l->order[i], false);
    }
    take_base(l);
}

static void forget_all(Lower *l)
{
    for (unsigned i = 0; i < l->n_order; i++) {
        l->known[l->order[i]] = 0;
        l->listed[l->order[i]] = 0;
    }
    l->n_order = 0;
}

static uint32_t snap_from(Lower *l, const IrSnapEntry *e, unsigned n)
{
    IrSnap s = { .pc = l->pc, .aux = l->aux, .first = l->dst->snap_entries->len, .count = n };

    for (unsigned i = 0; i < n; i++) {
        ir_push(l->dst->snap_entries, IR_ROOM_ENTRIES, IrSnapEntry, e[i]);
    }
    ir_push(l->dst->snaps, IR_ROOM_SNAPS, IrSnap, s);
    return l->dst->snaps->len - 1;
}

static uint32_t fault_snap(Lower *l)
{
    if (!l->base_snap) {
        l->base_snap = snap_from(l, l->base, l->n_base);
    }
    return l->base_snap;
}

/* What is owed at an exit, without the groups that are dead there. */
static uint32_t exit_snap(Lower *l, uint8_t dead)
{
    uint32_t n = snap_from(l, NULL, 0);
    IrSnap *snap = &g_array_index(l->dst->snaps, IrSnap, n);

    for (unsigned i = 0; i < l->n_order; i++) {
        IrSlot s = l->order[i];
        if (l->dirty[s] && !(l->dst->slots->slots[s].group & dead)) {
            IrSnapEntry e = { .slot = s, .val = l->known[s] };
            ir_push(l->dst->snap_entries, IR_ROOM_ENTRIES, IrSnapEntry, e);
            snap->count++;
        }
    }
    return n;
}

/* The new value of v. One that was defined where nothing gets to any more, because a condition turned
 * out to hold always, may be used where nothing gets to either: any value will do. */
static IrVal use(Lower *l, IrVal v)
{
    IrType t = ir_type(l->src, v);

    if (l->map[v] || !v) {
        return l->map[v];
    }
    return ir_type_is_vec(t) ? ir_vzero(l->dst, t) : ir_const(l->dst, t, 0);
}

/* Is x 64 bits of the vector y, scalars of which live in vector registers? */
static bool is_half(const IrSlotDesc *x, const IrSlotDesc *y)
{
    return x->type == IR_V128 && x->size == 8 && y->type == IR_V128 && y->size == 16 &&
           (x->offset == y->offset || x->offset == y->offset + 8);
}

/* What is known of a vector, or of its halves, without a store in between; 0: nothing. Only what was put is
 * dirty, as ever. */
static IrVal get_by_halves(Lower *l, IrSlot s)
{
    const IrSlotDesc *d = l->dst->slots->slots;
    IrVal v = 0;

    for (unsigned i = l->slots->first[s]; i < l->slots->first[s + 1]; i++) {
        IrSlot o = l->slots->list[i];
        if (l->known[o] && is_half(&d[s], &d[o])) {
            return ir_vlane(l->dst, V64, l->known[o], (d[s].offset - d[o].offset) / 8);
        }
        if (l->dirty[o] && !is_half(&d[o], &d[s])) {
            return 0;
        }
    }
    for (unsigned i = l->slots->first[s]; i < l->slots->first[s + 1]; i++) {
        IrSlot o = l->slots->list[i];
        if (l->dirty[o]) {
            v = v ? v : ir_emit(l->dst, IR_GET, IR_V128, 0, 0, 0, 0, 0, s);
            v = ir_vinslane(l->dst, V64, v, l->known[o], (d[o].offset - d[s].offset) / 8);
        }
    }
    return v;
}

static IrVal lower_get(Lower *l, IrSlot s)
{
    if (l->known[s] && (l->opt || l->dirty[s])) {
        return l->known[s];
    }
    IrVal known = l->opt ? get_by_halves(l, s) : 0;
    if (known) {
        l->known[s] = known;
        note(l, s);
        return known;
    }
    for (unsigned i = l->slots->first[s]; i < l->slots->first[s + 1]; i++) {
        flush_slot(l, l->slots->list[i], true);
    }
    IrVal v = ir_emit(l->dst, IR_GET, l->dst->slots->slots[s].type, 0, 0, 0, 0, 0, s);
    l->known[s] = v;
    note(l, s);
    return v;
}

/* Memory of s is about to change, or its value is: others that overlap lose what they knew. */
static void clobber_overlaps(Lower *l, IrSlot s, bool whole)
{
    const IrSlotDesc *d = l->dst->slots->slots;

    for (unsigned i = l->slots->first[s]; i < l->slots->first[s + 1]; i++) {
        IrSlot o = l->slots->list[i];
        bool covered = whole && d[s].offset <= d[o].offset &&
                       d[o].offset + d[o].size <= d[s].offset + d[s].size;
        if (covered) {
            l->changed |= l->dirty[o];
            l->dirty[o] = 0;
        } else {
            flush_slot(l, o, true);
        }
        l->known[o] = 0;
    }
}

static IrVal truncated(Lower *l, IrSlot s, IrVal v)
{
    const IrSlotDesc *d = &l->dst->slots->slots[s];

    /* A get must see what memory would have kept. */
    if (d->type == IR_V128 && d->size == 8) {
        return ir_vlane(l->dst, V64, v, 0);
    }
    switch (d->type == IR_I32 || d->type == IR_I64 ? d->size : 8) {
    case 1: return ir_emit(l->dst, IR_ZEXT8, d->type, 0, v, 0, 0, 0, 0);
    case 2: return ir_emit(l->dst, IR_ZEXT16, d->type, 0, v, 0, 0, 0, 0);
    case 4:
        return d->type == IR_I32 ? v
                                 : ir_emit(l->dst, IR_EXTRACTU, IR_I64, 0, v, 0, 0, 0, 32u << 8);
    default: return v;
    }
}

static void lower_put(Lower *l, IrSlot s, IrVal v)
{
    v = truncated(l, s, v);
    if (l->opt && l->known[s] == v) {
        return; /* it has this value already */
    }
    clobber_overlaps(l, s, true);
    l->known[s] = v;
    l->dirty[s] = 1;
    l->fresh[s] = 1;
    l->changed = true;
    note(l, s);
}

/* A helper that may fault may also apply base and return. Where that undoes stores already made: what
 * memory has now, for put_again. */
static unsigned rolled_values(Lower *l, IrSnapEntry *now)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n_base; i++) {
        IrSlot s = l->base[i].slot;
        if (!l->dirty[s]) { /* else a store is still to come */
            IrType t = l->dst->slots->slots[s].type;
            IrVal v = l->known[s] ? l->known[s] : ir_emit(l->dst, IR_GET, t, 0, 0, 0, 0, 0, s);
            now[n++] = (IrSnapEntry){ .slot = s, .val = v };
        }
    }
    return n;
}

static void put_again(Lower *l, const IrSnapEntry *now, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        IrType t = l->dst->slots->slots[now[i].slot].type;
        ir_emit(l->dst, IR_PUT, t, 0, now[i].val, 0, 0, 0, now[i].slot);
    }
}

static void lower_call(Lower *l, const IrInsn *i, IrVal from)
{
    g_autofree IrSnapEntry *now = NULL;
    unsigned n_now = 0;
    IrCall c = g_array_index(l->src->calls, IrCall, i->imm);
    unsigned flags = c.helper->flags;
    bool slot_write = false, slot_args = false;

    for (unsigned k = 0; k < 6 && c.helper->args[k] != HARG_NONE; k++) {
        if (c.helper->args[k] >= HARG_SLOT_R) {
            IrSlot s = c.args[k];
            flush_slot(l, s, false);
            for (unsigned j = l->slots->first[s]; j < l->slots->first[s + 1]; j++) {
                flush_slot(l, l->slots->list[j], false);
            }
            slot_args = true;
            slot_write |= c.helper->args[k] != HARG_SLOT_R;
        } else {
            c.args[k] = use(l, c.args[k]);
        }
    }
    if (flags & (HELPER_READS | HELPER_WRITES)) {
        flush_all(l);
    } else if (slot_args) {
        take_base(l);
    } else if ((flags & HELPER_FAULTS) && !(flags & HELPER_NORETURN) && l->rolled) {
        now = g_new(IrSnapEntry, l->n_base);
        n_now = rolled_values(l, now);
    }
    ir_push(l->dst->calls, IR_ROOM_CALLS, IrCall, c);
    IrVal v = ir_emit(l->dst, IR_CALL, i->type, 0, 0, 0, 0, 0, l->dst->calls->len - 1);
    if (flags & (HELPER_FAULTS | HELPER_NORETURN)) {
        ir_at(l->dst, v)->snap = fault_snap(l);
    }
    l->map[from] = v;
    put_again(l, now, n_now);
    if (flags & HELPER_WRITES) {
        forget_all(l);
    } else if (slot_write) {
        for (unsigned k = 0; k < 6 && c.helper->args[k] != HARG_NONE; k++) {
            if (c.helper->args[k] > HARG_SLOT_R) {
                l->known[c.args[k]] = 0;
                clobber_overlaps(l, c.args[k], false);
            }
        }
        take_base(l);
    }
    if (flags & HELPER_NORETURN) {
        l->dst->ended = true;
    }
}

static void lower_call_if(Lower *l, const IrInsn *i, IrVal from)
{
    const IrCall *c = &g_array_index(l->src->calls, IrCall, i->imm);
    IrVal args[6];

    for (unsigned k = 0; k < 6; k++) {
        args[k] = c->helper->args[k] != HARG_NONE ? use(l, c->args[k]) : 0;
    }
    l->map[from] = ir_call_if(l->dst, i->sub, use(l, i->arg[0]), use(l, i->arg[1]),
                              use(l, i->arg[2]), c->helper, args);
}

/* A branch, exit or raise on a condition, with operands now known better: false, it never happens; it
 * may have become one that always does. */
static bool simplify_condition(Lower *l, IrInsn *n, IrVal a[4])
{
    if (n->op != IR_BRCOND && n->op != IR_EXIT_DIRECT_IF && n->op != IR_RAISE_IF) {
        return true;
    }
    IrCondition q = { n->sub, a[0], a[1] };
    ir_fold_cond(l->dst, &q);
    int d = ir_cond_decided(l->dst, &q);
    n->sub = q.c;
    n->type = ir_type(l->dst, q.x);
    a[0] = q.x;
    a[1] = q.y;
    if (d == 1) {
        n->op = n->op == IR_BRCOND ? IR_BR : n->op == IR_RAISE_IF ? IR_RAISE : IR_EXIT_DIRECT;
        n->type = IR_VOID;
        n->sub = 0;
        a[0] = a[1] = 0;
    }
    return d != 0;
}

static void lower_other(Lower *l, const IrInsn *i, IrVal from)
{
    IrVal a[4] = { 0 };

    for (unsigned k = 0, args = ir_nargs(i); k < args; k++) {
        a[k] = use(l, i->arg[k]);
    }
    if (i->op == IR_INSN) {
        a[3] = i->arg[3];
    }
    IrInsn n = *i;
    if (!simplify_condition(l, &n, a)) {
        return;
    }
    unsigned flags = ir_flags(&n);
    IrVal v = ir_emit(l->dst, n.op, n.type, n.sub, a[0], a[1], a[2], a[3], i->imm);
    l->map[from] = v;
    if (flags & IRF_X) {
        uint8_t dead = l->opt ? i->dead : 0;
        ir_at(l->dst, v)->snap = exit_snap(l, dead);
        ir_at(l->dst, v)->dead = dead;
    } else if (flags & IRF_F) {
        ir_at(l->dst, v)->snap = fault_snap(l);
    }
}

static void lower_insn(Lower *l, IrVal from)
{
    const IrInsn *i = ir_at(l->src, from);

    switch (i->op) {
    case IR_NOP: break;
    case IR_GET: l->map[from] = lower_get(l, i->imm); break;
    case IR_PUT: lower_put(l, i->imm, use(l, i->arg[0])); break;
    case IR_CONST: l->map[from] = ir_const(l->dst, i->type, i->imm); break;
    case IR_INSN:
        if (!l->opt) {
            flush_all(l);
        }
        l->pc = i->imm;
        l->aux = i->arg[3];
        take_base(l);
        lower_other(l, i, from);
        break;
    case IR_COMMIT: take_base(l); break;
    case IR_LABEL:
        if (!l->dst->ended) {
            flush_all(l);
        }
        memset(l->dirty, 0, l->slots->n);
        l->changed = true;
        forget_all(l);
        take_base(l);
        lower_other(l, i, from);
        break;
    case IR_BR:
    case IR_BRCOND:
        flush_all(l);
        lower_other(l, i, from);
        break;
    case IR_CALL: lower_call(l, i, from); break;
    case IR_CALL_IF: lower_call_if(l, i, from); break;
    default: lower_other(l, i, from); break;
    }
}

void opt_lower(const IrBuilder *src, IrBuilder *dst, const SlotMap *map, bool optimise)
{
    unsigned n = map->n;
    IrVal values[IR_MAX_INSNS + 1];
    unsigned even = (n + 7) & ~7u; /* what follows is aligned */
    IrVal *known =
        ir_scratch(dst, even * (sizeof(IrVal) + 3), n * (sizeof(IrSnapEntry) + sizeof(IrSlot)));
    uint8_t *bytes = (uint8_t *)(known + even);
    IrSnapEntry *base = (IrSnapEntry *)(bytes + 3 * even);
    IrSlot *order = (IrSlot *)(base + n);
    Lower l = {
        .src = src,
        .dst = dst,
        .slots = map,
        .opt = optimise,
        .map = values,
        .known = known,
        .dirty = bytes,
        .fresh = bytes + n,
        .listed = bytes + 2 * n,
        .order = order,
        .base = base,
        .changed = true,
    };

    ir_reset(dst, src->slots);
    if (ir_count(src) > IR_MAX_INSNS) {
        dst->overflow = true;
        return;
    }
    memset(values, 0, ir_count(src) * sizeof(*values));
    dst->no_fold = !optimise;
    dst->merge = optimise;
    dst->n_labels = src->n_labels;
    dst->n_vars = src->n_vars;
    memcpy(dst->var_type, src->var_type, sizeof(dst->var_type));
    if (src->pool->len) {
        g_array_append_vals(dst->pool, src->pool->data, src->pool->len);
    }
    for (IrVal v = 1; v < ir_count(src); v++) {
        bool dead = dst->ended && ir_at(src, v)->op != IR_LABEL;
        if (!dead) {
            lower_insn(&l, v);
        }
    }
    dst->lowered = true;
    dst->overflow |= src->overflow;
}
