/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bit fields, counts, powers of two and alignment on plain integers. Bit 0 is the least
 * significant one. Zero and full-width arguments are defined everywhere, so that guest values can
 * be passed as they are; only a field that lies outside its word is the caller's bug.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BIT32(n) (UINT32_C(1) << (n))
#define BIT64(n) (UINT64_C(1) << (n))

/* The low @len bits set; @len 0 to 64. */
static inline uint64_t bits_mask64(unsigned len)
{
    return len >= 64 ? UINT64_MAX : (UINT64_C(1) << len) - 1;
}

static inline uint32_t bits_mask32(unsigned len)
{
    return len >= 32 ? UINT32_MAX : (UINT32_C(1) << len) - 1;
}

/* The @len bits of @value from bit @start up; start + len <= width. */
static inline uint64_t bits_extract64(uint64_t value, unsigned start, unsigned len)
{
    return len == 0 ? 0 : (value >> start) & bits_mask64(len);
}

static inline uint32_t bits_extract32(uint32_t value, unsigned start, unsigned len)
{
    return len == 0 ? 0 : (value >> start) & bits_mask32(len);
}

/* @value with its @len bits from @start replaced by the low bits of @field. */
static inline uint64_t bits_deposit64(uint64_t value, unsigned start, unsigned len, uint64_t field)
{
    uint64_t mask = len == 0 ? 0 : bits_mask64(len) << start;

    return len == 0 ? value : (value & ~mask) | ((field << start) & mask);
}

static inline uint32_t bits_deposit32(uint32_t value, unsigned start, unsigned len, uint32_t field)
{
    return (uint32_t)bits_deposit64(value, start, len, field);
}

/* The low @len bits of @value as a signed number; @len 1 to 64. */
static inline int64_t bits_sign_extend64(uint64_t value, unsigned len)
{
    unsigned shift = 64 - len;

    return (int64_t)(value << shift) >> shift;
}

static inline int32_t bits_sign_extend32(uint32_t value, unsigned len)
{
    unsigned shift = 32 - len;

    return (int32_t)(value << shift) >> shift;
}

static inline int64_t bits_sextract64(uint64_t value, unsigned start, unsigned len)
{
    return bits_sign_extend64(value >> start, len);
}

static inline int32_t bits_sextract32(uint32_t value, unsigned start, unsigned len)
{
    return bits_sign_extend32(value >> start, len);
}

/* Trailing and leading zeros; the width of the type for zero. */
static inline unsigned bits_ctz32(uint32_t v)
{
    return v ? (unsigned)__builtin_ctz(v) : 32;
}

static inline unsigned bits_ctz64(uint64_t v)
{
    return v ? (unsigned)__builtin_ctzll(v) : 64;
}

static inline unsigned bits_clz32(uint32_t v)
{
    return v ? (unsigned)__builtin_clz(v) : 32;
}

static inline unsigned bits_clz64(uint64_t v)
{
    return v ? (unsigned)__builtin_clzll(v) : 64;
}

static inline unsigned bits_popcount32(uint32_t v)
{
    return (unsigned)__builtin_popcount(v);
}

static inline unsigned bits_popcount64(uint64_t v)
{
    return (unsigned)__builtin_popcountll(v);
}

/* Rotations; the count is taken modulo the width. */
#define FERRY_BITS_ROTATE(bits)                                               \
    static inline uint##bits##_t bits_rol##bits(uint##bits##_t v, unsigned n) \
    {                                                                         \
        n %= bits;                                                            \
        return n ? (uint##bits##_t)(v << n | v >> (bits - n)) : v;            \
    }                                                                         \
    static inline uint##bits##_t bits_ror##bits(uint##bits##_t v, unsigned n) \
    {                                                                         \
        n %= bits;                                                            \
        return n ? (uint##bits##_t)(v >> n | v << (bits - n)) : v;            \
    }

FERRY_BITS_ROTATE(8)
FERRY_BITS_ROTATE(16)
FERRY_BITS_ROTATE(32)
FERRY_BITS_ROTATE(64)

#undef FERRY_BITS_ROTATE

/* True for 1, 2, 4, ...; false for 0. */
static inline bool bits_is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* log2 of the largest power of two not above @v; @v is not 0. */
static inline unsigned bits_log2_floor(uint64_t v)
{
    return 63 - bits_clz64(v);
}

/* The largest power of two not above @v; 0 for 0. */
static inline uint64_t bits_pow2_floor(uint64_t v)
{
    return v ? UINT64_C(1) << bits_log2_floor(v) : 0;
}

/* The smallest power of two not below @v; 1 for 0, 0 where it does not fit. */
static inline uint64_t bits_pow2_ceil(uint64_t v)
{
    if (v <= 1) {
        return 1;
    }
    return v > UINT64_C(1) << 63 ? 0 : UINT64_C(1) << (64 - bits_clz64(v - 1));
}

/* @align is a power of two. bits_align_up() wraps to 0 where the result does not fit. */
static inline uint64_t bits_align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t bits_align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool bits_is_aligned(uint64_t v, uint64_t align)
{
    return !(v & (align - 1));
}

/* Any divisor but 0; cannot overflow. */
static inline uint64_t bits_div_round_up(uint64_t v, uint64_t divisor)
{
    return v / divisor + (v % divisor != 0);
}
