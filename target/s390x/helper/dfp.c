/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal floating-point instructions on softdfp.h: one function an operation, all operands by register
 * number. An enabled exception that completes its instruction stores the result first, as in fp.c.
 */
#include "target/s390x/helper/fpr.h"
#include "target/s390x/softdfp.h"

#define DXC_DECIMAL 0

typedef struct Dfp {
    S390Cpu *cpu;
    DfpFormat f;
    unsigned r1, r2, r3, m3, m4, l2;
    uint64_t addr; /* of the second operand, or the number that it is */
    unsigned mmu;
    DfpEnv e;
} Dfp;

/* ---- registers ---- */
static DfpBits get(Dfp *d, DfpFormat f, unsigned r)
{
    fpr_check_pair(d->cpu, f, r);
    return fpr_get(d->cpu, f, r);
}

static void put(Dfp *d, DfpFormat f, unsigned r, DfpBits v)
{
    fpr_put(d->cpu, f, r, v);
}

static void put_gpr32(S390Cpu *cpu, unsigned r, uint32_t v)
{
    cpu->gpr[r] = (cpu->gpr[r] & ~0xffffffffull) | v;
}

/* ---- rounding and exceptions ---- */

/* An instruction's rounding field; 0: the FPC's decimal mode. */
static void use_rounding(Dfp *d, unsigned m)
{
    static const uint8_t of[] = { 0, DFP_NEAREST_AWAY, 0xff, DFP_SHORTER, 0, 1, 2, 3 };

    if (m == 2) {
        s390_program(d->cpu, PGM_SPECIFICATION);
    }
    d->e.rm = (DfpRound)(m == 0 ? d->cpu->fpc >> 4 & 7 : m < 8 ? of[m] : m - 8);
}

/* Nothing may be stored yet. */
static void check_suppressing(Dfp *d)
{
    unsigned trap = d->e.flags & (d->cpu->fpc >> 24) & (DFP_INVALID | DFP_DIVZERO);

    if (trap) {
        s390_data_exception(d->cpu, trap);
    }
}

/* The result and code are stored: flags, or the exception that completes. */
static unsigned done(Dfp *d, unsigned cc, bool sets_cc)
{
    unsigned flags = d->e.flags, enabled = flags & (d->cpu->fpc >> 24);
    unsigned inexact = !(flags & DFP_INEXACT) ? 0 : d->e.up ? 0x0c : 0x08;

    if (!enabled) {
        d->cpu->fpc |= flags << 16;
        return cc;
    }
    if (sets_cc) {
        d->cpu->cc_op = CC_CONST0 + cc;
    }
    if (enabled & (DFP_OVERFLOW | DFP_UNDERFLOW)) {
        s390_data_exception(d->cpu, (enabled & (DFP_OVERFLOW | DFP_UNDERFLOW)) | inexact);
    }
    d->cpu->fpc |= (flags & ~(enabled | DFP_INEXACT)) << 16;
    s390_data_exception(d->cpu, enabled & DFP_INEXACT ? inexact : DFP_QUANTUM);
}

static unsigned sign_cc(DfpFormat f, DfpBits v)
{
    DfpNum n = dfp_unpack(f, v);

    return n.kind >= DFP_IS_QNAN ? 3 : n.kind == DFP_IS_FINITE && !n.coef ? 0 : n.sign ? 1 : 2;
}

static unsigned result(Dfp *d, DfpFormat f, DfpBits v, bool sets_cc)
{
    fpr_check_pair(d->cpu, f, d->r1);
    check_suppressing(d);
    put(d, f, d->r1, v);
    return done(d, sets_cc ? sign_cc(f, v) : 0, sets_cc);
}

static void no_inexact(Dfp *d)
{
    if (d->m4 & 4) {
        d->e.flags &= ~DFP_INEXACT;
    }
}

/* ---- arithmetic and comparison ---- */
static unsigned op_add(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_add(&d->e, d->f, get(d, d->f, d->r2), get(d, d->f, d->r3), false),
                  true);
}

static unsigned op_sub(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_add(&d->e, d->f, get(d, d->f, d->r2), get(d, d->f, d->r3), true),
                  true);
}

static unsigned op_mul(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_mul(&d->e, d->f, get(d, d->f, d->r2), get(d, d->f, d->r3)), false);
}

static unsigned op_div(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_div(&d->e, d->f, get(d, d->f, d->r2), get(d, d->f, d->r3)), false);
}

static unsigned compare(Dfp *d, bool signal)
{
    unsigned cc = dfp_compare(&d->e, d->f, get(d, d->f, d->r1), get(d, d->f, d->r2), signal);

    check_suppressing(d);
    return done(d, cc, true);
}

