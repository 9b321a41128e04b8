/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps in 64-bit words: bit n is bit n % 64 of word n / 64. The plain calls are for a map that
 * one thread owns or a lock guards; the *_atomic ones may race with each other on the same words
 * (each bit is set or taken exactly once) and order like a release (set) or acquire (take).
 * Positions and counts are in bits. Ranges must lie inside the map: the map does not know its size.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORD_BITS 64

static inline size_t bitmap_words(size_t nbits)
{
    return nbits / BITMAP_WORD_BITS + (nbits % BITMAP_WORD_BITS != 0);
}

/* A map of @nbits zero bits, for g_free(). */
uint64_t *bitmap_new(size_t nbits);

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    return (__atomic_load_n(&map[bit / 64], __ATOMIC_RELAXED) >> (bit % 64)) & 1;
}

static inline void bitmap_set_bit(uint64_t *map, size_t bit)
{
    map[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void bitmap_clear_bit(uint64_t *map, size_t bit)
{
    map[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/* Each returns what the bit was. */
static inline bool bitmap_test_and_set_bit(uint64_t *map, size_t bit)
{
    bool was = bitmap_test(map, bit);

    bitmap_set_bit(map, bit);
    return was;
}

static inline bool bitmap_test_and_clear_bit(uint64_t *map, size_t bit)
{
    bool was = bitmap_test(map, bit);

    bitmap_clear_bit(map, bit);
    return was;
}

/* Does not write where the bit is set already, so that hot shared lines stay shared. */
static inline bool bitmap_test_and_set_bit_atomic(uint64_t *map, size_t bit)
{
    uint64_t mask = UINT64_C(1) << (bit % 64);

    if (__atomic_load_n(&map[bit / 64], __ATOMIC_SEQ_CST) & mask) {
        return true;
    }
    return __atomic_fetch_or(&map[bit / 64], mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool bitmap_test_and_clear_bit_atomic(uint64_t *map, size_t bit)
{
    uint64_t mask = UINT64_C(1) << (bit % 64);

    return __atomic_fetch_and(&map[bit / 64], ~mask, __ATOMIC_SEQ_CST) & mask;
}

/* Ranges of @n bits from @start; @n may be 0. */
void bitmap_set(uint64_t *map, size_t start, size_t n);
void bitmap_clear(uint64_t *map, size_t start, size_t n);
void bitmap_set_atomic(uint64_t *map, size_t start, size_t n);
void bitmap_clear_atomic(uint64_t *map, size_t start, size_t n);

/* Clear a range; true if any bit of it was set. */
bool bitmap_test_and_clear(uint64_t *map, size_t start, size_t n);
bool bitmap_test_and_clear_atomic(uint64_t *map, size_t start, size_t n);

/* Take what is set in @src's range: clear it there (atomically), set it in @dst at the same place
 * (plainly), and return how many bits were not set in @dst before. */
size_t bitmap_take_atomic(uint64_t *dst, uint64_t *src, size_t start, size_t n);

/* The first set (clear) bit at or after @start and below @nbits; @nbits if there is none. */
size_t bitmap_find_next_set(const uint64_t *map, size_t nbits, size_t start);
size_t bitmap_find_next_clear(const uint64_t *map, size_t nbits, size_t start);

/* How many bits of the range are set; whether all, whether none. */
size_t bitmap_count(const uint64_t *map, size_t start, size_t n);
bool bitmap_all_set(const uint64_t *map, size_t start, size_t n);
bool bitmap_all_clear(const uint64_t *map, size_t start, size_t n);

/* Whole maps of @nbits. */
void bitmap_copy(uint64_t *dst, const uint64_t *src, size_t nbits);
void bitmap_or(uint64_t *dst, const uint64_t *src, size_t nbits);
void bitmap_and(uint64_t *dst, const uint64_t *src, size_t nbits);
void bitmap_and_not(uint64_t *dst, const uint64_t *src, size_t nbits);

/* For each set bit below @nbits: for (BITMAP_EACH_SET(bit, map, nbits)) { ... } */
#define BITMAP_EACH_SET(bit, map, nbits)              \
    size_t bit = bitmap_find_next_set(map, nbits, 0); \
    bit < (nbits);                                    \
    bit = bitmap_find_next_set(map, nbits, bit + 1)
