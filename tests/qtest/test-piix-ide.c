/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIIX3 IDE function through its ports: task file, data port, bus mastering, packet commands,
 * a move to another process amid a block, and nonsense. It sits on q35 here, with its own bus names.
 */
#include "damaged-image.h"

#define DEVFN 0x28
#define BM    0xc100 /* bus master ports */
#define PRDT  0x100000u
#define DATA  0x200000u
#define DISK  (32u << 20)

enum {
    DISK_PORT = 0x1f0,
    CD_PORT = 0x170
};

typedef struct {
    QTest *q;
    char *disk, *cd;
} Ide;

static QTest *boot(const Ide *s, const char *more)
{
    return qtest_start("x86_64",
                       "-M q35,sata=off -nodefaults -m 64 -device piix3-ide,id=p,addr=5 "
                       "-drive file=%s,format=raw,if=none,id=d "
                       "-device ide-hd,drive=d,bus=p.0,unit=0 "
                       "-drive file=%s,format=raw,if=none,id=c,media=cdrom "
                       "-device ide-cd,drive=c,bus=p.1,unit=0 %s",
                       s->disk, s->cd, more);
}

static void open_bm(QTest *q)
{
    pci_cfg_write(q, DEVFN, 0x20, BM | 1);
    pci_enable(q, DEVFN);
}

static void setup(Ide *s, const char *more)
{
    uint8_t sector[2048];

    s->disk = image_new(DISK);
    s->cd = image_new(1 << 20);
    fill_pattern(sector, sizeof(sector), 9);
    image_put(s->cd, 3 * 2048, sector, sizeof(sector));
    s->q = boot(s, more);
    open_bm(s->q);
}

static void teardown(Ide *s)
{
    qtest_end(s->q);
    image_free(s->disk);
    image_free(s->cd);
}

/* Waits until neither BSY nor, when @settled, DRQ is set. */
static uint8_t wait_ready(QTest *q, unsigned base)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    uint8_t status;

    while ((status = qtest_inb(q, (uint16_t)(base + 7))) & 0x80) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return status;
}

static void command(QTest *q, uint32_t lba, uint8_t count, uint8_t cmd)
{
    qtest_outb(q, DISK_PORT + 6, (uint8_t)(0xe0 | lba >> 24));
    qtest_outb(q, DISK_PORT + 2, count);
    qtest_outb(q, DISK_PORT + 3, (uint8_t)lba);
    qtest_outb(q, DISK_PORT + 4, (uint8_t)(lba >> 8));
    qtest_outb(q, DISK_PORT + 5, (uint8_t)(lba >> 16));
    qtest_outb(q, DISK_PORT + 7, cmd);
}

static void pio(QTest *q, unsigned base, uint8_t *buf, size_t len, bool write)
{
    for (size_t i = 0; i < len; i += 2) {
        if (write) {
            qtest_outw(q, (uint16_t)base, (uint16_t)(buf[i] | buf[i + 1] << 8));
        } else {
            uint16_t v = qtest_inw(q, (uint16_t)base);

            buf[i] = (uint8_t)v;
            buf[i + 1] = (uint8_t)(v >> 8);
        }
    }
}

static void test_pio(void)
{
    Ide s;
    uint8_t out[3 * 512], in[3 * 512];

    setup(&s, "");
    g_assert_cmphex(pci_cfg_read(s.q, DEVFN, 0), ==, 0x70108086);
    command(s.q, 0, 0, 0xec);
    g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x58);
    pio(s.q, DISK_PORT, in, 512, false);
    g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x50);
    g_assert_cmpuint(in[120] | in[121] << 8 | in[122] << 16, ==, DISK / 512);
    fill_pattern(out, sizeof(out), 5);
    command(s.q, 11, 3, 0x30);
    for (int i = 0; i < 3; i++) {
        g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x58);
        pio(s.q, DISK_PORT, out + 512 * i, 512, true);
    }
    g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x50);
    image_get(s.disk, 11 * 512, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    memset(in, 0, sizeof(in));
    command(s.q, 11, 3, 0xc4); /* multiple: one block */
    g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x58);
    pio(s.q, DISK_PORT, in, sizeof(in), false);
    g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x50);
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    command(s.q, DISK / 512, 1, 0x20);
    g_assert_cmphex(wait_ready(s.q, DISK_PORT) & 1, ==, 1);
    g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 1), ==, 4);
    /* nobody at the second unit; soft reset brings the signature of the first */
    qtest_outb(s.q, DISK_PORT + 6, 0xb0);
    g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 7), ==, 0);
    qtest_outb(s.q, 0x3f6, 4);
    qtest_outb(s.q, 0x3f6, 0);
    g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 7), ==, 0x50);
    g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 1), ==, 1);
    g_assert_cmphex(qtest_inb(s.q, CD_PORT + 4) | qtest_inb(s.q, CD_PORT + 5) << 8, ==, 0xeb14);
    teardown(&s);
}

