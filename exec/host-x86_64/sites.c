/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sites: what tells a fault where the guest state is. While code is made they are arrays; what a region keeps is
 * a string of bytes, since it is read at real faults only:
 *
 *   site:   flags (what is as in the site before it), then what is not so: distance of the return address from
 *           the last one, of the pc, pins, aux, number of entries, entries
 *   entry:  slot, value
 *   value:  kind | register << 4 (LOC_CELL, LOC_POOL, LOC_CONST: then the cell, number, value); or what only a
 *           fault wants: LOC_LATER | operands << 4, operation, sub, types, immediate, then its operands as values
 *
 * Numbers are in groups of seven bits, lowest first; signed ones (distances, values) are folded so that small
 * ones are short.
 */
#include <string.h>
#include "host-priv.h"

enum {
    SAME_PC = 1,
    SAME_PINS = 2,
    SAME_AUX = 4,
    SAME_ENTRIES = 8,
};

/* ---- numbers as bytes ---- */

#define NUMBER_MAX 10
#define VALUE_MAX  (4 + NUMBER_MAX)     /* without operands */
#define SITE_MAX   (1 + 5 * NUMBER_MAX) /* without entries */

/* Room for n bytes more, so that each is a store. */
static void reserve(GByteArray *to, size_t n)
{
    unsigned len = to->len;

    g_byte_array_set_size(to, len + n);
    to->len = len;
}

static void put_byte(GByteArray *to, uint8_t b)
{
    to->data[to->len++] = b;
}

static void put_number(GByteArray *to, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        put_byte(to, v | 0x80);
    }
    put_byte(to, v);
}

static void put_signed(GByteArray *to, uint64_t v)
{
    put_number(to, v << 1 ^ (uint64_t)((int64_t)v >> 63));
}

static uint64_t get_number(const uint8_t **p)
{
    uint64_t v = *(*p)++;

    if (v & 0x80) {
        unsigned shift = 0;
        v &= 0x7f;
        do {
            shift += 7;
            v |= (uint64_t)(**p & 0x7f) << shift;
        } while (*(*p)++ & 0x80);
    }
    return v;
}

static uint64_t get_signed(const uint8_t **p)
{
    uint64_t v = get_number(p);

    return v >> 1 ^ -(v & 1);
}

/* ---- while code is generated ---- */

enum {                 /* types of an operation */
    WIDE_OPERANDS = 1, /* the first two are of 64 bits */
    WIDE_RESULT = 2,   /* and so are other operands */
};

static HostLoc where(HostGen *g, IrVal v)
{
    return g->in_cells ? hg_where_memory(g, v) : hg_where(g, v);
}

static void put_at(GByteArray *to, const HostSiteEntry *e)
{
    put_byte(to, e->kind | e->reg << 4);
    if (e->kind == LOC_CONST) {
        put_signed(to, e->k);
    } else if (e->kind == LOC_CELL || e->kind == LOC_POOL) {
        put_number(to, e->k);
    }
}

static HostSiteEntry entry_at(HostLoc at)
{
    HostSiteEntry e = { .kind = at.kind };

    switch (at.kind) {
    case LOC_REG:
    case LOC_VREG: e.reg = at.reg; break;
    case LOC_CELL: e.k = (uint64_t)at.off; break;
    default: e.k = at.k; break;
    }
    return e;
}

/* An integer, by root. */
static void put_value(HostGen *g, GByteArray *to, IrVal r)
{
    const IrInsn *i = ir_at(g->b, r);
    unsigned n = ir_nargs(i);

    reserve(to, VALUE_MAX);
    if (!(g->later[r] & HG_LATER)) {
        HostSiteEntry e = entry_at(where(g, r));
        put_at(to, &e);
        return;
    }
    put_byte(to, LOC_LATER | n << 4);
    put_byte(to, i->op);
    put_byte(to, i->sub);
    put_byte(to, (ir_type(g->b, i->arg[0]) == IR_I64 ? WIDE_OPERANDS : 0) |
                     (i->type == IR_I64 ? WIDE_RESULT : 0));
    put_number(to, i->imm);
    for (unsigned a = 0; a < n; a++) {
        put_value(g, to, g->root[i->arg[a]]);
    }
}

static HostSiteEntry site_entry(HostGen *g, const IrSnapEntry *se)
{
    HostSiteEntry e = { .kind = LOC_LATER };
    IrVal r = g->root[se->val];

    if (g->later[r] & HG_LATER) {
        unsigned at = g->later_bytes->len;
        put_value(g, g->later_bytes, r);
        e.k = at | (uint64_t)(g->later_bytes->len - at) << 32;
    } else {
        e = entry_at(where(g, r));
    }
    e.slot = se->slot;
    return e;
}

