/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The byte queue. Every copy is at most two pieces: up to the end of the array, and from its start.
 */
#include "base/util/ring.h"

#include <string.h>

void byte_ring_init(ByteRing *ring, size_t capacity)
{
    g_assert(capacity > 0);
    *ring = (ByteRing){ .data = g_malloc0(capacity), .capacity = capacity };
}

void byte_ring_clear(ByteRing *ring)
{
    g_free(ring->data);
    *ring = (ByteRing){ 0 };
}

void byte_ring_reset(ByteRing *ring)
{
    ring->head = 0;
    ring->used = 0;
}

size_t byte_ring_write(ByteRing *ring, const void *data, size_t n)
{
    size_t tail, piece;

    n = MIN(n, byte_ring_space(ring));
    if (n == 0) {
        return 0;
    }
    tail = (ring->head + ring->used) % ring->capacity;
    piece = MIN(n, ring->capacity - tail);
    memcpy(ring->data + tail, data, piece);
    memcpy(ring->data, (const uint8_t *)data + piece, n - piece);
    ring->used += n;
    return n;
}

void byte_ring_overwrite(ByteRing *ring, const void *data, size_t n)
{
    const uint8_t *p = data;

    if (n > ring->capacity) {
        p += n - ring->capacity;
        n = ring->capacity;
    }
    if (n > byte_ring_space(ring)) {
        byte_ring_read(ring, NULL, n - byte_ring_space(ring));
    }
    byte_ring_write(ring, p, n);
}

size_t byte_ring_peek(const ByteRing *ring, void *out, size_t n)
{
    size_t piece;

    n = MIN(n, ring->used);
    if (n == 0) {
        return 0;
    }
    piece = MIN(n, ring->capacity - ring->head);
    memcpy(out, ring->data + ring->head, piece);
    memcpy((uint8_t *)out + piece, ring->data, n - piece);
    return n;
}

size_t byte_ring_read(ByteRing *ring, void *out, size_t n)
{
    n = out ? byte_ring_peek(ring, out, n) : MIN(n, ring->used);
    ring->head = (ring->head + n) % ring->capacity;
    ring->used -= n;
    return n;
}
