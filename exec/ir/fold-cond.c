/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fold rules for comparisons, wherever one stands (branches, exits, SETCOND, MOVCOND): through
 * SETCOND and masks to what was compared first, to 32 bits where the upper halves say nothing,
 * constants on the right. Each rule keeps the truth of the condition for all inputs.
 */
#include "ir-priv.h"

IrCond ir_cond_inverse(IrCond c)
{
    static const uint8_t inv[IR_COND_COUNT] = {
        [IR_EQ] = IR_NE,   [IR_NE] = IR_EQ,   [IR_LT] = IR_GE,      [IR_GE] = IR_LT,
        [IR_LE] = IR_GT,   [IR_GT] = IR_LE,   [IR_LTU] = IR_GEU,    [IR_GEU] = IR_LTU,
        [IR_LEU] = IR_GTU, [IR_GTU] = IR_LEU, [IR_TSTZ] = IR_TSTNZ, [IR_TSTNZ] = IR_TSTZ,
    };
    return inv[c];
}

/* The same with the operands exchanged. */
static IrCond mirrored(IrCond c)
{
    static const uint8_t mir[IR_COND_COUNT] = {
        [IR_EQ] = IR_EQ,   [IR_NE] = IR_NE,   [IR_LT] = IR_GT,     [IR_GE] = IR_LE,
        [IR_LE] = IR_GE,   [IR_GT] = IR_LT,   [IR_LTU] = IR_GTU,   [IR_GEU] = IR_LEU,
        [IR_LEU] = IR_GEU, [IR_GTU] = IR_LTU, [IR_TSTZ] = IR_TSTZ, [IR_TSTNZ] = IR_TSTNZ,
    };
    return mir[c];
}

static bool is_equality(IrCond c)
{
    return c == IR_EQ || c == IR_NE;
}
static bool is_test(IrCond c)
{
    return c == IR_TSTZ || c == IR_TSTNZ;
}
static bool is_signed(IrCond c)
{
    return c == IR_LT || c == IR_GE || c == IR_LE || c == IR_GT;
}

static void set(IrBuilder *b, IrCondition *q, IrCond c, IrVal x, uint64_t k)
{
    q->c = c;
    q->x = x;
    q->y = ir_const(b, ir_type(b, x), k);
}

/* x == 0 or x != 0, where x says something narrower. */
static bool fold_zero(IrBuilder *b, IrCondition *q)
{
    const IrInsn *i = ir_at(b, q->x);
    IrCond test = q->c == IR_EQ ? IR_TSTZ : IR_TSTNZ;

    switch (i->op) {
    case IR_SETCOND:
        *q =
            (IrCondition){ q->c == IR_NE ? i->sub : ir_cond_inverse(i->sub), i->arg[0], i->arg[1] };
        return true;
    case IR_AND: *q = (IrCondition){ test, i->arg[0], i->arg[1] }; return true;
    case IR_ZEXT8: set(b, q, test, i->arg[0], 0xff); return true;
    case IR_ZEXT16: set(b, q, test, i->arg[0], 0xffff); return true;
    case IR_ZEXT32:
    case IR_SEXT32: set(b, q, q->c, i->arg[0], 0); return true;
    case IR_TRUNC32:
        if (ir_value_width(b, i->arg[0]) <= 32) {
            set(b, q, q->c, i->arg[0], 0);
            return true;
        }
        return false;
    default: return false;
    }
}

static bool fold_test(IrBuilder *b, IrCondition *q, uint64_t k)
{
    const IrInsn *i = ir_at(b, q->x);
    IrType t = ir_type(b, q->x);
    uint64_t m;

    if (k == ir_type_mask(t)) {
        set(b, q, q->c == IR_TSTZ ? IR_EQ : IR_NE, q->x, 0);
        return true;
    }
    switch (i->op) {
    case IR_AND:
        if (ir_const_value(b, i->arg[1], &m)) {
            set(b, q, q->c, i->arg[0], k & m);
            return true;
        }
        return false;
    case IR_ZEXT8:
    case IR_ZEXT16:
        set(b, q, q->c, i->arg[0], k & (i->op == IR_ZEXT8 ? 0xff : 0xffff));
        return true;
    case IR_ZEXT32: set(b, q, q->c, i->arg[0], k); return true;
    default: return false;
    }
}

/* Both sides as their lower halves, when those decide. */
static bool fold_narrow(IrBuilder *b, IrCondition *q)
{
    const IrInsn *x = ir_at(b, q->x), *y = ir_at(b, q->y);
    uint64_t k;

    if (x->op != IR_ZEXT32 && x->op != IR_SEXT32) {
        return false;
    }
    bool zero = x->op == IR_ZEXT32;
    if (!is_equality(q->c) && zero == is_signed(q->c)) {
        return false;
    }
    if (ir_const_value(b, q->y, &k)) {
        if (zero ? k >> 32 != 0 : (uint64_t)(int64_t)(int32_t)k != k) {
            return false;
        }
        set(b, q, q->c, x->arg[0], k);
        return true;
    }
    if (y->op != x->op) {
        return false;
    }
    *q = (IrCondition){ q->c, x->arg[0], y->arg[0] };
    return true;
}

static bool fold_unsigned(IrBuilder *b, IrCondition *q, uint64_t k)
{
    if ((q->c == IR_LTU || q->c == IR_GEU) && k == 1) {
        set(b, q, q->c == IR_LTU ? IR_EQ : IR_NE, q->x, 0);
        return true;
    }
    if ((q->c == IR_LEU || q->c == IR_GTU) && k == 0) {
        set(b, q, q->c == IR_LEU ? IR_EQ : IR_NE, q->x, 0);
        return true;
    }
    return false;
}

static bool step(IrBuilder *b, IrCondition *q)
{
    uint64_t k;

    if (ir_const_value(b, q->x, &k) && !ir_const_value(b, q->y, &k)) {
        *q = (IrCondition){ mirrored(q->c), q->y, q->x };
        return true;
    }
    if (ir_const_value(b, q->x, &k)) {
        return false;
    }
    if (ir_const_value(b, q->y, &k)) {
        if (is_equality(q->c) && k == 0 && fold_zero(b, q)) {
            return true;
        }
        if (is_test(q->c)) {
            return fold_test(b, q, k);
        }
        if (fold_unsigned(b, q, k)) {
            return true;
        }
    } else if (is_test(q->c)) {
        if (q->x == q->y) {
            set(b, q, q->c == IR_TSTZ ? IR_EQ : IR_NE, q->x, 0);
            return true;
        }
        return false;
    }
    return fold_narrow(b, q);
}

void ir_fold_cond(IrBuilder *b, IrCondition *q)
{
    for (unsigned n = 0; n < 6 && !b->no_fold && step(b, q); n++) {
    }
}
