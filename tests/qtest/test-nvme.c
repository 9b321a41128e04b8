/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NVMe controller driven as a host does: admin and I/O queues in guest memory, doorbells by MMIO, PRP
 * lists and SGLs, the pin and MSI-X. Then errors that stop the machine, moves, nonsense.
 */
#include "pci-dev.h"

#define DEVFN   0x20
#define BAR     0xfe000000u
#define ASQ     0x100000u
#define ACQ     0x101000u
#define IOSQ    0x102000u
#define IOCQ    0x103000u
#define LISTS   0x110000u
#define DATA    0x200000u
#define MESSAGE 0x300000u
#define DISK    (16u << 20)
#define DEPTH   16u
#define CONFIG  0x00460001u
#define DNR     0x4000u

enum {
    CC = 0x14,
    CSTS = 0x1c,
};

typedef struct {
    uint64_t at, cq_at;
    unsigned tail, head, phase, id;
} Queue;

typedef struct {
    QTest *q;
    char *disk;
    Queue admin, io;
    uint16_t cid; /* of the last command */
    uint32_t result;
} Nvme;

typedef struct {
    uint8_t opcode, flags;
    uint32_t nsid;
    uint64_t prp1, prp2;
    uint32_t d10, d11, d12, d13;
} Command;

static uint32_t rd(Nvme *n, unsigned reg)
{
    return qtest_readl(n->q, BAR + reg);
}
static void wr(Nvme *n, unsigned reg, uint32_t value)
{
    qtest_writel(n->q, BAR + reg, value);
}

/* ---- a driver ---- */

static void map(QTest *q)
{
    pci_cfg_write(q, DEVFN, 0x10, BAR);
    pci_cfg_write(q, DEVFN, 0x14, 0);
    pci_enable(q, DEVFN);
}

static void submit(Nvme *n, Queue *queue, const Command *c)
{
    uint64_t at = queue->at + 64 * queue->tail;
    uint8_t e[64] = { c->opcode, c->flags };

    n->cid = (uint16_t)(queue->id << 12 | queue->tail);
    memcpy(e + 2, &n->cid, 2);
    memcpy(e + 4, &c->nsid, 4);
    memcpy(e + 24, &c->prp1, 8);
    memcpy(e + 32, &c->prp2, 8);
    memcpy(e + 40, &c->d10, 16);
    qtest_memwrite(n->q, at, e, sizeof(e));
    queue->tail = (queue->tail + 1) % DEPTH;
    wr(n, 0x1000 + 8 * queue->id, queue->tail);
}

static bool has_ended(Nvme *n, const Queue *queue)
{
    return (qtest_readw(n->q, queue->cq_at + 16 * queue->head + 14) & 1) == queue->phase;
}

/* Waits for the next completion, which is taken; its status. */
static unsigned wait_end(Nvme *n, Queue *queue)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    uint64_t at = queue->cq_at + 16 * queue->head;

    while (!has_ended(n, queue)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    n->result = qtest_readl(n->q, at);
    g_assert_cmpuint(qtest_readw(n->q, at + 10), ==, queue->id);
    n->cid = qtest_readw(n->q, at + 12);
    unsigned status = qtest_readw(n->q, at + 14) >> 1;
    queue->head = (queue->head + 1) % DEPTH;
    queue->phase ^= !queue->head;
    wr(n, 0x1004 + 8 * queue->id, queue->head);
    return status;
}

static unsigned run(Nvme *n, Queue *queue, Command c)
{
    submit(n, queue, &c);
    uint16_t cid = n->cid;
    unsigned status = wait_end(n, queue);

    g_assert_cmphex(n->cid, ==, cid);
    return status;
}
#define ADMIN(n, ...) run(n, &(n)->admin, (Command){ __VA_ARGS__ })
#define IO(n, ...)    run(n, &(n)->io, (Command){ __VA_ARGS__ })

static void enable_whatever(Nvme *n)
{
    n->admin = (Queue){ ASQ, ACQ, 0, 0, 1, 0 };
    n->io = (Queue){ IOSQ, IOCQ, 0, 0, 1, 1 };
    qtest_memset(n->q, ACQ, 0, 0x1000);
    qtest_memset(n->q, IOCQ, 0, 0x1000);
    wr(n, 0x24, (DEPTH - 1) << 16 | (DEPTH - 1));
    qtest_writeq(n->q, BAR + 0x28, ASQ);
    qtest_writeq(n->q, BAR + 0x30, ACQ);
    wr(n, CC, CONFIG);
}

static void enable(Nvme *n)
{
    enable_whatever(n);
    g_assert_cmphex(rd(n, CSTS), ==, 1);
}

