/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XBZRLE deltas and the sender's cache: see xbzrle.h for the format. */
#include "xbzrle.h"
#include <string.h>

/* ---- deltas ---- */

static unsigned put_count(uint8_t *out, unsigned count)
{
    if (count < 0x80) {
        out[0] = (uint8_t)count;
        return 1;
    }
    out[0] = (uint8_t)(count | 0x80);
    out[1] = (uint8_t)(count >> 7);
    return 2;
}

static unsigned same_run(const uint8_t *a, const uint8_t *b, unsigned at)
{
    unsigned i = at;
    while (i + 8 <= XBZRLE_PAGE && !memcmp(a + i, b + i, 8)) {
        i += 8;
    }
    while (i < XBZRLE_PAGE && a[i] == b[i]) {
        i++;
    }
    return i - at;
}

static unsigned other_run(const uint8_t *a, const uint8_t *b, unsigned at)
{
    unsigned i = at;
    while (i < XBZRLE_PAGE && a[i] != b[i]) {
        i++;
    }
    return i - at;
}

int xbzrle_encode(const uint8_t *old, const uint8_t *fresh, uint8_t *out, unsigned max)
{
    unsigned at = 0, n = 0;
    for (;;) {
        unsigned same = same_run(old, fresh, at);
        at += same;
        if (at == XBZRLE_PAGE) {
            return (int)n;
        }
        unsigned other = other_run(old, fresh, at);
        if (n + 4 + other > max) {
            return -1;
        }
        n += put_count(out + n, same);
        n += put_count(out + n, other);
        memcpy(out + n, fresh + at, other);
        n += other;
        at += other;
    }
}

/* False: cut off, or more than two bytes. */
static bool get_count(const uint8_t **p, const uint8_t *end, unsigned *count)
{
    if (*p == end) {
        return false;
    }
    *count = *(*p)++;
    if (*count < 0x80) {
        return true;
    }
    if (*p == end || **p >= 0x80) {
        return false;
    }
    *count = (*count & 0x7f) | (unsigned)*(*p)++ << 7;
    return true;
}

const char *xbzrle_decode(const uint8_t *delta, unsigned n, uint8_t *page)
{
    const uint8_t *p = delta, *end = delta + n;
    unsigned at = 0, same, other;
    while (p < end) {
        if (!get_count(&p, end, &same) || !get_count(&p, end, &other)) {
            return "a run's length is malformed";
        }
        if ((!same && at) || !other) {
            return "a run is empty";
        }
        if (same > XBZRLE_PAGE - at || other > XBZRLE_PAGE - at - same) {
            return "the runs are longer than a page";
        }
        if (other > (size_t)(end - p)) {
            return "the bytes of a run are missing";
        }
        memcpy(page + at + same, p, other);
        p += other;
        at += same + other;
    }
    return NULL;
}

/* ---- the cache ---- */

struct XbzrleCache {
    uint64_t mask;
    uint64_t *keys;  /* key + 1; 0: free */
    uint8_t **pages; /* allocated when first used */
};

XbzrleCache *xbzrle_cache_new(uint64_t bytes)
{
    uint64_t n = 1;
    while (n * 2 <= bytes / XBZRLE_PAGE && n < 1ull << 31) {
        n *= 2;
    }
    g_autofree uint64_t *keys = g_try_new0(uint64_t, n);
    uint8_t **pages = g_try_new0(uint8_t *, n);
    if (!keys || !pages) {
        g_free(pages);
        return NULL;
    }
    XbzrleCache *cache = g_new0(XbzrleCache, 1);
    *cache = (XbzrleCache){ n - 1, g_steal_pointer(&keys), pages };
    return cache;
}

void xbzrle_cache_free(XbzrleCache *cache)
{
    if (!cache) {
        return;
    }
    for (uint64_t i = 0; i <= cache->mask; i++) {
        g_free(cache->pages[i]);
    }
    g_free(cache->keys);
    g_free(cache->pages);
    g_free(cache);
}

uint8_t *xbzrle_cache_find(XbzrleCache *cache, uint64_t key)
{
    uint64_t i = key & cache->mask;
    return cache->keys[i] == key + 1 ? cache->pages[i] : NULL;
}

void xbzrle_cache_put(XbzrleCache *cache, uint64_t key, const uint8_t *page)
{
    uint64_t i = key & cache->mask;
    if (!cache->pages[i]) {
        cache->pages[i] = g_malloc(XBZRLE_PAGE);
    }
    memcpy(cache->pages[i], page, XBZRLE_PAGE);
    cache->keys[i] = key + 1;
}
