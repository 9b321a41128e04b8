/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves, address generation, exchange, the stack, segment register and far pointer loads.
 *
 * Segment loads go to the system side (helper load_seg), which may fault; nothing is put before it.
 */
#include "target/x86/translate/translate-priv.h"

void x86_tr_mov(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, x86_read(t, 1));
}

/* MOV from a segment register: zero-extended to a register, 16 bits to memory. */
void x86_tr_mov_from_seg(X86Trans *t, const X86Insn *i)
{
    IrVal sel = ir_get(t->b, SLOT_SEG_SEL + i->op[1].reg);
    x86_write(t, 0, x86_to_type(t, sel, i->op[0].size));
}

static void load_seg(X86Trans *t, unsigned seg, IrVal sel)
{
    ir_call(t->b, &hd_x86_load_seg, ir_c64(t->b, seg), x86_to64(t, x86_cut(t, sel, 2)));
}

/* After a load of a segment register the mode may differ; after SS interrupts wait. */
static void seg_loaded(X86Trans *t, unsigned seg, bool shadow)
{
    if (seg == X86_SS && shadow) {
        ir_call(t->b, &hd_x86_set_shadow, 0);
    }
    x86_end_loop(t);
}

void x86_tr_mov_to_seg(X86Trans *t, const X86Insn *i)
{
    load_seg(t, i->op[0].reg, x86_read(t, 1));
    seg_loaded(t, i->op[0].reg, true);
}

void x86_tr_load_far(X86Trans *t, const X86Insn *i)
{
    unsigned seg = i->mn == X86_MN_LES   ? X86_ES
                   : i->mn == X86_MN_LDS ? X86_DS
                   : i->mn == X86_MN_LSS ? X86_SS
                   : i->mn == X86_MN_LFS ? X86_FS
                                         : X86_GS;
    unsigned size = i->opsize;
    IrVal off = x86_load(t, x86_mem_addr(t, size, false), size);
    IrVal at = x86_mem_addr_plus(t, ir_c64(t->b, size), 2, false);
    load_seg(t, seg, x86_load(t, at, 2));
    x86_write(t, 0, off);
    seg_loaded(t, seg, false);
}

void x86_tr_movzx(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, x86_to_type(t, x86_read(t, 1), i->op[0].size));
}

void x86_tr_movsx(X86Trans *t, const X86Insn *i)
{
    IrVal v = x86_sext(t, x86_read(t, 1), i->op[1].size);
    if (i->op[0].size == 8 && ir_type(t->b, v) == IR_I32) {
        v = ir_sext32(t->b, v);
    }
    x86_write(t, 0, v);
}

void x86_tr_movbe(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1);
    v = size == 8 ? ir_bswap64(t->b, v) : size == 4 ? ir_bswap32(t->b, v) : ir_bswap16(t->b, v);
    x86_write(t, 0, v);
}

/* The source is read whatever the condition; a 32-bit destination is zero-extended always. */
void x86_tr_cmov(X86Trans *t, const X86Insn *i)
{
    IrVal src = x86_read(t, 1), old = x86_read(t, 0);
    X86Cond c = x86_cond(t, i->cc);
    x86_write(t, 0, ir_movcond(t->b, c.c, c.x, c.y, src, old));
}

void x86_tr_lea(X86Trans *t, const X86Insn *i)
{
    x86_write(t, 0, x86_ea(t));
}

/* With memory XCHG is atomic, LOCK or not. */
void x86_tr_xchg(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1);
    if (x86_is_mem(t, 0)) {
        IrVal addr = x86_mem_addr(t, size, true);
        x86_write(t, 1, ir_atomic(t->b, IR_RMW_XCHG, addr, v, x86_mo(t, size)));
        return;
    }
    IrVal old = x86_read(t, 0);
    x86_write(t, 0, v);
    x86_write(t, 1, old);
}

void x86_tr_xlat(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal off = ir_add(b, ir_get(b, SLOT_GPR + X86_RBX), x86_to64(t, x86_gpr(t, X86_RAX, 1)));
    off = i->adsize == 8 ? off : ir_extractu(b, off, 0, i->adsize * 8);
    x86_set_gpr(t, X86_RAX, 1, x86_load(t, x86_linear(t, i->mem.seg, off, 1, false), 1));
}

/* ---- stack ---- */
void x86_tr_push(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize;
    x86_push(t, x86_read(t, 0), size); /* PUSH rSP stores the value from before */
}