/* The pair of I/O queues; the completion queue interrupts by @vector. */
static void make_queues(Nvme *n, unsigned vector)
{
    g_assert_cmphex(ADMIN(n, 5, .prp1 = IOCQ, .d10 = 1 | (DEPTH - 1) << 16,
                          .d11 = 3 | vector << 16),
                    ==, 0);
    g_assert_cmphex(ADMIN(n, 1, .prp1 = IOSQ, .d10 = 1 | (DEPTH - 1) << 16, .d11 = 1 | 1 << 16), ==,
                    0);
}

static QTest *boot(const char *disk, const char *more)
{
    return qtest_start(
        "x86_64",
        "-M q35 -nodefaults -m 64 -drive file=%s,format=raw,if=none,id=d,discard=unmap "
        "-device nvme,id=nv,serial=s1,addr=4,drive=d,werror=stop%s",
        disk, more);
}

static void begin(Nvme *n, const char *more)
{
    n->q = boot(n->disk, more);
    map(n->q);
    enable(n);
    make_queues(n, 0);
}

static void setup(Nvme *n, const char *more)
{
    n->disk = image_new(DISK);
    begin(n, more);
}

static void teardown(Nvme *n)
{
    qtest_end(n->q);
    image_free(n->disk);
}

/* ---- what it says ---- */

static void test_identify(void)
{
    Nvme n;
    uint8_t page[4096];

    setup(&n, "");
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 0), ==, 0x00101b36);
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 8), ==, 0x01080202);
    g_assert_cmphex(rd(&n, 0), ==, 0x0f0107ff);
    g_assert_cmphex(rd(&n, 8), ==, 0x00010400);
    g_assert_cmphex(ADMIN(&n, 6, .prp1 = DATA, .d10 = 1), ==, 0);
    qtest_memread(n.q, DATA, page, sizeof(page));
    g_assert_cmpmem(page + 4, 20, "s1                  ", 20);
    g_assert_cmpmem(page + 24, 14, "QEMU NVMe Ctrl", 14);
    g_assert_cmpstr((char *)page + 768, ==, "nqn.2019-08.org.qemu:s1");
    g_assert_cmpuint(page[77], ==, 7);
    /* a page in two parts */
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 1, .prp1 = DATA + 0xf00, .prp2 = DATA + 0x8000), ==, 0);
    g_assert_cmpuint(qtest_readq(n.q, DATA + 0xf00), ==, DISK / 512);
    g_assert_cmphex(ADMIN(&n, 6, .prp1 = DATA, .d10 = 2), ==, 0);
    g_assert_cmpuint(qtest_readl(n.q, DATA), ==, 1);
    g_assert_cmpuint(qtest_readl(n.q, DATA + 4), ==, 0);
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 5, .prp1 = DATA), ==, 0);
    g_assert_cmpuint(qtest_readq(n.q, DATA), ==, 0);
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 0x101, .prp1 = DATA), ==, DNR | 0xb);
    g_assert_cmphex(ADMIN(&n, 6, .prp1 = DATA, .d10 = 0x55), ==, DNR | 2);
    g_assert_cmphex(ADMIN(&n, 2, .nsid = ~0u, .prp1 = DATA, .d10 = 2 | 127 << 16), ==, 0);
    g_assert_cmpuint(qtest_readw(n.q, DATA + 1), ==, 0x143);
    g_assert_cmphex(ADMIN(&n, 2, .nsid = ~0u, .prp1 = DATA, .d10 = 0x77), ==, DNR | 0x109);
    g_assert_cmphex(ADMIN(&n, 0x7f), ==, DNR | 1);
    teardown(&n);
}

static void test_features(void)
{
    Nvme n;

    setup(&n, "");
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 7, .d11 = 0x00030003), ==, 0);
    g_assert_cmphex(n.result, ==, 0x003f003f);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 7, .d11 = 0xffff), ==, DNR | 2);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 0x80000004, .d11 = 0x150), ==, DNR | 0x10d);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 4, .d11 = 0x150), ==, 0);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 4), ==, 0);
    g_assert_cmphex(n.result, ==, 0x150);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 1, .d11 = 0), ==, DNR | 0x10e);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 6), ==, 0);
    g_assert_cmphex(n.result, ==, 1);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 6, .d11 = 0), ==, 0);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 6), ==, 0);
    g_assert_cmphex(n.result, ==, 0);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 0x99), ==, DNR | 2);
    /* the time goes on from what it was set to */
    qtest_writeq(n.q, DATA, 1000000);
    g_assert_cmphex(ADMIN(&n, 9, .prp1 = DATA, .d10 = 0xe), ==, 0);
    qtest_clock_step(n.q, 5000000000);
    g_assert_cmphex(ADMIN(&n, 0xa, .prp1 = DATA, .d10 = 0xe), ==, 0);
    g_assert_cmpuint(qtest_readq(n.q, DATA), ==, 1005000 | 1ull << 49);
    teardown(&n);
}

