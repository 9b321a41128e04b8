/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels, the part that all kinds share; and memory channels. */
#include "channel-priv.h"
#include <string.h>

void channel_init(Channel *c, const ChannelOps *ops, const char *name, unsigned features)
{
    c->ops = ops;
    c->refs = 1;
    c->name = g_strdup(name);
    c->features = features;
    c->timeout_ms = -1;
}

Channel *channel_ref(Channel *c)
{
    g_atomic_int_inc(&c->refs);
    return c;
}

void channel_unref(Channel *c)
{
    if (c && g_atomic_int_dec_and_test(&c->refs)) {
        c->ops->free(c);
        g_free(c->name);
        g_free(c);
    }
}

unsigned channel_features(const Channel *c)
{
    return c->features;
}

const char *channel_name(const Channel *c)
{
    return c->name;
}

void channel_set_timeout(Channel *c, int timeout_ms)
{
    c->timeout_ms = timeout_ms;
}

uint64_t channel_bytes_read(const Channel *c)
{
    return __atomic_load_n(&c->bytes_read, __ATOMIC_RELAXED);
}

uint64_t channel_bytes_written(const Channel *c)
{
    return __atomic_load_n(&c->bytes_written, __ATOMIC_RELAXED);
}

bool channel_is_cancelled(const Channel *c)
{
    return __atomic_load_n(&c->cancelled, __ATOMIC_ACQUIRE);
}

bool channel_cancelled_error(const Channel *c, GError **error)
{
    g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_CANCELLED, "%s: shut down", c->name);
    return false;
}

ssize_t channel_read(Channel *c, void *buf, size_t len, GError **error)
{
    if (channel_is_cancelled(c)) {
        channel_cancelled_error(c, error);
        return -1;
    }
    ssize_t n = len ? c->ops->read(c, buf, len, error) : 0;
    if (n > 0) {
        __atomic_fetch_add(&c->bytes_read, (uint64_t)n, __ATOMIC_RELAXED);
    }
    return n;
}

bool channel_read_all(Channel *c, void *buf, size_t len, GError **error)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = channel_read(c, (uint8_t *)buf + done, len - done, error);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF,
                        "%s: the peer closed after %zu of %zu bytes", c->name, done, len);
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

bool channel_write_all(Channel *c, const void *buf, size_t len, GError **error)
{
    size_t done = 0;
    while (done < len) {
        if (channel_is_cancelled(c)) {
            return channel_cancelled_error(c, error);
        }
        ssize_t n = c->ops->write(c, (const uint8_t *)buf + done, len - done, error);
        if (n < 0) {
            return false;
        }
        __atomic_fetch_add(&c->bytes_written, (uint64_t)n, __ATOMIC_RELAXED);
        done += (size_t)n;
    }
    return true;
}

bool channel_finish(Channel *c, GError **error)
{
    return !c->ops->finish || c->ops->finish(c, error);
}

void channel_shutdown(Channel *c)
{
    if (!__atomic_exchange_n(&c->cancelled, 1, __ATOMIC_ACQ_REL)) {
        c->ops->shutdown(c);
    }
}

void channel_stop_reading(Channel *c)
{
    if (!c->ops->stop_reading || !c->ops->stop_reading(c)) {
        channel_shutdown(c);
    }
}

void channel_hurry(Channel *c, int ms)
{
    __atomic_store_n(&c->hurry_until_us, g_get_monotonic_time() + ms * 1000, __ATOMIC_RELEASE);
    if (!c->ops->hurry || !c->ops->hurry(c)) {
        channel_shutdown(c);
    }
}

bool channel_seek(Channel *c, uint64_t offset, GError **error)
{
    if (!c->ops->seek) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_UNSUPPORTED, "%s: cannot seek", c->name);
        return false;
    }
    return c->ops->seek(c, offset, error);
}

/* ---- memory ---- */

typedef struct {
    Channel c;
    GBytes *input;
    size_t pos;
    GByteArray *output;
} BufferChannel;

static ssize_t buffer_read(Channel *c, void *buf, size_t len, GError **error)
{
    BufferChannel *b = (BufferChannel *)c;
    gsize size;
    const uint8_t *data = g_bytes_get_data(b->input, &size);
    size_t n = MIN(len, size - b->pos);
    if (n) {
        memcpy(buf, data + b->pos, n);
    }
    b->pos += n;
    return (ssize_t)n;
}

static ssize_t buffer_write(Channel *c, const void *buf, size_t len, GError **error)
{
    g_byte_array_append(((BufferChannel *)c)->output, buf, (guint)MIN(len, G_MAXINT));
    return (ssize_t)MIN(len, G_MAXINT);
}

static void buffer_shutdown(Channel *c)
{
}

static void buffer_free(Channel *c)
{
    BufferChannel *b = (BufferChannel *)c;
    g_bytes_unref(b->input);
    g_byte_array_unref(b->output);
}

static const ChannelOps buffer_ops = {
    .read = buffer_read,
    .write = buffer_write,
    .shutdown = buffer_shutdown,
    .free = buffer_free,
};

Channel *channel_new_buffer(const void *data, size_t len)
{
    BufferChannel *b = g_new0(BufferChannel, 1);
    channel_init(&b->c, &buffer_ops, "buffer", CHANNEL_TWO_WAY);
    b->input = g_bytes_new(data, len);
    b->output = g_byte_array_new();
    return &b->c;
}

GBytes *channel_buffer_written(Channel *c)
{
    BufferChannel *b = (BufferChannel *)c;
    return g_bytes_new(b->output->data, b->output->len);
}
