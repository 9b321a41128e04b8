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

/* Finds a file in the directory; its selector, and its size. */
static uint16_t find_file(QTest *q, const char *wanted, uint32_t *size)
{
    uint16_t found = 0;

    qtest_outw(q, 0x510, 0x19);
    for (uint32_t n = be32(q); n > 0; n--) {
        uint32_t bytes = be32(q);
        uint32_t select = be32(q) >> 16;
        char name[56];

        for (int i = 0; i < 56; i++) {
            name[i] = (char)qtest_inb(q, 0x511);
        }
        if (!strcmp(name, wanted)) {
            *size = bytes;
            found = (uint16_t)select;
        }
    }
    return found;
}

static void test_user_fw_cfg(void)
{
    QTest *q = qtest_start("x86_64", "-no-qmp -fw_cfg name=opt/word,string=a,,b " ARGS);
    uint32_t size = 0;
    uint16_t select = find_file(q, "opt/word", &size);
    char text[3];

    g_assert_cmpuint(select, >=, 0x20);
    g_assert_cmpuint(size, ==, 3);
    qtest_outw(q, 0x510, select);
    for (int i = 0; i < 3; i++) {
        text[i] = (char)qtest_inb(q, 0x511);
    }
    g_assert_cmpmem(text, 3, "a,b", 3);
    qtest_end(q);
}

/* Whether the ACPI tables hold these four letters. */
static bool tables_name(const char *args, const char *name)
{
    QTest *q = qtest_start("x86_64", "-no-qmp " ARGS " %s", args);
    uint32_t size = 0;
    uint32_t seen = 0, wanted = 0;
    bool found = false;

    qtest_outw(q, 0x510, find_file(q, "etc/acpi/tables", &size));
    memcpy(&wanted, name, 4);
    wanted = GUINT32_FROM_BE(wanted);
    for (uint32_t i = 0; i < MIN(size, 0x4000) && !found; i++) {
        seen = seen << 8 | qtest_inb(q, 0x511);
        found = seen == wanted;
    }
    qtest_end(q);
    return found;
}

/* The tables as the firmware finds them: built at the first read after each reset. */
static uint32_t tables_checksum(QTest *q)
{
    uint32_t size = 0, sum = 2166136261u;

    qtest_outw(q, 0x510, find_file(q, "etc/acpi/tables", &size));
    for (uint32_t i = 0; i < MIN(size, 0x2000); i++) {
        sum = (sum ^ qtest_inb(q, 0x511)) * 16777619u;
    }
    return sum;
}

static void test_tables_after_reset(void)
{
    QTest *q = qtest_start("x86_64", ARGS " -smp 2");
    uint32_t first = tables_checksum(q);

    g_assert_cmphex(tables_checksum(q), ==, first);
    json_object_put(qtest_qmp(q, "{'execute': 'system_reset'}"));
    json_object_put(qtest_event(q, "RESET"));
    g_assert_cmphex(tables_checksum(q), ==, first);
    qtest_end(q);
}

static void test_sleep_states(void)
{
    g_assert_true(tables_name("", "_S3_"));
    g_assert_false(tables_name("-global ICH9-LPC.disable_s3=1", "_S3_"));
    g_assert_true(tables_name("-global ICH9-LPC.disable_s3=1", "_S5_"));
}

