/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bit test, scan, count, byte swap, BMI1 and BMI2 (shifts of BMI2 are in shift.c).
 */
#include "target/x86/translate/translate-priv.h"

/*
 * BT, BTS, BTR, BTC. With a register bit offset a memory operand is a bit string: the offset is
 * signed and reaches beyond the operand. Only CF changes (OF, SF, AF, PF are undefined).
 */
void x86_tr_bt(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size, bits = size * 8;
    bool imm = i->op[1].kind == X86_OPK_IMM;
    IrVal off = imm ? x86_const(t, size, i->imm) : x86_read(t, 1);
    IrVal pos = ir_andi(b, off, bits - 1), addr = 0, v;
    IrVal mask = ir_shl(b, x86_const(t, size, 1), pos);
    if (x86_is_mem(t, 0)) {
        IrVal plus = ir_c64(b, 0);
        if (!imm) {
            IrVal s = x86_sext(t, off, size);
            s = size == 8 ? s : ir_sext32(b, s);
            plus = ir_shli(b, ir_sari(b, s, x86_lg(bits)), x86_lg(size));
        }
        addr = x86_mem_addr_plus(t, plus, size, i->mn != X86_MN_BT);
    }
    if (i->lock) {
        IrMemOp mo = x86_mo(t, size);
        v = i->mn == X86_MN_BTS   ? ir_atomic(b, IR_RMW_OR, addr, mask, mo)
            : i->mn == X86_MN_BTR ? ir_atomic(b, IR_RMW_AND, addr, ir_not(b, mask), mo)
                                  : ir_atomic(b, IR_RMW_XOR, addr, mask, mo);
    } else {
        v = !addr                ? x86_read(t, 0)
            : i->mn == X86_MN_BT ? x86_load(t, addr, size)
                                 : x86_load_rmw(t, addr, size);
        IrVal r = i->mn == X86_MN_BTS   ? ir_or(b, v, mask)
                  : i->mn == X86_MN_BTR ? ir_andn(b, v, mask)
                                        : ir_xor(b, v, mask);
        if (i->mn != X86_MN_BT) {
            x86_rmw_write(t, addr, r);
        }
    }
    IrVal cf = ir_andi(b, ir_shr(b, v, pos), 1);
    x86_cc_merge(t, X86_CF, x86_to_type(t, cf, 4));
}

/*
 * BSF, BSR: ZF = source is 0; the destination then keeps its value (as processors do; for a 32-bit
 * operand its upper half too). The other flags: as of a logical result.
 */
void x86_tr_bsf(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool reverse = i->mn == X86_MN_BSR;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1);
    IrVal n = reverse ? ir_xori(b, ir_clz(b, v), size == 8 ? 63 : 31) : ir_ctz(b, v);
    IrVal old = ir_get(b, SLOT_GPR + i->op[0].reg);
    IrVal n64 = x86_to64(t, n);
    n64 = size == 2 ? ir_deposit(b, old, n64, 0, 16) : n64;
    ir_put(b, SLOT_GPR + i->op[0].reg, ir_select(b, v, n64, old));
    x86_cc_set(t, CCK_LOGIC, size, v, 0, 0, 0);
}

/* TZCNT, LZCNT: the operand size for 0; CF = source is 0, ZF = result is 0, the others cleared. */
void x86_tr_tzcnt(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1), n;
    if (i->mn == X86_MN_TZCNT) {
        n = ir_ctz(b, size == 2 ? ir_ori(b, v, 0x10000) : v);
    } else {
        n = size == 2 ? ir_subi(b, ir_clz(b, v), 16) : ir_clz(b, v);
    }
    x86_write(t, 0, n);
    IrVal cf = x86_to_type(t, ir_setcondi(b, IR_EQ, v, 0), 4);
    IrVal zf = x86_to_type(t, ir_setcondi(b, IR_EQ, n, 0), 4);
    x86_cc_set_eflags(t, ir_or(b, cf, ir_shli(b, zf, 6)));
}

