/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point support instructions inline; binary floating point by helpers.
 *
 * Formats: 0 short (left 32 bits of the register), 1 long, 2 extended (registers r and r + 2).
 * Helpers take and give values as 64-bit patterns, extended ones in v128; they raise data
 * exceptions themselves when the FPC's masks ask for it.
 */
#include "target/s390x/translate/fp-host.h"

enum {
    SHORT,
    LONG,
    EXTENDED
};

/* Registers are vectors of one element; a calculation on bits (i64) that begins and ends there is one on
 * vectors after folding, and no general register sees it. */
static IrVal fpr(S390Trans *t, unsigned r)
{
    return ir_vgetlane(t->b, IR_I64, V64, ir_get(t->b, SLOT_FPR + r), 0);
}

static void set_fpr(S390Trans *t, unsigned r, IrVal v)
{
    ir_put(t->b, SLOT_FPR + r, ir_vfromi(t->b, IR_V128, v));
}

static void set_short(S390Trans *t, unsigned r, IrVal v)
{
    IrVal old = ir_get(t->b, SLOT_FPR + r);

    ir_put(t->b, SLOT_FPR + r, ir_vinslane(t->b, V32, old, ir_vfromi(t->b, IR_V128, v), 1));
}

static IrVal get_short(S390Trans *t, unsigned r)
{
    return ir_vgetlane(t->b, IR_I64, V32, ir_get(t->b, SLOT_FPR + r), 1);
}

/* Extended operands live in pairs whose first number has bit 1 clear. */
static bool bad_pair(S390Trans *t, unsigned r)
{
    if (r & 2) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}

static IrVal get_extended(S390Trans *t, unsigned r)
{
    IrVal v = ir_vfromi(t->b, IR_V128, fpr(t, r + 2));
    return ir_vsetlane(t->b, V64, v, fpr(t, r), 1);
}

static void set_extended(S390Trans *t, unsigned r, IrVal v)
{
    set_fpr(t, r, ir_vgetlane(t->b, IR_I64, V64, v, 1));
    set_fpr(t, r + 2, ir_vgetlane(t->b, IR_I64, V64, v, 0));
}

/* ... as helpers of extended numbers take them, by pointer (helper/fp-ext.c) */
#define PAIR(r) SLOT_FPR + (r), SLOT_FPR + (r) + 2

static bool host_extended(const S390Trans *t, unsigned f)
{
    return f == EXTENDED && (t->mode & MODE_FP);
}

static IrVal get_format(S390Trans *t, unsigned r, unsigned f)
{
    return f == SHORT ? get_short(t, r) : f == LONG ? fpr(t, r) : get_extended(t, r);
}

static void set_format(S390Trans *t, unsigned r, unsigned f, IrVal v)
{
    if (f == SHORT) {
        set_short(t, r, v);
    } else if (f == LONG) {
        set_fpr(t, r, v);
    } else {
        set_extended(t, r, v);
    }
}

/* Second operand: register r2 or storage. */
static IrVal operand(S390Trans *t, unsigned f)
{
    if (t->i->src == SRC_M) {
        return s390_load(t, IR_I64, s390_addr2(t), f == SHORT ? MO_32 : MO_64, false);
    }
    return get_format(t, t->i->r2, f);
}

static bool pairs_ok(S390Trans *t, unsigned f, unsigned a, unsigned b)
{
    return f != EXTENDED || !(bad_pair(t, a) || bad_pair(t, b));
}

/* ---- moves ---- */
void s390_tr_fp_load(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_load(t, IR_I64, s390_addr2(t), i->arg ? MO_64 : MO_32, false);
    set_format(t, i->r1, i->arg, v);
}

/* Hexadecimal short to long, from storage (0) or a register: zeros on the right. Compilers load binary
 * short operands of vector code so. */
void s390_tr_fp_widen(S390Trans *t, const S390Insn *i)
{
    IrVal v = i->arg ? get_short(t, i->r2) : s390_load(t, IR_I64, s390_addr2(t), MO_32, false);
    set_fpr(t, i->r1, ir_shli(t->b, v, 32));
}

void s390_tr_fp_store(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr2(t), get_format(t, i->r1, i->arg), i->arg ? MO_64 : MO_32);
}

