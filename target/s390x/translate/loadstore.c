/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads, stores, multiple registers, interlocked updates.
 *
 * An instruction with several stores probes its whole operand first: no part of it is stored if
 * another part faults.
 */
#include "target/s390x/translate/translate-priv.h"

/* ---- loads ---- */
void s390_tr_load(S390Trans *t, const S390Insn *i)
{
    s390_set_reg(t, i->r1, s390_second(t));
}

void s390_tr_load_h(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr_high(t, i->r1, s390_second(t));
}

void s390_tr_load_zr(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_second(t);
    s390_set_reg(t, i->r1, ir_andi(t->b, v, ~0xffull));
}

static void trap_if_zero(S390Trans *t, IrVal v)
{
    IrLabel ok = ir_label_new(t->b);
    ir_brcondi(t->b, IR_NE, v, 0, ok);
    ir_call(t->b, &hd_s390_data_exception, ir_c64(t->b, 0xff));
    ir_label(t->b, ok);
}

void s390_tr_load_trap(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_second(t);

    trap_if_zero(t, v);
    s390_set_reg(t, i->r1, v);
}

void s390_tr_load_h_trap(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_second(t);

    trap_if_zero(t, v);
    s390_set_gpr_high(t, i->r1, v);
}

void s390_tr_load_test(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_second(t);
    s390_set_reg(t, i->r1, v);
    s390_cc_set(t, CC_CMPS, s390_sext64(t, v), ir_c64(t->b, 0));
}

static void negated(S390Trans *t, IrVal v)
{
    IrBuilder *ib = t->b;

    if (s390_is_w(t)) {
        IrVal exact = ir_neg(ib, ir_sext32(ib, v));
        s390_set_gpr32(t, t->i->r1, ir_trunc32(ib, exact));
        s390_cc_set(t, CC_EXACT32, exact, 0);
    } else {
        s390_set_gpr(t, t->i->r1, ir_neg(ib, v));
        s390_cc_set(t, CC_SUB64, ir_c64(ib, 0), v);
    }
}

void s390_tr_load_comp(S390Trans *t, const S390Insn *i)
{
    negated(t, s390_second(t));
}

void s390_tr_load_pos(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal v = s390_sext64(t, s390_second(t)), zero = ir_c64(ib, 0);
    IrVal abs = ir_movcond(ib, IR_LT, v, zero, ir_neg(ib, v), v);

    if (s390_is_w(t)) {
        s390_set_gpr32(t, i->r1, ir_trunc32(ib, abs));
        s390_cc_set(t, CC_EXACT32, abs, 0);
    } else {
        /* 0 - (-|v|) overflows just for the smallest number */
        s390_set_gpr(t, i->r1, abs);
        s390_cc_set(t, CC_SUB64, zero, ir_neg(ib, abs));
    }
}

void s390_tr_load_neg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal v = s390_sext64(t, s390_second(t)), zero = ir_c64(ib, 0);
    IrVal r = ir_movcond(ib, IR_GT, v, zero, ir_neg(ib, v), v);

    if (s390_is_w(t)) {
        s390_set_gpr32(t, i->r1, ir_trunc32(ib, r));
    } else {
        s390_set_gpr(t, i->r1, r);
    }
    s390_cc_set(t, CC_CMPS, r, zero);
}

void s390_tr_load_rev(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_second(t);
    s390_set_reg(t, i->r1, s390_is_w(t) ? ir_bswap32(t->b, v) : ir_bswap64(t->b, v));
}

void s390_tr_lrv_mem(S390Trans *t, const S390Insn *i)
{
    IrMemOp mo = (t->mo & ~MO_BE) | i->arg;
    IrVal v = ir_load(t->b, IR_I64, s390_addr2(t), mo);

    if (i->arg == 3) {
        s390_set_gpr(t, i->r1, v);
    } else {
        s390_set_gpr(t, i->r1, ir_deposit(t->b, s390_gpr(t, i->r1), v, 0, 8u << i->arg));
    }
}

