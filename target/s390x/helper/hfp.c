/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hexadecimal floating-point instructions on softhfp.h: one function an operation, the operands by register
 * number, the second perhaps in storage. Overflow always interrupts, underflow and significance if the program
 * mask says so; all three after the result, with its characteristic modulo 128, and the condition code are
 * stored. An operation whose result has another format than its operands is listed with that of the operands.
 */
#include "target/s390x/helper/fpr.h"
#include "target/s390x/softfp.h"
#include "target/s390x/softhfp.h"

typedef struct Hfp {
    S390Cpu *cpu;
    HfpFormat f;
    unsigned r1, r2, r3, m3;
    bool storage; /* the second operand is at addr */
    uint64_t addr;
    unsigned mmu;
} Hfp;

/* ---- registers ---- */
static HfpNum get(Hfp *h, HfpFormat f, unsigned r)
{
    fpr_check_pair(h->cpu, f, r);
    return hfp_unpack(f, fpr_get(h->cpu, f, r));
}

static HfpNum second(Hfp *h)
{
    CpuState *cs = &h->cpu->base;

    if (!h->storage) {
        return get(h, h->f, h->r2);
    }
    return hfp_unpack(h->f, h->f == HFP_SHORT ? cpu_ld32be(cs, h->addr, h->mmu)
                                              : cpu_ld64be(cs, h->addr, h->mmu));
}

static void put_bits(Hfp *h, HfpFormat f, HfpBits v)
{
    fpr_check_pair(h->cpu, f, h->r1);
    fpr_put(h->cpu, f, h->r1, v);
}

static unsigned sign_cc(HfpNum n)
{
    return !n.frac ? 0 : n.sign ? 1 : 2;
}

/* ---- results ---- */
static bool masked_on(const Hfp *h, unsigned bit)
{
    return h->cpu->psw_mask >> PSW_PM_SHIFT & bit;
}

#define PM_UNDERFLOW    2u
#define PM_SIGNIFICANCE 1u

/* Store n and the code; pgm: the interruption that goes with it, or 0. */
static unsigned deliver(Hfp *h, HfpFormat f, HfpNum n, bool sets_cc, unsigned pgm)
{
    unsigned cc = sign_cc(n);

    put_bits(h, f, hfp_pack(f, n));
    if (pgm) {
        if (sets_cc) {
            h->cpu->cc_op = CC_CONST0 + cc;
        }
        s390_program(h->cpu, pgm);
    }
    return cc;
}

static unsigned result(Hfp *h, HfpFormat f, HfpNum n, bool sets_cc)
{
    if (n.frac && n.exp > 127) {
        return deliver(h, f, n, sets_cc, PGM_HFP_OVERFLOW);
    }
    if (n.frac && n.exp < 0 && masked_on(h, PM_UNDERFLOW)) {
        return deliver(h, f, n, sets_cc, PGM_HFP_UNDERFLOW);
    }
    return deliver(h, f, !n.frac || n.exp < 0 ? (HfpNum){ 0 } : n, sets_cc, 0);
}

/* The result of an addition: a zero may be significant. */
static unsigned sum(Hfp *h, HfpNum b, bool normalize)
{
    HfpNum n = hfp_add(h->f, get(h, h->f, h->r1), b, normalize);

    if (!n.frac && masked_on(h, PM_SIGNIFICANCE)) {
        n.exp += 128; /* no true zero, even with a characteristic of 0 */
        return deliver(h, h->f, n, true, PGM_HFP_SIGNIFICANCE);
    }
    return result(h, h->f, n, true);
}

static HfpNum minus(HfpNum n)
{
    n.sign = !n.sign;
    return n;
}

/* ---- arithmetic ---- */
static unsigned op_add(Hfp *h)
{
    return sum(h, second(h), true);
}

static unsigned op_sub(Hfp *h)
{
    return sum(h, minus(second(h)), true);
}

static unsigned op_add_unnormalized(Hfp *h)
{
    return sum(h, second(h), false);
}

static unsigned op_sub_unnormalized(Hfp *h)
{
    return sum(h, minus(second(h)), false);
}

static unsigned op_compare(Hfp *h)
{
    return sign_cc(hfp_add(h->f, get(h, h->f, h->r1), minus(second(h)), true));
}

static unsigned op_mul(Hfp *h)
{
    HfpNum n = hfp_mul(h->f, get(h, h->f, h->r1), second(h));

    return result(h, h->f, hfp_resize(h->f, hfp_wider(h->f), n), false);
}

