/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector integer instructions: logic, arithmetic, multiplication, comparison, shifts.
 *
 * "Even" elements are the left ones of each pair: in the host's view, the upper halves of lanes
 * twice as wide.
 */
#include "target/s390x/translate/vector-priv.h"

/* ---- logic ---- */
void s390_tr_vlogic(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), r;

    switch (i->arg) {
    case 0: r = ir_vand(ib, a, b); break;
    case 1: r = ir_vandn(ib, b, a); break;
    case 2: r = ir_vor(ib, a, b); break;
    case 3: r = ir_vnot(ib, ir_vor(ib, a, b)); break;
    case 4: r = i->r2 == i->r3 ? ir_vzero(ib, IR_V128) : ir_vxor(ib, a, b); break;
    case 5: r = ir_vnot(ib, ir_vxor(ib, a, b)); break;
    case 6: r = ir_vnot(ib, ir_vand(ib, a, b)); break;
    default: r = ir_vor(ib, a, ir_vnot(ib, b)); break;
    }
    v_put(t, i->r1, r);
}

void s390_tr_vtm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal a = v_get(t, i->r1), mask = v_get(t, i->r2), zero = ir_c32(ib, 0);
    IrVal ones = ir_movcond(ib, IR_NE, ir_vtestc(ib, a, mask), zero, ir_c32(ib, 3), ir_c32(ib, 1));

    s390_cc_value(t, ir_movcond(ib, IR_NE, ir_vtestz(ib, a, mask), zero, zero, ones));
}

/* ---- addition; 128 bits in halves ---- */
typedef struct {
    IrVal left, right, carry; /* i64; carry out of the whole */
} Sum128;

static Sum128 add128(S390Trans *t, IrVal a, IrVal b, bool complement, IrVal carry_in)
{
    IrBuilder *ib = t->b;
    Sum128 s = { .carry = carry_in };

    for (unsigned left = 0; left < 2; left++) {
        IrVal x = v_half(t, a, left), y = v_half(t, b, left);
        IrVal r = ir_add(ib, x, complement ? ir_not(ib, y) : y);
        IrVal c = ir_setcond(ib, IR_LTU, r, x), out = ir_add(ib, r, s.carry);
        s.carry = ir_or(ib, c, ir_setcond(ib, IR_LTU, out, r));
        *(left ? &s.left : &s.right) = out;
    }
    return s;
}

static void put_sum(S390Trans *t, unsigned r, Sum128 s, bool carry)
{
    v_put(t, r, carry ? ir_vfromi(t->b, IR_V128, s.carry) : v_of_halves(t, s.left, s.right));
}

/* Bit 0 of the argument: subtract. */
void s390_tr_vadd(S390Trans *t, const S390Insn *i)
{
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 4)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    if (i->m4 == 4) {
        put_sum(t, i->r1, add128(t, a, b, i->arg, ir_c64(t->b, i->arg)), false);
    } else {
        v_put(t, i->r1, i->arg ? ir_vsub(t->b, l, a, b) : ir_vadd(t->b, l, a, b));
    }
}

/* Carry of the sum, or (1) of the difference: one where nothing is borrowed. */
void s390_tr_vcarry(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 4)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    if (i->m4 == 4) {
        put_sum(t, i->r1, add128(t, a, b, i->arg, ir_c64(ib, i->arg)), true);
        return;
    }
    IrVal one = v_const(t, i->m4, 1);
    if (i->arg) {
        v_put(t, i->r1, ir_vandn(ib, ir_vcmpgtu(ib, l, b, a), one));
    } else {
        v_put(t, i->r1, ir_vand(ib, ir_vcmpgtu(ib, l, a, ir_vadd(ib, l, a, b)), one));
    }
}

/* With the carry in v4; bit 0: the carry out, bit 1: subtract. */
void s390_tr_vadd_carry(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m5, 4, 4)) {
        IrVal carry = ir_andi(t->b, v_half(t, v_get(t, i->r4), false), 1);
        Sum128 s = add128(t, v_get(t, i->r2), v_get(t, i->r3), i->arg & 2, carry);
        put_sum(t, i->r1, s, i->arg & 1);
    }
}