/* An address result: 31- and 24-bit modes leave the left half. */
static void set_address(S390Trans *t, unsigned r, IrVal v)
{
    if (t->mode & MODE_EA64) {
        s390_set_gpr(t, r, v);
    } else {
        s390_set_gpr32(t, r, ir_trunc32(t->b, v));
    }
}

void s390_tr_la(S390Trans *t, const S390Insn *i)
{
    set_address(t, i->r1, s390_addr2(t));
}

void s390_tr_larl(S390Trans *t, const S390Insn *i)
{
    uint64_t addr = (t->pc + i->ri2) & mode_addr_mask(t->mode);

    set_address(t, i->r1, ir_c64(t->b, addr));
    *t->larl = (S390Larl){ .pc = t->next_pc, .addr = addr, .r = i->r1 };
}

void s390_tr_lae(S390Trans *t, const S390Insn *i)
{
    IrVal ar = ir_call(t->b, &hd_s390_lae, ir_c64(t->b, i->b2));

    set_address(t, i->r1, s390_addr2(t));
    ir_put(t->b, SLOT_AR + i->r1, ir_trunc32(t->b, ar));
}

void s390_tr_ic(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_load(t, IR_I64, s390_addr2(t), MO_8, false);
    s390_set_gpr(t, i->r1, ir_deposit(t->b, s390_gpr(t, i->r1), v, 0, 8));
}

/* Bytes of the half at arg whose mask bits are one, from consecutive storage. */
void s390_tr_icm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t), r = s390_gpr(t, i->r1), seen = ir_c64(ib, 0);
    unsigned n = __builtin_popcount(i->m3), left = n;

    if (i->m3 == 15) {
        IrVal v = s390_load(t, IR_I64, addr, MO_32, false);
        s390_set_gpr(t, i->r1, ir_deposit(ib, r, v, i->arg, 32));
        s390_cc_set(t, CC_CMPS, ir_shli(ib, v, 32), ir_c64(ib, 0));
        return;
    }
    if (!n) { /* still an access to one byte */
        s390_load(t, IR_I64, addr, MO_8, false);
    }
    for (unsigned k = 0, at = 0; k < 4; k++) {
        if (i->m3 & 8 >> k) {
            IrVal a = s390_wrap(t, ir_addi(ib, addr, at++));
            IrVal v = s390_load(t, IR_I64, a, MO_8, false);
            r = ir_deposit(ib, r, v, i->arg + 24 - 8 * k, 8);
            seen = ir_or(ib, seen, ir_shli(ib, v, 56 - 8 * (n - left)));
            left--;
        }
    }
    s390_set_gpr(t, i->r1, r);
    s390_cc_set(t, CC_CMPS, seen, ir_c64(ib, 0));
}

/* CLM compares what ICM would insert. */
void s390_tr_clm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t), reg = s390_gpr(t, i->r1), a = ir_c64(ib, 0), m = ir_c64(ib, 0);

    if (!i->m3) {
        s390_load(t, IR_I64, addr, MO_8, false);
    }
    for (unsigned k = 0, at = 0; k < 4; k++) {
        if (i->m3 & 8 >> k) {
            IrVal v = s390_load(t, IR_I64, s390_wrap(t, ir_addi(ib, addr, at++)), MO_8, false);
            m = ir_or(ib, ir_shli(ib, m, 8), v);
            a = ir_or(ib, ir_shli(ib, a, 8), ir_extractu(ib, reg, i->arg + 24 - 8 * k, 8));
        }
    }
    s390_cc_set(t, CC_CMPU, a, m);
}

/* ---- conditional ---- */
static void conditional(S390Trans *t, unsigned mask, bool high)
{
    const S390Insn *i = t->i;
    S390Cond c = s390_cond(t, mask);
    IrVal old = high ? s390_gpr_high(t, i->r1) : s390_reg(t, i->r1), v;

    /* a storage operand may fault whether it is loaded or not: that is allowed */
    v = s390_second(t);
    if (c.kind == COND_IF) {
        v = ir_movcond(t->b, c.c, c.x, c.y, v, old);
    } else if (c.kind == COND_NEVER) {
        v = old;
    }
    if (high) {
        s390_set_gpr_high(t, i->r1, v);
    } else {
        s390_set_reg(t, i->r1, v);
    }
}

