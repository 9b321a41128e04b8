/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended binary floating point in the case that fastfp.h describes: rounding to nearest, operands and result normal
 * numbers or zeros. In integers: the compiler's own functions ask for the rounding mode and raise the host's
 * flags at each call. Each function returns false where this is not the case; then it is for softfp.c, as is a result
 * of the least exponent. No flag but inexact belongs to what they give.
 *
 * Few branches depend on the numbers: signs, the order of operands and rounding are as good as random.
 */
#ifndef TARGET_S390X_HELPER_FASTEXT_H
#define TARGET_S390X_HELPER_FASTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "target/s390x/wide.h"

typedef unsigned __int128 FastExt;

enum {
    EXT_FRACTION = 112,
    EXT_BIAS = 0x3fff,
    EXT_TOP = 0x7fff,
    EXT_SPARE = 127 - EXT_FRACTION, /* places below a number whose leading one is bit 127 */
};

/* One call an instruction, and that is all of it. */
#define EXT_INLINE inline __attribute__((always_inline))

#define EXT_SIGN ((FastExt)1 << 127)
#define EXT_ONE  ((FastExt)1 << EXT_FRACTION) /* the leading one */
#define EXT_INF  ((FastExt)EXT_TOP << EXT_FRACTION)

static inline unsigned ext_exp(FastExt v)
{
    return (uint64_t)(v >> 64) >> 48 & EXT_TOP;
}

static inline bool ext_normal(FastExt v)
{
    return ext_exp(v) - 1u < EXT_TOP - 1u;
}

static inline FastExt ext_mant(FastExt v) /* with its leading one, bit 112 */
{
    return (v & (EXT_ONE - 1)) | EXT_ONE;
}

static inline bool ext_zero(FastExt v)
{
    return !(v & ~EXT_SIGN);
}

/* sign: bit 127 alone; m: leading one in bit 127, what lies below it all ORed into bit 0. */
static inline bool ext_close(FastExt sign, int exp, FastExt m, FastExt *out)
{
    unsigned rest = (unsigned)m & ((1u << EXT_SPARE) - 1), half = 1u << (EXT_SPARE - 1);

    m >>= EXT_SPARE;
    m += (rest + half - 1 + ((unsigned)m & 1)) >> EXT_SPARE;
    /* the leading one counts the exponent up, as does a carry out of the fraction */
    *out = sign | (m + ((FastExt)(uint64_t)(unsigned)(exp - 1) << EXT_FRACTION));
    exp += (int)(m >> (EXT_FRACTION + 1));
    return exp > 1 && exp < EXT_TOP;
}

/* A result that is not rounded yet: hi:lo with its leading one in bit 112, `rest` the 64 places below, what is lower
 * still ORed into the last. exp: biased, at least 1. Bit 63 of `sign` counts. */
static EXT_INLINE bool ext_round(uint64_t sign, unsigned exp, uint64_t hi, uint64_t lo,
                                 uint64_t rest, FastExt *out)
{
    uint64_t sum;
    bool up = __builtin_add_overflow(rest, INT64_MAX + (lo & 1), &sum);
    FastExt m = ((FastExt)hi << 64 | lo) + up;

    /* the leading one counts the exponent up, as does a carry out of the fraction */
    hi = (uint64_t)(m >> 64) + ((uint64_t)(exp - 1) << 48);
    *out = (FastExt)(hi | (sign & 1ull << 63)) << 64 | (uint64_t)m;
    return hi < (uint64_t)EXT_TOP << 48;
}

/* One of them is a zero. */
static inline bool ext_add_zero(FastExt a, FastExt b, FastExt *out)
{
    if (ext_zero(a) && ext_zero(b)) {
        *out = a & b; /* minus only if both are */
        return true;
    }
    *out = ext_zero(a) ? b : a;
    return (ext_zero(a) || ext_zero(b)) && ext_normal(*out);
}

/* x - y, where much has gone: at most one bit is in `rest`, and nothing is rounded. */
static inline bool ext_add_cancelled(uint64_t sign, unsigned exp, FastExt m, uint64_t rest,
                                     FastExt *out)
{
    m = m << EXT_SPARE | rest >> (64 - EXT_SPARE);
    unsigned n = leading_zeros(m);
    if (!m) {
        *out = 0;
        return true;
    }
    *out = (FastExt)(sign & 1ull << 63) << 64 |
           ((m << n >> EXT_SPARE) + ((FastExt)(uint64_t)(exp - n - 1) << EXT_FRACTION));
    return exp > n;
}

