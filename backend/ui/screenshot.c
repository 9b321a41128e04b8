/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A console as a picture: PPM (binary, "P6") or PNG (by libpng). */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include "ui-priv.h"

static void row_rgb(const uint32_t *pixels, int width, uint8_t *out)
{
    for (int x = 0; x < width; x++) {
        *out++ = (uint8_t)(pixels[x] >> 16);
        *out++ = (uint8_t)(pixels[x] >> 8);
        *out++ = (uint8_t)pixels[x];
    }
}

static bool write_ppm(const Console *c, FILE *f)
{
    g_autofree uint8_t *row = g_malloc((size_t)c->width * 3);

    fprintf(f, "P6\n%d %d\n255\n", c->width, c->height);
    for (int y = 0; y < c->height; y++) {
        row_rgb(c->pixels + (size_t)y * (size_t)c->width, c->width, row);
        fwrite(row, 3, (size_t)c->width, f);
    }
    return !ferror(f);
}

static bool write_png(const Console *c, FILE *f)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *volatile row = g_malloc((size_t)c->width * 3);
    bool ok = false;

    if (info && setjmp(png_jmpbuf(png)) == 0) {
        png_init_io(png, f);
        png_set_IHDR(png, info, (png_uint_32)c->width, (png_uint_32)c->height, 8,
                     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                     PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (int y = 0; y < c->height; y++) {
            row_rgb(c->pixels + (size_t)y * (size_t)c->width, c->width, row);
            png_write_row(png, row);
        }
        png_write_end(png, NULL);
        ok = !ferror(f);
    }
    png_destroy_write_struct(&png, &info);
    g_free(row);
    return ok;
}

bool console_screenshot(Console *c, const char *path, ScreenshotFormat format, GError **error)
{
    console_update(c);
    FILE *f = fopen(path, "wb");
    if (!f) {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_HOST, "failed to open file '%s': %s",
                    path, g_strerror(errno));
        return false;
    }
    bool ok = format == SCREENSHOT_PNG ? write_png(c, f) : write_ppm(c, f);
    ok &= fclose(f) == 0;
    if (!ok) {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_HOST, "failed to write file '%s': %s",
                    path, g_strerror(errno));
    }
    return ok;
}
