/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel gigabit cards driven by their legacy descriptors, which each of them understands; the other end
 * of the cable is this program.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/util/endian.h"
#include "pci-dev.h"

#define DEVFN (5 << 3)
#define BAR   0xe0000000u
#define RX    0x10000u /* rings of 8 and 256 descriptors, and their buffers */
#define TX    0x11000u
#define BUFS  0x20000u
#define DATA  0x40000u

enum {
    CTRL = 0x0000,
    STATUS = 0x0008,
    EERD = 0x0014,
    MDIC = 0x0020,
    ICR = 0x00c0,
    ICS = 0x00c8,
    IMS = 0x00d0,
    RCTL = 0x0100,
    TCTL = 0x0400,
    RDBAL = 0x2800,
    RDT = 0x2818,
    TDBAL = 0x3800,
    TDT = 0x3818,
    RA = 0x5400,
};

typedef struct {
    const char *name;
    uint32_t eerd_done;
    unsigned eerd_shift, phy_id;
} Card;
static const Card cards[] = {
    { "e1000", 0x10, 8, 0x0c20 },
    { "e1000e", 0x02, 2, 0x0cb1 },
};

typedef struct {
    QTest *q;
    char *dir, *path;
    int fd;
    unsigned tail;
} Wire;

static uint32_t rd(const Wire *w, uint32_t reg)
{
    return qtest_readl(w->q, BAR + reg);
}
static void wr(const Wire *w, uint32_t reg, uint32_t value)
{
    qtest_writel(w->q, BAR + reg, value);
}

static void rings(Wire *w)
{
    for (unsigned i = 0; i < 8; i++) {
        qtest_writeq(w->q, RX + 16 * i, BUFS + 2048 * i);
        qtest_writeq(w->q, RX + 16 * i + 8, 0);
    }
    wr(w, RDBAL, RX);
    wr(w, RDBAL + 8, 128);
    wr(w, RDT, 7);
    wr(w, TDBAL, TX);
    wr(w, TDBAL + 8, 4096);
    wr(w, TCTL, 0x0a);        /* enable, pad */
    wr(w, RCTL, 0x04028002u); /* enable, broadcasts, 512-byte buffers, no checksum */
    w->tail = 0;
}

static QTest *machine(const Card *card, const char *path, const char *more)
{
    QTest *q =
        qtest_start("x86_64",
                    "-M q35 -nodefaults -m 16 -netdev stream,id=n,addr.type=unix,addr.path=%s "
                    "-device %s,addr=5,netdev=n,mac=52:54:00:12:34:56,romfile= %s",
                    path, card->name, more);
    return q;
}

static void wire_new(Wire *w, const Card *card)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = QTEST_TIMEOUT_S };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    w->dir = g_dir_make_tmp("ferry-e1000-XXXXXX", NULL);
    w->path = g_build_filename(w->dir, "wire", NULL);
    g_strlcpy(addr.sun_path, w->path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(listener, 2), ==, 0);
    w->q = machine(card, w->path, "");
    w->fd = accept(listener, NULL, NULL);
    g_assert_cmpint(w->fd, >=, 0);
    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    close(listener);
    pci_cfg_write(w->q, DEVFN, 0x10, BAR);
    pci_enable(w->q, DEVFN);
    rings(w);
}

static void wire_free(Wire *w)
{
    qtest_end(w->q);
    close(w->fd);
    g_unlink(w->path);
    g_rmdir(w->dir);
    g_free(w->path);
    g_free(w->dir);
}

/* The next frame that the card sent. */
static size_t sent(const Wire *w, uint8_t frame[2048])
{
    uint32_t len;

    g_assert_cmpint(recv(w->fd, &len, 4, MSG_WAITALL), ==, 4);
    len = ntohl(len);
    g_assert_cmpuint(len, <=, 2048);
    g_assert_cmpint(recv(w->fd, frame, len, MSG_WAITALL), ==, len);
    return len;
}

static void give(const Wire *w, const uint8_t *frame, size_t len)
{
    uint32_t head = htonl((uint32_t)len);

    g_assert_cmpint(send(w->fd, &head, 4, 0), ==, 4);
    g_assert_cmpint(send(w->fd, frame, len, 0), ==, (ssize_t)len);
}

