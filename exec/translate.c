/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region driver: fetches code for the target's translator, decides where a region ends, runs
 * the stages (lower, dead code, bytecode) and enters the result in the table.
 *
 * A region lies in the page of its first byte; only its first instruction may reach into the next
 * page (trans_reach), which the region then may go on in. Pages are pinned (write-protected, with a sequence
 * number) before their bytes are read.
 */
#include <string.h>
#include "base/util/log.h"
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"

void translate_abort(CpuPriv *p)
{
    TransState *t = p->trans;

    if (!t || !t->active) {
        return;
    }
    for (unsigned k = 0; k < t->n_pages; k++) {
        if (t->host[k]) {
            tb_page_unpin(p->cpu->engine, t->code[k]);
        }
    }
    t->active = false;
}

static void G_GNUC_NORETURN stop_before(TransState *t)
{
    siglongjmp(t->jmp, 1);
}

/* Index in page[] of the page that va lies in. */
static unsigned fetch_page(TransState *t, uint64_t va, bool probe, bool *failed)
{
    CpuState *cpu = t->ctx.cpu;
    uint64_t vp = va & GUEST_PAGE_MASK;

    for (unsigned k = 0; k < t->n_pages; k++) {
        if (t->vpage[k] == vp) {
            return k;
        }
    }
    if (t->n > 0 || t->n_pages == 2) {
        if (failed) {
            *failed = true;
            return 0;
        }
        stop_before(t);
    }
    TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_EXEC, t->mmu, probe, NULL);
    if (!f) {
        *failed = true;
        return 0;
    }
    unsigned k = t->n_pages;
    t->vpage[k] = vp;
    t->granule[k] = 0;
    t->host[k] = NULL;
    if (f->flags & TLBF_IO) {
        t->page[k] = TB_NO_PAGE;
        t->nocache = true;
    } else {
        t->page[k] = f->ram_addr;
        t->code[k] = tb_page_pin(cpu->engine, f->ram_addr, &t->seq[k]);
        t->host[k] = f->host;
    }
    t->n_pages++;
    return k;
}

static uint8_t byte_at(TransState *t, unsigned k, uint64_t va)
{
    unsigned off = va & ~GUEST_PAGE_MASK;
    uint8_t byte = 0xff;

    if (t->host[k]) {
        t->granule[k] |= (uint64_t)1 << (off >> 6);
        return t->host[k][off];
    }
    TlbFull *f = tlb_lookup(t->ctx.cpu, va, MMU_ACCESS_EXEC, t->mmu, false, NULL);
    address_space_read(t->ctx.cpu->as[f->as_index], f->phys + off, f->attrs, &byte, 1);
    return byte;
}

static uint64_t fetch_va(const TransCtx *c, unsigned ahead)
{
    return (c->pc + c->pc_base + c->fetched + ahead) & c->vaddr_mask;
}

/* The page of the region that pc lies in, n_pages: none of them, or a device. */
static unsigned page_here(const TransState *t, uint64_t va)
{
    unsigned k = 0;

    while (k < t->n_pages && (t->vpage[k] != (va & GUEST_PAGE_MASK) || !t->host[k])) {
        k++;
    }
    return k;
}

bool trans_reach(TransCtx *c, uint64_t pc)
{
    TransState *t = c->priv;
    uint64_t va = (pc + c->pc_base) & c->vaddr_mask;
    bool failed = false;
    unsigned k = page_here(t, va);

    if (t->n_pages == 1 && (va & GUEST_PAGE_MASK) == t->vpage[0] + GUEST_PAGE_SIZE) {
        if (t->n > 0) {
            stop_before(t);
        }
        k = fetch_page(t, va, true, &failed);
    }
    return !failed && k < t->n_pages && t->host[k];
}