static unsigned op_mul_wider(Hfp *h)
{
    fpr_check_pair(h->cpu, hfp_wider(h->f), h->r1);
    return result(h, hfp_wider(h->f), hfp_mul(h->f, get(h, h->f, h->r1), second(h)), false);
}

/* The product is exact, and added to in the wider format. */
static unsigned multiply_and(Hfp *h, bool subtract)
{
    HfpFormat wider = hfp_wider(h->f);
    HfpNum product = hfp_mul(h->f, get(h, h->f, h->r3), second(h));
    HfpNum other = hfp_resize(wider, h->f, get(h, h->f, h->r1));
    HfpNum n = product.frac ? hfp_add(wider, product, subtract ? minus(other) : other, true)
                            : hfp_normalize(wider, subtract ? minus(other) : other);

    return result(h, h->f, hfp_resize(h->f, wider, n), false);
}

static unsigned op_mul_add(Hfp *h)
{
    return multiply_and(h, false);
}

static unsigned op_mul_sub(Hfp *h)
{
    return multiply_and(h, true);
}

static unsigned op_div(Hfp *h)
{
    HfpNum b = second(h), a = get(h, h->f, h->r1);

    if (!b.frac) {
        s390_program(h->cpu, PGM_HFP_DIVIDE);
    }
    return result(h, h->f, hfp_div(h->f, a, b), false);
}

static unsigned op_halve(Hfp *h)
{
    return result(h, h->f, hfp_halve(h->f, second(h)), false);
}

static unsigned op_sqrt(Hfp *h)
{
    HfpNum b = second(h);

    if (b.sign && b.frac) {
        s390_program(h->cpu, PGM_HFP_SQUARE_ROOT);
    }
    return result(h, h->f, hfp_sqrt(h->f, b), false);
}

/* ---- loads: a short or long number is copied as it is; a zero of the extended format becomes a true one ---- */
static unsigned signed_load(Hfp *h, HfpNum n)
{
    n.exp = h->f == HFP_EXTENDED && !n.frac ? 0 : n.exp;
    return deliver(h, h->f, n, false, 0);
}

static unsigned op_load_test(Hfp *h)
{
    return signed_load(h, second(h));
}

static unsigned op_load_positive(Hfp *h)
{
    HfpNum n = second(h);

    n.sign = false;
    return signed_load(h, n);
}

static unsigned op_load_negative(Hfp *h)
{
    HfpNum n = second(h);

    n.sign = true;
    return signed_load(h, n);
}

static unsigned op_load_complement(Hfp *h)
{
    return signed_load(h, minus(second(h)));
}

/* To the extended format. */
static unsigned op_lengthen(Hfp *h)
{
    HfpNum n = hfp_resize(HFP_EXTENDED, h->f, second(h));

    h->f = HFP_EXTENDED;
    return signed_load(h, n);
}

static unsigned round_to(Hfp *h, HfpFormat to)
{
    HfpNum n = hfp_round(to, h->f, second(h));

    return deliver(h, to, n, false, n.exp > 127 ? PGM_HFP_OVERFLOW : 0);
}

static unsigned op_round(Hfp *h)
{
    return round_to(h, (HfpFormat)(h->f - 1));
}

static unsigned op_round_short(Hfp *h)
{
    return round_to(h, HFP_SHORT);
}

static unsigned op_to_integral(Hfp *h)
{
    return result(h, h->f, hfp_to_integral(h->f, second(h)), false);
}

/* ---- integers ---- */
static unsigned op_from_32(Hfp *h)
{
    return result(h, h->f, hfp_from_int(h->f, (int32_t)h->cpu->gpr[h->r2]), false);
}

static unsigned op_from_64(Hfp *h)
{
    return result(h, h->f, hfp_from_int(h->f, (int64_t)h->cpu->gpr[h->r2]), false);
}

/* A rounding field as binary floating point has its modes. */
static FpRound rounding(Hfp *h)
{
    static const uint8_t of[] = { FP_ZERO, FP_AWAY, 0, 0, FP_NEAREST, FP_ZERO, FP_UP, FP_DOWN };

    if (h->m3 > 7 || h->m3 == 2 || h->m3 == 3) {
        s390_program(h->cpu, PGM_SPECIFICATION);
    }
    return (FpRound)of[h->m3];
}

static bool counts_up(FpRound rm, bool sign, HfpInt n)
{
    const HfpBits tie = (HfpBits)1 << 127;

    switch (rm) {
    case FP_AWAY: return n.rest >= tie;
    case FP_NEAREST: return n.rest > tie || (n.rest == tie && (n.whole & 1));
    case FP_UP: return n.rest && !sign;
    case FP_DOWN: return n.rest && sign;
    default: return false;
    }
}

