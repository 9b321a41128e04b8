/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A byte queue of fixed capacity: serial FIFOs, ring buffer character devices. One thread, or the
 * caller's lock. It never grows and never blocks: what does not fit is not taken.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ByteRing {
    uint8_t *data; /* owned */
    size_t capacity;
    size_t head; /* index of the oldest byte; < capacity */
    size_t used; /* <= capacity */
} ByteRing;

/* @capacity is at least 1. */
void byte_ring_init(ByteRing *ring, size_t capacity);
void byte_ring_clear(ByteRing *ring);

/* Forget the content. */
void byte_ring_reset(ByteRing *ring);

static inline size_t byte_ring_used(const ByteRing *ring)
{
    return ring->used;
}

static inline size_t byte_ring_space(const ByteRing *ring)
{
    return ring->capacity - ring->used;
}

/* Append what fits, return how much that was. */
size_t byte_ring_write(ByteRing *ring, const void *data, size_t n);

/* Append all, dropping the oldest bytes for it. */
void byte_ring_overwrite(ByteRing *ring, const void *data, size_t n);

/* Take up to @n bytes out; peek leaves them. @out may be NULL for a read that drops. */
size_t byte_ring_read(ByteRing *ring, void *out, size_t n);
size_t byte_ring_peek(const ByteRing *ring, void *out, size_t n);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ByteRing, byte_ring_clear)
