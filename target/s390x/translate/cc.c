/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lazy condition code: setting it, reading it, and turning branch masks into comparisons.
 *
 * A branch right after a compare becomes one comparison of the operands. What is not known in the
 * region (or has no short form) is computed to 0..3 and tested against the mask.
 */
#include "target/s390x/translate/fp-host.h"

void s390_cc_set(S390Trans *t, S390CcOp op, IrVal a, IrVal b)
{
    IrBuilder *ib = t->b;

    ir_put(ib, SLOT_CC_OP, ir_c32(ib, op));
    if (a) {
        ir_put(ib, SLOT_CC_A, a);
    }
    if (b) {
        ir_put(ib, SLOT_CC_B, b);
    }
    *t->cc = (S390CcState){ .op = op, .known = true, .a = a, .b = b };
}

void s390_cc_const(S390Trans *t, unsigned cc)
{
    s390_cc_set(t, (S390CcOp)(CC_CONST0 + cc), 0, 0);
}

void s390_cc_value(S390Trans *t, IrVal cc)
{
    s390_cc_set(t, CC_VALUE, s390_zext64(t, cc), 0);
}

void s390_cc_unknown(S390Trans *t)
{
    *t->cc = (S390CcState){ 0 };
}

/* ---- the value ---- */
static IrVal c32(S390Trans *t, unsigned v)
{
    return ir_c32(t->b, v);
}

/* 0 zero, 1 negative, 2 positive */
static IrVal sign_cc(S390Trans *t, IrVal v)
{
    IrVal zero = ir_const(t->b, ir_type(t->b, v), 0);
    IrVal sign = ir_movcond(t->b, IR_LT, v, zero, c32(t, 1), c32(t, 2));

    return ir_movcond(t->b, IR_EQ, v, zero, c32(t, 0), sign);
}

static IrVal compare_cc(S390Trans *t, IrCond less, IrVal a, IrVal b, unsigned cc[3])
{
    IrVal order = ir_movcond(t->b, less, a, b, c32(t, cc[1]), c32(t, cc[2]));

    return ir_movcond(t->b, IR_EQ, a, b, c32(t, cc[0]), order);
}

static IrVal overflow64(S390Trans *t, IrVal a, IrVal b, bool sub)
{
    IrBuilder *ib = t->b;
    IrVal r = sub ? ir_sub(ib, a, b) : ir_add(ib, a, b);
    IrVal other = sub ? ir_xor(ib, a, b) : ir_xor(ib, b, r);
    IrVal v = ir_and(ib, ir_xor(ib, a, r), other);

    return ir_movcond(ib, IR_LT, v, ir_c64(ib, 0), c32(t, 3), sign_cc(t, r));
}

static IrVal carry_cc(S390Trans *t, IrVal result, IrVal carry)
{
    IrBuilder *ib = t->b;
    IrVal zero = ir_const(ib, ir_type(ib, result), 0);
    IrVal nz = ir_movcond(ib, IR_NE, result, zero, c32(t, 1), c32(t, 0));

    return ir_or(ib, nz, ir_shli(ib, ir_trunc32(ib, carry), 1));
}

/* Of a floating-point number; its infinity. */
static IrVal bfp_cc(S390Trans *t, IrVal bits, uint64_t inf, unsigned sign)
{
    IrBuilder *ib = t->b;
    IrVal m = ir_andi(ib, bits, (1ull << sign) - 1), zero = ir_c64(ib, 0);
    IrVal cc = ir_movcond(ib, IR_NE, bits, m, c32(t, 1), c32(t, 2));

    cc = ir_movcond(ib, IR_EQ, m, zero, c32(t, 0), cc);
    return ir_movcond(ib, IR_GTU, m, ir_c64(ib, inf), c32(t, 3), cc);
}