void s390_tr_fp_move(S390Trans *t, const S390Insn *i)
{
    if (i->arg == EXTENDED) {
        if (pairs_ok(t, EXTENDED, i->r1, i->r2)) {
            IrVal low = fpr(t, i->r2 + 2);
            set_fpr(t, i->r1, fpr(t, i->r2));
            set_fpr(t, i->r1 + 2, low);
        }
        return;
    }
    set_format(t, i->r1, i->arg, get_format(t, i->r2, i->arg));
}

void s390_tr_fp_zero(S390Trans *t, const S390Insn *i)
{
    if (!pairs_ok(t, i->arg, i->r1, 0)) {
        return;
    }
    if (i->arg == EXTENDED) {
        set_fpr(t, i->r1 + 2, ir_c64(t->b, 0));
    }
    set_format(t, i->r1, i->arg ? LONG : SHORT, ir_c64(t->b, 0));
}

void s390_tr_ldgr(S390Trans *t, const S390Insn *i)
{
    set_fpr(t, i->r1, s390_gpr(t, i->r2));
}

void s390_tr_lgdr(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr(t, i->r1, fpr(t, i->r2));
}

/* The sign of a whole register: cleared (0), set (1), inverted (2). */
void s390_tr_fp_sign(S390Trans *t, const S390Insn *i)
{
    set_fpr(t, i->r1, s390_host_sign(t, HOST_LONG, fpr(t, i->r2), i->arg));
}

void s390_tr_cpsdr(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal sign = ir_andi(ib, fpr(t, i->r3), 1ull << 63);
    set_fpr(t, i->r1, ir_or(ib, s390_host_sign(t, HOST_LONG, fpr(t, i->r2), 0), sign));
}

/* ---- control ---- */
void s390_tr_sfpc(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_fpc_set, s390_gpr(t, i->r1));
    s390_end_loop(t); /* another mode, perhaps */
}

void s390_tr_efpc(S390Trans *t, const S390Insn *i)
{
    s390_set_gpr32(t, i->r1, ir_trunc32(t->b, ir_call(t->b, &hd_s390_fpc_get)));
}

void s390_tr_lfpc(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_fpc_set, s390_load(t, IR_I64, s390_addr2(t), MO_32, false));
    s390_end_loop(t);
}

/* What the flags so far, under the new masks, make of it is an exception. */
void s390_tr_sfasr(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_fpc_signal, s390_gpr(t, i->r1));
    s390_end_loop(t);
}

void s390_tr_lfas(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_fpc_signal, s390_load(t, IR_I64, s390_addr2(t), MO_32, false));
    s390_end_loop(t);
}

void s390_tr_stfpc(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr2(t), ir_call(t->b, &hd_s390_fpc_get), MO_32);
}

/* SRNM two bits, SRNMB three, SRNMT the decimal rounding mode. */
void s390_tr_srnm(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_srnm, s390_addr2(t), ir_c64(t->b, i->arg));
    s390_end_loop(t);
}

/* ---- arithmetic ---- */
static void sign_cc(S390Trans *t, IrVal v, unsigned f)
{
    if (f == EXTENDED) {
        IrVal left = ir_vgetlane(t->b, IR_I64, V64, v, 1);
        s390_cc_set(t, CC_BFP_EXT, left, ir_vgetlane(t->b, IR_I64, V64, v, 0));
    } else {
        s390_cc_set(t, f == SHORT ? CC_BFP_SHORT : CC_BFP_LONG, v, 0);
    }
}

/* Helpers store a result that goes with an interruption themselves: r1 from bit 8 of the last argument. */
static IrVal with_r1(S390Trans *t, uint64_t arg)
{
    return ir_c64(t->b, arg | (uint64_t)t->i->r1 << 8);
}

/* M3, M4, r1 */
static IrVal modes(S390Trans *t)
{
    return with_r1(t, t->i->m3 | t->i->m4 << 4);
}

static void host_bfp2(S390Trans *t, const S390Insn *i, unsigned f)
{
    IrVal b = operand(t, f), a = get_format(t, i->r1, f);
    IrVal r = s390_host_arith(t, f, i->arg >> 2 & 3, a, b);

    const IrVal args[6] = { a, b, with_r1(t, i->arg) };
    r = i->arg < 8 ? s390_host_finite_or_call(t, f, r, r, &hd_s390_bfp2, args)
                   : s390_host_or_call(t, f, r, false, r, &hd_s390_bfp2, args);
    set_format(t, i->r1, f, r);
    if (i->arg < 8) {
        sign_cc(t, r, f);
    }
}

