/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xHCI and the devices below it, as a driver finds them. */
#include "xhci-driver.h"

#define KEYBOARD     "-device usb-kbd,port=1 "
#define TABLET       "-device usb-tablet,port=2 "
#define DISK         "-drive if=none,id=d,format=raw,file=%s -device usb-storage,id=s,drive=d,port=3 "
#define USB3_PORT(n) (n)
#define USB2_PORT(n) (4 + (n))

static void input(QTest *q, const char *event)
{
    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"input-send-event\", \"arguments\": {\"events\": [%s]}}",
                     event));
}

#define KEY(name, down)                              \
    "{\"type\": \"key\", \"data\": {\"down\": " down \
    ", \"key\": {\"type\": \"qcode\", \"data\": \"" name "\"}}}"
#define POSITION(axis, value) \
    "{\"type\": \"abs\", \"data\": {\"axis\": \"" axis "\", \"value\": " value "}}"

static void test_identity(void)
{
    Hc h;
    QTest *q = hc_boot(&h, "");

    g_assert_cmphex(pci_cfg_read(q, XHCI_DEVFN, 0), ==, 0x000d1b36);
    g_assert_cmphex(pci_cfg_read(q, XHCI_DEVFN, 8), ==, 0x0c033001);
    g_assert_cmphex(rd(&h, 0), ==, 0x01000040);
    g_assert_cmphex(rd(&h, 4), ==, 0x08001040);
    g_assert_cmphex(rd(&h, 0x20) & 0xff, ==, 2);
    g_assert_cmphex(portsc(&h, 1), ==, 0x202a0);
    command_ok(&h, 0, 23 << 10);
    g_assert_cmphex(rd(&h, 0x1020), ==, 3);                           /* pending, enabled */
    g_assert_cmphex(pci_cfg_read(q, XHCI_DEVFN, 4) >> 19 & 1, ==, 1); /* INTx is up */
    wr(&h, 0x1020, 3);
    g_assert_cmphex(pci_cfg_read(q, XHCI_DEVFN, 4) >> 19 & 1, ==, 0);
    qtest_end(q);
}

static void test_enumerate(void)
{
    g_autofree char *disk = image_new(1 << 20), *devices = g_strdup_printf(KEYBOARD DISK, disk);
    uint8_t d[18];
    Hc h;
    QTest *q = hc_boot(&h, devices);

    g_assert_cmphex(portsc(&h, USB2_PORT(1)) & 0x3c01, ==, 0xc01);  /* connected, high speed */
    g_assert_cmphex(portsc(&h, USB3_PORT(3)) & 0x3c03, ==, 0x1003); /* enabled, SuperSpeed */
    unsigned kbd = address_device(&h, USB2_PORT(1)), msd = address_device(&h, USB3_PORT(3));
    g_assert_cmpuint(control(&h, kbd, 0x80, 6, 0x100, 0, 18), ==, 1);
    qtest_memread(q, BUFFER, d, sizeof(d));
    g_assert_cmphex(ld_le32(d + 8), ==, 0x00010627);
    g_assert_cmpuint(control(&h, msd, 0x80, 6, 0x100, 0, 18), ==, 1);
    qtest_memread(q, BUFFER, d, sizeof(d));
    g_assert_cmphex(ld_le16(d + 2), ==, 0x0300);
    g_assert_cmphex(ld_le32(d + 8), ==, 0x000146f4);
    /* A descriptor that is not there stalls the endpoint until it is reset and its ring moved on. */
    g_assert_cmpuint(control(&h, kbd, 0x80, 6, 0x2200, 0, 18), ==, 6);
    g_assert_cmphex(qtest_readl(q, OUTPUT + 0x1000 * kbd + 32) & 7, ==, 2);
    command_ok(&h, 0, 14 << 10 | 1 << 16 | kbd << 24);
    command_ok(&h, (ring_of(kbd, 1) + 16 * h.ring_at[kbd][1]) | 1, 16 << 10 | 1 << 16 | kbd << 24);
    g_assert_cmpuint(control(&h, kbd, 0x80, 6, 0x100, 0, 18), ==, 1);
    /* Somebody else's slot, a slot that is not, a port without device. */
    g_assert_cmpuint(event_code(command(&h, INPUT, 11 << 10 | 9u << 24)), ==, 11);
    g_assert_cmpuint(event_code(command(&h, 0, 15 << 10 | 4 << 16 | kbd << 24)), ==, 12);
    qtest_end(q);
    image_free(g_steal_pointer(&disk));
}

