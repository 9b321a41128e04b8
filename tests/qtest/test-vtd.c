/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "intel-iommu": an edu's transfers and interrupts go through the guest's tables. */
#include "pci-dev.h"

#define DEVFN  (5 << 3)
#define BAR    0xe0000000u
#define VTD    0xfed90000u
#define MS     1000000ll
#define ROOT   0x100000u /* tables in guest memory */
#define CTX    0x101000u
#define LEVELS 0x102000u /* one page a level, the highest first */
#define QUEUE  0x108000u
#define IRTES  0x10a000u
#define DATA   0x200000u
#define IOVA   0x5000u

static QTest *start(const char *options, const char *more)
{
    QTest *q = qtest_start("x86_64",
                           "-M q35 -nodefaults -m 16 -device edu,addr=5 "
                           "-device intel-iommu%s %s",
                           options, more);

    return q;
}

static void program(QTest *q)
{
    pci_cfg_write(q, DEVFN, 0x10, BAR);
    pci_enable(q, DEVFN);
}

static void command(QTest *q, uint32_t bit)
{
    uint32_t keep = qtest_readl(q, VTD + 0x1c) & 0x86800000u;

    qtest_writel(q, VTD + 0x18, keep | bit);
    g_assert_cmphex(qtest_readl(q, VTD + 0x1c) & bit, ==, bit);
}

static void map(QTest *q, uint64_t iova, uint64_t pte)
{
    qtest_writeq(q, LEVELS + 0x3000 + (iova >> 12) * 8, pte);
}

/* Four levels, domain 7; the last one is filled by map(). */
static void tables(QTest *q)
{
    qtest_writeq(q, ROOT, CTX | 1);
    qtest_writeq(q, CTX + DEVFN * 16, LEVELS | 1);
    qtest_writeq(q, CTX + DEVFN * 16 + 8, 7 << 8 | 2);
    for (unsigned i = 0; i < 3; i++) {
        qtest_writeq(q, LEVELS + i * 0x1000, (LEVELS + (i + 1) * 0x1000) | 3);
    }
    qtest_writeq(q, VTD + 0x20, ROOT);
    command(q, 1u << 30);
}

static void translate(QTest *q)
{
    tables(q);
    map(q, IOVA, DATA | 3);
    command(q, 1u << 31);
}

/* Four bytes of @value to @iova. */
static void dma(QTest *q, uint64_t iova, uint32_t value)
{
    static const uint64_t regs[] = { 0x80, 0x88, 0x90 };
    uint64_t in[] = { 0x9000, 0x40000, 4 }, out[] = { 0x40000, iova, 4 };

    /* the value comes by a page that is mapped to itself */
    qtest_writel(q, 0x9000, value);
    for (unsigned i = 0; i < 3; i++) {
        qtest_writeq(q, BAR + regs[i], in[i]);
    }
    qtest_writel(q, BAR + 0x98, 1);
    qtest_clock_step(q, 101 * MS);
    for (unsigned i = 0; i < 3; i++) {
        qtest_writeq(q, BAR + regs[i], out[i]);
    }
    qtest_writel(q, BAR + 0x98, 3);
    qtest_clock_step(q, 101 * MS);
}

static void test_registers(void)
{
    QTest *q = start(",intremap=on", "");

    g_assert_cmphex(qtest_readl(q, VTD), ==, 0x10);
    g_assert_cmphex(qtest_readq(q, VTD + 8), ==, 0x00d2008c222f0606);
    g_assert_cmphex(qtest_readq(q, VTD + 0x10), ==, 0xf00f4a);
    g_assert_cmphex(qtest_readl(q, VTD + 0x38), ==, 0x80000000);
    qtest_end(q);
    q = start(",intremap=on,eim=on,caching-mode=on,aw-bits=39,dma-drain=off", "");
    g_assert_cmphex(qtest_readq(q, VTD + 8), ==, 0x0012008c22260286);
    g_assert_cmphex(qtest_readq(q, VTD + 0x10), ==, 0xf00f5a);
    qtest_end(q);
    q = start(",intremap=off,snoop-control=on", "");
    g_assert_cmphex(qtest_readq(q, VTD + 0x10), ==, 0xfc2);
    qtest_end(q);
}