static EXT_INLINE bool ext_add(FastExt a, FastExt b, FastExt *out)
{
    unsigned ea = ext_exp(a), eb = ext_exp(b), apart = ea - eb;

    if (ea < eb) {
        FastExt w = a;
        a = b, b = w;
        apart = -apart;
        eb = ea;
        ea = eb + apart;
    }
    if (!eb || ea == EXT_TOP) {
        return ext_add_zero(a, b, out);
    }
    FastExt x = ext_mant(a), y = ext_mant(b);
    uint64_t sign = (uint64_t)(a >> 64), other = (uint64_t)(b >> 64);
    uint64_t yh = (uint64_t)(y >> 64), yl = (uint64_t)y, rest;

    if (apart < 64) {
        rest = yl << 1 << (63 - apart);
        yl = yl >> apart | yh << 1 << (63 - apart);
        yh >>= apart;
    } else if (apart < 128) {
        uint64_t low = yl << 1 << (127 - apart);
        rest = yl >> (apart - 64) | yh << 1 << (127 - apart) | (low != 0);
        yl = yh >> (apart - 64);
        yh = 0;
    } else {
        rest = 1;
        yh = yl = 0;
    }
    y = (FastExt)yh << 64 | yl;
    if ((int64_t)(sign ^ other) >= 0) {
        x += y;
        uint64_t hi = (uint64_t)(x >> 64), lo = (uint64_t)x;
        if (hi >> 49) {
            rest = rest >> 1 | (rest & 1) | lo << 63;
            lo = lo >> 1 | hi << 63;
            hi >>= 1;
            ea++;
        }
        return ext_round(sign, ea, hi, lo, rest, out);
    }
    x = x - y - (rest != 0);
    rest = -rest;
    uint64_t hi = (uint64_t)(x >> 64), lo = (uint64_t)x;
    if (hi >> 48 == 1) {
        return ext_round(sign, ea, hi, lo, rest, out);
    }
    if ((int64_t)hi < 0) { /* of equal exponents, the lesser was the first */
        return ext_add_cancelled(other, ea, -x, 0, out);
    }
    /* apart by two or more, only the leading place has gone, if that; else there is at most one bit of `rest` */
    if (!(hi >> 47) || ea == 1) {
        return ext_add_cancelled(sign, ea, x, rest, out);
    }
    return ext_round(sign, ea - 1, hi << 1 | lo >> 63, lo << 1 | rest >> 63, rest << 1, out);
}

static EXT_INLINE bool ext_sub(FastExt a, FastExt b, FastExt *out)
{
    return ext_add(a, b ^ EXT_SIGN, out);
}

static EXT_INLINE bool ext_mul(FastExt a, FastExt b, FastExt *out)
{
    if (!ext_normal(a) || !ext_normal(b)) {
        *out = (a ^ b) & EXT_SIGN;
        return (ext_zero(a) && ext_exp(b) != EXT_TOP) || (ext_zero(b) && ext_exp(a) != EXT_TOP);
    }
    /* leading ones in bits 127 and 112: of the product in 239 or 240 */
    FastExt x = ext_mant(a) << EXT_SPARE, y = ext_mant(b);
    uint64_t x0 = (uint64_t)x, x1 = (uint64_t)(x >> 64);
    uint64_t y0 = (uint64_t)y, y1 = (uint64_t)(y >> 64);
    FastExt low = (FastExt)x0 * y0, p = (FastExt)x1 * y0 + (uint64_t)(low >> 64);
    FastExt q = (FastExt)x0 * y1 + (uint64_t)p;
    FastExt m = (FastExt)x1 * y1 + (uint64_t)(p >> 64) + (uint64_t)(q >> 64);
    uint64_t hi = (uint64_t)(m >> 64), lo = (uint64_t)m;
    uint64_t rest = (uint64_t)q | ((uint64_t)low != 0);
    bool up = !(hi >> 48);
    unsigned exp = ext_exp(a) + ext_exp(b) + 1 - up - EXT_BIAS;

    hi = up ? hi << 1 | lo >> 63 : hi;
    lo = up ? lo << 1 | rest >> 63 : lo;
    rest = up ? rest << 1 : rest;
    return ext_round((uint64_t)((a ^ b) >> 64), exp, hi, lo, rest, out) && exp - 1 < EXT_TOP - 1u;
}

