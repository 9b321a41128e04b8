/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hotplug registers as a guest's tables drive them: PCI slots, CPUs, memory. */
#include <string.h>
#include "libqtest.h"

#define PCIHP 0xcc4
#define CPUHP 0xcd8
#define MEMHP 0xa00
#define GPE   0x620

static void open_pm(QTest *q)
{
    qtest_outl(q, 0xcf8, 0x8000f840);
    qtest_outl(q, 0xcfc, 0x601);
    qtest_outl(q, 0xcf8, 0x8000f844);
    qtest_outb(q, 0xcfc, 0x80);
}

static QTest *start(const char *more)
{
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults -m 64,slots=4,maxmem=4G %s", more);

    open_pm(q);
    return q;
}

static void gpe_is(QTest *q, uint8_t wanted)
{
    g_assert_cmphex(qtest_inb(q, GPE), ==, wanted);
    qtest_outb(q, GPE, 0xff);
    g_assert_cmphex(qtest_inb(q, GPE), ==, 0);
}

static void ok(QTest *q, const char *command)
{
    json_object_put(qtest_qmp_ok(q, "%s", command));
}

static void event_names(QTest *q, const char *event, const char *id)
{
    json_object *e = qtest_event(q, event), *data, *value;

    g_assert_true(json_object_object_get_ex(e, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "device", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, id);
    json_object_put(e);
}

static void test_pci_slot(void)
{
    QTest *q = start("-device pcie-root-port,id=p,chassis=1 -device pcie-root-port,id=r,chassis=2");

    ok(q, "{\"execute\": \"device_add\", \"arguments\": "
          "{\"driver\": \"virtio-rng-pci\", \"id\": \"d\", \"bus\": \"r\"}}");
    gpe_is(q, 2);
    qtest_outl(q, PCIHP + 0x10, 0);
    g_assert_cmphex(qtest_inl(q, PCIHP), ==, 0);
    qtest_outl(q, PCIHP + 0x10, 1);
    g_assert_cmphex(qtest_inl(q, PCIHP), ==, 1);
    g_assert_cmphex(qtest_inl(q, PCIHP), ==, 0); /* told once */
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    gpe_is(q, 2);
    g_assert_cmphex(qtest_inl(q, PCIHP + 4), ==, 1);
    g_assert_cmphex(qtest_inl(q, PCIHP + 0xc) & 1, ==, 1);
    qtest_outl(q, PCIHP + 8, 1);
    event_names(q, "DEVICE_DELETED", "d");
    g_assert_cmphex(qtest_inl(q, PCIHP + 4), ==, 0);
    qtest_end(q);
}

static void test_reset_removes_what_was_asked_for(void)
{
    QTest *q = start("-device pcie-root-port,id=p,chassis=1 -device virtio-rng-pci,id=d,bus=p");

    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    ok(q, "{\"execute\": \"system_reset\"}");
    event_names(q, "DEVICE_DELETED", "d");
    qtest_end(q);
}

static void test_cpu_window(void)
{
    QTest *q = start("-smp 1,maxcpus=3,sockets=3");

    g_assert_cmphex(qtest_inb(q, CPUHP), ==, 1); /* the bitmap of old */
    qtest_outl(q, CPUHP, 0);
    g_assert_cmphex(qtest_inb(q, CPUHP + 4), ==, 1);
    ok(q, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"qemu64-x86_64-cpu\", "
          "\"id\": \"c\", \"socket-id\": 2, \"core-id\": 0, \"thread-id\": 0}}");
    gpe_is(q, 4);
    qtest_outb(q, CPUHP + 5, 0); /* which one? */
    g_assert_cmphex(qtest_inl(q, CPUHP + 8), ==, 2);
    g_assert_cmphex(qtest_inb(q, CPUHP + 4), ==, 3);
    qtest_outb(q, CPUHP + 4, 2);
    g_assert_cmphex(qtest_inb(q, CPUHP + 4), ==, 1);
    qtest_outb(q, CPUHP + 5, 3);
    g_assert_cmphex(qtest_inl(q, CPUHP + 8), ==, 2); /* its APIC id */
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"c\"}}");
    gpe_is(q, 4);
    g_assert_cmphex(qtest_inb(q, CPUHP + 4), ==, 5);
    qtest_outb(q, CPUHP + 4, 4);
    qtest_outb(q, CPUHP + 4, 8);
    event_names(q, "DEVICE_DELETED", "c");
    g_assert_cmphex(qtest_inb(q, CPUHP + 4), ==, 0);
    qtest_end(q);
}