void s390_tr_vavg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 3)) {
        return;
    }
    /* (a + b + 1) >> 1 without the carry */
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), x = ir_vxor(ib, a, b);
    IrVal half;
    if (i->m4 ==
        0) { /* bytes: shift wider lanes, then mend the bits that came from the neighbour */
        half = ir_vand(ib, ir_vshri(ib, V16, x, 1), v_const(t, 0, 0x7f));
        half = i->arg ? ir_vor(ib, half, ir_vand(ib, x, v_const(t, 0, 0x80))) : half;
    } else {
        half = i->arg ? ir_vsari(ib, l, x, 1) : ir_vshri(ib, l, x, 1);
    }
    v_put(t, i->r1, ir_vsub(ib, l, ir_vor(ib, a, b), half));
}

void s390_tr_vminmax(S390Trans *t, const S390Insn *i)
{
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 3)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), r;
    switch (i->arg) {
    case 0: r = ir_vmaxs(t->b, l, a, b); break;
    case 1: r = ir_vmaxu(t->b, l, a, b); break;
    case 2: r = ir_vmins(t->b, l, a, b); break;
    default: r = ir_vminu(t->b, l, a, b); break;
    }
    v_put(t, i->r1, r);
}

void s390_tr_vlc(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, 0, 3)) {
        v_put(t, i->r1, ir_vsub(t->b, (IrLane)i->m3, ir_vzero(t->b, IR_V128), v_get(t, i->r2)));
    }
}

void s390_tr_vlp(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, 0, 3)) {
        v_put(t, i->r1, ir_vabs(t->b, (IrLane)i->m3, v_get(t, i->r2)));
    }
}

void s390_tr_vcount(S390Trans *t, const S390Insn *i)
{
    bool any = i->arg != 2 || s390_facility(s390_cpu(t->ctx->cpu), S390_FACILITY_VECTOR_ENH1);

    if (!v_bad_size(t, i->m3, 0, any ? 3 : 0)) {
        IrVal how = ir_c64(t->b, i->m3 | i->arg << 4);
        v_put(t, i->r1, ir_call(t->b, &hd_s390_vcount, v_get(t, i->r2), how));
    }
}

/* ---- across elements ---- */
static IrVal fold(S390Trans *t, const S390Insn *i, unsigned kind, unsigned es)
{
    IrVal how = ir_c64(t->b, es | kind << 4);
    return ir_call(t->b, &hd_s390_vfold, v_get(t, i->r2), v_get(t, i->r3), how);
}

/* Sums of neighbours, in elements of 2^to bytes, of those of v with 2^from. */
static IrVal neighbours(S390Trans *t, IrVal v, unsigned from, unsigned to)
{
    IrBuilder *ib = t->b;

    for (; from < to; from++) {
        IrVal right = ir_vand(ib, v, v_const(t, from + 1, (1ull << v_bits(from)) - 1));
        IrVal left = ir_vshri(ib, (IrLane)(from + 1), v, v_bits(from));
        v = ir_vadd(ib, (IrLane)(from + 1), left, right);
    }
    return v;
}

void s390_tr_vsum(S390Trans *t, const S390Insn *i)
{
    static const uint8_t least[] = { 0, 1, 2 }, most[] = { 1, 2, 3 };
    IrBuilder *ib = t->b;
    unsigned es = i->m4, to = MIN(i->arg + 2, 3);

    if (v_bad_size(t, es, least[i->arg], most[i->arg])) {
        return;
    }
    if (es == 3) { /* a sum of 128 bits */
        v_put(t, i->r1, fold(t, i, i->arg, es));
        return;
    }
    IrVal sum = neighbours(t, v_get(t, i->r2), es, to);
    IrVal last = ir_vand(ib, v_get(t, i->r3), v_const(t, to, (1ull << v_bits(es)) - 1));
    if (i->arg == 2) {
        IrVal both = ir_add(ib, v_half(t, sum, true), v_half(t, sum, false));
        v_put(t, i->r1, ir_vfromi(ib, IR_V128, ir_add(ib, both, v_half(t, last, false))));
    } else {
        v_put(t, i->r1, ir_vadd(ib, (IrLane)to, sum, last));
    }
}

void s390_tr_vcksm(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, fold(t, i, 3, 0));
}

