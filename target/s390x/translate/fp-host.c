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
    return ir_vgetlane(t->b, IR_I64, f == HOST_LONG ? V64 : V32, v, 0);
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
    return op & 2 ? s390_host_sign(t, f, r, 2) : r;
}

IrVal s390_host_widen(S390Trans *t, IrVal a)
{
    IrVal v = to_host(t, a);

    return from_host(t, HOST_LONG, ir_vfcvtss(t->b, FS32, v, v));
}

IrVal s390_host_narrow(S390Trans *t, IrVal a)
{
    IrVal zero = ir_vzero(t->b, IR_V128);

    return from_host(t, HOST_SHORT, ir_vfcvtss(t->b, FS64, zero, to_host(t, a)));
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

IrVal s390_host_sign(S390Trans *t, unsigned f, IrVal bits, unsigned how)
{
    IrVal v = to_host(t, bits);
    IrVal sign = ir_vconst(t->b, IR_V128, &(IrVec){ .q = { format[f].sign } });

    v = how == 0   ? ir_vandn(t->b, sign, v)
        : how == 1 ? ir_vor(t->b, v, sign)
                   : ir_vxor(t->b, v, sign);
    return from_host(t, f, v);
}

static IrVal magnitude(S390Trans *t, unsigned f, IrVal bits)
{
    return ir_andi(t->b, bits, ~format[f].sign);
}

/* A call on a condition; scalars go in and come out in vector registers. */
static IrVal or_call(S390Trans *t, IrCond c, IrVal x, uint64_t k, IrVal fast, const HelperDesc *hd,
                     const IrVal args[6])
{
    IrVal y = ir_c64(t->b, k), a[6] = { 0 }, v = fast;
    uint64_t known;

    for (unsigned n = 0; n < 6 && hd->args[n] != HARG_NONE; n++) {
        bool scalar = hd->args[n] == HARG_I64 && !ir_const_value(t->b, args[n], &known);
        a[n] = scalar ? to_host(t, args[n]) : args[n];
    }
    if (ir_type(t->b, fast) != IR_I64) {
        return ir_call_if(t->b, c, x, y, fast, hd, a);
    }
    v = ir_call_if(t->b, c, x, y, to_host(t, fast), hd, a);
    return ir_vgetlane(t->b, IR_I64, V64, v, 0);
}

static IrVal exponent(S390Trans *t, unsigned f, IrVal bits, bool with_sign)
{
    return f == HOST_LONG ? ir_extractu(t->b, bits, 52, with_sign ? 12 : 11)
                          : ir_extractu(t->b, bits, 23, with_sign ? 9 : 8);
}

IrVal s390_host_or_call(S390Trans *t, unsigned f, IrVal judged, bool positive, IrVal fast,
                        const HelperDesc *hd, const IrVal args[6])
{
    unsigned most = f == HOST_LONG ? 0x7fe : 0xfe; /* the greatest exponent of a number */
    IrVal e = exponent(t, f, judged, positive);

    return or_call(t, IR_GTU, ir_subi(t->b, e, 2), most - 2, fast, hd, args);
}

IrVal s390_host_finite_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                               const HelperDesc *hd, const IrVal args[6])
{
    IrVal e = exponent(t, f, judged, false);

    return or_call(t, IR_EQ, e, f == HOST_LONG ? 0x7ff : 0xff, fast, hd, args);
}

IrVal s390_host_number_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                               const HelperDesc *hd, const IrVal args[6])
{
    return or_call(t, IR_GTU, magnitude(t, f, judged), format[f].inf, fast, hd, args);
}

IrVal s390_host_ext_finite_or_call(S390Trans *t, IrVal v, const HelperDesc *hd)
{
    IrVal left = ir_vgetlane(t->b, IR_I64, V64, v, 1);

    return or_call(t, IR_GEU, magnitude(t, HOST_LONG, left), 0x7fff000000000000ull, v, hd,
                   (const IrVal[6]){ v });
}

