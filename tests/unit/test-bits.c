/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bit fields, counts and byte order at their edges: width 0 and 64, zero, and values that do not
 * fit.
 */
#include "base/util/bits.h"
#include "base/util/endian.h"
#include "base/util/int128.h"

static void test_fields_extract_and_deposit(void)
{
    g_assert_cmphex(bits_extract64(0x123456789abcdef0, 4, 8), ==, 0xef);
    g_assert_cmphex(bits_extract64(0x123456789abcdef0, 0, 64), ==, 0x123456789abcdef0);
    g_assert_cmphex(bits_extract64(UINT64_MAX, 63, 1), ==, 1);
    g_assert_cmphex(bits_extract64(UINT64_MAX, 12, 0), ==, 0);
    g_assert_cmphex(bits_extract32(0xdeadbeef, 16, 16), ==, 0xdead);
    g_assert_cmphex(bits_deposit64(0, 60, 4, 0xff), ==, 0xf000000000000000);
    g_assert_cmphex(bits_deposit64(UINT64_MAX, 8, 8, 0), ==, 0xffffffffffff00ff);
    g_assert_cmphex(bits_deposit64(5, 0, 64, 7), ==, 7);
    g_assert_cmphex(bits_deposit64(5, 3, 0, 7), ==, 5);
    g_assert_cmphex(bits_deposit32(0xffffffff, 4, 4, 0x12), ==, 0xffffff2f);
}

static void test_sign_extension(void)
{
    g_assert_cmpint(bits_sign_extend64(0x80, 8), ==, -128);
    g_assert_cmpint(bits_sign_extend64(0x17f, 8), ==, 127);
    g_assert_cmpint(bits_sign_extend64(UINT64_MAX, 64), ==, -1);
    g_assert_cmpint(bits_sign_extend64(1, 1), ==, -1);
    g_assert_cmpint(bits_sign_extend32(0x8000, 16), ==, -32768);
    g_assert_cmpint(bits_sextract64(0x0000f00000000000, 44, 4), ==, -1);
    g_assert_cmpint(bits_sextract32(0x70000000, 28, 4), ==, 7);
}

static void test_counts_are_defined_at_zero(void)
{
    g_assert_cmpuint(bits_ctz32(0), ==, 32);
    g_assert_cmpuint(bits_ctz64(0), ==, 64);
    g_assert_cmpuint(bits_clz32(0), ==, 32);
    g_assert_cmpuint(bits_clz64(0), ==, 64);
    g_assert_cmpuint(bits_clz64(1), ==, 63);
    g_assert_cmpuint(bits_ctz64(UINT64_C(1) << 63), ==, 63);
    g_assert_cmpuint(bits_popcount64(UINT64_MAX), ==, 64);
    g_assert_cmpuint(bits_popcount32(0xf0f0), ==, 8);
}

static void test_powers_and_alignment(void)
{
    g_assert_false(bits_is_pow2(0));
    g_assert_true(bits_is_pow2(UINT64_C(1) << 63));
    g_assert_false(bits_is_pow2(3));
    g_assert_cmphex(bits_pow2_floor(0), ==, 0);
    g_assert_cmphex(bits_pow2_floor(4095), ==, 2048);
    g_assert_cmphex(bits_pow2_ceil(0), ==, 1);
    g_assert_cmphex(bits_pow2_ceil(4097), ==, 8192);
    g_assert_cmphex(bits_pow2_ceil(4096), ==, 4096);
    g_assert_cmphex(bits_pow2_ceil(UINT64_MAX), ==, 0);
    g_assert_cmphex(bits_align_up(4097, 4096), ==, 8192);
    g_assert_cmphex(bits_align_down(8191, 4096), ==, 4096);
    g_assert_true(bits_is_aligned(0x2000, 0x1000));
    g_assert_false(bits_is_aligned(0x2001, 0x1000));
    g_assert_cmphex(bits_div_round_up(UINT64_MAX, 2), ==, UINT64_C(1) << 63);
}

static void test_rotations_take_any_count(void)
{
    g_assert_cmphex(bits_rol8(0x81, 1), ==, 0x03);
    g_assert_cmphex(bits_ror16(0x0001, 17), ==, 0x8000);
    g_assert_cmphex(bits_rol32(0x80000001, 32), ==, 0x80000001);
    g_assert_cmphex(bits_ror64(1, 1), ==, UINT64_C(1) << 63);
    g_assert_cmphex(bits_rol64(0x0123456789abcdef, 0), ==, 0x0123456789abcdef);
}

static void test_byte_orders_at_any_alignment(void)
{
    static const uint8_t bytes[] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };
    uint8_t out[9] = { 0 };

    g_assert_cmphex(ld_be16(bytes + 1), ==, 0x0102);
    g_assert_cmphex(ld_le16(bytes + 1), ==, 0x0201);
    g_assert_cmphex(ld_be32(bytes + 1), ==, 0x01020304);
    g_assert_cmphex(ld_le32(bytes + 1), ==, 0x04030201);
    g_assert_cmphex(ld_be64(bytes + 1), ==, 0x0102030405060708);
    g_assert_cmphex(ld_le64(bytes + 1), ==, 0x0807060504030201);
    g_assert_cmphex(ld_be(bytes + 1, 3), ==, 0x010203);
    g_assert_cmphex(ld_le(bytes + 1, 3), ==, 0x030201);
    st_be(out + 1, 3, 0x010203);
    g_assert_cmpmem(out, 5, "\0\1\2\3\0", 5);
    st_le(out + 1, 2, 0x0102);
    g_assert_cmpmem(out, 4, "\0\2\1\3", 4);
    st_be64(out + 1, 0x0102030405060708);
    g_assert_cmpmem(out + 1, 8, bytes + 1, 8);
    g_assert_cmphex(bswap32(0x01020304), ==, 0x04030201);
}

static void test_wide_integers_have_halves(void)
{
    UInt128 v = u128_make(1, UINT64_MAX) + 1;

    g_assert_cmphex(u128_high(v), ==, 2);
    g_assert_cmphex(u128_low(v), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/bits/fields-extract-and-deposit", test_fields_extract_and_deposit);
    g_test_add_func("/util/bits/sign-extension", test_sign_extension);
    g_test_add_func("/util/bits/counts-are-defined-at-zero", test_counts_are_defined_at_zero);
    g_test_add_func("/util/bits/powers-and-alignment", test_powers_and_alignment);
    g_test_add_func("/util/bits/rotations-take-any-count", test_rotations_take_any_count);
    g_test_add_func("/util/endian/byte-orders-at-any-alignment", test_byte_orders_at_any_alignment);
    g_test_add_func("/util/int128/wide-integers-have-halves", test_wide_integers_have_halves);
    return g_test_run();
}