uint32_t hg_site(HostGen *g, uint32_t snap)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, snap);
    HostSite site = { .first = g->entries->len,
                      .count = s->count,
                      .pins = g->home_reg & ~g->home_mem,
                      .aux = s->aux,
                      .pc = s->pc };

    for (unsigned k = 0; k < s->count; k++) {
        HostSiteEntry e =
            site_entry(g, &g_array_index(g->b->snap_entries, IrSnapEntry, s->first + k));
        ir_push(g->entries, HG_ROOM, HostSiteEntry, e);
    }
    ir_push(g->sites, HG_ROOM, HostSite, site);
    return g->sites->len;
}

void hg_site_at(HostGen *g, uint32_t site)
{
    if (site) {
        g_array_index(g->sites, HostSite, site - 1).ra = asm_size(&g->as);
    }
}

/* Right behind a call: a no-operation whose displacement leads to the region's head, where its Tb
 * is (host_current). */
void hg_site_here(HostGen *g, uint32_t site)
{
    static const uint8_t nop7[3] = { 0x0f, 0x1f, 0x80 };
    int32_t back = -(int32_t)asm_size(&g->as);

    hg_site_at(g, site);
    asm_data(&g->as, nop7, 3);
    asm_data(&g->as, &back, 4);
}

/* ---- as bytes ---- */

static const uint8_t *later_of(const HostGen *g, const HostSiteEntry *e, unsigned *n)
{
    *n = e->k >> 32;
    return g->later_bytes->data + (uint32_t)e->k;
}

static void put_entries(const HostGen *g, GByteArray *to, const HostSiteEntry *e, unsigned n)
{
    size_t most = NUMBER_MAX;

    for (unsigned k = 0; k < n; k++) {
        most += NUMBER_MAX + (e[k].kind == LOC_LATER ? e[k].k >> 32 : VALUE_MAX);
    }
    reserve(to, most);
    put_number(to, n);
    for (unsigned k = 0; k < n; k++, e++) {
        put_number(to, e->slot);
        if (e->kind == LOC_LATER) {
            unsigned bytes;
            const uint8_t *p = later_of(g, e, &bytes);
            memcpy(to->data + to->len, p, bytes);
            to->len += bytes;
        } else {
            put_at(to, e);
        }
    }
}

static bool same_entry(const HostGen *g, const HostSiteEntry *x, const HostSiteEntry *y)
{
    unsigned n, m;

    if (x->slot != y->slot || x->kind != y->kind || x->reg != y->reg) {
        return false;
    }
    if (x->kind == LOC_LATER) {
        const uint8_t *p = later_of(g, x, &n), *q = later_of(g, y, &m);
        return n == m && !memcmp(p, q, n);
    }
    return x->k == y->k;
}

static bool same_entries(const HostGen *g, const HostSite *a, const HostSite *b)
{
    const HostSiteEntry *x = &g_array_index(g->entries, HostSiteEntry, a->first),
                        *y = &g_array_index(g->entries, HostSiteEntry, b->first);

    for (unsigned k = 0; k < a->count && a->count == b->count; k++) {
        if (!same_entry(g, &x[k], &y[k])) {
            return false;
        }
    }
    return a->count == b->count;
}

unsigned hg_put_sites(const HostGen *g, GByteArray *to)
{
    HostSite last = { .pc = g->tb->key.pc };
    unsigned n = 0;

    for (unsigned k = 0; k < g->sites->len; k++) {
        const HostSite *s = &g_array_index(g->sites, HostSite, k);
        if (!s->ra) {
            continue; /* its call was not made */
        }
        unsigned same = (s->pc == last.pc ? SAME_PC : 0) | (s->pins == last.pins ? SAME_PINS : 0) |
                        (s->aux == last.aux ? SAME_AUX : 0) |
                        (same_entries(g, s, &last) ? SAME_ENTRIES : 0);
        reserve(to, SITE_MAX);
        put_byte(to, same);
        put_signed(to, (uint64_t)((int64_t)s->ra - (int64_t)last.ra));
        if (!(same & SAME_PC)) {
            put_signed(to, s->pc - last.pc);
        }
        if (!(same & SAME_PINS)) {
            put_number(to, s->pins);
        }
        if (!(same & SAME_AUX)) {
            put_number(to, s->aux);
        }
        if (!(same & SAME_ENTRIES)) {
            put_entries(g, to, &g_array_index(g->entries, HostSiteEntry, s->first), s->count);
        }
        last = *s;
        n++;
    }
    return n;
}

/* ---- at a fault ---- */

typedef struct Entry {
    unsigned slot, kind, reg;
    uint64_t k; /* of LOC_LATER the value itself */
} Entry;

static uint64_t compute(unsigned op, unsigned sub, unsigned types, uint64_t imm, const uint64_t *a)
{
    IrType t = types & WIDE_OPERANDS ? IR_I64 : IR_I32;
    uint64_t v = 0;

    if (op == IR_MOVCOND) {
        return ir_eval_cond((IrCond)sub, t, a[0], a[1]) ? a[2] : a[3];
    }
    ir_eval((IrOp)op, t, sub, a[0], a[1], imm, &v);
    return v;
}

