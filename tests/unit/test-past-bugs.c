/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classes of bugs that stream loaders had in the past. Each has seeds among those of the fuzz targets (its number is in
 * their names, see tests/fuzz/make-seeds.c); here they are more than inputs that crash nothing: what each stream does is
 * refused, in words that name the cause.
 */
#include <string.h>
#include "tiny-vm.h"

enum {
    CLASSES = 16
};

typedef struct {
    const char *seed, *words;
} Past;

static const Past past[] = {
    { "c01-array-count-above-the-array", "field 'count': value 0x9 is above the limit 0x8" },
    { "c02-negative-length", "field 'count': value 0xffffffff is above the limit 0x8" },
    { "c03-value-that-a-check-must-refuse", "kind 10, at most 9" },
    { "c05-configuration-length", "the machine type's name has 4294967295 bytes" },
    { "c07-announced-length", "the VM description has 4294967295 bytes" },
    { "c07-frame-length", "a length of" },
    { "c08-ram-listed-twice", "the RAM block list comes twice" },
    { "c09-version-257", "'tiny/extra': version 257 is not supported" },
    { "c10-other-prefix", "unknown subsection 'tony/extra' of 'tiny'" },
    { "c10-short-name", "unknown subsection 'tiny' of 'tiny'" },
    { "c10-subsection-byte-as-data", "field 'b': value 0x70 is no boolean" },
    { "c11-section-missing", "section 'tiny' instance 0 is missing in the stream" },
    { "c11-section-twice", "section 'tiny' instance 0 comes twice" },
    { "c12-count-of-another-field",
      "element 2: 'part': expected a subsection or the end of 'part', found 0x00" },
    { "c13-cut-in-a-frame", "the peer closed after 3 of 8 bytes" },
    { "c14-checksum-of-other-bytes", "the checksum of its" },
    { "c15-size-of-an-opaque-part", "field 'n_bytes': value 0xffffffff is above the limit 0x40" },
};

static char *corpus(const char *target)
{
    return g_build_filename(g_getenv("G_TEST_SRCDIR"), "../fuzz/corpus", target, NULL);
}

/* Items (u16 length, bytes), as the target `stream` takes them. */
static GBytes *seal(const uint8_t *p, size_t n)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    while (n > 2) {
        size_t len = MIN((size_t)p[0] << 8 | p[1], n - 2);

        g_ptr_array_add(items, g_bytes_new(p + 2, len));
        p += 2 + len;
        n -= 2 + len;
    }
    return vm_stream_seal(items);
}

static void test_refused(gconstpointer arg)
{
    const Past *seed = arg;
    g_autofree char *dir = corpus("stream"), *name = g_strconcat("past-", seed->seed, NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL), *bytes = NULL;
    g_autoptr(GError) error = NULL;
    Tiny *t = tiny_new(), *fresh = tiny_new();
    gsize n;

    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_autoptr(GBytes) stream =
        bytes[0] == 2 ? seal((const uint8_t *)bytes + 1, n - 1) : g_bytes_new(bytes + 1, n - 1);
    const void *data = g_bytes_get_data(stream, &n);
    g_assert_false(tiny_load(t, data, n, &error));
    g_test_message("%s", error->message);
    if (!strstr(error->message, seed->words)) {
        g_error("%s: '%s' is wanted: %s", seed->seed, seed->words, error->message);
    }
    memset(ram_block_host(t->ram), 0, TINY_RAM);
    g_assert_true(tiny_same(t, fresh)); /* nothing of it was installed */
    tiny_free(t);
    tiny_free(fresh);
}

/* A seed that nobody looks at proves little, a class without one nothing. */
static void test_all_classes(void)
{
    static const char *const targets[] = { "stream", "ram", "return-path", "vmstate" };
    bool seen[CLASSES + 1] = { false };

    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_autofree char *path = corpus(targets[i]);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

        for (const char *name; (name = g_dir_read_name(dir));) {
            bool known = i || !g_str_has_prefix(name, "past-c");

            for (size_t k = 0; k < G_N_ELEMENTS(past); k++) {
                known = known || !strcmp(name + strlen("past-"), past[k].seed);
            }
            g_assert_true(known);
            if (g_str_has_prefix(name, "past-c")) {
                guint64 n = g_ascii_strtoull(name + strlen("past-c"), NULL, 10);
                g_assert_cmpuint(n, <=, CLASSES);
                seen[n] = true;
            }
        }
    }
    for (unsigned i = 1; i <= CLASSES; i++) {
        if (!seen[i]) {
            g_error("class C%u has no seed", i);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/past-bugs/every-class-has-a-seed", test_all_classes);
    for (size_t i = 0; i < G_N_ELEMENTS(past); i++) {
        g_autofree char *path = g_strdup_printf("/past-bugs/refused-in-words/%s", past[i].seed);

        g_test_add_data_func(path, &past[i], test_refused);
    }
    return g_test_run();
}
