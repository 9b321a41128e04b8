/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitwise logic, shifts, rotates and bit insertion.
 */
#include "target/s390x/translate/translate-priv.h"

static void logic_result(S390Trans *t, IrVal r)
{
    s390_set_reg(t, t->i->r1, r);
    s390_cc_set(t, CC_NZ, s390_zext64(t, r), 0);
}

#define LOGIC(name, expr)                                \
    void s390_tr_##name(S390Trans *t, const S390Insn *i) \
    {                                                    \
        IrBuilder *ib = t->b;                            \
        IrVal b = s390_second(t), a = s390_first(t);     \
        logic_result(t, expr);                           \
    }
LOGIC(and, ir_and(ib, a, b))
LOGIC(or, ir_or(ib, a, b))
LOGIC(xor, ir_xor(ib, a, b))
LOGIC(andc, ir_andn(ib, a, b))
LOGIC(orc, ir_or(ib, a, ir_not(ib, b)))
LOGIC(nand, ir_not(ib, ir_and(ib, a, b)))
LOGIC(nor, ir_not(ib, ir_or(ib, a, b)))
LOGIC(nxor, ir_not(ib, ir_xor(ib, a, b)))

/* ---- immediate on a part of the register; only that part sets the code ---- */
static void part(S390Trans *t, const S390Insn *i, IrOp op, unsigned len, bool keep_ones)
{
    IrBuilder *ib = t->b;
    uint64_t mask = ((1ull << len) - 1) << i->arg, imm = (uint64_t)i->i2 << i->arg;
    IrVal a = s390_gpr(t, i->r1);
    IrVal r = ir_emit(ib, op, IR_I64, 0, a, ir_c64(ib, keep_ones ? imm | ~mask : imm), 0, 0, 0);

    s390_set_gpr(t, i->r1, r);
    s390_cc_set(t, CC_NZ, ir_andi(ib, r, mask), 0);
}

void s390_tr_n_part(S390Trans *t, const S390Insn *i)
{
    part(t, i, IR_AND, 16, true);
}

void s390_tr_o_part(S390Trans *t, const S390Insn *i)
{
    part(t, i, IR_OR, 16, false);
}

void s390_tr_n_half(S390Trans *t, const S390Insn *i)
{
    part(t, i, IR_AND, 32, true);
}

void s390_tr_o_half(S390Trans *t, const S390Insn *i)
{
    part(t, i, IR_OR, 32, false);
}

void s390_tr_x_half(S390Trans *t, const S390Insn *i)
{
    part(t, i, IR_XOR, 32, false);
}

static void insert(S390Trans *t, const S390Insn *i, unsigned len)
{
    IrVal v = ir_deposit(t->b, s390_gpr(t, i->r1), ir_c64(t->b, i->i2), i->arg, len);
    s390_set_gpr(t, i->r1, v);
}

void s390_tr_i_part(S390Trans *t, const S390Insn *i)
{
    insert(t, i, 16);
}

void s390_tr_i_half(S390Trans *t, const S390Insn *i)
{
    insert(t, i, 32);
}

void s390_tr_ll_part(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr(t, i->r1, ir_c64(t->b, (uint64_t)i->i2 << i->arg));
}

void s390_tr_ll_half(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr(t, i->r1, ir_c64(t->b, (uint64_t)i->i2 << i->arg));
}

/* ---- logic on storage: one interlocked byte ---- */
void s390_tr_logic_si(S390Trans *t, const S390Insn *i)
{
    static const IrRmw rmw[] = { IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR };
    static const IrOp op[] = { IR_AND, IR_OR, IR_XOR };
    IrBuilder *ib = t->b;
    IrVal c = ir_c64(ib, i->i2);
    IrVal old = ir_atomic(ib, rmw[i->arg], s390_addr1(t), c, t->mo | MO_8);

    s390_cc_set(t, CC_NZ, ir_emit(ib, op[i->arg], IR_I64, 0, old, c, 0, 0, 0), 0);
}