static void host_ext2(S390Trans *t, const S390Insn *i)
{
    static const HelperDesc *const of[] = { &hd_s390_ext_add, &hd_s390_ext_sub, &hd_s390_ext_mul,
                                            &hd_s390_ext_div };
    IrVal cc = ir_call(t->b, of[i->arg >> 2 & 3], PAIR(i->r1), PAIR(i->r2));

    if (i->arg < 8) {
        s390_cc_value(t, cc);
    }
}

void s390_tr_bfp2(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3;

    if (!pairs_ok(t, f, i->r1, i->r2)) {
        return;
    }
    if (s390_host_fp(t, f)) {
        host_bfp2(t, i, f);
        return;
    }
    if (host_extended(t, f)) {
        host_ext2(t, i);
        return;
    }
    IrVal b = operand(t, f), a = get_format(t, i->r1, f), op = with_r1(t, i->arg);
    IrVal r = f == EXTENDED ? ir_call(t->b, &hd_s390_bfp2_ext, a, b, op)
                            : ir_call(t->b, &hd_s390_bfp2, a, b, op);
    set_format(t, i->r1, f, r);
    if (i->arg < 8) { /* add and subtract set the code by the result */
        sign_cc(t, r, f);
    }
}

/* Products in the next wider format, which are exact. */
void s390_tr_bfp_mulw(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg;

    if (f == LONG && bad_pair(t, i->r1)) {
        return;
    }
    IrVal b = operand(t, f), a = get_format(t, i->r1, f);
    if (t->mode & MODE_FP) {
        if (f == LONG) {
            ir_call(t->b, &hd_s390_ext_mul_long, PAIR(i->r1), a, b);
            return;
        }
        IrVal r = s390_host_arith(t, LONG, 2, s390_host_widen(t, a), s390_host_widen(t, b));
        set_fpr(t, i->r1,
                s390_host_number_or_call(t, LONG, r, r, &hd_s390_bfp_mul_short,
                                         (const IrVal[6]){ a, b }));
    } else if (f == SHORT) {
        set_fpr(t, i->r1, ir_call(t->b, &hd_s390_bfp_mul_short, a, b));
    } else {
        set_extended(t, i->r1, ir_call(t->b, &hd_s390_bfp_mul_long, a, b));
    }
}

void s390_tr_bfp_cmp(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3;

    if (!pairs_ok(t, f, i->r1, i->r2)) {
        return;
    }
    if (f != EXTENDED) {
        IrVal y = operand(t, f), x = get_format(t, i->r1, f);
        s390_host_compare(t, f, x, y, &hd_s390_bfp_cmp,
                          (const IrVal[6]){ x, y, ir_c64(t->b, i->arg) });
        return;
    }
    if (host_extended(t, f)) {
        s390_cc_from(t, ir_call(t->b, &hd_s390_ext_cmp, PAIR(i->r1), PAIR(i->r2),
                                ir_c64(t->b, i->arg >> 2)));
        return;
    }
    IrVal b = get_extended(t, i->r2), a = get_extended(t, i->r1);
    s390_cc_from(t, ir_call(t->b, &hd_s390_bfp_cmp_ext, a, b, ir_c64(t->b, i->arg)));
}

void s390_tr_bfp_sqrt(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg;

    if (pairs_ok(t, f, i->r1, i->r2)) {
        if (host_extended(t, f)) {
            ir_call(t->b, &hd_s390_ext_sqrt, PAIR(i->r1), PAIR(i->r2));
            return;
        }
        IrVal b = operand(t, f), how = with_r1(t, f);
        if (s390_host_fp(t, f)) {
            set_format(t, i->r1, f,
                       s390_host_or_call(t, f, b, true, s390_host_sqrt(t, f, b), &hd_s390_bfp_sqrt,
                                         (const IrVal[6]){ b, how }));
            return;
        }
        set_format(t, i->r1, f,
                   f == EXTENDED ? ir_call(t->b, &hd_s390_bfp_sqrt_ext, b, how)
                                 : ir_call(t->b, &hd_s390_bfp_sqrt, b, how));
    }
}

