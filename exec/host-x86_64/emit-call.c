/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of helpers, and the frame around an emitter of the vector tables.
 *
 * Before a call everything that the callee may change or look at is in memory: live values of
 * caller-saved registers in their cells, for a helper that may fault all values of its snapshot and
 * all homes of pins. Afterwards the caller-saved registers are empty.
 */
#include "host-priv.h"

static const uint8_t arg_reg[6] = { RDI, RSI, RDX, RCX, R8, R9 };

/* Its cell holds it, constants too. */
static void to_cell(HostGen *g, IrVal v)
{
    IrVal r = g->root[v];
    HgVal *x = &g->val[r];

    if (x->stored) {
        return;
    }
    unsigned reg = hg_use(g, v);
    int32_t off = hg_cell(g, r);
    if (x->vec) {
        asm_v2_store(&g->as, I_VMOVDQU_ST, ir_type(g->b, r) == IR_V256, hg_frame(off), reg, 0);
    } else {
        asm_store(&g->as, 8, hg_frame(off), reg);
    }
    x->stored = true;
}

static HostPinSet caller_saved_pins(const HostGen *g)
{
    HostPinSet m = 0;

    for (unsigned p = 0; p < g->pins->n; p++) {
        const HostPin *hp = &g->pins->pin[p];
        m |= host_pin_is_vec(hp) || (HR_CALLER_SAVED & 1u << hp->reg) ? 1u << p : 0;
    }
    return m;
}

static void save_live(HostGen *g)
{
    for (unsigned c = 0; c < 2; c++) {
        uint16_t regs = c ? 0xffff : HR_CALLER_SAVED;
        for (unsigned r = 0; r < 16; r++) {
            IrVal v = regs & 1u << r ? g->in[c][r] : 0;
            if (v && g->val[v].last > g->pos) {
                hg_save(g, v);
            }
        }
    }
    hg_flush_homes(g, caller_saved_pins(g));
    hg_window_lose(g, 0xffff);
}

/* The callee has used them. */
static void lose_caller_saved(HostGen *g)
{
    for (unsigned c = 0; c < 2; c++) {
        uint16_t regs = c ? 0xffff : HR_CALLER_SAVED;
        for (unsigned r = 0; r < 16; r++) {
            IrVal v = regs & 1u << r ? g->in[c][r] : 0;
            if (v) {
                g->in[c][r] = 0;
                g->val[v].reg = HR_NONE;
            }
        }
    }
    g->home_reg &= ~caller_saved_pins(g);
    g->lock[0] = g->lock[1] = 0;
}

static void save_known(HostGen *g, IrVal r)
{
    if (g->val[r].reg != HR_NONE) {
        hg_save(g, r);
    }
}

static void save_snap(HostGen *g, uint32_t snap)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, snap);

    for (unsigned e = 0; e < s->count; e++) {
        hg_each_known(g, g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e).val,
                      save_known);
    }
}

/* ---- arguments ---- */

static HgXfer int_arg(HostGen *g, IrVal v, unsigned n)
{
    return (HgXfer){ .from = hg_where(g, v), .reg = arg_reg[n], .size = 8 };
}

static unsigned helper_args(HostGen *g, const IrCall *c, HgXfer *x, unsigned first)
{
    unsigned n = 0;

    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        unsigned at = first + k;
        switch (c->helper->args[k]) {
        case HARG_I32:
        case HARG_I64: x[n] = int_arg(g, c->args[k], at); break;
        case HARG_V128:
        case HARG_V256:
            x[n] = (HgXfer){ .from = { .kind = LOC_FRAME_ADDR,
                                       .off = hg_cell(g, g->root[c->args[k]]) } };
            break;
        default:
            x[n] = (HgXfer){ .from = { .kind = LOC_STATE_ADDR,
                                       .off = g->b->slots->slots[c->args[k]].offset } };
            break;
        }
        x[n].reg = arg_reg[at];
        n++;
    }
    return n;
}

/* i32 arguments are passed zero-extended. */
static void clean_args(HostGen *g, const IrCall *c, unsigned first)
{
    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        uint64_t v;
        if (c->helper->args[k] == HARG_I32 && !g->clean[c->args[k]] &&
            !hg_const(g, c->args[k], &v)) {
            asm_mov_rr(&g->as, 4, arg_reg[first + k], arg_reg[first + k]);
        }
    }
}

