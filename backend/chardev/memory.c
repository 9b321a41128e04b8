/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chardevs without a host side: null (and vc, as long as there is no display) swallows everything;
 * ringbuf keeps the last bytes that the guest wrote, for ringbuf-read.
 */
#include <string.h>

#include "chardev-priv.h"

const ChardevOps chardev_null_ops = {
    .size = sizeof(Chardev),
    .movable = true,
    .always_open = false,
};

typedef struct {
    Chardev base;
    uint8_t *data;
    uint64_t size;               /* power of two */
    uint64_t produced, consumed; /* produced - consumed <= size */
} RingChardev;

static void ring_put(RingChardev *r, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        r->data[r->produced++ & (r->size - 1)] = buf[i];
    }
    if (r->produced - r->consumed > r->size) {
        r->consumed = r->produced - r->size;
    }
}

static bool ring_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    RingChardev *r = (RingChardev *)c;
    r->size = config->size ? config->size : 65536;
    if ((r->size & (r->size - 1)) || r->size > (64u << 20)) {
        g_set_error(
            error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
            "size of ringbuf chardev must be power of two, at most 64 MiB, not %" G_GUINT64_FORMAT,
            r->size);
        return false;
    }
    r->data = g_malloc0(r->size);
    return true;
}

static void ring_close(Chardev *c)
{
    g_free(((RingChardev *)c)->data);
}

static gssize ring_write(Chardev *c, const uint8_t *buf, size_t len)
{
    ring_put((RingChardev *)c, buf, len);
    return len;
}

static RingChardev *ring_of(Chardev *c, GError **error)
{
    if (c->kind != CHARDEV_KIND_RINGBUF && c->kind != CHARDEV_KIND_MEMORY) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_KIND, "%s is not a ringbuf device",
                    c->id);
        return NULL;
    }
    return (RingChardev *)c;
}

size_t chardev_ringbuf_read(Chardev *c, uint8_t *buf, size_t len, GError **error)
{
    RingChardev *r = ring_of(c, error);
    size_t n = 0;
    while (r && n < len && r->consumed < r->produced) {
        buf[n++] = r->data[r->consumed++ & (r->size - 1)];
    }
    return n;
}

bool chardev_ringbuf_write(Chardev *c, const uint8_t *buf, size_t len, GError **error)
{
    RingChardev *r = ring_of(c, error);
    if (r) {
        ring_put(r, buf, len);
    }
    return r != NULL;
}

const ChardevOps chardev_ringbuf_ops = {
    .size = sizeof(RingChardev),
    .movable = true,
    .always_open = true,
    .open = ring_open,
    .close = ring_close,
    .write = ring_write,
};
