/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a damaged or malicious stream does to a destination: an error in words, nothing installed, and
 * the next good stream is taken. The tiny VM's stream is cut, flipped and mutated at every place.
 */
#include <string.h>
#include "base/util/endian.h"
#include "tiny-vm.h"

static void assert_untouched(Tiny *t, const Tiny *fresh)
{
    uint8_t *ram = ram_block_host(t->ram);

    memset(ram, 0, TINY_RAM); /* pages go into place as they come */
    g_assert_true(tiny_same(t, fresh));
}

static void assert_takes(Tiny *t, GBytes *stream, const Tiny *source)
{
    g_autoptr(GError) error = NULL;
    gsize n;
    const void *data = g_bytes_get_data(stream, &n);

    g_assert_true(tiny_load(t, data, n, &error));
    g_assert_no_error(error);
    g_assert_true(tiny_same(t, source));
}

static void test_round_trip(gconstpointer format)
{
    Tiny *src = tiny_new(), *dst = tiny_new();

    tiny_scribble(src);
    g_autoptr(GBytes) stream = tiny_save(src, GPOINTER_TO_INT(format));
    assert_takes(dst, stream, src);
    tiny_free(src);
    tiny_free(dst);
}

/* Every bit of a whole stream, and the error names the frame that it is in. */
/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-024 */
static void test_every_bit(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new(), *fresh = tiny_new();
    gsize n, next = 8;
    unsigned frame = 0;

    tiny_scribble(src);
    g_autoptr(GBytes) stream = tiny_save(src, STREAM_V4);
    const uint8_t *data = g_bytes_get_data(stream, &n);
    g_autofree uint8_t *copy = g_memdup2(data, n);
    for (gsize byte = 0; byte < n; byte++) {
        if (byte == next) {
            next += 8 + (ld_be32(data + byte) & ~(1u << 31));
            frame++;
        }
        for (unsigned bit = 0; bit < 8; bit += byte % 61 ? 3 : 1) {
            g_autoptr(GError) error = NULL;
            g_autofree char *words = g_strdup_printf("rame %u ", frame - 1);

            copy[byte] ^= (uint8_t)(1 << bit);
            g_assert_false(tiny_load(dst, copy, n, &error));
            copy[byte] ^= (uint8_t)(1 << bit);
            if (byte >= 8 && !g_error_matches(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF)) {
                g_assert_nonnull(strstr(error->message, words));
            }
        }
    }
    assert_untouched(dst, fresh);
    assert_takes(dst, stream, src);
    tiny_free(src);
    tiny_free(dst);
    tiny_free(fresh);
}

/* EVIDENCE: MIG-WIRE-013 */
static void test_every_cut(gconstpointer format)
{
    Tiny *src = tiny_new(), *dst = tiny_new(), *fresh = tiny_new();
    gsize n;

    tiny_scribble(src);
    g_autoptr(GBytes) stream = tiny_save(src, GPOINTER_TO_INT(format));
    const char *data = g_bytes_get_data(stream, &n);
    const char *description = g_strrstr_len(data, (gssize)n, "{\"devices\"");
    gsize whole = n;
    if (GPOINTER_TO_INT(format) == STREAM_V3) {
        description = memmem(data, n, "{\"devices\"", 10);
        whole = (gsize)(description - data) - 5; /* the end mark is enough */
    }
    for (gsize cut = 0; cut < n; cut++) {
        g_autoptr(GError) error = NULL;
        if (cut != whole) {
            g_assert_false(tiny_load(dst, data, cut, &error));
            g_assert_nonnull(error);
        }
    }
    assert_untouched(dst, fresh);
    assert_takes(dst, stream, src);
    tiny_free(src);
    tiny_free(dst);
    tiny_free(fresh);
}

static GBytes *mutated(GRand *rand, GBytes *bytes)
{
    static const uint8_t hard[] = { 0, 1, 5, 6, 7, 8, 0x10, 0x20, 0x7e, 0x7f, 0x80, 0xfe, 0xff };
    gsize n;
    const void *data = g_bytes_get_data(bytes, &n);
    g_autoptr(GByteArray) a = g_byte_array_new();

    g_byte_array_append(a, data, (guint)n);
    for (int i = g_rand_int_range(rand, 1, 4); i > 0 && a->len; i--) {
        guint at = (guint)g_rand_int_range(rand, 0, (gint32)MIN(a->len, 400));
        guint most = (guint)g_rand_int_range(rand, 1, 9), len = MIN(most, a->len - at);

        switch (g_rand_int_range(rand, 0, 5)) {
        case 0: a->data[at] ^= (uint8_t)(1 << g_rand_int_range(rand, 0, 8)); break;
        case 1: a->data[at] = hard[g_rand_int_range(rand, 0, G_N_ELEMENTS(hard))]; break;
        case 2: memset(a->data + at, g_rand_boolean(rand) ? 0xff : 0, len); break;
        case 3: g_byte_array_remove_range(a, at, len); break;
        default: g_byte_array_set_size(a, at + 1); break;
        }
    }
    return g_bytes_new(a->data, a->len);
}

/* Items that are sealed again after a mutation: the parsers behind the checksums. */
static void mutate_items(GRand *rand, GPtrArray *items, Tiny *dst)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    guint victim = (guint)g_rand_int_range(rand, 0, (gint32)items->len);

    for (guint i = 0; i < items->len; i++) {
        GBytes *item = g_ptr_array_index(items, i);

        if (i != victim) {
            g_ptr_array_add(some, g_bytes_ref(item));
            continue;
        }
        switch (g_rand_int_range(rand, 0, 8)) {
        case 0: break; /* lost */
        case 1:        /* twice */
            g_ptr_array_add(some, g_bytes_ref(item));
            g_ptr_array_add(some, g_bytes_ref(item));
            break;
        default: g_ptr_array_add(some, mutated(rand, item)); break;
        }
    }
    g_autoptr(GBytes) stream = tiny_seal(some);
    gsize n;
    const void *data = g_bytes_get_data(stream, &n);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(tiny_load(dst, data, n, &error), ==, error == NULL);
}

