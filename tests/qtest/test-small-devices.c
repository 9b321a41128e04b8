/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that tests and beginners use: "edu" and "pci-testdev"; the chipset's watchdog. */
#include "pci-dev.h"

#define DEVFN (5 << 3)
#define BAR   0xe0000000u
#define PORTS 0xd000
#define MS    1000000ll

static QTest *start(const char *device, const char *more)
{
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults -m 16 -device %s,addr=5 %s", device, more);

    pci_cfg_write(q, DEVFN, 0x10, BAR);
    pci_cfg_write(q, DEVFN, 0x14, PORTS);
    pci_enable(q, DEVFN);
    return q;
}

static bool intx(QTest *q)
{
    return pci_cfg_read(q, DEVFN, 4) >> 19 & 1;
}

/* ---- edu ---- */

static void test_edu_computes(void)
{
    QTest *q = start("edu", "");

    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0), ==, 0x11e81234);
    g_assert_cmphex(qtest_readl(q, BAR), ==, 0x010000ed);
    qtest_writel(q, BAR + 4, 0x12345678);
    g_assert_cmphex(qtest_readl(q, BAR + 4), ==, 0xedcba987);
    qtest_writel(q, BAR + 8, 10);
    g_assert_cmpuint(qtest_readl(q, BAR + 8), ==, 3628800);
    g_assert_false(intx(q));
    qtest_writel(q, BAR + 0x20, 0xff);
    g_assert_cmphex(qtest_readl(q, BAR + 0x20), ==, 0x80);
    qtest_writel(q, BAR + 8, 0xffffffff);
    g_assert_cmpuint(qtest_readl(q, BAR + 8), ==, 0);
    g_assert_cmphex(qtest_readl(q, BAR + 0x24), ==, 1);
    g_assert_true(intx(q));
    qtest_writel(q, BAR + 0x60, 0x30);
    qtest_writel(q, BAR + 0x64, 0x01);
    g_assert_true(intx(q));
    qtest_writel(q, BAR + 0x64, 0x30);
    g_assert_cmphex(qtest_readl(q, BAR + 0x24), ==, 0);
    g_assert_false(intx(q));
    qtest_end(q);
}

static void dma(QTest *q, uint64_t from, uint64_t to, uint64_t count, uint32_t command)
{
    qtest_writeq(q, BAR + 0x80, from);
    qtest_writeq(q, BAR + 0x88, to);
    qtest_writeq(q, BAR + 0x90, count);
    qtest_writel(q, BAR + 0x98, command);
}

static void test_edu_moves(void)
{
    QTest *q = start("edu", "");

    qtest_writeq(q, 0x1000, 0x1122334455667788);
    dma(q, 0x1000, 0x40ff8, 8, 5);
    qtest_writeq(q, BAR + 0x90, 16); /* not while it runs */
    g_assert_cmphex(qtest_readq(q, BAR + 0x90), ==, 8);
    qtest_clock_step(q, 99 * MS);
    g_assert_cmphex(qtest_readl(q, BAR + 0x98), ==, 5);
    qtest_clock_step(q, 2 * MS);
    g_assert_cmphex(qtest_readl(q, BAR + 0x98), ==, 4);
    g_assert_cmphex(qtest_readl(q, BAR + 0x24), ==, 0x100);
    dma(q, 0x40ff8, 0xf0002000, 8, 3); /* the upper address bits are not driven */
    qtest_clock_step(q, 101 * MS);
    g_assert_cmphex(qtest_readq(q, 0x2000), ==, 0x1122334455667788);
    dma(q, 0x40ff8, 0x2000, 9, 3); /* beyond the buffer */
    qtest_writeq(q, 0x2000, 0);
    qtest_clock_step(q, 101 * MS);
    g_assert_cmphex(qtest_readq(q, 0x2000), ==, 0);
    g_assert_cmphex(qtest_readl(q, BAR + 0x98), ==, 2);
    qtest_end(q);
}

