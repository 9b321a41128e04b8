/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AHCI controller of q35 with a disk and a CD-ROM, driven as a host does: command lists in guest
 * memory, registers by MMIO. Then nonsense in both, and a move to another process with a
 * register state that is not the one after reset.
 */
#include "damaged-image.h"

#define DEVFN 0xfa
#define ABAR  0xfe000000u
#define LIST  0x100000u /* + port * 4 KiB */
#define FIS   0x110000u
#define TABLE 0x120000u /* + slot * 4 KiB */
#define DATA  0x200000u
#define DISK  (64u << 20)

typedef struct {
    QTest *q;
    char *disk, *cd;
} Ahci;

static uint32_t rd(Ahci *a, unsigned reg)
{
    return qtest_readl(a->q, ABAR + reg);
}
static void wr(Ahci *a, unsigned reg, uint32_t value)
{
    qtest_writel(a->q, ABAR + reg, value);
}
static unsigned port(unsigned p, unsigned reg)
{
    return 0x100 + p * 0x80 + reg;
}

static void map(QTest *q)
{
    pci_cfg_write(q, DEVFN, 0x24, ABAR);
    pci_cfg_write(q, DEVFN, 0x20, 0xc001);
    pci_enable(q, DEVFN);
}

static void start_port(Ahci *a, unsigned p)
{
    wr(a, port(p, 0x00), LIST + p * 0x1000);
    wr(a, port(p, 0x08), FIS + p * 0x1000);
    wr(a, port(p, 0x14), 0xffffffff);
    wr(a, port(p, 0x18), rd(a, port(p, 0x18)) | 0x10);
    wr(a, port(p, 0x18), rd(a, port(p, 0x18)) | 0x01);
    wr(a, port(p, 0x10), 0xffffffff);
    wr(a, 0x08, 0xffffffff);
}

static QTest *boot(const char *disk, const char *cd, const char *more)
{
    return qtest_start(
        "x86_64",
        "-M q35 -nodefaults -m 64 -drive file=%s,format=raw,if=none,id=d,werror=stop "
        "-device ide-hd,drive=d,bus=ide.0 "
        "-drive file=%s,format=raw,if=none,id=c,media=cdrom "
        "-device ide-cd,drive=c,bus=ide.1,id=cd0 %s",
        disk, cd, more);
}

static void setup(Ahci *a)
{
    uint8_t sector[2048];

    a->disk = image_new(DISK);
    a->cd = image_new(1 << 20);
    fill_pattern(sector, sizeof(sector), 77);
    image_put(a->cd, 5 * 2048, sector, sizeof(sector));
    a->q = boot(a->disk, a->cd, "");
    map(a->q);
    wr(a, 0x04, 0x80000002);
    start_port(a, 0);
    start_port(a, 1);
}

static void teardown(Ahci *a)
{
    qtest_end(a->q);
    image_free(a->disk);
    image_free(a->cd);
}

/* Fills a slot; @regions pieces of DATA of @bytes in all. */
static void fill_slot(Ahci *a, unsigned p, unsigned slot, const uint8_t fis[16], uint32_t flags,
                      unsigned regions, uint32_t bytes)
{
    uint64_t table = TABLE + slot * 0x1000;
    uint32_t each = regions ? bytes / regions : 0;

    qtest_memset(a->q, table, 0, 0x80);
    qtest_memwrite(a->q, table, fis, 16);
    for (unsigned i = 0; i < regions; i++) {
        qtest_writeq(a->q, table + 0x80 + 16 * i, DATA + (uint64_t)i * each);
        qtest_writel(a->q, table + 0x80 + 16 * i + 8, 0);
        qtest_writel(a->q, table + 0x80 + 16 * i + 12, each - 1);
    }
    qtest_writel(a->q, LIST + p * 0x1000 + slot * 32, 5 | flags | regions << 16);
    qtest_writel(a->q, LIST + p * 0x1000 + slot * 32 + 4, 0);
    qtest_writeq(a->q, LIST + p * 0x1000 + slot * 32 + 8, table);
}

