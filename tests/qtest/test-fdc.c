/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy controller through its ports and DMA channel 2: sectors by DMA and by the data port, both sides
 * of a track in one command, formatting, what is refused, a move amid a transfer, and nonsense.
 */
#include "pci-dev.h"

#define DISK (1440u << 10)
#define BUF  0x20000u
enum {
    DOR = 0x3f2,
    MSR = 0x3f4,
    DATA = 0x3f5,
    INPUT = 0x3f7
};

static QTest *start(const char *image, const char *more)
{
    QTest *q =
        qtest_start("x86_64", "-M pc -nodefaults -m 16 -drive if=floppy,format=raw,file=%s %s",
                    image, more);

    return q;
}

static uint8_t wait_msr(QTest *q, uint8_t mask, uint8_t value)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    uint8_t msr;

    while (((msr = qtest_inb(q, MSR)) & mask) != value) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return msr;
}

static void command(QTest *q, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wait_msr(q, 0xc0, 0x80);
        qtest_outb(q, DATA, bytes[i]);
    }
}

static void result(QTest *q, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wait_msr(q, 0xf0 & ~0x20, 0xd0);
        bytes[i] = qtest_inb(q, DATA);
    }
    g_assert_cmphex(qtest_inb(q, MSR), ==, 0x80);
}

/* Channel 2: single mode, @to_memory for reads of the disk. */
static void program_dma(QTest *q, uint32_t at, uint16_t bytes, bool to_memory)
{
    qtest_outb(q, 0x0a, 0x06);
    qtest_outb(q, 0x0b, to_memory ? 0x46 : 0x4a);
    qtest_outb(q, 0x0c, 0);
    qtest_outb(q, 0x04, (uint8_t)at);
    qtest_outb(q, 0x04, (uint8_t)(at >> 8));
    qtest_outb(q, 0x81, (uint8_t)(at >> 16));
    qtest_outb(q, 0x05, (uint8_t)(bytes - 1));
    qtest_outb(q, 0x05, (uint8_t)((bytes - 1) >> 8));
    qtest_outb(q, 0x0a, 0x02);
}

static void reset(QTest *q)
{
    qtest_outb(q, DOR, 0);
    qtest_outb(q, DOR, 0x1c);
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t st[2], sense = 0x08;

        command(q, &sense, 1);
        result(q, st, 2);
        g_assert_cmphex(st[0], ==, 0xc0 + i);
    }
}

static void chs(QTest *q, uint8_t code, uint8_t c, uint8_t h, uint8_t s, uint8_t eot)
{
    const uint8_t bytes[9] = { code, (uint8_t)(h << 2), c, h, s, 2, eot, 0x1b, 0xff };

    command(q, bytes, sizeof(bytes));
}

static void test_reset_and_seek(void)
{
    static const uint8_t seek[] = { 0x0f, 0, 42 }, recalibrate[] = { 0x07, 0 }, sense[] = { 0x08 },
                         version[] = { 0x10 }, odd[] = { 0x1c };
    char *image = image_new(DISK);
    QTest *q = start(image, "");
    uint8_t st[2];

    qtest_outb(q, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(q, 0x71), ==, 0x40); /* A: is 1.44 MB */
    reset(q);
    command(q, version, 1);
    result(q, st, 1);
    g_assert_cmphex(st[0], ==, 0x90);
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0x80);
    command(q, seek, 3);
    command(q, sense, 1);
    result(q, st, 2);
    g_assert_cmphex(st[0], ==, 0x20);
    g_assert_cmphex(st[1], ==, 42);
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0); /* a seek has seen the disk */
    command(q, recalibrate, 2);
    command(q, sense, 1);
    result(q, st, 2);
    g_assert_cmphex(st[1], ==, 0);
    command(q, sense, 1); /* none is waiting */
    result(q, st, 1);
    g_assert_cmphex(st[0], ==, 0x80);
    command(q, odd, 1);
    result(q, st, 1);
    g_assert_cmphex(st[0], ==, 0x80);
    qtest_end(q);
    image_free(image);
}

