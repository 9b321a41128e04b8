/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bridges and root ports as firmware and a hotplug driver see them: capabilities, windows after a reset, and the
 * hotplug controller of a bridge to a conventional bus (PCI SHPC 1.0), which the platform's own hotplug leaves alone.
 */
#include "pci-dev.h"

#define DEVFN  (5 << 3)
#define BAR    0xe0000000u
#define SLOT_2 (BAR + 0x28) /* of device 2 behind the bridge */

static QTest *start(const char *more)
{
    return qtest_start("x86_64",
                       "-M pc-i440fx-10.0 -nodefaults -global "
                       "PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off %s",
                       more);
}

#define BRIDGE "-device pci-bridge,id=b,chassis_nr=7,addr=5"

static void open_registers(QTest *q)
{
    pci_cfg_write(q, DEVFN, 0x10, BAR);
    pci_cfg_write(q, DEVFN, 0x18, 0x00010100);
    pci_enable(q, DEVFN);
}

static void ok(QTest *q, const char *command)
{
    json_object_put(qtest_qmp_ok(q, "%s", command));
}

static void command(QTest *q, unsigned device, uint8_t code, uint8_t status)
{
    qtest_writew(q, BAR + 0x14, (uint16_t)(device << 8 | code));
    g_assert_cmphex(qtest_readw(q, BAR + 0x16), ==, status);
    g_assert_cmphex(qtest_readb(q, BAR + 0x22), ==, 1);
    qtest_writeb(q, BAR + 0x22, 1);
    g_assert_cmphex(qtest_readb(q, BAR + 0x22), ==, 0);
}

/* The capability says whether an event is pending, and the locator where. */
static void pending_is(QTest *q, uint32_t locator)
{
    g_assert_cmphex(qtest_readl(q, BAR + 0x18), ==, locator);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x40) >> 31, ==, locator != 0);
}

static void test_capabilities(void)
{
    QTest *q = start(BRIDGE);

    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0), ==, 0x00011b36);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x04), ==, 0x00b00000);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x1c), ==, 0x00a00000);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x24), ==, 0x00010001);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x34), ==, 0x4c);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x40), ==, 0x0000000c);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x48), ==, 0x07204004);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x4c), ==, 0x01804805);
    qtest_end(q);
    q = start("-device pci-bridge,id=b,shpc=off,addr=5");
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x10), ==, 0);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x34), ==, 0x40);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x3c), ==, 0);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x40), ==, 0x00200004);
    qtest_end(q);
    q = qtest_start("x86_64", "-M q35 -nodefaults -device pcie-root-port,addr=5,chassis=1 -device "
                              "ioh3420,addr=6,chassis=2");
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x1c), ==, 0xf0); /* windows that let nothing through */
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x20), ==, 0xfff0);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x24), ==, 0x0001fff1);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x60), ==, 0x00300604);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x68), ==, 0x0002007b);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x6c), ==, 0x000007c0);
    g_assert_cmphex(pci_cfg_read(q, 6 << 3, 0), ==, 0x34208086);
    g_assert_cmphex(pci_cfg_read(q, 6 << 3, 0x34), ==, 0x90);
    g_assert_cmphex(pci_cfg_read(q, 6 << 3, 0x60), ==, 0x01024005);
    g_assert_cmphex(pci_cfg_read(q, 6 << 3, 0x9c), ==, 0x00000411);
    qtest_end(q);
}

static void test_registers(void)
{
    QTest *q = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=3");

    open_registers(q);
    g_assert_cmphex(qtest_readl(q, BAR + 0x04), ==, 31);
    g_assert_cmphex(qtest_readl(q, BAR + 0x0c), ==, 0xe001011f);
    g_assert_cmphex(qtest_readl(q, BAR + 0x20), ==, 0xf);
    g_assert_cmphex(qtest_readl(q, SLOT_2), ==, 0x7f000d3f);     /* open, empty, off */
    g_assert_cmphex(qtest_readl(q, SLOT_2 + 4), ==, 0x7f000036); /* enabled */
    pci_cfg_write(q, DEVFN, 0x40, 3 << 16); /* the same through configuration space */
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x44), ==, 0xe001011f);
    pci_cfg_write(q, DEVFN, 0x40, 0x2c / 4 << 16);
    pci_cfg_write(q, DEVFN, 0x44, 0x01000000);
    g_assert_cmphex(qtest_readl(q, SLOT_2 + 4), ==, 0x01000036);
    command(q, 3, 0x02 | 2 << 2, 0); /* the power indicator blinks */
    g_assert_cmphex(qtest_readw(q, SLOT_2 + 4), ==, 0x003a);
    command(q, 3, 0x01, 4); /* from enabled to powered: no */
    command(q, 2, 0x02, 2); /* the latch is open */
    command(q, 0, 0x02, 4); /* no slot */
    command(q, 2, 0x41, 8); /* one speed */
    command(q, 2, 0x7f, 4);
    command(q, 0, 0x40, 0);
    qtest_end(q);
}

