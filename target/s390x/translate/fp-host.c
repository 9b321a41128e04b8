/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binary floating point on the host's own instructions, inline (mode MODE_FP: rounding to nearest, no exception
 * enabled, inexact on record). A result that is a normal number greater than the least one tells that nothing
 * else happened; all else, zeros and NaNs among it, branches to the helper that does it exactly.
 *
 * A scalar is an i64 with its bits on the right. The single-element forms of vector instructions are scalars of
 * the left element, with zeros in the others.
 */
#include "target/s390x/translate/fp-host.h"

static const struct {
    uint64_t sign, least, inf;
    IrShape scalar, packed;
    IrLane lane;
    unsigned es; /* log2 of the bytes */
} format[] = {
    { 0x80000000u, 0x00800000u, 0x7f800000u, FS32, FP32, V32, 2 },
    { 1ull << 63, 0x0010000000000000ull, 0x7ff0000000000000ull, FS64, FP64, V64, 3 },
};

bool s390_host_fp(const S390Trans *t, unsigned f)
{
    return (t->mode & MODE_FP) && f <= HOST_LONG;
}

/* ---- scalars ---- */
static IrVal to_host(S390Trans *t, IrVal bits)
{
    return ir_vfromi(t->b, IR_V128, bits);
}

static IrVal from_host(S390Trans *t, unsigned f, IrVal v)
{
    return f == HOST_LONG ? ir_vgetlane(t->b, IR_I64, V64, v, 0)
                          : ir_zext32(t->b, ir_vgetlane(t->b, IR_I32, V32, v, 0));
}

static IrVal arith(S390Trans *t, IrShape s, unsigned op, IrVal x, IrVal y)
{
    switch (op) {
    case 0: return ir_vfadd(t->b, s, x, y);
    case 1: return ir_vfsub(t->b, s, x, y);
    case 2: return ir_vfmul(t->b, s, x, y);
    default: return ir_vfdiv(t->b, s, x, y);
    }
}

IrVal s390_host_arith(S390Trans *t, unsigned f, unsigned op, IrVal a, IrVal b)
{
    return from_host(t, f, arith(t, format[f].scalar, op, to_host(t, a), to_host(t, b)));
}

IrVal s390_host_sqrt(S390Trans *t, unsigned f, IrVal a)
{
    IrVal v = to_host(t, a);

    return from_host(t, f, ir_vfsqrt(t->b, format[f].scalar, v, v));
}

/* a * b + c; op: bit 0 minus c, bit 1 the complement of all */
IrVal s390_host_fma(S390Trans *t, unsigned f, unsigned op, IrVal a, IrVal b, IrVal c)
{
    IrShape s = format[f].scalar;
    IrVal x = to_host(t, a), y = to_host(t, b), z = to_host(t, c);
    IrVal r = op & 1 ? ir_vfmsub(t->b, s, x, y, z, 0) : ir_vfmadd(t->b, s, x, y, z, 0);

    r = from_host(t, f, r);
    return op & 2 ? ir_xori(t->b, r, format[f].sign) : r;
}

IrVal s390_host_widen(S390Trans *t, IrVal a)
{
    IrVal v = to_host(t, a);

    return from_host(t, HOST_LONG, ir_vfcvtss(t->b, FS32, v, v));
}

IrVal s390_host_narrow(S390Trans *t, IrVal a)
{
    IrVal v = to_host(t, a);

    return from_host(t, HOST_SHORT, ir_vfcvtss(t->b, FS64, v, v));
}

IrVal s390_host_from_int(S390Trans *t, unsigned f, IrVal v)
{
    IrVal zero = ir_vzero(t->b, IR_V128);

    return from_host(t, f, ir_vfcvtsi(t->b, format[f].scalar, zero, v));
}

IrVal s390_host_to_int(S390Trans *t, unsigned f, IrVal a, bool truncate)
{
    return ir_vftosi(t->b, format[f].scalar, IR_I64, to_host(t, a), truncate);
}

void s390_host_if_normal(S390Trans *t, unsigned f, IrVal bits, bool positive, IrLabel ok)
{
    uint64_t first = format[f].least + 1;
    IrVal m = positive ? bits : ir_andi(t->b, bits, ~format[f].sign);

    ir_brcondi(t->b, IR_LTU, ir_subi(t->b, m, first), format[f].inf - first, ok);
}

void s390_host_if_number(S390Trans *t, unsigned f, IrVal bits, IrLabel ok)
{
    ir_brcondi(t->b, IR_LEU, ir_andi(t->b, bits, ~format[f].sign), format[f].inf, ok);
}

/* ROUNDPS's control by M3: 0 the mode of the FPC, which is nearest here. */
static const int8_t rounding[8] = { 0, -1, -1, -1, 0, 3, 2, 1 };

bool s390_host_rounds(unsigned m3)
{
    return m3 < 8 && rounding[m3] >= 0;
}