static void test_translates(void)
{
    QTest *q = start("", "");

    program(q);
    translate(q);
    map(q, 0x9000, 0x9000 | 3);
    dma(q, IOVA, 0x11223344);
    g_assert_cmphex(qtest_readl(q, DATA), ==, 0x11223344);
    g_assert_cmphex(qtest_readl(q, IOVA), ==, 0);
    map(q, IOVA, (DATA + 0x1000) | 3);
    qtest_writel(q, VTD + 0xfc, 1u << 31 | 2u << 28 | 7); /* flush the domain */
    g_assert_cmphex(qtest_readl(q, VTD + 0xfc) >> 25, ==, 0x12);
    dma(q, IOVA, 0x55667788);
    g_assert_cmphex(qtest_readl(q, DATA + 0x1000), ==, 0x55667788);
    qtest_writel(q, VTD + 0x18, 0); /* off again */
    dma(q, 0x7000, 0x99aabbcc);
    g_assert_cmphex(qtest_readl(q, 0x7000), ==, 0x99aabbcc);
    qtest_end(q);
}

/* A page of 2 MiB, and contexts that pass through. */
static void test_large_and_pass(void)
{
    QTest *q = start("", "");

    program(q);
    translate(q);
    qtest_writeq(q, LEVELS + 0x2000, 0x200000 | 0x83);
    dma(q, 0x12344, 1);
    g_assert_cmphex(qtest_readl(q, 0x212344), ==, 0); /* 0x9000 is elsewhere, too */
    qtest_writel(q, 0x209000, 0xcafe);
    dma(q, 0x12344, 1);
    g_assert_cmphex(qtest_readl(q, 0x212344), ==, 0xcafe);
    qtest_writeq(q, CTX + DEVFN * 16, 2 << 2 | 1);
    qtest_writel(q, VTD + 0x2c, 1u << 31 | 1u << 29); /* flush contexts */
    dma(q, 0x12344, 0xbeef);
    g_assert_cmphex(qtest_readl(q, 0x12344), ==, 0xbeef);
    qtest_end(q);
}

static void expect_fault(QTest *q, unsigned reason, uint64_t page, bool is_write)
{
    uint32_t high = qtest_readl(q, VTD + 0x22c);

    g_assert_cmphex(qtest_readl(q, VTD + 0x34) & 2, ==, 2);
    g_assert_cmphex(high >> 31, ==, 1);
    g_assert_cmphex(high & 0xff, ==, reason);
    g_assert_cmphex(high >> 30 & 1, ==, !is_write);
    g_assert_cmphex(qtest_readq(q, VTD + 0x220), ==, page);
    g_assert_cmphex(qtest_readl(q, VTD + 0x228) & 0xffff, ==, DEVFN);
    qtest_writel(q, VTD + 0x22c, 1u << 31);
    qtest_writel(q, VTD + 0x34, 0x1);
    g_assert_cmphex(qtest_readl(q, VTD + 0x34), ==, 0);
}

static void test_faults(void)
{
    QTest *q = start("", "");

    program(q);
    translate(q);
    map(q, 0x9000, 0x9000 | 1);
    map(q, IOVA, DATA | 1);
    dma(q, IOVA, 0x1234); /* read only */
    expect_fault(q, 5, IOVA, true);
    g_assert_cmphex(qtest_readl(q, DATA), ==, 0);
    g_assert_cmphex(qtest_readl(q, VTD + 0x38) >> 30, ==, 2); /* nothing is pending any more */
    map(q, 0x9000, 0);
    qtest_writel(q, VTD + 0xfc, 1u << 31 | 1u << 28);
    dma(q, IOVA, 1);
    g_assert_cmphex(qtest_readl(q, VTD + 0x34), ==, 3); /* two: the second was lost */
    expect_fault(q, 6, 0x9000, false);
    qtest_writeq(q, CTX + DEVFN * 16, 0);
    qtest_writel(q, VTD + 0x2c, 1u << 31 | 1u << 29);
    dma(q, IOVA, 1);
    expect_fault(q, 2, 0x9000, false);
    qtest_writeq(q, ROOT, 0);
    dma(q, IOVA, 1);
    expect_fault(q, 1, 0x9000, false);
    qtest_end(q);
}

