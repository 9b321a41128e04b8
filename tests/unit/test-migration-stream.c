/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items and frames of the migration stream, and the messages on the return path. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "migration/migration-priv.h"

#define BIG (STREAM_FRAME_MAX * 2 + 5)

/* Three items: a small one, one of several frames, one byte. */
static GBytes *sample(StreamFormat format, size_t big)
{
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    g_autofree uint8_t *data = g_malloc(big);
    g_autoptr(GError) error = NULL;
    StreamOut out;
    for (size_t i = 0; i < big; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    stream_out_init(&out, c, format);
    g_assert_true(stream_out_header(&out, &error));
    g_assert_true(stream_out_u32(&out, 0x01020304, &error) && stream_out_end(&out, true, &error));
    g_assert_true(stream_out_bytes(&out, data, big, &error) && stream_out_end(&out, true, &error));
    g_assert_true(stream_out_u8(&out, 9, &error) && stream_out_end(&out, true, &error));
    g_assert_cmpuint(out.bytes, ==, channel_bytes_written(c));
    stream_out_clear(&out);
    return channel_buffer_written(c);
}

static bool read_sample(const void *bytes, size_t n, size_t big, GError **error)
{
    g_autoptr(Channel) c = channel_new_buffer(bytes, n);
    g_autofree uint8_t *data = g_malloc(big);
    StreamIn in;
    uint32_t v = 0;
    uint8_t last = 0;
    stream_in_init(&in, c);
    bool ok = stream_in_header(&in, error) && stream_in_u32(&in, &v, error) &&
              stream_in_end(&in, "one", error) && stream_in_bytes(&in, data, big, error) &&
              stream_in_end(&in, "two", error) && stream_in_u8(&in, &last, error) &&
              stream_in_end(&in, "three", error);
    for (size_t i = 0; ok && i < big; i++) {
        g_assert_cmpuint(data[i], ==, (uint8_t)(i * 7 + i / 251));
    }
    g_assert_true(!ok || (v == 0x01020304 && last == 9));
    stream_in_clear(&in);
    return ok;
}

static void test_round_trip(gconstpointer arg)
{
    static const size_t sizes[] = {
        1, 100, STREAM_FRAME_MAX - 1, STREAM_FRAME_MAX, STREAM_FRAME_MAX + 1, BIG
    };
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) b = sample(GPOINTER_TO_INT(arg), sizes[i]);
        gsize n;
        const void *data = g_bytes_get_data(b, &n);
        g_assert_true(read_sample(data, n, sizes[i], &error));
        g_assert_no_error(error);
    }
}

