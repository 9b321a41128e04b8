/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions. Nearly all is a call of a helper; what may change the mode goes on through
 * a lookup (x86_goto_mode) or the vCPU loop (x86_end_loop).
 */
#include "target/x86/helper-sys.h"
#include "target/x86/system.h"
#include "target/x86/translate/translate-priv.h"

static IrVal c64(X86Trans *t, uint64_t v)
{
    return ir_c64(t->b, v);
}

/* On at the next instruction, whose mode may be another. */
static void go_next(X86Trans *t)
{
    x86_goto_mode(t, c64(t, t->next_pc));
}

static IrVal sysreg(X86Trans *t, X86SysReg which)
{
    return ir_call(t->b, &hd_x86_read_sysreg, c64(t, which));
}

void x86_tr_store_sel(X86Trans *t, const X86Insn *i)
{
    IrVal v = sysreg(t, i->mn == X86_MN_STR ? SYSREG_TR : SYSREG_LDTR);

    x86_write(t, 0, x86_to_type(t, v, i->op[0].size));
}

void x86_tr_load_sel(X86Trans *t, const X86Insn *i)
{
    IrVal sel = x86_to64(t, x86_read(t, 0));

    ir_call(t->b, i->mn == X86_MN_LTR ? &hd_x86_ltr : &hd_x86_lldt, sel);
}

static void set_zf(X86Trans *t, IrVal zf64)
{
    x86_cc_merge(t, X86_ZF, ir_shli(t->b, ir_trunc32(t->b, zf64), 6));
}

void x86_tr_verify(X86Trans *t, const X86Insn *i)
{
    IrVal sel = x86_to64(t, x86_read(t, 0));

    x86_cc_all(t);
    set_zf(t, ir_call(t->b, &hd_x86_verify, sel, c64(t, i->mn == X86_MN_VERW)));
}

void x86_tr_lar(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal sel = ir_andi(t->b, x86_to64(t, x86_read(t, 1)), 0xffff);

    x86_cc_all(t);
    IrVal r = ir_call(t->b, &hd_x86_lar, sel, c64(t, i->mn == X86_MN_LSL));
    IrVal zf = ir_shri(t->b, r, 32);
    IrVal val = ir_andi(t->b, r, 0xffffffffu);
    IrVal old = x86_to64(t, x86_read(t, 0));
    IrVal v = ir_movcond(t->b, IR_NE, zf, c64(t, 0), val, old);

    if (size == 4) { /* a plain write would clear the upper half even when nothing is loaded */
        IrVal full = x86_gpr(t, i->op[0].reg, 8);

        x86_set_gpr(t, i->op[0].reg, 8, ir_movcond(t->b, IR_NE, zf, c64(t, 0), val, full));
    } else {
        x86_write(t, 0, x86_to_type(t, v, size));
    }
    set_zf(t, zf);
}

void x86_tr_arpl(X86Trans *t, const X86Insn *i)
{
    IrVal d = x86_read(t, 0), s = x86_read(t, 1);
    IrVal dr = ir_andi(t->b, d, 3), sr = ir_andi(t->b, s, 3);
    IrVal less = ir_setcond(t->b, IR_LTU, dr, sr);

    x86_write(t, 0, ir_select(t->b, less, ir_deposit(t->b, d, sr, 0, 2), d));
    x86_cc_merge(t, X86_ZF, ir_shli(t->b, less, 6));
}

void x86_tr_store_dt(X86Trans *t, const X86Insn *i)
{
    bool idt = i->mn == X86_MN_SIDT;
    unsigned size = t->mode & MODE_CS64 ? 8 : 4;
    IrVal base = sysreg(t, idt ? SYSREG_IDT_BASE : SYSREG_GDT_BASE);
    IrVal limit = sysreg(t, idt ? SYSREG_IDT_LIMIT : SYSREG_GDT_LIMIT);

    x86_store(t, x86_mem_addr(t, 2 + size, true), ir_trunc32(t->b, limit), 2);
    x86_store(t, x86_mem_addr_plus(t, c64(t, 2), size, true), x86_to_type(t, base, size), size);
}