static void test_mutations(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(20);

    tiny_scribble(src);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4), v3 = tiny_save(src, STREAM_V3);
    g_autoptr(GPtrArray) items = tiny_open(v4);
    for (int i = 0; i < 20000; i++) {
        mutate_items(rand, items, dst);
    }
    for (int i = 0; i < 20000; i++) {
        g_autoptr(GBytes) bytes = mutated(rand, v3);
        g_autoptr(GError) error = NULL;
        gsize n;
        const void *data = g_bytes_get_data(bytes, &n);

        g_assert_cmpint(tiny_load(dst, data, n, &error), ==, error == NULL);
    }
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

/* ---- rules one by one ---- */

/* Loads the stream with one item replaced (@n 0: left out) and expects words. */
static void expect(Tiny *dst, GPtrArray *items, guint which, const void *data, size_t n,
                   const char *words)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GError) error = NULL;
    gsize len;

    for (guint i = 0; i < items->len; i++) {
        g_ptr_array_add(some, i == which ? g_bytes_new(data, n)
                                         : g_bytes_ref(g_ptr_array_index(items, i)));
    }
    g_autoptr(GBytes) stream = tiny_seal(some);
    const void *sealed = g_bytes_get_data(stream, &len);
    g_assert_false(tiny_load(dst, sealed, len, &error));
    if (!strstr(error->message, words)) {
        g_error("no '%s' in '%s'", words, error->message);
    }
}

/* Items: 0 configuration, 1 start of RAM, 2 command, 3 end of RAM, then devices. */
/* EVIDENCE: MIG-WIRE-002, MIG-WIRE-004, MIG-WIRE-005, MIG-WIRE-006, MIG-WIRE-030 */
static void test_rules(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new();

    tiny_scribble(src);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = tiny_open(v4);
#define EXPECT(which, bytes, words) expect(dst, items, which, bytes, sizeof(bytes) - 1, words)
    EXPECT(2, "\x0c", "unknown section type 0x0c");
    EXPECT(2, "\xff\x00\x0b\x00\x00", "unknown section type 0xff");
    EXPECT(2, "\x07\x00\x00\x00\x01x\x06", "unknown section type 0x07"); /* only the first item */
    EXPECT(0, "", "does not start with a configuration");
    EXPECT(2, "\x08\x00\x63\x00\x00", "command 0x63 is unknown");
    EXPECT(2, "\x08\x00\x0b\x01\x00", "command 0xb has 256 bytes");
    EXPECT(2, "\x08\x00\x02\x00\x04\x00\x00\x00\x01", "without a return path");
    EXPECT(2, "\x08\x00\x40\x00\x00", "GO comes before the end");
    EXPECT(2, "\x08\x00\x0b\x00\x00x", "goes on after its end");
    EXPECT(2, "\x02\x00\x00\x00\x09", "comes before its start");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x10\x7d\x00\x00\x00\x01",
           "expected its footer");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x10\x7e\x00\x00\x00\x02",
           "expected its footer");
    EXPECT(2, "\x04\x00\x00\x00\x09\x03xyz\x00\x00\x00\x00\x00\x00\x00\x01\x06",
           "unknown section 'xyz'");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x40\x22\x00",
           "continues a RAM block before");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x40\x02\x08tiny.ram", "lies outside");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x04nope",
           "no RAM block 'nope'");
    EXPECT(2, "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00", "unknown flags 0x100");
#undef EXPECT
    g_autoptr(GBytes) device = g_bytes_ref(g_ptr_array_index(items, items->len - 3));
    gsize n;
    const uint8_t *data = g_bytes_get_data(device, &n);
    g_assert_nonnull(memmem(data, n, "tiny", 4));
    expect(dst, items, 2, data, n, "comes twice");
    g_autofree uint8_t *copy = g_memdup2(data, n);
    copy[n - 5] = 0x7d;
    expect(dst, items, items->len - 3, copy, n, "expected its footer");
    copy[n - 5] = 0x7e;
    copy[n - 6] = 0x04; /* the end of the record */
    expect(dst, items, items->len - 3, copy, n, "expected a subsection or the end of 'tiny'");
    expect(dst, items, items->len - 3, "", 0, "section 'tiny' instance 0 is missing");
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/migration/hostile/version-4-arrives-as-it-left", GINT_TO_POINTER(4),
                         test_round_trip);
    g_test_add_data_func("/migration/hostile/version-3-arrives-as-it-left", GINT_TO_POINTER(3),
                         test_round_trip);
    g_test_add_func("/migration/hostile/each-flipped-bit-is-found-in-its-frame", test_every_bit);
    g_test_add_data_func("/migration/hostile/version-4-cut-anywhere-installs-nothing",
                         GINT_TO_POINTER(4), test_every_cut);
    g_test_add_data_func("/migration/hostile/version-3-cut-anywhere-installs-nothing",
                         GINT_TO_POINTER(3), test_every_cut);
    g_test_add_func("/migration/hostile/mutated-streams-end-in-an-error-or-well", test_mutations);
    g_test_add_func("/migration/hostile/each-rule-is-enforced-in-words", test_rules);
    return g_test_run();
}
