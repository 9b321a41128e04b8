/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evaluation of integer ops on constants, and the fold rules that ir_emit applies: constants,
 * identities (a table), known widths, and chains of adds. Every rule preserves the value for all
 * inputs; none looks across a label, because operands are values, not places.
 */
#include "ir-priv.h"
#include "base/util/int128.h"

bool ir_eval_cond(IrCond c, IrType t, uint64_t a, uint64_t b)
{
    int64_t sa = t == IR_I32 ? (int32_t)a : (int64_t)a;
    int64_t sb = t == IR_I32 ? (int32_t)b : (int64_t)b;

    switch (c) {
    case IR_EQ: return a == b;
    case IR_NE: return a != b;
    case IR_LT: return sa < sb;
    case IR_GE: return sa >= sb;
    case IR_LE: return sa <= sb;
    case IR_GT: return sa > sb;
    case IR_LTU: return a < b;
    case IR_GEU: return a >= b;
    case IR_LEU: return a <= b;
    case IR_GTU: return a > b;
    case IR_TSTZ: return (a & b) == 0;
    case IR_TSTNZ: return (a & b) != 0;
    default: return false;
    }
}

uint64_t ir_eval_pdep(uint64_t a, uint64_t m)
{
    uint64_t r = 0;

    for (; m; m &= m - 1, a >>= 1) {
        r |= (a & 1) ? m & -m : 0;
    }
    return r;
}

uint64_t ir_eval_pext(uint64_t a, uint64_t m)
{
    uint64_t r = 0;

    for (unsigned i = 0; m; m &= m - 1, i++) {
        r |= (uint64_t)((a & m & -m) != 0) << i;
    }
    return r;
}

uint64_t ir_mop_extend(uint64_t raw, IrMemOp mo, IrType t)
{
    switch (mo & (MO_SIZE | MO_SIGN)) {
    case MO_8: return (uint8_t)raw;
    case MO_16: return (uint16_t)raw;
    case MO_32: return (uint32_t)raw;
    case MO_8 | MO_SIGN: return (uint64_t)(int8_t)raw & ir_type_mask(t);
    case MO_16 | MO_SIGN: return (uint64_t)(int16_t)raw & ir_type_mask(t);
    case MO_32 | MO_SIGN: return (uint64_t)(int32_t)raw & ir_type_mask(t);
    default: return raw & ir_type_mask(t);
    }
}

static uint64_t eval_div(IrOp op, bool w, uint64_t a, uint64_t b)
{
    int64_t sa = w ? (int32_t)a : (int64_t)a;
    int64_t sb = w ? (int32_t)b : (int64_t)b;

    switch (op) {
    case IR_DIVU: return b ? a / b : 0;
    case IR_REMU: return b ? a % b : a;
    case IR_DIVS: return sb == 0 ? 0 : sb == -1 ? -(uint64_t)sa : (uint64_t)(sa / sb);
    default: return sb == 0 ? (uint64_t)sa : sb == -1 ? 0 : (uint64_t)(sa % sb);
    }
}

static uint64_t eval_mulh(IrOp op, bool w, uint64_t a, uint64_t b)
{
    if (op == IR_MULHU) {
        return w ? (a * b) >> 32 : (uint64_t)((UInt128)a * b >> 64);
    }
    return w ? (uint64_t)((int64_t)(int32_t)a * (int32_t)b >> 32)
             : (uint64_t)((Int128)(int64_t)a * (int64_t)b >> 64);
}

static uint64_t eval_shift(IrOp op, bool w, uint64_t a, uint64_t b)
{
    unsigned n = b & (w ? 31 : 63), bits = w ? 32 : 64;

    switch (op) {
    case IR_SHL: return a << n;
    case IR_SHR: return a >> n;
    case IR_SAR: return w ? (uint64_t)((int32_t)a >> n) : (uint64_t)((int64_t)a >> n);
    case IR_ROTL: return n ? a << n | a >> (bits - n) : a;
    default: return n ? a >> n | a << (bits - n) : a;
    }
}

