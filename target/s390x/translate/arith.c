/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic and comparison. Widths and operands come from the instruction's line; 32-bit
 * results are calculated exactly in 64 bits, which is all that their condition codes need.
 */
#include "target/s390x/translate/translate-priv.h"

/* ---- add and subtract ---- */
static void signed_result(S390Trans *t, IrVal a, IrVal b, bool sub, void (*set)(S390Trans *, IrVal))
{
    IrBuilder *ib = t->b;

    if (ir_type(ib, a) == IR_I32) {
        IrVal x = ir_sext32(ib, a), y = ir_sext32(ib, b);
        IrVal exact = sub ? ir_sub(ib, x, y) : ir_add(ib, x, y);
        set(t, ir_trunc32(ib, exact));
        s390_cc_set(t, CC_EXACT32, exact, 0);
    } else {
        set(t, sub ? ir_sub(ib, a, b) : ir_add(ib, a, b));
        s390_cc_set(t, sub ? CC_SUB64 : CC_ADD64, a, b);
    }
}

static void logical_result(S390Trans *t, IrVal a, IrVal b, bool sub,
                           void (*set)(S390Trans *, IrVal))
{
    IrBuilder *ib = t->b;

    if (sub) {
        IrVal x = s390_zext64(t, a), y = s390_zext64(t, b);
        set(t, ir_sub(ib, a, b));
        s390_cc_set(t, CC_SUBU, x, y);
    } else if (ir_type(ib, a) == IR_I32) {
        IrVal exact = ir_add(ib, ir_zext32(ib, a), ir_zext32(ib, b));
        set(t, ir_trunc32(ib, exact));
        s390_cc_set(t, CC_ADDU32, exact, 0);
    } else {
        set(t, ir_add(ib, a, b));
        s390_cc_set(t, CC_ADDU64, a, b);
    }
}

static void set_r1(S390Trans *t, IrVal v)
{
    s390_set_reg(t, t->i->r1, v);
}

static void set_r1_high(S390Trans *t, IrVal v)
{
    s390_set_gpr_high(t, t->i->r1, v);
}

void s390_tr_add(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    signed_result(t, s390_first(t), b, false, set_r1);
}

void s390_tr_sub(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    signed_result(t, s390_first(t), b, true, set_r1);
}

void s390_tr_addl(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    logical_result(t, s390_first(t), b, false, set_r1);
}

void s390_tr_subl(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    logical_result(t, s390_first(t), b, true, set_r1);
}

void s390_tr_add_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    signed_result(t, s390_first(t), b, false, set_r1_high);
}

void s390_tr_sub_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    signed_result(t, s390_first(t), b, true, set_r1_high);
}

void s390_tr_addl_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    logical_result(t, s390_first(t), b, false, set_r1_high);
}

void s390_tr_subl_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    logical_result(t, s390_first(t), b, true, set_r1_high);
}

void s390_tr_add_ih(S390Trans *t, const S390Insn *i)
{
    signed_result(t, s390_gpr_high(t, i->r1), ir_c32(t->b, i->i2), false, set_r1_high);
}

void s390_tr_addl_ih(S390Trans *t, const S390Insn *i)
{
    logical_result(t, s390_gpr_high(t, i->r1), ir_c32(t->b, i->i2), false, set_r1_high);
}

void s390_tr_addn_ih(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr_high(t, i->r1, ir_addi(t->b, s390_gpr_high(t, i->r1), (uint32_t)i->i2));
}

/* a + b + c or a - b - (1 - c) with c the carry; the code says result and carry out. */
static void with_carry(S390Trans *t, bool sub)
{
    IrBuilder *ib = t->b;
    IrVal b = s390_second(t), a = s390_first(t), c = s390_cc_carry(t);

    if (sub) {
        b = ir_not(ib, b); /* a - b - 1 + c is a + ~b + c, with the same carry */
    }
    if (ir_type(ib, a) == IR_I32) {
        IrVal sum = ir_add(ib, ir_zext32(ib, a), ir_zext32(ib, b));
        sum = ir_add(ib, sum, c);
        s390_set_reg(t, t->i->r1, ir_trunc32(ib, sum));
        s390_cc_set(t, CC_ADDU32, sum, 0);
    } else {
        IrVal part = ir_add(ib, a, b), r = ir_add(ib, part, c);
        IrVal carry = ir_or(ib, ir_setcond(ib, IR_LTU, part, a), ir_setcond(ib, IR_LTU, r, part));
        s390_set_reg(t, t->i->r1, r);
        s390_cc_set(t, CC_CARRY, r, carry);
    }
}

