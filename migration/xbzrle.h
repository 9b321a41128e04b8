/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XBZRLE: a page that was sent before travels as its difference from what was sent then. The sender
 * keeps copies of pages in a cache of fixed size; the receiver's base is the page itself.
 *
 * A delta is runs by turns, the first of bytes that stay: ULEB128 count; then of bytes that change:
 * ULEB128 count and the bytes. Counts have at most two bytes. What stays at the end is left out.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define XBZRLE_PAGE 4096u

/* The delta in @out, of at most @max bytes; 0: the pages are equal; -1: it does not fit. */
int xbzrle_encode(const uint8_t *old, const uint8_t *fresh, uint8_t *out, unsigned max);
/* Applies @n bytes of a delta to @page. Every run is checked; NULL, or what is wrong (then a part may
   have been applied). */
const char *xbzrle_decode(const uint8_t *delta, unsigned n, uint8_t *page);

/* Copies of pages by key (any number that names one page); a key has one place, where a newer page
   displaces an older one. Not thread-safe. */
typedef struct XbzrleCache XbzrleCache;
/* @bytes of pages (rounded down to a power of two of them). */
XbzrleCache *xbzrle_cache_new(uint64_t bytes);
void xbzrle_cache_free(XbzrleCache *cache);
/* The copy of the page, to be changed in place; NULL: not there. */
uint8_t *xbzrle_cache_find(XbzrleCache *cache, uint64_t key);
void xbzrle_cache_put(XbzrleCache *cache, uint64_t key, const uint8_t *page);
