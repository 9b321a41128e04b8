/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control transfer. Near transfers are IR; what changes CS goes to helpers of the system side,
 * which return the new rip.
 */
#include "target/x86/translate/translate-priv.h"

static uint64_t rel_target(const X86Trans *t, const X86Insn *i)
{
    return x86_rip_cut(t, t->next_pc + (uint64_t)i->imm, i->opsize);
}

static void check_canonical(X86Trans *t, uint64_t rip)
{
    /* A relative target out of the canonical range faults on the branch; 57-bit ranges are checked
     * where the target is fetched. */
    if ((t->mode & MODE_CS64) && (uint64_t)((int64_t)(rip << 7) >> 7) != rip) {
        x86_raise_ir(t, EXCP_GP, 0);
    }
}

void x86_tr_jcc(X86Trans *t, const X86Insn *i)
{
    x86_goto_if(t, x86_cond(t, i->cc), rel_target(t, i));
}

void x86_tr_jmp(X86Trans *t, const X86Insn *i)
{
    uint64_t to = rel_target(t, i);
    check_canonical(t, to);
    if (t->status == TRANS_NEXT) {
        x86_goto_follow(t, to);
    }
}

void x86_tr_jmp_ind(X86Trans *t, const X86Insn *i)
{
    x86_goto_val(t, x86_to64(t, x86_read(t, 0)));
}

static void will_return(X86Trans *t, const X86Insn *i)
{
    ir_will_return(t->b, x86_rip_cut(t, t->next_pc, i->opsize));
}

void x86_tr_call(X86Trans *t, const X86Insn *i)
{
    uint64_t to = rel_target(t, i);
    check_canonical(t, to);
    if (t->status == TRANS_NEXT) {
        x86_push(t, x86_const(t, i->opsize, t->next_pc), i->opsize);
        if (to != t->next_pc) { /* as code does to learn its own address */
            will_return(t, i);
        }
        x86_goto(t, to);
    }
}

void x86_tr_call_ind(X86Trans *t, const X86Insn *i)
{
    IrVal to = x86_to64(t, x86_read(t, 0)); /* before the push: CALL [rSP] */
    x86_push(t, x86_const(t, i->opsize, t->next_pc), i->opsize);
    will_return(t, i);
    x86_goto_val(t, to);
}

void x86_tr_ret(X86Trans *t, const X86Insn *i)
{
    IrVal sp = x86_sp(t);
    IrVal to = x86_to64(t, x86_stack_load(t, sp, i->opsize));
    sp = ir_addi(t->b, sp, i->opsize + (i->nops ? (uint16_t)i->imm : 0));
    x86_set_sp(t, sp);
    x86_return(t, to);
}

/* rCX by address size; the flags do not change. */
static IrVal count_less_one(X86Trans *t, const X86Insn *i)
{
    IrVal n = x86_gpr(t, X86_RCX, i->adsize);
    IrVal m = x86_cut(t, ir_subi(t->b, n, 1), i->adsize);
    x86_set_gpr(t, X86_RCX, i->adsize, m);
    return m;
}

void x86_tr_loop(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    X86Cond c = { .c = IR_NE };
    X86Cond z = { 0 };
    if (i->mn != X86_MN_LOOP) {
        z = x86_cond(t, i->mn == X86_MN_LOOPE ? 4 : 5);
    }
    IrVal n = count_less_one(t, i);
    c.x = n;
    c.y = ir_const(b, ir_type(b, n), 0);
    if (i->mn != X86_MN_LOOP) {
        IrVal both = ir_setcond(b, c.c, c.x, c.y);
        IrVal zv = ir_setcond(b, z.c, z.x, z.y);
        both = ir_and(b, x86_to64(t, both), x86_to64(t, zv));
        c = (X86Cond){ IR_NE, both, ir_c64(b, 0) };
    }
    x86_goto_if(t, c, rel_target(t, i));
}