static unsigned op_compare(Dfp *d)
{
    return compare(d, false);
}

static unsigned op_compare_signal(Dfp *d)
{
    return compare(d, true);
}

static unsigned op_compare_exponent(Dfp *d)
{
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r1)), y = dfp_unpack(d->f, get(d, d->f, d->r2));
    bool xn = x.kind >= DFP_IS_QNAN, yn = y.kind >= DFP_IS_QNAN;

    if (x.kind != DFP_IS_FINITE || y.kind != DFP_IS_FINITE) {
        return (xn && yn) || (x.kind == DFP_IS_INF && y.kind == DFP_IS_INF) ? 0 : 3;
    }
    return x.exp == y.exp ? 0 : x.exp < y.exp ? 1 : 2;
}

/* ---- binary integers ---- */
static unsigned from_int(Dfp *d, bool sign, uint64_t magnitude)
{
    use_rounding(d, d->m3);
    DfpBits v = dfp_from_parts(&d->e, d->f, sign, magnitude, 0);
    no_inexact(d);
    return result(d, d->f, v, false);
}

static unsigned op_from_s64(Dfp *d)
{
    int64_t v = d->cpu->gpr[d->r2];
    return from_int(d, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static unsigned op_from_s32(Dfp *d)
{
    int64_t v = (int32_t)d->cpu->gpr[d->r2];
    return from_int(d, v < 0, v < 0 ? -v : v);
}

static unsigned op_from_u64(Dfp *d)
{
    return from_int(d, false, d->cpu->gpr[d->r2]);
}

static unsigned op_from_u32(Dfp *d)
{
    return from_int(d, false, (uint32_t)d->cpu->gpr[d->r2]);
}

static unsigned to_int(Dfp *d, unsigned bits, bool is_signed)
{
    DfpBits x = get(d, d->f, d->r2);
    DfpNum n = dfp_unpack(d->f, x);

    use_rounding(d, d->m3);
    uint64_t v = dfp_to_int(&d->e, d->f, x, bits, is_signed);
    unsigned cc = d->e.flags & DFP_INVALID || n.kind != DFP_IS_FINITE ? 3
                  : !n.coef                                           ? 0
                  : n.sign                                            ? 1
                                                                      : 2;
    no_inexact(d);
    check_suppressing(d);
    if (bits == 64) {
        d->cpu->gpr[d->r1] = v;
    } else {
        put_gpr32(d->cpu, d->r1, v);
    }
    return done(d, cc, true);
}

static unsigned op_to_s64(Dfp *d)
{
    return to_int(d, 64, true);
}

static unsigned op_to_s32(Dfp *d)
{
    return to_int(d, 32, true);
}

static unsigned op_to_u64(Dfp *d)
{
    return to_int(d, 64, false);
}

static unsigned op_to_u32(Dfp *d)
{
    return to_int(d, 32, false);
}

/* ---- packed decimal in general registers ---- */
static void check_even(Dfp *d, unsigned r)
{
    if (d->f == DFP_EXTENDED && (r & 1)) {
        s390_program(d->cpu, PGM_SPECIFICATION);
    }
}

static void put_packed(Dfp *d, DfpBits v)
{
    check_even(d, d->r1);
    if (d->f == DFP_EXTENDED) {
        d->cpu->gpr[d->r1] = v >> 64;
        d->cpu->gpr[d->r1 + 1] = v;
    } else {
        d->cpu->gpr[d->r1] = v;
    }
}

static DfpBits digits_to_bcd(DfpBits coef, unsigned n)
{
    DfpBits v = 0;

    for (unsigned k = 0; k < n; k++) {
        v |= (coef % 10) << 4 * k;
        coef /= 10;
    }
    return v;
}

/* The right digits; a bad one is a data exception. */
static DfpBits bcd_to_digits(Dfp *d, DfpBits v, unsigned n)
{
    DfpBits coef = 0;

    for (unsigned k = n; k-- > 0;) {
        unsigned digit = (unsigned)(v >> 4 * k) & 15;
        if (digit > 9) {
            s390_data_exception(d->cpu, DXC_DECIMAL);
        }
        coef = coef * 10 + digit;
    }
    return coef;
}

static unsigned op_to_unsigned_packed(Dfp *d)
{
    put_packed(d, digits_to_bcd(dfp_unpack(d->f, get(d, d->f, d->r2)).coef,
                                d->f == DFP_EXTENDED ? 32 : 16));
    return 0;
}

static unsigned op_to_signed_packed(Dfp *d)
{
    DfpNum n = dfp_unpack(d->f, get(d, d->f, d->r2));
    unsigned plus = d->m4 & 1 ? 0xf : 0xc;

    put_packed(d,
               digits_to_bcd(n.coef, d->f == DFP_EXTENDED ? 31 : 15) << 4 | (n.sign ? 0xd : plus));
    return 0;
}

static DfpBits get_packed(Dfp *d)
{
    check_even(d, d->r2);
    return d->f == DFP_EXTENDED ? (DfpBits)d->cpu->gpr[d->r2] << 64 | d->cpu->gpr[(d->r2 + 1) & 15]
                                : d->cpu->gpr[d->r2];
}

static unsigned op_from_unsigned_packed(Dfp *d)
{
    DfpNum n = { .coef = bcd_to_digits(d, get_packed(d), d->f == DFP_EXTENDED ? 32 : 16) };

    return result(d, d->f, dfp_pack(d->f, n), false);
}

static unsigned op_from_signed_packed(Dfp *d)
{
    DfpBits v = get_packed(d);
    unsigned sign = v & 15;
    DfpNum n = { .coef = bcd_to_digits(d, v >> 4, d->f == DFP_EXTENDED ? 31 : 15),
                 .sign = sign == 11 || sign == 13 };

    if (sign < 10) {
        s390_data_exception(d->cpu, DXC_DECIMAL);
    }
    return result(d, d->f, dfp_pack(d->f, n), false);
}

/* ---- zoned decimal in storage; M3: signed 8; of results: zone 3 4, plus as F 2, zero is plus 1 ---- */
static unsigned op_from_zoned(Dfp *d)
{
    unsigned n = d->l2 + 1;
    uint8_t b[34];
    DfpNum x = { .kind = DFP_IS_FINITE };

    fpr_check_pair(d->cpu, d->f, d->r1);
    if (n > dfp_layout[d->f].digits) {
        s390_program(d->cpu, PGM_SPECIFICATION);
    }
    cpu_ld_bytes(&d->cpu->base, d->addr, b, n, d->mmu);
    for (unsigned k = 0; k < n; k++) {
        if ((b[k] & 15) > 9) {
            s390_data_exception(d->cpu, DXC_DECIMAL);
        }
        x.coef = x.coef * 10 + (b[k] & 15);
    }
    if (d->m3 & 8) {
        unsigned sign = b[n - 1] >> 4;
        if (sign < 10) {
            s390_data_exception(d->cpu, DXC_DECIMAL);
        }
        x.sign = sign == 11 || sign == 13;
    }
    return result(d, d->f, dfp_pack(d->f, x), false);
}

static unsigned op_to_zoned(Dfp *d)
{
    unsigned n = d->l2 + 1, zone = d->m3 & 4 ? 0x30 : 0xf0;
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r1));
    uint8_t b[34];

    if (n > dfp_layout[d->f].digits) {
        s390_program(d->cpu, PGM_SPECIFICATION);
    }
    DfpBits low = dfp_low_digits(x.coef, n), rest = low;
    for (unsigned k = n; k-- > 0; rest /= 10) {
        b[k] = zone | (unsigned)(rest % 10);
    }
    bool minus = x.sign && !((d->m3 & 1) && !low);
    if (d->m3 & 8) {
        b[n - 1] = (b[n - 1] & 15) | (minus ? 0xd0 : d->m3 & 2 ? 0xf0 : 0xc0);
    }
    cpu_st_bytes(&d->cpu->base, d->addr, b, n, d->mmu);
    return x.kind != DFP_IS_FINITE || low != x.coef ? 3 : !x.coef ? 0 : x.sign ? 1 : 2;
}

