/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flash chips below 4 GiB: the Intel command set, what reaches the image, read-only chips, images that do
 * not fit, a move amid a buffered program, and nonsense.
 */
#include "pci-dev.h"

#define CODE_BYTES (256u << 10)
#define VARS_BYTES (64u << 10)
#define CODE       (0u - CODE_BYTES)
#define VARS       (CODE - VARS_BYTES)

typedef struct {
    QTest *q;
    char *code, *vars;
} Flash;

static QTest *boot(const Flash *s, const char *more)
{
    return qtest_start("x86_64",
                       "-M q35 -nodefaults -m 16 -drive if=pflash,format=raw,readonly=on,file=%s "
                       "-drive if=pflash,format=raw,file=%s %s",
                       s->code, s->vars, more);
}

static void setup(Flash *s, const char *more)
{
    uint8_t bytes[4096];

    s->code = image_new(CODE_BYTES);
    s->vars = image_new(VARS_BYTES);
    fill_pattern(bytes, sizeof(bytes), 3);
    image_put(s->code, CODE_BYTES - sizeof(bytes), bytes, sizeof(bytes));
    image_put(s->vars, 0, bytes, sizeof(bytes));
    s->q = boot(s, more);
}

static void teardown(Flash *s)
{
    qtest_end(s->q);
    image_free(s->code);
    image_free(s->vars);
}

static void erase(QTest *q, uint32_t at)
{
    qtest_writeb(q, at, 0x20);
    qtest_writeb(q, at, 0xd0);
    g_assert_cmphex(qtest_readb(q, at), ==, 0x80);
    qtest_writeb(q, at, 0xff);
}