void s390_tr_bfp_lt(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg;

    if (pairs_ok(t, f, i->r1, i->r2)) {
        IrVal v = operand(t, f);
        if (f == EXTENDED) {
            v = t->mode & MODE_FP ? s390_host_ext_finite_or_call(t, v, &hd_s390_bfp_quiet_ext)
                                  : ir_call(t->b, &hd_s390_bfp_quiet_ext, v);
            set_format(t, i->r1, f, v);
            sign_cc(t, v, f);
            return;
        }
        const IrVal args[6] = { v, ir_c64(t->b, f) };
        v = t->mode & MODE_FP ? s390_host_number_or_call(t, f, v, v, &hd_s390_bfp_quiet, args)
                              : ir_call_args(t->b, &hd_s390_bfp_quiet, args);
        set_format(t, i->r1, f, v);
        sign_cc(t, v, f);
    }
}

/* Load positive (0), negative (1), complement (2), in the high bits of arg. */
void s390_tr_bfp_sign(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3, how = i->arg >> 2;

    if (!pairs_ok(t, f, i->r1, i->r2)) {
        return;
    }
    if (f == EXTENDED) {
        IrVal low = fpr(t, i->r2 + 2);
        set_fpr(t, i->r1, s390_host_sign(t, HOST_LONG, fpr(t, i->r2), how));
        set_fpr(t, i->r1 + 2, low);
        sign_cc(t, get_extended(t, i->r1), f);
        return;
    }
    IrVal v = s390_host_sign(t, f, operand(t, f), how);
    set_format(t, i->r1, f, v);
    sign_cc(t, v, f);
}

/* ---- conversions: from << 2 | to ---- */
/* A normal number only changes its bias and moves. */
static void widen_to_extended(S390Trans *t, const S390Insn *i, unsigned from, IrVal v)
{
    IrBuilder *b = t->b;
    unsigned width = from == LONG ? 64 : 32, bias = from == LONG ? 1023 : 127;
    IrVal m = ir_andi(b, v, (1ull << (width - 1)) - 1);
    IrVal sign = ir_shli(b, ir_shri(b, v, width - 1), 63);
    IrVal high = from == LONG ? ir_shri(b, m, 4) : ir_shli(b, m, 25);

    IrVal left = ir_or(b, sign, ir_addi(b, high, (uint64_t)(16383 - bias) << 48));
    IrVal fast = ir_vfromi(b, IR_V128, from == LONG ? ir_shli(b, v, 60) : ir_c64(b, 0));
    fast = ir_vsetlane(b, V64, fast, left, 1);
    set_extended(t, i->r1,
                 s390_host_or_call(t, from, v, false, fast, &hd_s390_bfp_to_ext,
                                   (const IrVal[6]){ v, ir_c64(b, from) }));
}

void s390_tr_bfp_widen(S390Trans *t, const S390Insn *i)
{
    unsigned from = i->arg >> 2, to = i->arg & 3;

    if (to == EXTENDED && bad_pair(t, i->r1)) {
        return;
    }
    IrVal v = operand(t, from);
    if (!(t->mode & MODE_FP)) {
        set_format(t, i->r1, to,
                   to == EXTENDED ? ir_call(t->b, &hd_s390_bfp_to_ext, v, ir_c64(t->b, from))
                                  : ir_call(t->b, &hd_s390_bfp_short_to_long, v));
    } else if (to == EXTENDED) {
        widen_to_extended(t, i, from, v);
    } else {
        set_fpr(t, i->r1,
                s390_host_number_or_call(t, SHORT, v, s390_host_widen(t, v),
                                         &hd_s390_bfp_short_to_long, (const IrVal[6]){ v }));
    }
}

/* The mode of the FPC, which is nearest under MODE_FP, or nearest by name. */
static bool nearest(const S390Insn *i)
{
    return i->m3 == 0 || i->m3 == 4;
}

static bool rounding_exists(const S390Insn *i)
{
    return i->m3 < 8 && i->m3 != 2;
}

void s390_tr_bfp_narrow(S390Trans *t, const S390Insn *i)
{
    unsigned from = i->arg >> 2, to = i->arg & 3;
    IrVal m = modes(t);

    if (from == EXTENDED) {
        if (!pairs_ok(t, EXTENDED, i->r1, i->r2)) {
            return;
        }
        IrVal format = ir_c64(t->b, to);
        if (host_extended(t, from) && nearest(i)) {
            set_format(t, i->r1, to, ir_call(t->b, &hd_s390_ext_narrow, PAIR(i->r2), format));
        } else {
            IrVal v = get_extended(t, i->r2);
            set_format(t, i->r1, to, ir_call(t->b, &hd_s390_bfp_from_ext, v, format, m));
        }
        return;
    }
    IrVal v = fpr(t, i->r2);
    if (s390_host_fp(t, LONG) && nearest(i)) {
        IrVal r = s390_host_narrow(t, v);
        set_short(t, i->r1,
                  s390_host_or_call(t, SHORT, r, false, r, &hd_s390_bfp_long_to_short,
                                    (const IrVal[6]){ v, m }));
        return;
    }
    set_short(t, i->r1, ir_call(t->b, &hd_s390_bfp_long_to_short, v, m));
}

