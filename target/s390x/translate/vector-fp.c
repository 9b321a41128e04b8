/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector floating point: operand checks, and a helper for the elements (helper/vector-fp.c says what
 * "how" holds).
 */
#include "target/s390x/translate/fp-host.h"

enum {
    SHORT = 2,
    LONG = 3,
    EXTENDED = 4,
    ONE_ELEMENT = 8,
};

static bool enh1(S390Trans *t)
{
    return s390_facility(s390_cpu(t->ctx->cpu), S390_FACILITY_VECTOR_ENH1);
}

static bool enh2(S390Trans *t)
{
    return s390_facility(s390_cpu(t->ctx->cpu), S390_FACILITY_VECTOR_ENH2);
}

/* The formats of arithmetic, and which bits of the controls may be set. */
static bool bad_format(S390Trans *t, unsigned format, unsigned controls, unsigned allowed)
{
    if (controls & ~allowed) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return enh1(t) ? v_bad_size(t, format, SHORT, EXTENDED) : v_bad_size(t, format, LONG, LONG);
}

static bool bad_rounding(S390Trans *t, unsigned m)
{
    if (m == 2 || m > 7) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}

static IrVal how(S390Trans *t, unsigned format, unsigned controls, unsigned op, uint64_t more)
{
    controls |= format == EXTENDED ? ONE_ELEMENT : 0;
    return ir_c64(t->b, format | controls << 4 | op << 8 | more << 12);
}

/* ---- on the host ---- */

/* The left element of a register as a scalar: that of a floating-point register where it is one. */
static IrVal left_element(S390Trans *t, unsigned f, unsigned r)
{
    IrVal left = r < 16 ? ir_get(t->b, SLOT_FPR + r) : ir_vlane(t->b, V64, v_get(t, r), 1);

    return f == HOST_LONG ? ir_vgetlane(t->b, IR_I64, V64, left, 0)
                          : ir_vgetlane(t->b, IR_I64, V32, left, 1);
}

static IrVal of_left_element(S390Trans *t, unsigned f, IrVal bits)
{
    IrVal zero = ir_vzero(t->b, IR_V128), v = ir_vfromi(t->b, IR_V128, bits);

    return f == HOST_LONG ? ir_vinslane(t->b, V64, zero, v, 1) : ir_vinslane(t->b, V32, zero, v, 3);
}

/* v1 := of one element, the others zero */
static void put_one(S390Trans *t, unsigned f, IrVal bits)
{
    v_put(t, t->i->r1, of_left_element(t, f, bits));
}

/* The last argument of a scalar helper. */
static IrVal scalar_how(S390Trans *t, unsigned f, unsigned op)
{
    return ir_c64(t->b, f | op << 2 | (t->i->r1 & 15) << 8);
}

/* One extended number under MODE_FP: helpers get the registers by pointer. */
static bool host_extended(const S390Trans *t, unsigned format)
{
    return format == EXTENDED && (t->mode & MODE_FP);
}

void s390_tr_vf2(S390Trans *t, const S390Insn *i)
{
    static const HelperDesc *const extended[] = { &hd_s390_ext_vadd, &hd_s390_ext_vsub,
                                                  &hd_s390_ext_vmul, &hd_s390_ext_vdiv };

    if (bad_format(t, i->m4, i->m5, ONE_ELEMENT)) {
        return;
    }
    if (host_extended(t, i->m4)) {
        ir_call(t->b, extended[i->arg], SLOT_VR + i->r1, SLOT_VR + i->r2, SLOT_VR + i->r3);
        return;
    }
    unsigned f = i->m4 - SHORT;
    if (s390_host_fp(t, f) && (i->m5 & ONE_ELEMENT)) {
        IrVal a = left_element(t, f, i->r2), b = left_element(t, f, i->r3);
        IrVal r = s390_host_arith(t, f, i->arg, a, b);
        put_one(t, f,
                s390_host_or_call(t, f, r, false, r, &hd_s390_bfp2,
                                  (const IrVal[6]){ a, b, scalar_how(t, f, i->arg) }));
        return;
    }
    IrVal x = v_get(t, i->r2), y = v_get(t, i->r3);
    const IrVal args[6] = { x, y, how(t, i->m4, i->m5, i->arg, 0) };
    if (s390_host_fp(t, f)) {
        IrVal r = s390_host_varith(t, f, i->arg, x, y);
        v_put(t, i->r1, s390_host_vor_call(t, f, r, false, r, &hd_s390_vf2, args));
    } else {
        v_put(t, i->r1, ir_call_args(t->b, &hd_s390_vf2, args));
    }
}