static void test_queues(void)
{
    Nvme n;

    setup(&n, "");
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 1 | 7 << 16, .d11 = 3), ==, DNR | 0x101);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 7 << 16, .d11 = 3), ==, DNR | 0x101);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 65 | 7 << 16, .d11 = 3), ==, DNR | 0x101);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 2, .d11 = 3), ==, DNR | 0x102);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 2 | 2048 << 16, .d11 = 3), ==, DNR | 0x102);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ + 8, .d10 = 2 | 7 << 16, .d11 = 3), ==, DNR | 0x13);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 2 | 7 << 16, .d11 = 99 << 16 | 3), ==,
                    DNR | 0x108);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 2 | 7 << 16, .d11 = 2), ==, DNR | 2);
    g_assert_cmphex(ADMIN(&n, 1, .prp1 = IOSQ, .d10 = 2 | 7 << 16, .d11 = 1 | 5 << 16), ==,
                    DNR | 0x100);
    g_assert_cmphex(ADMIN(&n, 4, .d10 = 1), ==, 0x10c); /* a submission queue uses it */
    g_assert_cmphex(ADMIN(&n, 0, .d10 = 1), ==, 0);
    g_assert_cmphex(ADMIN(&n, 0, .d10 = 1), ==, DNR | 0x101);
    g_assert_cmphex(ADMIN(&n, 4, .d10 = 1), ==, 0);
    n.io = (Queue){ IOSQ, IOCQ, 0, 0, 1, 1 };
    qtest_memset(n.q, IOCQ, 0, 0x1000);
    make_queues(&n, 0);
    g_assert_cmphex(IO(&n, 0, .nsid = 1), ==, 0);
    /* reset, shutdown, reset of the subsystem, and what cannot be enabled */
    wr(&n, CC, CONFIG | 0x4000);
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    while (rd(&n, CSTS) != 9) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    wr(&n, CC, 0);
    g_assert_cmphex(rd(&n, CSTS), ==, 0);
    enable(&n);
    make_queues(&n, 0);
    wr(&n, 0x20, 0x4e564d65);
    g_assert_cmphex(rd(&n, CSTS), ==, 0x10);
    g_assert_cmphex(rd(&n, 0x24), ==, 0);
    wr(&n, CSTS, 0x10);
    g_assert_cmphex(rd(&n, CSTS), ==, 0);
    wr(&n, CC, CONFIG); /* admin queues of one entry */
    g_assert_cmphex(rd(&n, CSTS), ==, 2);
    wr(&n, CC, 0);
    enable(&n);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 4), ==, 0);
    teardown(&n);
}

/* ---- data ---- */

/* Pages at DATA, in the order of a list that continues on a second page. */
static void make_list(Nvme *n, unsigned pages, unsigned in_first)
{
    uint64_t at = LISTS + 0x1000 - 8 * in_first;

    for (unsigned i = 0; i < pages; i++) {
        if (i == in_first - 1 && pages > in_first) {
            qtest_writeq(n->q, at, LISTS + 0x4000);
            at = LISTS + 0x4000;
        }
        qtest_writeq(n->q, at, DATA + 0x1000 * (i + 1));
        at += 8;
    }
}

static void test_transfers(void)
{
    static const unsigned sizes[] = { 512, 4096, 5120, 8192, 65536, 512 * 1024 };
    Nvme n;
    g_autofree uint8_t *out = g_malloc(sizes[5]), *in = g_malloc(sizes[5]);

    setup(&n, "");
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        unsigned len = sizes[i], pages = len / 4096 ? (len + 4095) / 4096 - 1 : 0;
        uint64_t prp2 = pages < 2 ? DATA + 0x1000 : LISTS + 0x1000 - 8 * 5;
        uint32_t lba = 3 + 2000 * (uint32_t)i;

        make_list(&n, pages, 5);
        fill_pattern(out, len, (unsigned)i);
        qtest_memwrite(n.q, DATA, out, len);
        g_assert_cmphex(IO(&n, 1, .nsid = 1, .prp1 = DATA, .prp2 = prp2, .d10 = lba,
                           .d12 = len / 512 - 1),
                        ==, 0);
        image_get(n.disk, lba * 512, in, len);
        g_assert_cmpmem(in, len, out, len);
        g_assert_cmphex(IO(&n, 5, .nsid = 1, .prp1 = DATA, .prp2 = prp2, .d10 = lba,
                           .d12 = len / 512 - 1),
                        ==, 0);
        qtest_memset(n.q, DATA, 0, len);
        g_assert_cmphex(IO(&n, 5, .nsid = 1, .prp1 = DATA, .prp2 = prp2, .d10 = lba,
                           .d12 = len / 512 - 1),
                        ==, DNR | 0x285);
        g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .prp2 = prp2, .d10 = lba,
                           .d12 = len / 512 - 1),
                        ==, 0);
        qtest_memread(n.q, DATA, in, len);
        g_assert_cmpmem(in, len, out, len);
    }
    teardown(&n);
}

