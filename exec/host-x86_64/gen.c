/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The native code of one region: passes in order, then running it.
 *
 *   head: Tb *            (host_current finds it from any return address)
 *   entry, the region's ops
 *   elsewhere, away from what runs: stubs in order of need, literals
 */
#include <inttypes.h>
#include <string.h>
#include "base/util/log.h"
#include "host-priv.h"

#define REGION_ALIGN 16
G_STATIC_ASSERT(sizeof(Tb *) == HOST_HEAD_BYTES);

HostGen *host_gen_new(CpuState *cpu)
{
    HostGen *g = g_new0(HostGen, 1);

    g->cpu = cpu;
    g->code = cpu->engine->host;
    g->pins = &g->code->pins;
    host_fills_init(g);
    asm_init(&g->as);
    g->stubs = g_array_sized_new(FALSE, FALSE, sizeof(HgStub), HG_ROOM);
    g->xfers = g_array_sized_new(FALSE, FALSE, sizeof(HgXfer), HG_ROOM);
    g->sites = g_array_sized_new(FALSE, FALSE, sizeof(HostSite), HG_ROOM);
    g->entries = g_array_sized_new(FALSE, FALSE, sizeof(HostSiteEntry), HG_ROOM);
    g->site_bytes = g_byte_array_sized_new(HG_ROOM);
    g->later_bytes = g_byte_array_sized_new(HG_ROOM);
    g->literals = g_array_sized_new(FALSE, FALSE, sizeof(HgLiteral), HG_ROOM);
    g->windows = g_array_sized_new(FALSE, FALSE, sizeof(HgWindow), HG_ROOM);
    g->lit_data = g_byte_array_new();
    g->label = g_new0(AsmLabel, IR_MAX_LABELS + 1);
    g->label_used = g_malloc0(IR_MAX_LABELS + 1);
    return g;
}

static void free_arrays(HostGen *g)
{
    g_free(g->root);
    g_free(g->val);
    g_free(g->nu);
    g_free(g->dead_after);
    g_free(g->window_of);
    g_free(g->late);
    g_free(g->comi);
    g_free(g->later);
    g_free(g->twin);
    g_free(g->clean);
    g_free(g->imm);
    g_free(g->fold);
}

void host_gen_free(HostGen *g)
{
    if (!g) {
        return;
    }
    host_fills_end(g);
    free_arrays(g);
    asm_clear(&g->as);
    g_array_free(g->stubs, TRUE);
    g_array_free(g->xfers, TRUE);
    g_array_free(g->sites, TRUE);
    g_array_free(g->entries, TRUE);
    g_byte_array_free(g->site_bytes, TRUE);
    g_byte_array_free(g->later_bytes, TRUE);
    g_array_free(g->literals, TRUE);
    g_array_free(g->windows, TRUE);
    g_byte_array_free(g->lit_data, TRUE);
    g_free(g->label);
    g_free(g->label_used);
    g_free(g->own.of_slot);
    g_free(g);
}

static void make_arrays(HostGen *g)
{
    if (g->n <= g->cap) {
        return;
    }
    free_arrays(g);
    g->cap = g->n * 2;
    g->root = g_new0(IrVal, g->cap);
    g->val = g_new0(HgVal, g->cap);
    g->nu = g_new0(uint32_t, g->cap * 4);
    g->dead_after = g_new0(HostPinSet, g->cap);
    g->window_of = g_new0(uint16_t, g->cap);
    g->comi = g_malloc0(g->cap);
    g->later = g_malloc0(g->cap);
    g->twin = g_new0(IrVal, g->cap);
    g->late = g_new0(bool, g->cap);
    g->clean = g_malloc0(g->cap);
    g->imm = g_malloc0(g->cap);
    g->fold = g_malloc0(g->cap);
}

static void begin(HostGen *g, Tb *tb, IrBuilder *b)
{
    size_t at = host_next(g, HOST_HOT);

    g->tb = tb;
    g->b = b;
    g->n = ir_count(b);
    make_arrays(g);
    memset(g->in, 0, sizeof(g->in));
    hg_choose_homes(g);
    g->home_reg = hg_all_pins(g);
    g->home_mem = g->read_only;
    g->lock[0] = g->lock[1] = 0;
    g->next_cell = FRAME_OFF(cells);
    g->n_free_cell[0] = g->n_free_cell[1] = 0;
    g->n_links = g->n_forecasts = 0;
    g->zero_of = g->carry_of = 0;
    g->failed = g->stop = g->in_cells = g->calls = false;
    g->stubs->len = 0;
    g->xfers->len = 0;
    g->sites->len = 0;
    g->entries->len = 0;
    g->literals->len = 0;
    g_byte_array_set_size(g->lit_data, 0);
    g_byte_array_set_size(g->later_bytes, 0);
    asm_begin(&g->as, g->code->rw + at, HOST_REGION_MAX, (uintptr_t)g->code->rx + at);
    for (unsigned k = 0; k <= b->n_labels && k <= IR_MAX_LABELS; k++) {
        g->label[k] = asm_label(&g->as);
    }
    for (unsigned k = 0; k < b->n_vars; k++) {
        g->var_cell[k] = g->next_cell;
        g->next_cell += 32;
    }
}