static void prd(QTest *q, unsigned i, uint32_t addr, uint16_t bytes, bool last)
{
    qtest_writel(q, PRDT + 8 * i, addr);
    qtest_writel(q, PRDT + 8 * i + 4, bytes | (last ? 0x80000000u : 0));
}

/* Runs the transfer that the drive waits for; returns the bus master status at its end. */
static uint8_t bus_master(QTest *q, unsigned bm, unsigned base, bool to_memory)
{
    uint8_t status;

    qtest_outb(q, (uint16_t)(bm + 2), 6);
    qtest_outl(q, (uint16_t)(bm + 4), PRDT);
    qtest_outb(q, (uint16_t)bm, to_memory ? 9 : 1);
    wait_ready(q, base);
    status = qtest_inb(q, (uint16_t)(bm + 2));
    qtest_outb(q, (uint16_t)bm, 0);
    return status;
}

static void test_dma(void)
{
    Ide s;
    uint8_t out[4096], in[4096];

    setup(&s, "");
    fill_pattern(out, sizeof(out), 31);
    qtest_memwrite(s.q, DATA, out, sizeof(out));
    prd(s.q, 0, DATA, 1024, false);
    prd(s.q, 1, DATA + 1024, 3072, true);
    command(s.q, 40, 8, 0xca);
    g_assert_cmphex(bus_master(s.q, BM, DISK_PORT, false) & 7, ==, 4);
    image_get(s.disk, 40 * 512, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    qtest_memset(s.q, DATA, 0, sizeof(out));
    command(s.q, 40, 8, 0xc8);
    g_assert_cmphex(bus_master(s.q, BM, DISK_PORT, true) & 7, ==, 4);
    qtest_memread(s.q, DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    /* a longer table stays active; a shorter one is an error of the command */
    command(s.q, 40, 4, 0xc8);
    g_assert_cmphex(bus_master(s.q, BM, DISK_PORT, true) & 7, ==, 5);
    prd(s.q, 0, DATA, 512, true);
    command(s.q, 40, 4, 0xc8);
    g_assert_cmphex(bus_master(s.q, BM, DISK_PORT, true) & 1, ==, 0);
    g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 7) & 1, ==, 1);
    teardown(&s);
}

static void send_packet(QTest *q, const uint8_t cdb[12], bool dma)
{
    uint8_t copy[12];

    memcpy(copy, cdb, 12);
    qtest_outb(q, CD_PORT + 6, 0xa0);
    qtest_outb(q, CD_PORT + 1, dma);
    qtest_outb(q, CD_PORT + 4, 0x00);
    qtest_outb(q, CD_PORT + 5, 0x04); /* 1 KiB a block */
    qtest_outb(q, CD_PORT + 7, 0xa0);
    g_assert_cmphex(wait_ready(q, CD_PORT), ==, 0x58);
    g_assert_cmphex(qtest_inb(q, CD_PORT + 2), ==, 1);
    pio(q, CD_PORT, copy, 12, true);
}

static uint8_t packet(QTest *q, const uint8_t cdb[12], bool dma)
{
    send_packet(q, cdb, dma);
    return dma ? 0 : wait_ready(q, CD_PORT);
}

