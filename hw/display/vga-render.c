/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture of a VGA: registers and video memory to pixels.
 *
 * A Mode says how big the picture is, where its lines begin and which function draws one. Each line is drawn
 * into a scratch row and compared with the surface, so that only lines that changed are damaged. Nothing is
 * drawn when neither registers nor memory changed since the last time.
 */
#include <string.h>
#include "base/memory/ram.h"
#include "vga-priv.h"

#define BLINK_US (G_USEC_PER_SEC * 4 / 15) /* cursor: 32 frames of 60 Hz for both halves */

typedef struct Mode Mode;
struct Mode {
    int width, height;
    uint32_t start, line_bytes; /* bytes in video memory */
    unsigned line_repeat;       /* screen lines a line of memory stands for */
    unsigned x_double;          /* 2: every pixel twice */
    unsigned split;             /* from this screen line on memory starts at 0 */
    int bpp;                    /* linear modes */
    void (*draw)(const Vga *s, const Mode *m, uint32_t at, unsigned y);
    uint32_t palette[256];
};

/* ---- colours ---- */

static uint32_t dac_color(const Vga *s, unsigned index)
{
    const uint8_t *p = &s->r.palette[index * 3];
    uint32_t v[3];

    for (unsigned i = 0; i < 3; i++) {
        v[i] = s->r.vbe_regs[VBE_ENABLE] & VBE_8BIT_DAC && vbe_on(s)
                   ? p[i]
                   : (p[i] & 0x3fu) << 2 | (p[i] & 0x3fu) >> 4;
    }
    return v[0] << 16 | v[1] << 8 | v[2];
}

static void palette_256(const Vga *s, Mode *m)
{
    for (unsigned i = 0; i < 256; i++) {
        m->palette[i] = dac_color(s, i);
    }
}

/* The sixteen colours of text and planar modes go through the attribute controller. */
static void palette_16(const Vga *s, Mode *m)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned v = s->r.ar[i], select = s->r.ar[VGA_AR_COLOR_SELECT];
        v = s->r.ar[VGA_AR_MODE] & 0x80 ? (select & 15) << 4 | (v & 15)
                                        : (select & 12) << 4 | (v & 63);
        m->palette[i] = dac_color(s, v);
    }
}

/* ---- one line ---- */

static uint32_t word_at(const Vga *s, uint32_t at)
{
    uint32_t v;

    memcpy(&v, s->ram + (at & (s->size - 1) & ~3u), 4);
    return GUINT32_FROM_LE(v);
}

static void put(const Vga *s, const Mode *m, int *x, uint32_t color)
{
    for (unsigned k = 0; k < m->x_double && *x < m->width; k++) {
        s->row[(*x)++] = color;
    }
}

/* 16 colours: eight pixels in a word, a bit in each plane. */
static void draw_planar(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    uint32_t enabled = s->r.ar[VGA_AR_PLANE_ENABLE] & 15;

    for (int x = 0; x < m->width; at += 4) {
        uint32_t w = word_at(s, at);
        for (int bit = 7; bit >= 0; bit--) {
            unsigned color = (w >> bit & 1) | (w >> (bit + 8) & 1) << 1 |
                             (w >> (bit + 16) & 1) << 2 | (w >> (bit + 24) & 1) << 3;
            put(s, m, &x, m->palette[color & enabled]);
        }
    }
}

/* 4 colours: pairs of bits, first in plane 0, then in plane 1 (CGA's layout). */
static void draw_cga(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    for (int x = 0; x < m->width; at += 4) {
        uint32_t w = word_at(s, at);
        for (int plane = 0; plane < 2; plane++) {
            for (int bit = 6; bit >= 0; bit -= 2) {
                put(s, m, &x, m->palette[w >> (8 * plane + bit) & 3]);
            }
        }
    }
}

static void draw_8(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    for (int x = 0; x < m->width; at++) {
        put(s, m, &x, m->palette[s->ram[at & (s->size - 1)]]);
    }
}

