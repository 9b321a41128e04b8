/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fold rules for single lanes of vectors: what goes into a lane and comes out again, and moves between the two
 * kinds of registers. Scalar floating point is such lanes, so these keep its values in vector registers.
 */
#include "ir-priv.h"

static unsigned width_of_shape(const IrInsn *i, unsigned rest)
{
    unsigned lane = i->sub == FS32 ? 32 : i->sub == FS64 ? 64 : 128;

    if (i->op == IR_VFCVTSS) {
        lane = 96 - lane; /* sub is the source's */
    }
    return MAX(lane, rest);
}

static unsigned width_within(const IrBuilder *b, IrVal v, unsigned depth)
{
    const IrInsn *i = ir_at(b, v);

#define SUB(n) (depth ? width_within(b, i->arg[n], depth - 1) : 128)
    switch (i->op) {
    case IR_GET: return 8u * b->slots->slots[i->imm].size;
    case IR_LOAD: return 8 * MO_BYTES(i->imm);
    case IR_VFROMI: return MIN(ir_value_width(b, i->arg[0]), 64);
    case IR_VLANE: return 8u << i->sub;
    case IR_VCONST: {
        const IrVec *k = &g_array_index(b->pool, IrVec, i->imm);
        return k->q[1] ? 128 : k->q[0] >> 32 ? 64 : 32;
    }
    case IR_VAND: return MIN(SUB(0), SUB(1));
    case IR_VANDN: return SUB(1);
    case IR_VOR:
    case IR_VXOR: return MAX(SUB(0), SUB(1));
    case IR_VINSLANE: return MAX(SUB(0), (8u << i->sub) * (unsigned)(i->imm + 1));
    case IR_CALL_IF:
        return g_array_index(b->calls, IrCall, i->imm).helper->ret == IR_I64 ? MAX(64, SUB(2))
                                                                             : 128;
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFDIV:
    case IR_VFSQRT:
    case IR_VFROUND:
    case IR_VFCVTSI:
    case IR_VFCVTSS: return width_of_shape(i, SUB(0));
    case IR_VFMADD:
    case IR_VFMSUB:
    case IR_VFNMADD:
    case IR_VFNMSUB: return width_of_shape(i, SUB(MIN(i->imm, 2)));
    default: return 128;
    }
#undef SUB
}

/* Above how many low bits is a v128 certainly zero? 128: not known. */
static unsigned width(const IrBuilder *b, IrVal v)
{
    return width_within(b, v, 4);
}

static IrVal lane(IrBuilder *b, IrLane l, IrVal x, unsigned n)
{
    return ir_emit(b, IR_VLANE, IR_V128, l, x, 0, 0, 0, n);
}

static IrVal get_lane(IrBuilder *b, const IrInsn *i, IrLane l, IrVal x, unsigned n)
{
    return ir_emit(b, IR_VGETLANE, i->type, l, x, 0, 0, 0, n);
}

static IrVal fold_fromi(IrBuilder *b, const IrInsn *i)
{
    const IrInsn *x = ir_at(b, i->arg[0]);
    uint64_t k;

    if (i->type != IR_V128) {
        return 0;
    }
    if (ir_const_value(b, i->arg[0], &k)) {
        return ir_vconst(b, IR_V128, &(IrVec){ .q = { k } });
    }
    if (x->op == IR_VGETLANE && x->sub >= V32 && ir_type(b, x->arg[0]) == IR_V128 &&
        (x->sub == V32 || x->type == IR_I64)) {
        return lane(b, x->sub, x->arg[0], x->imm);
    }
    return 0;
}

static IrVal fold_lane(IrBuilder *b, const IrInsn *i)
{
    const IrInsn *x = ir_at(b, i->arg[0]);

    if (i->imm == 0 && width(b, i->arg[0]) <= (8u << i->sub)) {
        return i->arg[0];
    }
    if (x->op == IR_VINSLANE && x->sub == i->sub) {
        return x->imm == i->imm ? lane(b, i->sub, x->arg[1], 0)
                                : lane(b, i->sub, x->arg[0], i->imm);
    }
    return 0;
}

/* Only lane 0 of the second operand counts. */
static IrVal fold_inslane(IrBuilder *b, IrInsn *i)
{
    const IrInsn *x = ir_at(b, i->arg[0]), *y = ir_at(b, i->arg[1]);

    if (x->op == IR_VINSLANE && x->sub == i->sub && x->imm == i->imm) {
        i->arg[0] = x->arg[0];
    }
    if (y->op == IR_VLANE && y->sub == i->sub && y->imm == 0) {
        i->arg[1] = y->arg[0];
    }
    return 0;
}

static IrVal fold_getlane(IrBuilder *b, const IrInsn *i)
{
    const IrInsn *x = ir_at(b, i->arg[0]);

    switch (x->op) {
    case IR_VFROMI:
        return i->sub == V64 && i->imm == 0 && ir_type(b, x->arg[0]) == (IrType)i->type ? x->arg[0]
                                                                                        : 0;
    case IR_VCONST:
        if (i->sub >= V32 && x->type == IR_V128) {
            const IrVec *k = &g_array_index(b->pool, IrVec, x->imm);
            return ir_const(b, i->type, i->sub == V64 ? k->q[i->imm & 1] : k->d[i->imm & 3]);
        }
        return 0;
    case IR_VLANE:
        return i->imm == 0 && i->sub >= x->sub ? get_lane(b, i, x->sub, x->arg[0], x->imm) : 0;
    case IR_VINSLANE:
        if (x->sub != i->sub) {
            return 0;
        }
        return x->imm == i->imm ? get_lane(b, i, i->sub, x->arg[1], 0)
                                : get_lane(b, i, i->sub, x->arg[0], i->imm);
    default: return 0;
    }
}

IrVal ir_fold_lanes(IrBuilder *b, IrInsn *i)
{
    switch (i->op) {
    case IR_VFROMI: return fold_fromi(b, i);
    case IR_VLANE: return fold_lane(b, i);
    case IR_VINSLANE: return fold_inslane(b, i);
    case IR_VGETLANE: return fold_getlane(b, i);
    default: return 0;
    }
}
