/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads and stores of integers in a stated byte order, at any alignment, and byte swaps.
 * The caller owns the bound check: these touch exactly the bytes that the name says.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bswap16(uint16_t v)
{
    return __builtin_bswap16(v);
}

static inline uint32_t bswap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint64_t bswap64(uint64_t v)
{
    return __builtin_bswap64(v);
}

/* ld_he*: host order, any alignment; ld_le*, ld_be*: the stated order. st_*: the same for stores. */
#define FERRY_ENDIAN_ACCESSORS(bits)                          \
    static inline uint##bits##_t ld_he##bits(const void *p)   \
    {                                                         \
        uint##bits##_t v;                                     \
        memcpy(&v, p, sizeof(v));                             \
        return v;                                             \
    }                                                         \
    static inline uint##bits##_t ld_le##bits(const void *p)   \
    {                                                         \
        return GUINT##bits##_FROM_LE(ld_he##bits(p));         \
    }                                                         \
    static inline uint##bits##_t ld_be##bits(const void *p)   \
    {                                                         \
        return GUINT##bits##_FROM_BE(ld_he##bits(p));         \
    }                                                         \
    static inline void st_he##bits(void *p, uint##bits##_t v) \
    {                                                         \
        memcpy(p, &v, sizeof(v));                             \
    }                                                         \
    static inline void st_le##bits(void *p, uint##bits##_t v) \
    {                                                         \
        st_he##bits(p, GUINT##bits##_TO_LE(v));               \
    }                                                         \
    static inline void st_be##bits(void *p, uint##bits##_t v) \
    {                                                         \
        st_he##bits(p, GUINT##bits##_TO_BE(v));               \
    }

FERRY_ENDIAN_ACCESSORS(16)
FERRY_ENDIAN_ACCESSORS(32)
FERRY_ENDIAN_ACCESSORS(64)

#undef FERRY_ENDIAN_ACCESSORS

static inline uint8_t ld_u8(const void *p)
{
    return *(const uint8_t *)p;
}

static inline void st_u8(void *p, uint8_t v)
{
    *(uint8_t *)p = v;
}

/* By size: 1 to 8 bytes, not only powers of two; the value is zero-extended or truncated. */
static inline uint64_t ld_le(const void *p, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)((const uint8_t *)p)[i] << (8 * i);
    }
    return v;
}

static inline uint64_t ld_be(const void *p, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v = v << 8 | ((const uint8_t *)p)[i];
    }
    return v;
}

static inline void st_le(void *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++) {
        ((uint8_t *)p)[i] = (uint8_t)(v >> (8 * i));
    }
}

static inline void st_be(void *p, unsigned size, uint64_t v)
{
    for (unsigned i = size; i-- > 0; v >>= 8) {
        ((uint8_t *)p)[i] = (uint8_t)v;
    }
}