void s390_tr_vfma(S390Trans *t, const S390Insn *i)
{
    if (bad_format(t, i->m6, i->m5, ONE_ELEMENT)) {
        return;
    }
    if (host_extended(t, i->m6)) {
        ir_call(t->b, &hd_s390_ext_vfma, SLOT_VR + i->r1, SLOT_VR + i->r2, SLOT_VR + i->r3,
                SLOT_VR + i->r4, ir_c64(t->b, i->arg));
        return;
    }
    unsigned f = i->m6 - SHORT;
    bool one = i->m5 & ONE_ELEMENT, host = s390_host_fp(t, f);
    if (host && one && !(i->arg & 2)) {
        IrVal a = left_element(t, f, i->r2), b = left_element(t, f, i->r3);
        IrVal c = left_element(t, f, i->r4), r = s390_host_fma(t, f, i->arg, a, b, c);
        put_one(t, f,
                s390_host_or_call(t, f, r, false, r, &hd_s390_bfp_fma,
                                  (const IrVal[6]){ a, b, c, scalar_how(t, f, i->arg) }));
        return;
    }
    IrVal x = v_get(t, i->r2), y = v_get(t, i->r3), z = v_get(t, i->r4);
    const IrVal args[6] = { x, y, z, how(t, i->m6, i->m5, i->arg, 0) };
    if (host && !one) {
        IrVal r = s390_host_vfma(t, f, i->arg, x, y, z);
        v_put(t, i->r1, s390_host_vor_call(t, f, r, false, r, &hd_s390_vfma, args));
    } else {
        v_put(t, i->r1, ir_call_args(t->b, &hd_s390_vfma, args));
    }
}

void s390_tr_vfsqrt(S390Trans *t, const S390Insn *i)
{
    if (bad_format(t, i->m3, i->m4, ONE_ELEMENT)) {
        return;
    }
    if (host_extended(t, i->m3)) {
        ir_call(t->b, &hd_s390_ext_vsqrt, SLOT_VR + i->r1, SLOT_VR + i->r2);
        return;
    }
    unsigned f = i->m3 - SHORT;
    if (s390_host_fp(t, f) && (i->m4 & ONE_ELEMENT)) {
        IrVal a = left_element(t, f, i->r2);
        put_one(t, f,
                s390_host_or_call(t, f, a, true, s390_host_sqrt(t, f, a), &hd_s390_bfp_sqrt,
                                  (const IrVal[6]){ a, scalar_how(t, f, 0) }));
        return;
    }
    IrVal x = v_get(t, i->r2);
    const IrVal args[6] = { x, how(t, i->m3, i->m4, 0, 0) };
    if (s390_host_fp(t, f)) {
        IrVal r = s390_host_vsqrt(t, f, x);
        v_put(t, i->r1, s390_host_vor_call(t, f, x, true, r, &hd_s390_vf1, args));
    } else {
        v_put(t, i->r1, ir_call_args(t->b, &hd_s390_vf1, args));
    }
}

void s390_tr_vfint(S390Trans *t, const S390Insn *i)
{
    if (!bad_format(t, i->m3, i->m4, ONE_ELEMENT | 4) && !bad_rounding(t, i->m5)) {
        unsigned f = i->m3 - SHORT;
        if (s390_host_fp(t, f) && s390_host_rounds(i->m5) && !(i->m4 & ONE_ELEMENT)) {
            IrVal x = v_get(t, i->r2), r = s390_host_vround(t, f, x, i->m5);
            const IrVal args[6] = { x, how(t, i->m3, i->m4, 1, i->m5) };
            v_put(t, i->r1, s390_host_vnumber_or_call(t, f, x, r, &hd_s390_vf1, args));
            return;
        }
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vf1, v_get(t, i->r2), how(t, i->m3, i->m4, 1, i->m5)));
    }
}

