/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hexadecimal floating point: see softhfp.h. Sums carry the one guard digit that the architecture has, so
 * that what is shifted out beyond it is lost as it is there.
 */
#include "target/s390x/softhfp.h"
#include "target/s390x/wide.h"

typedef HfpBits u128;

static const uint8_t digits[] = { 6, 14, 28 };

#define HALF_BITS 56u /* of the fraction, in each half of an extended number */
#define HALF_MASK ((1ull << HALF_BITS) - 1)

static unsigned fraction_bits(HfpFormat f)
{
    return 4u * digits[f];
}

HfpNum hfp_unpack(HfpFormat f, HfpBits v)
{
    uint64_t first = f == HFP_SHORT ? (uint64_t)v << 32 : f == HFP_LONG ? v : v >> 64;
    HfpNum n = { .sign = first >> 63, .exp = first >> HALF_BITS & 127, .frac = first & HALF_MASK };

    if (f == HFP_SHORT) {
        n.frac >>= 32;
    } else if (f == HFP_EXTENDED) {
        n.frac = n.frac << HALF_BITS | ((uint64_t)v & HALF_MASK);
    }
    return n;
}

static uint64_t half(bool sign, int exp, uint64_t frac)
{
    return (uint64_t)sign << 63 | (uint64_t)(exp & 127) << HALF_BITS | frac;
}

HfpBits hfp_pack(HfpFormat f, HfpNum n)
{
    if (f == HFP_SHORT) {
        return half(n.sign, n.exp, (uint64_t)n.frac << 32) >> 32;
    }
    if (f == HFP_LONG) {
        return half(n.sign, n.exp, n.frac);
    }
    bool true_zero = !n.frac && !n.exp;
    uint64_t low = half(n.sign, true_zero ? 0 : n.exp - 14, n.frac & HALF_MASK);

    return (u128)half(n.sign, n.exp, n.frac >> HALF_BITS) << 64 | low;
}

/* Shift left until the digit at bit `top` is not zero. */
static HfpNum shift_up(HfpNum n, unsigned top)
{
    while (n.frac && !(n.frac >> top)) {
        n.frac <<= 4;
        n.exp--;
    }
    return n;
}

HfpNum hfp_normalize(HfpFormat f, HfpNum n)
{
    return shift_up(n, fraction_bits(f) - 4);
}

HfpNum hfp_resize(HfpFormat to, HfpFormat from, HfpNum n)
{
    unsigned a = fraction_bits(from), b = fraction_bits(to);

    n.frac = b > a ? n.frac << (b - a) : n.frac >> (a - b);
    return n;
}

HfpNum hfp_round(HfpFormat to, HfpFormat from, HfpNum n)
{
    unsigned lost = fraction_bits(from) - fraction_bits(to);

    n.frac = (n.frac + ((u128)1 << (lost - 1))) >> lost;
    if (n.frac >> fraction_bits(to)) {
        n.frac >>= 4;
        n.exp++;
    }
    return n;
}

HfpNum hfp_add(HfpFormat f, HfpNum a, HfpNum b, bool normalize)
{
    unsigned bits = fraction_bits(f);
    u128 x, y;

    if (a.exp < b.exp) {
        HfpNum swap = a;
        a = b;
        b = swap;
    }
    unsigned apart = 4u * (a.exp - b.exp);
    x = a.frac << 4; /* with the guard digit */
    y = apart > bits ? 0 : b.frac << 4 >> apart;
    if (a.sign == b.sign) {
        a.frac = x + y;
    } else if (x >= y) {
        a.frac = x - y;
    } else {
        a = (HfpNum){ .sign = b.sign, .exp = a.exp, .frac = y - x };
    }
    if (a.frac >> (bits + 4)) {
        a.frac >>= 4;
        a.exp++;
    } else if (normalize) {
        a = shift_up(a, bits);
    }
    a.frac >>= 4;
    a.sign = a.sign && a.frac;
    return a;
}

