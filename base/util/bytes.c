/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bounded reader and writer. All bound checks of codecs meet in byte_reader_borrow() and
 * byte_writer_reserve(); the rest is shape.
 */
#include "base/util/bytes.h"

#include <string.h>

#include "base/util/endian.h"
#include "base/util/error.h"

void byte_reader_init(ByteReader *r, const void *data, size_t size)
{
    *r = (ByteReader){ .data = data, .size = size };
}

void byte_reader_fail(ByteReader *r, const char *why)
{
    if (!r->why) {
        r->why = why;
        r->failed_at = r->pos;
    }
}

const uint8_t *byte_reader_borrow(ByteReader *r, size_t n)
{
    const uint8_t *p;

    if (r->why) {
        return NULL;
    }
    if (n > r->size - r->pos) {
        byte_reader_fail(r, "data ends too early");
        r->wanted = n;
        return NULL;
    }
    /* An empty buffer may come with a NULL address, and a borrow of nothing is no failure. */
    p = r->data ? r->data + r->pos : (const uint8_t *)"";
    r->pos += n;
    return p;
}

uint8_t byte_reader_u8(ByteReader *r)
{
    const uint8_t *p = byte_reader_borrow(r, 1);

    return p ? *p : 0;
}

#define DEFINE_INTEGER(order, bits)                                 \
    uint##bits##_t byte_reader_##order##bits(ByteReader *r)         \
    {                                                               \
        const uint8_t *p = byte_reader_borrow(r, bits / 8);         \
                                                                    \
        return p ? ld_##order##bits(p) : 0;                         \
    }                                                               \
    void byte_writer_##order##bits(ByteWriter *w, uint##bits##_t v) \
    {                                                               \
        uint8_t *p = byte_writer_reserve(w, bits / 8);              \
                                                                    \
        if (p) {                                                    \
            st_##order##bits(p, v);                                 \
        }                                                           \
    }

DEFINE_INTEGER(be, 16)
DEFINE_INTEGER(be, 32)
DEFINE_INTEGER(be, 64)
DEFINE_INTEGER(le, 16)
DEFINE_INTEGER(le, 32)
DEFINE_INTEGER(le, 64)

bool byte_reader_copy(ByteReader *r, void *out, size_t n)
{
    const uint8_t *p = byte_reader_borrow(r, n);

    if (n == 0) {
        return p != NULL;
    }
    if (!p) {
        memset(out, 0, n);
        return false;
    }
    memcpy(out, p, n);
    return true;
}

bool byte_reader_skip(ByteReader *r, size_t n)
{
    return byte_reader_borrow(r, n) != NULL;
}

bool byte_reader_sub(ByteReader *r, size_t n, ByteReader *sub)
{
    const uint8_t *p = byte_reader_borrow(r, n);

    byte_reader_init(sub, p, p ? n : 0);
    if (!p) {
        byte_reader_fail(sub, "data ends too early");
    }
    return p != NULL;
}

static char *reader_string(ByteReader *r, size_t n)
{
    const uint8_t *p = byte_reader_borrow(r, n);

    if (!p) {
        return NULL;
    }
    if (memchr(p, 0, n)) {
        r->pos -= n;
        byte_reader_fail(r, "string holds a NUL byte");
        return NULL;
    }
    return g_strndup((const char *)p, n);
}

char *byte_reader_str8(ByteReader *r)
{
    return reader_string(r, byte_reader_u8(r));
}

char *byte_reader_str_be16(ByteReader *r)
{
    return reader_string(r, byte_reader_be16(r));
}

char *byte_reader_str_be32(ByteReader *r)
{
    return reader_string(r, byte_reader_be32(r));
}

bool byte_reader_check(const ByteReader *r, const char *what, GError **error)
{
    if (!r->why) {
        return true;
    }
    if (r->wanted) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_TRUNCATED,
                    "%s: %s: %zu bytes wanted at offset %zu of %zu", what, r->why, r->wanted,
                    r->failed_at, r->size);
    } else {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "%s: %s at offset %zu", what,
                    r->why, r->failed_at);
    }
    return false;
}