void x86_tr_push_seg(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize;
    IrVal sel = ir_get(t->b, SLOT_SEG_SEL + i->op[0].reg);
    if (size == 4) { /* the stack moves by 4, but processors write only the 16 bits */
        IrVal sp = ir_subi(t->b, x86_sp(t), 4);
        unsigned ss = x86_stack_size(t);
        sp = ss == 8 ? sp : ir_extractu(t->b, sp, 0, ss * 8);
        x86_store(t, x86_linear(t, X86_SS, sp, 2, true), sel, 2);
        x86_set_sp(t, sp);
        return;
    }
    x86_push(t, x86_to_type(t, sel, size), size);
}

static IrVal sp_plus(X86Trans *t, IrVal sp, uint64_t n)
{
    unsigned ss = x86_stack_size(t);
    IrVal v = ir_addi(t->b, sp, n);
    return ss == 8 ? v : ir_extractu(t->b, v, 0, ss * 8);
}

/* POP: a memory destination that uses rSP is addressed after the increment; POP rSP takes the
 * popped value. */
void x86_tr_pop(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize;
    IrVal sp = x86_sp(t);
    IrVal v = x86_stack_load(t, sp, size);
    x86_set_sp(t, sp_plus(t, sp, size));
    x86_write(t, 0, v);
}

void x86_tr_pop_seg(X86Trans *t, const X86Insn *i)
{
    IrVal sp = x86_sp(t);
    IrVal v = x86_stack_load(t, sp, i->opsize == 2 ? 2 : i->opsize);
    load_seg(t, i->op[0].reg, x86_to_type(t, v, 4));
    x86_set_sp(t, sp_plus(t, sp, i->opsize));
    seg_loaded(t, i->op[0].reg, true);
}

void x86_tr_pusha(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize;
    IrVal sp = x86_sp(t);
    for (unsigned r = X86_RAX; r <= X86_RDI; r++) {
        sp = x86_push_at(t, sp, x86_gpr(t, r, size), size);
    }
    x86_set_sp(t, sp);
}

void x86_tr_popa(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize;
    IrVal sp = x86_sp(t), v[8];
    for (int r = X86_RDI; r >= X86_RAX; r--) {
        v[r] = x86_stack_load(t, sp, size);
        sp = sp_plus(t, sp, size);
    }
    for (unsigned r = X86_RAX; r <= X86_RDI; r++) {
        if (r != X86_RSP) {
            x86_set_gpr(t, r, size, v[r]);
        }
    }
    x86_set_sp(t, sp);
}

void x86_tr_pushf(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal f;
    if ((t->mode & MODE_VM86) && !(t->mode & MODE_IOPL_OK)) {
        f = ir_call(b, &hd_x86_read_eflags, ir_c64(b, i->opsize));
    } else {
        f = ir_or(b, x86_cc_all(t), ir_get(b, SLOT_EFLAGS));
        f = ir_zext32(b, ir_ori(b, ir_andi(b, f, ~(uint64_t)(X86_VM | X86_RF)), 2));
    }
    x86_push(t, x86_to_type(t, f, i->opsize), i->opsize);
}

void x86_tr_popf(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal sp = x86_sp(t);
    IrVal v = x86_stack_load(t, sp, i->opsize);
    ir_call(b, &hd_x86_write_eflags, x86_to64(t, v), ir_c64(b, i->opsize));
    x86_set_sp(t, sp_plus(t, sp, i->opsize));
    x86_cc_unknown(t);
    x86_goto_mode(t, ir_c64(b, t->next_pc));
}

/* ENTER with level 0 is common and simple; nested frames go to a helper. */
void x86_tr_enter(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->opsize, level = i->imm2 & 31;
    if (level) {
        ir_call(b, &hd_x86_enter, ir_c64(b, size), ir_c64(b, (uint16_t)i->imm), ir_c64(b, level));
        return;
    }
    IrVal frame = x86_push_at(t, x86_sp(t), x86_gpr(t, X86_RBP, size), size);
    IrVal sp = sp_plus(t, frame, -(uint64_t)(uint16_t)i->imm);
    ir_probe(b, x86_linear(t, X86_SS, sp, size, true), ACCESS_WRITE, x86_mo(t, size));
    x86_set_gpr(t, X86_RBP, size, frame);
    x86_set_sp(t, sp);
}

void x86_tr_leave(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->opsize, ss = x86_stack_size(t);
    IrVal bp = ir_get(t->b, SLOT_GPR + X86_RBP);
    bp = ss == 8 ? bp : ir_extractu(t->b, bp, 0, ss * 8);
    IrVal v = x86_stack_load(t, bp, size);
    x86_set_sp(t, sp_plus(t, bp, size));
    x86_set_gpr(t, X86_RBP, size, v);
}