static void test_edu_msi(void)
{
    QTest *q = start("edu", "");

    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x40) & 0xfeffff, ==, 0x800005);
    pci_cfg_write(q, DEVFN, 0x44, 0x3000); /* "interrupts" arrive in memory */
    pci_cfg_write(q, DEVFN, 0x48, 0);
    pci_cfg_write(q, DEVFN, 0x4c, 0x4321);
    pci_cfg_write(q, DEVFN, 0x40, 0x10000);
    qtest_writel(q, BAR + 0x60, 2);
    g_assert_cmphex(qtest_readl(q, 0x3000), ==, 0x4321);
    g_assert_false(intx(q));
    qtest_end(q);
}

static void test_edu_travels(void)
{
    QTest *src = start("edu", ""), *dst;

    qtest_writeq(src, 0x1000, 0x1122334455667788);
    dma(src, 0x1000, 0x40000, 8, 5);
    qtest_clock_step(src, 50 * MS);
    dst = qtest_start("x86_64", "-M q35 -nodefaults -m 16 -device edu,addr=5 -incoming defer");
    move_machine(src, dst);
    g_assert_cmphex(qtest_readl(dst, BAR + 0x98), ==, 5);
    qtest_clock_step(dst, 101 * MS);
    g_assert_cmphex(qtest_readl(dst, BAR + 0x98), ==, 4);
    g_assert_true(intx(dst));
    dma(dst, 0x40000, 0x2000, 8, 3);
    qtest_clock_step(dst, 101 * MS);
    g_assert_cmphex(qtest_readq(dst, 0x2000), ==, 0x1122334455667788);
    qtest_end(src);
    qtest_end(dst);
}

/* ---- pci-testdev ---- */

static void test_testdev(void)
{
    QTest *q = start("pci-testdev", "");
    char name[8];

    g_assert_cmphex(qtest_readl(q, BAR), ==, 0);
    qtest_writeb(q, BAR, 0);
    g_assert_cmphex(qtest_readb(q, BAR + 1), ==, 1);
    g_assert_cmphex(qtest_readl(q, BAR + 4), ==, 0x800);
    g_assert_cmphex(qtest_readl(q, BAR + 8), ==, 0xfa);
    qtest_memread(q, BAR + 16, name, sizeof(name));
    g_assert_cmpmem(name, 8, "mmio-no-", 8);
    qtest_writeb(q, BAR + 0x800, 0xfa);
    qtest_writew(q, BAR + 0x800, 0xfa);
    qtest_writeb(q, BAR + 0x800, 0xfb);
    qtest_writeb(q, BAR + 0x801, 0xfa);
    g_assert_cmpuint(qtest_readl(q, BAR + 12), ==, 2);
    qtest_outb(q, PORTS, 2);
    g_assert_cmphex(qtest_inl(q, PORTS), ==, 0x105);
    qtest_outb(q, PORTS + 0x85, 0xfa); /* bypasses */
    qtest_outl(q, PORTS + 0x85, 0xfa);
    g_assert_cmpuint(qtest_inl(q, PORTS + 12), ==, 1);
    qtest_outb(q, PORTS, 3); /* no such test */
    g_assert_cmphex(qtest_inl(q, PORTS), ==, 0);
    qtest_end(q);
}

/* ---- the watchdog of ICH9 ---- */
#define TCO  0x660
#define GCS  0xfed1f410u
#define TICK (600 * MS)

static QTest *start_tco(const char *more)
{
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults -m 16 %s", more);

    pci_cfg_write(q, 0xf8, 0x40, 0x601);
    pci_cfg_write(q, 0xf8, 0x44, 0x80);
    pci_cfg_write(q, 0xf8, 0xf0, 0xfed1c001);
    return q;
}

static void tco_run(QTest *q, uint16_t ticks)
{
    qtest_outw(q, TCO + 8, 0x800);
    qtest_outw(q, TCO + 0x12, ticks);
    qtest_outw(q, TCO + 8, 0);
    qtest_outw(q, TCO, 1);
}

