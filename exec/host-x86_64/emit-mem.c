/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: the inline look into the software TLB, and slow paths.
 *
 * w := va; t := row(va); w ^= t.tag; if w > 4096 - size: stub; w := t.addend; access base + disp + w.
 * What is loaded waits for the address, the row's number, the addend: the table's own address is put in
 * a register that happens to be free, which takes an addition off that way. In hot code a forecast says the
 * addend beforehand (forecast.c).
 * Accesses near each other keep w (window.c): if the low byte of w is not 0: stub; access.
 * The stub's common code (common.c) saves every register where a snapshot can find it, calls,
 * and restores them. So neither t nor w may be a register that the op's snapshot names, and operands
 * are unharmed when the stub is entered.
 */
#include "host-priv.h"

#define VIEW(mo, field) \
    (offsetof(CpuState, tlb) + MO_GET_MMU(mo) * sizeof(CpuTlbView) + offsetof(CpuTlbView, field))

bool hg_any_vec_live(const HostGen *g)
{
    IrVal any = 0;

    for (unsigned r = 0; r < 16; r++) {
        any |= g->in[1][r];
    }
    return any || (g->pins->vec & g->home_reg);
}

/* The address operand: a register and a displacement. */
static unsigned address(HostGen *g, const IrInsn *i, IrVal v, int32_t *disp)
{
    uint64_t k = 0;

    if (g->fold[v]) {
        ir_const_value(g->b, ir_at(g->b, i->arg[0])->arg[1], &k);
    }
    *disp = (int32_t)k;
    return hg_use(g, hg_operand_root(g, i, v, 0));
}

static AsmRm row_field(const HgStub *s, int32_t off)
{
    return hg_row_field(s->table, off);
}

/* Check the bytes [from, to) from the operand's address on; `no`: they are not all plain memory of one
 * page. After this HR_SCRATCH is the row (in s->table, if that is a register), and w what to add to an
 * address, as forecast where s has one. */
static void tlb_check_range(HostGen *g, HgStub *s, AsmLabel no, unsigned w, int32_t from,
                            int32_t to, IrMemOp mo, MmuAccess access)
{
    AsmBuf *as = &g->as;
    unsigned addr = w;

    if (s->disp + from) {
        asm_lea(as, 8, w, asm_mem(s->a[0], s->disp + from));
    } else {
        asm_mov_rr(as, 8, w, s->a[0]);
        addr = s->a[0]; /* not every host renames a copy away */
    }
    asm_vrri(as, I_RORX, true, HR_SCRATCH, addr, CPU_TLB_VIEW_SHIFT);
    asm_alu(as, ALU_AND, 8, HR_SCRATCH, hg_state(VIEW(mo, mask)));
    if (s->table == HR_NONE) {
        asm_alu(as, ALU_ADD, 8, HR_SCRATCH, hg_state(VIEW(mo, table)));
    } else {
        asm_mov(as, 8, s->table, hg_state(VIEW(mo, table)));
    }
    if ((mo & MO_ALIGN) && MO_BYTES(mo) > 1) {
        asm_test_imm(as, 1, asm_reg(w), MO_BYTES(mo) - 1);
        asm_jcc(as, CC_NE, no);
    }
    asm_alu(as, ALU_XOR, 8, w, row_field(s, offsetof(TlbEntry, tag) + 8 * access));
    asm_alu_ri(as, ALU_CMP, 8, w, GUEST_PAGE_SIZE - (to - from));
    asm_jcc(as, CC_A, no);
    if (s->forecast.on) {
        hg_forecast(g, &s->forecast, w, s->table);
    } else {
        asm_mov(as, 8, w, row_field(s, offsetof(TlbEntry, addend)));
    }
}

static void tlb_check(HostGen *g, HgStub *s, unsigned w, IrMemOp mo, MmuAccess access)
{
    tlb_check_range(g, s, s->entry, w, 0, MO_BYTES(mo), mo, access);
}

void hg_check_bytes(HostGen *g, HgStub *s, unsigned w, unsigned bytes, unsigned mmu,
                    MmuAccess access)
{
    tlb_check_range(g, s, s->entry, w, 0, (int32_t)bytes, MO_MMU(mmu), access);
}