static void test_keys(void)
{
    static const uint8_t a[8] = { 0, 0, 4 }, shift_a[8] = { 2, 0, 4 }, none[8] = { 2 };
    uint8_t report[8];
    Hc h;
    QTest *q = hc_boot(&h, KEYBOARD);
    unsigned kbd = address_device(&h, USB2_PORT(1));

    configure(&h, kbd, 1 << 3, INTERRUPT, 8);
    queue(&h, kbd, 3, BUFFER, 8);
    input(q, KEY("a", "true"));
    Event e = wait_event(&h, 32);
    g_assert_cmphex(e.ptr, ==, ring_of(kbd, 3));
    g_assert_cmphex(e.status, ==, 1u << 24);
    g_assert_cmphex(e.control >> 16, ==, kbd << 8 | 3);
    qtest_memread(q, BUFFER, report, 8);
    g_assert_cmpmem(report, 8, a, 8);
    /* What happens meanwhile waits in the device. */
    input(q, KEY("shift", "true") ", " KEY("a", "false"));
    transfer(&h, kbd, 3, BUFFER, 8);
    qtest_memread(q, BUFFER, report, 8);
    g_assert_cmpmem(report, 8, shift_a, 8);
    transfer(&h, kbd, 3, BUFFER, 8);
    qtest_memread(q, BUFFER, report, 8);
    g_assert_cmpmem(report, 8, none, 8);
    /* A stopped endpoint leaves its transfer in the ring, and tells of it. */
    queue(&h, kbd, 3, BUFFER, 8);
    put_trb(&h, COMMAND + 16 * h.command_at++, 0, 0, 15 << 10 | 3 << 16 | kbd << 24 | 1);
    wr(&h, 0x2000, 0);
    g_assert_cmpuint(event_code(wait_event(&h, 32)), ==, 26);
    g_assert_cmpuint(event_code(wait_event(&h, 33)), ==, 1);
    input(q, KEY("shift", "false"));
    wr(&h, 0x2000 + 4 * kbd, 3);
    g_assert_cmpuint(event_code(wait_event(&h, 32)), ==, 1);
    qtest_end(q);
}

static void test_positions(void)
{
    static const uint8_t there[6] = { 0, 0xe8, 0x03, 0xd0, 0x07, 0 };
    uint8_t report[6];
    Hc h;
    QTest *q = hc_boot(&h, TABLET);
    unsigned slot = address_device(&h, USB2_PORT(2));

    configure(&h, slot, 1 << 3, INTERRUPT, 8);
    queue(&h, slot, 3, BUFFER, 8);
    input(q, POSITION("x", "1000") ", " POSITION("y", "2000"));
    Event e = wait_event(&h, 32);
    g_assert_cmphex(e.status, ==, 13u << 24 | 2); /* six of eight bytes */
    qtest_memread(q, BUFFER, report, 6);
    g_assert_cmpmem(report, 6, there, 6);
    qtest_end(q);
}

/* ---- storage ---- */

#define CBW  (BUFFER + 0x10000)
#define CSW  (BUFFER + 0x10100)
#define DATA (BUFFER + 0x20000)

static void send_cbw(Hc *h, unsigned slot, const uint8_t *cdb, unsigned cdb_len, uint32_t bytes,
                     bool in)
{
    uint8_t cbw[31] = { 'U', 'S', 'B', 'C', 0x12, 0x34, 0x56, 0x78 };

    st_le32(cbw + 8, bytes);
    cbw[12] = in ? 0x80 : 0;
    cbw[14] = (uint8_t)cdb_len;
    memcpy(cbw + 15, cdb, cdb_len);
    qtest_memwrite(h->q, CBW, cbw, sizeof(cbw));
    g_assert_cmphex(transfer(h, slot, 4, CBW, 31).status, ==, 1u << 24);
}