/* SGL descriptors in place and in two segments. */
static void test_sgl(void)
{
    Nvme n;
    uint8_t in[4096], out[4096];

    setup(&n, "");
    fill_pattern(out, sizeof(out), 5);
    image_put(n.disk, 4096, out, sizeof(out));
    g_assert_cmphex(IO(&n, 2, .flags = 0x40, .nsid = 1, .prp1 = DATA + 3, .prp2 = 4096, .d10 = 8,
                       .d12 = 7),
                    ==, 0);
    qtest_memread(n.q, DATA + 3, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    qtest_writeq(n.q, LISTS, DATA + 0x2000);
    qtest_writeq(n.q, LISTS + 8, 1000);
    qtest_writeq(n.q, LISTS + 16, LISTS + 0x100);
    qtest_writeq(n.q, LISTS + 24, 32 | (uint64_t)0x30 << 56);
    qtest_writeq(n.q, LISTS + 0x100, DATA + 0x4000);
    qtest_writeq(n.q, LISTS + 0x108, 96);
    qtest_writeq(n.q, LISTS + 0x110, DATA + 0x4060);
    qtest_writeq(n.q, LISTS + 0x118, 3000);
    g_assert_cmphex(IO(&n, 2, .flags = 0x40, .nsid = 1, .prp1 = LISTS,
                       .prp2 = 32 | (uint64_t)0x20 << 56, .d10 = 8, .d12 = 7),
                    ==, 0);
    qtest_memread(n.q, DATA + 0x2000, in, 1000);
    qtest_memread(n.q, DATA + 0x4000, in + 1000, 3096);
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    /* too short; a segment of no whole number of descriptors; an unknown kind */
    g_assert_cmphex(IO(&n, 2, .flags = 0x40, .nsid = 1, .prp1 = DATA, .prp2 = 4095, .d12 = 7), ==,
                    DNR | 0xf);
    g_assert_cmphex(IO(&n, 2, .flags = 0x40, .nsid = 1, .prp1 = LISTS,
                       .prp2 = 17 | (uint64_t)0x20 << 56),
                    ==, DNR | 0xe);
    g_assert_cmphex(IO(&n, 2, .flags = 0x40, .nsid = 1, .prp2 = (uint64_t)0x70 << 56), ==,
                    DNR | 0x11);
    teardown(&n);
}

static void test_zeroes_and_discards(void)
{
    Nvme n;
    uint8_t out[65536], in[65536], zero[65536] = { 0 };

    setup(&n, "");
    fill_pattern(out, sizeof(out), 7);
    image_put(n.disk, 0, out, sizeof(out));
    g_assert_cmphex(IO(&n, 8, .nsid = 1, .d10 = 8, .d12 = 7), ==, 0);
    qtest_writel(n.q, DATA, 0);
    qtest_writel(n.q, DATA + 4, 8);
    qtest_writeq(n.q, DATA + 8, 32);
    qtest_writel(n.q, DATA + 16, 0);
    qtest_writel(n.q, DATA + 20, 16);
    qtest_writeq(n.q, DATA + 24, 64);
    g_assert_cmphex(IO(&n, 9, .nsid = 1, .prp1 = DATA, .d10 = 1, .d11 = 4), ==, 0);
    memset(out + 4096, 0, 4096);
    memset(out + 32 * 512, 0, 4096);
    memset(out + 64 * 512, 0, 8192);
    image_get(n.disk, 0, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    qtest_writeq(n.q, DATA + 24, DISK / 512 - 8); /* a range that does not fit: nothing is done */
    qtest_writeq(n.q, DATA + 8, 0);
    g_assert_cmphex(IO(&n, 9, .nsid = 1, .prp1 = DATA, .d10 = 1, .d11 = 4), ==, DNR | 0x80);
    image_get(n.disk, 0, in, sizeof(in));
    g_assert_cmpmem(in, 4096, out, 4096);
    g_assert_cmphex(IO(&n, 8, .nsid = 1, .d12 = 127 | 1 << 25), ==, 0);
    image_get(n.disk, 0, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), zero, sizeof(zero));
    teardown(&n);
}

static void test_refusals(void)
{
    Nvme n;

    setup(&n, "");
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .d10 = DISK / 512), ==, DNR | 0x80);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .d10 = ~0u, .d11 = ~0u), ==, DNR | 0x80);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .d12 = 1024), ==, DNR | 2);
    g_assert_cmphex(IO(&n, 2, .nsid = 2, .prp1 = DATA), ==, DNR | 2);
    g_assert_cmphex(IO(&n, 2, .nsid = ~0u, .prp1 = DATA), ==, DNR | 0xb);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .prp2 = DATA + 0x1008, .d12 = 15), ==,
                    DNR | 0x13);
    qtest_writeq(n.q, LISTS, DATA + 8);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .prp2 = LISTS, .d12 = 31), ==, DNR | 0x13);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = 0x80000000), ==, 4);
    g_assert_cmphex(IO(&n, 2, .flags = 0xc0, .nsid = 1, .prp1 = DATA), ==, DNR | 2);
    g_assert_cmphex(IO(&n, 2, .flags = 1, .nsid = 1, .prp1 = DATA), ==, DNR | 2);
    g_assert_cmphex(IO(&n, 0x55, .nsid = 1), ==, DNR | 1);
    g_assert_cmphex(IO(&n, 0, .nsid = ~0u), ==, 0);
    teardown(&n);
}