/* high:low / d, high < d */
static inline uint64_t ext_div_word(uint64_t high, uint64_t low, uint64_t d, uint64_t *rest)
{
#ifdef __x86_64__
    uint64_t q;

    __asm__("divq %4" : "=a"(q), "=d"(*rest) : "0"(low), "1"(high), "r"(d) : "cc");
    return q;
#else
    FastExt n = (FastExt)high << 64 | low;

    *rest = (uint64_t)(n % d);
    return (uint64_t)(n / d);
#endif
}

/* One digit of 64 bits of r * 2^64 / d, r < d, d >= 2^127; r becomes the rest. */
static EXT_INLINE uint64_t ext_digit(FastExt *r, FastExt d)
{
    uint64_t d1 = (uint64_t)(d >> 64), d0 = (uint64_t)d, r1 = (uint64_t)(*r >> 64), q, rest;
    bool much = false; /* the rest so far has a bit 128 */

    if (r1 >= d1) {
        q = UINT64_MAX;
        much = __builtin_add_overflow((uint64_t)*r, d1, &rest);
    } else {
        q = ext_div_word(r1, (uint64_t)*r, d1, &rest);
    }
    FastExt less = (FastExt)q * d0, have = (FastExt)rest << 64;
    /* q is at most two too great, one as likely as none */
    bool below = have < less && !much;
    FastExt left = have - less;
    *r = left + (d & -(FastExt)below);
    q -= below;
    if (below & (*r >= left)) { /* no carry: still below zero */
        *r += d;
        q--;
    }
    return q;
}

static EXT_INLINE bool ext_div(FastExt a, FastExt b, FastExt *out)
{
    FastExt sign = (a ^ b) & EXT_SIGN;

    if (!ext_normal(a) || !ext_normal(b)) {
        *out = sign;
        return ext_zero(a) && ext_normal(b);
    }
    FastExt r = ext_mant(a) << (EXT_SPARE - 1), d = ext_mant(b) << EXT_SPARE;
    uint64_t q1 = ext_digit(&r, d), q0 = ext_digit(&r, d);
    FastExt m = (FastExt)q1 << 64 | q0;
    unsigned up = !(m >> 127); /* of two numbers in [1, 2) */

    return ext_close(sign, (int)(ext_exp(a) - ext_exp(b) - up) + EXT_BIAS, m << up | (r != 0), out);
}

/* op: 0 add, 1 subtract, 2 multiply, 3 divide */
static EXT_INLINE bool ext_arith(unsigned op, FastExt a, FastExt b, FastExt *out)
{
    switch (op) {
    case 0: return ext_add(a, b, out);
    case 1: return ext_sub(a, b, out);
    case 2: return ext_mul(a, b, out);
    default: return ext_div(a, b, out);
    }
}

/* a * b + c, rounded once; c may be a zero. */
static inline bool ext_fma(FastExt a, FastExt b, FastExt c, FastExt *out)
{
    if (!ext_normal(a) || !ext_normal(b) || !(ext_normal(c) || ext_zero(c))) {
        return false;
    }
    /* leading ones in bit 255 */
    Wide p = wide_mul(ext_mant(a) << EXT_SPARE, ext_mant(b) << EXT_SPARE);
    Wide z = { ext_mant(c) << EXT_SPARE, 0 };
    FastExt sign = (a ^ b) & EXT_SIGN;
    int exp = (int)(ext_exp(a) + ext_exp(b)) - EXT_BIAS + 1, ez = (int)ext_exp(c);
    exp -= (int)wide_normalize(&p);
    if (ext_zero(c)) {
        return ext_close(sign, exp, p.hi | (p.lo != 0), out);
    }
    bool minus = (sign ^ c) >> 127;
    if (exp < ez || (exp == ez && wide_less(p, z))) {
        Wide w = p;
        int e = exp;
        p = z, exp = ez, sign = c & EXT_SIGN;
        z = w, ez = e;
    }
    /* The last bits of both are zeros: one place for a carry costs nothing, and sticky bits are below all that counts. */
    p = wide_shift_jam(p, 1);
    z = wide_shift_jam(z, 1 + (exp - ez > 255 ? 255 : (unsigned)(exp - ez)));
    p = minus ? wide_sub(p, z) : wide_add(p, z);
    if (wide_zero(p)) {
        *out = 0;
        return true;
    }
    exp += 1 - (int)wide_normalize(&p);
    return ext_close(sign, exp, p.hi | (p.lo != 0), out);
}

/* ---- square root ---- */