void x86_tr_load_dt(X86Trans *t, const X86Insn *i)
{
    unsigned size = t->mode & MODE_CS64 ? 8 : 4;
    IrVal limit = x86_load(t, x86_mem_addr(t, 2 + size, false), 2);
    IrVal base = x86_to64(t, x86_load(t, x86_mem_addr_plus(t, c64(t, 2), size, false), size));

    if (size == 4 && i->opsize == 2) {
        base = ir_andi(t->b, base, 0xffffff);
    }
    ir_call(t->b, &hd_x86_load_dt, c64(t, i->mn == X86_MN_LIDT), base, x86_to64(t, limit));
}

void x86_tr_smsw(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, x86_to_type(t, sysreg(t, SYSREG_MSW), i->op[0].size));
}

void x86_tr_lmsw(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_lmsw, x86_to64(t, x86_read(t, 0)));
    x86_end_loop(t);
}

void x86_tr_clts(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_clts, 0);
    go_next(t);
}

void x86_tr_invlpg(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_invlpg, x86_mem_addr(t, 1, false));
    x86_goto_val(t, c64(t, t->next_pc));
}

void x86_tr_invpcid(X86Trans *t, const X86Insn *i)
{
    IrVal type = x86_to64(t, x86_read(t, 0));

    ir_call(t->b, &hd_x86_invpcid, type, x86_mem_addr(t, 16, false));
    go_next(t);
}

void x86_tr_swapgs(X86Trans *t, const X86Insn *i)
{
    IrVal gs = ir_get(t->b, SLOT_SEG_BASE + X86_GS), other = ir_get(t->b, SLOT_KERNEL_GS_BASE);

    ir_put(t->b, SLOT_SEG_BASE + X86_GS, other);
    ir_put(t->b, SLOT_KERNEL_GS_BASE, gs);
}

/* EDX:EAX := v; the upper halves are cleared. */
static void set_edx_eax(X86Trans *t, IrVal v)
{
    x86_set_gpr(t, X86_RAX, 8, ir_andi(t->b, v, 0xffffffffu));
    x86_set_gpr(t, X86_RDX, 8, ir_shri(t->b, v, 32));
}

void x86_tr_rdtsc(X86Trans *t, const X86Insn *i)
{
    set_edx_eax(t, ir_call(t->b, &hd_x86_rdtsc, 0));
    if (i->mn == X86_MN_RDTSCP) {
        x86_set_gpr(t, X86_RCX, 8, ir_call(t->b, &hd_x86_tsc_aux, 0));
    }
}

void x86_tr_rdpid(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, x86_to_type(t, ir_call(t->b, &hd_x86_tsc_aux, 0), i->op[0].size));
}

void x86_tr_rdpmc(X86Trans *t, const X86Insn *i)
{
    set_edx_eax(t, ir_call(t->b, &hd_x86_rdpmc, 0));
}

void x86_tr_rdmsr(X86Trans *t, const X86Insn *i)
{
    IrVal n = ir_andi(t->b, x86_gpr(t, X86_RCX, 8), 0xffffffffu);

    set_edx_eax(t, ir_call(t->b, &hd_x86_rdmsr, n));
}

void x86_tr_wrmsr(X86Trans *t, const X86Insn *i)
{
    IrVal n = ir_andi(t->b, x86_gpr(t, X86_RCX, 8), 0xffffffffu);
    IrVal lo = x86_gpr(t, X86_RAX, 8), hi = x86_gpr(t, X86_RDX, 8);

    ir_call(t->b, &hd_x86_wrmsr, n, ir_deposit(t->b, lo, hi, 32, 32));
    go_next(t);
}

void x86_tr_cpuid(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_cpuid, 0);
}

void x86_tr_monitor(X86Trans *t, const X86Insn *i)
{
    IrVal at = x86_linear(t, i->seg == X86_REG_NONE ? X86_DS : i->seg,
                          x86_to64(t, x86_gpr(t, X86_RAX, i->adsize)), 1, false);

    x86_load(t, at, 1); /* faults as a read; what is watched does not matter: see mwait */
}