void s390_tr_loc(S390Trans *t, const S390Insn *i)
{
    conditional(t, i->m3, false);
}

void s390_tr_loc_h(S390Trans *t, const S390Insn *i)
{
    conditional(t, i->m3, true);
}

static void select_regs(S390Trans *t, const S390Insn *i, bool high)
{
    S390Cond c = s390_cond(t, i->m4);
    IrVal a = s390_first(t), b = s390_second(t), v;

    if (!high) {
        a = s390_reg(t, i->r2);
    }
    v = c.kind == COND_IF ? ir_movcond(t->b, c.c, c.x, c.y, a, b) : c.kind == COND_ALWAYS ? a : b;
    if (high) {
        s390_set_gpr_high(t, i->r1, v);
    } else {
        s390_set_reg(t, i->r1, v);
    }
}

void s390_tr_sel(S390Trans *t, const S390Insn *i)
{
    select_regs(t, i, false);
}

void s390_tr_sel_h(S390Trans *t, const S390Insn *i)
{
    select_regs(t, i, true);
}

/* arg: log2 of the size, 4: the left half */
void s390_tr_stoc(S390Trans *t, const S390Insn *i)
{
    S390Cond c = s390_cond(t, i->m3);
    IrVal addr = s390_addr(t, i->b2, 0, i->d2), v = s390_gpr(t, i->r1);
    IrLabel skip = 0;

    if (c.kind == COND_NEVER) {
        return;
    }
    if (i->arg == 4) {
        v = ir_shri(t->b, v, 32);
    }
    if (c.kind == COND_IF) {
        skip = ir_label_new(t->b);
        ir_brcond(t->b, s390_negate(c.c), c.x, c.y, skip);
    }
    s390_store(t, addr, v, i->arg == 3 ? MO_64 : MO_32);
    if (c.kind == COND_IF) {
        ir_label(t->b, skip);
    }
}

/* ---- counts ---- */
void s390_tr_flogr(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal v = s390_gpr(t, i->r2), n = ir_clz(ib, v);

    if (i->r1 & 1) {
        s390_pgm(t, PGM_SPECIFICATION);
        return;
    }
    IrVal bit = ir_shr(ib, ir_c64(ib, 1ull << 63), n); /* 64 wraps to 0: masked below */
    IrVal rest = ir_andn(ib, v, bit);
    s390_set_gpr(t, i->r1, n);
    s390_set_gpr(t, i->r1 + 1, rest);
    s390_cc_set(t, CC_CMPU, v, ir_c64(ib, 0));
}

void s390_tr_popcnt(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal v = s390_gpr(t, i->r2);

    if ((i->m3 & 8) && s390_facility(s390_cpu(t->ctx->cpu), 61)) { /* of the whole register */
        v = ir_popcnt(ib, v);
    } else {
        const uint64_t m1 = 0x5555555555555555ull, m2 = 0x3333333333333333ull,
                       m4 = 0x0f0f0f0f0f0f0f0full;
        v = ir_sub(ib, v, ir_andi(ib, ir_shri(ib, v, 1), m1));
        v = ir_add(ib, ir_andi(ib, v, m2), ir_andi(ib, ir_shri(ib, v, 2), m2));
        v = ir_andi(ib, ir_add(ib, v, ir_shri(ib, v, 4)), m4);
    }
    s390_set_gpr(t, i->r1, v);
    s390_cc_set(t, CC_NZ, v, 0);
}

/* ---- access registers ---- */
void s390_tr_ear(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr32(t, i->r1, ir_get(t->b, SLOT_AR + i->r2));
}