/* A disk that goes and another that comes are seen in the changed bit, and by what is read. */
static void test_media(void)
{
    static const uint8_t seek[] = { 0x0f, 0, 1 }, sense[] = { 0x08 };
    char *image = image_new(DISK), *other = image_new(DISK), *odd = image_new(DISK / 7);
    QTest *q = start(image, "");
    uint8_t st[7], mark = 0x5a;

    image_put(other, 0, &mark, 1);
    reset(q);
    command(q, seek, 3);
    command(q, sense, 1);
    result(q, st, 2);
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0);
    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"eject\", \"arguments\": {\"device\": \"floppy0\"}}"));
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0x80);
    json_object *reply = qtest_qmp(q,
                                   "{\"execute\": \"blockdev-change-medium\", \"arguments\": "
                                   "{\"device\": \"floppy0\", \"filename\": \"%s\"}}",
                                   odd);
    g_assert_true(json_object_object_get_ex(reply, "error", NULL)); /* no such floppy disk */
    json_object_put(reply);
    json_object_put(qtest_qmp_ok(q,
                                 "{\"execute\": \"blockdev-change-medium\", \"arguments\": "
                                 "{\"device\": \"floppy0\", \"format\": \"raw\", "
                                 "\"read-only-mode\": \"read-only\", \"filename\": \"%s\"}}",
                                 other));
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0x80);
    program_dma(q, BUF, 512, true);
    chs(q, 0x46, 0, 0, 1, 18);
    result(q, st, 7);
    g_assert_cmphex(qtest_readb(q, BUF), ==, mark);
    program_dma(q, BUF, 512, false);
    chs(q, 0x45, 0, 0, 1, 18);
    result(q, st, 7);
    g_assert_cmphex(st[1] & 2, ==, 2); /* write protected */
    qtest_end(q);
    image_free(image);
    image_free(other);
    image_free(odd);
}

static void test_dma(void)
{
    g_autofree uint8_t *want = g_malloc(36 * 512), *got = g_malloc(36 * 512);
    char *image = image_new(DISK);
    uint8_t st[7];
    QTest *q;

    fill_pattern(want, 36 * 512, 1);
    image_put(image, 36 * 512, want, 36 * 512); /* cylinder 1 */
    q = start(image, "");
    reset(q);
    program_dma(q, BUF, 36 * 512, true);
    chs(q, 0xe6, 1, 0, 1, 18); /* both sides */
    result(q, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0);
    qtest_memread(q, BUF, got, 36 * 512);
    g_assert_cmpmem(got, 36 * 512, want, 36 * 512);
    qtest_memwrite(q, BUF, want, 1024);
    program_dma(q, BUF, 1024, false);
    chs(q, 0x45, 79, 1, 17, 18);
    result(q, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0);
    qtest_end(q);
    image_get(image, DISK - 1024, got, 1024);
    g_assert_cmpmem(got, 1024, want, 1024);
    image_free(image);
}

static void test_data_port(void)
{
    static const uint8_t specify[] = { 0x03, 0xdf, 0x03 }; /* no DMA */
    char *image = image_new(DISK);
    uint8_t want[512], got[512], st[7];
    QTest *q;

    fill_pattern(want, 512, 2);
    image_put(image, 512 * 4, want, 512);
    q = start(image, "");
    reset(q);
    command(q, specify, 3);
    chs(q, 0x46, 0, 0, 5, 5);
    for (int i = 0; i < 512; i++) {
        wait_msr(q, 0xe0, 0xe0);
        got[i] = qtest_inb(q, DATA);
    }
    result(q, st, 7);
    g_assert_cmpmem(got, 512, want, 512);
    chs(q, 0x45, 0, 0, 6, 6);
    for (int i = 0; i < 512; i++) {
        wait_msr(q, 0xe0, 0xa0);
        qtest_outb(q, DATA, want[511 - i]);
    }
    result(q, st, 7);
    g_assert_cmphex(st[1], ==, 0x80); /* nobody said that it was the last */
    qtest_end(q);
    image_get(image, 512 * 5, got, 512);
    g_assert_cmphex(got[0], ==, want[511]);
    image_free(image);
}

static void test_format(void)
{
    uint8_t ids[18][4], got[512], st[7];
    static const uint8_t format[] = { 0x4d, 0x04, 2, 18, 0x54, 0xf6 };
    char *image = image_new(DISK);
    QTest *q = start(image, "");

    reset(q);
    for (uint8_t i = 0; i < 18; i++) {
        const uint8_t id[4] = { 3, 1, (uint8_t)(i + 1), 2 };
        memcpy(ids[i], id, 4);
    }
    qtest_memwrite(q, BUF, ids, sizeof(ids));
    program_dma(q, BUF, sizeof(ids), false);
    command(q, format, sizeof(format));
    result(q, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0);
    qtest_end(q);
    image_get(image, (3 * 36 + 18 + 17) * 512, got, 512);
    g_assert_cmphex(got[0], ==, 0xf6);
    g_assert_cmphex(got[511], ==, 0xf6);
    image_get(image, (3 * 36 + 36) * 512, got, 512);
    g_assert_cmphex(got[0], ==, 0);
    image_free(image);
}

