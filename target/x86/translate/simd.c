/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector operands: contracts in simd-priv.h.
 */
#include "target/x86/translate/simd-priv.h"

void mmx_begin(X86Trans *t)
{
    IrVal sw = ir_get(t->b, SLOT_FPSW);
    x86_raise_ir_if(t, IR_TSTNZ, sw, ir_c32(t->b, X87_ES), EXCP_MF, 0);
    ir_call(t->b, &hd_x87_sync, SLOT_X87);
}

void mmx_end(X86Trans *t)
{
    ir_put(t->b, SLOT_FP_TOP, ir_c32(t->b, 0));
    ir_put(t->b, SLOT_FP_VALID, ir_c32(t->b, 0xff));
}

static IrVal read_mem(X86Trans *t, const X86Operand *o, bool aligned)
{
    IrVal addr = x86_mem_addr(t, o->size, false);
    if (o->size < 4) {
        return ir_vfromi(t->b, IR_V128, x86_load(t, addr, o->size));
    }
    if (aligned && o->size > 8) {
        x86_raise_ir_if(t, IR_TSTNZ, addr, ir_c64(t->b, o->size - 1), EXCP_GP, 0);
    }
    return ir_load(t->b, simd_type(o->size), addr, x86_mo(t, o->size));
}

/* Encoded by VEX a write clears the upper half, so the whole register is what is known of it: reads
 * then take the low half of that, not of memory. */
IrVal simd_get(X86Trans *t, unsigned reg)
{
    return t->i->vex ? ir_vlo128(t->b, ir_get(t->b, SLOT_YMM + reg)) : ir_get(t->b, SLOT_XMM + reg);
}

static IrVal read_operand(X86Trans *t, unsigned n, bool aligned)
{
    const X86Operand *o = &t->i->op[n];
    switch ((X86OpKind)o->kind) {
    case X86_OPK_XMM: return o->size == 32 ? ir_get(t->b, SLOT_YMM + o->reg) : simd_get(t, o->reg);
    case X86_OPK_MMX: return ir_vfromi(t->b, IR_V128, ir_get(t->b, SLOT_MM + o->reg));
    case X86_OPK_MEM: return read_mem(t, o, aligned);
    default: g_assert_not_reached(); /* a table line that names a translator for other operands */
    }
}

IrVal simd_read(X86Trans *t, unsigned n)
{
    return read_operand(t, n, !t->i->vex || (t->i->flags & X86_F_ALIGN));
}

IrVal simd_read_u(X86Trans *t, unsigned n)
{
    return read_operand(t, n, t->i->flags & X86_F_ALIGN);
}

void simd_put(X86Trans *t, unsigned reg, IrVal v)
{
    if (ir_type(t->b, v) == IR_V256) {
        ir_put(t->b, SLOT_YMM + reg, v);
    } else if (t->i->vex) {
        ir_put(t->b, SLOT_YMM + reg, ir_vzext256(t->b, v));
    } else {
        ir_put(t->b, SLOT_XMM + reg, v);
    }
}

static void write_mem(X86Trans *t, const X86Operand *o, IrVal v)
{
    IrVal addr = x86_mem_addr(t, o->size, true);
    if (o->size < 4) {
        x86_store(t, addr, ir_vgetlane(t->b, IR_I32, (IrLane)x86_lg(o->size), v, 0), o->size);
        return;
    }
    if ((t->i->flags & X86_F_ALIGN) && o->size > 8) {
        x86_raise_ir_if(t, IR_TSTNZ, addr, ir_c64(t->b, o->size - 1), EXCP_GP, 0);
    }
    ir_store(t->b, addr, v, x86_mo(t, o->size));
}

void simd_write(X86Trans *t, unsigned n, IrVal v)
{
    const X86Operand *o = &t->i->op[n];
    if (o->kind == X86_OPK_MEM) {
        write_mem(t, o, v);
    } else if (o->kind == X86_OPK_MMX) {
        ir_put(t->b, SLOT_MM + o->reg, ir_vgetlane(t->b, IR_I64, V64, v, 0));
        ir_put(t->b, SLOT_MM_EXP + o->reg, ir_c32(t->b, 0xffff));
    } else {
        simd_put(t, o->reg, v);
    }
}

SimdPair simd_pair(X86Trans *t)
{
    unsigned n = simd_nops(t);
    SimdPair p = { .y = simd_read(t, n - 1) };
    if (t->i->vex) {
        p.x = n == 3 ? simd_read(t, 1) : p.y;
    } else {
        p.x = simd_read(t, 0);
    }
    return p;
}

IrVal fp_begin(X86Trans *t)
{
    return t->mode & MODE_FPX ? ir_call(t->b, &hd_sse_begin, 0) : 0;
}

void fp_end(X86Trans *t, IrVal begun)
{
    if (t->mode & MODE_FPX) {
        ir_call(t->b, &hd_sse_end, begun);
    }
}