/* ---- shifts: the count is the low six bits of the address ---- */
static IrVal shift_count(S390Trans *t)
{
    IrVal n = ir_andi(t->b, s390_addr(t, t->i->b2, 0, t->i->d2), 63);
    return n;
}

/* The register to be shifted, as 64 bits. */
static IrVal shift_source(S390Trans *t, bool sign)
{
    IrVal v = s390_first(t);
    return sign ? s390_sext64(t, v) : s390_zext64(t, v);
}

static void set_shifted(S390Trans *t, IrVal v)
{
    if (s390_is_w(t)) {
        s390_set_gpr32(t, t->i->r1, ir_trunc32(t->b, v));
    } else {
        s390_set_gpr(t, t->i->r1, v);
    }
}

void s390_tr_sll(S390Trans *t, const S390Insn *i)
{
    IrVal v = shift_source(t, false);
    set_shifted(t, ir_shl(t->b, v, shift_count(t)));
}

void s390_tr_srl(S390Trans *t, const S390Insn *i)
{
    IrVal v = shift_source(t, false);
    set_shifted(t, ir_shr(t->b, v, shift_count(t)));
}

void s390_tr_sra(S390Trans *t, const S390Insn *i)
{
    IrVal v = shift_source(t, true);
    IrVal r = ir_sar(t->b, v, shift_count(t));
    set_shifted(t, r);
    s390_cc_set(t, CC_CMPS, r, ir_c64(t->b, 0));
}

/* Arithmetic left: the sign stays, a bit unlike the sign shifted out is an overflow. */
void s390_tr_sla(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned width = s390_is_w(t) ? 32 : 64;
    IrVal v = shift_source(t, true), n = shift_count(t);
    IrVal r = ir_call(ib, &hd_s390_sla, v, n, ir_c64(ib, width));

    set_shifted(t, r);
    s390_cc_value(t, ir_call(ib, &hd_s390_sla_cc, v, n, ir_c64(ib, width)));
}

void s390_tr_rll(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal n = shift_count(t);

    if (s390_is_w(t)) {
        s390_set_gpr32(t, i->r1, ir_rotl(ib, s390_gpr32(t, i->r3), ir_trunc32(ib, n)));
    } else {
        s390_set_gpr(t, i->r1, ir_rotl(ib, s390_gpr(t, i->r3), n));
    }
}

/* Double shifts: 0 SLDL, 1 SRDL, 2 SRDA, 3 SLDA, on an even-odd pair of 32-bit halves. */
void s390_tr_shift_pair(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (i->r1 & 1) {
        s390_pgm(t, PGM_SPECIFICATION);
        return;
    }
    IrVal low = ir_zext32(ib, s390_gpr32(t, i->r1 + 1)), n = shift_count(t);
    IrVal v = ir_or(ib, ir_shli(ib, s390_gpr(t, i->r1), 32), low), r;
    switch (i->arg) {
    case 0: r = ir_shl(ib, v, n); break;
    case 1: r = ir_shr(ib, v, n); break;
    case 2:
        r = ir_sar(ib, v, n);
        s390_cc_set(t, CC_CMPS, r, ir_c64(ib, 0));
        break;
    default:
        r = ir_call(ib, &hd_s390_sla, v, n, ir_c64(ib, 64));
        s390_cc_value(t, ir_call(ib, &hd_s390_sla_cc, v, n, ir_c64(ib, 64)));
        break;
    }
    s390_set_gpr32(t, i->r1, ir_trunc32(ib, ir_shri(ib, r, 32)));
    s390_set_gpr32(t, i->r1 + 1, ir_trunc32(ib, r));
}

/* ---- rotate then ... selected bits ---- */
/* Bits first..last, numbered from the left, wrapping around. */
static uint64_t selected(unsigned first, unsigned last)
{
    uint64_t from = UINT64_MAX >> first, to = UINT64_MAX << (63 - last);
    return first <= last ? from & to : from | to;
}

/*
 * The selected bits of register r rotated left by n, in 32 bits: when they are of a right half and come
 * from one. Else 0, none. Then it is a shift, and what a program does with 32-bit numbers stays in 32 bits.
 */
