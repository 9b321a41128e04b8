/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shifts and rotates. The count is cut to 5 bits (6 for 64-bit operands); when it is then 0 the
 * flags stay. Counts by CL make the form of the flags a run-time value (x86_cc_set_if).
 *
 * Undefined flags: AF is cleared by shifts; OF for counts over 1 is the change of sign in the last
 * step of the shift; rotates leave OF for counts over 1 as for count 1 on the final value.
 */
#include "target/x86/translate/translate-priv.h"

typedef struct Count {
    bool constant;
    unsigned n; /* cut, where constant */
    IrVal v;    /* cut, in the operation's type */
} Count;

static Count read_count(X86Trans *t, unsigned operand, unsigned size)
{
    unsigned mask = size == 8 ? 63 : 31;
    const X86Operand *o = &t->i->op[operand];
    Count c = { .constant = o->kind == X86_OPK_IMM };
    if (c.constant) {
        c.n = t->i->imm & mask;
        c.v = x86_const(t, size, c.n);
    } else {
        c.v = x86_to_type(t, ir_andi(t->b, x86_gpr(t, X86_RCX, 1), mask), size);
    }
    return c;
}

/* Flags of a shift by c: kind SHL or SAR with the value before the last step. */
static void shift_flags(X86Trans *t, Count c, X86CcKind kind, unsigned size, IrVal r, IrVal last)
{
    if (c.constant) {
        x86_cc_set(t, kind, size, r, last, 0, 0);
    } else {
        x86_cc_set_if(t, c.v, kind, size, r, last);
    }
}

/* Shift by c - 1; used only where c is not 0. 32-bit values hold 8 and 16-bit ones without loss. */
static IrVal count_less_one(X86Trans *t, Count c)
{
    return ir_subi(t->b, c.v, 1);
}

static void shl_shr_sar(X86Trans *t, unsigned mn, unsigned size, Count c)
{
    IrBuilder *b = t->b;
    IrVal addr, r, last, n1 = count_less_one(t, c);
    IrVal v = x86_rmw_read(t, &addr);
    X86CcKind kind = CCK_SAR;
    if (mn == X86_MN_SHL) {
        kind = CCK_SHL;
        r = ir_shl(b, v, c.v);
        last = ir_shl(b, v, n1);
    } else if (mn == X86_MN_SHR) {
        r = ir_shr(b, v, c.v);
        last = ir_shr(b, v, n1);
    } else {
        v = x86_sext(t, v, size);
        r = ir_sar(b, v, c.v);
        last = ir_sar(b, v, n1);
    }
    x86_rmw_write(t, addr, r);
    shift_flags(t, c, kind, size, r, last);
}

/* Put CF and OF (i32, 0 or 1) where the count is not 0. */
static void rotate_flags(X86Trans *t, Count c, IrVal cf, IrVal of)
{
    IrBuilder *b = t->b;
    IrVal old = x86_cc_peek(t);
    IrVal f = ir_andi(b, old, X86_CC & ~(X86_CF | X86_OF));
    f = ir_or(b, f, ir_or(b, cf, ir_shli(b, of, 11)));
    x86_cc_set_eflags(t, c.constant ? f : ir_select(b, c.v, f, old));
}

static IrVal bit_of(X86Trans *t, IrVal v, unsigned pos)
{
    return x86_to_type(t, ir_extractu(t->b, v, pos, 1), 4);
}

/* A value of 8 or 16 bits repeated to 32, so that a 32-bit rotate gives the narrow one. */
static IrVal replicate(X86Trans *t, IrVal v, unsigned size)
{
    IrBuilder *b = t->b;
    if (size == 1) {
        v = ir_or(b, v, ir_shli(b, v, 8));
    }
    return size <= 2 ? ir_or(b, v, ir_shli(b, v, 16)) : v;
}

static void rol_ror(X86Trans *t, unsigned mn, unsigned size, Count c)
{
    IrBuilder *b = t->b;
    unsigned bits = size * 8;
    IrVal addr, r;
    IrVal v = replicate(t, x86_rmw_read(t, &addr), size);
    r = x86_cut(t, mn == X86_MN_ROL ? ir_rotl(b, v, c.v) : ir_rotr(b, v, c.v), size);
    x86_rmw_write(t, addr, r);
    IrVal top = bit_of(t, r, bits - 1);
    if (mn == X86_MN_ROL) {
        IrVal cf = bit_of(t, r, 0);
        rotate_flags(t, c, cf, ir_xor(b, cf, top));
    } else {
        rotate_flags(t, c, top, ir_xor(b, top, bit_of(t, r, bits - 2)));
    }
}

/* RCL, RCR of up to 32 bits: rotate (bits + 1) bits held in an i64. */
static void rcx_narrow(X86Trans *t, bool left, unsigned size, Count c)
{
    IrBuilder *b = t->b;
    unsigned bits = size * 8;
    IrVal cf = x86_cf(t, IR_I64), addr;
    IrVal v = x86_to64(t, x86_rmw_read(t, &addr));
    IrVal n = c.constant ? ir_c64(b, c.n % (bits + 1)) : x86_to64(t, c.v);
    if (!c.constant && size < 4) {
        n = ir_remu(b, n, ir_c64(b, bits + 1));
    }
    IrVal wide = ir_or(b, v, ir_shli(b, cf, bits));
    IrVal back = ir_sub(b, ir_c64(b, bits + 1), n);
    IrVal r = left ? ir_or(b, ir_shl(b, wide, n), ir_shr(b, wide, back))
                   : ir_or(b, ir_shr(b, wide, n), ir_shl(b, wide, back));
    IrVal out = x86_to_type(t, ir_extractu(b, r, 0, bits), size);
    x86_rmw_write(t, addr, out);
    IrVal ncf = bit_of(t, r, bits), top = bit_of(t, r, bits - 1);
    rotate_flags(t, c, ncf, ir_xor(b, top, left ? ncf : bit_of(t, r, bits - 2)));
}