/* Waits until receive descriptor @n is done. */
static void wait_descriptor(const Wire *w, unsigned n)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;

    while (!(qtest_readb(w->q, RX + 16 * n + 12) & 1)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void descriptor(Wire *w, uint64_t low, uint64_t high)
{
    qtest_writeq(w->q, TX + 16 * w->tail, low);
    qtest_writeq(w->q, TX + 16 * w->tail + 8, high);
    w->tail++;
}

static void test_identity(gconstpointer data)
{
    const Card *card = data;
    Wire w;

    wire_new(&w, card);
    g_assert_cmphex(rd(&w, RA), ==, 0x12005452);
    g_assert_cmphex(rd(&w, RA + 4), ==, 0x80005634);
    g_assert_cmphex(rd(&w, STATUS) & 3, ==, 3);
    uint16_t sum = 0;
    for (unsigned i = 0; i < 64; i++) {
        wr(&w, EERD, 1 | i << card->eerd_shift);
        uint32_t value = rd(&w, EERD);
        g_assert_cmphex(value & card->eerd_done, !=, 0);
        sum = (uint16_t)(sum + (value >> 16));
    }
    g_assert_cmphex(sum, ==, 0xbaba);
    wr(&w, MDIC, 0x08200000 | 3 << 16);
    g_assert_cmphex(rd(&w, MDIC), ==, 0x18230000 | card->phy_id);
    /* A new negotiation takes the link down for half a second. */
    rd(&w, ICR);
    wr(&w, MDIC, 0x04200000 | 0x1340);
    g_assert_cmphex(rd(&w, STATUS) & 2, ==, 0);
    qtest_clock_step(w.q, 600000000);
    g_assert_cmphex(rd(&w, STATUS) & 2, ==, 2);
    g_assert_cmphex(rd(&w, ICR) & 4, ==, 4);
    /* And the card's own reset puts all back. */
    wr(&w, RA, 0);
    wr(&w, IMS, 0xffff);
    wr(&w, CTRL, 0x04000000);
    g_assert_cmphex(rd(&w, RA), ==, 0x12005452);
    g_assert_cmphex(rd(&w, IMS), ==, 0);
    g_assert_cmphex(rd(&w, RCTL), ==, 0);
    wire_free(&w);
}

static void headers(uint8_t *p, size_t payload)
{
    memset(p, 0, 54);
    memset(p, 0xff, 6);
    p[12] = 8; /* IPv4 */
    p[14] = 0x45;
    st_be16(p + 18, 0x1234);
    p[23] = 6;
    st_be32(p + 26, 0x0a000001);
    st_be32(p + 30, 0x0a000002);
    st_be32(p + 38, 1000);
    p[46] = 0x50;
    p[47] = 0x19; /* FIN, PSH, ACK */
    /* The driver leaves the pseudo header's sum without the length. */
    st_be16(p + 50, 0x0a00 + 1 + 0x0a00 + 2 + 6);
    for (size_t i = 0; i < payload; i++) {
        p[54 + i] = (uint8_t)(i * 7);
    }
}

static uint16_t ones_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static void test_segments(gconstpointer data)
{
    uint8_t packet[54 + 1000], frame[2048];
    Wire w;

    wire_new(&w, data);
    headers(packet, 1000);
    qtest_memwrite(w.q, DATA, packet, sizeof(packet));
    descriptor(&w, 14 | 24 << 8 | 33 << 16 | 34ull << 32 | 50ull << 40,
               1000 | 0x27u << 24 | 54ull << 40 | 400ull << 48);
    /* Header and payload in two pieces that end nowhere in particular. */
    descriptor(&w, DATA, 100 | 0x24100000u | 3ull << 40);
    descriptor(&w, DATA + 100, (sizeof(packet) - 100) | 0x2d100000u | 3ull << 40);
    wr(&w, TDT, w.tail);
    for (unsigned i = 0; i < 3; i++) {
        size_t part = i < 2 ? 400 : 200, len = sent(&w, frame);

        g_assert_cmpuint(len, ==, 54 + part);
        g_assert_cmpuint(ld_be16(frame + 16), ==, 40 + part);
        g_assert_cmphex(ld_be16(frame + 18), ==, 0x1234 + i);
        g_assert_cmpuint(ld_be32(frame + 38), ==, 1000 + 400 * i);
        g_assert_cmphex(frame[47], ==, i < 2 ? 0x10 : 0x19);
        g_assert_cmphex(ones_sum(0, frame + 14, 20), ==, 0xffff);
        g_assert_cmphex(ones_sum((uint32_t)(6 + 20 + part), frame + 26, len - 26), ==, 0xffff);
        g_assert_cmpmem(frame + 54, part, packet + 54 + 400 * i, part);
    }
    g_assert_cmphex(qtest_readb(w.q, TX + 16 * 2 + 12) & 1, ==, 1);
    g_assert_cmphex(rd(&w, ICR) & 3, ==, 3);
    g_assert_cmpuint(rd(&w, 0x4080), ==, 3); /* frames sent: a counter that its read clears */
    g_assert_cmpuint(rd(&w, 0x4080), ==, 0);
    wire_free(&w);
}

static void test_vlan(gconstpointer data)
{
    uint8_t frame[2048], out[100];
    Wire w;

    wire_new(&w, data);
    wr(&w, CTRL, 0x40140240); /* tags are put in and taken out */
    headers(out, 46);
    qtest_memwrite(w.q, DATA, out, 100);
    descriptor(&w, DATA, 100 | 0x4b000000u | 0x2064ull << 48);
    wr(&w, TDT, w.tail);
    g_assert_cmpuint(sent(&w, frame), ==, 104);
    g_assert_cmphex(ld_be32(frame + 12), ==, 0x81002064);
    g_assert_cmpmem(frame + 16, 88, out + 12, 88);
    give(&w, frame, 104);
    wait_descriptor(&w, 0);
    g_assert_cmphex(qtest_readb(w.q, RX + 12) & 0xb, ==, 0xb);
    g_assert_cmpuint(qtest_readw(w.q, RX + 8), ==, 100);
    g_assert_cmphex(qtest_readw(w.q, RX + 14), ==, 0x2064);
    qtest_memread(w.q, BUFS, frame, 100);
    g_assert_cmpmem(frame, 100, out, 100);
    wire_free(&w);
}

static void test_receive(gconstpointer data)
{
    uint8_t frame[1200], got[1200];
    Wire w;

    wire_new(&w, data);
    fill_pattern(frame, sizeof(frame), 3);
    memcpy(frame, "\x52\x54\0\x12\x34\x57", 6); /* somebody else's */
    give(&w, frame, 100);
    frame[5] = 0x56;
    give(&w, frame, sizeof(frame));
    wait_descriptor(&w, 2); /* 1200 bytes in buffers of 512 */
    g_assert_cmphex(qtest_readb(w.q, RX + 12) & 3, ==, 1);
    g_assert_cmphex(qtest_readb(w.q, RX + 16 * 2 + 12) & 3, ==, 3);
    g_assert_cmpuint(qtest_readw(w.q, RX + 16 * 2 + 8), ==, 1200 - 1024);
    qtest_memread(w.q, BUFS, got, 512);
    qtest_memread(w.q, BUFS + 2048, got + 512, 512);
    qtest_memread(w.q, BUFS + 4096, got + 1024, 1200 - 1024);
    g_assert_cmpmem(got, 1200, frame, 1200);
    g_assert_cmpuint(rd(&w, RDT - 8), ==, 3);
    g_assert_cmphex(rd(&w, ICR) & 0x80, ==, 0x80);
    /* By the multicast table: bits 47 to 36 of the address are 0x560. */
    memcpy(frame, "\x01\0\x5e\0\x06\x56", 6);
    give(&w, frame, 60);
    wr(&w, 0x5200 + 4 * (0x560 >> 5), 1u << (0x560 & 31));
    give(&w, frame, 70);
    wait_descriptor(&w, 3);
    /* The first may have come before or after the write. */
    g_assert_cmpuint(qtest_readw(w.q, RX + 16 * 3 + 8), >=, 60);
    wire_free(&w);
}

static void test_move(gconstpointer data)
{
    Wire w;

    wire_new(&w, data);
    wr(&w, IMS, 0x84);
    wr(&w, ICS, 4);
    wr(&w, 0x5600, 0x11223344);
    descriptor(&w, 14 | 24 << 8, 1000 | 0x27u << 24 | 54ull << 40 | 400ull << 48);
    wr(&w, TDT, w.tail);
    QTest *dst =
        qtest_start("x86_64",
                    "-M q35 -nodefaults -m 16 -device %s,addr=5,mac=52:54:00:12:34:56,romfile= "
                    "-incoming defer",
                    ((const Card *)data)->name);
    move_machine(w.q, dst);
    g_assert_cmphex(qtest_readl(dst, BAR + IMS), ==, 0x84);
    g_assert_cmphex(qtest_readl(dst, BAR + 0x5600), ==, 0x11223344);
    g_assert_cmphex(qtest_readl(dst, BAR + RCTL), ==, 0x04028002u);
    g_assert_cmphex(pci_cfg_read(dst, DEVFN, 4) >> 19 & 1, ==, 1); /* INTx is up */
    g_assert_cmphex(qtest_readl(dst, BAR + ICR) & 4, ==, 4);
    g_assert_cmphex(pci_cfg_read(dst, DEVFN, 4) >> 19 & 1, ==, 0);
    qtest_end(dst);
    wire_free(&w);
}

/* Any value anywhere, rings that lie anywhere, frames meanwhile: the card comes back with a reset. */
static void test_anything(gconstpointer data)
{
    const uint32_t known[] = { CTRL,    0x10,   EERD,   0x18,      MDIC,      ICR,       0xc4,
                               ICS,     IMS,    RCTL,   TCTL,      RDBAL,     RDBAL + 4, RDBAL + 8,
                               RDT - 8, RDT,    TDBAL,  TDBAL + 4, TDBAL + 8, TDT - 8,   TDT,
                               0x2820,  0x3820, 0x5000, 0x5008,    0x5818,    0x2170 };
    GRand *rand = g_rand_new_with_seed(0xe1000);
    uint8_t noise[4096], frame[300], drain[4096];
    Wire w;

    wire_new(&w, data);
    for (unsigned i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t)g_rand_int(rand);
    }
    fill_pattern(frame, sizeof(frame), 1);
    memset(frame, 0xff, 6);
    for (unsigned i = 0; i < 1500; i++) {
        uint32_t reg = g_rand_int(rand) & 3 ? known[g_rand_int(rand) % G_N_ELEMENTS(known)]
                                            : g_rand_int(rand) & 0x1fffc;
        uint32_t value = g_rand_int(rand) >> (g_rand_int(rand) & 31);

        if (i % 16 == 0) {
            rings(&w);
            qtest_memwrite(w.q, TX, noise + g_rand_int_range(rand, 0, 2048), 2048);
            give(&w, frame, sizeof(frame));
        }
        if (i % 100 == 50) {
            wr(&w, TDBAL, BAR + TDBAL); /* descriptors in the card's own registers */
        }
        if (value & 1) {
            wr(&w, reg, value);
        } else {
            rd(&w, reg);
        }
        if (i % 8 == 0) {
            qtest_clock_step(w.q, value & 0xfffff);
        }
        if (recv(w.fd, drain, sizeof(drain), MSG_DONTWAIT) == 0) {
            g_error("the cable was cut");
        }
    }
    json_object_put(qtest_qmp_ok(w.q, "{\"execute\": \"system_reset\"}"));
    json_object_put(qtest_event(w.q, "RESET"));
    pci_cfg_write(w.q, DEVFN, 0x10, BAR);
    pci_enable(w.q, DEVFN);
    g_assert_cmphex(rd(&w, RA), ==, 0x12005452);
    g_assert_cmphex(rd(&w, STATUS) & 3, ==, 3);
    g_rand_free(rand);
    wire_free(&w);
}

static const struct {
    const char *name;
    GTestDataFunc fn;
} tests[] = {
    { "it-is-what-its-driver-looks-for", test_identity },
    { "a-large-packet-is-cut-and-summed", test_segments },
    { "tags-are-put-in-and-taken-out", test_vlan },
    { "frames-arrive-by-the-filter", test_receive },
    { "it-moves", test_move },
    { "anything-in-its-registers-does-no-harm", test_anything },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t c = 0; c < G_N_ELEMENTS(cards); c++) {
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *name = g_strdup_printf("/x86_64/%s/%s", cards[c].name, tests[i].name);

            g_test_add_data_func(name, &cards[c], tests[i].fn);
        }
    }
    return g_test_run();
}
