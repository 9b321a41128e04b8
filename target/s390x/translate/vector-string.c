/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector string instructions. Those that the C library runs most are a few host instructions:
 * comparisons make masks, byte 0 of a register is bit 15 of its mask, so the first of anything
 * is a count of leading zeros.
 */
#include "target/s390x/translate/vector-priv.h"

enum {
    CS = 1, /* set the condition code */
    ZS = 2, /* search for zero too */
};

/* Byte number of the first one in a 16-bit mask, 16 if there is none. */
static IrVal first_byte(S390Trans *t, IrVal mask)
{
    return ir_subi(t->b, ir_clz(t->b, mask), 16);
}

static void put_index(S390Trans *t, unsigned r, IrVal index)
{
    v_put(t, r, v_of_halves(t, ir_zext32(t->b, index), ir_c64(t->b, 0)));
}

static IrVal zero_mask(S390Trans *t, unsigned es, IrVal v)
{
    return v_byte_mask(t, ir_vcmpeq(t->b, (IrLane)es, v, ir_vzero(t->b, IR_V128)));
}

static bool bad_string(S390Trans *t, unsigned es, unsigned flags, unsigned allowed)
{
    if (flags & ~allowed) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return v_bad_size(t, es, 0, 2);
}

void s390_tr_vfee(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (bad_string(t, i->m4, i->m5, CS | ZS)) {
        return;
    }
    IrVal a = v_get(t, i->r2), eq = v_byte_mask(t, ir_vcmpeq(ib, l, a, v_get(t, i->r3)));
    IrVal zero = i->m5 & ZS ? zero_mask(t, l, a) : ir_c32(ib, 0), c32[4];
    put_index(t, i->r1, first_byte(t, ir_or(ib, eq, zero)));
    for (unsigned k = 0; k < 4; k++) {
        c32[k] = ir_c32(ib, k);
    }
    if (i->m5 & CS) {
        IrVal none = ir_movcond(ib, IR_NE, eq, c32[0], c32[1], c32[3]);
        if (i->m5 & ZS) { /* the first of both decides */
            IrVal with =
                ir_movcond(ib, IR_LTU, first_byte(t, eq), first_byte(t, zero), c32[2], c32[0]);
            none = ir_movcond(ib, IR_NE, zero, c32[0], with, none);
        }
        s390_cc_value(t, none);
    }
}

void s390_tr_vfene(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (bad_string(t, i->m4, i->m5, CS | ZS)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    IrVal ne = ir_xori(ib, v_byte_mask(t, ir_vcmpeq(ib, l, a, b)), 0xffff);
    IrVal both = i->m5 & ZS ? ir_or(ib, ne, zero_mask(t, l, a)) : ne;
    IrVal at = first_byte(t, both);
    put_index(t, i->r1, at);
    if (i->m5 & CS) {
        IrVal zero = ir_c32(ib, 0), greater = v_byte_mask(t, ir_vcmpgtu(ib, l, a, b));
        IrVal bit = ir_shr(ib, ir_c32(ib, 0x8000), at); /* at 16: nothing */
        IrVal order = ir_movcond(ib, IR_TSTNZ, greater, bit, ir_c32(ib, 2), ir_c32(ib, 1));
        IrVal cc = ir_movcond(ib, IR_TSTNZ, ne, bit, order, zero); /* else both are zero */
        s390_cc_value(t, ir_movcond(ib, IR_EQ, both, zero, ir_c32(ib, 3), cc));
    }
}

/* What is before the first zero element; zeros after. */
void s390_tr_vistr(S390Trans *t, const S390Insn *i)
{
    static const IrVec number = { .b = { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 } };
    IrBuilder *ib = t->b;

    if (bad_string(t, i->m3, i->m5, CS)) {
        return;
    }
    IrVal v = v_get(t, i->r2), zero = zero_mask(t, i->m3, v);
    IrVal n = ir_vdup(ib, IR_V128, V8, first_byte(t, zero));
    IrVal keep = ir_vcmpgts(ib, V8, n, ir_vconst(ib, IR_V128, &number));
    v_put(t, i->r1, ir_vand(ib, v, keep));
    if (i->m5 & CS) {
        s390_cc_value(t, ir_movcond(ib, IR_NE, zero, ir_c32(ib, 0), ir_c32(ib, 0), ir_c32(ib, 3)));
    }
}

void s390_tr_vfae(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (v_bad_size(t, i->m4, 0, 2)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), how = ir_c64(ib, i->m4 | i->m5 << 4);
    v_put(t, i->r1, ir_call(ib, &hd_s390_vfae, a, b, how));
    if (i->m5 & CS) {
        s390_cc_from(t, ir_call(ib, &hd_s390_vfae_cc, a, b, how));
    }
}

void s390_tr_vstrc(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (v_bad_size(t, i->m5, 0, 2)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), c = v_get(t, i->r4);
    IrVal how = ir_c64(ib, i->m5 | i->m6 << 4);
    v_put(t, i->r1, ir_call(ib, &hd_s390_vstrc, a, b, c, how));
    if (i->m6 & CS) {
        s390_cc_from(t, ir_call(ib, &hd_s390_vstrc_cc, a, b, c, how));
    }
}

void s390_tr_vstrs(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (bad_string(t, i->m5, i->m6, ZS)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), c = v_get(t, i->r4);
    IrVal r = ir_call(ib, &hd_s390_vstrs, a, b, c, ir_c64(ib, i->m5 | i->m6 << 4));
    v_put(t, i->r1, v_of_halves(t, ir_andi(ib, r, 31), ir_c64(ib, 0)));
    s390_cc_value(t, ir_shri(ib, r, 8));
}