static void test_packets(void)
{
    static const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 3, 0, 0, 1 };
    static const uint8_t beyond[12] = { 0x28, 0, 0, 0, 2, 0, 0, 0, 1 };
    Ide s;
    uint8_t want[2048], got[2048];

    setup(&s, "");
    fill_pattern(want, sizeof(want), 9);
    g_assert_cmphex(packet(s.q, read10, false), ==, 0x58);
    for (int i = 0; i < 2; i++) {
        g_assert_cmphex(wait_ready(s.q, CD_PORT), ==, 0x58);
        g_assert_cmphex(qtest_inb(s.q, CD_PORT + 2), ==, 2);
        g_assert_cmpuint(qtest_inb(s.q, CD_PORT + 4) | qtest_inb(s.q, CD_PORT + 5) << 8, ==, 1024);
        pio(s.q, CD_PORT, got + 1024 * i, 1024, false);
    }
    g_assert_cmphex(wait_ready(s.q, CD_PORT), ==, 0x50);
    g_assert_cmphex(qtest_inb(s.q, CD_PORT + 2), ==, 3);
    g_assert_cmpmem(got, 2048, want, 2048);
    prd(s.q, 0, DATA, 2048, true);
    packet(s.q, read10, true);
    g_assert_cmphex(bus_master(s.q, BM + 8, CD_PORT, true) & 7, ==, 4);
    qtest_memread(s.q, DATA, got, 2048);
    g_assert_cmpmem(got, 2048, want, 2048);
    g_assert_cmphex(packet(s.q, beyond, false), ==, 0x41);
    g_assert_cmphex(qtest_inb(s.q, CD_PORT + 1), ==, 0x50);
    teardown(&s);
}

/* The destination goes on with the word after the last one that the source read; and a DMA that the
   guest had asked the drive for, but not started, is started there. */
static void test_migration(gconstpointer machine)
{
    g_autofree char *more = g_strdup_printf("-machine %s,sata=off", (const char *)machine);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", more);
    Ide a, b;
    uint8_t out[2048], in[2048];

    setup(&a, more);
    fill_pattern(out, sizeof(out), 50);
    image_put(a.disk, 0, out, sizeof(out));
    command(a.q, 0, 2, 0x20);
    wait_ready(a.q, DISK_PORT);
    pio(a.q, DISK_PORT, in, 100, false);
    b = a;
    b.q = boot(&b, incoming);
    move_machine(a.q, b.q);
    pio(b.q, DISK_PORT, in + 100, 412, false);
    g_assert_cmphex(wait_ready(b.q, DISK_PORT), ==, 0x58);
    pio(b.q, DISK_PORT, in + 512, 512, false);
    g_assert_cmphex(wait_ready(b.q, DISK_PORT), ==, 0x50);
    g_assert_cmpmem(in, 1024, out, 1024);
    qtest_end(a.q);
    a.q = b.q;
    prd(a.q, 0, DATA, 2048, true);
    command(a.q, 0, 4, 0xc8);
    b.q = boot(&b, incoming);
    move_machine(a.q, b.q);
    g_assert_cmphex(bus_master(b.q, BM, DISK_PORT, true) & 7, ==, 4);
    qtest_memread(b.q, DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    qtest_end(b.q);
    teardown(&a);
}

/* ---- errors of the host ---- */

static void expect_action(QTest *q, const char *action)
{
    json_object *event = qtest_event(q, "BLOCK_IO_ERROR"), *data, *value;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "action", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, action);
    json_object_put(event);
}

/* A write that the host refuses, by DMA or through the data port; how many bytes it has. */
static size_t refused_write(Ide *s, uint8_t *out, bool dma, unsigned seed)
{
    size_t len = dma ? 4096 : 512;

    fill_pattern(out, len, seed);
    limit_files(s->q, true, 0);
    if (dma) {
        qtest_memwrite(s->q, DATA, out, len);
        prd(s->q, 0, DATA, 4096, true);
        command(s->q, 70, 8, 0xca);
        qtest_outb(s->q, BM + 2, 6);
        qtest_outl(s->q, BM + 4, PRDT);
        qtest_outb(s->q, BM, 1);
    } else {
        command(s->q, 70, 1, 0x30);
        g_assert_cmphex(wait_ready(s->q, DISK_PORT), ==, 0x58);
        pio(s->q, DISK_PORT, out, len, true);
    }
    return len;
}

/* It has ended; the drive's status. */
static uint8_t end_write(Ide *s)
{
    uint8_t status = wait_ready(s->q, DISK_PORT);

    qtest_outb(s->q, BM, 0);
    return status;
}

static void expect_on_disk(Ide *s, const uint8_t *out, size_t len, bool there)
{
    uint8_t in[4096];

    image_get(s->disk, 70 * 512, in, len);
    g_assert_cmpint(!memcmp(in, out, len), ==, there);
}

