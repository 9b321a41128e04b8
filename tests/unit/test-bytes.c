/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bounded reader and writer: values and orders, and above all what happens at the end.
 */
#include <string.h>

#include "base/util/bytes.h"
#include "base/util/error.h"

static void test_integers_come_back(void)
{
    g_auto(ByteWriter) w;
    ByteReader r;

    byte_writer_init(&w);
    byte_writer_u8(&w, 0x01);
    byte_writer_be16(&w, 0x0203);
    byte_writer_be32(&w, 0x04050607);
    byte_writer_be64(&w, 0x08090a0b0c0d0e0f);
    byte_writer_le16(&w, 0x1110);
    byte_writer_le32(&w, 0x15141312);
    byte_writer_le64(&w, 0x1d1c1b1a19181716);
    g_assert_cmpuint(byte_writer_len(&w), ==, 29);
    for (unsigned i = 0; i < 29; i++) {
        g_assert_cmpuint(w.data[i], ==, i + 1);
    }

    byte_reader_init(&r, w.data, w.len);
    g_assert_cmphex(byte_reader_u8(&r), ==, 0x01);
    g_assert_cmphex(byte_reader_be16(&r), ==, 0x0203);
    g_assert_cmphex(byte_reader_be32(&r), ==, 0x04050607);
    g_assert_cmphex(byte_reader_be64(&r), ==, 0x08090a0b0c0d0e0f);
    g_assert_cmphex(byte_reader_le16(&r), ==, 0x1110);
    g_assert_cmphex(byte_reader_le32(&r), ==, 0x15141312);
    g_assert_cmphex(byte_reader_le64(&r), ==, 0x1d1c1b1a19181716);
    g_assert_true(byte_reader_finish(&r, "test", NULL));
}

static void test_overrun_is_sticky(void)
{
    static const uint8_t data[] = { 1, 2, 3 };
    g_autoptr(GError) error = NULL;
    uint8_t copy[2] = { 9, 9 };
    ByteReader r;

    byte_reader_init(&r, data, sizeof(data));
    g_assert_cmphex(byte_reader_be16(&r), ==, 0x0102);
    g_assert_cmphex(byte_reader_be16(&r), ==, 0);
    g_assert_false(byte_reader_ok(&r));
    g_assert_cmpuint(byte_reader_left(&r), ==, 0);
    /* One byte is left, but what follows an overrun would be out of step. */
    g_assert_cmphex(byte_reader_u8(&r), ==, 0);
    g_assert_false(byte_reader_copy(&r, copy, 1));
    g_assert_cmpuint(copy[0], ==, 0);
    g_assert_cmpuint(copy[1], ==, 9);
    g_assert_null(byte_reader_borrow(&r, 0));
    g_assert_false(byte_reader_finish(&r, "record", &error));
    g_assert_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_TRUNCATED);
    g_assert_cmpstr(error->message, ==,
                    "record: data ends too early: 2 bytes wanted at offset 2 of 3");
}

static void test_huge_lengths_do_not_wrap(void)
{
    static const uint8_t data[8] = { 0 };
    ByteReader r, sub;

    byte_reader_init(&r, data, sizeof(data));
    g_assert_true(byte_reader_skip(&r, 4));
    g_assert_null(byte_reader_borrow(&r, SIZE_MAX));
    byte_reader_init(&r, data, sizeof(data));
    g_assert_true(byte_reader_skip(&r, 4));
    g_assert_false(byte_reader_sub(&r, SIZE_MAX - 2, &sub));
    g_assert_false(byte_reader_ok(&sub));
    g_assert_cmphex(byte_reader_u8(&sub), ==, 0);
}

static void test_leftovers_are_an_error(void)
{
    g_autoptr(GError) error = NULL;
    ByteReader r;

    byte_reader_init(&r, "abc", 3);
    byte_reader_u8(&r);
    g_assert_true(byte_reader_check(&r, "record", NULL));
    g_assert_false(byte_reader_finish(&r, "record", &error));
    g_assert_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_TRAILING);
    g_assert_cmpstr(error->message, ==, "record: 2 bytes left over after offset 1");
}

static void test_empty_input_reads_nothing(void)
{
    ByteReader r;

    byte_reader_init(&r, NULL, 0);
    g_assert_nonnull(byte_reader_borrow(&r, 0));
    g_assert_true(byte_reader_finish(&r, "nothing", NULL));
    g_assert_cmphex(byte_reader_le64(&r), ==, 0);
    g_assert_false(byte_reader_ok(&r));
}

static void test_strings_come_back(void)
{
    g_auto(ByteWriter) w;
    g_autofree char *a = NULL, *b = NULL, *c = NULL, *none = NULL;
    ByteReader r;

    byte_writer_init(&w);
    byte_writer_str8(&w, "serial");
    byte_writer_str_be16(&w, "");
    byte_writer_str_be32(&w, "ram");
    g_assert_cmpuint(w.len, ==, 7 + 2 + 7);
    byte_reader_init(&r, w.data, w.len);
    a = byte_reader_str8(&r);
    b = byte_reader_str_be16(&r);
    c = byte_reader_str_be32(&r);
    g_assert_cmpstr(a, ==, "serial");
    g_assert_cmpstr(b, ==, "");
    g_assert_cmpstr(c, ==, "ram");
    none = byte_reader_str8(&r);
    g_assert_null(none);
}

