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

/* True if the masked code is a plain comparison; fills *out. */
static bool short_form(S390Trans *t, const S390CcState *cc, unsigned mask, S390Cond *out)
{
    IrBuilder *ib = t->b;
    IrVal a = cc->a, b = cc->b, zero = ir_c64(ib, 0);

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
        return false;
    case CC_ADDU32:
        if (mask == 3 || mask == 12) {
            *out = cond(mask == 3 ? IR_GTU : IR_LEU, a, ir_c64(ib, UINT32_MAX));
            return true;
        }
        return false;
    case CC_ADDU64:
        if (mask == 3 || mask == 12) {
            *out = cond(mask == 3 ? IR_LTU : IR_GEU, ir_add(ib, a, b), a);
            return true;
        }
        return false;
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
        if (mask == 1 || mask == 14) {
            *out = cond(mask == 1 ? IR_EQ : IR_NE, a, b);
            return true;
        }
        return false;
    case CC_VALUE:
        if (mask == 8 || mask == 7) {
            *out = cond(mask == 8 ? IR_EQ : IR_NE, a, zero);
            return true;
        }
        return false;
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
    IrVal cc = s390_cc(t);
    return cond(IR_TSTNZ, ir_shr(t->b, c32(t, 8), cc), c32(t, mask));
}