/* The status byte; the residue must be @residue. */
static unsigned take_csw(Hc *h, unsigned slot, uint32_t residue)
{
    uint8_t csw[13];

    g_assert_cmphex(transfer(h, slot, 3, CSW, 13).status, ==, 1u << 24);
    qtest_memread(h->q, CSW, csw, sizeof(csw));
    g_assert_cmpmem(csw, 8, "USBS\x12\x34\x56\x78", 8);
    g_assert_cmpuint(ld_le32(csw + 8), ==, residue);
    return csw[12];
}

static unsigned open_disk(Hc *h)
{
    static const uint8_t ready[6] = { 0 };
    unsigned slot = address_device(h, USB3_PORT(3));

    configure(h, slot, 1 << 3 | 1 << 4, BULK, 1024);
    send_cbw(h, slot, ready, 6, 0, false);
    g_assert_cmpuint(take_csw(h, slot, 0), ==, 1); /* it was reset */
    send_cbw(h, slot, ready, 6, 0, false);
    g_assert_cmpuint(take_csw(h, slot, 0), ==, 0);
    return slot;
}

static const uint8_t write_4[10] = { 0x2a, 0, 0, 0, 0, 8, 0, 0, 4 };
static const uint8_t read_4[10] = { 0x28, 0, 0, 0, 0, 8, 0, 0, 4 };

static void test_disk(void)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    g_autofree char *disk = image_new(1 << 20), *devices = g_strdup_printf(DISK, disk);
    uint8_t out[2048], got[2048];
    Hc h;
    QTest *q = hc_boot(&h, devices);
    unsigned slot = open_disk(&h);

    send_cbw(&h, slot, inquiry, 6, 100, true); /* it has less to say */
    g_assert_cmphex(transfer(&h, slot, 3, DATA, 100).status, ==, 13u << 24 | 64);
    g_assert_cmpuint(take_csw(&h, slot, 64), ==, 0);
    qtest_memread(q, DATA, got, 36);
    g_assert_cmpmem(got + 8, 8, "QEMU    ", 8);

    fill_pattern(out, sizeof(out), 7);
    qtest_memwrite(q, DATA, out, sizeof(out));
    send_cbw(&h, slot, write_4, 10, 2048, false);
    transfer(&h, slot, 4, DATA, 512);
    transfer(&h, slot, 4, DATA + 512, 1536);
    g_assert_cmpuint(take_csw(&h, slot, 0), ==, 0);
    image_get(disk, 4096, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), out, sizeof(out));

    qtest_memset(q, DATA, 0, sizeof(out));
    send_cbw(&h, slot, read_4, 10, 2048, true);
    transfer(&h, slot, 3, DATA, 1024);
    transfer(&h, slot, 3, DATA + 1024, 1024);
    g_assert_cmpuint(take_csw(&h, slot, 0), ==, 0);
    qtest_memread(q, DATA, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), out, sizeof(out));

    /* What is no command block halts the endpoint, until the transport is reset. */
    g_assert_cmpuint(event_code(transfer(&h, slot, 4, DATA, 30)), ==, 6);
    command_ok(&h, 0, 14 << 10 | 4 << 16 | slot << 24);
    command_ok(&h, (ring_of(slot, 4) + 16 * h.ring_at[slot][4]) | 1,
               16 << 10 | 4 << 16 | slot << 24);
    g_assert_cmpuint(control(&h, slot, 0x21, 0xff, 0, 0, 0), ==, 1);
    g_assert_cmpuint(control(&h, slot, 0x02, 1, 0, 2, 0), ==, 1);
    send_cbw(&h, slot, inquiry, 6, 0, false);
    g_assert_cmpuint(take_csw(&h, slot, 0), ==, 0);
    qtest_end(q);
    image_free(g_steal_pointer(&disk));
}