bool byte_reader_finish(const ByteReader *r, const char *what, GError **error)
{
    if (!byte_reader_check(r, what, error)) {
        return false;
    }
    if (r->pos != r->size) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_TRAILING,
                    "%s: %zu bytes left over after offset %zu", what, r->size - r->pos, r->pos);
        return false;
    }
    return true;
}

void byte_writer_init(ByteWriter *w)
{
    byte_writer_init_limited(w, SIZE_MAX);
}

void byte_writer_init_limited(ByteWriter *w, size_t limit)
{
    *w = (ByteWriter){ .limit = limit };
}

void byte_writer_init_fixed(ByteWriter *w, void *buffer, size_t size)
{
    *w = (ByteWriter){ .data = buffer, .capacity = size, .limit = size, .fixed = true };
}

void byte_writer_clear(ByteWriter *w)
{
    if (!w->fixed) {
        g_free(w->data);
    }
    *w = (ByteWriter){ 0 };
}

void byte_writer_reset(ByteWriter *w)
{
    w->len = 0;
    w->overrun = false;
}

uint8_t *byte_writer_reserve(ByteWriter *w, size_t n)
{
    uint8_t *p;

    if (w->overrun || n > w->limit - w->len) {
        w->overrun = true;
        return NULL;
    }
    if (n > w->capacity - w->len || (!w->data && !w->fixed)) {
        size_t wanted = w->len + n;
        size_t doubled = w->capacity > w->limit / 2 ? w->limit : w->capacity * 2;

        w->capacity = MIN(MAX(MAX(wanted, doubled), 64), w->limit);
        w->data = g_realloc(w->data, w->capacity);
    }
    p = w->data + w->len;
    w->len += n;
    return p;
}

void byte_writer_u8(ByteWriter *w, uint8_t v)
{
    uint8_t *p = byte_writer_reserve(w, 1);

    if (p) {
        *p = v;
    }
}

void byte_writer_bytes(ByteWriter *w, const void *data, size_t n)
{
    uint8_t *p = byte_writer_reserve(w, n);

    if (p && n) {
        memcpy(p, data, n);
    }
}

void byte_writer_zero(ByteWriter *w, size_t n)
{
    uint8_t *p = byte_writer_reserve(w, n);

    if (p && n) {
        memset(p, 0, n);
    }
}

static bool writer_count_fits(ByteWriter *w, size_t n, size_t max)
{
    if (n > max) {
        w->overrun = true;
    }
    return !w->overrun;
}

void byte_writer_str8(ByteWriter *w, const char *s)
{
    size_t n = strlen(s);

    if (writer_count_fits(w, n, UINT8_MAX)) {
        byte_writer_u8(w, (uint8_t)n);
        byte_writer_bytes(w, s, n);
    }
}

void byte_writer_str_be16(ByteWriter *w, const char *s)
{
    size_t n = strlen(s);

    if (writer_count_fits(w, n, UINT16_MAX)) {
        byte_writer_be16(w, (uint16_t)n);
        byte_writer_bytes(w, s, n);
    }
}

void byte_writer_str_be32(ByteWriter *w, const char *s)
{
    size_t n = strlen(s);

    if (writer_count_fits(w, n, UINT32_MAX)) {
        byte_writer_be32(w, (uint32_t)n);
        byte_writer_bytes(w, s, n);
    }
}

void byte_writer_patch_be32(ByteWriter *w, size_t pos, uint32_t v)
{
    if (w->overrun) {
        return;
    }
    g_assert(pos <= w->len && w->len - pos >= 4);
    st_be32(w->data + pos, v);
}

GBytes *byte_writer_steal_bytes(ByteWriter *w)
{
    GBytes *bytes = NULL;

    if (!w->overrun) {
        bytes = w->fixed ? g_bytes_new(w->data, w->len) : g_bytes_new_take(w->data, w->len);
        if (!w->fixed) {
            w->data = NULL;
            w->capacity = 0;
        }
        w->len = 0;
    }
    return bytes;
}