static void wait_clear(Ahci *a, unsigned reg, uint32_t bits)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;

    while (rd(a, reg) & bits) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void frame(uint8_t fis[16], uint8_t cmd, uint64_t lba, unsigned count, unsigned feature)
{
    memset(fis, 0, 16);
    fis[0] = 0x27;
    fis[1] = 0x80;
    fis[2] = cmd;
    fis[3] = (uint8_t)feature;
    fis[4] = (uint8_t)lba;
    fis[5] = (uint8_t)(lba >> 8);
    fis[6] = (uint8_t)(lba >> 16);
    fis[7] = 0x40;
    fis[8] = (uint8_t)(lba >> 24);
    fis[9] = (uint8_t)(lba >> 32);
    fis[10] = (uint8_t)(lba >> 40);
    fis[11] = (uint8_t)(feature >> 8);
    fis[12] = (uint8_t)count;
    fis[13] = (uint8_t)(count >> 8);
}

/* One command on the disk's port to its end; returns the task file register. */
static uint32_t run(Ahci *a, uint8_t cmd, uint64_t lba, unsigned count, bool write,
                    unsigned regions, uint32_t bytes)
{
    uint8_t fis[16];

    frame(fis, cmd, lba, count, 0);
    fill_slot(a, 0, 0, fis, write ? 0x40 : 0, regions, bytes);
    wr(a, port(0, 0x10), 0xffffffff);
    wr(a, port(0, 0x38), 1);
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    while (!(rd(a, port(0, 0x10)) & 0x40000001)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return rd(a, port(0, 0x20));
}

static void test_identify(void)
{
    Ahci a;
    uint8_t page[512];

    setup(&a);
    g_assert_cmphex(pci_cfg_read(a.q, DEVFN, 0), ==, 0x29228086);
    g_assert_cmphex(rd(&a, 0x00), ==, 0xc0141f05);
    g_assert_cmphex(rd(&a, 0x0c), ==, 0x3f);
    g_assert_cmphex(rd(&a, port(0, 0x24)), ==, 0x00000101);
    g_assert_cmphex(rd(&a, port(1, 0x24)), ==, 0xeb140101);
    g_assert_cmphex(rd(&a, port(2, 0x28)), ==, 0);
    g_assert_cmphex(run(&a, 0xec, 0, 1, false, 1, 512), ==, 0x50);
    qtest_memread(a.q, DATA, page, 512);
    g_assert_cmpuint(page[200] | page[201] << 8 | page[202] << 16, ==, DISK / 512);
    g_assert_cmpmem(page + 54, 14, "EQUMH RADDSI K", 14);
    g_assert_cmpuint(page[2], ==, DISK / 512 / 16 / 63);
    g_assert_cmpuint(page[152 + 1], ==, 1); /* NCQ */
    teardown(&a);
}

static void test_transfers(void)
{
    /* every pair of commands that moves sectors: DMA, DMA ext, PIO, PIO ext, multiple */
    static const uint8_t pairs[][2] = { { 0x35, 0x25 }, { 0xca, 0xc8 }, { 0x30, 0x20 },
                                        { 0x34, 0x24 }, { 0xc5, 0xc4 }, { 0x39, 0x29 } };
    Ahci a;
    uint8_t out[32 * 512], in[32 * 512];

    setup(&a);
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        uint64_t lba = 100 + 1000 * i;

        fill_pattern(out, sizeof(out), (unsigned)i);
        qtest_memwrite(a.q, DATA, out, sizeof(out));
        g_assert_cmphex(run(&a, pairs[i][0], lba, 32, true, 8, sizeof(out)), ==, 0x50);
        g_assert_cmpuint(qtest_readl(a.q, LIST + 4), ==, sizeof(out));
        image_get(a.disk, lba * 512, in, sizeof(in));
        g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
        qtest_memset(a.q, DATA, 0, sizeof(out));
        g_assert_cmphex(run(&a, pairs[i][1], lba, 32, false, 4, sizeof(out)), ==, 0x50);
        qtest_memread(a.q, DATA, in, sizeof(in));
        g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
        g_assert_cmphex(rd(&a, port(0, 0x38)), ==, 0);
    }
    g_assert_cmphex(run(&a, 0xea, 0, 0, false, 0, 0), ==, 0x50);
    g_assert_cmphex(run(&a, 0x25, DISK / 512 - 1, 1, false, 1, 512), ==, 0x50);
    teardown(&a);
}