/* A write fails, the VM stops, and the command is done again where the machine is then. */
static void test_disk_error(void)
{
    g_autofree char *disk = image_new(1 << 20);
    g_autofree char *devices = g_strdup_printf(
        "-drive if=none,id=d,format=raw,file=%s -device usb-storage,drive=d,port=3,werror=stop",
        disk);
    uint8_t out[2048], got[2048];
    Hc h;
    QTest *q = hc_boot(&h, devices), *dst;
    unsigned slot = open_disk(&h);

    limit_files(q, true, 4096);
    fill_pattern(out, sizeof(out), 9);
    qtest_memwrite(q, DATA, out, sizeof(out));
    send_cbw(&h, slot, write_4, 10, 2048, false);
    transfer(&h, slot, 4, DATA, 2048);
    json_object_put(qtest_event(q, "STOP"));
    queue(&h, slot, 3, CSW, 13);
    limit_files(q, false, 0);
    dst = qtest_start("x86_64",
                      "-M q35 -nodefaults -m 16 -device qemu-xhci,id=x,addr=5 %s -incoming defer",
                      devices);
    move_stopped(q, dst);
    h.q = dst;
    g_assert_cmpuint(event_code(wait_event(&h, 32)), ==, 1);
    g_assert_cmphex(qtest_readb(dst, CSW + 12), ==, 0);
    image_get(disk, 4096, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), out, sizeof(out));
    qtest_end(q);
    qtest_end(dst);
    image_free(g_steal_pointer(&disk));
}

/* ---- coming and going ---- */

static void test_hotplug(void)
{
    Hc h;
    QTest *q = hc_boot(&h, "");

    wr(&h, 0x430 + 0x10 * USB2_PORT(1), 0x20200); /* the change that a reset makes */
    json_object_put(qtest_qmp_ok(q, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": "
                                    "\"usb-mouse\", \"id\": \"m\", \"bus\": \"x.0\"}}"));
    g_assert_cmphex(wait_event(&h, 34).ptr, ==, USB2_PORT(1) << 24);
    g_assert_cmphex(portsc(&h, USB2_PORT(1)) & 1, ==, 1);
    unsigned slot = address_device(&h, USB2_PORT(1));
    configure(&h, slot, 1 << 3, INTERRUPT, 8);
    queue(&h, slot, 3, BUFFER, 8);
    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"m\"}}"));
    json_object_put(qtest_event(q, "DEVICE_DELETED"));
    g_assert_cmpuint(event_code(wait_event(&h, 32)), ==, 4); /* nobody answers */
    g_assert_cmphex(portsc(&h, USB2_PORT(1)) & 3, ==, 0);
    command_ok(&h, 0, 10 << 10 | slot << 24);
    qtest_end(q);
}

/* A transfer that waits for the user, and a command whose data were not taken, go along. */
static void test_move(void)
{
    g_autofree char *disk = image_new(1 << 20), *devices = g_strdup_printf(TABLET DISK, disk);
    uint8_t out[2048], got[2048];
    Hc h;

    fill_pattern(out, sizeof(out), 3);
    image_put(disk, 4096, out, sizeof(out));
    QTest *q = hc_boot(&h, devices), *dst;
    unsigned msd = open_disk(&h), tablet = address_device(&h, USB2_PORT(2));
    configure(&h, tablet, 1 << 3, INTERRUPT, 8);
    queue(&h, tablet, 3, BUFFER, 8);
    send_cbw(&h, msd, read_4, 10, 2048, true);
    transfer(&h, msd, 3, DATA, 1024);
    dst = qtest_start("x86_64",
                      "-M q35 -nodefaults -m 16 -device qemu-xhci,id=x,addr=5 %s -incoming defer",
                      devices);
    move_machine(q, dst);
    h.q = dst;
    input(dst, POSITION("x", "1000") ", " POSITION("y", "2000"));
    g_assert_cmphex(wait_event(&h, 32).status, ==, 13u << 24 | 2);
    g_assert_cmphex(qtest_readl(dst, BUFFER), ==, 0xd003e800);
    transfer(&h, msd, 3, DATA + 1024, 1024);
    g_assert_cmpuint(take_csw(&h, msd, 0), ==, 0);
    qtest_memread(dst, DATA, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), out, sizeof(out));
    qtest_end(q);
    qtest_end(dst);
    image_free(g_steal_pointer(&disk));
}