/* Slots by pointer: homes in CpuState before; what is written is only there afterwards. */
static HostPinSet slot_args(HostGen *g, const IrCall *c)
{
    HostPinSet written = 0;

    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        unsigned p = c->helper->args[k] >= HARG_SLOT_R ? hg_pin_of(g, c->args[k]) : 0;
        if (p) {
            hg_flush_homes(g, 1u << (p - 1));
            written |= c->helper->args[k] == HARG_SLOT_R ? 0 : 1u << (p - 1);
        }
    }
    return written;
}

static void take_result(HostGen *g, const IrInsn *i, IrVal v)
{
    if (i->type == IR_VOID || !g->val[v].last) {
        return;
    }
    unsigned d = hg_def(g, v, 1u << RAX);
    if (i->type == IR_I32 || d != RAX) {
        asm_mov_rr(&g->as, i->type == IR_I32 ? 4 : 8, d, RAX);
    }
}

/* ---- a host instruction in place of a call ---- */

bool hg_place(const HostGen *g, const IrInsn *i, HelperInPlace *p)
{
    const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
    uint64_t arg;

    return c->helper->place && ir_const_value(g->b, c->args[1], &arg) && c->helper->place(arg, p);
}

static HgXfer stub_arg(HostGen *g, const IrCall *c, unsigned k)
{
    if (c->helper->args[k] >= HARG_SLOT_R) {
        HostLoc at = { .kind = LOC_STATE_ADDR, .off = g->b->slots->slots[c->args[k]].offset };
        return (HgXfer){ .from = at, .reg = k, .size = 8 };
    }
    bool vec = c->helper->args[k] == HARG_V128;
    return (HgXfer){ .from = hg_where(g, c->args[k]), .reg = k, .size = vec ? 16 : 8 };
}

static void stub_args(HostGen *g, const IrCall *c, HgStub *s)
{
    s->xfer = g->xfers->len;
    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        ir_push(g->xfers, HG_ROOM, HgXfer, stub_arg(g, c, k));
        s->n_xfer++;
    }
}

static void place_flags(HostGen *g, unsigned d)
{
    asm_plain(&g->as, ASM_PUSHFQ);
    asm_pop(&g->as, d);
    asm_alu_ri(&g->as, ALU_AND, 4, d, 0x45);
}