void s390_tr_sar(S390Trans *t, const S390Insn *i)
{
    ir_put(t->b, SLOT_AR + i->r1, s390_gpr32(t, i->r2));
}

void s390_tr_cpya(S390Trans *t, const S390Insn *i)
{
    ir_put(t->b, SLOT_AR + i->r1, ir_get(t->b, SLOT_AR + i->r2));
}

/* ---- stores ---- */
void s390_tr_store(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr2(t), s390_gpr(t, i->r1), i->arg);
}

void s390_tr_store_rl(S390Trans *t, const S390Insn *i)
{
    t->mo = s390_relative_mo(t);
    s390_store(t, s390_wrap(t, ir_c64(t->b, t->pc + i->ri2)), s390_gpr(t, i->r1), i->arg);
}

void s390_tr_store_h(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr2(t), ir_shri(t->b, s390_gpr(t, i->r1), 32), i->arg);
}

void s390_tr_strv(S390Trans *t, const S390Insn *i)
{
    ir_store(t->b, s390_addr2(t), s390_gpr(t, i->r1), (t->mo & ~MO_BE) | i->arg);
}

void s390_tr_store_si(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr1(t), ir_c64(t->b, i->i2), i->arg);
}

void s390_tr_stcm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t), reg = s390_gpr(t, i->r1);
    unsigned n = __builtin_popcount(i->m3);

    if (i->m3 == 15) {
        s390_store(t, addr, ir_shri(ib, reg, i->arg), MO_32);
        return;
    }
    if (n > 1) {
        s390_probe(t, addr, n, ACCESS_WRITE);
    }
    for (unsigned k = 0, at = 0; k < 4; k++) {
        if (i->m3 & 8 >> k) {
            IrVal a = s390_wrap(t, ir_addi(ib, addr, at++));
            s390_store(t, a, ir_shri(ib, reg, i->arg + 24 - 8 * k), MO_8);
        }
    }
}

/* ---- multiple: arg 2 right halves, 3 whole, 4 left halves ---- */
static unsigned reg_count(const S390Insn *i)
{
    return ((i->r3 - i->r1) & 15) + 1;
}

void s390_tr_lm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t), v[16];
    unsigned n = reg_count(i), step = i->arg == 3 ? 8 : 4;

    for (unsigned k = 0; k < n; k++) {
        IrVal a = s390_wrap(t, ir_addi(ib, addr, k * step));
        v[k] = s390_load(t, i->arg == 3 ? IR_I64 : IR_I32, a, i->arg == 3 ? MO_64 : MO_32, false);
    }
    for (unsigned k = 0; k < n; k++) {
        unsigned r = (i->r1 + k) & 15;
        if (i->arg == 4) {
            s390_set_gpr_high(t, r, v[k]);
        } else {
            s390_set_reg(t, r, v[k]);
        }
    }
}

void s390_tr_stm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t);
    unsigned n = reg_count(i), step = i->arg == 3 ? 8 : 4;

    if (n > 1) {
        s390_probe(t, addr, n * step, ACCESS_WRITE);
    }
    for (unsigned k = 0; k < n; k++) {
        IrVal a = s390_wrap(t, ir_addi(ib, addr, k * step)), v = s390_gpr(t, (i->r1 + k) & 15);
        s390_store(t, a, i->arg == 4 ? ir_shri(ib, v, 32) : v, i->arg == 3 ? MO_64 : MO_32);
    }
}

/* Left halves from the second, right halves from the fourth operand. */
void s390_tr_lmd(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal a2 = s390_addr2(t), a4 = s390_addr(t, i->b4, 0, i->d4), v[16];
    unsigned n = reg_count(i);

    for (unsigned k = 0; k < n; k++) {
        IrVal high = s390_load(t, IR_I64, s390_wrap(t, ir_addi(ib, a2, 4 * k)), MO_32, false);
        IrVal low = ir_load(ib, IR_I64, s390_wrap(t, ir_addi(ib, a4, 4 * k)),
                            s390_operand_mo(t, 1) | MO_32);
        v[k] = ir_or(ib, ir_shli(ib, high, 32), low);
    }
    for (unsigned k = 0; k < n; k++) {
        s390_set_gpr(t, (i->r1 + k) & 15, v[k]);
    }
}