static IrVal known_cc(S390Trans *t, const S390CcState *cc)
{
    IrBuilder *ib = t->b;
    IrVal a = cc->a, b = cc->b, zero = ir_c64(ib, 0);

    switch (cc->op) {
    case CC_VALUE: return ir_trunc32(ib, a);
    case CC_NZ: return ir_movcond(ib, IR_NE, a, zero, c32(t, 1), c32(t, 0));
    case CC_CMPS: return compare_cc(t, IR_LT, a, b, (unsigned[]){ 0, 1, 2 });
    case CC_CMPU: return compare_cc(t, IR_LTU, a, b, (unsigned[]){ 0, 1, 2 });
    case CC_EXACT32: {
        IrVal low = ir_sext32(ib, ir_trunc32(ib, a));
        return ir_movcond(ib, IR_NE, a, low, c32(t, 3), sign_cc(t, a));
    }
    case CC_ADD64: return overflow64(t, a, b, false);
    case CC_SUB64: return overflow64(t, a, b, true);
    case CC_ADDU32: return carry_cc(t, ir_trunc32(ib, a), ir_shri(ib, a, 32));
    case CC_ADDU64: {
        IrVal r = ir_add(ib, a, b);
        return carry_cc(t, r, ir_setcond(ib, IR_LTU, r, a));
    }
    case CC_BFP_SHORT: return bfp_cc(t, a, 0x7f800000u, 31);
    case CC_BFP_LONG: return bfp_cc(t, a, 0x7ff0000000000000u, 63);
    case CC_BFP_EXT: { /* of the right half counts only whether there is anything in it */
        IrVal some = ir_setcond(ib, IR_NE, b, zero);
        return bfp_cc(t, ir_or(ib, a, some), 0x7fff000000000000u, 63);
    }
    case CC_BFP_CMP_SHORT:
    case CC_BFP_CMP_LONG: return s390_host_compare_cc(t, cc->op == CC_BFP_CMP_LONG, a, b);
    case CC_SUBU: return compare_cc(t, IR_LTU, a, b, (unsigned[]){ 2, 1, 3 });
    case CC_CARRY: return carry_cc(t, a, b);
    case CC_TM8: {
        IrVal ones = ir_movcond(ib, IR_EQ, a, b, c32(t, 3), c32(t, 1));
        return ir_movcond(ib, IR_EQ, a, zero, c32(t, 0), ones);
    }
    default: return ir_trunc32(ib, ir_call(ib, &hd_s390_cc, ir_c64(ib, cc->op), a, b));
    }
}

IrVal s390_cc(S390Trans *t)
{
    IrBuilder *ib = t->b;

    if (!t->cc->known) {
        IrVal op = ir_zext32(ib, ir_get(ib, SLOT_CC_OP));
        IrVal v = ir_call(ib, &hd_s390_cc, op, ir_get(ib, SLOT_CC_A), ir_get(ib, SLOT_CC_B));
        /* what later readers in the region need not compute again; the slots keep the old form */
        *t->cc = (S390CcState){ .op = CC_VALUE, .known = true, .a = v };
        return ir_trunc32(ib, v);
    }
    return t->cc->op <= CC_CONST3 ? c32(t, t->cc->op) : known_cc(t, t->cc);
}

IrVal s390_cc_carry(S390Trans *t)
{
    const S390CcState *cc = t->cc;
    IrBuilder *ib = t->b;

    switch (cc->known ? cc->op : CC_VALUE) {
    case CC_ADDU32: return ir_shri(ib, cc->a, 32);
    case CC_ADDU64: return ir_setcond(ib, IR_LTU, ir_add(ib, cc->a, cc->b), cc->a);
    case CC_SUBU: return ir_setcond(ib, IR_GEU, cc->a, cc->b);
    case CC_CARRY: return cc->b;
    default: return ir_zext32(ib, ir_shri(ib, s390_cc(t), 1));
    }
}

/* ---- masks ---- */
static S390Cond cond(IrCond c, IrVal x, IrVal y)
{
    return (S390Cond){ COND_IF, c, x, y };
}