static void test_queued(void)
{
    Ahci a;
    uint8_t fis[16], out[4096], in[4096];

    setup(&a);
    for (unsigned tag = 0; tag < 32; tag++) {
        fill_pattern(out, sizeof(out), tag);
        qtest_memwrite(a.q, DATA, out, sizeof(out));
        frame(fis, 0x61, 8 * tag, tag << 3, 8);
        fill_slot(&a, 0, tag, fis, 0x40, 1, 4096);
        wr(&a, port(0, 0x34), 1u << tag);
        wr(&a, port(0, 0x38), 1u << tag);
        wait_clear(&a, port(0, 0x34), 1u << tag);
    }
    image_get(a.disk, 31 * 4096, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    /* all at once, each into the same memory: only that they all end counts */
    for (unsigned tag = 0; tag < 32; tag++) {
        frame(fis, 0x60, 8 * tag, tag << 3, 8);
        fill_slot(&a, 0, tag, fis, 0, 2, 4096);
    }
    wr(&a, port(0, 0x34), 0xffffffff);
    wr(&a, port(0, 0x38), 0xffffffff);
    wait_clear(&a, port(0, 0x34), 0xffffffff);
    g_assert_cmphex(rd(&a, port(0, 0x38)), ==, 0);
    g_assert_cmphex(rd(&a, port(0, 0x10)) & 0x40000008, ==, 8);
    /* one beyond the end: the port stops, and the log names the tag */
    frame(fis, 0x60, DISK / 512, 5 << 3, 8);
    fill_slot(&a, 0, 5, fis, 0, 1, 4096);
    wr(&a, port(0, 0x34), 1u << 5);
    wr(&a, port(0, 0x38), 1u << 5);
    g_assert_cmphex(rd(&a, port(0, 0x10)) & 0x40000000, ==, 0x40000000);
    g_assert_cmphex(rd(&a, port(0, 0x34)), ==, 1u << 5);
    wr(&a, port(0, 0x18), rd(&a, port(0, 0x18)) & ~1u);
    g_assert_cmphex(rd(&a, port(0, 0x34)), ==, 0);
    wr(&a, port(0, 0x18), rd(&a, port(0, 0x18)) | 1u);
    g_assert_cmphex(run(&a, 0x2f, 0x10, 1, false, 1, 512), ==, 0x50);
    g_assert_cmpuint(qtest_readb(a.q, DATA), ==, 5);
    teardown(&a);
}

static void test_errors(void)
{
    Ahci a;

    setup(&a);
    g_assert_cmphex(run(&a, 0x25, DISK / 512, 1, false, 1, 512) & 0x401, ==, 0x401);
    g_assert_cmphex(rd(&a, port(0, 0x38)), ==, 1); /* the one that failed stays marked */
    g_assert_cmphex(rd(&a, 0x08), ==, 1);
    wr(&a, port(0, 0x18), rd(&a, port(0, 0x18)) & ~1u);
    g_assert_cmphex(rd(&a, port(0, 0x18)) & 0x8000, ==, 0);
    wr(&a, port(0, 0x18), rd(&a, port(0, 0x18)) | 1u);
    g_assert_cmphex(run(&a, 0xff, 0, 1, false, 0, 0) & 0x401, ==, 0x401);
    wr(&a, port(0, 0x2c), 1); /* COMRESET */
    wr(&a, port(0, 0x2c), 0);
    g_assert_cmphex(rd(&a, port(0, 0x20)), ==, 0x150);
    g_assert_cmphex(rd(&a, port(0, 0x24)), ==, 0x101);
    /* less room than data: bytes that fit arrive, then an error */
    g_assert_cmphex(run(&a, 0x25, 0, 2, false, 1, 512) & 1, ==, 1);
    wr(&a, 0x04, 1);
    g_assert_cmphex(rd(&a, 0x04), ==, 0x80000000);
    g_assert_cmphex(rd(&a, port(0, 0x24)), ==, 0xffffffff);
    teardown(&a);
}

static uint32_t packet(Ahci *a, const uint8_t *cdb, size_t len, bool dma, uint32_t bytes)
{
    uint8_t fis[16];

    frame(fis, 0xa0, dma ? 0 : 0x080000, 0, dma);
    fill_slot(a, 1, 0, fis, 0x20, bytes ? 1 : 0, bytes);
    qtest_memset(a->q, TABLE + 0x40, 0, 16);
    qtest_memwrite(a->q, TABLE + 0x40, cdb, len);
    wr(a, port(1, 0x10), 0xffffffff);
    wr(a, port(1, 0x38), 1);
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    while (!(rd(a, port(1, 0x10)) & 0x40000001)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    uint32_t tfd = rd(a, port(1, 0x20));
    if (tfd & 1) {
        wr(a, port(1, 0x18), rd(a, port(1, 0x18)) & ~1u);
        wr(a, port(1, 0x18), rd(a, port(1, 0x18)) | 1u);
    }
    return tfd;
}
#define PACKET(a, dma, bytes, ...) \
    packet(a, (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }), dma, bytes)

static void test_cdrom(void)
{
    Ahci a;
    uint8_t want[2048], got[4096];

    setup(&a);
    fill_pattern(want, sizeof(want), 77);
    for (int dma = 0; dma < 2; dma++) {
        g_assert_cmphex(PACKET(&a, dma, 36, 0x12, 0, 0, 0, 36), ==, 0x50);
        qtest_memread(a.q, DATA, got, 36);
        g_assert_cmpmem(got + 16, 12, "QEMU DVD-ROM", 12);
        g_assert_cmphex(PACKET(&a, dma, 8, 0x25), ==, 0x50);
        qtest_memread(a.q, DATA, got, 8);
        g_assert_cmpuint(got[2] << 8 | got[3], ==, 511);
        qtest_memset(a.q, DATA, 0, 4096);
        g_assert_cmphex(PACKET(&a, dma, 4096, 0x28, 0, 0, 0, 0, 5, 0, 0, 2), ==, 0x50);
        qtest_memread(a.q, DATA, got, 4096);
        g_assert_cmpmem(got, 2048, want, 2048);
        g_assert_cmpuint(got[2048], ==, 0);
        g_assert_cmphex(PACKET(&a, dma, 2048, 0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 1), ==, 0x50);
        g_assert_cmphex(PACKET(&a, dma, 20, 0x43, 2, 0, 0, 0, 0, 0, 0, 20), ==, 0x50);
        g_assert_cmphex(PACKET(&a, dma, 2048, 0x28, 0, 0, 0, 2, 0, 0, 0, 1), ==, 0x5041);
        g_assert_cmphex(PACKET(&a, dma, 18, 3, 0, 0, 0, 18), ==, 0x50);
        qtest_memread(a.q, DATA, got, 18);
        g_assert_cmphex(got[2] << 8 | got[12], ==, 0x0521);
    }
    /* tray: locked, unlocked, open, closed */
    g_assert_cmphex(PACKET(&a, true, 0, 0x1e, 0, 0, 0, 1), ==, 0x50);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1b, 0, 0, 0, 2), ==, 0x2041);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1e, 0, 0, 0, 0), ==, 0x50);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1b, 0, 0, 0, 2), ==, 0x50);
    json_object_put(qtest_event(a.q, "DEVICE_TRAY_MOVED"));
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x2041);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1b, 0, 0, 0, 3), ==, 0x50);
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x50);
    g_assert_cmphex(PACKET(&a, true, 0, 0xff), ==, 0x5041);
    teardown(&a);
}