void s390_tr_bfp_fi(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg;
    IrVal m = modes(t);

    if (!pairs_ok(t, f, i->r1, i->r2)) {
        return;
    }
    if (host_extended(t, f) && rounding_exists(i)) {
        ir_call(t->b, &hd_s390_ext_to_integral, PAIR(i->r1), PAIR(i->r2), ir_c64(t->b, i->m3));
        return;
    }
    IrVal v = operand(t, f);
    if (s390_host_fp(t, f) && s390_host_rounds(i->m3)) {
        IrVal r = s390_host_round(t, f, v, i->m3);
        set_format(t, i->r1, f,
                   s390_host_number_or_call(t, f, v, r, &hd_s390_bfp_fi,
                                            (const IrVal[6]){ v, ir_c64(t->b, f), m }));
        return;
    }
    set_format(t, i->r1, f,
               f == EXTENDED ? ir_call(t->b, &hd_s390_bfp_fi_ext, v, m)
                             : ir_call(t->b, &hd_s390_bfp_fi, v, ir_c64(t->b, f), m));
}

/* An integer is exact in the extended format. */
static void integer_to_extended(S390Trans *t, unsigned r1, IrVal v, bool is_signed)
{
    IrBuilder *b = t->b;
    IrVal zero = ir_c64(b, 0), minus = is_signed ? ir_sari(b, v, 63) : zero;
    IrVal m = is_signed ? ir_sub(b, ir_xor(b, v, minus), minus) : v, lz = ir_clz(b, m);
    IrVal fraction = ir_shli(b, ir_shl(b, m, lz), 1); /* behind the leading one */
    IrVal exp = ir_sub(b, ir_c64(b, 16383 + 63), lz);
    IrVal left = ir_or(b, ir_shli(b, exp, 48), ir_shri(b, fraction, 16));

    left = is_signed ? ir_or(b, left, ir_andi(b, v, 1ull << 63)) : left;
    set_fpr(t, r1, ir_movcond(b, IR_EQ, m, zero, zero, left));
    set_fpr(t, r1 + 2, ir_shli(b, fraction, 48));
}

/* From an integer; bit 2 of arg: unsigned. */
void s390_tr_bfp_from(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3;
    IrVal v = s390_reg(t, i->r2), m = modes(t);

    if (!pairs_ok(t, f, i->r1, 0)) {
        return;
    }
    bool small = ir_type(t->b, v) == IR_I32; /* its long form is exact, whatever the mode */
    v = i->arg & 4 ? s390_zext64(t, v) : s390_sext64(t, v);
    if (f == EXTENDED) {
        integer_to_extended(t, i->r1, v, !(i->arg & 4));
        return;
    }
    bool exact = small && f == LONG && rounding_exists(i);
    if ((small || !(i->arg & 4)) && (exact || (s390_host_fp(t, f) && nearest(i)))) {
        set_format(t, i->r1, f, s390_host_from_int(t, f, v));
        return;
    }
    set_format(t, i->r1, f, ir_call(t->b, &hd_s390_bfp_from_int, v, ir_c64(t->b, i->arg), m));
}

/* Magnitudes far below the greatest integer are converted on the host. */
static void host_to(S390Trans *t, const S390Insn *i, unsigned f, IrVal v, IrVal h)
{
    const IrVal args[6] = { v, h };
    unsigned limit = s390_is_w(t) ? 30 : 62;
    IrVal fast = s390_host_to_int(t, f, v, i->m3 == 5);
    IrVal r = s390_host_below_or_call(t, f, v, limit, fast, &hd_s390_bfp_to_int, args);
    IrVal cc = s390_host_below_or_call(t, f, v, limit, s390_host_sign_cc(t, f, v),
                                       &hd_s390_bfp_to_int_cc, args);

    s390_set_reg(t, i->r1, s390_is_w(t) ? ir_trunc32(t->b, r) : r);
    s390_cc_from(t, cc);
}