/* ---- interrupts, events ---- */

static void test_interrupts(void)
{
    Nvme n;

    setup(&n, "");
    /* the pin: PCI status bit 3 */
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 4) & 0x80000, ==, 0);
    submit(&n, &n.io, &(Command){ 0, .nsid = 1 });
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    while (!has_ended(&n, &n.io)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 4) & 0x80000, ==, 0x80000);
    wr(&n, 0x0c, 1);
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 4) & 0x80000, ==, 0);
    wr(&n, 0x10, 1);
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 4) & 0x80000, ==, 0x80000);
    g_assert_cmphex(wait_end(&n, &n.io), ==, 0);
    g_assert_cmphex(pci_cfg_read(n.q, DEVFN, 4) & 0x80000, ==, 0);
    /* MSI-X: vector 1 writes its message into memory */
    g_assert_cmphex(ADMIN(&n, 0, .d10 = 1), ==, 0);
    g_assert_cmphex(ADMIN(&n, 4, .d10 = 1), ==, 0);
    qtest_writel(n.q, BAR + 0x2010, MESSAGE);
    qtest_writel(n.q, BAR + 0x2014, 0);
    qtest_writel(n.q, BAR + 0x2018, 0xabcd);
    qtest_writel(n.q, BAR + 0x201c, 0);
    pci_cfg_write(n.q, DEVFN, 0x40, 0x80000000);
    n.io = (Queue){ IOSQ, IOCQ, 0, 0, 1, 1 };
    qtest_memset(n.q, IOCQ, 0, 0x1000);
    make_queues(&n, 1);
    qtest_writel(n.q, MESSAGE, 0);
    g_assert_cmphex(IO(&n, 0, .nsid = 1), ==, 0);
    g_assert_cmphex(qtest_readl(n.q, MESSAGE), ==, 0xabcd);
    teardown(&n);
}

/* A message that would disable the controller, which is amid a completion: it has no effect. */
static void test_message_to_itself(void)
{
    Nvme n;

    setup(&n, "");
    qtest_writel(n.q, BAR + 0x2000, BAR + CC);
    qtest_writel(n.q, BAR + 0x2004, 0);
    qtest_writel(n.q, BAR + 0x2008, 0);
    qtest_writel(n.q, BAR + 0x200c, 0);
    pci_cfg_write(n.q, DEVFN, 0x40, 0x80000000);
    g_assert_cmphex(IO(&n, 0, .nsid = 1), ==, 0);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 4), ==, 0);
    g_assert_cmphex(rd(&n, CC), ==, CONFIG);
    g_assert_cmphex(rd(&n, CSTS), ==, 1);
    teardown(&n);
}

static void test_events(void)
{
    Nvme n;

    setup(&n, "");
    for (int i = 0; i < 5; i++) {
        submit(&n, &n.admin, &(Command){ 0xc });
    }
    g_assert_cmphex(wait_end(&n, &n.admin), ==, DNR | 0x105); /* the fifth is too many */
    wr(&n, 0x1008, 99);
    g_assert_cmphex(wait_end(&n, &n.admin), ==, 0);
    g_assert_cmphex(n.result, ==, 0x10100); /* an error, bad doorbell value, log 1 */
    wr(&n, 0x1000 + 8 * 9, 0);              /* no such queue: told after the log was read */
    g_assert_false(has_ended(&n, &n.admin));
    submit(&n, &n.admin, &(Command){ 2, .nsid = ~0u, .prp1 = DATA, .d10 = 1 | 15 << 16 });
    uint16_t log = n.cid;
    g_assert_cmphex(wait_end(&n, &n.admin), ==, 0);
    g_assert_cmphex(n.result, ==, 0x10000);
    g_assert_cmphex(wait_end(&n, &n.admin), ==, 0);
    g_assert_cmphex(n.cid, ==, log);
    /* a namespace that grows */
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 0xb, .d11 = 0x100), ==, 0);
    json_object_put(qtest_qmp_ok(n.q,
                                 "{\"execute\": \"block_resize\", \"arguments\": {\"device\": "
                                 "\"d\", \"size\": %u}}",
                                 2 * DISK));
    g_assert_cmphex(wait_end(&n, &n.admin), ==, 0);
    g_assert_cmphex(n.result, ==, 0x40002);
    g_assert_cmphex(ADMIN(&n, 2, .nsid = ~0u, .prp1 = DATA, .d10 = 4 | 1023 << 16), ==, 0);
    g_assert_cmpuint(qtest_readl(n.q, DATA), ==, 1);
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 1, .prp1 = DATA), ==, 0);
    g_assert_cmpuint(qtest_readq(n.q, DATA), ==, 2 * DISK / 512);
    teardown(&n);
}

