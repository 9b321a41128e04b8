/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device test protocol, line by line, on a VM with some RAM and an 8259A pair. */
#include "hw/intc/i8259.h"
#include "system/qtest.h"
#define PC_TYPES ADD_TYPES(i8259_types, i8259_types_n)
#include "pc-fixture.h"

static void collect(void *opaque, const char *text, size_t len)
{
    g_string_append_len(opaque, text, (gssize)len);
}

static void expect(QtestSession *s, GString *out, const char *line, const char *want)
{
    g_string_truncate(out, 0);
    qtest_session_feed(s, line, strlen(line));
    qtest_session_feed(s, "\n", 1);
    if (g_str_has_suffix(want, "*")) {
        g_assert_true(strncmp(out->str, want, strlen(want) - 1) == 0);
    } else {
        g_assert_cmpstr(out->str, ==, want);
    }
}

static void test_commands(void)
{
    Pc *pc = pc_new();
    GString *out = g_string_new(NULL);
    QtestSession *s = qtest_session_new(pc->vm, collect, out);
    MemoryRegion ram;

    g_assert_true(memory_region_init_ram(&ram, pc->vm, NULL, "ram", 0x10000, NULL));
    memory_region_add(memory_system_region(pc->vm), 0, &ram);
    expect(s, out, "writel 0x100 0x12345678", "OK\n");
    expect(s, out, "readw 0x101", "OK 0x0000000000003456\n");
    expect(s, out, "readq 256", "OK 0x0000000012345678\n");
    expect(s, out, "read 0x100 3", "OK 0x785634\n");
    expect(s, out, "write 0x200 4 0xdead", "OK\n");
    expect(s, out, "memread 0x200 4", "OK 0xdead0000\n");
    expect(s, out, "b64write 0x200 3 AQID", "OK\n");
    expect(s, out, "b64read 0x200 3", "OK AQID\n");
    expect(s, out, "memset 0x200 2 0xff", "OK\n");
    expect(s, out, "readl 0x200", "OK 0x000000000003ffff\n");
    expect(s, out, "inb 0x61", "OK 0x00ff\n");
    expect(s, out, "readl 0x20000", "OK 0x00000000ffffffff\n");
    expect(s, out, "clock_step 100", "OK 100\n");
    expect(s, out, "clock_step", "OK 100\n"); /* no timer, no step */
    expect(s, out, "clock_set 5000", "OK 5000\n");
    expect(s, out, "endianness", "OK little\n");
    expect(s, out, "", "");
    qtest_session_feed(s, "rea", 3);
    expect(s, out, "db 0x100", "OK 0x0000000000000078\n");
    memory_region_clear(&ram);
    qtest_session_free(s);
    g_string_free(out, TRUE);
    pc_free(pc);
}

static void test_malformed(void)
{
    static const char *const lines[] = { "nonsense",
                                         "outb 1",
                                         "outb 1 2 3",
                                         "outb x 1",
                                         "outb -1 1",
                                         "read 0 0",
                                         "read 0 99999999999",
                                         "write 0 1 zz",
                                         "write 0 1 0xzz",
                                         "write 0 1 0x0102",
                                         "b64write 0 3 AA==",
                                         "clock_set -1",
                                         "irq_intercept_in /nowhere",
                                         "irq_intercept_in /machine",
                                         "set_irq_in / a 0 0",
                                         "module_load a b",
                                         "clock_step 99999999999999999999",
                                         "memset 0 1",
                                         "a b c d e f g h",
                                         "clock_step 9223372036854775807" };
    Pc *pc = pc_new();
    GString *out = g_string_new(NULL);
    QtestSession *s = qtest_session_new(pc->vm, collect, out);

    step(pc, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        expect(s, out, lines[i], "FAIL *");
    }
    qtest_session_free(s);
    g_string_free(out, TRUE);
    pc_free(pc);
}

static void test_interrupts(void)
{
    Pc *pc = pc_new();
    GString *out = g_string_new(NULL);
    QtestSession *s = qtest_session_new(pc->vm, collect, out);
    I8259Pair pair;

    g_assert_true(i8259_pair_new(pc->isa, &pc->lines[0], &pair, NULL));
    g_autofree char *path = object_path(&pair.master->obj);
    g_autofree char *in = g_strdup_printf("irq_intercept_in %s", path);
    g_autofree char *outp = g_strdup_printf("irq_intercept_out %s", path);
    g_autofree char *up = g_strdup_printf("set_irq_in %s unnamed-gpio-in 3 1", path);
    g_autofree char *down = g_strdup_printf("set_irq_in %s unnamed-gpio-in 3 0", path);
    g_autofree char *beyond = g_strdup_printf("set_irq_in %s unnamed-gpio-in 8 0", path);

    expect(s, out, outp, "OK\n");
    expect(s, out, up, "IRQ raise 0\nOK\n");
    expect(s, out, down, "OK\n");
    expect(s, out, "outb 0x21 0xff", "IRQ lower 0\nOK\n");
    g_assert_cmpint(pc->rises[0], ==, 1); /* and the wire still works */
    expect(s, out, beyond, "FAIL *");
    qtest_session_free(s);
    s = qtest_session_new(pc->vm, collect, out);
    outb(pc, 0x21, 0);
    expect(s, out, in, "OK\n");
    expect(s, out, up, "IRQ raise 3\nOK\n");
    expect(s, out, up, "OK\n");
    expect(s, out, down, "IRQ lower 3\nOK\n");
    g_assert_cmpint(pc->rises[0], ==, 2);
    qtest_session_free(s);
    g_string_free(out, TRUE);
    pc_free(pc);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/system/qtest/commands-do-what-they-say", test_commands);
    g_test_add_func("/system/qtest/malformed-lines-fail", test_malformed);
    g_test_add_func("/system/qtest/intercepted-pins-tell-their-edges", test_interrupts);
    return g_test_run();
}