static void advance_uses(HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->op == IR_PUT || i->op == IR_VARSET || (ir_flags(i) & IRF_T)) {
        return;
    }
    for (unsigned a = 0; a < ir_nargs(i); a++) {
        if (!(g->imm[v] & 1u << a)) {
            g->val[hg_operand_root(g, i, v, a)].next = g->nu[v * 4 + a];
        }
    }
    IrVal third = hg_third_root(g, i, v);
    if (third) {
        g->val[third].next = g->nu[v * 4 + 2];
    }
}

/* Is there nothing to make? */
static bool is_idle(const HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->op == IR_NOP || g->root[v] != v || (g->stop && i->op != IR_LABEL) ||
        (g->later[v] & HG_LATER)) {
        return true;
    }
    if (g->later[v] & HG_TWIN) {
        return g->twin[v] < v;
    }
    return !g->val[v].last && ir_only_result(i);
}

static void one_insn(HostGen *g, IrVal v)
{
    const IrInsn *i = ir_at(g->b, v);

    if (is_idle(g, i, v)) {
        return;
    }
    g->pos = v;
    g->lock[0] = g->lock[1] = 0;
    advance_uses(g, i, v);
    if (i->op == IR_CALL) {
        emit_call(g, i, v);
    } else if (i->op == IR_CALL_IF) {
        emit_call_if(g, i, v);
    } else if (i->op >= IR_VAND) {
        emit_vec(g, i, v);
    } else if (!emit_control(g, i, v) && !emit_mem(g, i, v) && !emit_int(g, i, v)) {
        g_assert_not_reached();
    }
    hg_release(g);
}

static void put_literals(HostGen *g)
{
    for (unsigned size = 32; size >= 4; size /= 2) {
        for (unsigned k = 0; k < g->literals->len; k++) {
            const HgLiteral *l = &g_array_index(g->literals, HgLiteral, k);
            if (l->size == size) {
                asm_align(&g->as, size);
                asm_bind(&g->as, l->label);
                asm_data(&g->as, g->lit_data->data + l->at, size);
            }
        }
    }
}

/* What comes now lies with other stubs. */
static void to_cold_part(HostGen *g)
{
    AsmBuf *as = &g->as;
    uint8_t *at = g->code->rw + host_next(g, HOST_COLD);

    g->hot_bytes = asm_size(as);
    g->cold_at = at - as->start;
    if (!as->overflow) {
        as->p = at;
        as->end = at + HOST_REGION_MAX;
    }
}

static void generate(HostGen *g)
{
    asm_data(&g->as, &g->tb, HOST_HEAD_BYTES);
    emit_entry(g);
    for (IrVal v = 1; v < g->n && !g->failed && !g->as.overflow; v++) {
        one_insn(g, v);
    }
    to_cold_part(g);
    for (unsigned k = 0; k < g->stubs->len && !g->failed && !g->as.overflow; k++) {
        HgStub s = g_array_index(g->stubs, HgStub, k);
        emit_stub(g, &s);
    }
    put_literals(g);
}

static void log_part(GString *s, const HostGen *g, size_t from, size_t to)
{
    g_string_append_printf(s, "at 0x%" PRIx64 " size %zu\n", g->as.run_at + from, to - from);
    for (size_t k = from; k < to; k++) {
        g_string_append_printf(s, "%02x%s", g->as.start[k], (k - from) % 32 == 31 ? "\n" : "");
    }
    g_string_append_c(s, '\n');
}

static void log_code(const HostGen *g)
{
    g_autoptr(GString) s = g_string_new(NULL);

    log_part(s, g, HOST_HEAD_BYTES, g->hot_bytes);
    log_part(s, g, g->cold_at, asm_size(&g->as));
    log_printf(LOG_OUT_ASM, "out_asm pc 0x%" PRIx64 " flags 0x%x %s\n", g->tb->key.pc,
               g->tb->key.flags, s->str);
}

static void name_code(const HostGen *g)
{
    PerfOut *perf = g->cpu->engine->perf;
    g_autofree char *name = g_strdup_printf("guest_0x%" PRIx64, g->tb->key.pc);
    const AsmBuf *as = &g->as;

    perf_out_add(perf, name, as->run_at, as->start, g->hot_bytes);
    perf_out_add(perf, name, as->run_at + g->cold_at, as->start + g->cold_at,
                 asm_size(as) - g->cold_at);
}