/* werror=report, enospc (of another error), ignore: the guest is told, or told that all is well. */
static void test_write_policies(void)
{
    static const struct {
        const char *policy, *action;
        uint8_t status;
    } rows[] = { { "report", "report", 0x41 },
                 { "enospc", "report", 0x41 },
                 { "ignore", "ignore", 0x50 } };
    uint8_t out[4096];

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
        g_autofree char *more = g_strdup_printf("-global ide-hd.werror=%s", rows[i / 2].policy);
        Ide s;

        setup(&s, more);
        size_t len = refused_write(&s, out, i & 1, 11);
        g_assert_cmphex(end_write(&s), ==, rows[i / 2].status);
        expect_action(s.q, rows[i / 2].action);
        g_assert_cmphex(qtest_inb(s.q, DISK_PORT + 1), ==, rows[i / 2].status & 1 ? 4 : 0);
        expect_on_disk(&s, out, len, false);
        limit_files(s.q, false, 0);
        command(s.q, 0, 1, 0x20); /* it goes on */
        g_assert_cmphex(wait_ready(s.q, DISK_PORT), ==, 0x58);
        teardown(&s);
    }
}

/* werror=stop: the write is done when the machine runs again, here or elsewhere. */
static void test_write_stopped(gconstpointer machine)
{
    g_autofree char *more =
        g_strdup_printf("-machine %s,sata=off -global ide-hd.werror=stop", (const char *)machine);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", more);
    uint8_t out[4096];

    for (int dma = 0; dma < 2; dma++) {
        Ide s;

        setup(&s, more);
        size_t len = refused_write(&s, out, dma, 20);
        wait_status(s.q, "query-status", "io-error");
        expect_action(s.q, "stop");
        expect_on_disk(&s, out, len, false);
        json_object_put(qtest_qmp_ok(s.q, "{\"execute\": \"cont\"}")); /* refused again */
        wait_status(s.q, "query-status", "io-error");
        limit_files(s.q, false, 0);
        json_object_put(qtest_qmp_ok(s.q, "{\"execute\": \"cont\"}"));
        g_assert_cmphex(end_write(&s), ==, 0x50);
        expect_on_disk(&s, out, len, true);
        len = refused_write(&s, out, dma, 21);
        wait_status(s.q, "query-status", "io-error");
        limit_files(s.q, false, 0);
        QTest *to = boot(&s, incoming);
        move_stopped(s.q, to);
        qtest_end(s.q);
        s.q = to;
        g_assert_cmphex(end_write(&s), ==, 0x50);
        expect_on_disk(&s, out, len, true);
        teardown(&s);
    }
}

static QTest *boot_damaged(const char *path, const char *more)
{
    return qtest_start("x86_64",
                       "-M q35,sata=off -nodefaults -m 64 -device piix3-ide,id=p,addr=5 "
                       "-drive file=%s,format=qcow2,if=none,id=c,media=cdrom "
                       "-device ide-cd,drive=c,bus=p.1,unit=0 %s",
                       path, more);
}

static void read_damaged(QTest *q, bool dma)
{
    static const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 1, 0, 0, 1 };

    open_bm(q);
    prd(q, 0, DATA, 2048, true);
    send_packet(q, read10, dma);
    if (dma) {
        qtest_outb(q, BM + 10, 6);
        qtest_outl(q, BM + 12, PRDT);
        qtest_outb(q, BM + 8, 9);
    }
}

/* A disc that cannot be read: rerror=report and ignore. */
static void test_cd_policies(void)
{
    static const uint8_t sense[12] = { 3, 0, 0, 0, 18 };
    char *path = damaged_image();
    uint8_t got[18];

    for (int i = 0; i < 4; i++) {
        bool dma = i & 1, ignore = i & 2;
        QTest *q = boot_damaged(path, ignore ? "-global ide-cd.rerror=ignore"
                                             : "-global ide-cd.rerror=report");

        read_damaged(q, dma);
        expect_action(q, ignore ? "ignore" : "report");
        uint8_t status = wait_ready(q, CD_PORT);
        g_assert_cmphex(status & 1, ==, !ignore);
        qtest_outb(q, BM + 8, 0);
        if (!ignore) {
            g_assert_cmphex(packet(q, sense, false), ==, 0x58);
            pio(q, CD_PORT, got, 18, false);
            g_assert_cmphex(got[2] & 0xf, !=, 0);
        }
        qtest_end(q);
    }
    image_free(path);
}

