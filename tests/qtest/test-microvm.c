/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The microvm board: virtio over memory-mapped registers as a driver uses it, the event device, what is
   refused. */
#include <string.h>
#include "pci-dev.h"

#define MMIO(n) (0xfeb00000ull + 0x200 * (n))
#define FIRST   MMIO(23) /* where the first device goes */
#define GED     0xfea00000ull
#define OTHERS  (GED + 0x200)
#define RING    0x100000ull
#define DATA    0x200000ull
#define ARGS    " -nodefaults -m 16 "
#define MODERN  "-global virtio-mmio.force-legacy=off "
#define RNG     "-device virtio-rng-device "

enum {
    MAGIC = 0x00,
    VERSION = 0x04,
    DEVICE = 0x08,
    FEATURES = 0x10,
    FEATURES_SEL = 0x14,
    DRIVER = 0x20,
    DRIVER_SEL = 0x24,
    PAGE_SIZE = 0x28,
    Q_SEL = 0x30,
    Q_MAX = 0x34,
    Q_NUM = 0x38,
    Q_ALIGN = 0x3c,
    Q_PFN = 0x40,
    Q_READY = 0x44,
    NOTIFY = 0x50,
    ISR = 0x60,
    ACK = 0x64,
    STATUS = 0x70,
    DESC = 0x80,
    AVAIL = 0x90,
    USED = 0xa0,
};

static void set(QTest *q, unsigned reg, uint32_t value)
{
    qtest_writel(q, FIRST + reg, value);
}

static uint32_t get(QTest *q, unsigned reg)
{
    return qtest_readl(q, FIRST + reg);
}

/* A ring of 8 entries: descriptors, available, used. */
#define AVAIL_AT (RING + 8 * 16)
#define USED_AT  (RING + 0x1000)

static void set_up_legacy(QTest *q)
{
    set(q, PAGE_SIZE, 4096);
    set(q, STATUS, 0);
    set(q, STATUS, 3);
    set(q, DRIVER, get(q, FEATURES) & ~(1u << 29));
    set(q, Q_SEL, 0);
    set(q, Q_NUM, 8);
    set(q, Q_ALIGN, 4096);
    set(q, Q_PFN, RING / 4096);
    set(q, STATUS, 7);
}

static void set_up_modern(QTest *q)
{
    set(q, STATUS, 3);
    set(q, DRIVER_SEL, 1);
    set(q, DRIVER, 1); /* VERSION_1 */
    set(q, DRIVER_SEL, 0);
    set(q, DRIVER, 0);
    set(q, STATUS, 11);
    g_assert_cmphex(get(q, STATUS), ==, 11);
    set(q, Q_SEL, 0);
    set(q, Q_NUM, 8);
    set(q, DESC, RING);
    set(q, AVAIL, (uint32_t)AVAIL_AT);
    set(q, USED, (uint32_t)USED_AT);
    set(q, Q_READY, 1);
    set(q, STATUS, 15);
}

/* Asks for @nth random bytes and waits until they are there. */
static void draw(QTest *q, unsigned nth)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    uint64_t desc = RING + 16 * (nth % 8);

    qtest_memset(q, DATA, 0, 64);
    qtest_writeq(q, desc, DATA);
    qtest_writel(q, desc + 8, 64);
    qtest_writel(q, desc + 12, 2); /* the device writes */
    qtest_writew(q, AVAIL_AT + 4 + 2 * (nth % 8), nth % 8);
    qtest_writew(q, AVAIL_AT + 2, nth + 1);
    set(q, NOTIFY, 0);
    while (qtest_readw(q, USED_AT + 2) != nth + 1) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        qtest_clock_step(q, 1000000);
    }
    g_assert_cmpuint(qtest_readl(q, USED_AT + 4 + 8 * (nth % 8) + 4), ==, 64);
    g_assert_true(qtest_readq(q, DATA) | qtest_readq(q, DATA + 8));
    g_assert_cmphex(get(q, ISR) & 1, ==, 1);
    set(q, ACK, 1);
    g_assert_cmphex(get(q, ISR), ==, 0);
}