void s390_tr_vgfm(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg ? i->m5 : i->m4;

    if (!v_bad_size(t, es, 0, 3)) {
        IrVal r = fold(t, i, 4, es);
        v_put(t, i->r1, i->arg ? ir_vxor(t->b, r, v_get(t, i->r4)) : r);
    }
}

/* ---- comparison ---- */
void s390_tr_vec(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned es = i->m3;

    if (v_bad_size(t, es, 0, 3)) {
        return;
    }
    unsigned lane = 8u >> es, bits = v_bits(es);
    IrVal a = ir_vgetlane(ib, IR_I64, (IrLane)es, v_get(t, i->r1), lane);
    IrVal b = ir_vgetlane(ib, IR_I64, (IrLane)es, v_get(t, i->r2), lane);
    if (i->arg && es < 3) {
        a = ir_extracts(ib, a, 0, bits);
        b = ir_extracts(ib, b, 0, bits);
    }
    s390_cc_set(t, i->arg ? CC_CMPS : CC_CMPU, a, b);
}

void s390_tr_vcompare(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 3)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    IrVal r = i->arg == 0   ? ir_vcmpeq(ib, l, a, b)
              : i->arg == 1 ? ir_vcmpgts(ib, l, a, b)
                            : ir_vcmpgtu(ib, l, a, b);
    v_put(t, i->r1, r);
    if (i->m5 & 1) {
        v_cc_of_mask(t, r);
    }
}

void v_cc_of_mask(S390Trans *t, IrVal mask)
{
    IrBuilder *ib = t->b;
    IrVal m = v_byte_mask(t, mask), zero = ir_c32(ib, 0);
    IrVal some = ir_movcond(ib, IR_EQ, m, zero, ir_c32(ib, 3), ir_c32(ib, 1));

    s390_cc_value(t, ir_movcond(ib, IR_EQ, m, ir_c32(ib, 0xffff), zero, some));
}

/* ---- multiplication ---- */

/* The even or odd elements, extended to twice their width. */
static IrVal widened(S390Trans *t, unsigned es, IrVal v, bool even, bool sign)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)(es + 1);
    unsigned n = v_bits(es);

    if (even) {
        return sign ? ir_vsari(ib, l, v, n) : ir_vshri(ib, l, v, n);
    }
    return sign ? ir_vsari(ib, l, ir_vshli(ib, l, v, n), n)
                : ir_vand(ib, v, v_const(t, es + 1, (1ull << n) - 1));
}

static IrVal product(S390Trans *t, unsigned es, IrVal a, IrVal b, bool even, bool sign)
{
    IrBuilder *ib = t->b;

    if (es == 2) { /* the host multiplies its even lanes, which are our odd ones */
        IrVal x = even ? ir_vshri(ib, V64, a, 32) : a, y = even ? ir_vshri(ib, V64, b, 32) : b;
        return sign ? ir_vmules(ib, V32, x, y) : ir_vmuleu(ib, V32, x, y);
    }
    return ir_vmullo(ib, (IrLane)(es + 1), widened(t, es, a, even, sign),
                     widened(t, es, b, even, sign));
}

IrVal v_mul_low(S390Trans *t, unsigned es, IrVal x, IrVal y)
{
    IrBuilder *ib = t->b;

    if (es) {
        return ir_vmullo(ib, (IrLane)es, x, y);
    }
    IrVal even = ir_vmullo(ib, V16, ir_vshri(ib, V16, x, 8), ir_vshri(ib, V16, y, 8));
    IrVal odd = ir_vand(ib, ir_vmullo(ib, V16, x, y), v_const(t, 1, 0xff));
    return ir_vor(ib, ir_vshli(ib, V16, even, 8), odd);
}

/* The high halves of a * b + c; c may be 0. */
static IrVal mul_high(S390Trans *t, unsigned es, IrVal a, IrVal b, IrVal c, bool sign)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)(es + 1);
    unsigned n = v_bits(es);
    IrVal even = product(t, es, a, b, true, sign), odd = product(t, es, a, b, false, sign);

    if (c) {
        even = ir_vadd(ib, l, even, widened(t, es, c, true, sign));
        odd = ir_vadd(ib, l, odd, widened(t, es, c, false, sign));
    }
    IrVal high = v_const(t, es + 1, ((1ull << n) - 1) << n);
    return ir_vor(ib, ir_vand(ib, even, high), ir_vshri(ib, l, odd, n));
}