static void test_memory_window(void)
{
    QTest *q = start("-object memory-backend-ram,id=m0,size=16M");

    ok(q, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"pc-dimm\", "
          "\"id\": \"d\", \"memdev\": \"m0\", \"slot\": 3, \"node\": 0}}");
    gpe_is(q, 8);
    qtest_outl(q, MEMHP, 3);
    g_assert_cmphex(qtest_inb(q, MEMHP + 0x14), ==, 3);
    uint64_t at = qtest_inl(q, MEMHP) | (uint64_t)qtest_inl(q, MEMHP + 4) << 32;
    g_assert_cmphex(at, ==, 0x100000000);
    g_assert_cmphex(qtest_inl(q, MEMHP + 8), ==, 16 << 20);
    qtest_writel(q, at + (16 << 20) - 4, 0x12345678);
    g_assert_cmphex(qtest_readl(q, at + (16 << 20) - 4), ==, 0x12345678);
    qtest_outb(q, MEMHP + 0x14, 2);
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    gpe_is(q, 8);
    g_assert_cmphex(qtest_inb(q, MEMHP + 0x14), ==, 5);
    /* the guest reports that it is in use */
    qtest_outl(q, MEMHP + 4, 3);
    qtest_outl(q, MEMHP + 8, 0x81);
    json_object_put(qtest_event(q, "ACPI_DEVICE_OST"));
    event_names(q, "DEVICE_UNPLUG_GUEST_ERROR", "d");
    /* asked again, it lets go */
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
    qtest_outb(q, MEMHP + 0x14, 4);
    qtest_outb(q, MEMHP + 0x14, 8);
    event_names(q, "DEVICE_DELETED", "d");
    g_assert_cmphex(qtest_inb(q, MEMHP + 0x14), ==, 0);
    qtest_end(q);
}

static void test_random_accesses(void)
{
    QTest *q = start("-smp 1,maxcpus=3 -device pcie-root-port,id=p,chassis=1 "
                     "-object memory-backend-ram,id=m0,size=16M -device pc-dimm,memdev=m0 "
                     "-device virtio-rng-pci,bus=p");
    g_autoptr(GRand) r = g_rand_new_with_seed(7);
    static const uint16_t ports[3] = { PCIHP, CPUHP, MEMHP };
    static const uint8_t sizes[3] = { 24, 32, 24 };

    for (int i = 0; i < 3000; i++) {
        int block = g_rand_int_range(r, 0, 3);
        uint16_t port = ports[block] + g_rand_int_range(r, 0, sizes[block]);
        uint32_t value = g_rand_boolean(r) ? g_rand_int(r) : (uint32_t)g_rand_int_range(r, 0, 16);

        switch (g_rand_int_range(r, 0, 6)) {
        case 0: qtest_outb(q, port, value); break;
        case 1: qtest_outw(q, port & ~1, value); break;
        case 2: qtest_outl(q, port & ~3, value); break;
        case 3: qtest_inb(q, port); break;
        case 4: qtest_inw(q, port & ~1); break;
        case 5: qtest_inl(q, port & ~3); break;
        }
    }
    qtest_end(q);
}

static void refused(QTest *q, const char *command, const char *words)
{
    json_object *reply = qtest_qmp(q, "%s", command), *error, *desc;

    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_true(json_object_object_get_ex(error, "desc", &desc));
    g_assert_nonnull(strstr(json_object_get_string(desc), words));
    json_object_put(reply);
}

#define ADD(driver, rest) \
    "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"" driver "\", " rest "}}"

static void test_refusals(void)
{
    QTest *q = start("-smp 1,maxcpus=3,sockets=3 -object memory-backend-ram,id=m0,size=16M "
                     "-object memory-backend-ram,id=m1,size=1M -device pc-dimm,id=d,memdev=m0");

    refused(q, ADD("pc-dimm", "\"memdev\": \"m0\""), "busy");
    refused(q, ADD("pc-dimm", "\"memdev\": \"m1\""), "multiple of 2 MiB");
    refused(q, ADD("pc-dimm", "\"memdev\": \"none\""), "no memory backend");
    refused(q, ADD("pc-dimm", "\"slot\": 9"), "memdev");
    refused(q, ADD("nvdimm", "\"memdev\": \"m0\""), "nvdimm");
    refused(q, ADD("max-x86_64-cpu", "\"socket-id\": 1"), "expected cpu type");
    refused(q, ADD("qemu64-x86_64-cpu", "\"socket-id\": 3"), "must be in range");
    refused(q, ADD("qemu64-x86_64-cpu", "\"socket-id\": 0"), "exists");
    refused(q, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"m0\"}}", "in use");
    qtest_end(q);
    q = qtest_start("x86_64", "-M q35 -nodefaults -m 64 -object memory-backend-ram,id=m,size=16M");
    refused(q, ADD("pc-dimm", "\"memdev\": \"m\""), "slots");
    qtest_end(q);
}