static void expect_done(Ahci *a, const char *command, const char *more, bool good)
{
    json_object *reply =
        qtest_qmp(a->q, "{\"execute\": \"%s\", \"arguments\": {%s}}", command, more);

    g_assert_cmpint(json_object_object_get_ex(reply, "return", NULL), ==, good);
    json_object_put(reply);
}

static void expect_tray(Ahci *a, bool open)
{
    json_object *event = qtest_event(a->q, "DEVICE_TRAY_MOVED"), *data, *value;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "tray-open", &value));
    g_assert_cmpint(json_object_get_boolean(value), ==, open);
    g_assert_true(json_object_object_get_ex(data, "id", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, "cd0");
    json_object_put(event);
}

/* Discs by QMP, and what the guest sees of them. */
static void test_media(void)
{
    Ahci a;
    uint8_t got[8];
    g_autofree char *node = NULL, *file = NULL;

    setup(&a);
    node =
        g_strdup_printf("\"driver\": \"raw\", \"node-name\": \"n\", \"read-only\": true, \"file\": "
                        "{\"driver\": \"file\", \"filename\": \"%s\"}",
                        a.cd);
    file = g_strdup_printf("\"id\": \"cd0\", \"format\": \"raw\", \"filename\": \"%s\"", a.cd);
    PACKET(&a, true, 0, 0x00); /* whatever waits to be told */
    PACKET(&a, true, 0, 0x00);
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x50);
    expect_done(&a, "eject", "\"device\": \"d\"", false); /* a fixed disk */
    expect_done(&a, "eject", "\"device\": \"nothing\"", false);
    expect_done(&a, "eject", "\"device\": \"c\", \"id\": \"cd0\"", false);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1e, 0, 0, 0, 1), ==, 0x50);
    expect_done(&a, "eject", "\"id\": \"cd0\"", false); /* locked */
    expect_done(&a, "blockdev-open-tray", "\"id\": \"cd0\"", true);
    g_assert_cmphex(PACKET(&a, true, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    qtest_memread(a.q, DATA, got, 8);
    g_assert_cmphex(got[4], ==, 1); /* the guest is asked, and gives it */
    g_assert_cmphex(PACKET(&a, true, 0, 0x1e, 0, 0, 0, 0), ==, 0x50);
    expect_done(&a, "eject", "\"id\": \"cd0\"", true);
    expect_tray(&a, true);
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x2041);
    expect_done(&a, "blockdev-insert-medium", "\"id\": \"cd0\", \"node-name\": \"n\"", false);
    expect_done(&a, "blockdev-change-medium", "\"id\": \"cd0\", \"filename\": \"/nowhere\"", false);
    expect_done(&a, "blockdev-change-medium", file, true);
    expect_tray(&a, false);
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x2041); /* not ready, then changed, then good */
    g_assert_cmphex(PACKET(&a, true, 0, 0x00), ==, 0x6041);
    g_assert_cmphex(PACKET(&a, true, 2048, 0x28, 0, 0, 0, 0, 5, 0, 0, 1), ==, 0x50);
    qtest_memread(a.q, DATA, got, 8);
    g_assert_cmphex(got[0], ==, 77);
    /* a node of the user's own: in, and out again without being closed */
    expect_done(&a, "blockdev-open-tray", "\"id\": \"cd0\", \"force\": true", true);
    expect_tray(&a, true);
    expect_done(&a, "blockdev-remove-medium", "\"id\": \"cd0\"", true);
    expect_done(&a, "blockdev-add", node, true);
    expect_done(&a, "blockdev-insert-medium", "\"id\": \"cd0\", \"node-name\": \"n\"", true);
    expect_done(&a, "blockdev-insert-medium", "\"id\": \"cd0\", \"node-name\": \"n\"", false);
    expect_done(&a, "blockdev-close-tray", "\"id\": \"cd0\"", true);
    expect_tray(&a, false);
    expect_done(&a, "blockdev-remove-medium", "\"id\": \"cd0\"", false); /* closed */
    expect_done(&a, "blockdev-del", "\"node-name\": \"n\"", false);      /* in the drive */
    expect_done(&a, "eject", "\"device\": \"c\"", true);
    expect_tray(&a, true);
    expect_done(&a, "blockdev-del", "\"node-name\": \"n\"", true);
    teardown(&a);
}