void x86_tr_mwait(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_mwait, c64(t, t->next_pc));
    x86_end_loop(t);
}

void x86_tr_clac(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool on = i->mn == X86_MN_STAC;

    if (mode_single(t->mode)) {
        ir_call(b, &hd_x86_set_ac, c64(t, on));
        go_next(t);
        return;
    }
    /* Where CR4.SMAP is clear the two mmu indexes are alike: setting MODE_NOSMAP does no harm. */
    IrVal f = ir_get(b, SLOT_EFLAGS), m = ir_get(b, SLOT_MODE);
    ir_put(b, SLOT_EFLAGS, on ? ir_ori(b, f, X86_AC) : ir_andi(b, f, ~(uint64_t)X86_AC));
    ir_put(b, SLOT_MODE, on ? ir_ori(b, m, MODE_NOSMAP) : ir_andi(b, m, ~(uint64_t)MODE_NOSMAP));
    x86_change_mode(t, on ? t->mode | MODE_NOSMAP : t->mode & ~MODE_NOSMAP);
}

void x86_tr_xgetbv(X86Trans *t, const X86Insn *i)
{
    set_edx_eax(t, ir_call(t->b, &hd_x86_xgetbv, 0));
}

void x86_tr_xsetbv(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_xsetbv, 0);
    x86_end_loop(t);
}

void x86_tr_rdpkru(X86Trans *t, const X86Insn *i)
{
    if (i->mn == X86_MN_RDPKRU) {
        set_edx_eax(t, ir_call(t->b, &hd_x86_rdpkru, 0));
        return;
    }
    ir_call(t->b, &hd_x86_wrpkru, 0);
    go_next(t);
}

void x86_tr_syscall(X86Trans *t, const X86Insn *i)
{
    x86_goto_mode(t, ir_call(t->b, &hd_x86_syscall, c64(t, t->next_pc)));
}

void x86_tr_sysret(X86Trans *t, const X86Insn *i)
{
    x86_goto_mode(t, ir_call(t->b, &hd_x86_sysret, c64(t, i->opsize)));
}

void x86_tr_sysenter(X86Trans *t, const X86Insn *i)
{
    x86_goto_mode(t, ir_call(t->b, &hd_x86_sysenter, 0));
}

void x86_tr_sysexit(X86Trans *t, const X86Insn *i)
{
    x86_goto_mode(t, ir_call(t->b, &hd_x86_sysexit, c64(t, i->opsize)));
}

void x86_tr_wbinvd(X86Trans *t, const X86Insn *i)
{
    /* no caches to write back */
}

void x86_tr_mov_from_cr(X86Trans *t, const X86Insn *i)
{
    IrVal v = ir_call(t->b, &hd_x86_read_cr, c64(t, i->op[1].reg));

    x86_write(t, 0, x86_to_type(t, v, i->op[0].size));
}

void x86_tr_mov_to_cr(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_write_cr, c64(t, i->op[0].reg), x86_to64(t, x86_read(t, 1)));
    if (i->op[0].reg == 3) {
        x86_goto_val(t, c64(t, t->next_pc));
    } else {
        x86_end_loop(t);
    }
}

void x86_tr_mov_from_dr(X86Trans *t, const X86Insn *i)
{
    IrVal v = ir_call(t->b, &hd_x86_read_dr, c64(t, i->op[1].reg));

    x86_write(t, 0, x86_to_type(t, v, i->op[0].size));
}

void x86_tr_mov_to_dr(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_write_dr, c64(t, i->op[0].reg), x86_to64(t, x86_read(t, 1)));
    x86_end_loop(t);
}

void x86_tr_rsm(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_rsm, 0);
    t->status = TRANS_END;
}

void x86_tr_hlt(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_hlt, c64(t, t->next_pc));
    t->status = TRANS_END;
}