/* The call, where the instruction may not run, is a stub that keeps all registers. */
static bool emit_in_place(HostGen *g, const IrInsn *i, IrVal v)
{
    const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
    HgStub s = { .kind = STUB_HELPER, .insn = v, .d = HR_NONE, .table = HR_NONE };
    AsmBuf *as = &g->as;
    HelperInPlace p;

    if (!hg_place(g, i, &p)) {
        return false;
    }
    s.entry = asm_label(as);
    s.back = asm_label(as);
    unsigned w = HR_NONE;
    if (p.bytes) {
        s.a[0] = hg_use(g, c->args[2]);
        w = hg_temp(g, false);
        s.table = hg_spare(g);
    }
    stub_args(g, c, &s);
    s.site = hg_site(g, i->snap);
    s.vecs = hg_any_vec_live(g);
    s.win_regs = g->win_regs;
    hg_release(g);
    if (p.flags && g->val[v].last) {
        s.d = hg_def(g, v, 0);
    }
    asm_alu_imm(as, ALU_CMP, 1, hg_state((int32_t)c->helper->place_if), 0);
    asm_jcc(as, CC_E, s.entry);
    if (p.bytes) {
        hg_check_bytes(g, &s, w, p.bytes, p.mmu, p.write ? MMU_ACCESS_WRITE : MMU_ACCESS_READ);
        asm_x87(as, p.op, p.modrm >> 3 & 7, asm_mem_index(s.a[0], w, 0, 0));
    } else {
        asm_byte(as, p.op);
        asm_byte(as, p.modrm);
    }
    if (s.d != HR_NONE) {
        place_flags(g, s.d);
    }
    asm_bind(as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
    return true;
}

static void call_fpenv(HostGen *g, const void *fn)
{
    asm_mov_rr(&g->as, 8, RDI, HR_CPU);
    hg_call_c(g, fn);
}

static void place_args(HostGen *g, const IrCall *c, bool vec_ret, IrVal v)
{
    HgXfer x[8];
    unsigned n = 0;

    x[n++] = (HgXfer){ .from = { .kind = LOC_REG, .reg = HR_CPU }, .reg = RDI, .size = 8 };
    if (vec_ret) {
        x[n++] = (HgXfer){ .from = { .kind = LOC_FRAME_ADDR, .off = hg_cell(g, v) }, .reg = RSI };
    }
    n += helper_args(g, c, x + n, n);
    hg_parallel(g, x, n);
    clean_args(g, c, vec_ret ? 2 : 1);
}

void emit_call(HostGen *g, const IrInsn *i, IrVal v)
{
    IrCall c = g_array_index(g->b->calls, IrCall, i->imm);
    unsigned flags = c.helper->flags;
    const HostPinSet all = hg_all_pins(g);
    bool faults = flags & (HELPER_FAULTS | HELPER_NORETURN), vec_ret = i->type >= IR_V128;
    uint32_t site = 0;

    if (c.helper->place && emit_in_place(g, i, v)) {
        return;
    }
    for (unsigned k = 0; k < 6 && c.helper->args[k] != HARG_NONE; k++) {
        if (c.helper->args[k] == HARG_V128 || c.helper->args[k] == HARG_V256) {
            to_cell(g, c.args[k]);
        }
    }
    HostPinSet written = slot_args(g, &c);
    if (faults || (flags & (HELPER_READS | HELPER_WRITES))) {
        hg_flush_homes(g, all);
    }
    if (faults && i->snap) {
        save_snap(g, i->snap);
    }
    save_live(g);
    if (flags & HELPER_FPENV) {
        /* a call before the call: operands must be in memory or survive */
        for (unsigned r = 0; r < 16; r++) {
            if (g->in[0][r]) {
                hg_save(g, g->in[0][r]);
            }
        }
        lose_caller_saved(g);
        call_fpenv(g, cpu_fpenv_save);
    }
    place_args(g, &c, vec_ret, v);
    if (g->code->wide) { /* all vectors are in their cells */
        asm_vzeroupper(&g->as);
    }
    if (faults) {
        AsmLabel ra = asm_label(&g->as);
        g->in_cells = true;
        site = i->snap ? hg_site(g, i->snap) : 0;
        g->in_cells = false;
        asm_lea(&g->as, 8, RAX, asm_at_label(ra));
        asm_store(&g->as, 8, hg_frame(FRAME_OFF(ra)), RAX);
        hg_call_c(g, c.helper->fn);
        asm_bind(&g->as, ra);
        hg_site_here(g, site);
    } else {
        hg_call_c(g, c.helper->fn);
    }
    lose_caller_saved(g);
    if (flags & HELPER_FPENV) {
        asm_store(&g->as, 8, hg_frame(FRAME_OFF(result)), RAX);
        call_fpenv(g, cpu_fpenv_load);
        asm_mov(&g->as, 8, RAX, hg_frame(FRAME_OFF(result)));
    }
    if (flags & HELPER_WRITES) {
        written = all;
    }
    g->home_reg &= ~written;
    g->home_mem |= written;
    hg_release(g);
    if (flags & HELPER_NORETURN) {
        g->stop = true;
    } else if (vec_ret) {
        g->val[v].stored = true;
    } else {
        take_result(g, i, v);
    }
}

/* ---- calls on a condition: the call is a stub, which keeps all registers ---- */

void emit_call_if(HostGen *g, const IrInsn *i, IrVal v)
{
    const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
    bool vec = i->type >= IR_V128, wanted = g->val[v].last;
    HgStub s = { .kind = STUB_HELPER, .insn = v, .d = HR_NONE };
    unsigned otherwise = wanted ? hg_use(g, i->arg[2]) : HR_NONE;
    s.a[0] = otherwise;
    AsmCc cc = emit_compare(g, i, v);

    stub_args(g, c, &s);
    s.entry = asm_label(&g->as);
    s.back = asm_label(&g->as);
    s.vecs = hg_any_vec_live(g);
    hg_release(g);
    if (wanted) {
        s.d = hg_def(g, v, 1u << otherwise);
    }
    asm_jcc(&g->as, cc, s.entry);
    if (wanted && s.d != otherwise) {
        if (vec) {
            asm_vrr(&g->as, I_VMOVDQA, false, s.d, otherwise);
        } else {
            asm_mov_rr(&g->as, 8, s.d, otherwise);
        }
    }
    asm_bind(&g->as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
}

/* An argument to where call_helper() looks for it. */
static void arg_to_frame(HostGen *g, const HgXfer *x, unsigned *vecs)
{
    unsigned r = x->from.reg;

    if (x->size == 16 || x->from.kind == LOC_VREG || x->from.kind == LOC_POOL) {
        AsmRm to = x->size == 16 ? hg_frame(FRAME_OFF(varg) + 32 * (*vecs)++)
                                 : hg_frame(FRAME_OFF(arg) + 8 * (1 + x->reg));
        if (x->from.kind != LOC_VREG) {
            r = HV_SCRATCH;
            hg_load_vec(g, r, IR_V128, x->from);
        }
        hg_store_vec(g, to, r, x->size);
        return;
    }
    if (x->from.kind != LOC_REG) {
        r = HR_SCRATCH;
        hg_load_loc(g, r, x->from);
    }
    asm_store(&g->as, 8, hg_frame(FRAME_OFF(arg) + 8 * (1 + x->reg)), r);
}

void emit_helper_stub(HostGen *g, const HgStub *s)
{
    const IrInsn *i = ir_at(g->b, s->insn);
    const IrCall *c = &g_array_index(g->b->calls, IrCall, i->imm);
    AsmBuf *as = &g->as;
    unsigned vecs = 0;

    asm_bind(as, s->entry);
    for (unsigned k = 0; k < s->n_xfer; k++) {
        arg_to_frame(g, &g_array_index(g->xfers, HgXfer, s->xfer + k), &vecs);
    }
    asm_mov_imm(as, HR_SCRATCH, (uintptr_t)c->helper);
    asm_store(as, 8, hg_frame(FRAME_OFF(arg)), HR_SCRATCH);
    asm_call_abs(as, g->code->slow[SLOW_HELPER][s->vecs]);
    hg_site_here(g, s->site);
    hg_windows_unknown(g, s->win_regs);
    if (s->d != HR_NONE && i->type >= IR_V128 && c->helper->ret == IR_I64) {
        asm_v2(as, I_VMOVSD_LD, false, HV_SCRATCH, hg_frame(FRAME_OFF(result)), 0);
        asm_vrrr(as, I_VMOVSD, false, s->d, s->a[0], HV_SCRATCH);
    } else if (s->d != HR_NONE && i->type >= IR_V128) {
        asm_v2(as, I_VMOVDQU, false, s->d, hg_frame(FRAME_OFF(varg)), 0);
    } else if (s->d != HR_NONE) {
        asm_mov(as, 8, s->d, hg_frame(FRAME_OFF(result)));
    }
    asm_jmp(as, s->back);
}

/* fn(a, b), pure, on integers: what the host has no short code for. */
void emit_call_fn(HostGen *g, const IrInsn *i, IrVal v, const void *fn)
{
    HgXfer x[2];
    unsigned n = ir_nargs(i);

    save_live(g);
    for (unsigned k = 0; k < n; k++) {
        x[k] = int_arg(g, i->arg[k], k);
    }
    hg_parallel(g, x, n);
    hg_call_c(g, fn);
    lose_caller_saved(g);
    hg_release(g);
    take_result(g, i, v);
}

/* ---- vector ops ---- */

void emit_vec(HostGen *g, const IrInsn *i, IrVal v)
{
    const HostRow *row = &host_vec_rows[i->op];
    HostArgs x = { .d = HR_NONE, .unused = !g->val[v].last };
    bool result = i->type != IR_VOID;
    uint16_t wish = 0;

    for (unsigned k = 0; k < ir_nargs(i); k++) {
        if (g->imm[v] & 1u << k) {
            x.imm_b = true;
            hg_const(g, i->arg[k], &x.imm);
            x.a[k] = HR_NONE;
            continue;
        }
        x.a[k] = hg_use(g, i->arg[k]);
        if (hg_is_vec(g, i->arg[k]) == (i->type >= IR_V128) &&
            ((row->flags & HOP_TIE_A << k) || k == 0)) {
            wish |= 1u << x.a[k];
        }
    }
    for (unsigned k = 0; k < row->vt; k++) {
        x.vt[k] = hg_temp(g, true);
    }
    for (unsigned k = 0; k < row->it; k++) {
        x.it[k] = hg_temp(g, false);
    }
    if (!(row->flags & HOP_EARLY)) {
        hg_release(g);
    }
    if (result) {
        x.d = hg_def(g, v, wish);
    }
    if (!row->emit || !row->emit(g, i, &x)) {
        g->failed = true; /* no such shape: the region stays interpreted */
    }
}