/* Doublewords to and from long numbers; false: that is the helper's. */
static bool host_from(S390Trans *t, const S390Insn *i, bool nearest)
{
    IrVal v = v_get(t, i->r2), right = ir_c64(t->b, 0);

    if (!nearest) {
        return false;
    }
    if (!(i->m4 & ONE_ELEMENT)) {
        right = s390_host_from_int(t, HOST_LONG, v_half(t, v, false));
    }
    v_put(t, i->r1, v_of_halves(t, s390_host_from_int(t, HOST_LONG, v_half(t, v, true)), right));
    return true;
}

static bool host_to(S390Trans *t, const S390Insn *i, bool nearest)
{
    IrBuilder *b = t->b;
    bool one = i->m4 & ONE_ELEMENT, truncate = i->m5 == 5;

    if (!nearest && !truncate) {
        return false;
    }
    IrVal v = v_get(t, i->r2), left = v_half(t, v, true), right = v_half(t, v, false);
    IrVal x = s390_host_to_int(t, HOST_LONG, left, truncate);
    IrVal y = one ? ir_c64(b, 0) : s390_host_to_int(t, HOST_LONG, right, truncate);
    const IrVal args[6] = { v, how(t, i->m3, i->m4 & 12, 4, i->m5) };
    IrVal fast = v_of_halves(t, x, y);
    if (!one) {
        fast = s390_host_below_or_call(t, HOST_LONG, right, 62, fast, &hd_s390_vf1, args);
    }
    v_put(t, i->r1, s390_host_below_or_call(t, HOST_LONG, left, 62, fast, &hd_s390_vf1, args));
    return true;
}

static void integers(S390Trans *t, const S390Insn *i, unsigned op)
{
    bool nearest = i->m5 == 0 || i->m5 == 4;

    if (!v_bad_size(t, i->m3, enh2(t) ? SHORT : LONG, LONG) && !bad_rounding(t, i->m5)) {
        if (i->m3 == LONG && s390_host_fp(t, HOST_LONG) &&
            ((op == 2 && host_from(t, i, nearest)) || (op == 4 && host_to(t, i, nearest)))) {
            return;
        }
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vf1, v_get(t, i->r2), how(t, i->m3, i->m4 & 12, op, i->m5)));
    }
}

void s390_tr_vffrom(S390Trans *t, const S390Insn *i)
{
    integers(t, i, 2 + i->arg);
}

void s390_tr_vfto(S390Trans *t, const S390Insn *i)
{
    integers(t, i, 4 + i->arg);
}

void s390_tr_vflengthen(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, SHORT, enh1(t) ? LONG : SHORT)) {
        if (i->m3 == SHORT && (i->m4 & ONE_ELEMENT) && (t->mode & MODE_FP)) {
            IrVal x = left_element(t, HOST_SHORT, i->r2);
            put_one(t, HOST_LONG,
                    s390_host_number_or_call(t, HOST_SHORT, x, s390_host_widen(t, x),
                                             &hd_s390_bfp_short_to_long, (const IrVal[6]){ x }));
            return;
        }
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vflengthen, v_get(t, i->r2),
                      how(t, i->m3, i->m4 & ONE_ELEMENT, 0, 0)));
    }
}

void s390_tr_vfround(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, LONG, enh1(t) ? EXTENDED : LONG) && !bad_rounding(t, i->m5)) {
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vfround, v_get(t, i->r2),
                      how(t, i->m3, i->m4 & 12, 0, i->m5)));
    }
}

/* Condition code of the elements that were compared. */
static void mask_cc(S390Trans *t, IrVal mask, unsigned format, bool one)
{
    IrBuilder *ib = t->b;

    if (one && format != EXTENDED) {
        IrVal left = v_half(t, mask, true), zero = ir_c64(ib, 0);
        s390_cc_value(t, ir_movcond(ib, IR_NE, left, zero, zero, ir_c64(ib, 3)));
    } else {
        v_cc_of_mask(t, mask);
    }
}

