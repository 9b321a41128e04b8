/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 chipset through the running program: soft off, reset, power button, fw_cfg files. */
#include <string.h>
#include "libqtest.h"

#define ARGS "-M q35,hpet=off -nodefaults -m 64 -smp 2"

static void cfg_write(QTest *q, unsigned devfn, unsigned reg, uint32_t value)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    qtest_outl(q, 0xcfc, value);
}
static uint32_t cfg_read(QTest *q, unsigned devfn, unsigned reg)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    return qtest_inl(q, 0xcfc);
}

/* As firmware does: PM block at 0x600, decoded, ACPI on. */
static void open_pm(QTest *q)
{
    cfg_write(q, 0xf8, 0x40, 0x601);
    cfg_write(q, 0xf8, 0x44, 0x80);
    qtest_outb(q, 0xb2, 2);
    g_assert_cmphex(qtest_inw(q, 0x604), ==, 1);
}

static void test_soft_off(void)
{
    QTest *q = qtest_start("x86_64", "-no-qmp " ARGS);

    open_pm(q);
    g_free(qtest_cmd_raw(q, "outw 0x604 0x2001"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
}

static void test_reset_port(void)
{
    QTest *q = qtest_start("x86_64", ARGS);

    open_pm(q);
    g_assert_cmphex(cfg_read(q, 0xf8, 0x40), ==, 0x601);
    qtest_outb(q, 0xcf9, 0x0e);
    json_object_put(qtest_event(q, "RESET"));
    g_assert_cmphex(cfg_read(q, 0xf8, 0x40), ==, 1);
    g_assert_cmphex(cfg_read(q, 0, 0), ==, 0x29c08086);
    qtest_end(q);
}

static void test_power_button(void)
{
    QTest *q = qtest_start("x86_64", ARGS);

    open_pm(q);
    qtest_outw(q, 0x602, 0x100);
    json_object_put(qtest_qmp_ok(q, "{\"execute\": \"system_powerdown\"}"));
    json_object_put(qtest_event(q, "POWERDOWN"));
    g_assert_cmphex(qtest_inw(q, 0x600) & 0x100, ==, 0x100);
    qtest_end(q);
}

static uint32_t be32(QTest *q)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        v = v << 8 | qtest_inb(q, 0x511);
    }
    return v;
}

static void test_fw_cfg(void)
{
    QTest *q = qtest_start("x86_64", "-no-qmp " ARGS);
    char last[56] = "";
    uint32_t tables = 0;

    qtest_outw(q, 0x510, 5);
    g_assert_cmpint(qtest_inb(q, 0x511), ==, 2);
    qtest_outw(q, 0x510, 0x19);
    for (uint32_t n = be32(q); n > 0; n--) {
        uint32_t size = be32(q);
        char name[56];

        be32(q);
        for (int i = 0; i < 56; i++) {
            name[i] = (char)qtest_inb(q, 0x511);
        }
        g_assert_cmpint(strcmp(last, name), <, 0); /* sorted */
        memcpy(last, name, sizeof(last));
        if (!strcmp(name, "etc/acpi/tables")) {
            tables = size;
        }
        if (!strcmp(name, "etc/acpi/rsdp")) {
            g_assert_cmpuint(size, ==, 20);
        }
    }
    g_assert_cmpuint(tables, ==, 0x20000);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/q35/sleep-type-0-ends-the-program", test_soft_off);
    g_test_add_func("/q35/port-cf9-resets-the-machine", test_reset_port);
    g_test_add_func("/q35/the-power-button-is-an-event", test_power_button);
    g_test_add_func("/q35/fw-cfg-lists-sorted-files-with-the-acpi-tables", test_fw_cfg);
    return g_test_run();
}