static void wait_issued(Ahci *a)
{
    wait_clear(a, port(0, 0x34), 0xffffffff);
    wait_clear(a, port(0, 0x38), 0xffffffff);
}

/* A write and a queued write that the host refuses. */
static void start_refused(Ahci *a, uint8_t *out, size_t len, bool queued)
{
    uint8_t fis[16];

    limit_files(a->q, true, 0);
    fill_pattern(out, len, 60 + queued);
    qtest_memwrite(a->q, DATA, out, len);
    if (queued) {
        frame(fis, 0x61, 32, 3 << 3, (unsigned)len / 512);
    } else {
        frame(fis, 0x35, 32, (unsigned)len / 512, 0);
    }
    fill_slot(a, 0, 3, fis, 0x40, 2, (uint32_t)len);
    if (queued) {
        wr(a, port(0, 0x34), 1u << 3);
    }
    wr(a, port(0, 0x38), 1u << 3);
    wait_status(a->q, "query-status", "io-error");
    json_object_put(qtest_event(a->q, "BLOCK_IO_ERROR"));
    g_assert_cmphex(rd(a, port(0, 0x38)) | rd(a, port(0, 0x34)), ==, 1u << 3);
    limit_files(a->q, false, 0);
}

static void expect_on_disk(Ahci *a, const uint8_t *out, size_t len)
{
    g_autofree uint8_t *in = g_malloc(len);

    wait_issued(a);
    g_assert_cmphex(rd(a, port(0, 0x20)) & 0xff, ==, 0x50);
    image_get(a->disk, 32 * 512, in, len);
    g_assert_cmpmem(in, len, out, len);
}

