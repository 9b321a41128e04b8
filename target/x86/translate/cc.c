/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy flags in translated code (the forms are in flags.h).
 *
 * Every flag operation puts cc_op, cc_a, cc_b, cc_c; the optimiser removes the puts that a later
 * one overwrites. While a region is built the translator remembers the current form and its
 * values, so a condition right after a compare is one comparison of its operands. At a region's
 * start, or after a helper wrote the flags, the form is not known and a helper computes all six.
 */
#include "target/x86/translate/translate-priv.h"

static unsigned cc_size(const X86Trans *t)
{
    return 1u << X86_CC_LG(t->cc->op);
}

void x86_cc_set(X86Trans *t, X86CcKind kind, unsigned size, IrVal a, IrVal b, IrVal c, IrVal x)
{
    uint32_t op = X86_CC_OP(kind, x86_lg(size));
    ir_put(t->b, SLOT_CC_OP, ir_c32(t->b, op));
    ir_put(t->b, SLOT_CC_A, x86_to64(t, a));
    if (b) {
        ir_put(t->b, SLOT_CC_B, x86_to64(t, b));
    }
    if (c) {
        ir_put(t->b, SLOT_CC_C, x86_to64(t, c));
    }
    *t->cc = (X86CcState){ .op = op, .known = true, .x = x, .a = a, .b = b, .c = c };
}

void x86_cc_set_eflags(X86Trans *t, IrVal flags)
{
    ir_put(t->b, SLOT_CC_OP, ir_c32(t->b, X86_CC_EFLAGS));
    ir_put(t->b, SLOT_CC_A, ir_zext32(t->b, flags));
    *t->cc = (X86CcState){ .op = X86_CC_EFLAGS, .known = true, .a = flags };
}

void x86_cc_unknown(X86Trans *t)
{
    *t->cc = (X86CcState){ 0 };
}

void x86_cc_set_if(X86Trans *t, IrVal cond, X86CcKind kind, unsigned size, IrVal a, IrVal b)
{
    IrBuilder *ib = t->b;
    IrVal op = ir_c32(ib, X86_CC_OP(kind, x86_lg(size)));
    ir_put(ib, SLOT_CC_OP, ir_select(ib, cond, op, ir_get(ib, SLOT_CC_OP)));
    ir_put(ib, SLOT_CC_A, ir_select(ib, cond, x86_to64(t, a), ir_get(ib, SLOT_CC_A)));
    ir_put(ib, SLOT_CC_B, ir_select(ib, cond, x86_to64(t, b), ir_get(ib, SLOT_CC_B)));
    x86_cc_unknown(t);
}

IrVal x86_cc_peek(X86Trans *t)
{
    IrBuilder *b = t->b;
    X86CcState *cc = t->cc;
    if (cc->known && X86_CC_KIND(cc->op) == CCK_EFLAGS) {
        return cc->a;
    }
    IrVal op = cc->known ? ir_c64(b, cc->op) : ir_zext32(b, ir_get(b, SLOT_CC_OP));
    IrVal f = ir_call(b, &hd_x86_cc_flags, op, ir_get(b, SLOT_CC_A), ir_get(b, SLOT_CC_B),
                      ir_get(b, SLOT_CC_C));
    return ir_trunc32(b, f);
}

IrVal x86_cc_all(X86Trans *t)
{
    IrVal f = x86_cc_peek(t);
    if (!t->cc->known || X86_CC_KIND(t->cc->op) != CCK_EFLAGS) {
        x86_cc_set_eflags(t, f);
    }
    return f;
}

void x86_cc_merge(X86Trans *t, uint32_t mask, IrVal v)
{
    IrVal f = ir_andi(t->b, x86_cc_peek(t), X86_CC & ~mask);
    x86_cc_set_eflags(t, ir_or(t->b, f, v));
}

/* ---- single flags of a known form; values cut to the size ---- */
static IrVal res(X86Trans *t)
{
    return x86_cut(t, t->cc->a, cc_size(t));
}
static IrVal second(X86Trans *t)
{
    return x86_cut(t, t->cc->b, cc_size(t));
}
/* The first operand of ADD, SUB and their carry forms. */
static IrVal first(X86Trans *t)
{
    X86CcState *cc = t->cc;
    IrBuilder *b = t->b;
    IrVal v;
    if (cc->x) {
        return cc->x;
    }
    switch (X86_CC_KIND(cc->op)) {
    case CCK_ADD: v = ir_sub(b, cc->a, cc->b); break;
    case CCK_ADC: v = ir_sub(b, ir_sub(b, cc->a, cc->b), cc->c); break;
    case CCK_SUB: v = ir_add(b, cc->a, cc->b); break;
    default: v = ir_add(b, ir_add(b, cc->a, cc->b), cc->c); break;
    }
    return x86_cut(t, v, cc_size(t));
}