static void test_tco_counts(void)
{
    QTest *q = start_tco("-action watchdog=pause");

    qtest_writel(q, GCS, 0);
    tco_run(q, 16);
    qtest_clock_step(q, 3 * TICK + MS);
    g_assert_cmpuint(qtest_inw(q, TCO), ==, 12);
    qtest_clock_step(q, 12 * TICK);
    qtest_outw(q, TCO, 1); /* alive */
    qtest_clock_step(q, 15 * TICK);
    g_assert_cmphex(qtest_inw(q, TCO + 4), ==, 0);
    qtest_clock_step(q, 2 * TICK);
    g_assert_cmphex(qtest_inw(q, TCO + 4), ==, 8);
    g_assert_cmphex(qtest_inw(q, TCO + 6), ==, 0);
    qtest_outw(q, TCO, 1); /* alive again: the next end is a first one */
    qtest_outw(q, TCO + 4, 8);
    qtest_clock_step(q, 17 * TICK);
    g_assert_cmphex(qtest_inw(q, TCO + 4), ==, 8);
    g_assert_cmphex(qtest_inw(q, TCO + 6), ==, 0);
    qtest_clock_step(q, 16 * TICK);
    json_object_put(qtest_event(q, "WATCHDOG"));
    json_object_put(qtest_event(q, "STOP"));
    g_assert_cmphex(qtest_inw(q, TCO + 6), ==, 6);
    qtest_end(q);
}

static void test_tco_resets(void)
{
    QTest *q = start_tco("-action watchdog=reset");

    qtest_writel(q, GCS, 0);
    tco_run(q, 2);
    qtest_clock_step(q, 5 * TICK);
    json_object_put(qtest_event(q, "WATCHDOG"));
    json_object_put(qtest_event(q, "RESET"));
    qtest_end(q);
}

static void stays(QTest *q)
{
    tco_run(q, 2);
    qtest_clock_step(q, 5 * TICK);
    g_assert_cmphex(qtest_inw(q, TCO + 6), ==, 6);
    g_assert_true(has_status(q, "query-status", "running"));
    qtest_end(q);
}

static void test_tco_no_reboot(void)
{
    QTest *q = start_tco("-action watchdog=pause");

    stays(q); /* GCS.NO_REBOOT is set at reset */
    q = start_tco("-action watchdog=pause -global ICH9-LPC.noreboot=on");
    qtest_writel(q, GCS, 0);
    stays(q);
}

static void test_tco_lock(void)
{
    QTest *q = start_tco("");

    qtest_outw(q, TCO + 8, 0x1800);
    qtest_outw(q, TCO + 8, 0x0000);
    g_assert_cmphex(qtest_inw(q, TCO + 8), ==, 0x1000);
    qtest_outl(q, 0x630, 0x2000);
    g_assert_cmphex(qtest_inl(q, 0x630) & 0x2000, ==, 0); /* SMIs by it can no longer be changed */
    json_object_put(qtest_qmp_ok(q, "{\"execute\": \"system_reset\"}"));
    json_object_put(qtest_event(q, "RESET"));
    pci_cfg_write(q, 0xf8, 0x40, 0x601);
    pci_cfg_write(q, 0xf8, 0x44, 0x80);
    g_assert_cmphex(qtest_inw(q, TCO + 8), ==, 0);
    qtest_end(q);
}

/* A byte beside one of the registers that are a byte wide is not that register. */
static void test_tco_bytes(void)
{
    static const uint8_t at[] = { 0x0e, 0x10 };
    QTest *q = start_tco("");

    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        qtest_outb(q, TCO + at[i], 0x5a);
        qtest_outb(q, TCO + at[i] + 1, 0xa5);
        g_assert_cmphex(qtest_inw(q, TCO + at[i]), ==, 0x5a);
    }
    qtest_end(q);
}

static void test_tco_travels(void)
{
    QTest *src = start_tco("-action watchdog=pause"), *dst;

    qtest_writel(src, GCS, 0);
    tco_run(src, 4);
    qtest_clock_step(src, 5 * TICK);
    dst = qtest_start("x86_64", "-M q35 -nodefaults -m 16 -action watchdog=pause -incoming defer");
    move_machine(src, dst);
    g_assert_cmphex(qtest_inw(dst, TCO + 4), ==, 8);
    qtest_clock_step(dst, 4 * TICK);
    json_object_put(qtest_event(dst, "WATCHDOG"));
    qtest_end(src);
    qtest_end(dst);
}

