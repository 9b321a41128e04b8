/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items and frames: see stream.h for the format. */
#include "stream.h"
#include <inttypes.h>
#include <string.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "migration/migration.h"

#define OUT_FLUSH_AT (256u << 10)
#define IN_CHUNK     (256u << 10)

GQuark ferry_migration_error_quark(void)
{
    return g_quark_from_static_string("ferry-migration-error");
}

static uint32_t frame_crc(uint64_t sequence, uint32_t head, const void *payload, size_t n)
{
    uint8_t prefix[12];
    st_be64(prefix, sequence);
    st_be32(prefix + 8, head);
    return crc32c(crc32c(0, prefix, sizeof(prefix)), payload, n);
}

/* ---- out ---- */

void stream_out_init(StreamOut *s, Channel *channel, StreamFormat format)
{
    *s = (StreamOut){ .channel = channel, .format = format };
    s->buf = g_byte_array_new(); /* grows to what its items need, STREAM_FRAME_MAX at most */
}

void stream_out_clear(StreamOut *s)
{
    g_clear_pointer(&s->buf, g_byte_array_unref);
}

static bool put(StreamOut *s, const void *data, size_t n, GError **error)
{
    s->bytes += n;
    return channel_write_all(s->channel, data, n, error);
}

bool stream_out_header(StreamOut *s, GError **error)
{
    uint8_t head[8];
    st_be32(head, STREAM_MAGIC);
    st_be32(head + 4, s->format);
    return put(s, head, sizeof(head), error);
}

#define FRAME_LAST      (1u << 31)
#define FRAME_UNCHECKED (1u << 30)
#define FRAME_ABORT     (1u << 29)
#define ABORT_MAX       4096u

static bool send_frame(StreamOut *s, uint32_t flags, GError **error)
{
    uint8_t head[8];
    uint32_t word = s->buf->len | flags | (s->unchecked ? FRAME_UNCHECKED : 0);
    uint64_t before = channel_bytes_written(s->channel);
    st_be32(head, word);
    st_be32(head + 4, frame_crc(s->sequence, word, s->buf->data, s->unchecked ? 0 : s->buf->len));
    bool ok = put(s, head, sizeof(head), error) && put(s, s->buf->data, s->buf->len, error);
    s->sequence += ok;
    s->torn = s->torn || (!ok && channel_bytes_written(s->channel) != before);
    g_byte_array_set_size(s->buf, 0);
    return ok;
}

/* Version 3: what is gathered goes out as it is. */
static bool send_bare(StreamOut *s, GError **error)
{
    bool ok = put(s, s->buf->data, s->buf->len, error);
    g_byte_array_set_size(s->buf, 0);
    return ok;
}

bool stream_out_bytes(StreamOut *s, const void *data, size_t n, GError **error)
{
    const uint8_t *p = data;
    while (n) {
        /* Only now, with more to come: a last frame is never empty. */
        if (s->buf->len == STREAM_FRAME_MAX &&
            !(s->format >= STREAM_V4 ? send_frame(s, 0, error) : send_bare(s, error))) {
            return false;
        }
        size_t part = MIN(n, STREAM_FRAME_MAX - s->buf->len);
        g_byte_array_append(s->buf, p, (guint)part);
        p += part;
        n -= part;
    }
    return true;
}

bool stream_out_u8(StreamOut *s, uint8_t v, GError **error)
{
    return stream_out_bytes(s, &v, 1, error);
}

bool stream_out_u32(StreamOut *s, uint32_t v, GError **error)
{
    uint8_t b[4];
    st_be32(b, v);
    return stream_out_bytes(s, b, sizeof(b), error);
}

bool stream_out_u64(StreamOut *s, uint64_t v, GError **error)
{
    uint8_t b[8];
    st_be64(b, v);
    return stream_out_bytes(s, b, sizeof(b), error);
}

bool stream_out_end(StreamOut *s, bool flush, GError **error)
{
    if (s->format >= STREAM_V4) {
        g_assert(s->buf->len);
        return send_frame(s, FRAME_LAST, error);
    }
    return !(flush || s->buf->len >= OUT_FLUSH_AT) || send_bare(s, error);
}

bool stream_out_abort(StreamOut *s, const char *why)
{
    if (s->format < STREAM_V4 || s->torn || !s->bytes) {
        return false;
    }
    s->unchecked = false;
    g_byte_array_set_size(s->buf, 0);
    g_byte_array_append(s->buf, (const uint8_t *)why, MIN((guint)strlen(why), ABORT_MAX));
    return s->buf->len && send_frame(s, FRAME_LAST | FRAME_ABORT, NULL);
}

