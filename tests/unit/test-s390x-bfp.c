/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick way of extended binary floating point (fastext.h) against the exact one (softfp.h): what it gives is
 * the same bit by bit, and it declines only what it says it declines.
 */
#include <glib.h>
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

static void test_quick_and_exact_agree(void)
{
    static FpBits (*const exact[4])(FpEnv *, FpFormat, FpBits, FpBits) = { fp_add, fp_sub, fp_mul,
                                                                           fp_div };
    uint64_t s = 1;
    unsigned quick = 0, n = 200000;

    for (unsigned k = 0; k < n; k++) {
        FpBits a = number(&s), b = number(&s);
        unsigned op = next_random(&s) & 3;
        FpEnv e = { .rm = FP_NEAREST };
        if (k % 8 == 0) {
            b = a ^ (next_random(&s) & 3) ^ (FpBits)(next_random(&s) & 1) << 127;
        }
        FpBits want = exact[op](&e, FP_EXTENDED, a, b), got = ext_arith(op, a, b);
        if (got) {
            quick++;
            g_assert_true(got == want);
            g_assert_cmpuint(e.flags & ~FP_INEXACT, ==, 0);
        } else {
            /* a result of the least exponent is declined too */
            g_assert_false(is_normal(a) && is_normal(b) && is_normal(want) &&
                           ((want >> 112) & 0x7fff) > 1);
        }
    }
    g_assert_cmpuint(quick, >, n / 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/s390x/bfp/quick-extended-arithmetic-is-exact", test_quick_and_exact_agree);
    return g_test_run();
}