uint64_t ir_eval_divuw(uint64_t high, uint64_t low, uint64_t d)
{
    return high < d ? (uint64_t)(((unsigned __int128)high << 64 | low) / d) : 0;
}

bool ir_eval(IrOp op, IrType t, unsigned sub, uint64_t a, uint64_t b, uint64_t imm, uint64_t *out)
{
    bool w = t == IR_I32;
    uint64_t m = ir_type_mask(t), r;
    unsigned pos = imm & 0xff, len = imm >> 8 & 0xff;
    uint64_t fm = len >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << len) - 1;

    switch (op) {
    case IR_MOV: r = a; break;
    case IR_ADD: r = a + b; break;
    case IR_SUB: r = a - b; break;
    case IR_MUL: r = a * b; break;
    case IR_MULHU:
    case IR_MULHS: r = eval_mulh(op, w, a, b); break;
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS: r = eval_div(op, w, a, b); break;
    case IR_AND: r = a & b; break;
    case IR_OR: r = a | b; break;
    case IR_XOR: r = a ^ b; break;
    case IR_ANDN: r = a & ~b; break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTL:
    case IR_ROTR: r = eval_shift(op, w, a, b); break;
    case IR_PDEP: r = ir_eval_pdep(a, b); break;
    case IR_PEXT: r = ir_eval_pext(a, b); break;
    case IR_NOT: r = ~a; break;
    case IR_NEG: r = -a; break;
    case IR_SEXT8: r = (uint64_t)(int8_t)a; break;
    case IR_SEXT16: r = (uint64_t)(int16_t)a; break;
    case IR_ZEXT8: r = (uint8_t)a; break;
    case IR_ZEXT16: r = (uint16_t)a; break;
    case IR_SEXT32: *out = (uint64_t)(int32_t)a; return true;
    case IR_ZEXT32:
    case IR_TRUNC32: *out = (uint32_t)a; return true;
    case IR_BSWAP16: r = __builtin_bswap16((uint16_t)a); break;
    case IR_BSWAP32: r = __builtin_bswap32((uint32_t)a); break;
    case IR_BSWAP64: r = __builtin_bswap64(a); break;
    case IR_CLZ: r = a ? (unsigned)__builtin_clzll(a) - (w ? 32 : 0) : ir_type_bits(t); break;
    case IR_CTZ: r = a ? (unsigned)__builtin_ctzll(a) : ir_type_bits(t); break;
    case IR_POPCNT: r = (unsigned)__builtin_popcountll(a); break;
    case IR_EXTRACTU: r = a >> pos & fm; break;
    case IR_EXTRACTS: r = (uint64_t)((int64_t)(a >> pos << (64 - len)) >> (64 - len)); break;
    case IR_DEPOSIT: r = (a & ~(fm << pos)) | (b & fm) << pos; break;
    case IR_SETCOND: r = ir_eval_cond(sub, t, a, b); break;
    default: return false;
    }
    *out = r & m;
    return true;
}

/* Identities with a constant right operand, and with equal operands. */
typedef enum {
    TO_X,
    TO_ZERO,
    TO_ONES
} FoldTo;
typedef struct {
    uint8_t op;
    int8_t k; /* the constant: 0, 1, -1 */
    uint8_t to;
} FoldRule;

static const FoldRule const_rules[] = {
    { IR_ADD, 0, TO_X },  { IR_SUB, 0, TO_X },    { IR_MUL, 1, TO_X },      { IR_MUL, 0, TO_ZERO },
    { IR_AND, -1, TO_X }, { IR_AND, 0, TO_ZERO }, { IR_OR, 0, TO_X },       { IR_OR, -1, TO_ONES },
    { IR_XOR, 0, TO_X },  { IR_ANDN, 0, TO_X },   { IR_ANDN, -1, TO_ZERO }, { IR_SHL, 0, TO_X },
    { IR_SHR, 0, TO_X },  { IR_SAR, 0, TO_X },    { IR_ROTL, 0, TO_X },     { IR_ROTR, 0, TO_X },
    { IR_DIVU, 1, TO_X },
};
static const FoldRule same_rules[] = {
    { IR_SUB, 0, TO_ZERO }, { IR_XOR, 0, TO_ZERO },  { IR_AND, 0, TO_X },
    { IR_OR, 0, TO_X },     { IR_ANDN, 0, TO_ZERO },
};