static uint32_t expand_16(uint32_t v, unsigned green_bits)
{
    uint32_t r = green_bits == 6 ? v >> 11 & 31 : v >> 10 & 31, b = v & 31;
    uint32_t g = green_bits == 6 ? v >> 5 & 63 : (v >> 5 & 31) << 1 | (v >> 9 & 1);

    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static void draw_16(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    for (int x = 0; x < m->width; x++, at += 2) {
        const uint8_t *p = s->ram + (at & (s->size - 1) & ~1u);
        uint32_t v = s->r.big_endian_fb ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
        s->row[x] = expand_16(v, m->bpp == 16 ? 6 : 5);
    }
}

static void draw_24(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    for (int x = 0; x < m->width; x++, at += 3) {
        uint32_t v[3];
        for (unsigned k = 0; k < 3; k++) {
            v[k] = s->ram[(at + k) & (s->size - 1)];
        }
        s->row[x] =
            s->r.big_endian_fb ? v[0] << 16 | v[1] << 8 | v[2] : v[2] << 16 | v[1] << 8 | v[0];
    }
}

static void draw_32(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    for (int x = 0; x < m->width; x++, at += 4) {
        uint32_t v = word_at(s, at);
        s->row[x] = (s->r.big_endian_fb ? GUINT32_SWAP_LE_BE(v) : v) & 0xffffff;
    }
}

static unsigned char_height(const Vga *s)
{
    return (s->r.cr[VGA_CR_MAX_SCAN] & 0x1fu) + 1;
}

/* Byte offset of a font in plane 2: maps A and B by register 3, four 16 KiB steps and one of 8 KiB. */
static uint32_t font_base(const Vga *s, bool map_a)
{
    unsigned v = s->r.sr[VGA_SR_FONT];
    unsigned coarse = map_a ? v >> 2 & 3 : v & 3, fine = map_a ? v >> 5 & 1 : v >> 4 & 1;

    return coarse * 0x4000 + fine * 0x2000;
}

static uint32_t cursor_cell(const Vga *s)
{
    return (uint32_t)s->r.cr[VGA_CR_CURSOR_HIGH] << 8 | s->r.cr[VGA_CR_CURSOR_LOW];
}

static bool cursor_on_line(const Vga *s, unsigned line)
{
    unsigned first = s->r.cr[VGA_CR_CURSOR_START], last = s->r.cr[VGA_CR_CURSOR_END] & 0x1f;

    return s->blink_on && !(first & 0x20) && line >= (first & 0x1f) && line <= last;
}

/* Characters in plane 0, attributes in plane 1, fonts in plane 2. */
static void draw_text(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    unsigned line = y % char_height(s), wide = s->r.sr[VGA_SR_CLOCKING] & 1 ? 8 : 9;
    bool blinks = s->r.ar[VGA_AR_MODE] & 8, ninth = s->r.ar[VGA_AR_MODE] & 4;
    uint32_t fonts[2] = { font_base(s, false), font_base(s, true) }, cursor = cursor_cell(s) * 4;

    for (int x = 0; x < m->width; at += 4) {
        uint32_t cell = word_at(s, at);
        unsigned c = cell & 0xff, attr = cell >> 8 & 0xff;
        unsigned front = attr & 15, back = attr >> 4 & (blinks ? 7 : 15);
        unsigned map = fonts[0] != fonts[1] && attr & 8;
        uint32_t font = (fonts[map] + c * 32 + line) * 4 + 2;
        unsigned bits = (unsigned)s->ram[font & (s->size - 1)] << 1;
        if (ninth && c >= 0xc0 && c <= 0xdf) { /* lines of boxes join */
            bits |= bits >> 1 & 1;
        }
        if (blinks && attr & 0x80 && !s->blink_on) {
            bits = 0;
        }
        if (at == cursor && cursor_on_line(s, line)) {
            bits = 0x1ff;
        }
        for (unsigned k = 0; k < wide; k++) {
            put(s, m, &x, m->palette[bits >> (8 - k) & 1 ? front : back]);
        }
    }
}

static void draw_blank(const Vga *s, const Mode *m, uint32_t at, unsigned y)
{
    memset(s->row, 0, (size_t)m->width * sizeof(*s->row));
}

/* ---- which mode ---- */

static void linear_mode(const Vga *s, Mode *m)
{
    const uint16_t *r = s->r.vbe_regs;

    m->width = r[VBE_XRES];
    m->height = r[VBE_YRES];
    m->bpp = r[VBE_BPP];
    m->start = s->r.vbe_start_addr * 4;
    m->line_bytes = s->r.vbe_line_offset;
    switch (m->bpp) {
    case 4:
        m->draw = draw_planar;
        m->line_bytes *= 4; /* of each plane */
        palette_16(s, m);
        break;
    case 8:
        m->draw = draw_8;
        palette_256(s, m);
        break;
    case 24: m->draw = draw_24; break;
    case 32: m->draw = draw_32; break;
    default: m->draw = draw_16; break;
    }
}

static void graphics_mode(const Vga *s, Mode *m)
{
    bool half_clock = s->r.sr[VGA_SR_CLOCKING] & 8;

    m->line_repeat = char_height(s) << (s->r.cr[VGA_CR_MAX_SCAN] >> 7);
    m->x_double = half_clock ? 2 : 1;
    m->width *= (int)m->x_double;
    switch (s->r.gr[VGA_GR_MODE] >> 5 & 3) {
    case 0:
        m->draw = draw_planar;
        palette_16(s, m);
        break;
    case 1:
        m->draw = draw_cga;
        palette_16(s, m);
        break;
    default: /* two dots a pixel */
        m->draw = draw_8;
        m->x_double = 2;
        palette_256(s, m);
        break;
    }
}

static void vga_mode(const Vga *s, Mode *m)
{
    const uint8_t *cr = s->r.cr;
    unsigned over = cr[VGA_CR_OVERFLOW];

    m->width = (cr[VGA_CR_WIDTH] + 1) * 8;
    m->height = (int)((cr[VGA_CR_HEIGHT] | (over & 2) << 7 | (over & 0x40) << 3) + 1);
    m->split = cr[VGA_CR_LINE_COMPARE] | (over & 0x10) << 4 | (cr[VGA_CR_MAX_SCAN] & 0x40u) << 3;
    m->start = ((uint32_t)cr[VGA_CR_START_HIGH] << 8 | cr[VGA_CR_START_LOW]) * 4;
    m->line_bytes = cr[VGA_CR_OFFSET] * 8u;
    if (!(s->r.ar_index & VGA_AR_DISPLAY_ON)) {
        m->draw = draw_blank;
    } else if (s->r.gr[VGA_GR_MISC] & 1) {
        graphics_mode(s, m);
    } else {
        m->width = m->width / 8 * (s->r.sr[VGA_SR_CLOCKING] & 1 ? 8 : 9);
        m->line_repeat = char_height(s);
        m->draw = draw_text;
        palette_16(s, m);
    }
}

static void find_mode(const Vga *s, Mode *m)
{
    memset(m, 0, sizeof(*m));
    m->line_repeat = m->x_double = 1;
    m->split = UINT32_MAX;
    if (vbe_on(s)) {
        linear_mode(s, m);
    } else {
        vga_mode(s, m);
    }
    m->width = CLAMP(m->width, 1, CONSOLE_MAX_WIDTH);
    m->height = CLAMP(m->height, 1, CONSOLE_MAX_HEIGHT);
}

/* ---- the picture ---- */

/* CGA and Hercules compatible addressing: low bits of the line number replace address bits 13 and 14. */
static uint32_t line_address(const Vga *s, const Mode *m, unsigned y)
{
    uint32_t start = m->start;

    if (y > m->split) {
        y -= m->split + 1;
        start = 0;
    }
    unsigned row = y / m->line_repeat, scan = y % m->line_repeat;
    uint32_t at = start + row * m->line_bytes;
    unsigned mode = s->r.cr[VGA_CR_MODE];
    if (m->draw == draw_cga || m->draw == draw_planar) {
        unsigned sub = scan >> (s->r.cr[VGA_CR_MAX_SCAN] >> 7);
        if (!(mode & 1)) {
            at = (at & ~(1u << 15)) | (sub & 1) << 15;
        }
        if (!(mode & 2)) {
            at = (at & ~(1u << 16)) | (sub >> 1 & 1) << 16;
        }
    }
    return at;
}

static void draw_lines(Vga *s, const Mode *m)
{
    uint32_t *surface = console_pixels(s->console);
    size_t bytes = (size_t)m->width * sizeof(*surface);
    int first = -1;

    for (int y = 0; y < m->height; y++) {
        uint32_t *to = surface + (size_t)y * (size_t)m->width;
        m->draw(s, m, line_address(s, m, (unsigned)y), (unsigned)y);
        bool changed = memcmp(to, s->row, bytes);
        if (changed) {
            memcpy(to, s->row, bytes);
            first = first < 0 ? y : first;
        }
        if (first >= 0 && (!changed || y == m->height - 1)) {
            console_damage(s->console, 0, first, m->width, y + changed - first);
            first = -1;
        }
    }
}

void vga_update(Vga *s)
{
    Vm *vm = device_vm(s->dev);
    bool blink = g_get_monotonic_time() / BLINK_US & 1;
    bool blinking = !vbe_on(s) && !(s->r.gr[VGA_GR_MISC] & 1);
    Mode m;

    if (!ram_dirty_client_enabled(vm, DIRTY_DISPLAY)) {
        ram_dirty_client_enable(vm, DIRTY_DISPLAY, true);
    }
    bool written =
        ram_dirty_test_and_clear(vm, ram_block_addr(s->vram.ram), s->size, DIRTY_DISPLAY);
    if (!written && !s->redraw && !(blinking && blink != s->blink_on)) {
        return;
    }
    s->blink_on = blink;
    s->redraw = false;
    find_mode(s, &m);
    console_resize(s->console, m.width, m.height);
    draw_lines(s, &m);
}