/* Errors that stop the machine: the command is done when it runs again, here or elsewhere. */
static void test_stopped(gconstpointer machine)
{
    Ahci a;
    uint8_t out[4096];

    setup(&a);
    for (int queued = 0; queued < 2; queued++) {
        qtest_end(a.q);
        g_autofree char *args = g_strdup_printf("-machine %s", (const char *)machine);
        g_autofree char *incoming = g_strdup_printf("%s -incoming defer", args);

        a.q = boot(a.disk, a.cd, args);
        map(a.q);
        wr(&a, 0x04, 0x80000002);
        start_port(&a, 0);
        start_refused(&a, out, sizeof(out), queued);
        json_object_put(qtest_qmp_ok(a.q, "{\"execute\": \"cont\"}"));
        expect_on_disk(&a, out, sizeof(out));
        start_refused(&a, out, sizeof(out) / 2, queued);
        QTest *to = boot(a.disk, a.cd, incoming);
        move_stopped(a.q, to);
        qtest_end(a.q);
        a.q = to;
        expect_on_disk(&a, out, sizeof(out) / 2);
    }
    teardown(&a);
}

static QTest *boot_damaged(const char *path, const char *more)
{
    return qtest_start("x86_64",
                       "-M q35 -nodefaults -m 64 "
                       "-drive file=%s,format=qcow2,if=none,id=d,rerror=stop "
                       "-device ide-hd,drive=d,bus=ide.0 %s",
                       path, more);
}