void x86_tr_jcxz(X86Trans *t, const X86Insn *i)
{
    IrVal n = x86_gpr(t, X86_RCX, i->adsize);
    X86Cond c = { IR_EQ, n, ir_const(t->b, ir_type(t->b, n), 0) };
    x86_goto_if(t, c, rel_target(t, i));
}

/* ---- far transfers ---- */
static void far_transfer(X86Trans *t, const HelperDesc *h, IrVal sel, IrVal off)
{
    IrBuilder *b = t->b;
    IrVal rip = ir_call(b, h, sel, off, ir_c64(b, t->i->opsize), ir_c64(b, t->next_pc));
    x86_goto_loop(t, rip);
}

static void far_indirect(X86Trans *t, const X86Insn *i, const HelperDesc *h)
{
    IrVal off = x86_load(t, x86_mem_addr(t, i->opsize, false), i->opsize);
    IrVal at = x86_mem_addr_plus(t, ir_c64(t->b, i->opsize), 2, false);
    far_transfer(t, h, x86_to64(t, x86_load(t, at, 2)), x86_to64(t, off));
}

void x86_tr_call_far(X86Trans *t, const X86Insn *i)
{
    far_transfer(t, &hd_x86_call_far, ir_c64(t->b, i->imm2), ir_c64(t->b, i->imm));
}

void x86_tr_call_far_ind(X86Trans *t, const X86Insn *i)
{
    far_indirect(t, i, &hd_x86_call_far);
}

void x86_tr_jmp_far(X86Trans *t, const X86Insn *i)
{
    far_transfer(t, &hd_x86_jmp_far, ir_c64(t->b, i->imm2), ir_c64(t->b, i->imm));
}

void x86_tr_jmp_far_ind(X86Trans *t, const X86Insn *i)
{
    far_indirect(t, i, &hd_x86_jmp_far);
}

void x86_tr_ret_far(X86Trans *t, const X86Insn *i)
{
    IrVal pop = ir_c64(t->b, i->nops ? (uint16_t)i->imm : 0);
    x86_goto_loop(t, ir_call(t->b, &hd_x86_ret_far, ir_c64(t->b, i->opsize), pop));
}

void x86_tr_iret(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    x86_goto_mode(t, ir_call(b, &hd_x86_iret, ir_c64(b, i->opsize), ir_c64(b, t->next_pc)));
}

/* ---- software interrupts ---- */
static void int_sw(X86Trans *t, unsigned vector, unsigned kind)
{
    IrBuilder *b = t->b;
    ir_call(b, &hd_x86_int_sw, ir_c64(b, vector), ir_c64(b, t->next_pc), ir_c64(b, kind));
    t->status = TRANS_END;
}

void x86_tr_int_sw(X86Trans *t, const X86Insn *i)
{
    switch (i->mn) {
    case X86_MN_INT3: int_sw(t, EXCP_BP, 3); break;
    case X86_MN_INT1: int_sw(t, EXCP_DB, 1); break;
    case X86_MN_INTO: {
        IrLabel no_overflow = ir_label_new(t->b);
        X86Cond no = x86_cond(t, 1);
        ir_brcond(t->b, no.c, no.x, no.y, no_overflow);
        int_sw(t, EXCP_OF, 4);
        ir_label(t->b, no_overflow);
        t->status = TRANS_NEXT;
        break;
    }
    default: int_sw(t, (uint8_t)i->imm, 0); break;
    }
}

void x86_tr_bound(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->opsize;
    IrVal v = x86_sext(t, x86_read(t, 0), size);
    IrVal lo = x86_load(t, x86_mem_addr(t, size, false), size);
    IrVal hi = x86_load(t, x86_mem_addr_plus(t, ir_c64(b, size), size, false), size);
    x86_raise_ir_if(t, IR_LT, v, x86_sext(t, lo, size), EXCP_BR, 0);
    x86_raise_ir_if(t, IR_GT, v, x86_sext(t, hi, size), EXCP_BR, 0);
}

void x86_tr_ud(X86Trans *t, const X86Insn *i)
{
    x86_raise_ir(t, EXCP_UD, 0);
}