static void block_is(const char *machine, const char *more, const char *name)
{
    QTest *q = qtest_start("x86_64",
                           "-M %s -nodefaults -m 64M,slots=4,maxmem=4G "
                           "-object memory-backend-ram,id=n0,size=16M%s -device pc-dimm,memdev=n0",
                           machine, more);
    json_object *blocks = qtest_qmp_ok(q, "{\"execute\": \"human-monitor-command\", \"arguments\": "
                                          "{\"command-line\": \"info ramblock\"}}");
    g_auto(GStrv) words = g_strsplit(json_object_get_string(blocks), " ", -1);

    g_assert_true(g_strv_contains((const char *const *)words, name));
    json_object_put(blocks);
    qtest_end(q);
}

/* What a stream calls a module's memory: others look for it under that name. */
static void test_block_names(void)
{
    block_is("pc-q35-10.0", "", "n0");
    block_is("pc-i440fx-10.0", "", "n0");
    block_is("pc-q35-10.0", ",x-use-canonical-path-for-ramblock-id=on", "/objects/n0");
    block_is("pc-q35-ferry-1.0", "", "/objects/n0");
    block_is("pc-q35-ferry-1.0", ",x-use-canonical-path-for-ramblock-id=off", "n0");
}

/* On s390x: channel devices come and go at once; what the guest is told of them tests/isa/s390x/move.py looks at. */
static void test_channel_devices(void)
{
    QTest *q = qtest_start("s390x", "-nodefaults -m 4 -device virtio-rng-ccw,id=cold");

    for (int round = 0; round < 2; round++) {
        ok(q, ADD("virtio-rng-ccw", "\"id\": \"a\""));
        ok(q, ADD("virtio-rng-ccw", "\"id\": \"b\", \"devno\": \"fe.0.1234\""));
        refused(q, ADD("virtio-rng-ccw", "\"id\": \"c\", \"devno\": \"fe.0.1234\""), "in use");
        refused(q, ADD("virtio-rng-ccw", "\"id\": \"c\", \"devno\": \"fe.0.0001\""), "in use");
        refused(q, ADD("virtio-rng-ccw", "\"id\": \"a\""), "Duplicate");
        refused(q, ADD("virtio-blk-ccw", "\"id\": \"c\""), "drive");
        ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"b\"}}");
        event_names(q, "DEVICE_DELETED", "b");
        ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"a\"}}");
        event_names(q, "DEVICE_DELETED", "a");
        refused(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"a\"}}", "not found");
    }
    /* without a number it has its subchannel's, or the next one that is free */
    ok(q, ADD("virtio-rng-ccw", "\"id\": \"b\", \"devno\": \"fe.0.0002\""));
    ok(q, ADD("virtio-rng-ccw", "\"id\": \"a\""));
    refused(q, ADD("virtio-rng-ccw", "\"id\": \"c\", \"devno\": \"fe.0.0003\""), "in use");
    ok(q, "{\"execute\": \"system_reset\"}");
    ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"cold\"}}");
    event_names(q, "DEVICE_DELETED", "cold");
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hotplug/a-pci-slot-tells-of-a-device-and-is-ejected", test_pci_slot);
    g_test_add_func("/hotplug/a-reset-removes-devices-that-were-asked-to-go",
                    test_reset_removes_what_was_asked_for);
    g_test_add_func("/hotplug/the-cpu-window-shows-what-comes-and-ejects", test_cpu_window);
    g_test_add_func("/hotplug/the-memory-window-shows-what-comes-and-ejects", test_memory_window);
    g_test_add_func("/hotplug/random-accesses-do-no-harm", test_random_accesses);
    g_test_add_func("/hotplug/what-does-not-fit-is-refused", test_refusals);
    g_test_add_func("/hotplug/the-block-of-a-module-has-the-name-that-its-machine-type-gives",
                    test_block_names);
    g_test_add_func("/hotplug/channel-devices-come-and-go", test_channel_devices);
    return g_test_run();
}
