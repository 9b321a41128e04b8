/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VGA through the running program: planes, linear modes, what a screenshot shows, keys, rubbish. */
#include <stdio.h>
#include <string.h>
#include "libqtest.h"

#define ARGS     "-M q35 -nodefaults -m 64 -vga std"
#define DEVFN    (1 << 3)
#define LFB      0xe0000000u
#define REGS     0xfe000000u
#define WINDOW   0xa0000u
#define DISPI(n) (REGS + 0x500 + 2 * (n))

static void cfg_write(QTest *q, unsigned reg, uint32_t value)
{
    qtest_outl(q, 0xcf8, 0x80000000u | DEVFN << 8 | reg);
    qtest_outl(q, 0xcfc, value);
}

static uint32_t cfg_read(QTest *q, unsigned reg)
{
    qtest_outl(q, 0xcf8, 0x80000000u | DEVFN << 8 | reg);
    return qtest_inl(q, 0xcfc);
}

static QTest *start(void)
{
    QTest *q = qtest_start("x86_64", ARGS);

    g_assert_cmphex(cfg_read(q, 0), ==, 0x11111234);
    g_assert_cmphex(cfg_read(q, 8) >> 16, ==, 0x0300);
    cfg_write(q, 0x10, LFB);
    cfg_write(q, 0x18, REGS);
    cfg_write(q, 4, 2);
    return q;
}

static void indexed(QTest *q, uint16_t port, uint8_t index, uint8_t value)
{
    qtest_outb(q, port, index);
    qtest_outb(q, port + 1, value);
}

#define sr(q, i, v) indexed(q, 0x3c4, i, v)
#define gr(q, i, v) indexed(q, 0x3ce, i, v)

typedef struct {
    int width, height;
    uint8_t *rgb; /* owned */
    char *text;
} Picture;

/* The PPM of a screenshot. */
static Picture shoot(QTest *q)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-vga-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "shot.ppm", NULL);
    Picture p;
    gsize len;
    int at = 0;

    json_object_put(
        qtest_qmp_ok(q, "{\"execute\": \"screendump\", \"arguments\": {\"filename\": \"%s\"}}",
                     path));
    g_assert_true(g_file_get_contents(path, &p.text, &len, NULL));
    g_assert_cmpint(sscanf(p.text, "P6\n%d %d\n255\n%n", &p.width, &p.height, &at), ==, 2);
    g_assert_cmpuint(len, ==, (gsize)(at + p.width * p.height * 3));
    p.rgb = (uint8_t *)p.text + at;
    remove(path);
    remove(dir);
    return p;
}

static uint32_t pixel(const Picture *p, int x, int y)
{
    const uint8_t *c = p->rgb + (y * p->width + x) * 3;

    return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

static void set_mode(QTest *q, unsigned width, unsigned height, unsigned bpp)
{
    qtest_writew(q, DISPI(4), 0);
    qtest_writew(q, DISPI(1), (uint16_t)width);
    qtest_writew(q, DISPI(2), (uint16_t)height);
    qtest_writew(q, DISPI(3), (uint16_t)bpp);
    qtest_writew(q, DISPI(4), 0x41);
}

static void test_linear(void)
{
    static const struct {
        unsigned bpp;
        uint32_t raw, color;
    } rows[] = {
        { 32, 0x00123456, 0x123456 }, { 24, 0x00abcdef, 0xabcdef }, { 16, 0xf81f, 0xff00ff },
        { 16, 0x07e0, 0x00ff00 },     { 15, 0x7c00, 0xff0000 },
    };
    QTest *q = start();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        unsigned bytes = (rows[i].bpp + 7) / 8;
        set_mode(q, 64, 48, rows[i].bpp);
        qtest_memwrite(q, LFB + (10 * 64 + 7) * bytes, &rows[i].raw, bytes);
        Picture p = shoot(q);
        g_assert_cmpint(p.width, ==, 64);
        g_assert_cmpint(p.height, ==, 48);
        g_assert_cmphex(pixel(&p, 7, 10), ==, rows[i].color);
        g_assert_cmphex(pixel(&p, 8, 10), ==, 0);
        g_free(p.text);
        /* Only a page changed: the next picture has it. */
        qtest_memwrite(q, LFB + (20 * 64 + 9) * bytes, &rows[i].raw, bytes);
        p = shoot(q);
        g_assert_cmphex(pixel(&p, 9, 20), ==, rows[i].color);
        g_free(p.text);
    }
    qtest_end(q);
}