/* f NULL: only skip it. */
static Entry get_value(const uint8_t **p, const HostFrame *f)
{
    Entry e = { .kind = **p & 15, .reg = **p >> 4 };

    (*p)++;
    if (e.kind == LOC_CONST) {
        e.k = get_signed(p);
    } else if (e.kind == LOC_CELL || e.kind == LOC_POOL) {
        e.k = get_number(p);
    } else if (e.kind == LOC_LATER) {
        unsigned op = *(*p)++, sub = *(*p)++, types = *(*p)++;
        uint64_t imm = get_number(p), a[4] = { 0 };
        for (unsigned k = 0; k < e.reg; k++) {
            bool wide = types & (k < 2 ? WIDE_OPERANDS : WIDE_RESULT);
            Entry x = get_value(p, f);
            uint64_t v = x.k;
            if (f && x.kind == LOC_REG) {
                v = f->reg[x.reg];
            } else if (f && x.kind == LOC_CELL) {
                memcpy(&v, (const uint8_t *)f + x.k, 8);
            }
            a[k] = wide ? v : (uint32_t)v;
        }
        e.k = f ? compute(op, sub, types, imm, a) : 0;
    }
    return e;
}

static Entry get_entry(const uint8_t **p, const HostFrame *f)
{
    unsigned slot = (unsigned)get_number(p);
    Entry e = get_value(p, f);

    e.slot = slot;
    return e;
}

static void skip_entries(const uint8_t **p)
{
    for (uint64_t n = get_number(p); n; n--) {
        get_entry(p, NULL);
    }
}

/* The site of this return address; *entries: where its entries are, NULL: none. False: no site. */
static bool find_site(const Tb *tb, uint32_t ra, HostSite *s, const uint8_t **entries)
{
    const uint8_t *p = host_sites(tb->host);

    *s = (HostSite){ .pc = tb->key.pc };
    *entries = NULL;
    for (unsigned k = 0; k < tb->host->n_sites; k++) {
        unsigned same = *p++;
        s->ra += (uint32_t)get_signed(&p);
        s->pc += same & SAME_PC ? 0 : get_signed(&p);
        s->pins = same & SAME_PINS ? s->pins : (HostPinSet)get_number(&p);
        s->aux = same & SAME_AUX ? s->aux : (uint32_t)get_number(&p);
        if (!(same & SAME_ENTRIES)) {
            *entries = p;
            skip_entries(&p);
        }
        if (s->ra == ra) {
            return true;
        }
    }
    return false;
}

static void apply_entry(CpuState *cpu, const Tb *tb, const Entry *e)
{
    const IrSlotDesc *d = &cpu->ops->slots.slots[e->slot];
    const HostFrame *f = cpu->priv->hframe;
    const void *from;

    switch (e->kind) {
    case LOC_REG: from = &f->reg[e->reg]; break;
    case LOC_VREG: from = &f->vreg[e->reg]; break;
    case LOC_CELL: from = (const uint8_t *)f + e->k; break;
    case LOC_LATER:
    case LOC_CONST: from = &e->k; break;
    default: from = &tb->more->pool[e->k]; break;
    }
    memcpy((char *)cpu + d->offset, from, d->size);
}

Tb *host_current(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    const uint8_t *ra = (const uint8_t *)(uintptr_t)p->hframe->ra;
    int32_t back;

    if (!ra) {
        return p->tb;
    }
    /* hg_site_here; or hg_access_stub, hg_forecast_stub */
    memcpy(&back, ra + (*ra == ASM_JMP32 ? HOST_ACCESS_HEAD : 3), 4);
    return *(Tb *const *)(ra + back);
}

void host_apply_snapshot(CpuState *cpu)
{
    const HostFrame *f = cpu->priv->hframe;
    const Tb *tb = host_current(cpu);
    const HostLoop *loop = host_loop(tb->host);
    const HostPin *pin = loop ? loop->home : cpu->engine->host->pins.pin;
    const uint8_t *entries;
    HostSite s;

    if (!f->ra || !find_site(tb, (uint32_t)(f->ra - (uintptr_t)host_code(tb)), &s, &entries)) {
        return;
    }
    for (HostPinSet m = s.pins; m; m &= m - 1) {
        const HostPin *p = &pin[__builtin_ctz(m)];
        const void *from = host_pin_is_vec(p) ? (const void *)&f->vreg[p->reg] : &f->reg[p->reg];
        memcpy((char *)cpu + p->offset, from, p->size);
    }
    for (uint64_t n = entries ? get_number(&entries) : 0; n; n--) {
        Entry e = get_entry(&entries, f);
        apply_entry(cpu, tb, &e);
    }
    cpu_set_pc(cpu, s.pc);
    if (cpu->ops->restore_state) {
        cpu->ops->restore_state(cpu, s.pc, s.aux);
    }
}