void s390_tr_addc(S390Trans *t, const S390Insn *i)
{
    with_carry(t, false);
}

void s390_tr_subb(S390Trans *t, const S390Insn *i)
{
    with_carry(t, true);
}

/* ---- multiply ---- */
void s390_tr_mul(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    s390_set_reg(t, i->r1, ir_mul(t->b, s390_first(t), b));
}

void s390_tr_mulc(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal b = s390_second(t), a = s390_first(t);

    if (s390_is_w(t)) {
        IrVal exact = ir_mul(ib, ir_sext32(ib, a), ir_sext32(ib, b));
        s390_set_gpr32(t, i->r1, ir_trunc32(ib, exact));
        s390_cc_set(t, CC_EXACT32, exact, 0);
        return;
    }
    IrVal low = ir_mul(ib, a, b), high = ir_mulhs(ib, a, b), zero = ir_c64(ib, 0);
    IrVal sign = ir_movcond(ib, IR_LT, low, zero, ir_c64(ib, 1), ir_c64(ib, 2));
    IrVal cc = ir_movcond(ib, IR_EQ, low, zero, zero, sign);
    s390_set_gpr(t, i->r1, low);
    s390_cc_value(t, ir_movcond(ib, IR_NE, high, ir_sari(ib, low, 63), ir_c64(ib, 3), cc));
}

static bool odd_pair(S390Trans *t, unsigned r)
{
    if (r & 1) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}

static void set_pair(S390Trans *t, unsigned r, IrVal high, IrVal low)
{
    s390_set_reg(t, r, high);
    s390_set_reg(t, r + 1, low);
}

/* Product of the odd register and the operand, into the pair. */
static void mul_pair(S390Trans *t, const S390Insn *i, bool is_signed)
{
    IrBuilder *ib = t->b;

    if (odd_pair(t, i->r1)) {
        return;
    }
    IrVal b = s390_second(t), a = s390_reg(t, i->r1 + 1);
    if (s390_is_w(t)) {
        IrVal p = is_signed ? ir_mul(ib, ir_sext32(ib, a), ir_sext32(ib, b))
                            : ir_mul(ib, ir_zext32(ib, a), ir_zext32(ib, b));
        set_pair(t, i->r1, ir_trunc32(ib, ir_shri(ib, p, 32)), ir_trunc32(ib, p));
    } else {
        set_pair(t, i->r1, ir_mulhu(ib, a, b), ir_mul(ib, a, b));
    }
}

void s390_tr_mul_pair(S390Trans *t, const S390Insn *i)
{
    mul_pair(t, i, true);
}

void s390_tr_mull_pair(S390Trans *t, const S390Insn *i)
{
    mul_pair(t, i, false);
}

void s390_tr_mulg_pair(S390Trans *t, const S390Insn *i)
{
    if (odd_pair(t, i->r1)) {
        return;
    }
    IrVal b = s390_second(t), a = i->src == SRC_KG ? s390_gpr(t, i->r2) : s390_gpr(t, i->r1 + 1);
    set_pair(t, i->r1, ir_mulhs(t->b, a, b), ir_mul(t->b, a, b));
}

/* ---- divide: remainder in the even, quotient in the odd register ---- */
/* Of n, when the quotient is known: cheaper than a second division. */
static IrVal remainder_of(IrBuilder *b, IrVal n, IrVal quotient, IrVal by)
{
    return ir_sub(b, n, ir_mul(b, quotient, by));
}

/* The right halves of a pair as one number. */
static IrVal pair_value(S390Trans *t, unsigned r)
{
    IrBuilder *b = t->b;
    IrVal high = ir_shli(b, ir_zext32(b, s390_gpr32(t, r)), 32);

    return ir_or(b, high, ir_zext32(b, s390_gpr32(t, r + 1)));
}

void s390_tr_div_pair(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (odd_pair(t, i->r1)) {
        return;
    }
    IrVal b = ir_sext32(ib, s390_second(t)), a = pair_value(t, i->r1);
    s390_pgm_if(t, IR_EQ, b, ir_c64(ib, 0), PGM_FIXED_DIVIDE);
    IrVal q = ir_divs(ib, a, b), r = remainder_of(ib, a, q, b);
    /* the smallest dividend by -1 gives itself: too large as well */
    s390_pgm_if(t, IR_NE, q, ir_sext32(ib, ir_trunc32(ib, q)), PGM_FIXED_DIVIDE);
    set_pair(t, i->r1, ir_trunc32(ib, r), ir_trunc32(ib, q));
}