/* EVIDENCE: every single flipped bit of a version 4 stream is noticed. */
/* EVIDENCE: MIG-WIRE-010, MIG-WIRE-011 */
static void test_every_bit(void)
{
    g_autoptr(GBytes) b = sample(STREAM_V4, 100);
    gsize n;
    const uint8_t *data = g_bytes_get_data(b, &n);
    g_autofree uint8_t *copy = g_memdup2(data, n);
    for (gsize bit = 0; bit < n * 8; bit++) {
        g_autoptr(GError) error = NULL;
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool ok = read_sample(copy, n, 100, &error);
        if (ok) {
            g_error("flipping bit %zu went unnoticed", bit);
        }
        g_assert_nonnull(error);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* EVIDENCE: MIG-WIRE-013 */
static void test_every_cut(gconstpointer arg)
{
    g_autoptr(GBytes) b = sample(GPOINTER_TO_INT(arg), 100);
    gsize n;
    const uint8_t *data = g_bytes_get_data(b, &n);
    for (gsize cut = 0; cut < n; cut++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(read_sample(data, cut, 100, &error));
        g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF);
    }
}

static void expect_header(const char *bytes, const char *message)
{
    g_autoptr(Channel) c = channel_new_buffer(bytes, 8);
    g_autoptr(GError) error = NULL;
    StreamIn in;
    stream_in_init(&in, c);
    g_assert_false(stream_in_header(&in, &error));
    g_assert_nonnull(strstr(error->message, message));
    stream_in_clear(&in);
}

/* EVIDENCE: MIG-WIRE-001 */
static void test_headers(void)
{
    expect_header("QEVX\0\0\0\4", "not a migration stream");
    expect_header("QEVM\0\0\0\2", "stream version 2 is not supported");
    expect_header("QEVM\0\0\1\4", "stream version 260 is not supported");
}

/* Content beyond what a section's parser took is an error, not a silence. */
/* EVIDENCE: MIG-WIRE-012 */
static void test_leftovers(void)
{
    g_autoptr(GBytes) b = sample(STREAM_V4, 100);
    gsize n;
    const void *data = g_bytes_get_data(b, &n);
    g_autoptr(Channel) c = channel_new_buffer(data, n);
    g_autoptr(GError) error = NULL;
    StreamIn in;
    uint8_t v;
    stream_in_init(&in, c);
    g_assert_true(stream_in_header(&in, &error) && stream_in_u8(&in, &v, &error));
    g_assert_false(stream_in_end(&in, "section 'x'", &error));
    g_assert_cmpstr(error->message, ==, "section 'x' goes on after its end");
    stream_in_clear(&in);
}

static bool hear(GByteArray *bytes, StreamFormat format, ReturnMessage *msg, GError **error)
{
    g_autoptr(Channel) c = channel_new_buffer(bytes->data, bytes->len);
    return return_receive(c, format, msg, error);
}

static GByteArray *said(StreamFormat format, ReturnType type, const void *data, size_t n)
{
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    g_assert_true(return_send(c, format, type, data, n, NULL));
    return g_bytes_unref_to_array(channel_buffer_written(c));
}

static GPtrArray *frames_of(GBytes *stream)
{
    GPtrArray *frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    gsize n, at = 8;
    const uint8_t *data = g_bytes_get_data(stream, &n);

    while (at < n) {
        gsize len = 8 + (ld_be32(data + at) & 0x1fffffff);
        g_ptr_array_add(frames, g_bytes_new_from_bytes(stream, at, len));
        at += len;
    }
    return frames;
}

static void expect_frames(GBytes *stream, GPtrArray *frames, const char *what)
{
    g_autoptr(GByteArray) a = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    g_byte_array_append(a, g_bytes_get_data(stream, NULL), 8);
    for (guint i = 0; i < frames->len; i++) {
        gsize n;
        const void *data = g_bytes_get_data(g_ptr_array_index(frames, i), &n);
        g_byte_array_append(a, data, (guint)n);
    }
    if (read_sample(a->data, a->len, BIG, &error) != !what) {
        g_error("%s: %s", what ? what : "as it was", error ? error->message : "taken");
    }
    g_assert_true(!what || strstr(error->message, "checksum") || strstr(error->message, "closed"));
}

/* EVIDENCE: MIG-WIRE-011 */
static void test_order_of_frames(void)
{
    g_autoptr(GBytes) stream = sample(STREAM_V4, BIG);
    g_autoptr(GPtrArray) frames = frames_of(stream);

    g_assert_cmpuint(frames->len, ==, 5);
    expect_frames(stream, frames, NULL);
    for (guint i = 0; i < frames->len; i++) {
        GBytes *one = g_ptr_array_steal_index(frames, i);

        expect_frames(stream, frames, "a lost frame");
        g_ptr_array_insert(frames, (gint)i, one);
        if (i + 1 < frames->len) { /* what comes behind the last one is not read here */
            g_ptr_array_insert(frames, (gint)i, g_bytes_ref(one));
            expect_frames(stream, frames, "a doubled frame");
            g_ptr_array_remove_index(frames, i);
            g_ptr_array_insert(frames, (gint)i + 1, g_ptr_array_steal_index(frames, i));
            expect_frames(stream, frames, "two swapped frames");
            g_ptr_array_insert(frames, (gint)i + 1, g_ptr_array_steal_index(frames, i));
        }
    }
    expect_frames(stream, frames, NULL);
}

/* A peer that falls silent in the middle of a frame: the shorter one of both deadlines counts. EVIDENCE: MIG-HAND-005 */
static void test_silence_in_a_frame(void)
{
    static const uint8_t head[] = { 0x80, 0, 0, 9, 1, 2, 3, 4, 'h', 'a', 'l', 'f' };
    g_autoptr(GError) error = NULL;
    StreamIn in;
    uint8_t byte;
    int fd[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), ==, 0);
    g_assert_cmpint(write(fd[1], head, sizeof(head)), ==, sizeof(head));
    g_autoptr(Channel) c = channel_new_fd(fd[0], "pair");
    stream_in_init(&in, c);
    in.format = STREAM_V4;
    in.idle_timeout_ms = 1;
    g_assert_cmpint(in.frame_timeout_ms, >, 1);
    g_assert_false(stream_in_u8(&in, &byte, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "within 1 ms"));
    stream_in_clear(&in);
    close(fd[1]);
}

