/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An EDID block (VESA Enhanced EDID Standard 1.4, section 3): identity, size, one detailed timing, a name. */
#include <string.h>
#include "base/util/endian.h"
#include "vga-edid.h"

#define DPI        100
#define REFRESH_HZ 75

/* Detailed timing (3.10.2): a blanking of 35% of a line, 35 lines of a frame. */
static void timing(uint8_t *p, unsigned width, unsigned height, unsigned mm_x, unsigned mm_y)
{
    unsigned blank_x = width * 35 / 100, blank_y = 35;
    unsigned front_x = width * 25 / 1000, sync_x = width * 3 / 100, front_y = 5, sync_y = 5;
    uint64_t clock = (uint64_t)REFRESH_HZ * (width + blank_x) * (height + blank_y);

    st_le16(p, (uint16_t)MIN(clock / 10000, 0xffff));
    p[2] = (uint8_t)width;
    p[3] = (uint8_t)blank_x;
    p[4] = (uint8_t)((width >> 8 & 15) << 4 | (blank_x >> 8 & 15));
    p[5] = (uint8_t)height;
    p[6] = (uint8_t)blank_y;
    p[7] = (uint8_t)((height >> 8 & 15) << 4);
    p[8] = (uint8_t)front_x;
    p[9] = (uint8_t)sync_x;
    p[10] = (uint8_t)((front_y & 15) << 4 | (sync_y & 15));
    p[11] = (uint8_t)((front_x >> 8 & 3) << 6 | (sync_x >> 8 & 3) << 4);
    p[12] = (uint8_t)mm_x;
    p[13] = (uint8_t)mm_y;
    p[14] = (uint8_t)((mm_x >> 8 & 15) << 4 | (mm_y >> 8 & 15));
    p[17] = 0x18; /* separate digital syncs */
}

static void text(uint8_t *p, uint8_t tag, const char *words)
{
    size_t n = MIN(strlen(words), 13);

    p[3] = tag;
    memset(p + 5, ' ', 13);
    memcpy(p + 5, words, n);
    if (n < 13) {
        p[5 + n] = '\n';
    }
}

void vga_edid_make(uint8_t out[VGA_EDID_SIZE], unsigned width, unsigned height)
{
    static const uint8_t magic[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
    unsigned vendor = ('F' - '@') << 10 | ('R' - '@') << 5 | ('Y' - '@');
    uint8_t sum = 0;

    width = MIN(width, 4095);
    height = MIN(height, 4095);
    unsigned mm_x = width * 254 / (DPI * 10), mm_y = height * 254 / (DPI * 10);
    memset(out, 0, VGA_EDID_SIZE);
    memcpy(out, magic, sizeof(magic));
    st_be16(out + 8, (uint16_t)vendor);
    st_le16(out + 10, 1);
    out[16] = 42; /* week */
    out[17] = 2024 - 1990;
    out[18] = 1;
    out[19] = 4;
    out[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    out[21] = (uint8_t)(mm_x / 10);
    out[22] = (uint8_t)(mm_y / 10);
    out[23] = 220 - 100; /* gamma 2.2 */
    out[24] = 0x06;      /* sRGB, preferred timing is native */
    /* sRGB primaries (3.7) */
    memcpy(out + 25,
           (const uint8_t[]){ 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 }, 10);
    out[35] = 0x21;          /* established: 640x480, 800x600 at 60 Hz */
    out[36] = 0x08;          /* 1024x768 at 60 Hz */
    memset(out + 38, 1, 16); /* no standard timings */
    timing(out + 54, width, height, mm_x, mm_y);
    text(out + 72, 0xfc, "Ferry Monitor");
    text(out + 90, 0xff, "1");
    out[111] = 0x10; /* unused descriptor */
    for (unsigned i = 0; i < VGA_EDID_SIZE - 1; i++) {
        sum += out[i];
    }
    out[127] = (uint8_t)-sum;
}