/* ---- packed decimal in storage; M3 as above, without zones ---- */

/* One digit or two more than the format has: they fill the leftmost byte. */
static unsigned packed_bytes(Dfp *d)
{
    unsigned n = d->l2 + 1;

    if (n > dfp_layout[d->f].digits / 2u + 1) {
        s390_program(d->cpu, PGM_SPECIFICATION);
    }
    return n;
}

static unsigned op_from_packed(Dfp *d)
{
    uint8_t b[18];
    DfpNum x = { .kind = DFP_IS_FINITE };

    fpr_check_pair(d->cpu, d->f, d->r1);
    unsigned n = packed_bytes(d), digits = 2 * n - (d->m3 & 8 ? 1 : 0);
    cpu_ld_bytes(&d->cpu->base, d->addr, b, n, d->mmu);
    for (unsigned k = 0; k < digits; k++) {
        unsigned digit = k & 1 ? b[k / 2] & 15 : b[k / 2] >> 4;
        if (digit > 9 || (digit && digits - k > dfp_layout[d->f].digits)) {
            s390_data_exception(d->cpu, DXC_DECIMAL);
        }
        x.coef = x.coef * 10 + digit;
    }
    if (d->m3 & 8) {
        unsigned sign = b[n - 1] & 15;
        if (sign < 10) {
            s390_data_exception(d->cpu, DXC_DECIMAL);
        }
        x.sign = sign == 11 || sign == 13;
    }
    return result(d, d->f, dfp_pack(d->f, x), false);
}