void s390_tr_divl_pair(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (odd_pair(t, i->r1)) {
        return;
    }
    if (!s390_is_w(t)) {
        IrVal b = s390_second(t), high = s390_gpr(t, i->r1), low = s390_gpr(t, i->r1 + 1);
        s390_pgm_if(t, IR_GEU, high, b, PGM_FIXED_DIVIDE); /* also a zero divisor */
        IrVal q = ir_divuw(ib, high, low, b);
        set_pair(t, i->r1, remainder_of(ib, low, q, b), q);
        return;
    }
    IrVal b = ir_zext32(ib, s390_second(t)), a = pair_value(t, i->r1);
    s390_pgm_if(t, IR_EQ, b, ir_c64(ib, 0), PGM_FIXED_DIVIDE);
    IrVal q = ir_divu(ib, a, b), r = remainder_of(ib, a, q, b);
    s390_pgm_if(t, IR_GTU, q, ir_c64(ib, UINT32_MAX), PGM_FIXED_DIVIDE);
    set_pair(t, i->r1, ir_trunc32(ib, r), ir_trunc32(ib, q));
}

void s390_tr_divs(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (odd_pair(t, i->r1)) {
        return;
    }
    IrVal b = s390_second(t), a = s390_gpr(t, i->r1 + 1), zero = ir_c64(ib, 0);
    s390_pgm_if(t, IR_EQ, b, zero, PGM_FIXED_DIVIDE);
    IrVal min = ir_c64(ib, 1ull << 63);
    IrVal over = ir_or(ib, ir_xor(ib, a, min), ir_not(ib, b)); /* 0: the least number by -1 */
    s390_pgm_if(t, IR_EQ, over, zero, PGM_FIXED_DIVIDE);
    IrVal q = ir_divs(ib, a, b);
    set_pair(t, i->r1, remainder_of(ib, a, q, b), q);
}

/* ---- compare ---- */
void s390_tr_cmp(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_sext64(t, s390_second(t));
    s390_cc_set(t, CC_CMPS, s390_sext64(t, s390_first(t)), b);
}

void s390_tr_cmpl(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_zext64(t, s390_second(t));
    s390_cc_set(t, CC_CMPU, s390_zext64(t, s390_first(t)), b);
}

void s390_tr_cmp_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_sext64(t, s390_second(t));
    s390_cc_set(t, CC_CMPS, s390_sext64(t, s390_gpr_high(t, i->r1)), b);
}

void s390_tr_cmpl_h(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_zext64(t, s390_second(t));
    s390_cc_set(t, CC_CMPU, s390_zext64(t, s390_gpr_high(t, i->r1)), b);
}

void s390_tr_cmp_si(S390Trans *t, const S390Insn *i)
{
    s390_cc_set(t, CC_CMPS, s390_sext64(t, s390_second(t)), ir_c64(t->b, i->i2));
}

void s390_tr_cmpl_si(S390Trans *t, const S390Insn *i)
{
    s390_cc_set(t, CC_CMPU, s390_zext64(t, s390_second(t)), ir_c64(t->b, i->i2));
}

void s390_tr_tm(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_load(t, IR_I64, s390_addr1(t), MO_8, false);
    s390_cc_set(t, CC_TM8, ir_andi(t->b, v, i->i2), ir_c64(t->b, i->i2));
}

void s390_tr_tm_part(S390Trans *t, const S390Insn *i)
{
    IrVal v = ir_shri(t->b, s390_gpr(t, i->r1), i->arg);
    s390_cc_set(t, CC_TM16, ir_andi(t->b, v, i->i2), ir_c64(t->b, i->i2));
}

/* ---- storage operands that change ---- */
static void update_si(S390Trans *t, const S390Insn *i, bool logical)
{
    IrBuilder *ib = t->b;
    unsigned lg = s390_is_w(t) ? MO_32 : MO_64;
    IrVal c = s390_const(t, i->i2);
    IrVal old = ir_atomic(ib, IR_RMW_ADD, s390_addr1(t), c, t->mo | lg);

    if (logical && s390_is_w(t)) {
        s390_cc_set(t, CC_ADDU32, ir_add(ib, ir_zext32(ib, old), ir_zext32(ib, c)), 0);
    } else if (logical) {
        s390_cc_set(t, CC_ADDU64, old, c);
    } else if (s390_is_w(t)) {
        s390_cc_set(t, CC_EXACT32, ir_add(ib, ir_sext32(ib, old), ir_sext32(ib, c)), 0);
    } else {
        s390_cc_set(t, CC_ADD64, old, c);
    }
}

void s390_tr_add_si(S390Trans *t, const S390Insn *i)
{
    update_si(t, i, false);
}

void s390_tr_addl_si(S390Trans *t, const S390Insn *i)
{
    update_si(t, i, true);
}
