/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deltas of pages: what is encoded decodes to the same page, and nothing else gets past its bounds. */
#include <string.h>
#include "migration/xbzrle.h"

static void round_trip(const uint8_t *old, const uint8_t *fresh, int expected)
{
    uint8_t delta[XBZRLE_PAGE], page[XBZRLE_PAGE];
    int n = xbzrle_encode(old, fresh, delta, sizeof(delta) - 1);

    if (expected >= -1) {
        g_assert_cmpint(n, ==, expected);
    }
    if (n >= 0) {
        memcpy(page, old, sizeof(page));
        g_assert_null(xbzrle_decode(delta, (unsigned)n, page));
        g_assert_cmpmem(page, sizeof(page), fresh, sizeof(page));
    }
}

static void equal_pages_have_an_empty_delta(void)
{
    uint8_t a[XBZRLE_PAGE] = { 7 };

    round_trip(a, a, 0);
}

static void one_byte_anywhere_is_a_short_delta(void)
{
    uint8_t old[XBZRLE_PAGE] = { 0 }, fresh[XBZRLE_PAGE];

    for (unsigned i = 0; i < XBZRLE_PAGE; i++) {
        memcpy(fresh, old, sizeof(old));
        fresh[i] = 1;
        round_trip(old, fresh, i < 128 ? 3 : 4);
    }
}

static void the_format_is_the_documented_one(void)
{
    uint8_t old[XBZRLE_PAGE] = { 0 }, fresh[XBZRLE_PAGE] = { 0 }, out[XBZRLE_PAGE];
    const uint8_t want[] = { 0x81, 0x02, 0x02, 0xaa, 0xbb, 0x01, 0x01, 0xcc };

    fresh[257] = 0xaa;
    fresh[258] = 0xbb;
    fresh[260] = 0xcc;
    g_assert_cmpmem(out, xbzrle_encode(old, fresh, out, sizeof(out)), want, sizeof(want));
}

static void a_page_that_changed_everywhere_does_not_fit(void)
{
    uint8_t old[XBZRLE_PAGE] = { 0 }, fresh[XBZRLE_PAGE];

    memset(fresh, 1, sizeof(fresh));
    round_trip(old, fresh, -1);
}

static void random_pages_come_back_whole(void)
{
    uint8_t old[XBZRLE_PAGE], fresh[XBZRLE_PAGE];
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (int i = 0; i < 2000; i++) {
        for (unsigned b = 0; b < XBZRLE_PAGE; b++) {
            old[b] = (uint8_t)g_rand_int(rand);
        }
        memcpy(fresh, old, sizeof(old));
        for (int n = g_rand_int_range(rand, 0, 300); n > 0; n--) {
            fresh[g_rand_int_range(rand, 0, XBZRLE_PAGE)] ^= (uint8_t)(1 + n % 255);
        }
        round_trip(old, fresh, -2);
    }
}

/* The page lies before a guard: a write past it would be found by its bytes. */
static void malformed_deltas_write_nothing_outside_the_page(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    uint8_t area[3 * XBZRLE_PAGE], delta[64];

    for (int i = 0; i < 200000; i++) {
        memset(area, 0x5a, sizeof(area));
        unsigned n = (unsigned)g_rand_int_range(rand, 1, sizeof(delta));
        for (unsigned b = 0; b < n; b++) {
            delta[b] = (uint8_t)g_rand_int(rand);
        }
        xbzrle_decode(delta, n, area + XBZRLE_PAGE);
        if (i % 64 == 0) {
            for (unsigned b = 0; b < XBZRLE_PAGE; b++) {
                g_assert_cmphex(area[b], ==, 0x5a);
                g_assert_cmphex(area[2 * XBZRLE_PAGE + b], ==, 0x5a);
            }
        }
    }
}

static void each_malformed_length_is_named(void)
{
    uint8_t page[XBZRLE_PAGE] = { 0 };
    const struct {
        uint8_t bytes[6];
        unsigned n;
        const char *why;
    } rows[] = {
        { { 0x01 }, 1, "malformed" },
        { { 0x81 }, 1, "malformed" },
        { { 0x81, 0x82, 0x01 }, 3, "malformed" },
        { { 0x01, 0x00 }, 2, "empty" },
        { { 0x00, 0x01, 0xaa, 0x00, 0x01, 0xbb }, 6, "empty" },
        { { 0x00, 0x02, 0xaa }, 3, "missing" },
        { { 0x80, 0x20, 0x01, 0xaa }, 4, "longer" },
        { { 0x81, 0x20, 0x01, 0xaa }, 4, "longer" },
        { { 0xff, 0x1f, 0x02, 0xaa, 0xbb }, 5, "longer" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *why = xbzrle_decode(rows[i].bytes, rows[i].n, page);
        g_assert_nonnull(why);
        g_assert_nonnull(strstr(why, rows[i].why));
    }
}

static void a_newer_page_displaces_an_older_one(void)
{
    uint8_t a[XBZRLE_PAGE] = { 1 }, b[XBZRLE_PAGE] = { 2 };
    XbzrleCache *cache = xbzrle_cache_new(4 * XBZRLE_PAGE);

    g_assert_null(xbzrle_cache_find(cache, 0));
    xbzrle_cache_put(cache, 0, a);
    xbzrle_cache_put(cache, 1, b);
    g_assert_cmpint(xbzrle_cache_find(cache, 0)[0], ==, 1);
    xbzrle_cache_put(cache, 4, b);
    g_assert_null(xbzrle_cache_find(cache, 0));
    g_assert_cmpint(xbzrle_cache_find(cache, 4)[0], ==, 2);
    xbzrle_cache_free(cache);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/xbzrle/equal-pages-have-an-empty-delta",
                    equal_pages_have_an_empty_delta);
    g_test_add_func("/migration/xbzrle/one-byte-anywhere-is-a-short-delta",
                    one_byte_anywhere_is_a_short_delta);
    g_test_add_func("/migration/xbzrle/the-format-is-the-documented-one",
                    the_format_is_the_documented_one);
    g_test_add_func("/migration/xbzrle/a-page-that-changed-everywhere-does-not-fit",
                    a_page_that_changed_everywhere_does_not_fit);
    g_test_add_func("/migration/xbzrle/random-pages-come-back-whole", random_pages_come_back_whole);
    g_test_add_func("/migration/xbzrle/malformed-deltas-write-nothing-outside-the-page",
                    malformed_deltas_write_nothing_outside_the_page);
    g_test_add_func("/migration/xbzrle/each-malformed-length-is-named",
                    each_malformed_length_is_named);
    g_test_add_func("/migration/xbzrle/a-newer-page-displaces-an-older-one",
                    a_newer_page_displaces_an_older_one);
    return g_test_run();
}
