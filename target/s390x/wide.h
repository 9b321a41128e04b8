/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 256-bit integers: what softfp.c, softdfp.c and fastext.h, whose exact results need as many, do with them.
 * Nothing here rounds or checks: sums and differences are modulo 2^256. To "jam" is to OR what a shift to the
 * right loses into the last bit, so that what is left rounds as the whole would.
 */
#ifndef TARGET_S390X_WIDE_H
#define TARGET_S390X_WIDE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Wide {
    unsigned __int128 hi, lo;
} Wide;

static inline Wide wide_mul(unsigned __int128 a, unsigned __int128 b)
{
    uint64_t a1 = a >> 64, a0 = a, b1 = b >> 64, b0 = b;
    unsigned __int128 low = (unsigned __int128)a0 * b0;
    unsigned __int128 m1 = (unsigned __int128)a1 * b0, m2 = (unsigned __int128)a0 * b1;
    unsigned __int128 mid = (low >> 64) + (uint64_t)m1 + (uint64_t)m2;

    return (Wide){ (unsigned __int128)a1 * b1 + (m1 >> 64) + (m2 >> 64) + (mid >> 64),
                   mid << 64 | (uint64_t)low };
}

static inline Wide wide_add(Wide a, Wide b)
{
    unsigned __int128 lo = a.lo + b.lo;
    return (Wide){ a.hi + b.hi + (lo < a.lo), lo };
}

static inline Wide wide_sub(Wide a, Wide b)
{
    return (Wide){ a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo };
}

static inline bool wide_less(Wide a, Wide b)
{
    return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

static inline bool wide_zero(Wide a)
{
    return !a.hi && !a.lo;
}

static inline unsigned leading_zeros(unsigned __int128 v)
{
    uint64_t high = v >> 64, low = v;

    return high ? (unsigned)__builtin_clzll(high) : low ? 64 + (unsigned)__builtin_clzll(low) : 128;
}

/* v >> n, what is lost in the last bit */
static inline unsigned __int128 shift_jam(unsigned __int128 v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    return n > 127 ? v != 0 : v >> n | ((v << (128 - n)) != 0);
}

static inline Wide wide_shift_jam(Wide v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    if (n > 127) {
        return (Wide){ 0, shift_jam(v.hi, n - 128) | (v.lo != 0) };
    }
    return (Wide){ v.hi >> n, v.lo >> n | v.hi << (128 - n) | ((v.lo << (128 - n)) != 0) };
}

/* Shift left until the first bit is one; returns by how much, 256 for zero. */
static inline unsigned wide_normalize(Wide *v)
{
    unsigned n = v->hi ? leading_zeros(v->hi) : 128 + leading_zeros(v->lo);

    if (n >= 256) {
        return n;
    }
    if (n >= 128) {
        *v = (Wide){ v->lo << (n - 128), 0 };
    } else if (n) {
        *v = (Wide){ v->hi << n | v->lo >> (128 - n), v->lo << n };
    }
    return n;
}

#endif