static void test_hotplug(void)
{
    QTest *q = start(BRIDGE);

    open_registers(q);
    qtest_writeb(q, BAR + 0x20, 0x0e); /* commands' ends do not interrupt, slots do */
    qtest_writeb(q, SLOT_2 + 3, 0x60);
    pending_is(q, 0);
    ok(q, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"virtio-rng-pci\", \"id\": "
          "\"d\", "
          "\"bus\": \"b\", \"addr\": \"2\"}}");
    g_assert_cmphex(qtest_readl(q, SLOT_2), ==, 0x600d003f);
    pending_is(q, 1 << 2);
    qtest_writeb(q, SLOT_2 + 2, 0x1f);
    pending_is(q, 0);
    command(q, 2, 0x02 | 1 << 2, 0);
    g_assert_cmphex(qtest_readl(q, SLOT_2), ==, 0x60000036);
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    g_assert_cmphex(qtest_readb(q, SLOT_2 + 2), ==, 4);
    pending_is(q, 1 << 2);
    command(q, 2, 0x03 | 3 << 2, 0);
    json_object_put(qtest_event(q, "DEVICE_DELETED"));
    g_assert_cmphex(qtest_readl(q, SLOT_2), ==, 0x600d0d3f);
    qtest_end(q);
}

static void test_refused(void)
{
    QTest *q = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=3,id=d");

    open_registers(q);
    command(q, 3, 0x03 | 3 << 2, 0); /* turned off, but nobody asked for the device */
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    ok(q, "{\"execute\": \"system_reset\"}"); /* a guest that starts anew does not know of it */
    json_object_put(qtest_event(q, "DEVICE_DELETED"));
    qtest_end(q);
}

/* A message that is masked waits, but not for the next guest. */
static void test_masked(void)
{
    QTest *q = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=3,id=d");

    open_registers(q);
    pci_cfg_write(q, DEVFN, 0x5c, 1);
    pci_cfg_write(q, DEVFN, 0x4c, 1 << 16);
    qtest_writeb(q, BAR + 0x20, 0x0e);
    qtest_writeb(q, SLOT_2 + 4 + 3, 0x60);
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x60), ==, 1);
    ok(q, "{\"execute\": \"system_reset\"}");
    json_object_put(qtest_event(q, "RESET"));
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x5c), ==, 0);
    g_assert_cmphex(pci_cfg_read(q, DEVFN, 0x60), ==, 0);
    qtest_end(q);
}

/* An event that waits waits where the machine goes. */
static void test_move(void)
{
    QTest *q = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=2,id=d"), *r;

    open_registers(q);
    qtest_writel(q, SLOT_2, 0x60000000);
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    pending_is(q, 1 << 2);
    r = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=2,id=d -incoming defer");
    move_machine(q, r);
    qtest_end(q);
    g_assert_cmphex(qtest_readl(r, SLOT_2), ==, 0x60040036);
    pending_is(r, 1 << 2);
    command(r, 2, 0x03 | 3 << 2, 0);
    json_object_put(qtest_event(r, "DEVICE_DELETED"));
    qtest_end(r);
}

static void test_nonsense(void)
{
    QTest *q = start(BRIDGE " -device virtio-rng-pci,bus=b,addr=3,id=d");
    g_autoptr(GRand) r = g_rand_new_with_seed(4);

    open_registers(q);
    for (int i = 0; i < 2000; i++) {
        uint32_t at = (uint32_t)g_rand_int_range(r, 0, 256), value = g_rand_int(r);

        switch (g_rand_int_range(r, 0, 5)) {
        case 0: qtest_writeb(q, BAR + at, value); break;
        case 1: qtest_writew(q, BAR + 0x14, value & 0x1f7f); break;
        case 2: qtest_writel(q, BAR + (at & ~3u), value); break;
        case 3: qtest_readl(q, BAR + (at & ~3u)); break;
        case 4: pci_cfg_write(q, DEVFN, 0x40 + (at & 4), value); break;
        }
    }
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bridges/they-are-what-their-drivers-look-for", test_capabilities);
    g_test_add_func("/bridges/slots-are-turned-on-and-off-by-command", test_registers);
    g_test_add_func("/bridges/a-device-comes-and-goes-by-its-slot", test_hotplug);
    g_test_add_func("/bridges/what-nobody-asked-for-stays", test_refused);
    g_test_add_func("/bridges/a-message-that-waits-does-not-outlive-a-reset", test_masked);
    g_test_add_func("/bridges/an-event-that-waits-goes-along", test_move);
    g_test_add_func("/bridges/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