void s390_tr_lam(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t), v[16];
    unsigned n = reg_count(i);

    for (unsigned k = 0; k < n; k++) {
        v[k] = ir_load(t->b, IR_I32, s390_wrap(t, ir_addi(t->b, addr, 4 * k)),
                       t->mo | MO_32 | (k ? 0 : MO_ALIGN));
    }
    for (unsigned k = 0; k < n; k++) {
        ir_put(t->b, SLOT_AR + ((i->r1 + k) & 15), v[k]);
    }
}

void s390_tr_stam(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t);
    unsigned n = reg_count(i);

    s390_probe(t, addr, 4 * n, ACCESS_WRITE);
    for (unsigned k = 0; k < n; k++) {
        IrVal a = s390_wrap(t, ir_addi(t->b, addr, 4 * k));
        ir_store(t->b, a, ir_get(t->b, SLOT_AR + ((i->r1 + k) & 15)),
                 t->mo | MO_32 | (k ? 0 : MO_ALIGN));
    }
}

/* A quadword must be on its boundary. */
static bool odd_register(S390Trans *t, unsigned r)
{
    if (r & 1) {
        s390_pgm(t, PGM_SPECIFICATION);
    }
    return r & 1;
}

static void check_aligned(S390Trans *t, IrVal addr, unsigned mask)
{
    s390_pgm_if(t, IR_TSTNZ, addr, ir_c64(t->b, mask), PGM_SPECIFICATION);
}

/* The value as one v128: the first register is its left half. */
static IrVal pair128(S390Trans *t, unsigned r)
{
    IrVal v = ir_vfromi(t->b, IR_V128, s390_gpr(t, r + 1));
    return ir_vsetlane(t->b, V64, v, s390_gpr(t, r), 1);
}

void s390_tr_lpq(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t);

    if (odd_register(t, i->r1)) {
        return;
    }
    check_aligned(t, addr, 15);
    IrVal v = ir_load(t->b, IR_V128, addr, t->mo | MO_128);
    s390_set_gpr(t, i->r1, ir_vgetlane(t->b, IR_I64, V64, v, 1));
    s390_set_gpr(t, i->r1 + 1, ir_vgetlane(t->b, IR_I64, V64, v, 0));
}

void s390_tr_stpq(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t);

    if (odd_register(t, i->r1)) {
        return;
    }
    check_aligned(t, addr, 15);
    ir_store(t->b, addr, pair128(t, i->r1), t->mo | MO_128);
}

/* ---- interlocked ---- */
void s390_tr_cs(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    bool wide = i->arg == 3;
    IrVal addr = s390_addr2(t);
    IrVal expected = wide ? s390_gpr(t, i->r1) : s390_gpr32(t, i->r1);
    IrVal v = wide ? s390_gpr(t, i->r3) : s390_gpr32(t, i->r3);
    IrVal old = ir_cmpxchg(ib, addr, expected, v, t->mo | (wide ? MO_64 : MO_32) | MO_ALIGN);
    IrVal differs = ir_xor(ib, old, expected);

    if (wide) {
        s390_set_gpr(t, i->r1, old);
    } else {
        s390_set_gpr32(t, i->r1, old);
    }
    s390_cc_set(t, CC_NZ, s390_zext64(t, differs), 0);
}

void s390_tr_cds(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal pair[2];

    if (odd_register(t, i->r1) || odd_register(t, i->r3)) {
        return;
    }
    for (unsigned k = 0; k < 2; k++) {
        unsigned r = k ? i->r3 : i->r1;
        pair[k] = ir_or(ib, ir_shli(ib, s390_gpr(t, r), 32), ir_zext32(ib, s390_gpr32(t, r + 1)));
    }
    IrVal old = ir_cmpxchg(ib, s390_addr2(t), pair[0], pair[1], t->mo | MO_64 | MO_ALIGN);
    s390_set_gpr32(t, i->r1, ir_trunc32(ib, ir_shri(ib, old, 32)));
    s390_set_gpr32(t, i->r1 + 1, ir_trunc32(ib, old));
    s390_cc_set(t, CC_NZ, ir_xor(ib, old, pair[0]), 0);
}

