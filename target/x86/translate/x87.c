/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 instructions: each is one call of a helper in x87.c, which runs the same instruction on the
 * host's FPU. Memory operands of loads are read here, so that a page fault comes before anything.
 */
#include <stddef.h>
#include "target/x86/translate/simd-priv.h"

static uint8_t how_of(const X86Insn *i)
{
    bool reg = i->modrm >= 0xc0;
    unsigned r = i->modrm >> 3 & 7;
    uint8_t how = i->opsize == 2 ? X87_OP16 : 0;
    if (reg && (i->opcode == 0xda || i->opcode == 0xdb) && r < 4) {
        how |= X87_CMOV;
    }
    if (reg && (i->opcode == 0xdb || i->opcode == 0xdf) && (r == 5 || r == 6)) {
        how |= X87_COMI;
    }
    return how;
}

/* What the helper must know of the instruction. */
static IrVal word_of(X86Trans *t, unsigned mem_bytes)
{
    const X86Insn *i = t->i;
    X87Word w = { .op = i->opcode,
                  .modrm = i->modrm,
                  .mem_bytes = mem_bytes,
                  .mmu = MO_GET_MMU(t->mo),
                  .how = how_of(i) };
    uint64_t v;
    memcpy(&v, &w, sizeof v);
    return ir_c64(t->b, v);
}

/* What the FPU remembers of its last instruction. */
static void record(X86Trans *t, bool mem)
{
    const X86Insn *i = t->i;
    IrBuilder *b = t->b;
    ir_put(b, SLOT_FP_OPCODE, ir_c32(b, (i->opcode & 7) << 8 | i->modrm));
    ir_put(b, SLOT_FP_IP, ir_c64(b, t->pc));
    ir_put(b, SLOT_FP_CS, ir_get(b, SLOT_SEG_SEL + X86_CS));
    if (mem) {
        ir_put(b, SLOT_FP_DP, x86_ea(t));
        ir_put(b, SLOT_FP_DS, ir_get(b, SLOT_SEG_SEL + i->mem.seg));
    }
}

/* flags: the EFLAGS that the instruction reads, or 0. Returns those it leaves. */
static IrVal call_reg(X86Trans *t, IrVal flags)
{
    IrVal zero = ir_c64(t->b, 0);
    IrVal after = ir_call(t->b, &hd_x87_op, SLOT_X87, word_of(t, 0), zero, flags ? flags : zero);
    record(t, false);
    return after;
}

/* A pending exception comes before a fault of the memory operand. */
static void wait_first(X86Trans *t)
{
    IrBuilder *b = t->b;
    if (t->mode & MODE_NE) {
        x86_raise_ir_if(t, IR_TSTNZ, ir_get(b, SLOT_FPSW), ir_c32(b, X87_ES), EXCP_MF, 0);
        return;
    }
    IrLabel go = ir_label_new(b);
    ir_brcond(b, IR_TSTZ, ir_get(b, SLOT_FPSW), ir_c32(b, X87_ES), go);
    ir_call(b, &hd_x87_wait, 0);
    ir_label(b, go);
}

/* A register form, or one with a memory source of up to 10 bytes. */
static void call_load(X86Trans *t)
{
    IrBuilder *b = t->b;
    const X86Insn *i = t->i;
    unsigned k = 0;
    while (k < i->nops && i->op[k].kind != X86_OPK_MEM) {
        k++;
    }
    if (k == i->nops) {
        call_reg(t, 0);
        return;
    }
    unsigned size = i->op[k].size;
    if (!(t->mode & MODE_CS64) || (t->mode & MODE_ALIGN)) {
        wait_first(t); /* before what follows raises */
    }
    IrVal addr = x86_mem_addr(t, size, false);
    if (t->mode & MODE_ALIGN) {
        x86_load(t, addr, MIN(size, 8));
    }
    ir_call(b, &hd_x87_op, SLOT_X87, word_of(t, size), addr, ir_c64(b, 0));
    record(t, true);
}

static void call_store(X86Trans *t)
{
    unsigned size = t->i->op[0].size;
    if (t->i->op[0].kind != X86_OPK_MEM) {
        call_reg(t, 0);
        return;
    }
    IrVal addr = x86_mem_addr(t, size, true);
    ir_call(t->b, &hd_x87_store, SLOT_X87, word_of(t, size), addr);
    record(t, true);
}

void x86_tr_x87_arith(X86Trans *t, const X86Insn *i)
{
    call_load(t);
}
void x86_tr_x87_com(X86Trans *t, const X86Insn *i)
{
    call_load(t);
}
void x86_tr_x87_load(X86Trans *t, const X86Insn *i)
{
    call_load(t);
}
void x86_tr_x87_store(X86Trans *t, const X86Insn *i)
{
    call_store(t);
}
void x86_tr_x87_bcd(X86Trans *t, const X86Insn *i)
{
    if (i->mn == X86_MN_FBLD) {
        call_load(t);
    } else {
        call_store(t);
    }
}
void x86_tr_x87_xch(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_sign(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_xam(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_const(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_func(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_stp(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}
void x86_tr_x87_free(X86Trans *t, const X86Insn *i)
{
    call_reg(t, 0);
}

void x86_tr_x87_cmov(X86Trans *t, const X86Insn *i)
{
    call_reg(t, x86_to64(t, x86_cc_peek(t)));
}

void x86_tr_x87_comi(X86Trans *t, const X86Insn *i)
{
    IrVal flags = call_reg(t, 0);
    x86_cc_set_eflags(t, ir_trunc32(t->b, flags));
}

/* FNOP waits; FNENI, FNDISI and FNSETPM have done nothing since the 387. */
void x86_tr_x87_nop(X86Trans *t, const X86Insn *i)
{
    if (i->mn == X86_MN_FNOP) {
        call_reg(t, 0);
    }
}

void x86_tr_x87_wait(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x87_wait, 0);
}

void x86_tr_x87_ctl(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x87_ctl, ir_c64(t->b, i->mn == X86_MN_FNINIT));
}

void x86_tr_x87_cw(X86Trans *t, const X86Insn *i)
{
    if (i->mn == X86_MN_FNSTCW) {
        x86_write(t, 0, ir_get(t->b, SLOT_FPCW));
    } else {
        wait_first(t);
        IrVal v = x86_to64(t, x86_read(t, 0));
        ir_call(t->b, &hd_x87_fldcw, SLOT_X87, v);
    }
}

void x86_tr_x87_sw(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, ir_call(t->b, &hd_x87_sw, SLOT_X87));
}

/* FLDENV, FNSTENV, FRSTOR, FNSAVE. */
void x86_tr_x87_env(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    bool store = i->mn == X86_MN_FNSTENV || i->mn == X86_MN_FNSAVE;
    IrVal addr = x86_mem_addr(t, size, store);
    ir_call(t->b, &hd_x87_env, word_of(t, size), addr, ir_c64(t->b, t->mode));
}