static void test_empty(void)
{
    QTest *q = qtest_start("x86_64", "-M microvm" ARGS);

    for (unsigned n = 0; n < 24; n++) {
        g_assert_cmphex(qtest_readl(q, MMIO(n) + MAGIC), ==, 0x74726976);
        g_assert_cmphex(qtest_readl(q, MMIO(n) + VERSION), ==, 1);
        g_assert_cmphex(qtest_readl(q, MMIO(n) + DEVICE), ==, 0);
        qtest_writel(q, MMIO(n) + STATUS, 1);
        g_assert_cmphex(qtest_readl(q, MMIO(n) + STATUS), ==, 0);
    }
    qtest_end(q);
}

static void move(const char *machine, const char *more, void (*set_up)(QTest *q))
{
    QTest *src = qtest_start("x86_64", "-M %s" ARGS RNG "%s", machine, more), *dst;

    g_assert_cmphex(get(src, DEVICE), ==, 4);
    g_assert_cmpuint(get(src, Q_MAX), ==, 8);
    set_up(src);
    draw(src, 0);
    draw(src, 1);
    dst = qtest_start("x86_64", "-M %s" ARGS RNG "%s -incoming defer", machine, more);
    move_machine(src, dst);
    for (unsigned nth = 2; nth < 11; nth++) {
        draw(dst, nth);
    }
    set(dst, STATUS, 0);
    g_assert_cmphex(get(dst, Q_PFN) | get(dst, Q_READY), ==, 0);
    qtest_end(src);
    qtest_end(dst);
}

static void test_legacy(void)
{
    move("microvm", "", set_up_legacy);
    move("microvm-ferry-1.0", "", set_up_legacy);
}

static void test_modern(void)
{
    move("microvm", MODERN, set_up_modern);
    move("microvm-ferry-1.0", MODERN, set_up_modern);
}

static void test_line(void)
{
    QTest *q = qtest_start("x86_64", "-M microvm" ARGS RNG);

    /* input 23 of the second I/O APIC: level, and pending once the device has something to say */
    set_up_legacy(q);
    qtest_writel(q, 0xfec10000, 0x10 + 2 * 23);
    qtest_writel(q, 0xfec10010, 0x8000 | 0x40);
    draw(q, 0);
    g_assert_cmphex(qtest_readl(q, 0xfec10010) & 0x4000, ==, 0x4000); /* sent, waits for its EOI */
    qtest_end(q);
}

static void test_events(void)
{
    QTest *q = qtest_start("x86_64", "-M microvm" ARGS), *dst;

    json_object_put(qtest_qmp_ok(q, "{'execute': 'system_powerdown'}"));
    json_object_put(qtest_event(q, "POWERDOWN"));
    dst = qtest_start("x86_64", "-M microvm" ARGS "-incoming defer");
    move_machine(q, dst);
    g_assert_cmphex(qtest_readl(dst, GED), ==, 2);
    g_assert_cmphex(qtest_readl(dst, GED), ==, 0);
    qtest_writeb(dst, OTHERS + 2, 0x41);
    qtest_writeb(dst, OTHERS + 2, 0x42);
    json_object_put(qtest_event(dst, "RESET"));
    qtest_writeb(dst, OTHERS, 0x14); /* not enabled */
    qtest_writeb(dst, OTHERS, 0x34);
    json_object_put(qtest_event(dst, "SHUTDOWN"));
    qtest_end(q);
    g_assert_cmpint(qtest_wait_exit(dst), ==, 0);
}