/* The whole root of m >= 2^126, and m less its square: at most twice the root. */
static inline uint64_t ext_root_word(FastExt m, FastExt *rest)
{
    double guess = __builtin_sqrt((double)(uint64_t)(m >> 64)) * 0x1p32;
    uint64_t s = guess < 0x1p64 ? (uint64_t)guess : UINT64_MAX, high = (uint64_t)(m >> 64), r;

    /* once by Newton: some 50 bits become 64 */
    uint64_t q = high < s ? ext_div_word(high, (uint64_t)m, s, &r) : UINT64_MAX;
    s = (uint64_t)(((FastExt)s + q) >> 1);
    while ((FastExt)s * s > m) {
        s--;
    }
    while (m - (FastExt)s * s > (FastExt)s << 1) {
        s++;
    }
    *rest = m - (FastExt)s * s;
    return s;
}

static inline bool ext_sqrt(FastExt a, FastExt *out)
{
    int exp = (int)ext_exp(a) - EXT_BIAS;
    FastExt rest;
    uint64_t q, less, u;

    *out = a;
    if (!ext_normal(a) || a & EXT_SIGN) {
        return ext_zero(a);
    }
    uint64_t s = ext_root_word(ext_mant(a) << (EXT_SPARE - 1 + (exp & 1)), &rest);
    /* The next 64 bits q: rest * 2^64 = 2sq + u, and from u * 2^64 goes q^2 still, at most one q too much. */
    uint64_t high = (uint64_t)(rest >> 1), low = (uint64_t)rest << 63;
    FastExt after;
    if (high < s) {
        q = ext_div_word(high, low, s, &u);
        after = (FastExt)u << 1;
    } else {
        q = UINT64_MAX;
        after = (FastExt)s << 1;
    }
    FastExt square = (FastExt)q * q;
    bool fits = after >> 64, exact = !fits && after << 64 == square;
    less = !fits && after << 64 < square;
    FastExt root = ((FastExt)s << 64 | q) - less;
    return ext_close(0, (exp >> 1) + EXT_BIAS, root | !exact, out);
}

/* ---- to and from others ---- */

/* The product of two long numbers, which is exact. */
static inline bool ext_mul_long(uint64_t a, uint64_t b, FastExt *out)
{
    const uint64_t one = 1ull << 52;
    unsigned ea = a >> 52 & 0x7ff, eb = b >> 52 & 0x7ff;
    FastExt m = (FastExt)((a & (one - 1)) | one) * ((b & (one - 1)) | one);
    unsigned up = !(m >> 105);

    m <<= 7 + up;
    *out = (FastExt)((a ^ b) >> 63) << 127 |
           (m + ((FastExt)(ea + eb - 2 * 1023 + EXT_BIAS - up) << EXT_FRACTION));
    return ea - 1 < 0x7fe && eb - 1 < 0x7fe;
}

/* To the format of so many bits of exponent and fraction: its bits on the right. */
static inline bool ext_narrow(FastExt a, unsigned exp_bits, unsigned frac_bits, uint64_t *out)
{
    int most = (1 << exp_bits) - 1, exp = (int)ext_exp(a) - EXT_BIAS + (most >> 1);
    FastExt m = a << (128 - EXT_FRACTION), half = EXT_SIGN, rest = m << frac_bits;
    uint64_t kept = (uint64_t)(m >> (128 - frac_bits));
    bool normal = exp > 1 && exp < most;

    kept += rest > half || (rest == half && (kept & 1));
    exp += (int)(kept >> frac_bits);
    kept &= (1ull << frac_bits) - 1;
    *out = (uint64_t)(a >> 127) << (exp_bits + frac_bits) | (uint64_t)(unsigned)exp << frac_bits |
           kept;
    if (ext_zero(a)) {
        *out = (uint64_t)(a >> 127) << (exp_bits + frac_bits);
        return true;
    }
    return normal && exp < most;
}

/* 0 equal, 1 low, 2 high, 3: a NaN among them */
static inline unsigned ext_order(FastExt a, FastExt b)
{
    FastExt ma = a & ~EXT_SIGN, mb = b & ~EXT_SIGN;

    if (ma > EXT_INF || mb > EXT_INF) {
        return 3;
    }
    if (a == b || !(ma | mb)) {
        return 0;
    }
    bool minus = a >> 127, less = (a ^ b) >> 127 ? minus : (ma < mb) != minus;
    return less ? 1 : 2;
}

/* The condition code of a result. */
static inline unsigned ext_sign_cc(FastExt v)
{
    FastExt m = v & ~EXT_SIGN;

    return m > EXT_INF ? 3 : !m ? 0 : 2 - (unsigned)(v >> 127);
}

#endif