/* ---- in ---- */

void stream_in_init(StreamIn *s, Channel *channel)
{
    *s = (StreamIn){ .channel = channel,
                     .format = STREAM_V3,
                     .frame_timeout_ms = STREAM_FRAME_TIMEOUT_MS,
                     .idle_timeout_ms = -1 };
    s->buf = g_byte_array_new();
}

void stream_in_clear(StreamIn *s)
{
    g_clear_pointer(&s->buf, g_byte_array_unref);
}

void stream_in_consume(StreamIn *s, size_t n)
{
    g_assert(n <= stream_in_available(s));
    s->consumed += n;
    s->pos += n;
    if (s->pos == s->buf->len) {
        g_byte_array_set_size(s->buf, 0);
        s->pos = 0;
    } else if (s->pos >= 4 * IN_CHUNK) {
        g_byte_array_remove_range(s->buf, 0, (guint)s->pos);
        s->pos = 0;
    }
}

static bool stream_error(GError **error, const char *text)
{
    g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM, text);
    return false;
}

/* Which frame an error is about: its number, and what came whole before it. */
static bool frame_error(const StreamIn *s, GError **error)
{
    if (s->after[0]) {
        g_prefix_error(error, "frame %" PRIu64 " (behind '%s'): ", s->sequence, s->after);
    } else {
        g_prefix_error(error, "frame %" PRIu64 ": ", s->sequence);
    }
    return false;
}

/* What a frame's head may say. */
static bool head_allowed(const StreamIn *s, uint32_t word, uint32_t n, GError **error)
{
    uint32_t max = word & FRAME_ABORT ? ABORT_MAX : STREAM_FRAME_MAX;
    if (word & FRAME_UNCHECKED && !s->may_be_unchecked) {
        return stream_error(error, "no checksum of its content: the source has capability "
                                   "'ram-checksum' off, and it is on here");
    }
    if (s->item_frames && !(word & FRAME_UNCHECKED) == s->unchecked && !(word & FRAME_ABORT)) {
        return stream_error(error, "one section has frames with and without checksum");
    }
    if (!n || n > max) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "a length of %u bytes, 1 to %u are allowed", n, max);
        return false;
    }
    return true;
}

/* The writer gave up: its reason, from the end of the buffer, is the error. */
static bool aborted(StreamIn *s, guint at, GError **error)
{
    g_autofree char *why = g_utf8_make_valid((const char *)s->buf->data + at, s->buf->len - at);
    g_byte_array_set_size(s->buf, at);
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_PEER, "source: %s", why);
    return false;
}

/* Version 4: the next frame, verified, onto the buffer. */
static bool read_frame(StreamIn *s, GError **error)
{
    uint8_t head[8];
    channel_set_timeout(s->channel, s->idle_timeout_ms);
    if (!channel_read_all(s->channel, head, sizeof(head), error)) {
        return false;
    }
    uint32_t word = ld_be32(head), n = word & ~(FRAME_LAST | FRAME_UNCHECKED | FRAME_ABORT);
    guint at = s->buf->len;
    if (!head_allowed(s, word, n, error)) {
        return frame_error(s, error);
    }
    g_byte_array_set_size(s->buf, at + n);
    /* A damaged length must not wait for bytes that nobody will send. */
    bool idle_is_less = s->idle_timeout_ms >= 0 && s->idle_timeout_ms < s->frame_timeout_ms;
    channel_set_timeout(s->channel, idle_is_less ? s->idle_timeout_ms : s->frame_timeout_ms);
    bool whole = channel_read_all(s->channel, s->buf->data + at, n, error);
    channel_set_timeout(s->channel, s->idle_timeout_ms);
    if (!whole) {
        return frame_error(s, error);
    }
    size_t covered = word & FRAME_UNCHECKED ? 0 : n;
    if (frame_crc(s->sequence, word, s->buf->data + at, covered) != ld_be32(head + 4)) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the checksum of its %u bytes does not match: bytes were damaged, lost or "
                    "swapped on the way",
                    n);
        return frame_error(s, error);
    }
    if (word & FRAME_ABORT) {
        return aborted(s, at, error);
    }
    s->sequence++;
    s->bytes += n + sizeof(head);
    s->last_frame = word >> 31;
    s->unchecked = word & FRAME_UNCHECKED;
    s->item_frames++;
    return true;
}