/* Each type has one length, or with a text a most. EVIDENCE: MIG-WIRE-040 */
static void test_return_lengths(void)
{
    static const struct {
        ReturnType type;
        uint16_t least, most;
    } types[] = {
        { RETURN_SHUT, 4, 4 },        { RETURN_PONG, 4, 4 },   { RETURN_SWITCHOVER_ACK, 0, 0 },
        { RETURN_ERROR, 1, 4096 },    { RETURN_READY, 0, 0 },  { RETURN_MANIFEST_OK, 0, 0 },
        { (ReturnType)3, 1, 0 },      { (ReturnType)8, 1, 0 }, { (ReturnType)0x43, 1, 0 },
        { (ReturnType)0x4001, 1, 0 }, { (ReturnType)0, 1, 0 },
    };
    static const uint16_t lengths[] = { 0, 1, 3, 4, 5, 4096, 4097, 0xffff };
    g_autofree uint8_t *bytes = g_malloc0(4 + 0x10000 + 4);
    ReturnMessage msg;

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(lengths); k++) {
            uint16_t n = lengths[k];
            g_autoptr(GByteArray) b = g_byte_array_new();
            g_autoptr(GError) error = NULL;
            bool allowed = n >= types[i].least && n <= types[i].most;

            st_be16(bytes, (uint16_t)types[i].type);
            st_be16(bytes + 2, n);
            st_be32(bytes + 4 + n, crc32c(0, bytes, 4u + n));
            g_byte_array_append(b, bytes, 8u + n);
            memset(bytes + 4 + n, 0, 4);
            g_assert_cmpint(hear(b, STREAM_V4, &msg, &error), ==, allowed);
            g_assert_true(allowed || strstr(error->message, "sent an invalid message 0x"));
            g_clear_error(&error); /* version 3 has the first few */
            allowed = allowed && types[i].type < RETURN_ERROR;
            g_assert_cmpint(hear(b, STREAM_V3, &msg, &error), ==, allowed);
        }
    }
}

/* EVIDENCE: MIG-WIRE-040 */
static void test_return_path(void)
{
    static const char text[] = "section 'hpet': bad";
    ReturnMessage msg;
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) b = said(STREAM_V4, RETURN_ERROR, text, strlen(text));
    g_assert_true(hear(b, STREAM_V4, &msg, &error));
    g_assert_cmpuint(msg.type, ==, RETURN_ERROR);
    g_assert_cmpstr((char *)msg.data, ==, text);
    for (guint bit = 0; bit < b->len * 8; bit++) {
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        g_autoptr(GError) damaged = NULL;
        g_assert_false(hear(b, STREAM_V4, &msg, &damaged));
        g_assert_true(bit < 32 ||
                      strstr(damaged->message, "checksum of the destination's message"));
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* a message without data needs none to point at */
    g_autoptr(GByteArray) ready = said(STREAM_V4, RETURN_READY, NULL, 0);
    g_assert_true(hear(ready, STREAM_V4, &msg, &error));
    g_assert_cmpuint(msg.type, ==, RETURN_READY);
    g_assert_cmpuint(msg.len, ==, 0);
    /* version 3 is what others speak: four bytes of SHUT, unknown types refused */
    g_autoptr(GByteArray) shut = said(STREAM_V3, RETURN_SHUT, "\0\0\0\1", 4);
    g_assert_cmpmem(shut->data, shut->len, "\0\1\0\4\0\0\0\1", 8);
    g_assert_true(hear(shut, STREAM_V3, &msg, &error));
    shut->data[1] = 0x63;
    g_assert_false(hear(shut, STREAM_V3, &msg, &error));
    g_assert_nonnull(strstr(error->message, "invalid message 0x0063"));
}

/* What a reader says of the bytes that a writer left when it gave up. */
static char *reader_says(GBytes *bytes, bool may_be_unchecked)
{
    GError *error = NULL;
    g_autofree uint8_t *data = g_malloc(BIG);
    gsize n;
    const void *all = g_bytes_get_data(bytes, &n);
    g_autoptr(Channel) c = channel_new_buffer(all, n);
    StreamIn in;
    stream_in_init(&in, c);
    in.may_be_unchecked = may_be_unchecked;
    g_assert_true(stream_in_header(&in, &error));
    g_assert_false(stream_in_bytes(&in, data, BIG, &error));
    char *words = g_strdup(error->message);
    g_error_free(error);
    stream_in_clear(&in);
    return words;
}

