/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 128-bit integers: the compiler's own, with names for the halves.
 */
#pragma once

#include <stdint.h>

__extension__ typedef unsigned __int128 UInt128;
__extension__ typedef __int128 Int128;

static inline UInt128 u128_make(uint64_t high, uint64_t low)
{
    return (UInt128)high << 64 | low;
}

static inline uint64_t u128_low(UInt128 v)
{
    return (uint64_t)v;
}

static inline uint64_t u128_high(UInt128 v)
{
    return (uint64_t)(v >> 64);
}