unsigned trans_look(TransCtx *c, uint64_t pc, uint8_t *buf, unsigned max)
{
    TransState *t = c->priv;
    uint64_t va = (pc + c->pc_base) & c->vaddr_mask;
    unsigned off = va & ~GUEST_PAGE_MASK, k = page_here(t, va);

    if (k == t->n_pages) {
        return 0;
    }
    if (max == TRANS_LOOK_BYTES && off <= GUEST_PAGE_SIZE - TRANS_LOOK_BYTES) {
        memcpy(buf, t->host[k] + off, TRANS_LOOK_BYTES); /* two moves, no call */
        return max;
    }
    max = MIN(max, GUEST_PAGE_SIZE - off);
    memcpy(buf, t->host[k] + off, max);
    return max;
}

void trans_depend(TransCtx *c, uint64_t pc, unsigned len)
{
    TransState *t = c->priv;
    uint64_t va = (pc + c->pc_base) & c->vaddr_mask;
    unsigned off = va & ~GUEST_PAGE_MASK, k = page_here(t, va);

    g_assert(k < t->n_pages && len && off + len <= GUEST_PAGE_SIZE);
    for (unsigned g = off >> 6; g <= (off + len - 1) >> 6; g++) {
        t->granule[k] |= (uint64_t)1 << g;
    }
}

void trans_take(TransCtx *c, const uint8_t *buf, unsigned len)
{
    trans_depend(c, c->pc + c->fetched, len);
    for (unsigned i = 0; i < len; i++, c->fetched++) {
        if (c->fetched < sizeof(c->bytes)) {
            c->bytes[c->fetched] = buf[i];
        }
    }
}

uint8_t trans_fetch8(TransCtx *c)
{
    TransState *t = c->priv;
    uint64_t va = fetch_va(c, 0);
    uint8_t b = byte_at(t, fetch_page(t, va, false, NULL), va);

    if (c->fetched < sizeof(c->bytes)) {
        c->bytes[c->fetched] = b;
    }
    c->fetched++;
    return b;
}

static uint64_t fetch_le(TransCtx *c, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)trans_fetch8(c) << 8 * i;
    }
    return v;
}

uint16_t trans_fetch16(TransCtx *c)
{
    return fetch_le(c, 2);
}

uint32_t trans_fetch32(TransCtx *c)
{
    return fetch_le(c, 4);
}

uint64_t trans_fetch64(TransCtx *c)
{
    return fetch_le(c, 8);
}

uint16_t trans_fetch16be(TransCtx *c)
{
    return __builtin_bswap16(trans_fetch16(c));
}

uint32_t trans_fetch32be(TransCtx *c)
{
    return __builtin_bswap32(trans_fetch32(c));
}

uint8_t trans_peek8(TransCtx *c, unsigned ahead)
{
    TransState *t = c->priv;
    uint64_t va = fetch_va(c, ahead);

    return byte_at(t, fetch_page(t, va, false, NULL), va);
}

int trans_try_peek8(TransCtx *c, unsigned ahead)
{
    TransState *t = c->priv;
    uint64_t va = fetch_va(c, ahead);
    bool failed = false;
    unsigned k = fetch_page(t, va, true, &failed);

    return failed ? -1 : byte_at(t, k, va);
}

bool trans_may_follow(TransCtx *c, uint64_t pc)
{
    TransState *t = c->priv;
    uint64_t va = (pc + c->pc_base) & c->vaddr_mask;
    bool known = false;

    for (unsigned k = 0; k < t->n_pages; k++) {
        known |= t->vpage[k] == (va & GUEST_PAGE_MASK);
    }
    if (!known || c->single_step || t->n + 8 > c->max_insns || ir_count(c->b) > IR_SOFT_INSNS / 2) {
        return false;
    }
    for (unsigned i = 0; i <= t->n; i++) {
        if (t->pcs[i] == pc) {
            return false;
        }
    }
    t->cut |= t->draft;
    return !t->draft;
}

