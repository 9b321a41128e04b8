/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 256-bit integers: what softfp.c and softdfp.c, whose exact results need as many, both do with them.
 * Nothing here rounds or checks: sums and differences are modulo 2^256.
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

#endif