HfpNum hfp_mul(HfpFormat f, HfpNum a, HfpNum b)
{
    HfpNum r = { .sign = a.sign != b.sign };

    a = hfp_normalize(f, a);
    b = hfp_normalize(f, b);
    if (!a.frac || !b.frac) {
        return (HfpNum){ 0 };
    }
    r.exp = a.exp + b.exp - 64;
    if (f == HFP_EXTENDED) { /* 56 digits, of which the first may be zero */
        Wide w = wide_mul(a.frac, b.frac);
        unsigned more = w.hi >> 92 ? 0 : 4;
        r.frac = w.hi << (16 + more) | w.lo >> (112 - more);
        r.exp -= more != 0;
        return r;
    }
    r.frac = a.frac * b.frac << (f == HFP_SHORT ? 8 : 0);
    return hfp_normalize(hfp_wider(f), r);
}

HfpNum hfp_div(HfpFormat f, HfpNum a, HfpNum b)
{
    HfpNum r = { .sign = a.sign != b.sign };
    unsigned n = digits[f];

    a = hfp_normalize(f, a);
    b = hfp_normalize(f, b);
    if (!a.frac) {
        return (HfpNum){ 0 };
    }
    r.exp = a.exp - b.exp + 64;
    if (a.frac >= b.frac) { /* a digit left of the point */
        r.exp++;
        r.frac = a.frac / b.frac;
        a.frac %= b.frac;
        n--;
    }
    while (n--) {
        a.frac <<= 4;
        r.frac = r.frac << 4 | a.frac / b.frac;
        a.frac %= b.frac;
    }
    return r;
}

HfpNum hfp_halve(HfpFormat f, HfpNum a)
{
    a.frac <<= 3; /* half of it, with a guard digit */
    a = shift_up(a, fraction_bits(f));
    a.frac >>= 4;
    return a.frac ? a : (HfpNum){ 0 };
}

HfpNum hfp_sqrt(HfpFormat f, HfpNum a)
{
    unsigned bits = fraction_bits(f);
    u128 root = 0, rest = 0;

    a = hfp_normalize(f, a);
    if (!a.frac) {
        return (HfpNum){ 0 };
    }
    /* the root of 4 * frac * 16^digits, or of a sixteenth of it, two bits at a time */
    int odd = a.exp & 1;
    unsigned steps = bits + 1 - 2 * odd;
    for (unsigned k = 0; k < steps; k++) {
        unsigned pair = 2 * k < bits ? (unsigned)(a.frac >> (bits - 2 - 2 * k)) & 3 : 0;
        u128 trial = root << 2 | 1;
        rest = rest << 2 | pair;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    return (HfpNum){ .exp = (a.exp + odd) / 2 + 32, .frac = (root + 1) >> 1 };
}

HfpNum hfp_to_integral(HfpFormat f, HfpNum a)
{
    int lost = (int)fraction_bits(f) - 4 * (a.exp - 64);

    if (lost > 0) {
        a.frac = lost >= (int)fraction_bits(f) ? 0 : a.frac >> lost << lost;
    }
    return a.frac ? hfp_normalize(f, a) : (HfpNum){ 0 };
}

HfpNum hfp_from_int(HfpFormat f, int64_t v)
{
    /* 16 digits in the extended format, then as many as there are */
    HfpNum n = { .sign = v < 0, .exp = 64 + 16, .frac = v < 0 ? -(uint64_t)v : (uint64_t)v };

    if (!v) {
        return (HfpNum){ 0 };
    }
    n.frac <<= 4 * (28 - 16);
    return hfp_resize(f, HFP_EXTENDED, hfp_normalize(HFP_EXTENDED, n));
}

HfpInt hfp_to_int(HfpFormat f, HfpNum a)
{
    int right = (int)fraction_bits(f) - 4 * (a.exp - 64);

    if (right >= 128) {
        return (HfpInt){ 0, a.frac != 0 };
    }
    if (right > 0) {
        return (HfpInt){ a.frac >> right, a.frac << (128 - right) };
    }
    if (a.frac && (right <= -128 || a.frac << -right >> -right != a.frac)) {
        return (HfpInt){ ~(u128)0, 0 };
    }
    return (HfpInt){ a.frac ? a.frac << -right : 0, 0 };
}
