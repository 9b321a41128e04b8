/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended binary floating point in the case that fastfp.h describes: rounding to nearest, operands and
 * result normal numbers. In integers: the compiler's own functions ask for the rounding mode and raise the host's
 * flags at each call. Everything else is for softfp.c; so is a result of the least exponent.
 */
#ifndef TARGET_S390X_HELPER_FASTEXT_H
#define TARGET_S390X_HELPER_FASTEXT_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 FastExt;

enum {
    EXT_FRACTION = 112,
    EXT_BIAS = 0x3fff,
    EXT_TOP = 0x7fff,
};

typedef struct ExtNumber {
    bool sign;
    int exp;      /* biased */
    FastExt mant; /* with its leading one, bit 112 */
} ExtNumber;

static inline bool ext_open(FastExt v, ExtNumber *n)
{
    uint64_t high = (uint64_t)(v >> 64);

    n->sign = high >> 63;
    n->exp = high >> 48 & EXT_TOP;
    n->mant = (v & (((FastExt)1 << EXT_FRACTION) - 1)) | (FastExt)1 << EXT_FRACTION;
    return n->exp != 0 && n->exp != EXT_TOP;
}

/* m: leading one in bit 127, what lies below it all ORed into bit 0; 0 where the result is not normal. */
static inline FastExt ext_close(bool sign, int exp, FastExt m)
{
    enum {
        EXTRA = 127 - EXT_FRACTION
    };
    unsigned rest = (unsigned)m & ((1u << EXTRA) - 1), half = 1u << (EXTRA - 1);

    m >>= EXTRA;
    m += rest > half || (rest == half && (m & 1));
    /* a carry out of the fraction goes into the exponent, and leaves a fraction of zeros */
    exp += (int)(m >> (EXT_FRACTION + 1));
    if (exp <= 1 || exp >= EXT_TOP) {
        return 0;
    }
    m &= ((FastExt)1 << EXT_FRACTION) - 1;
    return m | (FastExt)((uint64_t)sign << 63 | (uint64_t)exp << 48) << 64;
}

static inline unsigned ext_clz(FastExt m) /* m != 0 */
{
    uint64_t high = (uint64_t)(m >> 64);

    return high ? (unsigned)__builtin_clzll(high) : 64 + (unsigned)__builtin_clzll((uint64_t)m);
}

/* m >> n, bits lost ORed into bit 0. */
static inline FastExt ext_jam(FastExt m, unsigned n)
{
    return n == 0 ? m : n > 127 ? 1 : m >> n | ((m << (128 - n)) != 0);
}

static inline FastExt ext_add(FastExt a, FastExt b)
{
    enum {
        GUARD = 14 /* the leading one in bit 126: room for a carry */
    };
    ExtNumber x, y;

    if (!ext_open(a, &x) || !ext_open(b, &y)) {
        return 0;
    }
    if (x.exp < y.exp || (x.exp == y.exp && x.mant < y.mant)) {
        ExtNumber swap = x;
        x = y;
        y = swap;
    }
    FastExt m = x.mant << GUARD, s = ext_jam(y.mant << GUARD, (unsigned)(x.exp - y.exp));
    m = x.sign == y.sign ? m + s : m - s;
    if (!m) {
        return 0;
    }
    /* more than one place to the left only if at most one bit was lost: then none was */
    unsigned n = ext_clz(m);
    return ext_close(x.sign, x.exp + 1 - (int)n, m << n);
}

static inline FastExt ext_sub(FastExt a, FastExt b)
{
    return ext_add(a, b ^ (FastExt)1 << 127);
}

static inline FastExt ext_mul(FastExt a, FastExt b)
{
    ExtNumber x, y;

    if (!ext_open(a, &x) || !ext_open(b, &y)) {
        return 0;
    }
    /* leading ones in bit 127 */
    x.mant <<= 127 - EXT_FRACTION;
    y.mant <<= 127 - EXT_FRACTION;
    uint64_t x0 = (uint64_t)x.mant, x1 = (uint64_t)(x.mant >> 64);
    uint64_t y0 = (uint64_t)y.mant, y1 = (uint64_t)(y.mant >> 64);
    FastExt low = (FastExt)x0 * y0, p = (FastExt)x1 * y0, q = (FastExt)x0 * y1;
    FastExt mid = (low >> 64) + (uint64_t)p + (uint64_t)q;
    FastExt m = (FastExt)x1 * y1 + (p >> 64) + (q >> 64) + (mid >> 64);
    uint64_t rest = (uint64_t)mid | (uint64_t)low;
    int exp = x.exp + y.exp - EXT_BIAS + 1;

    if (!(m >> 127)) {
        m = m << 1 | (uint64_t)mid >> 63;
        rest = (uint64_t)mid << 1 | (uint64_t)low;
        exp--;
    }
    return ext_close(x.sign != y.sign, exp, m | (rest != 0));
}

/* One digit of 64 bits of r * 2^64 / d, r < d, d >= 2^127; r becomes the rest. */
static inline uint64_t ext_digit(FastExt *r, FastExt d)
{
    uint64_t d1 = (uint64_t)(d >> 64), d0 = (uint64_t)d, r1 = (uint64_t)(*r >> 64), q, rest;
    bool over = false; /* rest has 64 bits and one */

    if (r1 >= d1) {
        q = UINT64_MAX;
        over = __builtin_add_overflow((uint64_t)*r, d1, &rest);
    } else {
        q = (uint64_t)(*r / d1);
        rest = (uint64_t)(*r - (FastExt)q * d1);
    }
    FastExt less = (FastExt)q * d0;
    while (!over && less > (FastExt)rest << 64) {
        q--;
        less -= d0;
        over = __builtin_add_overflow(rest, d1, &rest);
    }
    *r = ((FastExt)rest << 64) - less; /* a bit beyond the 128 goes with the borrow */
    return q;
}

static inline FastExt ext_div(FastExt a, FastExt b)
{
    ExtNumber x, y;

    if (!ext_open(a, &x) || !ext_open(b, &y)) {
        return 0;
    }
    FastExt r = x.mant << (126 - EXT_FRACTION), d = y.mant << (127 - EXT_FRACTION);
    uint64_t q1 = ext_digit(&r, d), q0 = ext_digit(&r, d);
    FastExt m = (FastExt)q1 << 64 | q0;
    bool less = !(m >> 127); /* of two numbers in [1, 2) */

    return ext_close(x.sign != y.sign, x.exp - y.exp + EXT_BIAS - less, m << less | (r != 0));
}

/* op: 0 add, 1 subtract, 2 multiply, 3 divide; 0: not this case. */
static inline FastExt ext_arith(unsigned op, FastExt a, FastExt b)
{
    switch (op) {
    case 0: return ext_add(a, b);
    case 1: return ext_sub(a, b);
    case 2: return ext_mul(a, b);
    default: return ext_div(a, b);
    }
}

#endif