/* POPCNT: ZF = source is 0; the other flags are cleared. */
void x86_tr_popcnt(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal v = x86_read(t, 1);
    x86_write(t, 0, ir_popcnt(b, v));
    IrVal zf = x86_to_type(t, ir_setcondi(b, IR_EQ, v, 0), 4);
    x86_cc_set_eflags(t, ir_shli(b, zf, 6));
}

/* BSWAP; of a 16-bit register it is undefined: processors give 0. */
void x86_tr_bswap(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 0);
    x86_write(t, 0,
              size == 8   ? ir_bswap64(t->b, v)
              : size == 4 ? ir_bswap32(t->b, v)
                          : ir_c32(t->b, 0));
}

/* ---- BMI1 ---- */
void x86_tr_andn(X86Trans *t, const X86Insn *i)
{
    IrVal r = ir_andn(t->b, x86_read(t, 2), x86_read(t, 1));
    x86_write(t, 0, r);
    x86_cc_set(t, CCK_LOGIC, i->op[0].size, r, 0, 0, 0);
}

void x86_tr_bls(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1), r;
    IrVal cf = ir_setcondi(b, i->mn == X86_MN_BLSI ? IR_NE : IR_EQ, v, 0);
    if (i->mn == X86_MN_BLSI) {
        r = ir_and(b, v, ir_neg(b, v));
    } else {
        IrVal m = ir_subi(b, v, 1);
        r = i->mn == X86_MN_BLSR ? ir_and(b, v, m) : ir_xor(b, v, m);
    }
    x86_write(t, 0, r);
    x86_cc_set(t, CCK_BMI, size, r, cf, 0, 0);
}

/* Mask of the low n bits (n in 0..width, all above that gives all ones). */
static IrVal low_mask(X86Trans *t, IrVal n, unsigned size)
{
    IrBuilder *b = t->b;
    IrVal ones = x86_const(t, size, UINT64_MAX);
    IrVal m = ir_not(b, ir_shl(b, ones, n));
    return ir_movcond(b, IR_GEU, n, x86_const(t, size, size * 8), ones, m);
}

/* BEXTR: CF = OF = 0, ZF by the result, the others undefined (as of a logical result). */
void x86_tr_bextr(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1), ctl = x86_read(t, 2);
    IrVal start = ir_andi(b, ctl, 0xff), len = ir_extractu(b, ctl, 8, 8);
    IrVal zero = x86_const(t, size, 0);
    IrVal s = ir_movcond(b, IR_GEU, start, x86_const(t, size, size * 8), zero, ir_shr(b, v, start));
    IrVal r = ir_and(b, s, low_mask(t, len, size));
    x86_write(t, 0, r);
    x86_cc_set(t, CCK_LOGIC, size, r, 0, 0, 0);
}

/* ---- BMI2 ---- */
void x86_tr_bzhi(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal v = x86_read(t, 1), n = ir_andi(b, x86_read(t, 2), 0xff);
    IrVal r = ir_and(b, v, low_mask(t, n, size));
    IrVal cf = ir_setcondi(b, IR_GTU, n, size * 8 - 1);
    x86_write(t, 0, r);
    x86_cc_set(t, CCK_BMI, size, r, cf, 0, 0);
}

void x86_tr_pext(X86Trans *t, const X86Insn *i)
{
    IrVal v = x86_read(t, 1), mask = x86_read(t, 2);
    x86_write(t, 0, i->mn == X86_MN_PEXT ? ir_pext(t->b, v, mask) : ir_pdep(t->b, v, mask));
}

/* MULX hi, lo, src: rDX * src; the high half is written last. */
void x86_tr_mulx(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal x = x86_gpr(t, X86_RDX, size), y = x86_read(t, 2), lo, hi;
    if (size == 8) {
        lo = ir_mul(b, x, y);
        hi = ir_mulhu(b, x, y);
    } else {
        IrVal full = ir_mul(b, ir_zext32(b, x), ir_zext32(b, y));
        lo = ir_trunc32(b, full);
        hi = ir_trunc32(b, ir_shri(b, full, 32));
    }
    x86_write(t, 1, lo);
    x86_write(t, 0, hi);
}