/* The register that w stands for: the access's own, or its window's. Before operands are used. */
static void use_window(HostGen *g, HgStub *s, const HgWindow *win)
{
    s->window = HR_NONE;
    if (win && win->reg != HR_NONE) {
        s->window = win->reg;
        g->lock[0] |= 1u << win->reg;
    }
}

static MmuAccess access_of(const IrInsn *i)
{
    bool read = i->op == IR_LOAD || (i->op == IR_PROBE && i->sub == ACCESS_READ);

    return read ? MMU_ACCESS_READ : MMU_ACCESS_WRITE;
}

/* Check the access, or the whole of its window, or see that this is open. */
static void check_access(HostGen *g, HgStub *s, HgWindow *win, unsigned w, const IrInsn *i)
{
    MmuAccess own = access_of(i);

    if (s->window == HR_NONE && i->op == IR_LOAD) {
        hg_forecast_plan(g, &s->forecast, i);
    }
    if (!win) {
        tlb_check(g, s, w, i->imm, own);
    } else if (win->reg == HR_NONE) {
        int32_t from = hg_window_start(g, win, i);
        tlb_check_range(g, s, s->entry, w, from, from + (int32_t)(win->hi - win->lo), i->imm,
                        win->write ? MMU_ACCESS_WRITE : MMU_ACCESS_READ);
        hg_window_open(g, win, w);
        s->window = w;
    } else {
        asm_test(&g->as, 1, asm_reg(w), w);
        asm_jcc(&g->as, CC_NE, s->entry);
    }
    s->win_regs = g->win_regs;
}

static void end_access(HostGen *g, const HgWindow *win, IrVal v)
{
    if (win && win->last == v) {
        hg_window_lose(g, 1u << win->reg);
    }
}

static void load_extend(HostGen *g, unsigned d, AsmRm m, IrMemOp mo, IrType t)
{
    AsmBuf *as = &g->as;
    unsigned size = MO_BYTES(mo), to = t == IR_I64 ? 8 : 4;

    if ((mo & MO_BE) && size > 1) {
        asm_movbe_load(as, size, d, m);
        m = asm_reg(d);
        if (size >= 4 && !(mo & MO_SIGN)) {
            return; /* movbe of 32 bits clears the rest */
        }
    }
    if ((mo & MO_SIGN) && size < to) {
        asm_movsx(as, to, size, d, m);
    } else if (size < 4) {
        asm_movzx(as, size, d, m);
    } else if (m.kind != ASM_RM_REG) {
        asm_mov(as, MIN(size, to), d, m);
    }
}

/* 4 and 8 bytes leave zeros above. */
static void load_vec(HostGen *g, unsigned d, AsmRm m, IrMemOp mo)
{
    switch (MO_BYTES(mo)) {
    case 4: asm_v2(&g->as, I_VMOVSS_LD, false, d, m, 0); break;
    case 8: asm_v2(&g->as, I_VMOVSD_LD, false, d, m, 0); break;
    default: asm_v2(&g->as, I_VMOVDQU, MO_BYTES(mo) == 32, d, m, 0); break;
    }
}

static void store_vec(HostGen *g, AsmRm m, unsigned s, IrMemOp mo)
{
    switch (MO_BYTES(mo)) {
    case 4: asm_v2_store(&g->as, I_VMOVSS_ST, false, m, s, 0); break;
    case 8: asm_v2_store(&g->as, I_VMOVSD_ST, false, m, s, 0); break;
    default: asm_v2_store(&g->as, I_VMOVDQU_ST, MO_BYTES(mo) == 32, m, s, 0); break;
    }
}

/* Big-endian ones of 16 bytes are turned around on the way. */
static bool inline_vec(IrMemOp mo)
{
    return !(mo & MO_ALIGN) && (!(mo & MO_BE) || MO_BYTES(mo) == 16);
}

static void reverse_bytes(HostGen *g, unsigned d, unsigned s)
{
    static const IrVec order = { .b = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 } };

    asm_v3(&g->as, I_VPSHUFB, false, d, s, hg_literal(g, &order, 16), 0);
}

static void load_value(HostGen *g, const IrInsn *i, const HgStub *s, unsigned w)
{
    AsmRm m = asm_mem_index(s->a[0], w, 0, s->disp);

    if (i->type >= IR_V128) {
        load_vec(g, s->d, m, i->imm);
        if (i->imm & MO_BE) {
            reverse_bytes(g, s->d, s->d);
        }
    } else {
        load_extend(g, s->d, m, i->imm, i->type);
    }
}