static IrVal fold_to(IrBuilder *b, const IrInsn *i, FoldTo to)
{
    return to == TO_X ? i->arg[0] : ir_const(b, i->type, to == TO_ZERO ? 0 : ~(uint64_t)0);
}

static unsigned bits_of(uint64_t k)
{
    return k ? 64 - (unsigned)__builtin_clzll(k) : 0;
}

static unsigned width_within(const IrBuilder *b, IrVal v, unsigned depth)
{
    const IrInsn *i = ir_at(b, v);
    unsigned full = ir_type_bits(i->type);
    uint64_t k;

#define SUB(n) (depth ? width_within(b, i->arg[n], depth - 1) : ir_type_bits(ir_type(b, i->arg[n])))
    switch (i->op) {
    case IR_CONST: return bits_of(i->imm);
    case IR_SETCOND: return 1;
    case IR_ZEXT8: return MIN(8, SUB(0));
    case IR_ZEXT16: return MIN(16, SUB(0));
    case IR_BSWAP16: return 16;
    case IR_BSWAP32: return 32;
    case IR_ZEXT32:
    case IR_TRUNC32: return MIN(32, SUB(0));
    case IR_EXTRACTU: return i->imm >> 8 & 0xff;
    case IR_POPCNT:
    case IR_CLZ:
    case IR_CTZ: return 7;
    case IR_VGETLANE: return MIN(full, 8u << i->sub);
    case IR_GET: return MIN(full, 8u * b->slots->slots[i->imm].size);
    case IR_LOAD:
    case IR_ATOMIC:
    case IR_CMPXCHG: return (i->imm & MO_SIGN) ? full : MIN(full, 8 * MO_BYTES(i->imm));
    case IR_AND: return MIN(SUB(0), SUB(1));
    case IR_OR:
    case IR_XOR: return MAX(SUB(0), SUB(1));
    case IR_MOVCOND: return MAX(SUB(2), SUB(3));
    case IR_DEPOSIT: return MAX(SUB(0), (unsigned)(i->imm & 0xff) + (unsigned)(i->imm >> 8));
    case IR_SHR: return ir_const_value(b, i->arg[1], &k) ? full - (unsigned)(k & (full - 1)) : full;
    default: return full;
    }
#undef SUB
}

unsigned ir_value_width(const IrBuilder *b, IrVal v)
{
    return width_within(b, v, 3);
}

/* Extractions: of a deposit, of something already narrow. */
static IrVal fold_field(IrBuilder *b, const IrInsn *i)
{
    unsigned pos = 0, len;
    IrVal x = i->arg[0];
    const IrInsn *d = ir_at(b, x);

    switch (i->op) {
    case IR_ZEXT8: len = 8; break;
    case IR_ZEXT16: len = 16; break;
    case IR_EXTRACTU:
        pos = i->imm & 0xff;
        len = i->imm >> 8;
        break;
    default: return 0;
    }
    if (pos == 0 && ir_value_width(b, x) <= len) {
        return x;
    }
    if (pos >= ir_value_width(b, x)) {
        return ir_const(b, i->type, 0);
    }
    if (d->op == IR_DEPOSIT) {
        unsigned dp = d->imm & 0xff, dl = d->imm >> 8;
        IrVal whole = d->arg[0], part = d->arg[1];
        if (dp == pos && dl == len) {
            return ir_extractu(b, part, 0, len);
        }
        if (pos + len <= dp || dp + dl <= pos) {
            return ir_extractu(b, whole, pos, len);
        }
    }
    return 0;
}