static void host_ext_to(S390Trans *t, const S390Insn *i)
{
    uint64_t how = i->m3 | (s390_is_w(t) ? 0x10 : 0) | (i->arg & 4 ? 0x20 : 0);

    s390_cc_from(t, ir_call(t->b, &hd_s390_ext_to_int, SLOT_GPR + i->r1, PAIR(i->r2),
                            ir_c64(t->b, how)));
}

/* To an integer; the helper gives the value, then the code. */
void s390_tr_bfp_to(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3;
    uint64_t how =
        i->arg | (s390_is_w(t) ? 8 : 0) | i->m3 << 8 | i->m4 << 12 | (uint64_t)i->r1 << 16;

    if (!pairs_ok(t, f, i->r2, 0)) {
        return;
    }
    if (host_extended(t, f) && rounding_exists(i)) {
        host_ext_to(t, i);
        return;
    }
    IrVal v = get_format(t, i->r2, f), h = ir_c64(t->b, how), r, cc;
    if (s390_host_fp(t, f) && !(i->arg & 4) && (nearest(i) || i->m3 == 5)) {
        host_to(t, i, f, v, h);
        return;
    }
    if (f == EXTENDED) {
        r = ir_call(t->b, &hd_s390_bfp_to_int_ext, v, h);
        cc = ir_call(t->b, &hd_s390_bfp_to_int_cc_ext, v, h);
    } else {
        r = ir_call(t->b, &hd_s390_bfp_to_int, v, h);
        cc = ir_call(t->b, &hd_s390_bfp_to_int_cc, v, h);
    }
    s390_set_reg(t, i->r1, s390_is_w(t) ? ir_trunc32(t->b, r) : r);
    s390_cc_from(t, cc);
}

/* r1 := r3 * second +- r1 */
void s390_tr_bfp_fma(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg & 3;
    IrVal b = operand(t, f), c = get_format(t, i->r1, f), a = get_format(t, i->r3, f);

    if (s390_host_fp(t, f)) {
        IrVal r = s390_host_fma(t, f, i->arg >> 2 & 1, a, b, c);
        set_format(t, i->r1, f,
                   s390_host_or_call(t, f, r, false, r, &hd_s390_bfp_fma,
                                     (const IrVal[6]){ a, b, c, with_r1(t, i->arg) }));
        return;
    }
    set_format(t, i->r1, f, ir_call(t->b, &hd_s390_bfp_fma, a, b, c, with_r1(t, i->arg)));
}

void s390_tr_bfp_tc(S390Trans *t, const S390Insn *i)
{
    unsigned f = i->arg;

    if (pairs_ok(t, f, i->r1, 0)) {
        IrVal mask = s390_addr2(t);
        s390_cc_from(t, f == EXTENDED ? ir_call(t->b, &hd_s390_bfp_tc_ext, fpr(t, i->r1),
                                                fpr(t, i->r1 + 2), mask)
                                      : ir_call(t->b, &hd_s390_bfp_tc, get_format(t, i->r1, f),
                                                mask, ir_c64(t->b, f)));
    }
}

/* ---- hexadecimal floating point: all by one helper ---- */
static IrVal hfp(S390Trans *t, const S390Insn *i)
{
    uint64_t fields = i->r1 | i->r2 << 4 | i->r3 << 8 | i->m3 << 12 | (i->src == SRC_M) << 16;

    return ir_call(t->b, &hd_s390_hfp, ir_c64(t->b, i->arg), ir_c64(t->b, fields), s390_addr2(t),
                   s390_mmu(t));
}

void s390_tr_hfp(S390Trans *t, const S390Insn *i)
{
    hfp(t, i);
}

void s390_tr_hfp_cc(S390Trans *t, const S390Insn *i)
{
    s390_cc_from(t, hfp(t, i));
}

/* ---- decimal floating point: all by one helper ---- */
static IrVal dfp(S390Trans *t, const S390Insn *i)
{
    uint64_t fields = i->r1 | i->r2 << 4 | i->r3 << 8 | i->m3 << 12 | i->m4 << 16 | i->l2 << 20;

    return ir_call(t->b, &hd_s390_dfp, ir_c64(t->b, i->arg), ir_c64(t->b, fields), s390_addr2(t),
                   s390_mmu(t));
}

void s390_tr_dfp(S390Trans *t, const S390Insn *i)
{
    dfp(t, i);
}

void s390_tr_dfp_cc(S390Trans *t, const S390Insn *i)
{
    s390_cc_from(t, dfp(t, i));
}
