/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests that panic, and guests that a watchdog gives up on. */
#include <string.h>
#include "libqtest.h"

#define DEVFN (5 << 3)
#define BAR   0xe0000000u
#define MS    1000000ll

static void select_reg(QTest *q, unsigned reg)
{
    qtest_outl(q, 0xcf8, 0x80000000u | DEVFN << 8 | (reg & ~3u));
}

static QTest *start(const char *device, const char *more)
{
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults -m 16 -device %s,addr=5 %s", device, more);

    select_reg(q, 0x10);
    qtest_outl(q, 0xcfc, BAR);
    select_reg(q, 4);
    qtest_outw(q, 0xcfc, 2);
    return q;
}

static char *event_member(QTest *q, const char *event, const char *member)
{
    json_object *e = qtest_event(q, event), *data, *value;

    g_assert_true(json_object_object_get_ex(e, "data", &data));
    g_assert_true(json_object_object_get_ex(data, member, &value));
    char *text = g_strdup(json_object_get_string(value));
    json_object_put(e);
    return text;
}

static void test_panic_pause(void)
{
    QTest *q = start("pvpanic-pci", "-action panic=pause");

    g_assert_cmphex(qtest_readb(q, BAR), ==, 7);
    qtest_writeb(q, BAR, 2);
    g_autofree char *crash = event_member(q, "GUEST_CRASHLOADED", "action");
    g_assert_cmpstr(crash, ==, "run");
    qtest_writeb(q, BAR, 1);
    g_autofree char *action = event_member(q, "GUEST_PANICKED", "action");
    g_assert_cmpstr(action, ==, "pause");
    json_object_put(qtest_event(q, "STOP"));
    json_object *status = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    json_object *value;
    json_object_object_get_ex(status, "status", &value);
    g_assert_cmpstr(json_object_get_string(value), ==, "guest-panicked");
    json_object_put(status);
    qtest_end(q);
}

static void test_panic_exit(void)
{
    QTest *q = qtest_start("x86_64", "-no-qmp -M q35 -nodefaults -m 16 -device pvpanic "
                                     "-action panic=exit-failure");

    g_assert_cmphex(qtest_inb(q, 0x505), ==, 7);
    g_free(qtest_cmd_raw(q, "outb 0x505 0x1"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 1);
}

static void unlocked(QTest *q, uint32_t reg, uint32_t value)
{
    qtest_writeb(q, BAR + 0xc, 0x80);
    qtest_writeb(q, BAR + 0xc, 0x86);
    qtest_writel(q, BAR + reg, value);
}

static void enable(QTest *q)
{
    select_reg(q, 0x68);
    qtest_outb(q, 0xcfc, 2);
}

static void test_watchdog_stages(void)
{
    QTest *q = start("i6300esb", "-action watchdog=pause");

    unlocked(q, 0, 100); /* 100 << 15 clocks of 33 MHz: 99.3 ms */
    unlocked(q, 4, 100);
    qtest_writel(q, BAR, 1); /* still locked: ignored */
    enable(q);
    qtest_clock_step(q, 150 * MS);
    unlocked(q, 0xc, 0x100); /* alive, in the second stage */
    qtest_clock_step(q, 190 * MS);
    json_object *status = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    json_object *value;
    json_object_object_get_ex(status, "running", &value);
    g_assert_true(json_object_get_boolean(value));
    json_object_put(status);
    qtest_clock_step(q, 20 * MS);
    g_autofree char *action = event_member(q, "WATCHDOG", "action");
    g_assert_cmpstr(action, ==, "pause");
    json_object_put(qtest_event(q, "STOP"));
    g_assert_cmphex(qtest_readl(q, BAR + 0xc) & 0x200, ==, 0x200);
    qtest_end(q);
}

static void test_watchdog_reset(void)
{
    QTest *q = start("i6300esb", "-action watchdog=reset");

    unlocked(q, 0, 1);
    unlocked(q, 4, 1);
    enable(q);
    qtest_clock_step(q, 10 * MS);
    json_object_put(qtest_event(q, "RESET"));
    select_reg(q, 0x68);
    g_assert_cmphex(qtest_inb(q, 0xcfc), ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/pvpanic/a-panic-pauses", test_panic_pause);
    g_test_add_func("/x86_64/pvpanic/a-panic-ends-the-program", test_panic_exit);
    g_test_add_func("/x86_64/i6300esb/two-stages-and-a-reload", test_watchdog_stages);
    g_test_add_func("/x86_64/i6300esb/the-end-resets", test_watchdog_reset);
    return g_test_run();
}