void s390_tr_vmul(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    bool add = i->arg & 8, sign = i->arg & 1;
    unsigned es = add ? i->m5 : i->m4, part = i->arg & 6;
    IrVal r;

    if (v_bad_size(t, es, 0, 2)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3), c = add ? v_get(t, i->r4) : 0;
    if (part == 0) {
        r = v_mul_low(t, es, a, b);
        r = add ? ir_vadd(ib, (IrLane)es, r, c) : r;
    } else if (part == 2) {
        r = mul_high(t, es, a, b, c, sign);
    } else {
        r = product(t, es, a, b, part == 4, sign);
        r = add ? ir_vadd(ib, (IrLane)(es + 1), r, c) : r;
    }
    v_put(t, i->r1, r);
}

void s390_tr_vmsl(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m5, 3, 3)) {
        v_put(t, i->r1,
              ir_call(t->b, &hd_s390_vmsl, v_get(t, i->r2), v_get(t, i->r3), v_get(t, i->r4),
                      ir_c64(t->b, i->m6)));
    }
}

/* ---- shifts: 0 left, 1 arithmetic right, 2 right, 3 rotate left ---- */
static IrVal shift_each(S390Trans *t, unsigned kind, IrLane l, IrVal v, IrVal n)
{
    IrBuilder *ib = t->b;
    unsigned bits = v_bits(l);

    n = ir_vand(ib, n, v_const(t, l, bits - 1));
    switch (kind) {
    case 0: return ir_vshlv(ib, l, v, n);
    case 1: return ir_vsarv(ib, l, v, n);
    case 2: return ir_vshrv(ib, l, v, n);
    default: {
        IrVal back = ir_vsub(ib, l, v_const(t, l, bits), n);
        return ir_vor(ib, ir_vshlv(ib, l, v, n), ir_vshrv(ib, l, v, back));
    }
    }
}

static IrVal shift_const(S390Trans *t, unsigned kind, IrLane l, IrVal v, unsigned n)
{
    IrBuilder *ib = t->b;
    unsigned bits = v_bits(l);

    n &= bits - 1;
    switch (kind) {
    case 0: return ir_vshli(ib, l, v, n);
    case 1: return ir_vsari(ib, l, v, n);
    case 2: return ir_vshri(ib, l, v, n);
    default: return n ? ir_vor(ib, ir_vshli(ib, l, v, n), ir_vshri(ib, l, v, bits - n)) : v;
    }
}

void s390_tr_vshift(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)i->m4;

    if (v_bad_size(t, i->m4, 0, 3)) {
        return;
    }
    IrVal v = v_get(t, i->r3);
    if (!i->b2) {
        v_put(t, i->r1, shift_const(t, i->arg, l, v, i->d2));
        return;
    }
    IrVal n = ir_andi(ib, s390_addr2(t), v_bits(l) - 1), r;
    switch (i->arg) {
    case 0: r = ir_vshl(ib, l, v, n); break;
    case 1: r = ir_vsar(ib, l, v, n); break;
    case 2: r = ir_vshr(ib, l, v, n); break;
    default: {
        IrVal back = ir_sub(ib, ir_c64(ib, v_bits(l)), n);
        r = ir_vor(ib, ir_vshl(ib, l, v, n), ir_vshr(ib, l, v, back));
        break;
    }
    }
    v_put(t, i->r1, r);
}

void s390_tr_vshift_each(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m4, 0, 3)) {
        v_put(t, i->r1, shift_each(t, i->arg, (IrLane)i->m4, v_get(t, i->r2), v_get(t, i->r3)));
    }
}

void s390_tr_verim(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m5, 0, 3)) {
        IrVal r = shift_const(t, 3, (IrLane)i->m5, v_get(t, i->r2), i->i4);
        v_put(t, i->r1, ir_vbitsel(t->b, v_get(t, i->r3), r, v_get(t, i->r1)));
    }
}

void s390_tr_vshift_all(S390Trans *t, const S390Insn *i)
{
    IrVal how = ir_c64(t->b, i->arg);
    v_put(t, i->r1, ir_call(t->b, &hd_s390_vshift, v_get(t, i->r2), v_get(t, i->r3), how));
}

void s390_tr_vbperm(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, fold(t, i, 5, 0));
}
