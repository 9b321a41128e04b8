/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Framing of the GDB remote protocol: what is wrapped comes back, and nothing else does. */
#include <string.h>
#include "gdbstub/gdbstub-priv.h"

static GdbInput feed(GdbFrame *f, const char *bytes, size_t len)
{
    GdbInput last = GDB_INPUT_NOTHING;

    for (size_t i = 0; i < len; i++) {
        last = gdb_frame_byte(f, (uint8_t)bytes[i]);
    }
    return last;
}

static void test_round_trip(void)
{
    GdbFrame f;
    char body[300];

    gdb_frame_init(&f);
    for (unsigned round = 0; round < 2000; round++) {
        size_t len = (size_t)g_test_rand_int_range(0, sizeof(body));
        for (size_t i = 0; i < len; i++) {
            body[i] = (char)g_test_rand_int_range(0, 256);
        }
        g_autoptr(GString) wire = gdb_frame_wrap(body, len);
        g_assert_cmpint(feed(&f, wire->str, wire->len), ==, GDB_INPUT_PACKET);
        g_assert_cmpmem(f.packet->data, f.packet->len, body, len);
    }
    gdb_frame_clear(&f);
}

static void test_damage_is_seen(void)
{
    GdbFrame f;

    gdb_frame_init(&f);
    g_autoptr(GString) wire = gdb_frame_wrap("m1000,8", 7);
    for (size_t i = 1; i < wire->len; i++) {
        for (unsigned bit = 0; bit < 7; bit++) {
            gdb_frame_reset(&f);
            wire->str[i] = (char)(wire->str[i] ^ 1 << bit);
            bool same = feed(&f, wire->str, wire->len) == GDB_INPUT_PACKET &&
                        (f.packet->len != 7 || memcmp(f.packet->data, "m1000,8", 7));
            g_assert_false(same);
            wire->str[i] = (char)(wire->str[i] ^ 1 << bit);
        }
    }
    gdb_frame_clear(&f);
}

static void test_too_long(void)
{
    GdbFrame f;
    g_autoptr(GString) body = g_string_new(NULL);

    for (unsigned i = 0; i <= GDB_PACKET_MAX; i++) {
        g_string_append_c(body, 'a');
    }
    gdb_frame_init(&f);
    g_autoptr(GString) wire = gdb_frame_wrap(body->str, body->len);
    g_assert_cmpint(feed(&f, wire->str, wire->len), ==, GDB_INPUT_BAD);
    g_autoptr(GString) most = gdb_frame_wrap(body->str, GDB_PACKET_MAX);
    g_assert_cmpint(feed(&f, most->str, most->len), ==, GDB_INPUT_PACKET);
    gdb_frame_clear(&f);
}

static void test_between_packets(void)
{
    GdbFrame f;

    gdb_frame_init(&f);
    g_assert_cmpint(gdb_frame_byte(&f, '+'), ==, GDB_INPUT_ACK);
    g_assert_cmpint(gdb_frame_byte(&f, '-'), ==, GDB_INPUT_NAK);
    g_assert_cmpint(gdb_frame_byte(&f, 3), ==, GDB_INPUT_BREAK);
    g_assert_cmpint(gdb_frame_byte(&f, 'x'), ==, GDB_INPUT_NOTHING);
    g_assert_cmpint(feed(&f, "$half$g#67", 10), ==, GDB_INPUT_PACKET);
    g_assert_cmpmem(f.packet->data, f.packet->len, "g", 1);
    gdb_frame_clear(&f);
}

static void test_numbers(void)
{
    const char *p = "ffffffffffffffff,10";
    uint64_t v;

    g_assert_true(gdb_number(&p, &v));
    g_assert_cmphex(v, ==, UINT64_MAX);
    g_assert_cmpstr(p, ==, ",10");
    g_assert_false(gdb_number(&p, &v));
    p = "10000000000000000";
    g_assert_false(gdb_number(&p, &v));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gdbstub/frame/what-is-wrapped-comes-back", test_round_trip);
    g_test_add_func("/gdbstub/frame/a-changed-bit-is-no-other-packet", test_damage_is_seen);
    g_test_add_func("/gdbstub/frame/a-packet-has-a-longest-size", test_too_long);
    g_test_add_func("/gdbstub/frame/bytes-between-packets", test_between_packets);
    g_test_add_func("/gdbstub/frame/numbers-have-64-bits", test_numbers);
    return g_test_run();
}