static void test_refused(void)
{
    char *image = image_new(DISK), *odd = image_new(12345);
    g_autofree char *err = NULL,
                    *args = g_strdup_printf("-M pc -nodefaults -drive if=floppy,format=raw,file=%s",
                                            odd);
    uint8_t st[7];
    QTest *q = start(image, "-drive if=floppy,index=1");

    reset(q);
    chs(q, 0x46, 80, 0, 1, 18); /* no such cylinder */
    result(q, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0x40);
    qtest_outb(q, INPUT, 2); /* 250 kbit/s reads nothing of this disk */
    chs(q, 0x46, 0, 0, 1, 18);
    result(q, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0x40);
    g_assert_cmphex(st[1], ==, 1);
    qtest_outb(q, DOR, 0x2d); /* B: is empty */
    g_assert_cmphex(qtest_inb(q, INPUT) & 0x80, ==, 0x80);
    qtest_end(q);
    g_assert_cmpint(qtest_run_once("x86_64", args, &err), ==, 1);
    g_assert_nonnull(strstr(err, "no floppy format has"));
    g_clear_pointer(&err, g_free);
    g_assert_cmpint(qtest_run_once("x86_64", "-M pc -nodefaults -drive if=floppy,index=2", &err),
                    ==, 1);
    image_free(image);
    image_free(odd);
}

/* The controller waits for a DMA channel that is masked; the other side unmasks it. */
static void test_migration(gconstpointer machine)
{
    g_autofree char *more = g_strdup_printf("-machine %s", (const char *)machine);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", more);
    char *image = image_new(DISK);
    uint8_t want[1024], got[1024], st[7];
    QTest *a, *b;

    fill_pattern(want, sizeof(want), 4);
    image_put(image, 512 * 8, want, sizeof(want));
    a = start(image, more);
    reset(a);
    program_dma(a, BUF, 1024, true);
    qtest_outb(a, 0x0a, 0x06);
    chs(a, 0x46, 0, 0, 9, 18);
    b = start(image, incoming);
    move_machine(a, b);
    qtest_outb(b, 0x0a, 0x02);
    result(b, st, 7);
    g_assert_cmphex(st[0] & 0xc0, ==, 0);
    qtest_memread(b, BUF, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    qtest_end(a);
    qtest_end(b);
    image_free(image);
}

static void test_nonsense(void)
{
    char *image = image_new(DISK);
    QTest *q = start(image, "-drive if=floppy,index=1");
    GRand *r = g_rand_new_with_seed(1981);

    for (int i = 0; i < 4000; i++) {
        uint8_t value = (uint8_t)g_rand_int(r);

        switch (g_rand_int_range(r, 0, 8)) {
        case 0: qtest_outb(q, (uint16_t)(0x3f1 + g_rand_int_range(r, 0, 7)), value); break;
        case 1: qtest_inb(q, (uint16_t)(0x3f1 + g_rand_int_range(r, 0, 7))); break;
        case 2:
            program_dma(q, g_rand_int(r) & 0xffffff, (uint16_t)(value * 16 + 1), value & 1);
            break;
        case 3:
            qtest_outb(q, DOR, 0);
            qtest_outb(q, DOR, 0x1c | (value >> 7));
            chs(q, value & 1 ? 0xe6 : 0xc5, value % 82, value & 1, value % 19, 18);
            break;
        default: qtest_outb(q, DATA, value);
        }
    }
    g_rand_free(r);
    qtest_end(q);
    image_free(image);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/a-reset-asks-four-times-and-a-seek-once", test_reset_and_seek);
    g_test_add_func("/fdc/a-changed-disk-is-noticed", test_media);
    g_test_add_func("/fdc/sectors-move-by-dma", test_dma);
    g_test_add_func("/fdc/sectors-move-through-the-data-port", test_data_port);
    g_test_add_func("/fdc/a-track-is-formatted", test_format);
    g_test_add_func("/fdc/what-is-not-there-is-refused", test_refused);
    g_test_add_data_func("/fdc/a-transfer-that-waits-for-dma-moves-along/v4", "pc-i440fx-ferry-1.0",
                         test_migration);
    g_test_add_data_func("/fdc/a-transfer-that-waits-for-dma-moves-along/v3", "pc-i440fx-10.0",
                         test_migration);
    g_test_add_func("/fdc/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