static X86Cond compare(IrCond c, IrVal x, IrVal y)
{
    return (X86Cond){ c, x, y };
}
static X86Cond nonzero(X86Trans *t, IrVal v)
{
    return compare(IR_NE, v, ir_const(t->b, ir_type(t->b, v), 0));
}
static X86Cond never(X86Trans *t)
{
    return compare(IR_NE, ir_c32(t->b, 0), ir_c32(t->b, 0));
}
static IrVal as_value(X86Trans *t, X86Cond c)
{
    IrVal v = ir_setcond(t->b, c.c, c.x, c.y);
    return ir_type(t->b, v) == IR_I64 ? ir_trunc32(t->b, v) : v;
}
/* Sign bit of v at the operation's size. */
static X86Cond sign_of(X86Trans *t, IrVal v)
{
    unsigned size = cc_size(t);
    if (size >= 4) {
        return compare(IR_LT, x86_to_type(t, v, size), x86_const(t, size, 0));
    }
    return compare(IR_TSTNZ, v, x86_const(t, size, UINT64_C(1) << (8 * size - 1)));
}

static X86Cond carry(X86Trans *t)
{
    IrBuilder *b = t->b;
    X86CcState *cc = t->cc;
    switch (X86_CC_KIND(cc->op)) {
    case CCK_EFLAGS: return compare(IR_TSTNZ, cc->a, ir_c32(b, X86_CF));
    case CCK_ADD: return compare(IR_LTU, res(t), second(t));
    case CCK_SUB: return compare(IR_LTU, first(t), second(t));
    case CCK_ADC: { /* c ? res <= second : res < second */
        IrVal lt = ir_setcond(b, IR_LTU, res(t), second(t));
        IrVal le = ir_setcond(b, IR_LEU, res(t), second(t));
        return nonzero(t, ir_select(b, cc->c, le, lt));
    }
    case CCK_SBB: {
        IrVal f = first(t);
        IrVal lt = ir_setcond(b, IR_LTU, f, second(t));
        IrVal le = ir_setcond(b, IR_LEU, f, second(t));
        return nonzero(t, ir_select(b, cc->c, le, lt));
    }
    case CCK_INC:
    case CCK_DEC:
    case CCK_BMI:
    case CCK_MUL: return nonzero(t, cc->b);
    case CCK_SHL: return sign_of(t, cc->b);
    case CCK_SAR: return compare(IR_TSTNZ, cc->b, ir_const(b, ir_type(b, cc->b), 1));
    default: return never(t);
    }
}

static X86Cond overflow(X86Trans *t)
{
    IrBuilder *b = t->b;
    X86CcState *cc = t->cc;
    unsigned size = cc_size(t);
    uint64_t top = UINT64_C(1) << (8 * size - 1);
    switch (X86_CC_KIND(cc->op)) {
    case CCK_EFLAGS: return compare(IR_TSTNZ, cc->a, ir_c32(b, X86_OF));
    case CCK_ADD:
    case CCK_ADC: {
        IrVal f = first(t);
        return sign_of(t, ir_andn(b, ir_xor(b, f, cc->a), ir_xor(b, f, cc->b)));
    }
    case CCK_SUB:
    case CCK_SBB: {
        IrVal f = first(t);
        return sign_of(t, ir_and(b, ir_xor(b, f, cc->b), ir_xor(b, f, cc->a)));
    }
    case CCK_INC: return compare(IR_EQ, res(t), x86_const(t, size, top));
    case CCK_DEC: return compare(IR_EQ, res(t), x86_const(t, size, top - 1));
    case CCK_SHL:
    case CCK_SAR: return sign_of(t, ir_xor(b, cc->a, cc->b));
    case CCK_MUL: return nonzero(t, cc->b);
    default: return never(t);
    }
}

static X86Cond zero(X86Trans *t)
{
    X86CcState *cc = t->cc;
    switch (X86_CC_KIND(cc->op)) {
    case CCK_EFLAGS: return compare(IR_TSTNZ, cc->a, ir_c32(t->b, X86_ZF));
    case CCK_MUL: return never(t);
    case CCK_SUB:
        if (cc->x) {
            return compare(IR_EQ, cc->x, second(t));
        }
        break;
    default: break;
    }
    return compare(IR_EQ, res(t), x86_const(t, cc_size(t), 0));
}