static void test_info_interrupts(void)
{
    QTest *q = qtest_start("x86_64", ARGS);
    static const char *const rows[][2] = {
        { "info lapic", "CPU 0" },
        { "info lapic 1", "CPU 1" },
        { "info lapic 2", "No local APIC" },
        { "info pic", "ioapic0" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_object *text = qtest_qmp_ok(q,
                                         "{\"execute\": \"human-monitor-command\", \"arguments\": "
                                         "{\"command-line\": \"%s\"}}",
                                         rows[i][0]);

        g_assert_nonnull(strstr(json_object_get_string(text), rows[i][1]));
        json_object_put(text);
    }
    qtest_end(q);
}

static int64_t period(QTest *q, const char *id)
{
    json_object *value = qtest_qmp_ok(q,
                                      "{\"execute\": \"qom-get\", \"arguments\": {\"path\": "
                                      "\"/machine/peripheral/%s\", \"property\": \"period\"}}",
                                      id);
    int64_t ms = json_object_get_int64(value);

    json_object_put(value);
    return ms;
}

static void test_globals(void)
{
    QTest *q = qtest_start("x86_64",
                           ARGS " -device virtio-rng-pci,id=a,period=7 -device virtio-rng-pci,id=b "
                                "-global virtio-rng-pci.period=5 "
                                "-global driver=virtio-rng-pci,property=period,value=6 "
                                "-device virtio-rng-pci,id=c,period=8");

    g_assert_cmpint(period(q, "a"), ==, 7);
    g_assert_cmpint(period(q, "b"), ==, 6); /* of two globals the later one */
    g_assert_cmpint(period(q, "c"), ==, 8);
    qtest_end(q);
    q = qtest_start("x86_64", ARGS " -device virtio-rng-pci,id=a");
    g_assert_cmpint(period(q, "a"), ==, 65536);
    qtest_end(q);
}

static void test_secret(void)
{
    QTest *q = qtest_start("x86_64", ARGS " -object secret,id=s,format=base64,data=aGVsbG8=");
    json_object *reply = qtest_qmp_ok(q, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": "
                                         "\"/objects/s\", \"property\": \"data\"}}");

    g_assert_cmpstr(json_object_get_string(reply), ==, ""); /* given, never shown */
    json_object_put(reply);
    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"secret\", "
                        "\"id\": \"t\", \"data\": \"plain\"}}"));
    reply = qtest_qmp(q, "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"secret\", "
                         "\"id\": \"u\", \"data\": \"x\", \"keyid\": \"s\"}}");
    g_assert_true(json_object_object_get_ex(reply, "error", NULL));
    json_object_put(reply);
    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"t\"}}"));
    qtest_end(q);
}

/* An older machine type sets the property, -global has the last word. */
static void smi_count_is(const char *args, bool expected)
{
    QTest *q = qtest_start("x86_64", "%s", args);
    json_object *r = qtest_qmp_ok(
        q,
        "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/unattached/device[0]\", "
        "\"property\": \"x-migrate-smi-count\"}}");

    g_assert_cmpint(json_object_get_boolean(r), ==, expected);
    json_object_put(r);
    qtest_end(q);
}

static void test_older_machine_type(void)
{
    smi_count_is("-M pc-q35-ferry-1.0 -nodefaults -m 64", true);
    smi_count_is("-M pc-q35-ferry-0.9 -nodefaults -m 64", false);
    smi_count_is("-M pc-q35-ferry-0.9 -nodefaults -m 64 -global x86_64-cpu.x-migrate-smi-count=on",
                 true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/q35/sleep-type-0-ends-the-program", test_soft_off);
    g_test_add_func("/q35/port-cf9-resets-the-machine", test_reset_port);
    g_test_add_func("/q35/the-power-button-is-an-event", test_power_button);
    g_test_add_func("/q35/fw-cfg-lists-sorted-files-with-the-acpi-tables", test_fw_cfg);
    g_test_add_func("/q35/fw-cfg-has-the-users-file", test_user_fw_cfg);
    g_test_add_func("/q35/tables-are-built-again-at-the-first-read-after-a-reset",
                    test_tables_after_reset);
    g_test_add_func("/q35/suspend-to-memory-can-be-taken-away", test_sleep_states);
    g_test_add_func("/q35/interrupt-controllers-are-shown", test_info_interrupts);
    g_test_add_func("/q35/a-device-option-beats-a-global-beats-the-default", test_globals);
    g_test_add_func("/q35/secrets-are-given-and-never-shown", test_secret);
    g_test_add_func("/x86_64/q35/an-older-machine-type-behaves-so", test_older_machine_type);
    return g_test_run();
}