static IrVal rotated_half(S390Trans *t, unsigned r, unsigned n, uint64_t mask)
{
    uint64_t from = n ? mask >> n | mask << (64 - n) : mask;
    uint32_t all = n < 32 ? UINT32_MAX << n : UINT32_MAX >> (64 - n);

    if ((mask | from) >> 32) {
        return 0;
    }
    IrVal x = s390_gpr32(t, r);
    IrVal v = n < 32 ? ir_shli(t->b, x, n) : ir_shri(t->b, x, 64 - n);
    return mask == all ? v : ir_andi(t->b, v, mask);
}

/* Register r2 rotated, without the bits that are not selected: a shift, where none of these comes from
 * around the end. */
static IrVal rotated(S390Trans *t, const S390Insn *i, uint64_t mask)
{
    IrBuilder *b = t->b;
    unsigned n = i->i5 & 63;
    IrVal half = rotated_half(t, i->r2, n, mask), x = s390_gpr(t, i->r2);
    uint64_t around = (1ull << n) - 1; /* where bits from the left end come to */

    if (half) {
        return ir_zext32(b, half);
    }
    if (mask == ~around) {
        return ir_shli(b, x, n);
    }
    if (!(mask & around)) {
        return mask >> n <= UINT32_MAX ? ir_shli(b, ir_andi(b, x, mask >> n), n)
                                       : ir_andi(b, ir_shli(b, x, n), mask);
    }
    return ir_andi(b, mask & ~around ? ir_rotli(b, x, n) : ir_shri(b, x, 64 - n), mask);
}

void s390_tr_risbg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    uint64_t mask = selected(i->i3 & 63, i->i4 & 63);
    IrVal v = rotated(t, i, mask);

    if (!(i->i4 & 0x80)) { /* the rest stays */
        v = ir_or(ib, v, ir_andi(ib, s390_gpr(t, i->r1), ~mask));
    }
    s390_set_gpr(t, i->r1, v);
    if (i->arg) {
        s390_cc_set(t, CC_CMPS, v, ir_c64(ib, 0));
    }
}

/* 0 OR, 1 XOR, 2 AND a with the selected bits v, of a register as wide as both. */
static IrVal combine(IrBuilder *b, unsigned how, IrVal a, IrVal v, uint64_t mask)
{
    switch (how) {
    case 0: return ir_or(b, a, v);
    case 1: return ir_xor(b, a, v);
    default: return ir_and(b, a, ir_ori(b, v, ~mask));
    }
}

/* i3 bit 0: test only. */
void s390_tr_rxsbg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    uint64_t mask = selected(i->i3 & 63, i->i4 & 63);
    IrVal half = rotated_half(t, i->r2, i->i5 & 63, mask), v = half ? half : rotated(t, i, mask);
    IrVal r = combine(ib, i->arg, half ? s390_gpr32(t, i->r1) : s390_gpr(t, i->r1), v, mask);

    if (!(i->i3 & 0x80)) {
        half ? s390_set_gpr32(t, i->r1, r) : s390_set_gpr(t, i->r1, r);
    }
    s390_cc_set(t, CC_NZ, ir_andi(ib, s390_zext64(t, r), mask), 0);
}

/* RISBHG, RISBLG: into one half (arg: its position), which alone may change. */
void s390_tr_risb_half(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned first = i->i3 & 31, last = i->i4 & 31, base = i->arg ? 0 : 32;
    uint64_t half = 0xffffffffull << i->arg;
    uint64_t mask;

    if (first <= last) {
        mask = selected(first + base, last + base);
    } else {
        mask = half & ~selected(last + 1 + base, first - 1 + base);
        if (last + 1 > first - 1) {
            mask = half;
        }
    }
    IrVal v = rotated(t, i, mask);
    uint64_t keep = i->i4 & 0x80 ? ~half : ~mask;
    s390_set_gpr(t, i->r1, ir_or(ib, v, ir_andi(ib, s390_gpr(t, i->r1), keep)));
}