/* The machine without anything: memory, if asked for, and what is put there. */
static void test_none(void)
{
    QTest *q =
        qtest_start("x86_64", "-M none -m 2M -device loader,addr=0x1000,data=0x1234,data-len=4 "
                              "-device loader,addr=0x1008,data=0x1234,data-len=2,data-be=on");

    g_assert_cmphex(qtest_readl(q, 0x1000), ==, 0x1234);
    g_assert_cmphex(qtest_readw(q, 0x1008), ==, 0x3412);
    qtest_writel(q, 0x1000, 7);
    json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
    json_object_put(qtest_event(q, "RESET"));
    g_assert_cmphex(qtest_readl(q, 0x1000), ==, 0x1234);
    qtest_end(q);
    q = qtest_start("s390x", "-M none -m 1M");
    qtest_writel(q, 0xffffc, 5);
    g_assert_cmphex(qtest_readl(q, 0xffffc), ==, 5);
    qtest_end(q);
}

static void refused(const char *args, const char *words)
{
    g_autofree char *text = NULL;

    g_assert_cmpint(qtest_run_once("x86_64", args, &text), ==, 1);
    if (!strstr(text, words)) {
        g_error("'%s' is not in: %s", words, text);
    }
}

static void test_refusals(void)
{
    refused("-M microvm -m 16,slots=1,maxmem=1G", "maxmem=");
    refused("-M microvm -smp 1,maxcpus=2", "maxcpus=");
    refused("-M microvm,usb=on", "usb=on");
    refused("-M microvm,acpi=off,pcie=on", "pcie=on");
    refused("-M microvm -device vmgenid", "no place for a device 'vmgenid'");
    refused("-M microvm -device virtio-rng-pci", "PCI");
    refused("-M q35 -device virtio-rng-device", "virtio-bus");
    refused("-M none -cpu max", "no place for a CPU");
    refused("-M none -device loader,addr=0", "data-len");
    refused("-M none -device loader,data=1,data-len=9", "data-len");
    refused("-M none -device loader,data=1,data-len=4,cpu-num=0", "cpu-num");
    refused("-M none -device loader,file=/nonexistent", "/nonexistent");
}

/* Any register with any value, with and without a device. */
static void fuzz(const char *more, unsigned seed)
{
    QTest *q = qtest_start("x86_64", "-M microvm,pcie=on" ARGS RNG "%s", more);
    GRand *rand = g_rand_new_with_seed(seed);

    for (int i = 0; i < 3000; i++) {
        uint64_t at = g_rand_int_range(rand, 0, 8) ? FIRST : g_rand_boolean(rand) ? MMIO(3) : GED;
        uint64_t addr = at + g_rand_int_range(rand, 0, at == GED ? 4 : 0x120);
        uint32_t v =
            g_rand_boolean(rand) ? (uint32_t)g_rand_int_range(rand, 0, 16) : g_rand_int(rand);

        switch (g_rand_int_range(rand, 0, 8)) {
        case 0: qtest_readb(q, addr); break;
        case 1: qtest_readw(q, addr & ~1ull); break;
        case 2: qtest_writeb(q, addr, (uint8_t)v); break;
        case 3: qtest_writew(q, addr & ~1ull, (uint16_t)v); break;
        case 4: qtest_readl(q, addr & ~3ull); break;
        default: qtest_writel(q, addr & ~3ull, v);
        }
    }
    g_rand_free(rand);
    qtest_end(q);
}

static void test_fuzz(void)
{
    fuzz("", 1);
    fuzz(MODERN, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/microvm/a-transport-without-a-device-says-so", test_empty);
    g_test_add_func("/x86_64/microvm/a-legacy-driver-goes-on-after-a-move", test_legacy);
    g_test_add_func("/x86_64/microvm/a-driver-of-version-1-goes-on-after-a-move", test_modern);
    g_test_add_func("/x86_64/microvm/a-device-interrupts-by-its-line", test_line);
    g_test_add_func("/x86_64/microvm/events-sleep-and-reset", test_events);
    g_test_add_func("/x86_64/microvm/what-cannot-be-is-refused", test_refusals);
    g_test_add_func("/x86_64/microvm/takes-any-access", test_fuzz);
    g_test_add_func("/x86_64/none/memory-and-what-is-put-there", test_none);
    return g_test_run();
}