void s390_tr_vfcompare(S390Trans *t, const S390Insn *i)
{
    unsigned allowed = ONE_ELEMENT | (enh1(t) ? 4 : 0);

    if (i->m6 & 14) {
        s390_pgm(t, PGM_SPECIFICATION);
    } else if (!bad_format(t, i->m4, i->m5, allowed)) {
        IrVal x = v_get(t, i->r2), y = v_get(t, i->r3);
        if (i->m4 != EXTENDED && !(i->m5 & ONE_ELEMENT)) {
            IrLabel unordered = ir_label_new(t->b), done = ir_label_new(t->b);
            IrVal m = s390_host_vcompare(t, i->m4 - SHORT, i->arg, x, y, unordered);
            v_put(t, i->r1, m);
            ir_br(t->b, done);
            ir_label(t->b, unordered);
            m = ir_call(t->b, &hd_s390_vfcompare, x, y, how(t, i->m4, i->m5, i->arg, 0));
            v_put(t, i->r1, m);
            ir_label(t->b, done);
        } else {
            v_put(t, i->r1,
                  ir_call(t->b, &hd_s390_vfcompare, x, y, how(t, i->m4, i->m5, i->arg, 0)));
        }
        IrVal m = v_get(t, i->r1);
        if (i->m6 & 1) {
            mask_cc(t, m, i->m4, i->m5 & ONE_ELEMENT);
        }
    }
}

void s390_tr_vfscalar_compare(S390Trans *t, const S390Insn *i)
{
    if (!bad_format(t, i->m3, i->m4, 0)) {
        if (i->m3 != EXTENDED) {
            unsigned f = i->m3 - SHORT;
            IrVal a = left_element(t, f, i->r1), b = left_element(t, f, i->r2);
            if (t->mode & MODE_FP) {
                s390_host_compare(t, f, a, b, &hd_s390_bfp_cmp,
                                  (const IrVal[6]){ a, b, scalar_how(t, f, i->arg) });
            } else {
                s390_host_compare(t, f, a, b, &hd_s390_vfscalar_compare,
                                  (const IrVal[6]){ v_get(t, i->r1), v_get(t, i->r2),
                                                    how(t, i->m3, 0, i->arg, 0) });
            }
            return;
        }
        if (host_extended(t, i->m3)) {
            s390_cc_from(t, ir_call(t->b, &hd_s390_ext_vcmp, SLOT_VR + i->r1, SLOT_VR + i->r2,
                                    ir_c64(t->b, i->arg)));
            return;
        }
        s390_cc_from(t, ir_call(t->b, &hd_s390_vfscalar_compare, v_get(t, i->r1), v_get(t, i->r2),
                                how(t, i->m3, 0, i->arg, 0)));
    }
}

/* The sign bit: 0 complement, 1 set, 2 clear. */
void s390_tr_vfsign(S390Trans *t, const S390Insn *i)
{
    static const uint8_t bytes[] = { 4, 8, 16 };
    IrBuilder *ib = t->b;
    IrVec sign = { 0 };

    if (bad_format(t, i->m3, i->m4, ONE_ELEMENT) || v_bad_size(t, i->m5, 0, 2)) {
        return;
    }
    unsigned n = bytes[i->m3 - SHORT], first = i->m4 & ONE_ELEMENT ? 16 - n : 0;
    for (unsigned k = first; k < 16; k += n) {
        sign.b[k + n - 1] = 0x80;
    }
    IrVal v = v_get(t, i->r2), s = ir_vconst(ib, IR_V128, &sign);
    v_put(t, i->r1,
          i->m5 == 0   ? ir_vxor(ib, v, s)
          : i->m5 == 1 ? ir_vor(ib, v, s)
                       : ir_vandn(ib, s, v));
}

void s390_tr_vftest(S390Trans *t, const S390Insn *i)
{
    if (!bad_format(t, i->m4, i->m5, ONE_ELEMENT)) {
        IrVal m = ir_call(t->b, &hd_s390_vftest, v_get(t, i->r2), how(t, i->m4, i->m5, 0, i->i3));
        v_put(t, i->r1, m);
        mask_cc(t, m, i->m4, i->m5 & ONE_ELEMENT);
    }
}

void s390_tr_vfminmax(S390Trans *t, const S390Insn *i)
{
    if ((i->m6 & 7) > 4) {
        s390_pgm(t, PGM_SPECIFICATION);
    } else if (!bad_format(t, i->m4, i->m5, ONE_ELEMENT)) {
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vfminmax, v_get(t, i->r2), v_get(t, i->r3),
                      how(t, i->m4, i->m5, i->arg, i->m6)));
    }
}