static void test_images(void)
{
    uint8_t want[4096], got[4096];
    Flash s;

    setup(&s, "");
    fill_pattern(want, sizeof(want), 3);
    qtest_memread(s.q, 0u - 4096u, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    qtest_memread(s.q, 0x100000 - 4096, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    qtest_memread(s.q, VARS, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    teardown(&s);
}

static void test_query(void)
{
    static const uint8_t text[] = { 'Q', 'R', 'Y', 1, 0, 0x31, 0 };
    Flash s;

    setup(&s, "");
    qtest_writeb(s.q, VARS, 0x98);
    for (size_t i = 0; i < sizeof(text); i++) {
        g_assert_cmphex(qtest_readb(s.q, VARS + 0x10 + i), ==, text[i]);
    }
    g_assert_cmphex(qtest_readb(s.q, VARS + 0x2d), ==, VARS_BYTES / 4096 - 1);
    g_assert_cmphex(qtest_readb(s.q, VARS + 0x2f), ==, 4096 / 256);
    qtest_writeb(s.q, VARS, 0x50);
    qtest_writeb(s.q, VARS, 0x70); /* a cleared status is how firmware tells flash from RAM */
    g_assert_cmphex(qtest_readb(s.q, VARS), ==, 0);
    qtest_writeb(s.q, VARS, 0xff);
    teardown(&s);
}

static void test_program(void)
{
    uint8_t want[256], got[256];
    Flash s;

    setup(&s, "");
    erase(s.q, VARS + 0x1000);
    g_assert_cmphex(qtest_readl(s.q, VARS + 0x1ffc), ==, 0xffffffff);
    qtest_writeb(s.q, VARS + 0x1005, 0x10);
    qtest_writeb(s.q, VARS + 0x1005, 0x5f);
    g_assert_cmphex(qtest_readb(s.q, VARS), ==, 0x80);
    qtest_writeb(s.q, VARS + 0x1005, 0x40); /* bits are cleared, never set */
    qtest_writeb(s.q, VARS + 0x1005, 0xf3);
    qtest_writeb(s.q, VARS + 0x1000, 0xff);
    g_assert_cmphex(qtest_readb(s.q, VARS + 0x1005), ==, 0x53);
    fill_pattern(want, sizeof(want), 7);
    qtest_writeb(s.q, VARS + 0x1100, 0xe8);
    g_assert_cmphex(qtest_readb(s.q, VARS), ==, 0x80);
    qtest_writeb(s.q, VARS + 0x1100, 255);
    for (unsigned i = 0; i < sizeof(want); i++) {
        qtest_writeb(s.q, VARS + 0x1100 + i, want[i]);
    }
    qtest_writeb(s.q, VARS + 0x1100, 0xd0);
    g_assert_cmphex(qtest_readb(s.q, VARS), ==, 0x80);
    qtest_writeb(s.q, VARS, 0xff);
    qtest_memread(s.q, VARS + 0x1100, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    qtest_end(s.q);
    image_get(s.vars, 0x1100, got, sizeof(got)); /* the image has it when the program has ended */
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    image_get(s.vars, 0x1005, got, 1);
    g_assert_cmphex(got[0], ==, 0x53);
    image_free(s.code);
    image_free(s.vars);
}

static void test_read_only(void)
{
    Flash s;
    uint8_t was;

    setup(&s, "");
    was = qtest_readb(s.q, CODE + 16);
    qtest_writeb(s.q, CODE + 16, 0x10);
    qtest_writeb(s.q, CODE + 16, 0);
    g_assert_cmphex(qtest_readb(s.q, CODE), ==, 0x90);
    qtest_writeb(s.q, CODE, 0x50);
    qtest_writeb(s.q, CODE, 0x20);
    qtest_writeb(s.q, CODE, 0xd0);
    g_assert_cmphex(qtest_readb(s.q, CODE), ==, 0xa0);
    qtest_writeb(s.q, CODE, 0xff);
    g_assert_cmphex(qtest_readb(s.q, CODE + 16), ==, was);
    teardown(&s);
}

static void test_buffer_limits(void)
{
    Flash s;

    setup(&s, "");
    erase(s.q, VARS);
    qtest_writeb(s.q, VARS, 0xe8);
    qtest_writeb(s.q, VARS, 1);
    qtest_writeb(s.q, VARS + 0x10, 0);
    qtest_writeb(s.q, VARS + 0x110, 0); /* another buffer */
    g_assert_cmphex(qtest_readb(s.q, VARS), ==, 0x90);
    qtest_writeb(s.q, VARS, 0xd0);
    qtest_writeb(s.q, VARS, 0xff);
    g_assert_cmphex(qtest_readb(s.q, VARS + 0x10), ==, 0xff);
    g_assert_cmphex(qtest_readb(s.q, VARS + 0x110), ==, 0xff);
    teardown(&s);
}

/* A program of two bytes is under way: the second comes on the other side, whose own image gets all. */
static void test_migration(gconstpointer machine)
{
    g_autofree char *more = g_strdup_printf("-machine %s", (const char *)machine);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", more);
    uint8_t here[VARS_BYTES], there[VARS_BYTES];
    Flash a, b;

    setup(&a, more);
    b = a;
    b.vars = image_new(VARS_BYTES);
    erase(a.q, VARS + 0x2000);
    qtest_writeb(a.q, VARS + 0x2000, 0xe8);
    qtest_writeb(a.q, VARS + 0x2000, 1);
    qtest_writeb(a.q, VARS + 0x2000, 0x12);
    b.q = boot(&b, incoming);
    move_machine(a.q, b.q);
    g_assert_cmphex(qtest_readb(b.q, VARS), ==, 0x80);
    qtest_writeb(b.q, VARS + 0x2001, 0x34);
    qtest_writeb(b.q, VARS, 0xd0);
    qtest_writeb(b.q, VARS, 0xff);
    g_assert_cmphex(qtest_readw(b.q, VARS + 0x2000), ==, 0x3412);
    qtest_end(b.q);
    image_get(a.vars, 0, here, sizeof(here));
    image_get(b.vars, 0, there, sizeof(there));
    g_assert_cmphex(there[0x2001], ==, 0x34);
    there[0x2000] = there[0x2001] = 0xff;
    g_assert_cmpmem(there, sizeof(there), here, sizeof(here));
    image_free(b.vars);
    teardown(&a);
}

static void refuse(const char *options, const char *words)
{
    g_autofree char *err = NULL;
    g_autofree char *args = g_strdup_printf("-M q35 -nodefaults -m 16 %s", options);

    g_assert_cmpint(qtest_run_once("x86_64", args, &err), ==, 1);
    if (!strstr(err, words)) {
        g_error("'%s' lacks '%s'", err, words);
    }
}

static void test_refused(void)
{
    g_autofree char *odd = image_new(5000), *big = image_new(9 << 20), *small = image_new(4096), *o;

    o = g_strdup_printf("-drive if=pflash,format=raw,file=%s", odd);
    refuse(o, "multiple of 4096 expected");
    g_free(o);
    o = g_strdup_printf("-drive if=pflash,format=raw,file=%s", big);
    refuse(o, "combined size of system firmware exceeds 8388608 bytes");
    g_free(o);
    o = g_strdup_printf("-drive if=pflash,index=1,format=raw,file=%s", small);
    refuse(o, "pflash1 requires pflash0");
    g_free(o);
    o = g_strdup_printf("-drive if=pflash,format=raw,file=%s -bios %s", small, big);
    refuse(o, "exclude each other");
    refuse("-machine pflash0=nowhere", "there is no drive or node 'nowhere'");
    for (int i = 0; i < 3; i++) {
        g_unlink(i == 0 ? odd : i == 1 ? big : small);
    }
}

static void test_by_node_name(void)
{
    char *code = image_new(CODE_BYTES);
    QTest *q = qtest_start("x86_64",
                           "-M q35,pflash0=code -nodefaults -m 16 "
                           "-blockdev driver=file,filename=%s,node-name=f "
                           "-blockdev driver=raw,file=f,node-name=code,read-only=on",
                           code);

    qtest_writeb(q, CODE, 0x98);
    g_assert_cmphex(qtest_readb(q, CODE + 0x10), ==, 'Q');
    qtest_end(q);
    image_free(code);
}

static void test_nonsense(void)
{
    static const uint8_t commands[] = {
        0x10, 0x40, 0x20, 0xd0, 0xe8, 0x60, 0x70, 0x90, 0x98, 0xff
    };
    GRand *r = g_rand_new_with_seed(815);
    Flash s;

    setup(&s, "");
    for (int i = 0; i < 6000; i++) {
        uint32_t at = VARS + (uint32_t)g_rand_int_range(r, 0, VARS_BYTES + CODE_BYTES - 4);

        switch (g_rand_int_range(r, 0, 5)) {
        case 0: qtest_writel(s.q, at, g_rand_int(r)); break;
        case 1: qtest_writew(s.q, at, (uint16_t)g_rand_int(r)); break;
        case 2: qtest_readl(s.q, at); break;
        default: qtest_writeb(s.q, at, commands[g_rand_int_range(r, 0, G_N_ELEMENTS(commands))]);
        }
    }
    g_rand_free(r);
    teardown(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pflash/the-images-are-below-4-gib-and-the-code-below-1-mib-too", test_images);
    g_test_add_func("/pflash/the-chip-describes-itself", test_query);
    g_test_add_func("/pflash/what-is-programmed-is-in-the-image", test_program);
    g_test_add_func("/pflash/a-read-only-image-is-not-changed", test_read_only);
    g_test_add_func("/pflash/a-program-across-buffers-is-refused", test_buffer_limits);
    g_test_add_data_func("/pflash/a-half-filled-buffer-moves-along/v4", "pc-q35-ferry-1.0",
                         test_migration);
    g_test_add_data_func("/pflash/a-half-filled-buffer-moves-along/v3", "pc-q35-10.0",
                         test_migration);
    g_test_add_func("/pflash/images-that-do-not-fit-are-refused", test_refused);
    g_test_add_func("/pflash/a-node-is-taken-by-name", test_by_node_name);
    g_test_add_func("/pflash/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