/* rerror=stop: the read that waits is tried each time the machine runs, also elsewhere, until a reset. */
static void test_cd_stopped(void)
{
    char *path = damaged_image();

    for (int dma = 0; dma < 2; dma++) {
        QTest *q = boot_damaged(path, "-global ide-cd.rerror=stop");
        QTest *to = boot_damaged(path, "-global ide-cd.rerror=stop -incoming defer");

        read_damaged(q, dma);
        expect_action(q, "stop");
        wait_status(q, "query-status", "io-error");
        json_object_put(qtest_qmp_ok(q, "{\"execute\": \"cont\"}"));
        wait_status(q, "query-status", "io-error");
        move_stopped(q, to);
        expect_action(to, "stop");
        wait_status(to, "query-status", "io-error");
        json_object_put(qtest_qmp_ok(to, "{\"execute\": \"system_reset\"}"));
        json_object_put(qtest_qmp_ok(to, "{\"execute\": \"cont\"}"));
        wait_status(to, "query-status", "running");
        qtest_end(q);
        qtest_end(to);
    }
    image_free(path);
}

static void test_nonsense(void)
{
    static const uint32_t places[] = { PRDT, DATA, 0, 0xfffffff0, 0xfeb00000 };
    Ide s;
    GRand *r = g_rand_new_with_seed(4711);

    setup(&s, "");
    for (int i = 0; i < 4000; i++) {
        uint16_t base = g_rand_boolean(r) ? DISK_PORT : CD_PORT;

        switch (g_rand_int_range(r, 0, 6)) {
        case 0:
            qtest_outb(s.q, (uint16_t)(base + g_rand_int_range(r, 1, 8)), (uint8_t)g_rand_int(r));
            break;
        case 1: qtest_outl(s.q, base, g_rand_int(r)); break;
        case 2: qtest_inw(s.q, base); break;
        case 3:
            qtest_outb(s.q, (uint16_t)(BM + g_rand_int_range(r, 0, 16)), (uint8_t)g_rand_int(r));
            break;
        case 4:
            prd(s.q, (unsigned)g_rand_int_range(r, 0, 4),
                places[g_rand_int_range(r, 0, G_N_ELEMENTS(places))], (uint16_t)g_rand_int(r),
                g_rand_boolean(r));
            qtest_outl(s.q, BM + 4, PRDT);
            qtest_outl(s.q, BM + 12, PRDT);
            break;
        default:
            if (!g_rand_int_range(r, 0, 10)) {
                qtest_outb(s.q, (uint16_t)(base + 0x206), (uint8_t)g_rand_int(r));
            }
        }
    }
    g_rand_free(r);
    teardown(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix-ide/sectors-move-through-the-data-port", test_pio);
    g_test_add_func("/piix-ide/the-bus-master-moves-sectors-and-tells-how-it-ended", test_dma);
    g_test_add_func("/piix-ide/the-cdrom-answers-packets-in-blocks-and-by-dma", test_packets);
    g_test_add_data_func("/piix-ide/a-block-half-read-and-a-waiting-dma-move-along/v4",
                         "pc-q35-ferry-1.0", test_migration);
    g_test_add_data_func("/piix-ide/a-block-half-read-and-a-waiting-dma-move-along/v3",
                         "pc-q35-10.0", test_migration);
    g_test_add_func("/piix-ide/a-write-that-fails-is-reported-or-ignored", test_write_policies);
    g_test_add_data_func("/piix-ide/a-write-that-fails-stops-the-machine-and-is-done-later/v4",
                         "pc-q35-ferry-1.0", test_write_stopped);
    g_test_add_data_func("/piix-ide/a-write-that-fails-stops-the-machine-and-is-done-later/v3",
                         "pc-q35-10.0", test_write_stopped);
    g_test_add_func("/piix-ide/a-disc-that-fails-is-reported-or-ignored", test_cd_policies);
    g_test_add_func("/piix-ide/a-disc-that-fails-stops-the-machine-until-a-reset", test_cd_stopped);
    g_test_add_func("/piix-ide/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
