/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick way of extended binary floating point (fastext.h) against the exact one (softfp.h): what it gives is
 * the same bit by bit, of arithmetic that of the compiler too, and it declines only what it says it declines.
 */
#include <glib.h>
#include <string.h>
#include "target/s390x/helper/fastext.h"
#include "target/s390x/softfp.h"

static uint64_t next_random(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Long runs of equal bits, and exponents near each other, are more frequent than by chance. */
static FpBits number(uint64_t *s)
{
    uint64_t high = next_random(s), low = next_random(s), how = next_random(s);
    unsigned e = 0x3fff;

    switch (how % 6) {
    case 0: low = 0; break;
    case 1: low = UINT64_MAX; break;
    case 2: high |= 0xffffffffffffu; break;
    case 3: high &= ~0xffffffffffffull; break;
    default: break;
    }
    switch (how >> 8 & 3) {
    case 0: e += (how >> 16) % 5 - 2; break;
    case 1: e += (how >> 16) % 260 - 130; break;
    case 2: e = how >> 16 & 0x7fff; break;
    default: break;
    }
    high = (high & 0x8000ffffffffffffu) | (uint64_t)(e & 0x7fff) << 48;
    return (FpBits)high << 64 | low;
}

static bool is_normal(FpBits v)
{
    unsigned e = (unsigned)(v >> 112) & 0x7fff;

    return e && e < 0x7fff;
}

static bool is_zero(FpBits v)
{
    return !(v & ~EXT_SIGN);
}

/* A zero now and then. */
static FpBits number_or_zero(uint64_t *s)
{
    FpBits v = number(s);

    return next_random(s) % 50 ? v : v & EXT_SIGN;
}

/* May it be declined? A result of the least exponent is, too. */
static bool unusual(FpBits v)
{
    return !is_zero(v) && (!is_normal(v) || (v & ~EXT_SIGN) >> 112 <= 1);
}

/* The compiler's own arithmetic, another implementation. */
static FpBits compilers(unsigned op, FpBits a, FpBits b)
{
    __float128 x, y, r;
    FpBits v;

    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    r = op == 0 ? x + y : op == 1 ? x - y : op == 2 ? x * y : x / y;
    memcpy(&v, &r, sizeof v);
    return v;
}

static void test_quick_and_exact_agree(void)
{
    static FpBits (*const exact[4])(FpEnv *, FpFormat, FpBits, FpBits) = { fp_add, fp_sub, fp_mul,
                                                                           fp_div };
    uint64_t s = 1;
    unsigned quick = 0, n = 400000;

    for (unsigned k = 0; k < n; k++) {
        FpBits a = number_or_zero(&s), b = number_or_zero(&s), got;
        unsigned op = next_random(&s) & 3;
        FpEnv e = { .rm = FP_NEAREST };
        if (k % 8 == 0) {
            b = a ^ (next_random(&s) & 3) ^ (FpBits)(next_random(&s) & 1) << 127;
        }
        FpBits want = exact[op](&e, FP_EXTENDED, a, b);
        if (ext_arith(op, a, b, &got)) {
            quick++;
            g_assert_true(got == want);
            g_assert_true(got == compilers(op, a, b));
            g_assert_cmpuint(e.flags & ~FP_INEXACT, ==, 0);
            g_assert_cmpuint(ext_sign_cc(got), ==, is_zero(got) ? 0 : got >> 127 ? 1 : 2);
        } else {
            bool divided = op == 3 && is_zero(b);
            g_assert_true(unusual(a) || unusual(b) || unusual(want) || divided ||
                          (is_zero(want) && !is_zero(a) && !is_zero(b)));
        }
    }
    g_assert_cmpuint(quick, >, n / 2);
}

static void test_quick_products_with_addend_are_exact(void)
{
    uint64_t s = 6;
    unsigned quick = 0, n = 200000;

    for (unsigned k = 0; k < n; k++) {
        FpBits a = number_or_zero(&s), b = number_or_zero(&s), c = number_or_zero(&s), got;
        FpEnv e = { .rm = FP_NEAREST };
        if (k % 4 == 0) { /* what the product is, or nearly */
            c = fp_mul(&e, FP_EXTENDED, a, b) ^ (next_random(&s) & 1) ^
                (FpBits)(next_random(&s) & 1) << 127;
        } else if (k % 4 == 1) { /* far away, so that only the last bit of the sum can tell */
            c = (c & ~((FpBits)0x7fff << 112)) |
                (((a >> 112) + (b >> 112) - 0x3fff + next_random(&s) % 300 - 150) & 0x7fff) << 112;
        }
        e.flags = 0;
        FpBits want = fp_fma(&e, FP_EXTENDED, a, b, c);
        if (ext_fma(a, b, c, &got)) {
            quick++;
            g_assert_true(got == want);
            g_assert_cmpuint(e.flags & ~FP_INEXACT, ==, 0);
        } else {
            g_assert_true(!is_normal(a) || !is_normal(b) || unusual(c) || unusual(want) ||
                          is_zero(want));
        }
    }
    g_assert_cmpuint(quick, >, n / 2);
}

static void test_quick_roots_are_exact(void)
{
    uint64_t s = 2;
    unsigned quick = 0, n = 60000;

    for (unsigned k = 0; k < n; k++) {
        FpBits a = number_or_zero(&s), got;
        FpEnv e = { .rm = FP_NEAREST };
        if (k % 4 == 0) { /* a square of few bits, or its neighbour */
            a &= ~(((FpBits)1 << (62 + k / 4 % 50)) - 1);
            a = fp_mul(&e, FP_EXTENDED, a, a) + (next_random(&s) % 3 - 1);
            e.flags = 0;
        }
        FpBits want = fp_sqrt(&e, FP_EXTENDED, a);
        if (ext_sqrt(a, &got)) {
            quick++;
            g_assert_true(got == want);
            g_assert_cmpuint(e.flags & ~FP_INEXACT, ==, 0);
        } else {
            g_assert_true(unusual(a) || a >> 127);
        }
    }
    g_assert_cmpuint(quick, >, n / 3);
}

/* The whole root at the ends of its range, where the guess or a quotient has no room. */
static void test_whole_roots_keep_their_promise_at_the_ends(void)
{
    const FpBits least = (FpBits)1 << 126, most = ~(FpBits)0;
    uint64_t s = 3;

    for (unsigned k = 0; k < 20000; k++) {
        uint64_t r = next_random(&s) >> (k & 63);
        uint64_t top = UINT64_MAX - r, low = ((uint64_t)1 << 63) + (r >> 1);
        FpBits of[] = { least + r,
                        most - r,
                        (FpBits)top * top,
                        (FpBits)top * top - 1,
                        (FpBits)low * low,
                        (FpBits)low * low - 1,
                        (FpBits)low * low + 2 * (FpBits)low };
        for (unsigned i = 0; i < G_N_ELEMENTS(of); i++) {
            FpBits m = of[i] < least ? least : of[i], rest;
            uint64_t root = ext_root_word(m, &rest);
            g_assert_true((FpBits)root * root + rest == m && rest <= (FpBits)root * 2);
        }
    }
}

static void test_quick_conversions_are_exact(void)
{
    uint64_t s = 4;
    unsigned quick = 0, products = 0, n = 200000;

    for (unsigned k = 0; k < n; k++) {
        FpBits a = number_or_zero(&s);
        FpFormat to = k & 1 ? FP_LONG : FP_SHORT;
        FpEnv e = { .rm = FP_NEAREST };
        uint64_t got;
        if (k % 3 == 0) { /* a tie, or next to one */
            unsigned lost = 112 - (to == FP_LONG ? 52 : 23);
            a = (a & ~(((FpBits)1 << lost) - 1)) + ((FpBits)1 << (lost - 1)) + next_random(&s) % 3 -
                1;
        }
        FpBits want = fp_convert(&e, to, FP_EXTENDED, a);
        if (to == FP_LONG ? ext_narrow(a, 11, 52, &got) : ext_narrow(a, 8, 23, &got)) {
            quick++;
            g_assert_cmphex(got, ==, (uint64_t)want);
            g_assert_cmpuint(e.flags & ~FP_INEXACT, ==, 0);
        } else {
            unsigned exp =
                (uint64_t)want >> (to == FP_LONG ? 52 : 23) & (to == FP_LONG ? 0x7ff : 0xff);
            g_assert_true(!is_normal(a) || exp <= 2 || exp == (to == FP_LONG ? 0x7ff : 0xff));
        }

        uint64_t x = next_random(&s), y = next_random(&s);
        e.flags = 0;
        want = fp_mul(&e, FP_EXTENDED, fp_convert(&e, FP_EXTENDED, FP_LONG, x),
                      fp_convert(&e, FP_EXTENDED, FP_LONG, y));
        if (ext_mul_long(x, y, &a)) {
            products++;
            g_assert_true(a == want);
            g_assert_cmpuint(e.flags, ==, 0);
        }
    }
    g_assert_cmpuint(quick, >, n / 4);
    g_assert_cmpuint(products, >, n / 2);
}

static void test_order_is_that_of_numbers(void)
{
    uint64_t s = 5;

    for (unsigned k = 0; k < 100000; k++) {
        FpBits a = number_or_zero(&s), b = k % 3 ? number_or_zero(&s) : a ^ (next_random(&s) & 1);
        FpEnv e = { .rm = FP_NEAREST };
        b ^= (FpBits)(next_random(&s) & 1) << 127;
        g_assert_cmpuint(ext_order(a, b), ==, fp_compare(&e, FP_EXTENDED, a, b, false));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/s390x/bfp/quick-extended-arithmetic-is-exact", test_quick_and_exact_agree);
    g_test_add_func("/s390x/bfp/quick-products-with-addend-are-exact",
                    test_quick_products_with_addend_are_exact);
    g_test_add_func("/s390x/bfp/quick-extended-roots-are-exact", test_quick_roots_are_exact);
    g_test_add_func("/s390x/bfp/whole-roots-keep-their-promise-at-the-ends",
                    test_whole_roots_keep_their_promise_at_the_ends);
    g_test_add_func("/s390x/bfp/quick-conversions-are-exact", test_quick_conversions_are_exact);
    g_test_add_func("/s390x/bfp/the-order-is-that-of-numbers", test_order_is_that_of_numbers);
    return g_test_run();
}
