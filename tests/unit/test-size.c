/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed sizes and numbers: what is taken, what it means, and what the refusal says.
 */
#include <string.h>

#include "base/util/error.h"
#include "base/util/size.h"
#include "base/util/units.h"

static void test_good_sizes_parse(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        { "0", 0 },
        { "512", 512 },
        { "0x1000", 4096 },
        { "0X10", 16 },
        { "1b", 1 },
        { "4k", 4 * KiB },
        { "4G", 4 * GiB },
        { "1.5G", GiB + 512 * MiB },
        { "0.1K", 102 },
        { "1.000000000000000000000001E", EiB },
        { "15.5E", 15 * EiB + 512 * PiB },
        { "18446744073709551615", UINT64_MAX },
        { "3T", 3 * TiB },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t bytes = 0;

        g_assert_true(size_parse("size", cases[i].text, &bytes, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(bytes, ==, cases[i].bytes);
    }
}

static void test_bad_sizes_are_refused(void)
{
    static const struct {
        const char *text;
        UtilError code;
    } cases[] = {
        { "", UTIL_ERROR_INVALID },
        { "G", UTIL_ERROR_INVALID },
        { "-1", UTIL_ERROR_INVALID },
        { " 1", UTIL_ERROR_INVALID },
        { "1 G", UTIL_ERROR_INVALID },
        { "1GB", UTIL_ERROR_INVALID },
        { "1x", UTIL_ERROR_INVALID },
        { "0x", UTIL_ERROR_INVALID },
        { "0x20M", UTIL_ERROR_INVALID },
        { "1.", UTIL_ERROR_INVALID },
        { "1.G", UTIL_ERROR_INVALID },
        { ".5G", UTIL_ERROR_INVALID },
        { "1.5", UTIL_ERROR_INVALID },
        { "1.5B", UTIL_ERROR_INVALID },
        { "1e3", UTIL_ERROR_INVALID },
        { "0x1.8G", UTIL_ERROR_INVALID },
        { "16E", UTIL_ERROR_RANGE },
        { "18446744073709551616", UTIL_ERROR_RANGE },
        { "99999999999999999999999999G", UTIL_ERROR_RANGE },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t bytes = 77;

        g_assert_false(size_parse("size", cases[i].text, &bytes, &error));
        g_assert_error(error, FERRY_UTIL_ERROR, (int)cases[i].code);
        g_assert_cmpuint(bytes, ==, 77);
        g_assert_nonnull(strstr(error->message, cases[i].text));
    }
}

static void test_default_unit_applies_without_suffix(void)
{
    uint64_t bytes;

    g_assert_true(size_parse_unit("memory size", "512", MiB, &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 512 * MiB);
    g_assert_true(size_parse_unit("memory size", "1.5", MiB, &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 1536 * KiB);
    g_assert_true(size_parse_unit("memory size", "512k", MiB, &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 512 * KiB);
    g_assert_false(size_parse_unit("memory size", "18446744073709551615", MiB, &bytes, NULL));
}

static void test_integers_keep_to_their_range(void)
{
    g_autoptr(GError) error = NULL;
    uint64_t u = 0;
    int64_t i = 0;

    g_assert_true(uint_parse("port", "65535", 1, 65535, &u, NULL));
    g_assert_cmpuint(u, ==, 65535);
    g_assert_false(uint_parse("port", "65536", 1, 65535, &u, &error));
    g_assert_cmpstr(error->message, ==, "port: 65536 is not in the range 1 to 65535");
    g_assert_false(uint_parse("port", "-1", 0, 65535, &u, NULL));
    g_assert_false(uint_parse("port", "12a", 0, 65535, &u, NULL));
    g_assert_true(int_parse("n", "-9223372036854775808", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_cmpint(i, ==, INT64_MIN);
    g_assert_false(int_parse("n", "-9223372036854775809", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_false(int_parse("n", "9223372036854775808", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_true(int_parse("n", "0x7f", -128, 127, &i, NULL));
    g_assert_cmpint(i, ==, 127);
    g_assert_false(int_parse("n", "--1", -128, 127, &i, NULL));
}

static void test_booleans_have_few_spellings(void)
{
    g_autoptr(GError) error = NULL;
    bool b = false;

    g_assert_true(bool_parse("kernel-irqchip", "on", &b, NULL));
    g_assert_true(b);
    g_assert_true(bool_parse("kernel-irqchip", "no", &b, NULL));
    g_assert_false(b);
    g_assert_false(bool_parse("kernel-irqchip", "maybe", &b, &error));
    g_assert_cmpstr(error->message, ==, "kernel-irqchip: 'maybe' is not 'on' or 'off'");
}

static void test_sizes_print_for_people(void)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1 KiB" },
        { GiB + GiB / 2, "1.5 GiB" },
        { 1023 * MiB, "1023 MiB" },
        { EiB, "1 EiB" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = size_format(cases[i].bytes);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/size/good-sizes-parse", test_good_sizes_parse);
    g_test_add_func("/util/size/bad-sizes-are-refused", test_bad_sizes_are_refused);
    g_test_add_func("/util/size/default-unit-applies-without-suffix",
                    test_default_unit_applies_without_suffix);
    g_test_add_func("/util/size/integers-keep-to-their-range", test_integers_keep_to_their_range);
    g_test_add_func("/util/size/booleans-have-few-spellings", test_booleans_have_few_spellings);
    g_test_add_func("/util/size/sizes-print-for-people", test_sizes_print_for_people);
    return g_test_run();
}