bool trans_ends_at_branch(TransCtx *c)
{
    TransState *t = c->priv;

    t->cut |= t->draft;
    return t->draft;
}

static unsigned runs_at(const TransState *t, uint64_t pc)
{
    const TransCtx *c = &t->ctx;
    uint64_t va = (pc + c->pc_base) & c->vaddr_mask;
    unsigned k = page_here(t, va);
    TbKey key = { .pc = pc, .vaddr = va, .flags = c->key.flags };

    return k == t->n_pages ? 0
                           : tb_runs(c->cpu->engine, &key, t->page[k] + (va & ~GUEST_PAGE_MASK));
}

bool trans_prefers(TransCtx *c, uint64_t pc, uint64_t other)
{
    TransState *t = c->priv;

    return t->hot_after && !t->draft && runs_at(t, pc) / 4 > runs_at(t, other) &&
           trans_may_follow(c, pc);
}

static bool breakpoint_at(const CpuPriv *p, uint64_t pc)
{
    for (unsigned i = 0; i < p->breakpoints->len; i++) {
        if (g_array_index(p->breakpoints, uint64_t, i) == pc) {
            return true;
        }
    }
    return false;
}

/* The builder as it was before the current instruction. */
static void undo_insn(TransState *t)
{
    IrBuilder *b = t->ctx.b;

    g_array_set_size(b->ins_a, t->mark_ins);
    g_array_set_size(b->calls, t->mark_calls);
    b->n_labels = t->mark_labels;
    b->n_vars = t->mark_vars;
    b->ended = false;
}

static void log_in_asm(TransState *t)
{
    TransCtx *c = &t->ctx;
    g_autoptr(GString) s = g_string_new(NULL);

    if (c->cpu->ops->disas) {
        c->cpu->ops->disas(c->cpu, c->key.flags, c->pc, c->bytes, MIN(c->fetched, sizeof(c->bytes)),
                           s);
    }
    log_printf(LOG_IN_ASM, "0x%016" G_GINT64_MODIFIER "x:  %s\n", c->pc, s->str);
}

static void exit_to(TransCtx *c, uint64_t pc)
{
    if (c->other_flags) {
        ir_exit_indirect(c->b, ir_c64(c->b, pc));
    } else {
        ir_exit_direct(c->b, pc);
    }
}

/* Counting instructions: is there an exit among the ops from `from` on? */
static bool has_exit(const IrBuilder *b, unsigned from)
{
    for (unsigned v = from; v < ir_count(b); v++) {
        if (ir_flags(ir_at(b, v)) & IRF_X) {
            return true;
        }
    }
    return false;
}

/* The call that charges the region, before its first instruction does anything. The number is put in
 * when it is known, so no other constant may be found in its place. */
static void charge_begin(TransState *t)
{
    IrBuilder *b = t->ctx.b;
    IrInsn n = { .op = IR_CONST, .type = IR_I64 };

    g_array_append_val(b->ins_a, n);
    t->charge = ir_count(b) - 1;
    ir_call(b, &hd_icount_take, t->charge);
}