/* Is the low half of v at hand? */
static bool narrows(const IrBuilder *b, IrVal v)
{
    IrOp op = ir_at(b, v)->op;

    return op == IR_ZEXT32 || op == IR_SEXT32 || op == IR_CONST;
}

/* The low half of what is made of low halves is made of them in 32 bits. Deposits always: so a part of
 * a register that was written in part is found. */
static IrVal fold_trunc(IrBuilder *b, const IrInsn *i)
{
    IrInsn x = *i; /* the array may move */
    unsigned end = (x.imm & 0xff) + (x.imm >> 8 & 0xff);
    uint64_t k;

    switch (x.op) {
    case IR_ZEXT32:
    case IR_SEXT32: return x.arg[0];
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_MUL:
        if (narrows(b, x.arg[0]) && narrows(b, x.arg[1])) {
            IrVal l = ir_trunc32(b, x.arg[0]), r = ir_trunc32(b, x.arg[1]);
            return ir_emit(b, x.op, IR_I32, 0, l, r, 0, 0, 0);
        }
        return 0;
    case IR_SHL:
        if (narrows(b, x.arg[0]) && ir_const_value(b, x.arg[1], &k) && (k & 63) < 32) {
            return ir_shli(b, ir_trunc32(b, x.arg[0]), k & 63);
        }
        return 0;
    case IR_EXTRACTU:
        if (narrows(b, x.arg[0]) && end <= 32) {
            return ir_extractu(b, ir_trunc32(b, x.arg[0]), x.imm & 0xff, x.imm >> 8);
        }
        return 0;
    case IR_DEPOSIT:
        if ((x.imm & 0xff) == 0 && end >= 32) {
            return ir_trunc32(b, x.arg[1]);
        }
        if (end <= 32 && (narrows(b, x.arg[1]) || ir_value_width(b, x.arg[1]) <= 32)) {
            IrVal whole = ir_trunc32(b, x.arg[0]);
            return ir_deposit(b, whole, ir_trunc32(b, x.arg[1]), x.imm & 0xff, x.imm >> 8);
        }
        return 0;
    case IR_MOVCOND:
        if (narrows(b, x.arg[2]) && narrows(b, x.arg[3])) {
            IrVal l = ir_trunc32(b, x.arg[2]), r = ir_trunc32(b, x.arg[3]);
            return ir_movcond(b, x.sub, x.arg[0], x.arg[1], l, r);
        }
        return 0;
    default: return 0;
    }
}

static IrVal fold_unary(IrBuilder *b, const IrInsn *i)
{
    const IrInsn *x = ir_at(b, i->arg[0]);

    switch (i->op) {
    case IR_MOV: return i->arg[0];
    case IR_TRUNC32: return fold_trunc(b, x);
    case IR_ZEXT32:
        return x->op == IR_TRUNC32 && ir_value_width(b, x->arg[0]) <= 32 ? x->arg[0] : 0;
    case IR_NOT:
    case IR_NEG: return x->op == i->op ? x->arg[0] : 0;
    case IR_ZEXT8:
    case IR_ZEXT16:
    case IR_EXTRACTU: return fold_field(b, i);
    case IR_SEXT32: return ir_value_width(b, i->arg[0]) < 32 ? ir_zext32(b, i->arg[0]) : 0;
    case IR_SEXT8: return ir_value_width(b, i->arg[0]) < 8 ? i->arg[0] : 0;
    case IR_SEXT16: return ir_value_width(b, i->arg[0]) < 16 ? i->arg[0] : 0;
    case IR_VLO128: return x->op == IR_VCONCAT || x->op == IR_VZEXT256 ? x->arg[0] : 0;
    case IR_VHI128: return x->op == IR_VCONCAT ? x->arg[1] : 0;
    default: return 0;
    }
}