/* STI whose next instruction is in the same region: nothing can come in between, so there is no shadow
 * to keep. The region ends after that one, and interrupts are looked for when the next is entered. */
static bool sti_inline(X86Trans *t)
{
    X86Insn next;

    if (!(t->mode & MODE_IOPL_OK) || mode_single(t->mode) ||
        t->ctx->insn_index + 2 > t->ctx->max_insns || !x86_look(t, t->next_pc, &next)) {
        return false;
    }
    ir_put(t->b, SLOT_EFLAGS, ir_ori(t->b, ir_get(t->b, SLOT_EFLAGS), X86_IF));
    ir_call(t->b, &hd_x86_recheck_irq, 0);
    t->ctx->more = true;
    t->ctx->max_insns = t->ctx->insn_index + 2;
    return true;
}

void x86_tr_cli(X86Trans *t, const X86Insn *i)
{
    if (i->mn == X86_MN_STI && sti_inline(t)) {
        return;
    }
    if (i->mn == X86_MN_STI) {
        ir_call(t->b, &hd_x86_sti, 0);
        x86_end_loop(t);
    } else if (t->mode & MODE_IOPL_OK) {
        IrVal f = ir_get(t->b, SLOT_EFLAGS);

        ir_put(t->b, SLOT_EFLAGS, ir_andi(t->b, f, ~(uint64_t)X86_IF));
    } else {
        ir_call(t->b, &hd_x86_cli, 0);
    }
}

void x86_tr_fsgsbase(X86Trans *t, const X86Insn *i)
{
    bool write = i->mn == X86_MN_WRFSBASE || i->mn == X86_MN_WRGSBASE;
    bool gs = i->mn == X86_MN_RDGSBASE || i->mn == X86_MN_WRGSBASE;
    IrVal v = write ? x86_to64(t, x86_read(t, 0)) : c64(t, 0);
    IrVal r = ir_call(t->b, &hd_x86_fsgsbase, c64(t, gs ? X86_GS : X86_FS), c64(t, write), v);

    if (!write) {
        x86_write(t, 0, x86_to_type(t, r, i->op[0].size));
    }
}

void x86_tr_fxsave(X86Trans *t, const X86Insn *i)
{
    bool restore = i->mn == X86_MN_FXRSTOR;

    if (t->mode & (MODE_EM | MODE_TS)) {
        x86_raise_ir(t, EXCP_NM, 0);
        return;
    }
    ir_call(t->b, restore ? &hd_x86_fxrstor : &hd_x86_fxsave, x86_mem_addr(t, 512, !restore),
            c64(t, i->rex_w));
    if (restore) {
        go_next(t); /* MXCSR is part of the mode */
    }
}

void x86_tr_xsave(X86Trans *t, const X86Insn *i)
{
    static const struct {
        uint16_t mn;
        uint8_t kind;
        bool restore;
    } forms[] = {
        { X86_MN_XSAVE, XSAVE_PLAIN, false },       { X86_MN_XRSTOR, XSAVE_PLAIN, true },
        { X86_MN_XSAVEOPT, XSAVE_OPT, false },      { X86_MN_XSAVEC, XSAVE_COMPACT, false },
        { X86_MN_XSAVES, XSAVE_SUPERVISOR, false }, { X86_MN_XRSTORS, XSAVE_SUPERVISOR, true },
    };

    t->ctx->strict = true;
    if (!(t->mode & MODE_OSXSAVE) || (t->mode & MODE_TS)) {
        x86_raise_ir(t, t->mode & MODE_OSXSAVE ? EXCP_NM : EXCP_UD, 0);
        return;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(forms); k++) {
        if (forms[k].mn == i->mn) {
            IrVal at = x86_mem_addr(t, 576, !forms[k].restore);

            ir_call(t->b, forms[k].restore ? &hd_x86_xrstor : &hd_x86_xsave, at, c64(t, i->rex_w),
                    c64(t, forms[k].kind));
            if (forms[k].restore) {
                go_next(t);
            }
            return;
        }
    }
}