/* In the middle of an item, with checksums or without, and with more to say than fits. EVIDENCE: MIG-WIRE-015 */
static void test_giving_up(void)
{
    static const size_t sent[] = { 0, 10, STREAM_FRAME_MAX, STREAM_FRAME_MAX + 10 };
    g_autofree char *reason = g_strnfill(5000, 'x'), *most = g_strnfill(4096, 'x');
    g_autofree uint8_t *zeros = g_malloc0(BIG);
    g_autofree char *words = g_strdup_printf("source: %s", most);
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(sent); i++) {
        g_autoptr(Channel) c = channel_new_buffer("", 0);
        StreamOut out;
        stream_out_init(&out, c, STREAM_V4);
        g_assert_false(stream_out_abort(&out, reason)); /* not even a header is there */
        g_assert_cmpuint(channel_bytes_written(c), ==, 0);
        g_assert_true(stream_out_header(&out, NULL));
        bool unchecked = out.unchecked = i & 1;
        g_assert_true(stream_out_bytes(&out, zeros, sent[i / 2], NULL));
        g_assert_true(stream_out_abort(&out, reason));
        g_autoptr(GBytes) bytes = channel_buffer_written(c);
        g_autofree char *said = reader_says(bytes, unchecked && sent[i / 2] > STREAM_FRAME_MAX);
        g_assert_cmpstr(said, ==, words);
        stream_out_clear(&out);
    }
}

/* Behind half a frame, for whose other half nobody made room in time, and in version 3, nothing that is said would be
   understood: nothing is, also when there is room again. EVIDENCE: MIG-WIRE-015, MIG-HAND-004 */
static void test_giving_up_in_silence(void)
{
    g_autofree uint8_t *data = g_malloc0(BIG);
    for (int v = STREAM_V3; v <= STREAM_V4; v++) {
        g_autoptr(GError) error = NULL;
        StreamOut out;
        int fd[2];
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), ==,
                        0);
        g_autoptr(Channel) c = channel_new_fd(fd[0], "pair");
        channel_set_timeout(c, 1);
        stream_out_init(&out, c, v);
        g_assert_true(stream_out_header(&out, &error));
        g_assert_false(stream_out_bytes(&out, data, BIG, &error) &&
                       stream_out_end(&out, true, &error));
        g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_TIMEOUT);
        while (read(fd[1], data, BIG) > 0) {
        }
        g_assert_false(stream_out_abort(&out, "why"));
        g_assert_cmpint(read(fd[1], data, BIG), <, 0);
        stream_out_clear(&out);
        close(fd[1]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int f = STREAM_V3; f <= STREAM_V4; f++) {
        g_autofree char *rt = g_strdup_printf("/migration/stream/v%d/items-come-back-whole", f);
        g_autofree char *cut = g_strdup_printf("/migration/stream/v%d/every-cut-is-noticed", f);
        g_test_add_data_func(rt, GINT_TO_POINTER(f), test_round_trip);
        g_test_add_data_func(cut, GINT_TO_POINTER(f), test_every_cut);
    }
    g_test_add_func("/migration/stream/v4/every-flipped-bit-is-noticed", test_every_bit);
    g_test_add_func("/migration/stream/foreign-headers-are-refused", test_headers);
    g_test_add_func("/migration/stream/leftovers-are-errors", test_leftovers);
    g_test_add_func("/migration/stream/v4/a-frame-lost-doubled-or-swapped-is-noticed",
                    test_order_of_frames);
    g_test_add_func("/migration/stream/silence-in-a-frame-ends-at-the-first-deadline",
                    test_silence_in_a_frame);
    g_test_add_func("/migration/stream/v4/a-reason-to-give-up-arrives", test_giving_up);
    g_test_add_func("/migration/stream/none-behind-half-a-frame", test_giving_up_in_silence);
    g_test_add_func("/migration/return-path/messages-are-checked", test_return_path);
    g_test_add_func("/migration/return-path/messages-are-as-long-as-they-may-be",
                    test_return_lengths);
    return g_test_run();
}
