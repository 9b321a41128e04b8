/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranges of bits, a word at a time. Every range operation is the same walk: a mask for each word
 * that the range touches, partial at both ends.
 */
#include "base/util/bitmap.h"

#include <string.h>

#include "base/util/bits.h"

/* The part of a range that lies in one word, and what is left of the range after it. */
typedef struct Span {
    size_t word;
    uint64_t mask;
    size_t next; /* first bit after this part */
    size_t end;
} Span;

static bool span_next(Span *s)
{
    unsigned low;
    size_t n;

    if (s->next >= s->end) {
        return false;
    }
    low = s->next % BITMAP_WORD_BITS;
    n = MIN(BITMAP_WORD_BITS - low, s->end - s->next);
    s->word = s->next / BITMAP_WORD_BITS;
    s->mask = bits_mask64((unsigned)n) << low;
    s->next += n;
    return true;
}

static Span span_of(size_t start, size_t n)
{
    return (Span){ .next = start, .end = start + n };
}

uint64_t *bitmap_new(size_t nbits)
{
    return g_new0(uint64_t, MAX(bitmap_words(nbits), 1));
}

void bitmap_set(uint64_t *map, size_t start, size_t n)
{
    for (Span s = span_of(start, n); span_next(&s);) {
        map[s.word] |= s.mask;
    }
}

void bitmap_clear(uint64_t *map, size_t start, size_t n)
{
    for (Span s = span_of(start, n); span_next(&s);) {
        map[s.word] &= ~s.mask;
    }
}

void bitmap_set_atomic(uint64_t *map, size_t start, size_t n)
{
    for (Span s = span_of(start, n); span_next(&s);) {
        __atomic_fetch_or(&map[s.word], s.mask, __ATOMIC_SEQ_CST);
    }
}

void bitmap_clear_atomic(uint64_t *map, size_t start, size_t n)
{
    for (Span s = span_of(start, n); span_next(&s);) {
        __atomic_fetch_and(&map[s.word], ~s.mask, __ATOMIC_SEQ_CST);
    }
}

bool bitmap_test_and_clear(uint64_t *map, size_t start, size_t n)
{
    uint64_t any = 0;

    for (Span s = span_of(start, n); span_next(&s);) {
        any |= map[s.word] & s.mask;
        map[s.word] &= ~s.mask;
    }
    return any;
}

bool bitmap_test_and_clear_atomic(uint64_t *map, size_t start, size_t n)
{
    uint64_t any = 0;

    for (Span s = span_of(start, n); span_next(&s);) {
        /* Mostly clear maps are walked without taking their lines for writing. */
        if (__atomic_load_n(&map[s.word], __ATOMIC_SEQ_CST) & s.mask) {
            any |= __atomic_fetch_and(&map[s.word], ~s.mask, __ATOMIC_SEQ_CST) & s.mask;
        }
    }
    return any;
}

size_t bitmap_take_atomic(uint64_t *dst, uint64_t *src, size_t start, size_t n)
{
    size_t added = 0;

    for (Span s = span_of(start, n); span_next(&s);) {
        uint64_t taken;

        if (!(__atomic_load_n(&src[s.word], __ATOMIC_SEQ_CST) & s.mask)) {
            continue;
        }
        taken = __atomic_fetch_and(&src[s.word], ~s.mask, __ATOMIC_SEQ_CST) & s.mask;
        added += bits_popcount64(taken & ~dst[s.word]);
        dst[s.word] |= taken;
    }
    return added;
}

static size_t find_next(const uint64_t *map, size_t nbits, size_t start, uint64_t invert)
{
    if (start >= nbits) {
        return nbits;
    }
    for (Span s = span_of(start, nbits - start); span_next(&s);) {
        uint64_t hit = (__atomic_load_n(&map[s.word], __ATOMIC_RELAXED) ^ invert) & s.mask;

        if (hit) {
            return s.word * BITMAP_WORD_BITS + bits_ctz64(hit);
        }
    }
    return nbits;
}

size_t bitmap_find_next_set(const uint64_t *map, size_t nbits, size_t start)
{
    return find_next(map, nbits, start, 0);
}

size_t bitmap_find_next_clear(const uint64_t *map, size_t nbits, size_t start)
{
    return find_next(map, nbits, start, UINT64_MAX);
}

size_t bitmap_count(const uint64_t *map, size_t start, size_t n)
{
    size_t count = 0;

    for (Span s = span_of(start, n); span_next(&s);) {
        count += bits_popcount64(__atomic_load_n(&map[s.word], __ATOMIC_RELAXED) & s.mask);
    }
    return count;
}

bool bitmap_all_set(const uint64_t *map, size_t start, size_t n)
{
    return bitmap_find_next_clear(map, start + n, start) == start + n;
}

bool bitmap_all_clear(const uint64_t *map, size_t start, size_t n)
{
    return bitmap_find_next_set(map, start + n, start) == start + n;
}

void bitmap_copy(uint64_t *dst, const uint64_t *src, size_t nbits)
{
    for (Span s = span_of(0, nbits); span_next(&s);) {
        dst[s.word] = (dst[s.word] & ~s.mask) | (src[s.word] & s.mask);
    }
}

void bitmap_or(uint64_t *dst, const uint64_t *src, size_t nbits)
{
    for (Span s = span_of(0, nbits); span_next(&s);) {
        dst[s.word] |= src[s.word] & s.mask;
    }
}

void bitmap_and(uint64_t *dst, const uint64_t *src, size_t nbits)
{
    for (Span s = span_of(0, nbits); span_next(&s);) {
        dst[s.word] &= src[s.word] | ~s.mask;
    }
}

void bitmap_and_not(uint64_t *dst, const uint64_t *src, size_t nbits)
{
    for (Span s = span_of(0, nbits); span_next(&s);) {
        dst[s.word] &= ~(src[s.word] & s.mask);
    }
}