/* More commands than their completion queue takes at once. */
static void test_full_queue(void)
{
    Nvme n;
    unsigned ended = 0;

    setup(&n, "");
    g_assert_cmphex(ADMIN(&n, 0, .d10 = 1), ==, 0);
    g_assert_cmphex(ADMIN(&n, 4, .d10 = 1), ==, 0);
    qtest_memset(n.q, IOCQ, 0, 0x1000);
    g_assert_cmphex(ADMIN(&n, 5, .prp1 = IOCQ, .d10 = 1 | 2 << 16, .d11 = 1), ==, 0);
    g_assert_cmphex(ADMIN(&n, 1, .prp1 = IOSQ, .d10 = 1 | (DEPTH - 1) << 16, .d11 = 1 | 1 << 16),
                    ==, 0);
    n.io = (Queue){ IOSQ, IOCQ, 0, 0, 1, 1 };
    for (unsigned i = 0; i < DEPTH - 1; i++) {
        submit(&n, &n.io, &(Command){ 2, .nsid = 1, .prp1 = DATA, .d10 = i });
    }
    while (ended < DEPTH - 1) { /* a queue of three, two at a time */
        gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;

        while (!has_ended(&n, &n.io)) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        g_assert_cmphex(qtest_readw(n.q, IOCQ + 16 * n.io.head + 14) >> 1, ==, 0);
        n.io.head = (n.io.head + 1) % 3;
        n.io.phase ^= !n.io.head;
        wr(&n, 0x100c, n.io.head);
        ended++;
    }
    teardown(&n);
}

/* ---- namespaces of their own ---- */