/* Into what is hidden by it; of all that there is. */
static IrVal fold_deposit(IrBuilder *b, IrInsn *i)
{
    unsigned pos = i->imm & 0xff, len = i->imm >> 8;

    if (len == ir_type_bits(i->type)) {
        return i->arg[1];
    }
    for (const IrInsn *x = ir_at(b, i->arg[0]); x->op == IR_DEPOSIT && x->imm == i->imm;
         x = ir_at(b, i->arg[0])) {
        i->arg[0] = x->arg[0];
    }
    if (pos == 0 && ir_value_width(b, i->arg[0]) <= len && ir_value_width(b, i->arg[1]) <= len) {
        return i->arg[1];
    }
    return 0;
}

/* Does this op with a constant leave the left half of 64 bits as it is? */
static bool changes_low_half(IrOp op, uint64_t k)
{
    return ((op == IR_OR || op == IR_XOR) && k >> 32 == 0) ||
           (op == IR_AND && k >> 32 == UINT32_MAX);
}

/* (x + c1) + c2, (x & c1) & c2; subtraction of a constant becomes an addition. */
static IrVal fold_chain(IrBuilder *b, IrInsn *i, uint64_t k)
{
    const IrInsn *x = ir_at(b, i->arg[0]);
    uint64_t k1;

    if (i->op == IR_SUB) {
        return ir_add(b, i->arg[0], ir_const(b, i->type, -k));
    }
    if ((i->op == IR_ADD || i->op == IR_AND || i->op == IR_OR || i->op == IR_XOR) &&
        x->op == i->op && ir_const_value(b, x->arg[1], &k1)) {
        IrVal base = x->arg[0];
        uint64_t both;
        ir_eval(i->op, i->type, 0, k1, k, 0, &both);
        return ir_emit(b, i->op, i->type, 0, base, ir_const(b, i->type, both), 0, 0, 0);
    }
    if (x->op == IR_DEPOSIT && x->imm == 32u << 8 && changes_low_half(i->op, k)) {
        IrVal whole = x->arg[0], low = ir_trunc32(b, x->arg[1]);
        low = ir_emit(b, i->op, IR_I32, 0, low, ir_c32(b, (uint32_t)k), 0, 0, 0);
        return ir_deposit(b, whole, ir_zext32(b, low), 0, 32);
    }
    if (i->op == IR_AND && x->op == IR_DEPOSIT && (x->imm & 0xff) == 0 &&
        bits_of(k) <= x->imm >> 8) {
        return ir_andi(b, x->arg[1], k);
    }
    if (i->op == IR_AND) {
        unsigned w = ir_value_width(b, i->arg[0]);
        uint64_t all = w >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << w) - 1;
        if ((k & all) == all) {
            return i->arg[0];
        }
    }
    return 0;
}

/* An op on 64 bits of which both operands have 32, in 32. */
static IrVal fold_narrow_div(IrBuilder *b, const IrInsn *i)
{
    IrVal x = i->arg[0], y = i->arg[1];

    if (i->type != IR_I64 || ir_value_width(b, x) > 32 || ir_value_width(b, y) > 32) {
        return 0;
    }
    IrOp op = i->op; /* the array may move */
    x = ir_trunc32(b, x);
    y = ir_trunc32(b, y);
    return ir_zext32(b, ir_emit(b, op, IR_I32, 0, x, y, 0, 0, 0));
}

/* SETCOND, MOVCOND: the simplest form of the condition. */
static int fold_condition(IrBuilder *b, IrInsn *i)
{
    IrCondition q = { i->sub, i->arg[0], i->arg[1] };

    ir_fold_cond(b, &q);
    i->sub = q.c;
    i->arg[0] = q.x;
    i->arg[1] = q.y;
    return ir_cond_decided(b, &q);
}

static IrVal fold_movcond(IrBuilder *b, IrInsn *i)
{
    if (i->arg[2] == i->arg[3]) {
        return i->arg[2];
    }
    int d = fold_condition(b, i);
    return d < 0 ? 0 : i->arg[d ? 2 : 3];
}