/* ---- anything goes ---- */

static void fuzz(const char *device, uint64_t base, uint32_t span, unsigned seed)
{
    QTest *q = start(device, "");
    GRand *rand = g_rand_new_with_seed(seed);

    for (int i = 0; i < 1500; i++) {
        uint64_t addr = g_rand_boolean(rand) ? g_rand_int_range(rand, 0, 0xa8)
                                             : g_rand_int_range(rand, 0, (int32_t)span);
        uint64_t value = g_rand_boolean(rand) ? g_rand_int(rand) : 0x3fff8 + g_rand_int(rand) % 32;

        switch (g_rand_int_range(rand, 0, 8)) {
        case 0: qtest_writeb(q, base + addr, (uint8_t)value); break;
        case 1: qtest_writew(q, base + addr, (uint16_t)value); break;
        case 2: qtest_writel(q, base + (addr & ~3ull), (uint32_t)value); break;
        case 3: qtest_writeq(q, base + (addr & ~7ull), value); break;
        case 4: qtest_readl(q, base + addr); break;
        case 5: qtest_readq(q, base + (addr & ~7ull)); break;
        case 6:
            qtest_writeq(q, base + 0x98, g_rand_int_range(rand, 0, 8));
            qtest_clock_step(q, 101 * MS);
            break;
        case 7: pci_cfg_write(q, DEVFN, 0x40 + (addr & 0x1c), g_rand_int(rand)); break;
        }
    }
    g_rand_free(rand);
    qtest_end(q);
}

static void test_fuzz_edu(void)
{
    fuzz("edu", BAR, 0x100000, 1);
}

static void test_fuzz_testdev(void)
{
    fuzz("pci-testdev,membar=8K", BAR, 0x1000, 2);
}

static void test_fuzz_tco(void)
{
    QTest *q = start_tco("-action watchdog=none");
    GRand *rand = g_rand_new_with_seed(3);

    for (int i = 0; i < 1000; i++) {
        uint16_t port = (uint16_t)(TCO + g_rand_int_range(rand, 0, 32));
        uint32_t value = g_rand_boolean(rand) ? g_rand_int(rand) : g_rand_int(rand) & 3;

        switch (g_rand_int_range(rand, 0, 5)) {
        case 0: qtest_outb(q, port, (uint8_t)value); break;
        case 1: qtest_outw(q, port & ~1u, (uint16_t)value); break;
        case 2: qtest_outl(q, port & ~3u, value); break;
        case 3: qtest_inl(q, port & ~3u); break;
        case 4: qtest_clock_step(q, TICK); break;
        }
    }
    g_rand_free(rand);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/edu/computes-and-interrupts", test_edu_computes);
    g_test_add_func("/x86_64/edu/moves-by-dma-within-its-buffer", test_edu_moves);
    g_test_add_func("/x86_64/edu/interrupts-by-message", test_edu_msi);
    g_test_add_func("/x86_64/edu/a-transfer-goes-on-elsewhere", test_edu_travels);
    g_test_add_func("/x86_64/edu/takes-any-access", test_fuzz_edu);
    g_test_add_func("/x86_64/pci-testdev/counts-what-does-not-bypass", test_testdev);
    g_test_add_func("/x86_64/pci-testdev/takes-any-access", test_fuzz_testdev);
    g_test_add_func("/x86_64/tco/a-reload-in-time-and-two-ends", test_tco_counts);
    g_test_add_func("/x86_64/tco/the-second-end-resets", test_tco_resets);
    g_test_add_func("/x86_64/tco/register-or-strap-forbid-reboots", test_tco_no_reboot);
    g_test_add_func("/x86_64/tco/the-lock-holds-until-reset", test_tco_lock);
    g_test_add_func("/x86_64/tco/a-byte-beside-a-register-leaves-it", test_tco_bytes);
    g_test_add_func("/x86_64/tco/counting-goes-on-elsewhere", test_tco_travels);
    g_test_add_func("/x86_64/tco/takes-any-access", test_fuzz_tco);
    return g_test_run();
}