static void queue(QTest *q, unsigned at, uint64_t lo, uint64_t hi)
{
    qtest_writeq(q, QUEUE + at * 16, lo);
    qtest_writeq(q, QUEUE + at * 16 + 8, hi);
    qtest_writeq(q, VTD + 0x88, (at + 1) << 4);
}

static void test_queue(void)
{
    QTest *q = start("", "");

    program(q);
    qtest_writeq(q, VTD + 0x90, QUEUE);
    command(q, 1u << 26);
    translate(q);
    map(q, 0x9000, 0x9000 | 3);
    dma(q, IOVA, 1);
    map(q, IOVA, (DATA + 0x1000) | 3);
    queue(q, 0, 2 | 3 << 4 | 7 << 16, IOVA);
    queue(q, 1, 5 | 1 << 5 | 0xabcdull << 32, 0x3000);
    g_assert_cmphex(qtest_readl(q, 0x3000), ==, 0xabcd);
    g_assert_cmphex(qtest_readl(q, VTD + 0x80), ==, 0x20);
    dma(q, IOVA, 0x77);
    g_assert_cmphex(qtest_readl(q, DATA + 0x1000), ==, 0x77);
    map(q, IOVA, (DATA + 0x2000) | 3);
    queue(q, 2, 2 | 3 << 4 | 7 << 16, 0x7000 | 2); /* one of the four pages from 0x4000 on */
    dma(q, IOVA, 0x88);
    g_assert_cmphex(qtest_readl(q, DATA + 0x2000), ==, 0x88);
    queue(q, 3, 5 | 1 << 4, 0);
    g_assert_cmphex(qtest_readl(q, VTD + 0x9c), ==, 1);
    g_assert_cmphex(qtest_readl(q, VTD + 0xa0), ==, 0xc0000000); /* masked: pending */
    qtest_writel(q, VTD + 0x9c, 1);
    g_assert_cmphex(qtest_readl(q, VTD + 0xa0), ==, 0x80000000);
    queue(q, 4, 0xf, 0); /* no such descriptor */
    g_assert_cmphex(qtest_readl(q, VTD + 0x34), ==, 0x10);
    g_assert_cmphex(qtest_readl(q, VTD + 0x80), ==, 0x40);
    qtest_writeq(q, QUEUE + 4 * 16, 4); /* mended */
    qtest_writel(q, VTD + 0x34, 0x10);
    g_assert_cmphex(qtest_readl(q, VTD + 0x80), ==, 0x50);
    qtest_end(q);
}

static void interrupt(QTest *q, uint32_t address)
{
    pci_cfg_write(q, DEVFN, 0x44, address);
    pci_cfg_write(q, DEVFN, 0x4c, 0);
    pci_cfg_write(q, DEVFN, 0x40, 0x10000);
    qtest_writel(q, BAR + 0x60, 1);
}

static void test_interrupts(void)
{
    QTest *q = start(",intremap=on", "");

    program(q);
    qtest_writeq(q, VTD + 0xb8, IRTES | 3); /* 16 entries */
    command(q, 1u << 24);
    command(q, 1u << 25);
    interrupt(q, 0xfee00000); /* not in the format to be remapped */
    expect_fault(q, 0x25, 0, true);
    command(q, 1u << 23);
    interrupt(q, 0xfee00000);
    g_assert_cmphex(qtest_readl(q, VTD + 0x34), ==, 0);
    interrupt(q, 0xfee00010 | 5 << 5);
    expect_fault(q, 0x22, 5ull << 48, true);
    interrupt(q, 0xfee00010 | 16 << 5);
    expect_fault(q, 0x21, 16ull << 48, true);
    qtest_writeq(q, IRTES + 5 * 16, 0x410001);
    qtest_writeq(q, IRTES + 5 * 16 + 8, 1 << 18 | (DEVFN + 8)); /* another function's */
    interrupt(q, 0xfee00010 | 5 << 5);
    expect_fault(q, 0x26, 5ull << 48, true);
    qtest_writeq(q, IRTES + 5 * 16 + 8, 1 << 18 | DEVFN);
    interrupt(q, 0xfee00010 | 5 << 5);
    g_assert_cmphex(qtest_readl(q, VTD + 0x34), ==, 0);
    qtest_end(q);
}