static void emit_load(HostGen *g, const IrInsn *i, IrVal v)
{
    IrMemOp mo = i->imm;
    bool vec = i->type >= IR_V128;
    HgWindow *win = hg_window(g, v);
    HgStub s = {
        .kind = STUB_SLOW, .insn = v, .entry = asm_label(&g->as), .back = asm_label(&g->as)
    };

    use_window(g, &s, win);
    s.a[0] = address(g, i, v, &s.disp);
    /* before the site: not registers of its */
    unsigned w = s.window != HR_NONE ? s.window : hg_temp(g, false);
    s.table = s.window != HR_NONE ? HR_NONE : hg_spare(g);
    s.site = hg_site(g, i->snap);
    s.vecs = hg_any_vec_live(g);
    hg_release(g);
    if (!vec && !win) {
        g->lock[0] &= ~(1u << w);
    }
    s.d = hg_def(g, v, vec || win ? 0 : 1u << w);
    if (vec && !inline_vec(mo)) {
        s.win_regs = g->win_regs;
        asm_jmp(&g->as, s.entry);
    } else {
        check_access(g, &s, win, w, i);
        load_value(g, i, &s, w);
    }
    s.table = HR_NONE;
    asm_bind(&g->as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
    end_access(g, win, v);
}

/* The constant k in the order of bytes that it has in memory. */
static uint64_t as_stored(uint64_t k, IrMemOp mo)
{
    return mo & MO_BE ? __builtin_bswap64(k) >> (64 - 8 * MO_BYTES(mo)) : k;
}

static bool fits_store(uint64_t k, IrMemOp mo)
{
    int32_t imm;

    return MO_BYTES(mo) < 8 ||
           (hg_imm_fits(IR_I64, k, &imm) && hg_imm_fits(IR_I64, as_stored(k, mo), &imm));
}

static void store_value(HostGen *g, const IrInsn *i, IrVal v, const HgStub *s, unsigned w)
{
    IrMemOp mo = i->imm;
    unsigned size = MO_BYTES(mo);
    AsmRm m = asm_mem_index(s->a[0], w, 0, s->disp);
    uint64_t k;

    if (i->type >= IR_V128) {
        if (mo & MO_BE) {
            reverse_bytes(g, HV_SCRATCH, s->a[1]);
        }
        store_vec(g, m, mo & MO_BE ? HV_SCRATCH : s->a[1], mo);
    } else if (g->imm[v] & 2) {
        hg_const(g, i->arg[1], &k);
        asm_store_imm(&g->as, size, m, (int32_t)as_stored(k, mo));
    } else if ((mo & MO_BE) && size > 1) {
        asm_movbe_store(&g->as, size, m, s->a[1]);
    } else {
        asm_store(&g->as, size, m, s->a[1]);
    }
}

static void emit_store(HostGen *g, const IrInsn *i, IrVal v)
{
    IrMemOp mo = i->imm;
    bool vec = i->type >= IR_V128;
    HgWindow *win = hg_window(g, v);
    uint64_t k;
    HgStub s = {
        .kind = STUB_SLOW, .insn = v, .entry = asm_label(&g->as), .back = asm_label(&g->as)
    };

    if (g->imm[v] & 2) {
        hg_const(g, i->arg[1], &k);
        if (!fits_store(k, mo)) {
            g->imm[v] &= ~2;
        }
    }
    use_window(g, &s, win);
    s.table = HR_NONE;
    s.a[0] = address(g, i, v, &s.disp);
    s.a[1] = g->imm[v] & 2 ? HR_NONE : hg_use(g, i->arg[1]);
    unsigned w = s.window != HR_NONE ? s.window : hg_temp(g, false);
    s.site = hg_site(g, i->snap);
    s.vecs = hg_any_vec_live(g);
    if (vec && !inline_vec(mo)) {
        s.win_regs = g->win_regs;
        asm_jmp(&g->as, s.entry);
    } else {
        check_access(g, &s, win, w, i);
        store_value(g, i, v, &s, w);
    }
    asm_bind(&g->as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
    end_access(g, win, v);
}

/* ---- slow paths ---- */

static void call_slow(HostGen *g, const HgStub *s, HostSlow kind)
{
    asm_call_abs(&g->as, g->code->slow[kind][s->vecs]);
    hg_site_here(g, s->site);
}

static void frame_arg(HostGen *g, unsigned n, unsigned reg)
{
    asm_store(&g->as, 8, hg_frame(FRAME_OFF(arg) + 8 * n), reg);
}

static void frame_arg_imm(HostGen *g, unsigned n, int32_t v)
{
    asm_store_imm(&g->as, 8, hg_frame(FRAME_OFF(arg) + 8 * n), v);
}

static void frame_vec(HostGen *g, unsigned n, unsigned reg, bool wide)
{
    asm_v2_store(&g->as, I_VMOVDQU_ST, wide, hg_frame(FRAME_OFF(varg) + 32 * n), reg, 0);
}

static void slow_load_vec(HostGen *g, const HgStub *s, const IrInsn *i)
{
    frame_arg_imm(g, 2, (int32_t)i->imm);
    call_slow(g, s, SLOW_LOAD_VEC);
    load_vec(g, s->d, hg_frame(FRAME_OFF(varg)), i->imm);
}

static void slow_store_vec(HostGen *g, const HgStub *s, const IrInsn *i)
{
    frame_arg_imm(g, 2, (int32_t)i->imm);
    frame_vec(g, 0, s->a[1], i->type == IR_V256);
    call_slow(g, s, SLOW_STORE_VEC);
}

/* ---- atomics ---- */

static void atomic_args(HostGen *g, const HgStub *s, const IrInsn *i)
{
    frame_arg_imm(g, 2, (int32_t)i->imm);
    frame_arg(g, 1, s->a[1]);
    if (i->op == IR_CMPXCHG) {
        frame_arg(g, 3, s->a[2]);
    } else {
        frame_arg_imm(g, 3, i->sub);
    }
}

static void slow_atomic(HostGen *g, const HgStub *s, const IrInsn *i)
{
    atomic_args(g, s, i);
    call_slow(g, s, i->op == IR_ATOMIC ? SLOW_ATOMIC : SLOW_CMPXCHG);
    load_extend(g, RAX, hg_frame(FRAME_OFF(result)), i->imm & ~MO_BE, i->type);
}

/* Aligned, and both tags must match; w becomes the host address. RAX is free. */
static void atomic_check(HostGen *g, HgStub *s, unsigned w, IrMemOp mo)
{
    AsmBuf *as = &g->as;

    tlb_check(g, s, w, mo | MO_ALIGN, MMU_ACCESS_WRITE);
    asm_mov(as, 8, HR_SCRATCH, asm_mem(HR_SCRATCH, offsetof(TlbEntry, tag) + 8 * MMU_ACCESS_READ));
    asm_lea(as, 8, RAX, asm_mem(s->a[0], s->disp));
    asm_alu_rr(as, ALU_ADD, 8, w, RAX);
    asm_alu_rr(as, ALU_XOR, 8, HR_SCRATCH, RAX);
    asm_alu_ri(as, ALU_CMP, 8, HR_SCRATCH, GUEST_PAGE_SIZE - 1);
    asm_jcc(as, CC_A, s->entry);
}

/* Is somebody there who could come between the read and the write? With one vCPU nobody is, but an
 * operation that changes nothing is there for its fence, which devices see. */
static bool wants_lock(const HostGen *g, const IrInsn *i)
{
    uint64_t k;

    return __atomic_load_n(&g->cpu->engine->n_cpus, __ATOMIC_ACQUIRE) > 1 ||
           (i->op == IR_ATOMIC && hg_const(g, i->arg[1], &k) && !k);
}

static void lock_prefix(HostGen *g, const IrInsn *i)
{
    if (wants_lock(g, i)) {
        asm_lock(&g->as);
    }
}

/* d := r as it is in memory, or the other way round. */
static void in_order(HostGen *g, unsigned d, unsigned r, IrMemOp mo)
{
    AsmBuf *as = &g->as;
    unsigned size = MO_BYTES(mo);

    if (d != r) {
        asm_mov_rr(as, 8, d, r);
    }
    if (mo & MO_BE && size > 1) {
        asm_bswap(as, MAX(size, 4), d);
        if (size == 2) {
            asm_shift_imm(as, SH_SHR, 4, asm_reg(d), 16);
        }
    }
}

/* RAX and the operand change places in memory; XCHG would always lock. */
static void exchange(HostGen *g, const IrInsn *i, AsmRm m)
{
    AsmBuf *as = &g->as;
    unsigned size = MO_BYTES(i->imm);

    if (wants_lock(g, i)) {
        asm_xchg(as, size, m, RAX);
        return;
    }
    asm_mov_rr(as, 8, HR_SCRATCH, RAX);
    asm_mov(as, size, RAX, m);
    asm_store(as, size, m, HR_SCRATCH);
}

/* Where there is no instruction that leaves the old value: that is in RAX afterwards, as in memory. */
static void atomic_loop(HostGen *g, const HgStub *s, const IrInsn *i, AsmRm m)
{
    static const uint8_t alu[] = {
        [IR_RMW_ADD] = ALU_ADD, [IR_RMW_AND] = ALU_AND, [IR_RMW_OR] = ALU_OR, [IR_RMW_XOR] = ALU_XOR
    };
    AsmBuf *as = &g->as;
    unsigned size = MO_BYTES(i->imm);
    AsmLabel again = asm_label(as);

    asm_mov(as, size, RAX, m);
    asm_bind(as, again);
    in_order(g, HR_SCRATCH, RAX, i->imm);
    asm_alu_rr(as, alu[i->sub], 8, HR_SCRATCH, s->a[1]);
    in_order(g, HR_SCRATCH, HR_SCRATCH, i->imm);
    if (wants_lock(g, i)) {
        asm_lock(as);
        asm_cmpxchg(as, size, m, HR_SCRATCH);
        asm_jcc(as, CC_NE, again);
    } else {
        asm_store(as, size, m, HR_SCRATCH);
    }
}

/* The old value is in RAX afterwards. */
static void atomic_op(HostGen *g, const HgStub *s, const IrInsn *i, AsmRm m)
{
    AsmBuf *as = &g->as;
    unsigned size = MO_BYTES(i->imm), swap = i->imm & MO_BE && size > 1;

    if (i->op == IR_CMPXCHG) {
        unsigned v = swap ? HR_SCRATCH : s->a[2];
        in_order(g, RAX, s->a[1], i->imm);
        in_order(g, v, s->a[2], i->imm);
        lock_prefix(g, i);
        asm_cmpxchg(as, size, m, v);
    } else if (i->sub == IR_RMW_XCHG) {
        in_order(g, RAX, s->a[1], i->imm);
        exchange(g, i, m);
    } else if (i->sub == IR_RMW_ADD && !swap) {
        asm_mov_rr(as, 8, RAX, s->a[1]);
        lock_prefix(g, i);
        asm_xadd(as, size, m, RAX);
    } else {
        atomic_loop(g, s, i, m);
    }
    in_order(g, RAX, RAX, i->imm);
    load_extend(g, RAX, asm_reg(RAX), (i->imm & ~MO_BE), i->type);
    if (size == 4 && (i->type == IR_I32 || !(i->imm & MO_SIGN))) {
        asm_mov_rr(as, 4, RAX, RAX); /* a compare that holds leaves what was there above */
    }
}

static void emit_cmpxchg16(HostGen *g, const IrInsn *i, IrVal v)
{
    HgStub s = { .insn = v };

    s.a[0] = address(g, i, v, &s.disp);
    s.a[1] = hg_use(g, i->arg[1]);
    s.a[2] = hg_use(g, i->arg[2]);
    s.site = hg_site(g, i->snap);
    s.vecs = true;
    asm_lea(&g->as, 8, HR_SCRATCH, asm_mem(s.a[0], s.disp));
    frame_arg(g, 0, HR_SCRATCH);
    frame_arg_imm(g, 2, (int32_t)i->imm);
    frame_vec(g, 0, s.a[1], false);
    frame_vec(g, 1, s.a[2], false);
    call_slow(g, &s, SLOW_CMPXCHG16);
    hg_release(g);
    unsigned d = hg_def(g, v, 0);
    asm_v2(&g->as, I_VMOVDQU, false, d, hg_frame(FRAME_OFF(varg) + 64), 0);
}

static void emit_atomic(HostGen *g, const IrInsn *i, IrVal v)
{
    IrMemOp mo = i->imm;
    HgStub s = {
        .kind = STUB_SLOW, .insn = v, .entry = asm_label(&g->as), .back = asm_label(&g->as)
    };

    s.window = s.table = HR_NONE;
    hg_take(g, RAX);
    s.a[0] = address(g, i, v, &s.disp);
    s.a[1] = hg_use(g, i->arg[1]);
    s.a[2] = i->op == IR_CMPXCHG ? hg_use(g, i->arg[2]) : HR_NONE;
    unsigned w = hg_temp(g, false);
    s.site = hg_site(g, i->snap);
    s.vecs = hg_any_vec_live(g);
    atomic_check(g, &s, w, mo);
    atomic_op(g, &s, i, asm_mem(w, 0));
    asm_bind(&g->as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
    hg_release(g);
    g->lock[0] &= ~HR_BIT(RAX);
    unsigned d = hg_def(g, v, HR_BIT(RAX));
    if (d != RAX) {
        asm_mov_rr(&g->as, 8, d, RAX);
    }
}

/* The window is not open: look for this access alone. */
static void access_alone(HostGen *g, HgStub *s, const IrInsn *i)
{
    AsmLabel no = asm_label(&g->as);

    tlb_check_range(g, s, no, s->window, 0, MO_BYTES(i->imm), i->imm, access_of(i));
    if (i->op == IR_LOAD) {
        load_value(g, i, s, s->window);
    } else if (i->op == IR_STORE) {
        store_value(g, i, s->insn, s, s->window);
    }
    asm_mov_imm(&g->as, s->window, 1);
    asm_jmp(&g->as, s->back);
    asm_bind(&g->as, no);
}

void emit_slow_stub(HostGen *g, HgStub *s)
{
    const IrInsn *i = ir_at(g->b, s->insn);

    if (s->forecast.on) {
        hg_forecast_stub(g, &s->forecast, s->vecs);
        s->forecast.on = false;
    }
    asm_bind(&g->as, s->entry);
    if (s->window != HR_NONE && !g->tb->draft) {
        access_alone(g, s, i);
    }
    if (i->op == IR_PROBE || (i->type < IR_V128 && (i->op == IR_LOAD || i->op == IR_STORE))) {
        hg_access_stub(g, s, i);
        return;
    }
    if (s->disp) {
        asm_lea(&g->as, 8, HR_SCRATCH, asm_mem(s->a[0], s->disp));
    }
    frame_arg(g, 0, s->disp ? HR_SCRATCH : s->a[0]);
    switch (i->op) {
    case IR_LOAD: slow_load_vec(g, s, i); break;
    case IR_STORE: slow_store_vec(g, s, i); break;
    default: slow_atomic(g, s, i); break;
    }
    hg_windows_unknown(g, s->win_regs);
    asm_jmp(&g->as, s->back);
}

static void emit_probe(HostGen *g, const IrInsn *i, IrVal v)
{
    HgWindow *win = hg_window(g, v);
    HgStub s = {
        .kind = STUB_SLOW, .insn = v, .entry = asm_label(&g->as), .back = asm_label(&g->as)
    };

    use_window(g, &s, win);
    s.table = HR_NONE;
    s.a[0] = address(g, i, v, &s.disp);
    unsigned w = s.window != HR_NONE ? s.window : hg_temp(g, false);
    s.site = hg_site(g, i->snap);
    s.vecs = hg_any_vec_live(g);
    if (i->sub == ACCESS_EXEC) {
        s.win_regs = g->win_regs;
        asm_jmp(&g->as, s.entry);
    } else {
        check_access(g, &s, win, w, i);
    }
    asm_bind(&g->as, s.back);
    ir_push(g->stubs, HG_ROOM, HgStub, s);
    end_access(g, win, v);
}

bool emit_mem(HostGen *g, const IrInsn *i, IrVal v)
{
    switch (i->op) {
    case IR_LOAD: emit_load(g, i, v); return true;
    case IR_STORE: emit_store(g, i, v); return true;
    case IR_ATOMIC: emit_atomic(g, i, v); return true;
    case IR_CMPXCHG:
        if (i->type == IR_V128) {
            emit_cmpxchg16(g, i, v);
        } else {
            emit_atomic(g, i, v);
        }
        return true;
    case IR_PROBE: emit_probe(g, i, v); return true;
    case IR_FENCE:
        if (i->sub & IR_FENCE_STORE) {
            asm_plain(&g->as, ASM_MFENCE);
        }
        return true;
    default: return false;
    }
}