static void test_namespaces(void)
{
    Nvme n = { .disk = image_new(DISK) };
    char *more = image_new(DISK / 2);
    uint8_t out[4096], in[4096];

    n.q = qtest_start(
        "x86_64",
        "-M pc -nodefaults -m 64 -device nvme,id=nv,serial=s,addr=4 "
        "-drive file=%s,format=raw,if=none,id=a -device nvme-ns,drive=a,bus=nv "
        "-drive file=%s,format=raw,if=none,id=b,readonly=on "
        "-device nvme-ns,drive=b,nsid=7,logical_block_size=4096,eui64=0x1122334455667788",
        n.disk, more);
    map(n.q);
    enable(&n);
    make_queues(&n, 0);
    g_assert_cmphex(ADMIN(&n, 6, .prp1 = DATA, .d10 = 2), ==, 0);
    g_assert_cmpuint(qtest_readl(n.q, DATA), ==, 1);
    g_assert_cmpuint(qtest_readl(n.q, DATA + 4), ==, 7);
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 7, .prp1 = DATA), ==, 0);
    g_assert_cmpuint(qtest_readq(n.q, DATA), ==, DISK / 2 / 4096);
    g_assert_cmpuint(qtest_readb(n.q, DATA + 99), ==, 1);
    g_assert_cmpuint(qtest_readb(n.q, DATA + 130), ==, 12);
    g_assert_cmphex(ADMIN(&n, 6, .nsid = 7, .prp1 = DATA, .d10 = 3), ==, 0);
    g_assert_cmphex(qtest_readl(n.q, DATA), ==, 0x0801);
    g_assert_cmphex(qtest_readl(n.q, DATA + 4), ==, 0x44332211);
    fill_pattern(out, sizeof(out), 2);
    image_put(more, 5 * 4096, out, sizeof(out));
    g_assert_cmphex(IO(&n, 2, .nsid = 7, .prp1 = DATA, .d10 = 5), ==, 0);
    qtest_memread(n.q, DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    g_assert_cmphex(IO(&n, 1, .nsid = 7, .prp1 = DATA, .d10 = 5), ==, DNR | 0x20);
    g_assert_cmphex(IO(&n, 1, .nsid = 1, .prp1 = DATA, .d10 = 5, .d12 = 7), ==, 0);
    g_assert_cmphex(IO(&n, 0, .nsid = ~0u), ==, 0);
    image_get(n.disk, 5 * 512, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    image_free(more);
    teardown(&n);
}

static void refused(const char *args, const char *why)
{
    g_autofree char *err = NULL, *line = NULL;
    char *disk = image_new(DISK);

    line = g_strdup_printf("-M q35 -nodefaults -m 64 -drive file=%s,format=raw,if=none,id=d %s",
                           disk, args);
    g_assert_cmpint(qtest_run_once("x86_64", line, &err), !=, 0);
    g_assert_nonnull(strstr(err, why));
    image_free(disk);
}

static void test_options(void)
{
    refused("-device nvme,drive=d", "serial property not set");
    refused("-device nvme,drive=d,serial=s,max_ioqpairs=0", "max_ioqpairs must be between 1 and");
    refused("-device nvme,drive=d,serial=s,msix_qsize=0", "msix_qsize must be between 1 and 2048");
    refused("-device nvme,drive=d,serial=s,logical_block_size=513", "expected powers of two");
    refused("-device nvme,drive=x,serial=s", "x");
    refused("-device nvme,serial=s -device nvme-ns,drive=d,nsid=257", "invalid namespace id 257");
    refused("-device nvme,drive=d,serial=s -device nvme-ns,drive=d", "already");
}

/* ---- errors that stop the machine, moves ---- */

static void start_refused(Nvme *n, uint8_t *out, size_t len, unsigned seed)
{
    limit_files(n->q, true, 0);
    fill_pattern(out, len, seed);
    qtest_memwrite(n->q, DATA, out, len);
    submit(n, &n->io, &(Command){ 1, .nsid = 1, .prp1 = DATA, .d10 = 64, .d12 = 7 });
    submit(n, &n->io, &(Command){ 1, .nsid = 1, .prp1 = DATA, .d10 = 128, .d12 = 7 });
    wait_status(n->q, "query-status", "io-error");
    json_object_put(qtest_event(n->q, "BLOCK_IO_ERROR"));
    g_assert_false(has_ended(n, &n->io));
    limit_files(n->q, false, 0);
}

static void expect_done(Nvme *n, const uint8_t *out, size_t len)
{
    uint8_t in[4096];

    g_assert_cmphex(wait_end(n, &n->io), ==, 0);
    g_assert_cmphex(wait_end(n, &n->io), ==, 0);
    image_get(n->disk, 64 * 512, in, len);
    g_assert_cmpmem(in, len, out, len);
}

/* Writes that the host refused are done when the machine runs again, here or elsewhere. */
static void test_stopped(gconstpointer machine)
{
    Nvme n = { .disk = image_new(DISK) };
    uint8_t out[4096];
    g_autofree char *here = g_strdup_printf(" -machine %s", (const char *)machine);
    g_autofree char *there = g_strdup_printf("%s -incoming defer", here);

    begin(&n, here);
    start_refused(&n, out, sizeof(out), 1);
    json_object_put(qtest_qmp_ok(n.q, "{\"execute\": \"cont\"}"));
    expect_done(&n, out, sizeof(out));
    start_refused(&n, out, sizeof(out), 2);
    QTest *to = boot(n.disk, there);
    move_stopped(n.q, to);
    qtest_end(n.q);
    n.q = to;
    expect_done(&n, out, sizeof(out));
    start_refused(&n, out, sizeof(out), 3);
    wr(&n, CC, 0); /* a reset forgets them */
    json_object_put(qtest_qmp_ok(n.q, "{\"execute\": \"cont\"}"));
    enable(&n);
    make_queues(&n, 0);
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA), ==, 0);
    teardown(&n);
}

static void test_migration(gconstpointer machine)
{
    Nvme n = { .disk = image_new(DISK) };
    g_autofree char *here = g_strdup_printf(" -machine %s", (const char *)machine);
    g_autofree char *there = g_strdup_printf("%s -incoming defer", here);
    uint8_t out[4096], in[4096];

    begin(&n, here);
    fill_pattern(out, sizeof(out), 4);
    qtest_memwrite(n.q, DATA, out, sizeof(out));
    g_assert_cmphex(IO(&n, 1, .nsid = 1, .prp1 = DATA, .d10 = 9, .d12 = 7), ==, 0);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 4, .d11 = 0x151), ==, 0);
    g_assert_cmphex(ADMIN(&n, 9, .d10 = 6, .d11 = 0), ==, 0);
    submit(&n, &n.admin, &(Command){ 0xc });
    uint16_t aer = n.cid;
    QTest *to = boot(n.disk, there);
    move_machine(n.q, to);
    for (unsigned reg = 0; reg < 0x40; reg += 4) {
        g_assert_cmphex(qtest_readl(n.q, BAR + reg), ==, qtest_readl(to, BAR + reg));
    }
    qtest_end(n.q);
    n.q = to;
    qtest_memset(n.q, DATA, 0, sizeof(out));
    g_assert_cmphex(IO(&n, 2, .nsid = 1, .prp1 = DATA, .d10 = 9, .d12 = 7), ==, 0);
    qtest_memread(n.q, DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 4), ==, 0);
    g_assert_cmphex(n.result, ==, 0x151);
    g_assert_cmphex(ADMIN(&n, 0xa, .d10 = 6), ==, 0);
    g_assert_cmphex(n.result, ==, 0);
    wr(&n, 0x1008, 99);
    g_assert_cmphex(wait_end(&n, &n.admin), ==, 0);
    g_assert_cmphex(n.cid, ==, aer);
    teardown(&n);
}