/* An endpoint that was halted, and a device without configuration, are the same at the destination. */
static void test_move_halted(void)
{
    Hc h;
    QTest *q = hc_boot(&h, KEYBOARD), *dst;
    unsigned kbd = address_device(&h, USB2_PORT(1));

    g_assert_cmpuint(control(&h, kbd, 0x00, 9, 0, 0, 0), ==, 1);
    g_assert_cmpuint(control(&h, kbd, 0x02, 3, 0, 0x81, 0), ==, 1);
    dst = qtest_start("x86_64",
                      "-M q35 -nodefaults -m 16 -device qemu-xhci,id=x,addr=5 %s -incoming defer",
                      KEYBOARD);
    move_machine(q, dst);
    h.q = dst;
    qtest_memset(dst, BUFFER, 0xee, 2);
    g_assert_cmpuint(control(&h, kbd, 0x82, 0, 0, 0x81, 2), ==, 1);
    g_assert_cmphex(qtest_readw(dst, BUFFER), ==, 1);
    g_assert_cmpuint(control(&h, kbd, 0x80, 8, 0, 0, 1), ==, 1);
    g_assert_cmphex(qtest_readb(dst, BUFFER), ==, 0);
    qtest_end(q);
    qtest_end(dst);
}

/* The configuration of a device that has an address and none, where it came from and after the move. */
static uint8_t configuration_after_move(const char *machine)
{
    g_autofree char *devices = g_strdup_printf("-M %s " KEYBOARD, machine);
    Hc h;
    QTest *q = hc_boot(&h, devices), *dst;
    unsigned kbd = address_device(&h, USB2_PORT(1));

    g_assert_cmpuint(control(&h, kbd, 0x00, 9, 0, 0, 0), ==, 1);
    dst =
        qtest_start("x86_64", "-nodefaults -m 16 -device qemu-xhci,id=x,addr=5 %s -incoming defer",
                    devices);
    move_machine(q, dst);
    h.q = dst;
    g_assert_cmpuint(control(&h, kbd, 0x80, 8, 0, 0, 1), ==, 1);
    uint8_t configuration = qtest_readb(dst, BUFFER);
    qtest_end(q);
    qtest_end(dst);
    return configuration;
}

/* Firmware leaves pointers so; others, which share the older machine type, know no record for it. */
static void test_move_unconfigured(void)
{
    g_assert_cmpuint(configuration_after_move("pc-q35-ferry-1.0"), ==, 0);
    g_assert_cmpuint(configuration_after_move("pc-q35-10.0"), ==, 1);
}

/* ---- bad drivers ---- */

static void test_endless(void)
{
    Hc h;
    QTest *q = hc_boot(&h, KEYBOARD);
    unsigned kbd = address_device(&h, USB2_PORT(1));
    uint32_t ring = ring_of(kbd, 3);

    configure(&h, kbd, 1 << 3, INTERRUPT, 8);
    put_trb(&h, ring, 0, 0, 8 << 10 | 1); /* a no-op, and again */
    put_trb(&h, ring + 16, ring, 0, 6 << 10 | 1);
    wr(&h, 0x2000 + 4 * kbd, 3);
    g_assert_cmpuint(event_code(wait_event(&h, 32)), ==, 5);
    g_assert_cmphex(qtest_readl(q, OUTPUT + 0x1000 * kbd + 96) & 7, ==, 4);
    put_trb(&h, COMMAND + 16 * h.command_at, COMMAND + 16 * h.command_at, 0, 6 << 10 | 1);
    wr(&h, 0x2000, 0);
    g_assert_cmphex(rd(&h, 0x44) & 0x1000, ==, 0x1000);
    hc_start(&h); /* a reset helps */
    command_ok(&h, 0, 23 << 10);
    qtest_end(q);
}