static void test_palette(void)
{
    QTest *q = start();

    qtest_outb(q, 0x3c2, 1);
    set_mode(q, 64, 48, 8);
    qtest_outb(q, 0x3c8, 5);
    qtest_outb(q, 0x3c9, 0x3f);
    qtest_outb(q, 0x3c9, 0x20);
    qtest_outb(q, 0x3c9, 0x00);
    qtest_writeb(q, LFB + 3, 5);
    Picture p = shoot(q);
    g_assert_cmphex(pixel(&p, 3, 0), ==, 0xff8200);
    g_free(p.text);
    qtest_writew(q, DISPI(4), 0x61 | 0x80); /* 8 bits a colour */
    p = shoot(q);
    g_assert_cmphex(pixel(&p, 3, 0), ==, 0x3f2000);
    g_free(p.text);
    qtest_outb(q, 0x3c7, 5);
    g_assert_cmphex(qtest_inb(q, 0x3c9), ==, 0x3f);
    g_assert_cmphex(qtest_inb(q, 0x3c9), ==, 0x20);
    qtest_end(q);
}

/* The four write modes and both read modes, seen through the linear view of the planes. */
static void test_planes(void)
{
    QTest *q = start();

    gr(q, 6, 0x05); /* graphics, 64 KiB at 0xa0000 */
    sr(q, 4, 0x06);
    sr(q, 2, 0x0f);
    gr(q, 5, 0);
    gr(q, 8, 0xff);
    qtest_writeb(q, WINDOW + 3, 0x5a);
    g_assert_cmphex(qtest_readl(q, LFB + 12), ==, 0x5a5a5a5a);
    sr(q, 2, 0x05); /* planes 0 and 2 */
    qtest_writeb(q, WINDOW + 3, 0xff);
    g_assert_cmphex(qtest_readl(q, LFB + 12), ==, 0x5aff5aff);
    sr(q, 2, 0x0f);
    gr(q, 3, 4); /* rotate */
    qtest_writeb(q, WINDOW + 4, 0x1f);
    g_assert_cmphex(qtest_readl(q, LFB + 16), ==, 0xf1f1f1f1);
    gr(q, 3, 0);
    gr(q, 0, 0x09); /* set/reset of planes 0 to 2 */
    gr(q, 1, 0x07);
    qtest_writeb(q, WINDOW + 5, 0x33);
    g_assert_cmphex(qtest_readl(q, LFB + 20), ==, 0x330000ff);
    gr(q, 1, 0);
    gr(q, 8, 0x0f); /* bit mask keeps the latch's high bits */
    qtest_readb(q, WINDOW + 3);
    qtest_writeb(q, WINDOW + 6, 0x00);
    g_assert_cmphex(qtest_readl(q, LFB + 24), ==, 0x50f050f0);
    gr(q, 3, 0x18); /* xor with the latch */
    gr(q, 8, 0xff);
    qtest_readb(q, WINDOW + 3);
    qtest_writeb(q, WINDOW + 7, 0xff);
    g_assert_cmphex(qtest_readl(q, LFB + 28), ==, 0xa500a500);
    gr(q, 3, 0);
    gr(q, 5, 1); /* latches */
    qtest_readb(q, WINDOW + 3);
    qtest_writeb(q, WINDOW + 8, 0);
    g_assert_cmphex(qtest_readl(q, LFB + 32), ==, 0x5aff5aff);
    gr(q, 5, 2); /* a colour */
    qtest_writeb(q, WINDOW + 9, 0x0a);
    g_assert_cmphex(qtest_readl(q, LFB + 36), ==, 0xff00ff00);
    gr(q, 5, 3); /* data is a mask for set/reset */
    gr(q, 0, 0x0c);
    qtest_readb(q, WINDOW + 3);
    qtest_writeb(q, WINDOW + 10, 0xf0);
    g_assert_cmphex(qtest_readl(q, LFB + 40), ==, 0xfaff0a0f);
    gr(q, 5, 0);
    gr(q, 4, 2);
    g_assert_cmphex(qtest_readb(q, WINDOW + 10), ==, 0xff);
    gr(q, 5, 8); /* colour compare: where are planes 3210 = 1111 */
    gr(q, 2, 0x0f);
    gr(q, 7, 0x0f);
    g_assert_cmphex(qtest_readb(q, WINDOW + 10), ==, 0x0a);
    qtest_end(q);
}