static unsigned op_to_packed(Dfp *d)
{
    bool with_sign = d->m3 & 8;
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r1));
    unsigned n = packed_bytes(d), digits = 2 * n - with_sign;
    uint8_t b[18];

    DfpBits low = dfp_low_digits(x.coef, digits), rest = low;
    bool minus = x.sign && !((d->m3 & 1) && !low);
    unsigned sign = minus ? 0xd : d->m3 & 2 ? 0xf : 0xc;
    for (unsigned k = n; k-- > 0;) {
        unsigned right = with_sign && k == n - 1 ? sign : (unsigned)(rest % 10);
        rest = with_sign && k == n - 1 ? rest : rest / 10;
        b[k] = (unsigned)(rest % 10) << 4 | right;
        rest /= 10;
    }
    cpu_st_bytes(&d->cpu->base, d->addr, b, n, d->mmu);
    return x.kind != DFP_IS_FINITE || low != x.coef ? 3 : !x.coef ? 0 : x.sign ? 1 : 2;
}

/* ---- exponents, significands ---- */
static unsigned op_extract_exponent(Dfp *d)
{
    static const int special[] = { [DFP_IS_INF] = -1, [DFP_IS_QNAN] = -2, [DFP_IS_SNAN] = -3 };
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r2));

    d->cpu->gpr[d->r1] =
        (int64_t)(x.kind == DFP_IS_FINITE ? x.exp + dfp_layout[d->f].bias : special[x.kind]);
    return 0;
}

static unsigned op_extract_significance(Dfp *d)
{
    static const int special[] = { [DFP_IS_INF] = -1, [DFP_IS_QNAN] = -2, [DFP_IS_SNAN] = -3 };
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r2));

    d->cpu->gpr[d->r1] =
        (int64_t)(x.kind == DFP_IS_FINITE ? (int)dfp_digits(x.coef) : special[x.kind]);
    return 0;
}

static unsigned op_insert_exponent(Dfp *d)
{
    int64_t b = d->cpu->gpr[d->r2];
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r3));

    x.kind = b >= 0 && b <= dfp_layout[d->f].max_exp ? DFP_IS_FINITE
             : b == -1                               ? DFP_IS_INF
             : b == -3                               ? DFP_IS_SNAN
                                                     : DFP_IS_QNAN;
    if (x.kind == DFP_IS_FINITE) {
        x.exp = (int)b - dfp_layout[d->f].bias;
    } else { /* the digit that the combination field has no room for goes */
        x.coef = dfp_low_digits(x.coef, dfp_layout[d->f].digits - 1);
    }
    return result(d, d->f, dfp_pack(d->f, x), false);
}

static unsigned shift(Dfp *d, bool left)
{
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r3));
    unsigned n = d->addr & 63, digits = dfp_layout[d->f].digits - (x.kind != DFP_IS_FINITE);

    if (n >= digits) {
        x.coef = 0;
    } else if (left) {
        x.coef = dfp_low_digits(x.coef, digits - n) * dfp_power10(n);
    } else {
        x.coef /= dfp_power10(n);
    }
    return result(d, d->f, dfp_pack(d->f, x), false);
}

static unsigned op_shift_left(Dfp *d)
{
    return shift(d, true);
}

static unsigned op_shift_right(Dfp *d)
{
    return shift(d, false);
}

/* ---- loads, rounding ---- */
static unsigned op_to_integral(Dfp *d)
{
    use_rounding(d, d->m3);
    DfpBits v = dfp_to_integral(&d->e, d->f, get(d, d->f, d->r2));
    no_inexact(d);
    return result(d, d->f, v, false);
}

static unsigned op_load_test(Dfp *d)
{
    DfpBits v = get(d, d->f, d->r2), quiet;

    quiet = dfp_propagate(&d->e, d->f, &v, 1, &quiet) ? quiet : dfp_pack(d->f, dfp_unpack(d->f, v));
    return result(d, d->f, quiet, true);
}