/* Random TRBs of types that exist, in rings and contexts. */
static void scatter(Hc *h, GRand *rand)
{
    static const uint8_t types[] = { 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23 };
    static const uint32_t places[] = { COMMAND,   INPUT,    OUTPUT + 0x1000,     DCBAA,
                                       BUFFER,    XHCI_BAR, RINGS + 33 * 0x1000, EVENTS,
                                       0xfffff000 };

    for (unsigned i = 0; i < 8; i++) {
        uint32_t place = places[g_rand_int(rand) % 5];
        uint64_t ptr =
            places[g_rand_int(rand) % G_N_ELEMENTS(places)] + 16 * (g_rand_int(rand) % 64);
        uint32_t type = types[g_rand_int(rand) % G_N_ELEMENTS(types)];

        put_trb(h, place + 16 * (g_rand_int(rand) % 64), ptr, g_rand_int(rand) & 0x1ffff,
                type << 10 | (g_rand_int(rand) & 0x010f03ff));
    }
}

static void test_anything(void)
{
    static const uint32_t known[] = { 0x40,   0x44,   0x58,   0x5c,   0x70,   0x74,   0x78,
                                      0x440,  0x480,  0x490,  0x4a0,  0x1020, 0x1028, 0x1030,
                                      0x1034, 0x1038, 0x103c, 0x2000, 0x2004, 0x2008, 0x200c };
    g_autofree char *disk = image_new(1 << 20),
                    *devices = g_strdup_printf(KEYBOARD TABLET DISK, disk);
    GRand *rand = g_rand_new_with_seed(0x7b);
    Hc h;
    QTest *q = hc_boot(&h, devices);

    for (unsigned i = 0; i < 1500; i++) {
        uint32_t reg = g_rand_int(rand) & 3 ? known[g_rand_int(rand) % G_N_ELEMENTS(known)]
                                            : g_rand_int(rand) & 0x3ffc;
        uint32_t value = g_rand_int(rand) >> (g_rand_int(rand) & 31);

        if (i % 50 == 0) {
            hc_start(&h);
            unsigned slot = address_device(&h, USB2_PORT(1));
            configure(&h, slot, 1 << 3, INTERRUPT, 8);
        }
        if (i % 4 == 0) {
            scatter(&h, rand);
        }
        if (i % 16 == 3) {
            wr(&h, 0x1030, XHCI_BAR + 0x2000); /* events into its own doorbells */
        }
        wr(&h, reg, value);
        rd(&h, reg);
        wr(&h, 0x2000 + 4 * (value & 7), value >> 3 & 7);
        if (i % 32 == 7) {
            input(q, KEY("a", "true") ", " KEY("a", "false"));
        }
    }
    json_object_put(qtest_qmp_ok(q, "{\"execute\": \"system_reset\"}"));
    json_object_put(qtest_event(q, "RESET"));
    hc_start(&h);
    open_disk(&h);
    g_rand_free(rand);
    qtest_end(q);
    image_free(g_steal_pointer(&disk));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/xhci/it-is-what-its-driver-looks-for", test_identity);
    g_test_add_func("/x86_64/xhci/devices-are-enumerated", test_enumerate);
    g_test_add_func("/x86_64/xhci/keys-arrive-as-reports", test_keys);
    g_test_add_func("/x86_64/xhci/positions-arrive-as-reports", test_positions);
    g_test_add_func("/x86_64/xhci/a-disk-is-written-and-read", test_disk);
    g_test_add_func("/x86_64/xhci/a-write-that-failed-is-done-where-the-machine-went",
                    test_disk_error);
    g_test_add_func("/x86_64/xhci/devices-come-and-go", test_hotplug);
    g_test_add_func("/x86_64/xhci/what-waits-goes-along", test_move);
    g_test_add_func("/x86_64/xhci/what-is-halted-stays-halted", test_move_halted);
    g_test_add_func("/x86_64/xhci/without-configuration-it-goes-where-that-is-known",
                    test_move_unconfigured);
    g_test_add_func("/x86_64/xhci/rings-without-an-end-are-ended", test_endless);
    g_test_add_func("/x86_64/xhci/anything-in-its-registers-does-no-harm", test_anything);
    return g_test_run();
}
