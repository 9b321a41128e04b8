/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The test protocol itself, and the q35 board's timers and interrupt controllers through it. */
#include <string.h>
#include "libqtest.h"

#define ARGS "-no-qmp -M q35,hpet=off -nodefaults -m 64"

static void test_memory(void)
{
    QTest *q = qtest_start("x86_64", ARGS);
    uint8_t data[5000], back[5000];

    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    qtest_memwrite(q, 0x100ffe, data, sizeof(data));
    qtest_memread(q, 0x100ffe, back, sizeof(back));
    g_assert_cmpmem(data, sizeof(data), back, sizeof(back));
    qtest_writel(q, 0x200000, 0x12345678);
    g_assert_cmphex(qtest_readb(q, 0x200000), ==, 0x78);
    g_assert_cmphex(qtest_readw(q, 0x200002), ==, 0x1234);
    qtest_memset(q, 0x200000, 0xa5, 16);
    g_assert_cmphex(qtest_readq(q, 0x200008), ==, 0xa5a5a5a5a5a5a5a5);
    g_autofree char *hex = qtest_cmd(q, "read 0x200000 4");
    g_assert_cmpstr(hex, ==, "0xa5a5a5a5");
    g_free(qtest_cmd(q, "write 0x200000 3 0x010203"));
    g_assert_cmphex(qtest_readl(q, 0x200000), ==, 0xa5030201);
    g_autofree char *endian = qtest_cmd(q, "endianness");
    g_assert_cmpstr(endian, ==, "little");
    qtest_end(q);
}

static void test_malformed(void)
{
    static const char *const lines[] = { "nonsense",
                                         "outb 1",
                                         "outb x 1",
                                         "read 0 0",
                                         "read 0 99999999999",
                                         "write 0 1 zz",
                                         "write 0 1 0xzz",
                                         "b64write 0 3 AA==",
                                         "irq_intercept_in /nowhere",
                                         "clock_set -1",
                                         "set_irq_in / a 0 0",
                                         "module_load a b",
                                         "clock_step 99999999999999999999",
                                         "memset 0 1" };
    QTest *q = qtest_start("x86_64", ARGS);

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *answer = qtest_cmd_raw(q, "%s", lines[i]);

        g_assert_true(g_str_has_prefix(answer, "FAIL "));
    }
    qtest_outb(q, 0x80, 1);
    qtest_end(q);
}

static void test_pit_to_ioapic(void)
{
    QTest *q = qtest_start("x86_64", ARGS);

    qtest_intercept_in(q, "/machine/q35/ioapic", NULL);
    qtest_outb(q, 0x43, 0x30); /* one shot */
    qtest_outb(q, 0x40, 0xff);
    qtest_outb(q, 0x40, 0xff);
    g_assert_false(qtest_irq(q, 2));
    int64_t before = qtest_clock_step(q, 0), after = qtest_clock_step_next(q);
    g_assert_cmpint(after, >, before);
    qtest_clock_step(q, 60000000);
    g_assert_true(qtest_irq(q, 2));
    qtest_outb(q, 0x20, 0x0a);
    g_assert_cmphex(qtest_inb(q, 0x20) & 1, ==, 1);
    qtest_end(q);
}

static void test_defaults(void)
{
    QTest *q =
        qtest_start("x86_64", "-M q35 -nodefaults -m 64 -rtc base=2026-03-01T12:34:56,clock=vm");
    json_object *status = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}"), *running;

    g_assert_true(json_object_object_get_ex(status, "running", &running));
    json_object_put(status);
    g_assert_cmphex(qtest_readq(q, 0xfed00000), ==, 0x009896808086a201);
    g_assert_cmphex(qtest_readl(q, 0xfec00000), ==, 0);
    qtest_outb(q, 0x64, 0xaa);
    g_assert_cmphex(qtest_inb(q, 0x60), ==, 0x55);
    qtest_outb(q, 0x92, 0x02);
    g_assert_cmphex(qtest_inb(q, 0x92), ==, 0x02);
    g_assert_cmphex(qtest_inb(q, 0x61) & 1, ==, 0);
    g_assert_cmphex(qtest_inb(q, 0x4d0), ==, 0);
    qtest_outb(q, 0x81, 0x5a);
    g_assert_cmphex(qtest_inb(q, 0x81), ==, 0x5a);
    qtest_outb(q, 0x70, 0x04);
    g_assert_cmphex(qtest_inb(q, 0x71), ==, 0x12);
    qtest_outb(q, 0x70, 0x32);
    g_assert_cmphex(qtest_inb(q, 0x71), ==, 0x20);
    /* the HPET in legacy mode ticks on the I/O APIC's pin 2 */
    qtest_intercept_in(q, "/machine/q35/ioapic", NULL);
    qtest_writeq(q, 0xfed00010, 3);
    qtest_writeq(q, 0xfed00100, 0x14c);
    qtest_writel(q, 0xfed00108, 100000);
    qtest_writel(q, 0xfed00108, 100000); /* every ms */
    qtest_clock_step(q, 10000000);
    g_assert_cmpuint(qtest_irq_rises(q, 2), >=, 9);
    g_assert_cmpuint(qtest_irq_rises(q, 2), <=, 10);
    qtest_end(q);
}

static void test_bad_rtc(void)
{
    static const char *const bad[] = { "base=yesterday", "clock=sun", "driftfix=maybe", "x=y",
                                       "base=2026-13-01" };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *err = NULL;
        g_autofree char *args =
            g_strdup_printf("-M q35 -accel qtest -display none -rtc %s", bad[i]);

        g_assert_cmpint(qtest_run_once("x86_64", args, &err), ==, 1);
        g_assert_nonnull(strstr(err, "-rtc"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qtest/protocol/memory-in-every-form", test_memory);
    g_test_add_func("/qtest/protocol/malformed-lines-fail-and-change-nothing", test_malformed);
    g_test_add_func("/qtest/q35/pit-reaches-ioapic-pin-2", test_pit_to_ioapic);
    g_test_add_func("/qtest/q35/default-devices-answer", test_defaults);
    g_test_add_func("/qtest/options/malformed-rtc-is-refused", test_bad_rtc);
    return g_test_run();
}