static void test_bad_strings_fail(void)
{
    g_autofree char *s = NULL, *t = NULL, *long_string = g_strnfill(256, 'x');
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;
    ByteReader r;

    byte_reader_init(&r,
                     "\x03"
                     "a\0b",
                     4);
    s = byte_reader_str8(&r);
    g_assert_null(s);
    g_assert_false(byte_reader_check(&r, "idstr", &error));
    g_assert_cmpstr(error->message, ==, "idstr: string holds a NUL byte at offset 1");

    byte_reader_init(&r,
                     "\xff\xff\xff\xff"
                     "a",
                     5);
    t = byte_reader_str_be32(&r);
    g_assert_null(t);

    byte_writer_init(&w);
    byte_writer_str8(&w, long_string);
    g_assert_false(byte_writer_ok(&w));
    g_assert_cmpuint(w.len, ==, 0);
}

static void test_sub_reader_keeps_to_its_part(void)
{
    ByteReader r, sub;

    byte_reader_init(&r, "\x01\x02\x03\x04", 4);
    byte_reader_u8(&r);
    g_assert_true(byte_reader_sub(&r, 2, &sub));
    g_assert_cmphex(byte_reader_be16(&sub), ==, 0x0203);
    g_assert_true(byte_reader_finish(&sub, "sub", NULL));
    g_assert_cmphex(byte_reader_u8(&sub), ==, 0);
    g_assert_cmphex(byte_reader_u8(&r), ==, 4);
    g_assert_true(byte_reader_finish(&r, "all", NULL));
}

static void test_fixed_writer_stops_at_its_end(void)
{
    uint8_t buffer[6];
    ByteWriter w;

    memset(buffer, 0xee, sizeof(buffer));
    byte_writer_init_fixed(&w, buffer, 5);
    byte_writer_be32(&w, 1);
    byte_writer_be16(&w, 2);
    g_assert_false(byte_writer_ok(&w));
    byte_writer_u8(&w, 3);
    g_assert_cmpuint(w.len, ==, 4);
    g_assert_cmphex(buffer[4], ==, 0xee);
    byte_writer_reset(&w);
    g_assert_true(byte_writer_ok(&w));
    byte_writer_clear(&w);
}

static void test_writer_respects_its_limit(void)
{
    g_auto(ByteWriter) w;

    byte_writer_init_limited(&w, 100);
    byte_writer_zero(&w, 100);
    g_assert_true(byte_writer_ok(&w));
    byte_writer_u8(&w, 1);
    g_assert_false(byte_writer_ok(&w));
    g_assert_null(byte_writer_steal_bytes(&w));
}

static void test_patch_and_steal(void)
{
    g_autoptr(GBytes) bytes = NULL;
    g_auto(ByteWriter) w;
    size_t size;
    const uint8_t *data;

    byte_writer_init(&w);
    byte_writer_be32(&w, 0);
    for (unsigned i = 0; i < 1000; i++) {
        byte_writer_bytes(&w, "abc", 3);
    }
    byte_writer_patch_be32(&w, 0, 3000);
    bytes = byte_writer_steal_bytes(&w);
    data = g_bytes_get_data(bytes, &size);
    g_assert_cmpuint(size, ==, 3004);
    g_assert_cmpmem(data, 7,
                    "\0\0\x0b\xb8"
                    "abc",
                    7);
    g_assert_cmpuint(byte_writer_len(&w), ==, 0);
    byte_writer_u8(&w, 1);
    g_assert_cmpuint(byte_writer_len(&w), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/bytes/integers-come-back", test_integers_come_back);
    g_test_add_func("/util/bytes/overrun-is-sticky", test_overrun_is_sticky);
    g_test_add_func("/util/bytes/huge-lengths-do-not-wrap", test_huge_lengths_do_not_wrap);
    g_test_add_func("/util/bytes/leftovers-are-an-error", test_leftovers_are_an_error);
    g_test_add_func("/util/bytes/empty-input-reads-nothing", test_empty_input_reads_nothing);
    g_test_add_func("/util/bytes/strings-come-back", test_strings_come_back);
    g_test_add_func("/util/bytes/bad-strings-fail", test_bad_strings_fail);
    g_test_add_func("/util/bytes/sub-reader-keeps-to-its-part", test_sub_reader_keeps_to_its_part);
    g_test_add_func("/util/bytes/fixed-writer-stops-at-its-end",
                    test_fixed_writer_stops_at_its_end);
    g_test_add_func("/util/bytes/writer-respects-its-limit", test_writer_respects_its_limit);
    g_test_add_func("/util/bytes/patch-and-steal", test_patch_and_steal);
    return g_test_run();
}