/* One instruction; true when the region goes on. */
static bool one_insn(TransState *t)
{
    TransCtx *c = &t->ctx;
    IrBuilder *b = c->b;

    t->mark_ins = ir_count(b);
    t->mark_calls = b->calls->len;
    t->mark_labels = b->n_labels;
    t->mark_vars = b->n_vars;
    t->pcs[t->n] = c->pc;
    c->insn_index = t->n;
    c->fetched = 0;
    c->next_pc = c->pc;
    if (t->ctx.cpu->priv->breakpoints->len && breakpoint_at(c->cpu->priv, c->pc) &&
        !c->cpu->priv->watch_off) {
        if (t->n) {
            stop_before(t);
        }
        ir_insn_start(b, c->pc, 0);
        ir_raise(b, CPU_EXCP_DEBUG, 0);
        t->n++;
        return false;
    }
    ir_insn_start(b, c->pc, 0);
    if (t->counted && t->n == 0) {
        charge_begin(t);
    }
    int status = c->cpu->ops->translate_insn(c);
    if (log_enabled(LOG_IN_ASM) && log_in_filter(c->pc)) {
        log_in_asm(t);
    }
    t->n++;
    t->n_bytes += c->fetched;
    if (status == TRANS_END) {
        return false;
    }
    if (status == TRANS_END_LOOP) {
        ir_exit_loop(b, ir_c64(b, c->next_pc));
        return false;
    }
    c->pc = c->next_pc;
    if (c->more) {
        c->more = false;
        return true;
    }
    if (status == TRANS_END_DIRECT || t->n >= c->max_insns || t->nocache ||
        ir_count(b) > IR_SOFT_INSNS || ((t->counted || t->draft) && has_exit(b, t->mark_ins))) {
        t->cut |= t->draft && has_exit(b, t->mark_ins);
        exit_to(c, c->pc);
        return false;
    }
    return true;
}

static void log_ir(const IrBuilder *b, uint32_t category, const TbKey *key)
{
    if (!log_enabled(category) || !log_in_filter(key->pc)) {
        return;
    }
    g_autoptr(GString) s = g_string_new(NULL);
    ir_print(b, s);
    log_printf(category, "%s 0x%" G_GINT64_MODIFIER "x flags 0x%x\n%s\n",
               category == LOG_OP ? "op" : "op_opt", key->pc, key->flags, s->str);
}

static void begin(CpuState *cpu, TransState *t, const TbKey *key, uint32_t cflags, unsigned max)
{
    CpuPriv *p = priv_of(cpu);

    memset(t, 0, sizeof(*t));
    t->ctx.cpu = cpu;
    t->ctx.b = p->raw;
    t->ctx.key = *key;
    t->ctx.pc = t->ctx.next_pc = key->pc;
    t->ctx.pc_base = key->vaddr - key->pc;
    t->ctx.vaddr_mask = ~(uint64_t)0;
    t->ctx.max_insns = max;
    t->ctx.single_step = cflags & TBC_STEP;
    t->ctx.memo = &p->trans_memo;
    t->ctx.priv = t;
    t->mmu = cpu->ops->fetch_mmu_idx(cpu);
    t->active = true;
    t->counted = cpu->engine->icount.on;
    t->hot_after = cpu->engine->host && !t->counted ? cpu->engine->config.hot_after : 0;
    ir_reset(p->raw, &cpu->ops->slots);
    p->raw->no_fold = cpu->engine->config.no_opt;
}

/* NULL: it has too many exits. */
static Tb *new_tb(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    unsigned n_links = ir_count_links(p->low);
    Tb *tb = NULL;

    if (n_links > TB_MAX_LINKS) {
        return NULL;
    }

    if (cpu->engine->host) {
        if (!p->gen) {
            p->gen = host_gen_new(cpu);
        }
        tb = host_tb_place(p->gen, n_links);
    }
    return tb ? tb : tb_new(n_links);
}

/* Native code, or bytecode for what runs once or does not fit. */
static bool compile(CpuState *cpu, Tb *tb)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;

    if (e->host) {
        tb->mode = host_mode(e->host, &tb->key);
        tb->native = host_no_code(e->host);
        bool once = p->trans->nocache || tb->cflags || log_enabled(LOG_EXEC);
        if (!once && host_compile(p->gen, tb, p->low)) {
            return true;
        }
    }
    return interp_compile(tb, p->low);
}

/* Through the stages up to code. False: over a limit. */
static bool lower(CpuState *cpu, TransState *t)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;

    if (t->charge) {
        ir_at(p->raw, t->charge)->imm = t->n;
    }
    log_ir(p->raw, LOG_OP, &t->ctx.key);
    opt_lower(p->raw, p->low, e->slot_map, !e->config.no_opt);
    if (!e->config.no_opt) {
        opt_dead(p->low);
    }
    log_ir(p->low, LOG_OP_OPT, &t->ctx.key);
    return !p->raw->overflow && !p->low->overflow;
}