/* Two characters in text mode with a font of our own. */
static void test_text(void)
{
    static const uint8_t crtc[] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                                    0x4f, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x0e,
                                    0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
    QTest *q = start();

    qtest_outb(q, 0x3c2, 0x67);
    sr(q, 1, 1); /* 8 dots */
    sr(q, 2, 3);
    sr(q, 4, 2);
    gr(q, 5, 0x10);
    gr(q, 6, 0x0e); /* text at 0xb8000 */
    for (unsigned i = 0; i < sizeof(crtc); i++) {
        indexed(q, 0x3d4, (uint8_t)i, crtc[i]);
    }
    qtest_inb(q, 0x3da);
    for (unsigned i = 0; i < 16; i++) { /* attribute palette: straight */
        qtest_outb(q, 0x3c0, (uint8_t)i);
        qtest_outb(q, 0x3c0, (uint8_t)i);
    }
    qtest_outb(q, 0x3c0, 0x12);
    qtest_outb(q, 0x3c0, 0x0f);
    qtest_outb(q, 0x3c0, 0x20); /* picture on */
    qtest_outb(q, 0x3c8, 0);
    for (unsigned i = 0; i < 16; i++) {
        qtest_outb(q, 0x3c9, (uint8_t)(i * 4));
        qtest_outb(q, 0x3c9, 0);
        qtest_outb(q, 0x3c9, 0x3f);
    }
    qtest_writeb(q, LFB + ('A' * 32 + 2) * 4 + 2, 0x81); /* third line of A: both ends */
    qtest_writew(q, 0xb8000 + 2 * 81, 'A' | 0x1e00);     /* line 1, column 1; yellow on blue */
    Picture p = shoot(q);
    g_assert_cmpint(p.width, ==, 640);
    g_assert_cmpint(p.height, ==, 400);
    uint32_t front = 0x0000ff | (0x38u << 2 | 0x38u >> 4) << 16;
    uint32_t back = 0x0000ff | 0x04u << 2 << 16;
    g_assert_cmphex(pixel(&p, 8, 18), ==, front);
    g_assert_cmphex(pixel(&p, 9, 18), ==, back);
    g_assert_cmphex(pixel(&p, 15, 18), ==, front);
    g_assert_cmphex(pixel(&p, 8, 19), ==, back);
    g_assert_cmphex(pixel(&p, 16, 18), ==, 0x0000ff);
    g_free(p.text);
    qtest_end(q);
}

static void test_keys(void)
{
    QTest *q = start();

    json_object_put(qtest_qmp_ok(
        q,
        "{\"execute\": \"input-send-event\", \"arguments\": {\"events\": [{\"type\": \"key\", "
        "\"data\": {\"down\": true, \"key\": {\"type\": \"qcode\", \"data\": \"q\"}}}, {\"type\": "
        "\"key\", \"data\": {\"down\": false, \"key\": {\"type\": \"number\", \"data\": 16}}}]}}"));
    qtest_outb(q, 0x64, 0xae); /* keyboard on */
    g_assert_cmphex(qtest_inb(q, 0x64) & 1, ==, 1);
    g_assert_cmphex(qtest_inb(q, 0x60), ==, 0x15); /* set 2, not translated yet */
    g_assert_cmphex(qtest_inb(q, 0x60), ==, 0xf0);
    g_assert_cmphex(qtest_inb(q, 0x60), ==, 0x15);
    json_object *r =
        qtest_qmp(q, "{\"execute\": \"send-key\", \"arguments\": {\"keys\": [{\"type\": "
                     "\"number\", \"data\": 255}]}}");
    g_assert_true(json_object_object_get_ex(r, "error", NULL));
    json_object_put(r);
    qtest_end(q);
}

/* Registers and memory take anything, and a picture can always be made of it. */
static void test_rubbish(void)
{
    QTest *q = start();
    static const uint16_t ports[] = { 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c7, 0x3c8, 0x3c9,
                                      0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3b4, 0x3b5, 0x3da };

    for (unsigned i = 0; i < 4000; i++) {
        unsigned what = (unsigned)g_test_rand_int_range(0, 8);
        if (what < 4) {
            qtest_outb(q, ports[g_test_rand_int_range(0, G_N_ELEMENTS(ports))],
                       (uint8_t)g_test_rand_int());
        } else if (what == 4) {
            qtest_writew(q, DISPI(g_test_rand_int_range(0, 11)), (uint16_t)g_test_rand_int());
        } else if (what == 5) {
            qtest_writel(q, WINDOW + (uint32_t)g_test_rand_int_range(0, 0x1fffd),
                         (uint32_t)g_test_rand_int());
        } else if (what == 6) {
            qtest_readl(q, WINDOW + (uint32_t)g_test_rand_int_range(0, 0x1fffd));
        } else {
            qtest_writel(q, LFB + (uint32_t)g_test_rand_int_range(0, 0xfffffc),
                         (uint32_t)g_test_rand_int());
        }
        if (i % 100 == 0) {
            Picture p = shoot(q);
            g_assert_cmpint(p.width, >, 0);
            g_free(p.text);
        }
    }
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/vga/linear-modes", test_linear);
    g_test_add_func("/x86_64/vga/palette", test_palette);
    g_test_add_func("/x86_64/vga/planes", test_planes);
    g_test_add_func("/x86_64/vga/text", test_text);
    g_test_add_func("/x86_64/vga/keys-reach-the-keyboard", test_keys);
    g_test_add_func("/x86_64/vga/rubbish", test_rubbish);
    return g_test_run();
}