/* Saturated, with condition code 3. */
static unsigned to_int(Hfp *h, unsigned bits)
{
    FpRound rm = rounding(h);
    HfpNum a = second(h);
    HfpInt n = hfp_to_int(h->f, a);
    HfpBits limit = ((HfpBits)1 << (bits - 1)) - !a.sign;
    unsigned cc = sign_cc(a);
    uint64_t *r = &h->cpu->gpr[h->r1], v;

    if (n.whole <= limit) {
        n.whole += counts_up(rm, a.sign, n);
    }
    if (n.whole > limit) {
        n.whole = limit;
        cc = 3;
    }
    v = a.sign ? -(uint64_t)n.whole : (uint64_t)n.whole;
    *r = bits == 64 ? v : (*r & ~0xffffffffull) | (uint32_t)v;
    return cc;
}

static unsigned op_to_32(Hfp *h)
{
    return to_int(h, 32);
}

static unsigned op_to_64(Hfp *h)
{
    return to_int(h, 64);
}

/* ---- binary floating point ---- */

/* Both sources give long numbers, exactly. What is too great is the greatest number, code 3, as a NaN is;
 * what is too small, a zero. */
static unsigned op_from_binary(Hfp *h)
{
    FpFormat from = h->f == HFP_SHORT ? FP_SHORT : FP_LONG;
    uint64_t bits = *s390_fpr(h->cpu, h->r2) >> (from == FP_SHORT ? 32 : 0);
    FpClass class = fp_class(from, bits);
    HfpNum n = { .sign = fp_sign(from, bits) };
    unsigned cc = class == FP_IS_ZERO ? 0 : n.sign ? 1 : 2;
    int exp = 0;

    if (class == FP_IS_NORMAL || class == FP_IS_SUBNORMAL) {
        FpBits mant =
            fp_parts(from, bits, &exp); /* mant * 2^(exp - 127), the first bit of 128 one */
        unsigned down = (unsigned)-(exp + 1) & 3; /* so that the rest is a power of 16 */
        n.frac = mant >> 72 >> down;
        n.exp = 64 + (exp + 1 + (int)down) / 4;
    }
    if (n.exp > 127 || class >= FP_IS_INF) {
        bool minus = n.sign && class <= FP_IS_INF; /* a NaN is positive */
        n = (HfpNum){ .sign = minus, .exp = 127, .frac = ((HfpBits)1 << 56) - 1 };
        cc = 3;
    } else if (n.exp < 0) {
        n = (HfpNum){ .sign = n.sign };
    }
    deliver(h, HFP_LONG, n, false, 0);
    return cc;
}

/* From a long number; the format is the result's. */
static unsigned op_to_binary(Hfp *h)
{
    FpFormat to = h->f == HFP_SHORT ? FP_SHORT : FP_LONG;
    FpEnv e = { .rm = rounding(h) };
    HfpNum a = get(h, HFP_LONG, h->r2);

    put_bits(h, h->f, fp_from_parts(&e, to, a.sign, 4 * (a.exp - 64) - 56, a.frac));
    return e.flags & FP_OVERFLOW ? 3 : sign_cc(a);
}

/* By number, as the arguments of insns/hfp.insn have it. */
static unsigned (*const ops[])(Hfp *) = {
    op_add,
    op_sub,
    op_add_unnormalized,
    op_sub_unnormalized,
    op_compare,
    op_mul,
    op_mul_wider,
    op_mul_add,
    op_mul_sub,
    op_div,
    op_halve,
    op_sqrt,
    op_load_test,
    op_load_positive,
    op_load_negative,
    op_load_complement,
    op_lengthen,
    op_round,
    op_round_short,
    op_to_integral,
    op_from_32,
    op_from_64,
    op_to_32,
    op_to_64,
    op_from_binary,
    op_to_binary,
};

/* op: operation << 2 | format; fields: r1, r2, r3, m3 from bit 0, bit 16: the second operand is in storage */
uint64_t helper_s390_hfp(CpuState *cs, uint64_t op, uint64_t fields, uint64_t addr, uint64_t mmu)
{
    Hfp h = { .cpu = s390_cpu(cs),
              .f = (HfpFormat)(op & 3),
              .r1 = fields & 15,
              .r2 = fields >> 4 & 15,
              .r3 = fields >> 8 & 15,
              .m3 = fields >> 12 & 15,
              .storage = fields >> 16 & 1,
              .addr = addr,
              .mmu = mmu };

    return ops[op >> 2](&h);
}