IrVal s390_host_round(S390Trans *t, unsigned f, IrVal a, unsigned m3)
{
    IrVal v = to_host(t, a);

    return from_host(t, f, ir_vfround(t->b, format[f].scalar, v, v, (unsigned)rounding[m3]));
}

void s390_host_if_below(S390Trans *t, unsigned f, IrVal bits, unsigned exponent, IrLabel ok)
{
    uint64_t bias = f == HOST_LONG ? 1023 : 127, shift = f == HOST_LONG ? 52 : 23;
    IrVal m = ir_andi(t->b, bits, ~format[f].sign);

    ir_brcondi(t->b, IR_LTU, m, (bias + exponent) << shift, ok);
}

IrVal s390_host_sign_cc(S390Trans *t, unsigned f, IrVal bits)
{
    IrBuilder *b = t->b;
    IrVal m = ir_andi(b, bits, ~format[f].sign), zero = ir_c64(b, 0);
    IrVal minus = ir_setcond(b, IR_NE, bits, m), cc = ir_sub(b, ir_c64(b, 2), minus);

    cc = ir_movcond(b, IR_EQ, m, zero, zero, cc);
    return ir_movcond(b, IR_GTU, m, ir_c64(b, format[f].inf), ir_c64(b, 3), cc);
}

/* ---- the condition code at a join ---- */
void s390_host_put_cc(S390Trans *t, IrVal cc)
{
    ir_put(t->b, SLOT_CC_OP, ir_c32(t->b, CC_VALUE));
    ir_put(t->b, SLOT_CC_A, cc);
}

void s390_host_join_cc(S390Trans *t)
{
    *t->cc = (S390CcState){ .op = CC_VALUE, .known = true, .a = ir_get(t->b, SLOT_CC_A) };
}

void s390_host_compare(S390Trans *t, unsigned f, IrVal a, IrVal b, IrLabel unordered)
{
    IrBuilder *ib = t->b;
    IrVal c = ir_vfcomi(ib, format[f].scalar, to_host(t, a), to_host(t, b), true);

    ir_brcondi(ib, IR_EQ, c, 0x45, unordered);
    IrVal cc = ir_movcond(ib, IR_EQ, c, ir_c32(ib, 1), ir_c64(ib, 1), ir_c64(ib, 2));
    s390_host_put_cc(t, ir_movcond(ib, IR_EQ, c, ir_c32(ib, 0x40), ir_c64(ib, 0), cc));
}

/* ---- all elements of a vector ---- */
IrVal s390_host_varith(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y)
{
    return arith(t, format[f].packed, op, x, y);
}

IrVal s390_host_vround(S390Trans *t, unsigned f, IrVal x, unsigned m3)
{
    return ir_vfround(t->b, format[f].packed, x, x, (unsigned)rounding[m3]);
}

void s390_host_if_vnan(S390Trans *t, unsigned f, IrVal x, IrLabel nan)
{
    enum {
        UNORDERED = 3
    };
    IrVal m = ir_vfcmp(t->b, format[f].packed, x, x, UNORDERED);

    ir_brcondi(t->b, IR_NE, ir_vmovmsk(t->b, format[f].lane, m), 0, nan);
}

IrVal s390_host_vsqrt(S390Trans *t, unsigned f, IrVal x)
{
    return ir_vfsqrt(t->b, format[f].packed, x, x);
}

IrVal s390_host_vfma(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y, IrVal z)
{
    IrShape s = format[f].packed;
    IrVal r = op & 1 ? ir_vfmsub(t->b, s, x, y, z, 0) : ir_vfmadd(t->b, s, x, y, z, 0);

    return op & 2 ? ir_vxor(t->b, r, v_const(t, format[f].es, format[f].sign)) : r;
}

void s390_host_if_vnormal(S390Trans *t, unsigned f, IrVal v, bool positive, IrLabel ok)
{
    IrBuilder *b = t->b;
    uint64_t first = format[f].least + 1;
    IrLane l = format[f].lane;
    IrVal m = positive ? v : ir_vandn(b, v_const(t, format[f].es, format[f].sign), v);

    m = ir_vsub(b, l, m, v_const(t, format[f].es, first));
    m = ir_vcmpgtu(b, l, v_const(t, format[f].es, format[f].inf - first), m);
    ir_brcondi(b, IR_EQ, ir_vmovmsk(b, l, m), f == HOST_LONG ? 3 : 15, ok);
}

/* op: 0 equal, 1 high, 2 high or equal */
IrVal s390_host_vcompare(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y, IrLabel unordered)
{
    enum {
        EQ = 0,
        LT = 1,
        LE = 2,
        UNORDERED = 3
    };
    IrShape s = format[f].packed;
    IrVal nan = ir_vmovmsk(t->b, format[f].lane, ir_vfcmp(t->b, s, x, y, UNORDERED));

    ir_brcondi(t->b, IR_NE, nan, 0, unordered);
    return op == 0 ? ir_vfcmp(t->b, s, x, y, EQ) : ir_vfcmp(t->b, s, y, x, op == 1 ? LT : LE);
}