/* A read that fails stops the machine each time it runs, until a reset forgets it. */
static void test_read_stopped(void)
{
    char *path = damaged_image();
    Ahci a = { .q = boot_damaged(path, "") };
    uint8_t fis[16];

    map(a.q);
    wr(&a, 0x04, 0x80000002);
    start_port(&a, 0);
    qtest_memset(a.q, DATA, 0xee, 512);
    frame(fis, 0x25, 9, 1, 0);
    fill_slot(&a, 0, 0, fis, 0, 1, 512);
    wr(&a, port(0, 0x38), 1);
    wait_status(a.q, "query-status", "io-error");
    json_object_put(qtest_event(a.q, "BLOCK_IO_ERROR"));
    json_object_put(qtest_qmp_ok(a.q, "{\"execute\": \"cont\"}"));
    wait_status(a.q, "query-status", "io-error");
    g_assert_cmphex(rd(&a, port(0, 0x38)), ==, 1);
    json_object_put(qtest_qmp_ok(a.q, "{\"execute\": \"system_reset\"}"));
    json_object_put(qtest_qmp_ok(a.q, "{\"execute\": \"cont\"}"));
    wait_status(a.q, "query-status", "running");
    map(a.q);
    g_assert_cmphex(rd(&a, port(0, 0x38)), ==, 0);
    g_assert_cmphex(qtest_readb(a.q, DATA), ==, 0xee); /* nothing was ever read */
    qtest_end(a.q);
    image_free(path);
}