void s390_tr_cdsg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal addr = s390_addr2(t);

    if (odd_register(t, i->r1) || odd_register(t, i->r3)) {
        return;
    }
    check_aligned(t, addr, 15);
    IrVal expected = pair128(t, i->r1);
    IrVal old = ir_cmpxchg(ib, addr, expected, pair128(t, i->r3), t->mo | MO_128);
    IrVal d = ir_vxor(ib, old, expected);
    s390_set_gpr(t, i->r1, ir_vgetlane(ib, IR_I64, V64, old, 1));
    s390_set_gpr(t, i->r1 + 1, ir_vgetlane(ib, IR_I64, V64, old, 0));
    s390_cc_set(t, CC_NZ,
                ir_or(ib, ir_vgetlane(ib, IR_I64, V64, d, 0), ir_vgetlane(ib, IR_I64, V64, d, 1)),
                0);
}

void s390_tr_ts(S390Trans *t, const S390Insn *i)
{
    IrVal old = ir_atomic(t->b, IR_RMW_XCHG, s390_addr2(t), ir_c64(t->b, 0xff), t->mo | MO_8);
    s390_cc_value(t, ir_shri(t->b, old, 7));
}

/* Load and add, add logical, and, or, xor. */
void s390_tr_la_op(S390Trans *t, const S390Insn *i)
{
    static const IrRmw rmw[] = { IR_RMW_ADD, IR_RMW_ADD, IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR };
    static const IrOp op[] = { IR_ADD, IR_ADD, IR_AND, IR_OR, IR_XOR };
    IrBuilder *ib = t->b;
    bool w = s390_is_w(t);
    IrVal v = s390_reg(t, i->r3);
    IrVal old =
        ir_atomic(ib, rmw[i->arg], s390_addr2(t), v, t->mo | (w ? MO_32 : MO_64) | MO_ALIGN);

    s390_set_reg(t, i->r1, old);
    if (i->arg == 0 && w) {
        s390_cc_set(t, CC_EXACT32, ir_add(ib, ir_sext32(ib, old), ir_sext32(ib, v)), 0);
    } else if (i->arg == 1 && w) {
        s390_cc_set(t, CC_ADDU32, ir_add(ib, ir_zext32(ib, old), ir_zext32(ib, v)), 0);
    } else if (i->arg < 2) {
        s390_cc_set(t, i->arg ? CC_ADDU64 : CC_ADD64, old, v);
    } else {
        IrVal r = ir_emit(ib, op[i->arg], ir_type(ib, v), 0, old, v, 0, 0, 0);
        s390_cc_set(t, CC_NZ, s390_zext64(t, r), 0);
    }
}

/* LOAD PAIR DISJOINT: consistent only as long as nobody stores in between; then code 3. */
void s390_tr_lpd(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    bool wide = i->arg == 3;
    unsigned lg = wide ? MO_64 : MO_32;
    IrType type = wide ? IR_I64 : IR_I32;

    if (odd_register(t, i->r3)) {
        return;
    }
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    IrVal x = ir_load(ib, type, a1, t->mo | lg | MO_ALIGN);
    IrVal y = ir_load(ib, type, a2, s390_operand_mo(t, 1) | lg | MO_ALIGN);
    IrVal again = ir_load(ib, type, a1, t->mo | lg);
    s390_set_reg(t, i->r3, x);
    s390_set_reg(t, i->r3 + 1, y);
    IrVal same = ir_movcond(ib, IR_EQ, x, again, ir_c64(ib, 0), ir_c64(ib, 3));
    s390_cc_value(t, same);
}