/* A count without the masks that shifting does anyway. */
static void fold_count(IrBuilder *b, IrInsn *i)
{
    uint64_t need = ir_type_bits(i->type) - 1, k;

    for (IrVal v = i->arg[1];;) {
        const IrInsn *c = ir_at(b, v);
        bool same = (c->op == IR_AND && ir_const_value(b, c->arg[1], &k) && (k & need) == need) ||
                    c->op == IR_ZEXT8 || c->op == IR_ZEXT16 || c->op == IR_ZEXT32 ||
                    c->op == IR_TRUNC32;
        if (!same) {
            return;
        }
        v = c->arg[0];
        if (ir_type(b, v) == (IrType)i->type) {
            i->arg[1] = v;
        }
    }
}

static bool is_shift(IrOp op)
{
    return op == IR_SHL || op == IR_SHR || op == IR_SAR || op == IR_ROTL || op == IR_ROTR;
}

static IrVal fold_table(IrBuilder *b, const IrInsn *i, bool kc, uint64_t k)
{
    if (kc) {
        if (k > 1 && k != ir_type_mask(i->type)) { /* no rule has it */
            return 0;
        }
        for (unsigned r = 0; r < G_N_ELEMENTS(const_rules); r++) {
            if (const_rules[r].op == i->op &&
                k == ((uint64_t)(int64_t)const_rules[r].k & ir_type_mask(i->type))) {
                return fold_to(b, i, const_rules[r].to);
            }
        }
    } else if (i->arg[0] == i->arg[1]) {
        for (unsigned r = 0; r < G_N_ELEMENTS(same_rules); r++) {
            if (same_rules[r].op == i->op) {
                return fold_to(b, i, same_rules[r].to);
            }
        }
    }
    return 0;
}

IrVal ir_fold(IrBuilder *b, IrInsn *i)
{
    unsigned n = ir_nargs(i);
    uint64_t x = 0, y = 0, r;

    if (n == 0) {
        return 0;
    }
    if (i->op >= IR_VGETLANE && i->op <= IR_VINSLANE) {
        return ir_fold_lanes(b, i);
    }
    if (!ir_type_is_int(i->type) && i->op != IR_MOVCOND) {
        return n == 1 ? fold_unary(b, i) : 0;
    }
    if (i->op == IR_MOVCOND) {
        return fold_movcond(b, i);
    }
    if (i->op == IR_DIVUW && ir_const_value(b, i->arg[0], &x) && x == 0) {
        *i = (IrInsn){ .op = IR_DIVU, .type = IR_I64, .arg = { i->arg[1], i->arg[2] } };
        n = 2;
    }
    if (n > 2 || ir_type_is_vec(ir_type(b, i->arg[0]))) {
        return 0;
    }
    if (i->op == IR_SETCOND) {
        int d = fold_condition(b, i);
        return d < 0 ? 0 : ir_const(b, i->type, d);
    }
    if (is_shift(i->op)) {
        fold_count(b, i);
    }
    bool xc = ir_const_value(b, i->arg[0], &x);
    bool yc = n == 2 && ir_const_value(b, i->arg[1], &y);
    if (xc && (n == 1 || yc)) {
        if (ir_eval(i->op, i->type, i->sub, x, y, i->imm, &r)) {
            return ir_const(b, i->type, r);
        }
    }
    if (n == 1) {
        return fold_unary(b, i);
    }
    if (xc && (ir_op_info[i->op].flags & IRF_C)) {
        IrVal t = i->arg[0];
        i->arg[0] = i->arg[1];
        i->arg[1] = t;
        y = x;
        yc = true;
    }
    if (i->op == IR_DEPOSIT) {
        return fold_deposit(b, i);
    }
    if (i->op == IR_DIVU || i->op == IR_REMU) {
        IrVal narrow = fold_narrow_div(b, i);
        if (narrow) {
            return narrow;
        }
    }
    IrVal v = fold_table(b, i, yc, y);
    return v || !yc ? v : fold_chain(b, i, y);
}