static void test_travels(void)
{
    QTest *src = start("", ""), *dst = start("", "-incoming defer");

    program(src);
    translate(src);
    map(src, 0x9000, 0x9000 | 3);
    move_machine(src, dst);
    dma(dst, IOVA, 0x11223344);
    g_assert_cmphex(qtest_readl(dst, DATA), ==, 0x11223344);
    json_object_put(qtest_qmp_ok(dst, "{\"execute\": \"system_reset\"}"));
    json_object_put(qtest_event(dst, "RESET"));
    g_assert_cmphex(qtest_readl(dst, VTD + 0x1c), ==, 0);
    program(dst);
    dma(dst, 0x7000, 0x99aabbcc);
    g_assert_cmphex(qtest_readl(dst, 0x7000), ==, 0x99aabbcc);
    qtest_end(src);
    qtest_end(dst);
}

static void test_refused(void)
{
    static const struct {
        const char *options, *words;
    } rows[] = {
        { "-M pc -device intel-iommu", "q35" },
        { "-M q35 -device intel-iommu,aw-bits=40", "39 and 48" },
        { "-M q35 -device intel-iommu,intremap=off,eim=on", "intremap=on" },
        { "-M q35 -device intel-iommu,device-iotlb=on", "device TLBs" },
        { "-M q35 -device intel-iommu -device intel-iommu", "already" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *err = NULL;
        int status = qtest_run_once("x86_64", rows[i].options, &err);

        g_assert_cmpint(status, !=, 0);
        g_assert_nonnull(strstr(err, rows[i].words));
    }
}

/* Random registers, random tables, transfers and interrupts through them. */
static void test_fuzz(void)
{
    QTest *q = start(",intremap=on,eim=on,caching-mode=on", "");
    GRand *rand = g_rand_new_with_seed(4);

    program(q);
    translate(q);
    for (int i = 0; i < 3000; i++) {
        uint32_t at = (uint32_t)g_rand_int_range(rand, 0, 0x240);
        uint64_t value = g_rand_int(rand) | (uint64_t)g_rand_int(rand) << 32;
        uint64_t table = ROOT + (g_rand_int(rand) & 0xffff8);

        if (g_rand_boolean(rand)) {
            value = (value & 0x8fff) | (ROOT + (value >> 12 & 0xf) * 0x1000);
        }
        switch (g_rand_int_range(rand, 0, 8)) {
        case 0:
        case 1: qtest_writel(q, VTD + (at & ~3u), (uint32_t)value); break;
        case 2: qtest_writeq(q, VTD + (at & ~7u), value); break;
        case 3: qtest_readq(q, VTD + (at & ~7u)); break;
        case 4: qtest_writeq(q, table, value); break;
        case 5: qtest_writel(q, VTD + 0x18, g_rand_int(rand)); break;
        case 6:
            qtest_writeq(q, BAR + 0x80, value & 0xffffff);
            qtest_writel(q, BAR + 0x98, 1);
            qtest_clock_step(q, 101 * MS);
            break;
        case 7: interrupt(q, 0xfee00000 | ((uint32_t)value & 0xffffc)); break;
        }
    }
    g_rand_free(rand);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/vtd/registers-say-what-it-can-do", test_registers);
    g_test_add_func("/x86_64/vtd/dma-goes-where-the-tables-say", test_translates);
    g_test_add_func("/x86_64/vtd/large-pages-and-pass-through", test_large_and_pass);
    g_test_add_func("/x86_64/vtd/faults-are-recorded", test_faults);
    g_test_add_func("/x86_64/vtd/the-queue-flushes-waits-and-stops", test_queue);
    g_test_add_func("/x86_64/vtd/interrupts-are-remapped-or-blocked", test_interrupts);
    g_test_add_func("/x86_64/vtd/tables-hold-elsewhere-and-not-after-reset", test_travels);
    g_test_add_func("/x86_64/vtd/options-that-cannot-be", test_refused);
    g_test_add_func("/x86_64/vtd/takes-anything", test_fuzz);
    return g_test_run();
}