static S390Cond fixed(bool yes)
{
    return (S390Cond){ yes ? COND_ALWAYS : COND_NEVER, IR_EQ, 0, 0 };
}

S390Cond s390_compare(unsigned mask, IrVal a, IrVal b, bool is_unsigned)
{
    switch (mask & 14) {
    case 2: return cond(is_unsigned ? IR_GTU : IR_GT, a, b);
    case 4: return cond(is_unsigned ? IR_LTU : IR_LT, a, b);
    case 6: return cond(IR_NE, a, b);
    case 8: return cond(IR_EQ, a, b);
    case 10: return cond(is_unsigned ? IR_GEU : IR_GE, a, b);
    case 12: return cond(is_unsigned ? IR_LEU : IR_LE, a, b);
    default: return fixed((mask & 14) == 14);
    }
}

/* Masks of a borrow code (1 low, 2 equal, 3 high) as those of a compare code. */
static unsigned borrow_mask(unsigned mask)
{
    return (mask & 2 ? 8 : 0) | (mask & 4) | (mask & 1 ? 2 : 0);
}

/* The code itself, an i64 of 0 to 3; every mask is one comparison. */
static S390Cond value_form(IrBuilder *ib, IrVal v, unsigned mask)
{
    switch (mask) {
    case 8: return cond(IR_EQ, v, ir_c64(ib, 0));
    case 4: return cond(IR_EQ, v, ir_c64(ib, 1));
    case 2: return cond(IR_EQ, v, ir_c64(ib, 2));
    case 1: return cond(IR_EQ, v, ir_c64(ib, 3));
    case 12: return cond(IR_LTU, v, ir_c64(ib, 2));
    case 10: return cond(IR_TSTZ, v, ir_c64(ib, 1));
    case 9: return cond(IR_GEU, ir_addi(ib, v, UINT64_MAX), ir_c64(ib, 2));
    default: { /* the others are what these are not */
        S390Cond c = value_form(ib, v, 15 - mask);
        c.c = s390_negate(c.c);
        return c;
    }
    }
}

/*
 * The code of a signed sum: 0 zero, 1 negative, 2 positive, 3 overflow, where it is known which way a sum that
 * overflows goes: by the sign of what is added. Then that is like a positive sum or like a negative one, the
 * true one and the result, which wrapped, being of different signs; so all masks but those of "negative or
 * positive" or "zero or overflow" are a comparison of one of the two with zero. Not of the least number, with which
 * the result of an overflow may be zero.
 */
static bool sum_form(unsigned mask, bool up, S390Cond true_sum, S390Cond result, S390Cond *out)
{
    bool neg = mask & 4, pos = mask & 2, over = mask & 1;

    if (neg == pos) {
        *out = result;
        return over == neg;
    }
    *out = (over == pos) == up ? true_sum : result;
    return true;
}

static bool sum32_form(S390Trans *t, IrVal exact, unsigned mask, S390Cond *out)
{
    IrBuilder *ib = t->b;
    const IrInsn *sum = ir_at(ib, exact);
    uint64_t k;

    if (sum->op != IR_ADD || !ir_const_value(ib, sum->arg[1], &k) || (int64_t)k == INT32_MIN) {
        return false;
    }
    return sum_form(mask, (int64_t)k >= 0, s390_compare(mask, exact, ir_c64(ib, 0), false),
                    s390_compare(mask, ir_trunc32(ib, exact), ir_c32(ib, 0), false), out);
}

static bool sum64_form(S390Trans *t, IrVal a, IrVal b, unsigned mask, S390Cond *out)
{
    IrBuilder *ib = t->b;
    uint64_t k;

    if (!ir_const_value(ib, b, &k) || k == 1ull << 63) {
        return false;
    }
    return sum_form(mask, (int64_t)k >= 0, s390_compare(mask, a, ir_c64(ib, -k), false),
                    s390_compare(mask, ir_add(ib, a, b), ir_c64(ib, 0), false), out);
}