/* The image is marked, and the machine moves all the same: what is sound is read there too. */
static void test_damaged_moved(void)
{
    char *path = damaged_image();
    Ahci a = { .q = boot_damaged(path, "") };
    QTest *to = boot_damaged(path, "-incoming defer");
    json_object *event, *data, *value;
    uint8_t fis[16];
    g_autofree char *err = NULL, *again = NULL;

    map(a.q);
    wr(&a, 0x04, 0x80000002);
    start_port(&a, 0);
    frame(fis, 0x25, 9, 1, 0);
    fill_slot(&a, 0, 0, fis, 0, 1, 512);
    wr(&a, port(0, 0x38), 1);
    wait_status(a.q, "query-status", "io-error");
    event = qtest_event(a.q, "BLOCK_IMAGE_CORRUPTED");
    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_true(json_object_object_get_ex(data, "device", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, "d");
    g_assert_true(json_object_object_get_ex(data, "fatal", &value));
    g_assert_true(json_object_get_boolean(value));
    json_object_put(event);
    move_stopped(a.q, to);
    json_object_put(qtest_event(to, "BLOCK_IMAGE_CORRUPTED"));
    wait_status(to, "query-status", "io-error"); /* the read that waits fails there as well */
    qtest_end(a.q);
    qtest_end(to);
    again = g_strdup_printf("-M q35 -nodefaults -drive file=%s,format=qcow2,if=none,id=d "
                            "-device ide-hd,drive=d,bus=ide.0",
                            path);
    g_assert_cmpint(qtest_run_once("x86_64", again, &err), !=, 0);
    g_assert_nonnull(strstr(err, "marked corrupt"));
    image_free(path);
}

static void test_migration(gconstpointer machine)
{
    Ahci a, b;
    uint8_t out[1024], in[1024];
    g_autofree char *more = g_strdup_printf("-machine %s", (const char *)machine);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", more);

    setup(&a);
    qtest_end(a.q);
    a.q = boot(a.disk, a.cd, more);
    map(a.q);
    wr(&a, 0x04, 0x80000002);
    start_port(&a, 0);
    start_port(&a, 1);
    fill_pattern(out, sizeof(out), 3);
    qtest_memwrite(a.q, DATA, out, sizeof(out));
    g_assert_cmphex(run(&a, 0x35, 7, 2, true, 1, 1024), ==, 0x50);
    g_assert_cmphex(run(&a, 0xef, 0, 0, false, 0, 0) & 1, ==, 1);
    g_assert_cmphex(PACKET(&a, true, 0, 0x1e, 0, 0, 0, 1), ==, 0x50);
    b = a;
    b.q = boot(a.disk, a.cd, incoming);
    move_machine(a.q, b.q);
    for (unsigned p = 0; p < 6; p++) {
        for (unsigned reg = 0; reg < 0x40; reg += 4) {
            g_assert_cmphex(rd(&a, port(p, reg)), ==, rd(&b, port(p, reg)));
        }
    }
    g_assert_cmphex(rd(&b, 4), ==, 0x80000002);
    wr(&b, port(0, 0x18), rd(&b, port(0, 0x18)) & ~1u); /* recover from the error */
    wr(&b, port(0, 0x18), rd(&b, port(0, 0x18)) | 1u);
    qtest_memset(b.q, DATA, 0, 1024);
    g_assert_cmphex(run(&b, 0x25, 7, 2, false, 1, 1024), ==, 0x50);
    qtest_memread(b.q, DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    g_assert_cmphex(PACKET(&b, true, 0, 0x1b, 0, 0, 0, 2), ==, 0x2041); /* still locked */
    qtest_end(b.q);
    teardown(&a);
}

/* Random registers, lists, tables and frames; the controller must neither crash nor hang. */
static void test_nonsense(void)
{
    static const uint32_t places[] = { LIST, FIS, TABLE, DATA, ABAR, 0xfffffff0, 0, 0x3fff000 };
    Ahci a;
    GRand *r = g_rand_new_with_seed(20261);

    setup(&a);
    for (int i = 0; i < 1500; i++) {
        unsigned p = (unsigned)g_rand_int_range(r, 0, 3),
                 slot = (unsigned)g_rand_int_range(r, 0, 4);

        switch (g_rand_int_range(r, 0, 6)) {
        case 0: wr(&a, (unsigned)g_rand_int_range(r, 0, 0x400) & ~3u, g_rand_int(r)); break;
        case 1: {
            uint8_t fis[16];

            frame(fis, (uint8_t)g_rand_int(r), g_rand_int(r) & 0x1ffff, g_rand_int(r) & 0xffff,
                  g_rand_int(r) & 0xffff);
            fis[1] = g_rand_int_range(r, 0, 8) ? 0x80 : 0;
            fill_slot(&a, p, slot, fis, g_rand_int(r) & 0xffe0, (unsigned)g_rand_int_range(r, 0, 5),
                      (uint32_t)g_rand_int_range(r, 4, 9000));
            break;
        }
        case 2: {
            uint32_t where = places[g_rand_int_range(r, 0, G_N_ELEMENTS(places))];

            qtest_writeq(a.q, TABLE + slot * 0x1000 + 0x80, where);
            qtest_writel(a.q, TABLE + slot * 0x1000 + 0x8c, g_rand_int(r) & 0xffff);
            break;
        }
        case 3:
            wr(&a, port(p, 0x34), g_rand_int(r) & 15);
            wr(&a, port(p, 0x38), g_rand_int(r) & 15);
            break;
        case 4: start_port(&a, p); break;
        default: wr(&a, port(p, 0x2c), 1); wr(&a, port(p, 0x2c), 0);
        }
    }
    g_rand_free(r);
    teardown(&a);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ahci/both-drives-say-what-they-are", test_identify);
    g_test_add_func("/ahci/every-way-to-move-sectors-moves-them", test_transfers);
    g_test_add_func("/ahci/queued-commands-end-and-failures-name-their-tag", test_queued);
    g_test_add_func("/ahci/errors-stop-the-port-until-it-is-restarted", test_errors);
    g_test_add_func("/ahci/the-cdrom-answers-packets-by-pio-and-dma", test_cdrom);
    g_test_add_func("/ahci/discs-are-changed-as-the-guest-lets-them", test_media);
    g_test_add_data_func("/ahci/registers-and-drives-move-along/v4", "pc-q35-ferry-1.0",
                         test_migration);
    g_test_add_data_func("/ahci/registers-and-drives-move-along/v3", "pc-q35-10.0", test_migration);
    g_test_add_data_func("/ahci/what-an-error-stopped-is-done-here-or-elsewhere/v4",
                         "pc-q35-ferry-1.0", test_stopped);
    g_test_add_data_func("/ahci/what-an-error-stopped-is-done-here-or-elsewhere/v3", "pc-q35-10.0",
                         test_stopped);
    g_test_add_func("/ahci/a-read-that-fails-stops-the-machine-until-a-reset", test_read_stopped);
    g_test_add_func("/ahci/a-damaged-image-moves-along-and-is-no-more-written", test_damaged_moved);
    g_test_add_func("/ahci/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