/* The native half of the region, with its tables behind it. */
static size_t make_record(HostGen *g)
{
    const size_t loop = hg_loops(g) ? sizeof(HostLoop) + g->own.n * sizeof(HostPin) : 0;
    const size_t forecasts = g->n_forecasts * sizeof(HostForecast);
    GByteArray *sites = g->site_bytes;

    host_record_more(g, forecasts); /* which code names already */
    g_byte_array_set_size(sites, 0);
    unsigned n_sites = hg_put_sites(g, sites);
    size_t size = (loop ? sizeof(HostTb) + loop : offsetof(HostTb, rest)) + sites->len;
    HostTb *h = host_record_more(g, size);
    if (!h) {
        h = g_malloc(MAX(size, sizeof(HostTb)));
    }
    h->size = g->hot_bytes + (asm_size(&g->as) - g->cold_at);
    h->n_sites = n_sites;
    h->n_homes = loop ? g->own.n : 0;
    if (loop) {
        HostLoop *l = (HostLoop *)(h + 1);
        l->head = asm_label_addr(&g->as, g->head);
        memcpy(l->home, g->own.pin, g->own.n * sizeof(HostPin));
    }
    memcpy((uint8_t *)host_sites(h), sites->data, sites->len);
    g->tb->host = h;
    return size + forecasts;
}

static void finish(HostGen *g)
{
    Tb *tb = g->tb;
    size_t record = make_record(g);
    HostTb *h = tb->host;

    tb->native = (const uint8_t *)g->as.run_at + HOST_HEAD_BYTES;
    tb->n_links = g->n_links;
    tb->bytes = h->size + sizeof(Tb) + g->n_links * sizeof(TbLink) + record +
                (tb->more ? sizeof(TbMore) + g->b->pool->len * sizeof(IrVec) : 0);
    host_take(g, HOST_HOT, (g->hot_bytes + REGION_ALIGN - 1) & ~(size_t)(REGION_ALIGN - 1));
    h->cold_lot = host_take(g, HOST_COLD, asm_size(&g->as) - g->cold_at);
    __atomic_add_fetch(&g->code->bytes, h->size, __ATOMIC_RELAXED);
    __atomic_add_fetch(&g->code->regions, 1, __ATOMIC_RELAXED);
}

bool host_compile(HostGen *g, Tb *tb, IrBuilder *b)
{
    if (!host_room(g)) {
        return false;
    }
    g->mode = tb->mode ? tb->mode : UINT32_MAX; /* which no region has */
    begin(g, tb, b);
    if (b->pool->len) {
        tb_more(tb)->pool = g_aligned_alloc(b->pool->len, sizeof(IrVec), 32);
        memcpy(tb->more->pool, b->pool->data, b->pool->len * sizeof(IrVec));
    }
    hg_analyse(g);
    generate(g);
    if (g->failed || g->sites->len > UINT16_MAX || !asm_finish(&g->as)) {
        memset(tb_links(tb), 0, g->n_links * sizeof(TbLink));
        if (b->pool->len) {
            g_aligned_free(g_steal_pointer(&tb->more->pool));
        }
        return false;
    }
    if (log_enabled(LOG_OUT_ASM) && log_in_filter(tb->key.pc)) {
        log_code(g);
    }
    finish(g);
    if (g->cpu->engine->perf) {
        name_code(g);
    }
    return true;
}

static size_t lot_of(const void *at, const void *first)
{
    return ((uintptr_t)at - (uintptr_t)first) / HOST_LOT_BYTES;
}

void host_tb_free(HostCode *c, Tb *tb)
{
    HostTb *h = tb->host;

    if (h) {
        __atomic_sub_fetch(&c->bytes, h->size, __ATOMIC_RELAXED);
        __atomic_sub_fetch(&c->regions, 1, __ATOMIC_RELAXED);
        host_lot_put(c, HOST_HOT, lot_of(host_code(tb), c->rx));
        host_lot_put(c, HOST_COLD, h->cold_lot);
        if (!tb->placed || lot_of(h, c->records) != lot_of(tb, c->records)) {
            g_free(h);
        }
    }
    if (tb->placed) {
        host_lot_put(c, HOST_RECORDS, lot_of(tb, c->records));
    }
}

/* ---- running ---- */

typedef TbLink *(*EnterFn)(CpuState *cpu, const void *code, HostFrame **frame);

void host_run(CpuState *cpu, Tb *tb)
{
    CpuPriv *p = priv_of(cpu);
    EnterFn enter = (EnterFn)(uintptr_t)cpu->engine->host->enter;

    p->last_link = enter(cpu, tb->native, &p->hframe);
    p->last_tb = p->last_link ? tb_link_src(p->last_link) : NULL;
    p->hframe = NULL;
    p->tb = NULL;
}

void host_link(ExecEngine *e, TbLink *l, const Tb *dst)
{
    const HostCode *c = e->host;
    uint8_t *field = c ? host_link_field(c, l) : NULL;
    bool taken = dst && dst->host && (!l->loop || dst == tb_link_src(l));

    if (!field) {
        return;
    }
    if (l->guess) {
        __atomic_store_n((uint64_t *)field, taken ? (uintptr_t)dst : HOST_NO_GUESS,
                         __ATOMIC_RELEASE);
        return;
    }
    const uint8_t *at = c->rx + l->field_at, *to = c->rx + l->stub_at;
    if (taken && !l->cross) {
        to = l->loop ? (const uint8_t *)(uintptr_t)host_loop(dst->host)->head : dst->native;
    }
    __atomic_store_n((int32_t *)field, (int32_t)(to - (at + 4)), __ATOMIC_RELEASE);
}