/* Of a sum without sign: 0 zero, 1 not zero, and 2 more with carry. */
static bool carry_form(IrVal result, IrVal zero, S390Cond carry, unsigned mask, S390Cond *out)
{
    switch (mask) {
    case 10: *out = cond(IR_EQ, result, zero); return true;
    case 5: *out = cond(IR_NE, result, zero); return true;
    case 12: carry.c = s390_negate(carry.c); /* fall through */
    case 3: *out = carry; return true;
    default: return false;
    }
}

/* True if the masked code is a plain comparison; fills *out. */
static bool short_form(S390Trans *t, const S390CcState *cc, unsigned mask, S390Cond *out)
{
    IrBuilder *ib = t->b;
    IrVal a = cc->a, b = cc->b, zero = ir_c64(ib, 0);
    uint64_t selected;

    switch (cc->op) {
    case CC_NZ:
        *out = mask & 8 && mask & 4 ? fixed(true)
               : mask & 12          ? cond(mask & 8 ? IR_EQ : IR_NE, a, zero)
                                    : fixed(false);
        return true;
    case CC_CMPS: *out = s390_compare(mask, a, b, false); return true;
    case CC_CMPU: *out = s390_compare(mask, a, b, true); return true;
    case CC_SUBU: *out = s390_compare(borrow_mask(mask), a, b, true); return true;
    case CC_EXACT32:
        if (mask == 8 || mask == 7) {
            *out = cond(mask == 8 ? IR_EQ : IR_NE, a, zero);
            return true;
        }
        if (mask == 1 || mask == 14) {
            *out = cond(mask == 1 ? IR_NE : IR_EQ, a, ir_sext32(ib, ir_trunc32(ib, a)));
            return true;
        }
        return sum32_form(t, a, mask, out);
    case CC_ADD64: return sum64_form(t, a, b, mask, out);
    case CC_SUB64: /* a difference of zero does not overflow */
        *out = cond(mask == 8 ? IR_EQ : IR_NE, a, b);
        return mask == 8 || mask == 7;
    case CC_ADDU32:
        if (mask == 8 || mask == 7) {
            *out = cond(mask == 8 ? IR_EQ : IR_NE, a, zero);
            return true;
        }
        return carry_form(ir_trunc32(ib, a), ir_c32(ib, 0), cond(IR_GTU, a, ir_c64(ib, UINT32_MAX)),
                          mask, out);
    case CC_ADDU64: {
        IrVal sum = ir_add(ib, a, b);
        return carry_form(sum, zero, cond(IR_LTU, sum, a), mask, out);
    }
    case CC_CARRY: return carry_form(a, zero, cond(IR_NE, b, zero), mask, out);
    case CC_BFP_CMP_SHORT:
    case CC_BFP_CMP_LONG:
        *out = s390_host_cond(t, cc->op == CC_BFP_CMP_LONG, mask, a, b);
        return true;
    case CC_TM8:
    case CC_TM16:
        if (mask == 8 || mask == 7) {
            *out = cond(mask == 8 ? IR_EQ : IR_NE, a, zero);
            return true;
        }
        if (ir_const_value(ib, b, &selected) && !selected) {
            *out = fixed(mask & 8);
            return true;
        }
        if (mask == 1 || mask == 14) {
            *out = cond(mask == 1 ? IR_EQ : IR_NE, a, b);
            return true;
        }
        return false;
    case CC_VALUE: *out = value_form(ib, a, mask); return true;
    default: return false;
    }
}

S390Cond s390_cond(S390Trans *t, unsigned mask)
{
    S390Cond c;

    if (mask == 15 || mask == 0) {
        return fixed(mask);
    }
    if (t->cc->known && t->cc->op <= CC_CONST3) {
        return fixed(mask & 8 >> t->cc->op);
    }
    if (t->cc->known && short_form(t, t->cc, mask, &c)) {
        return c;
    }
    return value_form(t->b, ir_zext32(t->b, s390_cc(t)), mask);
}