/* Format: the target's. M4 8: a signalling NaN stays one. */
static unsigned op_lengthen(Dfp *d)
{
    DfpFormat from = (DfpFormat)(d->f - 1);
    DfpBits x = get(d, from, d->r2), v = dfp_convert(&d->e, d->f, from, x);

    if ((d->m4 & 8) && (d->e.flags & DFP_INVALID)) {
        DfpNum n = dfp_unpack(d->f, v);
        n.kind = DFP_IS_SNAN;
        v = dfp_pack(d->f, n);
        d->e.flags = 0;
    }
    return result(d, d->f, v, false);
}

/* Format: the source's. */
static unsigned op_round(Dfp *d)
{
    DfpFormat to = (DfpFormat)(d->f - 1);

    fpr_check_pair(d->cpu, d->f, d->r1);
    use_rounding(d, d->m3);
    DfpBits v = dfp_convert(&d->e, to, d->f, get(d, d->f, d->r2));
    no_inexact(d);
    return result(d, d->e.wide ? d->f : to, v, false);
}

static unsigned op_quantize(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_quantize(&d->e, d->f, get(d, d->f, d->r3), get(d, d->f, d->r2)),
                  false);
}

static unsigned op_reround(Dfp *d)
{
    use_rounding(d, d->m4);
    return result(d, d->f, dfp_reround(&d->e, d->f, get(d, d->f, d->r3), d->cpu->gpr[d->r2] & 63),
                  false);
}

/* ---- tests: is the bit of the operand's class, plus or minus, in the mask? ---- */
static unsigned op_test_class(Dfp *d)
{
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r1));
    const DfpLayout *l = &dfp_layout[d->f];
    unsigned bit;

    if (x.kind != DFP_IS_FINITE) {
        bit = x.kind == DFP_IS_INF ? 0x20 : x.kind == DFP_IS_QNAN ? 0x08 : 0x02;
    } else if (!x.coef) {
        bit = 0x800;
    } else {
        bool subnormal = x.exp + (int)dfp_digits(x.coef) - 1 < l->digits - 1 - l->bias;
        bit = subnormal ? 0x200 : 0x080;
    }
    return (d->addr & (x.sign ? bit >> 1 : bit)) != 0;
}

static unsigned op_test_group(Dfp *d)
{
    DfpNum x = dfp_unpack(d->f, get(d, d->f, d->r1));
    const DfpLayout *l = &dfp_layout[d->f];
    bool extreme = x.exp == -l->bias || x.exp == l->max_exp - l->bias;
    unsigned bit = x.kind != DFP_IS_FINITE          ? 0x02
                   : !x.coef                        ? (extreme ? 0x200 : 0x800)
                   : extreme                        ? 0x080
                   : dfp_digits(x.coef) < l->digits ? 0x020
                                                    : 0x008;

    return (d->addr & (x.sign ? bit >> 1 : bit)) != 0;
}

/* By number, as the arguments of insns/dfp.insn have it. */
static unsigned (*const ops[])(Dfp *) = {
    op_add,
    op_sub,
    op_mul,
    op_div,
    op_compare,
    op_compare_signal,
    op_compare_exponent,
    op_from_s64,
    op_from_s32,
    op_from_u64,
    op_from_u32,
    op_to_s64,
    op_to_s32,
    op_to_u64,
    op_to_u32,
    op_to_unsigned_packed,
    op_to_signed_packed,
    op_from_unsigned_packed,
    op_from_signed_packed,
    op_extract_exponent,
    op_extract_significance,
    op_insert_exponent,
    op_to_integral,
    op_load_test,
    op_lengthen,
    op_round,
    op_quantize,
    op_reround,
    op_shift_left,
    op_shift_right,
    op_test_class,
    op_test_group,
    op_from_zoned,
    op_to_zoned,
    op_from_packed,
    op_to_packed,
};

/* op: operation << 2 | format; fields: r1, r2, r3, m3, m4 from bit 0, l2 from bit 20 */
uint64_t helper_s390_dfp(CpuState *cs, uint64_t op, uint64_t fields, uint64_t addr, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    Dfp d = { .cpu = cpu,
              .f = (DfpFormat)(op & 3),
              .r1 = fields & 15,
              .r2 = fields >> 4 & 15,
              .r3 = fields >> 8 & 15,
              .m3 = fields >> 12 & 15,
              .m4 = fields >> 16 & 15,
              .l2 = fields >> 20,
              .addr = addr,
              .mmu = mmu,
              .e = { .rm = (DfpRound)(cpu->fpc >> 4 & 7),
                     .traps = cpu->fpc >> 24 & (DFP_OVERFLOW | DFP_UNDERFLOW) } };

    return ops[op >> 2](&d);
}