static void note_pages(Tb *tb, const TransState *t)
{
    tb->n_pages = t->n_pages;
    tb->part.granules = t->granule[0];
    if (t->n_pages > 1) {
        TbMore *m = tb_more(tb);
        m->vpage = t->vpage[1];
        m->page = t->page[1];
        m->part.granules = t->granule[1];
    }
}

static Tb *build(CpuState *cpu, TransState *t, RamAddr phys, uint32_t cflags)
{
    if (!lower(cpu, t)) {
        return NULL;
    }
    Tb *tb = new_tb(cpu);
    if (!tb) {
        return NULL;
    }
    tb->key = t->ctx.key;
    tb->phys = t->nocache ? phys : t->page[0] + (tb->key.vaddr & ~GUEST_PAGE_MASK);
    tb->cflags = cflags;
    tb->n_insns = t->n;
    tb->draft = t->cut;
    tb->strict = t->ctx.strict;
    tb->hot = !t->draft && !cflags;
    tb->heat = (int32_t)cpu->engine->config.hot_after;
    if (t->charge) {
        tb_more(tb)->insn_pc = g_memdup2(t->pcs, t->n * sizeof(*t->pcs));
    }
    if (!t->nocache) {
        note_pages(tb, t);
    }
    if (!compile(cpu, tb)) {
        tb_free(cpu->engine, tb);
        return NULL;
    }
    return tb;
}

/* Is it worth little to begin with? A basic block then, as long as no one knows how often it runs. */
static bool wants_draft(const TransState *t, uint32_t cflags, const Tb *hot)
{
    return t->hot_after && !cflags && !hot && !log_enabled(LOG_EXEC);
}

/* One attempt with at most max instructions. NULL: try again (limits, or the code changed). */
static Tb *attempt(CpuState *cpu, const TbKey *key, RamAddr phys, uint32_t cflags, Tb *hot,
                   unsigned *max)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;
    TransState *t = p->trans;

    begin(cpu, t, key, cflags, *max);
    t->draft = wants_draft(t, cflags, hot);
    if (cpu->ops->translate_begin) {
        cpu->ops->translate_begin(&t->ctx);
    }
    if (sigsetjmp(t->jmp, 0) == 0) {
        while (one_insn(t)) {
        }
    } else {
        undo_insn(t);
        exit_to(&t->ctx, t->ctx.pc);
    }
    Tb *tb = build(cpu, t, phys, cflags);
    if (!tb) {
        g_assert(*max > 1); /* one guest instruction must fit */
        *max = MAX(1, t->n / 2);
    } else if (t->nocache || (cflags & TBC_NOCACHE)) {
        tb->cflags |= TBC_ONE | TBC_NOCACHE;
        p->once = tb;
    } else {
        tb = tb_insert(e, tb, hot, t->seq, t->n_bytes);
    }
    translate_abort(p);
    return tb;
}

Tb *translate_region(CpuState *cpu, const TbKey *key, RamAddr phys, uint32_t cflags, Tb *hot)
{
    ExecEngine *e = cpu->engine;
    unsigned limit = e->config.max_insns;
    unsigned max = cflags & TBC_ONE ? 1 : limit ? MIN(limit, TRANS_MAX_INSNS) : TRANS_MAX_INSNS;
    Tb *tb;

    if (key->flags != priv_of(cpu)->trans_flags) {
        priv_of(cpu)->trans_flags = key->flags;
        if (e->host && cpu->ops->soft_flags && engine_cpu_count(e) == 1) {
            tb_flags_gained(e, key->flags, cpu->ops->soft_flags);
        }
    }
    do {
        tb = attempt(cpu, key, phys, cflags, hot, &max);
    } while (!tb);
    return tb;
}