IrVal s390_host_below_or_call(S390Trans *t, unsigned f, IrVal judged, unsigned most, IrVal fast,
                              const HelperDesc *hd, const IrVal args[6])
{
    unsigned bias = f == HOST_LONG ? 1023 : 127;

    return or_call(t, IR_GEU, exponent(t, f, judged, false), bias + most, fast, hd, args);
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

IrVal s390_host_sign_cc(S390Trans *t, unsigned f, IrVal bits)
{
    IrBuilder *b = t->b;
    IrVal m = ir_andi(b, bits, ~format[f].sign), zero = ir_c64(b, 0);
    IrVal minus = ir_setcond(b, IR_NE, bits, m), cc = ir_sub(b, ir_c64(b, 2), minus);

    cc = ir_movcond(b, IR_EQ, m, zero, zero, cc);
    return ir_movcond(b, IR_GTU, m, ir_c64(b, format[f].inf), ir_c64(b, 3), cc);
}

/* ---- comparisons: flags as COMI leaves them ---- */
enum {
    FLAG_LOW = 1,
    FLAG_UNORDERED = 4,
    FLAG_EQUAL = 0x40,
};

static IrVal comi(S390Trans *t, unsigned f, IrVal a, IrVal b)
{
    return ir_vfcomi(t->b, format[f].scalar, to_host(t, a), to_host(t, b), true);
}

IrVal s390_host_compare_cc(S390Trans *t, unsigned f, IrVal a, IrVal b)
{
    IrBuilder *ib = t->b;
    IrVal c = comi(t, f, a, b), cc;

    cc = ir_movcond(ib, IR_EQ, c, ir_c32(ib, FLAG_LOW), ir_c32(ib, 1), ir_c32(ib, 2));
    cc = ir_movcond(ib, IR_EQ, c, ir_c32(ib, FLAG_EQUAL), ir_c32(ib, 0), cc);
    return ir_movcond(ib, IR_TSTNZ, c, ir_c32(ib, FLAG_UNORDERED), ir_c32(ib, 3), cc);
}

/* An unordered comparison sets all three flags, so "low" alone is "high" of the operands exchanged. */
S390Cond s390_host_cond(S390Trans *t, unsigned f, unsigned mask, IrVal a, IrVal b)
{
    /* by half the mask: none of these flags is set */
    static const uint8_t clear[8] = {
        [1] = FLAG_LOW | FLAG_EQUAL,
        [2] = FLAG_LOW | FLAG_EQUAL,
        [3] = FLAG_EQUAL,
        [5] = FLAG_LOW,
        [6] = FLAG_LOW,
        [7] = FLAG_UNORDERED,
    };
    bool inverse = mask & 1;
    unsigned m = inverse ? mask ^ 15 : mask;
    bool low_alone = (m & 6) == 4, equal = m == 8; /* equal: that flag, and none beside it */
    IrCond c = equal ? IR_EQ : IR_TSTZ;
    IrVal flags = low_alone ? comi(t, f, b, a) : comi(t, f, a, b);

    return (S390Cond){ .kind = COND_IF,
                       .c = inverse ? s390_negate(c) : c,
                       .x = flags,
                       .y = ir_c32(t->b, equal ? FLAG_EQUAL : clear[m >> 1]) };
}

void s390_host_compare(S390Trans *t, unsigned f, IrVal a, IrVal b, const HelperDesc *hd,
                       const IrVal args[6])
{
    IrVal flags = comi(t, f, a, b);

    if (t->mode & MODE_FP) {
        IrVal v[6] = { args[0], args[1], args[2] };
        if (hd->args[0] == HARG_I64) {
            v[0] = to_host(t, a);
            v[1] = to_host(t, b);
        }
        ir_call_if(t->b, IR_TSTNZ, flags, ir_c32(t->b, FLAG_UNORDERED), ir_c64(t->b, 0), hd, v);
    } else {
        IrLabel ordered = ir_label_new(t->b);
        ir_brcondi(t->b, IR_TSTZ, flags, FLAG_UNORDERED, ordered);
        ir_call_args(t->b, hd, args);
        ir_label(t->b, ordered);
    }
    s390_cc_set(t, f == HOST_LONG ? CC_BFP_CMP_LONG : CC_BFP_CMP_SHORT, a, b);
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

enum {
    CMP_EQ = 0,
    CMP_LT = 1,
    CMP_LE = 2,
    CMP_UNORDERED = 3
};

static IrVal any_unordered(S390Trans *t, unsigned f, IrVal x, IrVal y)
{
    return ir_vmovmsk(t->b, format[f].lane, ir_vfcmp(t->b, format[f].packed, x, y, CMP_UNORDERED));
}

IrVal s390_host_vnumber_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                                const HelperDesc *hd, const IrVal args[6])
{
    return ir_call_if(t->b, IR_NE, any_unordered(t, f, judged, judged), ir_c32(t->b, 0), fast, hd,
                      args);
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

IrVal s390_host_vor_call(S390Trans *t, unsigned f, IrVal judged, bool positive, IrVal fast,
                         const HelperDesc *hd, const IrVal args[6])
{
    IrBuilder *b = t->b;
    uint64_t first = format[f].least + 1;
    IrLane l = format[f].lane;
    IrVal m = positive ? judged : ir_vandn(b, v_const(t, format[f].es, format[f].sign), judged);

    /* the least one becomes the least integer: one signed comparison will do */
    uint64_t least = format[f].sign;
    m = ir_vadd(b, l, m, v_const(t, format[f].es, least - first));
    m = ir_vcmpgts(b, l, v_const(t, format[f].es, least + (format[f].inf - first)), m);
    return ir_call_if(b, IR_NE, ir_vmovmsk(b, l, m), ir_c32(b, f == HOST_LONG ? 3 : 15), fast, hd,
                      args);
}

/* op: 0 equal, 1 high, 2 high or equal */
IrVal s390_host_vcompare(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y, IrLabel unordered)
{
    IrShape s = format[f].packed;

    ir_brcondi(t->b, IR_NE, any_unordered(t, f, x, y), 0, unordered);
    return op == 0 ? ir_vfcmp(t->b, s, x, y, CMP_EQ)
                   : ir_vfcmp(t->b, s, y, x, op == 1 ? CMP_LT : CMP_LE);
}