/* ---- nonsense ---- */

/* Random registers, commands, lists and doorbells; the controller must neither crash nor hang. */
static void test_nonsense(void)
{
    static const uint32_t places[] = { ASQ, ACQ,          IOSQ,       IOCQ, LISTS,    DATA,
                                       BAR, BAR + 0x1000, 0xfffff000, 0,    0x3ffff00 };
    static const uint16_t regs[] = { 0x0c, 0x10, 0x14, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34 };
    Nvme n;
    GRand *r = g_rand_new_with_seed(20262);

    setup(&n, ",rerror=stop");
    for (int i = 0; i < 1500; i++) {
        Queue *queue = g_rand_boolean(r) ? &n.io : &n.admin;
        uint64_t prp1 = places[g_rand_int_range(r, 0, G_N_ELEMENTS(places))] +
                        (uint64_t)g_rand_int_range(r, 0, 4) * 0x7fc;
        uint64_t prp2 = places[g_rand_int_range(r, 0, G_N_ELEMENTS(places))] +
                        (uint64_t)g_rand_int_range(r, 0, 3) * 0xff8;

        switch (g_rand_int_range(r, 0, 8)) {
        case 0: wr(&n, (unsigned)g_rand_int_range(r, 0, 0x2400), g_rand_int(r)); break;
        case 1:
            if (!g_rand_int_range(r, 0, 10)) {
                wr(&n, regs[g_rand_int_range(r, 0, G_N_ELEMENTS(regs))], g_rand_int(r));
            }
            break;
        case 2: qtest_writeq(n.q, LISTS + 8 * (g_rand_int(r) & 0x3ff), prp1); break;
        case 3: wr(&n, 0x1004 + 8 * queue->id, g_rand_int(r) % DEPTH); break;
        case 4:
            if (rd(&n, CSTS) != 1) {
                wr(&n, CC, 0);
                enable_whatever(&n); /* a shutdown may still be under way */
                submit(&n, &n.admin, &(Command){ 5, .prp1 = IOCQ, .d10 = 1 | 15 << 16, .d11 = 3 });
                submit(&n, &n.admin,
                       &(Command){ 1, .prp1 = IOSQ, .d10 = 1 | 15 << 16, .d11 = 1 | 1 << 16 });
            }
            break;
        default:
            submit(&n, queue,
                   &(Command){ (uint8_t)g_rand_int_range(r, 0, 14),
                               g_rand_int_range(r, 0, 4) ? 0 : 0x40, g_rand_int_range(r, 0, 3),
                               prp1, prp2, g_rand_int(r) & 0xff00ff, g_rand_int(r) & 0x1000f,
                               g_rand_int(r) & 0x7f, g_rand_int(r) });
        }
    }
    g_rand_free(r);
    teardown(&n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nvme/controller-and-namespace-say-what-they-are", test_identify);
    g_test_add_func("/nvme/features-are-set-where-they-can-be", test_features);
    g_test_add_func("/nvme/queues-come-and-go-and-resets-forget-them", test_queues);
    g_test_add_func("/nvme/prp-lists-of-any-length-move-their-data", test_transfers);
    g_test_add_func("/nvme/sgl-segments-move-their-data", test_sgl);
    g_test_add_func("/nvme/zeroes-and-discards-reach-the-image", test_zeroes_and_discards);
    g_test_add_func("/nvme/what-cannot-be-is-refused-by-status", test_refusals);
    g_test_add_func("/nvme/the-pin-and-messages-tell-of-completions", test_interrupts);
    g_test_add_func("/nvme/messages-to-its-own-registers-have-no-effect", test_message_to_itself);
    g_test_add_func("/nvme/events-are-told-once-until-their-log-is-read", test_events);
    g_test_add_func("/nvme/a-full-completion-queue-holds-commands-back", test_full_queue);
    g_test_add_func("/nvme/namespaces-of-their-own-on-pc", test_namespaces);
    g_test_add_func("/nvme/bad-options-are-refused-in-words", test_options);
    g_test_add_data_func("/nvme/what-an-error-stopped-is-done-here-or-elsewhere/v4",
                         "pc-q35-ferry-1.0", test_stopped);
    g_test_add_data_func("/nvme/what-an-error-stopped-is-done-here-or-elsewhere/v3", "pc-q35-10.0",
                         test_stopped);
    g_test_add_data_func("/nvme/queues-and-features-move-along/v4", "pc-q35-ferry-1.0",
                         test_migration);
    g_test_add_data_func("/nvme/queues-and-features-move-along/v3", "pc-q35-10.0", test_migration);
    g_test_add_func("/nvme/nonsense-is-survived", test_nonsense);
    return g_test_run();
}