static bool read_more(StreamIn *s, GError **error)
{
    if (s->format >= STREAM_V4) {
        if (s->last_frame) {
            return stream_error(error, "the section ends before its content does");
        }
        return read_frame(s, error);
    }
    guint at = s->buf->len;
    g_byte_array_set_size(s->buf, at + IN_CHUNK);
    ssize_t n = channel_read(s->channel, s->buf->data + at, IN_CHUNK, error);
    g_byte_array_set_size(s->buf, at + (guint)MAX(n, 0));
    s->bytes += (uint64_t)MAX(n, 0);
    if (n == 0) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF,
                    "%s: the stream ends early, after %" PRIu64 " bytes", channel_name(s->channel),
                    s->bytes);
    }
    return n > 0;
}

bool stream_in_need(StreamIn *s, size_t n, GError **error)
{
    if (n > STREAM_ITEM_MAX) {
        return stream_error(error, "a section asks for more than 64 MiB at once");
    }
    while (stream_in_available(s) < n) {
        if (!read_more(s, error)) {
            return false;
        }
    }
    return true;
}

bool stream_in_bytes(StreamIn *s, void *out, size_t n, GError **error)
{
    if (!stream_in_need(s, n, error)) {
        return false;
    }
    if (n > 0) { /* an empty item may have nowhere to go */
        memcpy(out, stream_in_data(s), n);
        stream_in_consume(s, n);
    }
    return true;
}

bool stream_in_header(StreamIn *s, GError **error)
{
    uint8_t head[8];
    if (!channel_read_all(s->channel, head, sizeof(head), error)) {
        return false;
    }
    s->bytes += sizeof(head);
    uint32_t version = ld_be32(head + 4);
    if (ld_be32(head) != STREAM_MAGIC) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "not a migration stream: it starts with 0x%08x, not with 0x%08x", ld_be32(head),
                    STREAM_MAGIC);
        return false;
    }
    s->version = version;
    if (version != STREAM_V3 && version != STREAM_V4) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "stream version %u is not supported, 3 and 4 are", version);
        return false;
    }
    s->format = (StreamFormat)version;
    return true;
}

bool stream_in_u8(StreamIn *s, uint8_t *v, GError **error)
{
    return stream_in_bytes(s, v, 1, error);
}

bool stream_in_u32(StreamIn *s, uint32_t *v, GError **error)
{
    uint8_t b[4];
    bool ok = stream_in_bytes(s, b, sizeof(b), error);
    *v = ok ? ld_be32(b) : 0;
    return ok;
}

bool stream_in_u64(StreamIn *s, uint64_t *v, GError **error)
{
    uint8_t b[8];
    bool ok = stream_in_bytes(s, b, sizeof(b), error);
    *v = ok ? ld_be64(b) : 0;
    return ok;
}

bool stream_in_str8(StreamIn *s, char out[256], GError **error)
{
    uint8_t n;
    if (!stream_in_u8(s, &n, error) || !stream_in_bytes(s, out, n, error)) {
        return false;
    }
    out[n] = '\0';
    return strlen(out) == n || stream_error(error, "a name contains a NUL");
}

bool stream_in_end(StreamIn *s, const char *what, GError **error)
{
    if (s->format < STREAM_V4) {
        return true;
    }
    if (stream_in_available(s) || !s->last_frame) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "%s goes on after its end", what);
        return false;
    }
    s->last_frame = false;
    s->item_frames = 0;
    g_strlcpy(s->after, what, sizeof(s->after));
    return true;
}

bool stream_in_record(StreamIn *s, const Record *record, uint32_t version, void *saved,
                      const void *mine, const RecordHost *host, GError **error)
{
    for (;;) {
        ByteReader r;
        GError *local = NULL;
        byte_reader_init(&r, stream_in_data(s), stream_in_available(s));
        if (record_decode(record, version, s->format, &r, saved, mine, host, &local)) {
            stream_in_consume(s, byte_reader_pos(&r));
            return true;
        }
        if (!g_error_matches(local, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SHORT) ||
            (s->format >= STREAM_V4 && s->last_frame)) {
            g_propagate_error(error, local);
            return false;
        }
        g_error_free(local);
        record_clear(record, saved);
        memset(saved, 0, record->size);
        if (!stream_in_need(s, stream_in_available(s) + 1, error)) {
            return false;
        }
    }
}