static void rcx64(X86Trans *t, bool left, Count c)
{
    IrBuilder *b = t->b;
    IrVal cf = x86_cf(t, IR_I64), addr, r, ncf;
    IrVal v = x86_rmw_read(t, &addr);
    IrVal n1 = count_less_one(t, c), inv = ir_sub(b, ir_c64(b, 64), c.v);
    if (left) {
        r = ir_or(b, ir_shl(b, v, c.v), ir_shl(b, cf, n1));
        r = ir_or(b, r, ir_shr(b, ir_shri(b, v, 1), inv));
        ncf = ir_andi(b, ir_shr(b, v, inv), 1);
    } else {
        r = ir_or(b, ir_shr(b, v, c.v), ir_shl(b, cf, inv));
        r = ir_or(b, r, ir_shl(b, ir_shli(b, v, 1), inv));
        ncf = ir_andi(b, ir_shr(b, v, n1), 1);
    }
    if (!c.constant) {
        r = ir_select(b, c.v, r, v);
    }
    x86_rmw_write(t, addr, r);
    ncf = ir_trunc32(b, ncf);
    rotate_flags(t, c, ncf, ir_xor(b, bit_of(t, r, 63), left ? ncf : bit_of(t, r, 62)));
}

void x86_tr_shift(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    Count c = read_count(t, 1, size);
    bool rcx = i->mn == X86_MN_RCL || i->mn == X86_MN_RCR;
    if (c.constant && c.n == 0) { /* still reads and writes its operand, with no effect on flags */
        IrVal addr;
        IrVal v = x86_rmw_read(t, &addr);
        x86_rmw_write(t, addr, v);
        return;
    }
    if (rcx && size == 8) {
        rcx64(t, i->mn == X86_MN_RCL, c);
    } else if (rcx) {
        rcx_narrow(t, i->mn == X86_MN_RCL, size, c);
    } else if (i->mn == X86_MN_ROL || i->mn == X86_MN_ROR) {
        rol_ror(t, i->mn, size, c);
    } else {
        shl_shr_sar(t, i->mn, size, c);
    }
}

/* SHLD and SHRD. 16-bit counts over 16 shift the source in again, as processors do. */
void x86_tr_shiftd(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    bool left = i->mn == X86_MN_SHLD;
    Count c = read_count(t, 2, size);
    IrVal addr, r, last;
    IrVal src = x86_read(t, 1), v = x86_rmw_read(t, &addr);
    if (c.constant && c.n == 0) {
        x86_rmw_write(t, addr, v);
        return;
    }
    IrVal n1 = count_less_one(t, c);
    if (size == 8) {
        IrVal inv = ir_sub(b, ir_c64(b, 64), c.v);
        if (left) {
            r = ir_or(b, ir_shl(b, v, c.v), ir_shr(b, ir_shri(b, src, 1), ir_subi(b, inv, 1)));
        } else {
            r = ir_or(b, ir_shr(b, v, c.v), ir_shl(b, ir_shli(b, src, 1), ir_subi(b, inv, 1)));
        }
        last = left ? ir_shl(b, v, n1) : ir_shr(b, v, n1);
        r = c.constant ? r : ir_select(b, c.v, r, v);
    } else {
        IrVal v64 = ir_zext32(b, v), s64 = ir_zext32(b, src), n = ir_zext32(b, c.v);
        unsigned bits = size * 8, base = 32;
        IrVal wide;
        if (left) { /* dst : src (: src) at the top */
            wide = ir_or(b, ir_shli(b, v64, base), ir_shli(b, s64, base - bits));
            wide = size == 2 ? ir_or(b, wide, s64) : wide;
            r = ir_shri(b, ir_shl(b, wide, n), base);
            last = ir_shri(b, ir_shl(b, wide, ir_zext32(b, n1)), base);
        } else { /* (src :) src : dst */
            wide = ir_or(b, v64, ir_shli(b, s64, bits));
            wide = size == 2 ? ir_or(b, wide, ir_shli(b, s64, 32)) : wide;
            r = ir_shr(b, wide, n);
            last = ir_shr(b, wide, ir_zext32(b, n1));
        }
        r = ir_trunc32(b, r);
        last = ir_trunc32(b, last);
    }
    x86_rmw_write(t, addr, r);
    shift_flags(t, c, left ? CCK_SHL : CCK_SAR, size, r, last);
}

/* SHLX, SHRX, SARX: no flags. */
void x86_tr_shiftx(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1);
    if (i->mn == X86_MN_RORX) {
        x86_write(t, 0, ir_rotr(b, v, x86_const(t, size, i->imm & (size * 8 - 1))));
        return;
    }
    IrVal n = ir_andi(b, x86_read(t, 2), size * 8 - 1);
    x86_write(t, 0,
              i->mn == X86_MN_SHLX   ? ir_shl(b, v, n)
              : i->mn == X86_MN_SHRX ? ir_shr(b, v, n)
                                     : ir_sar(b, v, n));
}