static X86Cond sign(X86Trans *t)
{
    if (X86_CC_KIND(t->cc->op) == CCK_EFLAGS) {
        return compare(IR_TSTNZ, t->cc->a, ir_c32(t->b, X86_SF));
    }
    return sign_of(t, t->cc->a);
}

static X86Cond parity(X86Trans *t)
{
    IrBuilder *b = t->b;
    if (X86_CC_KIND(t->cc->op) == CCK_EFLAGS) {
        return compare(IR_TSTNZ, t->cc->a, ir_c32(b, X86_PF));
    }
    if (X86_CC_KIND(t->cc->op) == CCK_BMI) {
        return never(t);
    }
    IrVal ones = ir_popcnt(b, ir_andi(b, t->cc->a, 0xff));
    return compare(IR_TSTZ, ones, ir_const(b, ir_type(b, ones), 1));
}

/* SF != OF */
static X86Cond less(X86Trans *t)
{
    X86CcKind kind = X86_CC_KIND(t->cc->op);
    unsigned size = cc_size(t);
    if (kind == CCK_SUB) {
        return compare(IR_LT, x86_sext(t, first(t), size), x86_sext(t, t->cc->b, size));
    }
    if (kind == CCK_LOGIC || kind == CCK_BMI) {
        return sign(t);
    }
    return nonzero(t, ir_xor(t->b, as_value(t, sign(t)), as_value(t, overflow(t))));
}

static X86Cond less_equal(X86Trans *t)
{
    X86CcKind kind = X86_CC_KIND(t->cc->op);
    unsigned size = cc_size(t);
    if (kind == CCK_SUB) {
        return compare(IR_LE, x86_sext(t, first(t), size), x86_sext(t, t->cc->b, size));
    }
    if (kind == CCK_LOGIC || kind == CCK_BMI) {
        return compare(IR_LE, x86_sext(t, t->cc->a, size), x86_const(t, size, 0));
    }
    return nonzero(t, ir_or(t->b, as_value(t, zero(t)), as_value(t, less(t))));
}

static X86Cond below_equal(X86Trans *t)
{
    X86CcKind kind = X86_CC_KIND(t->cc->op);
    if (kind == CCK_EFLAGS) {
        return compare(IR_TSTNZ, t->cc->a, ir_c32(t->b, X86_CF | X86_ZF));
    }
    if (kind == CCK_SUB) {
        return compare(IR_LEU, first(t), second(t));
    }
    if (kind == CCK_LOGIC) {
        return zero(t);
    }
    return nonzero(t, ir_or(t->b, as_value(t, carry(t)), as_value(t, zero(t))));
}

static X86Cond base_cond(X86Trans *t, unsigned cc)
{
    switch (cc >> 1) {
    case 0: return overflow(t);
    case 1: return carry(t);
    case 2: return zero(t);
    case 3: return below_equal(t);
    case 4: return sign(t);
    case 5: return parity(t);
    case 6: return less(t);
    default: return less_equal(t);
    }
}

static IrCond invert(IrCond c)
{
    static const uint8_t inv[IR_COND_COUNT] = {
        [IR_EQ] = IR_NE,   [IR_NE] = IR_EQ,   [IR_LT] = IR_GE,      [IR_GE] = IR_LT,
        [IR_LE] = IR_GT,   [IR_GT] = IR_LE,   [IR_LTU] = IR_GEU,    [IR_GEU] = IR_LTU,
        [IR_LEU] = IR_GTU, [IR_GTU] = IR_LEU, [IR_TSTZ] = IR_TSTNZ, [IR_TSTNZ] = IR_TSTZ,
    };
    return inv[c];
}

X86Cond x86_cond(X86Trans *t, unsigned cc)
{
    if (!t->cc->known) {
        x86_cc_all(t);
    }
    X86Cond c = base_cond(t, cc);
    if (cc & 1) {
        c.c = invert(c.c);
    }
    return c;
}

IrVal x86_cf(X86Trans *t, IrType type)
{
    X86Cond c = x86_cond(t, 2);
    IrVal v = ir_setcond(t->b, c.c, c.x, c.y);
    if (ir_type(t->b, v) == type) {
        return v;
    }
    return type == IR_I64 ? ir_zext32(t->b, v) : ir_trunc32(t->b, v);
}
