/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the seeds of the fuzz targets that read migration streams: make-seeds CORPUS-DIRECTORY. A file whose
 * name starts with "past-" stands for a class of bugs that stream loaders had: its name says which.
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "tests/unit/machine-vm.h"
#include "tests/unit/tiny-vm.h"

static const char *corpus;

static void put(const char *target, const char *name, const void *data, size_t n)
{
    g_autofree char *dir = g_build_filename(corpus, target, NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_mkdir_with_parents(dir, 0755);
    g_assert_true(g_file_set_contents(path, data, (gssize)n, NULL));
}

static void put_with(const char *target, const char *name, const void *head, size_t head_n,
                     const void *data, size_t n)
{
    g_autoptr(GByteArray) a = g_byte_array_new();

    g_byte_array_append(a, head, (guint)head_n);
    g_byte_array_append(a, data, (guint)n);
    put(target, name, a->data, a->len);
}

/* ---- streams ---- */

static GPtrArray *good; /* items of a good version 4 stream */

/* All items, with number @which replaced (SIZE_MAX: none); @n 0 leaves it out. */
static void sealed(const char *name, size_t which, const void *data, size_t n)
{
    g_autoptr(GByteArray) a = g_byte_array_new();

    g_byte_array_append(a, (const uint8_t *)"\2", 1);
    for (guint i = 0; i < good->len; i++) {
        gsize len = n;
        const void *bytes = i == which ? data : g_bytes_get_data(g_ptr_array_index(good, i), &len);
        uint8_t head[2];

        len = MIN(len, 0xffffu);
        st_be16(head, (uint16_t)len);
        if (len) {
            g_byte_array_append(a, head, 2);
            g_byte_array_append(a, bytes, (guint)len);
        }
    }
    put("stream", name, a->data, a->len);
}

enum {
    DEVICE_HEAD = 1 + 4 + 1 + 4 + 4 + 4 /* type, number, "tiny", instance, version */
};

/* The device's item with @n bytes at @at of its record overwritten. */
static void device(const char *name, size_t at, const void *data, size_t n)
{
    gsize len;
    const void *item = g_bytes_get_data(g_ptr_array_index(good, good->len - 3), &len);
    g_autofree uint8_t *copy = g_memdup2(item, len);

    g_assert_cmpuint(DEVICE_HEAD + at + n, <, len);
    memcpy(copy + DEVICE_HEAD + at, data, n);
    sealed(name, good->len - 3, copy, len);
}

/* Offsets in tiny's record: see tiny-vm.c. */
enum {
    TINY_KIND = 0,
    TINY_LIMITED = 5,
    TINY_COUNT = 1 + 4 + 4 + 8 + 24 + 12,
    TINY_PART = TINY_COUNT + 4 + 3 * 2, /* three numbers, then embedded records */
    TINY_N_MORE = TINY_PART + 4 * (3 + 1),
};

static size_t find_in_device(const char *what)
{
    gsize len;
    const char *item = g_bytes_get_data(g_ptr_array_index(good, good->len - 3), &len);
    const char *at = memmem(item, len, what, strlen(what));

    g_assert_nonnull(at);
    return (size_t)(at - item) - DEVICE_HEAD;
}

static void raw(const char *name, GBytes *stream, size_t at, const void *data, size_t n, size_t len)
{
    gsize whole;
    const void *bytes = g_bytes_get_data(stream, &whole);
    g_autofree uint8_t *copy = g_memdup2(bytes, whole);

    memcpy(copy + at, data, n);
    put_with("stream", name, "\1", 1, copy, MIN(len, whole));
}

static void stream_seeds(void)
{
    Tiny *t = tiny_new();
    gsize n;

    tiny_scribble(t);
    g_autoptr(GBytes) v4 = tiny_save(t, STREAM_V4), v3 = tiny_save(t, STREAM_V3);
    good = vm_stream_items(v4);
    const uint8_t *bytes = g_bytes_get_data(v3, &n);
    put_with("stream", "good-version-3", "\0", 1, bytes + 8, n - 8);
    raw("good-version-4", v4, 0, "", 0, SIZE_MAX);
    sealed("good-items", SIZE_MAX, NULL, 0);
    sealed("good-command", 2, "\x08\x00\x0b\x00\x00", 5);
    sealed("manifest", 2,
           "\x09\4\0\0\x10\0\0\0\0\1\x08tiny.ram\0\0\0\0\0\0\x40\0\0\0\0\1\4tiny\0\0\0\0\0\0\0\2"
           "\0\0\0\0\0\0\0\1\0\0\0\0\x0atiny/extra\0\0\0\1\0",
           72);

    device("past-c01-array-count-above-the-array", TINY_COUNT, "\0\0\0\x09", 4);
    device("past-c02-negative-length", TINY_COUNT, "\xff\xff\xff\xff", 4);
    device("past-c03-value-that-a-check-must-refuse", TINY_KIND, "\x0a", 1);
    sealed("past-c05-configuration-length", 0,
           "\x07\xff\xff\xff\xff"
           "tiny-machine",
           17);
    sealed("past-c07-announced-length", good->len - 1, "\x06\xff\xff\xff\xff{", 6);
    raw("past-c07-frame-length", v4, 8, "\x3f\xff\xff\xff", 4, SIZE_MAX);
    sealed("past-c08-ram-listed-twice", 2, "\x02\0\0\0\1\0\0\0\0\0\0\x40\x04\x08tiny.ram", 22);
    device("past-c09-version-257", find_in_device("tiny/extra") + 10, "\0\0\1\1", 4);
    device("past-c10-subsection-byte-as-data", TINY_PART, "\x05\x04part/x", 8);
    device("past-c10-short-name", find_in_device("tiny/extra") - 1, "\x04", 1);
    device("past-c10-other-prefix", find_in_device("tiny/extra"), "tony", 4);
    const void *twice = g_bytes_get_data(g_ptr_array_index(good, good->len - 3), &n);
    sealed("past-c11-section-twice", 2, twice, n);
    sealed("past-c11-section-missing", good->len - 3, "", 0);
    device("past-c12-count-of-another-field", TINY_N_MORE, "\0\0\0\4", 4);
    raw("past-c13-cut-in-a-frame", v4, 0, "", 0, 100);
    raw("past-c14-checksum-of-other-bytes", v4, 12, "\0\0\0\0", 4, SIZE_MAX);
    device("past-c15-size-of-an-opaque-part", find_in_device("bytes") - 4, "\xff\xff\xff\xff", 4);
    tiny_free(t);
}

/* ---- RAM, the way back ---- */

#define RAM(name, bytes)  put("ram", name, bytes, sizeof(bytes) - 1)
#define BACK(name, bytes) put("return-path", name, bytes, sizeof(bytes) - 1)
#define LIST              "\0\0\0\0\0\0\x40\x04\x08tiny.ram\0\0\0\0\0\0\x40\0"
#define EOS               "\0\0\0\0\0\0\0\x10"

static void other_seeds(void)
{
    static const char ready[] = "\0\x41\0\0";
    uint8_t crc[4];

    RAM("good-list-and-zero-page", "\1" LIST "\0\0\0\0\0\0\x10\x02\x08tiny.ram\0" EOS);
    RAM("good-version-3", "\0" LIST "\0\0\0\0\0\0\x10\x02\x08tiny.ram\0" EOS);
    RAM("delta", "\1" LIST "\0\0\0\0\0\0\x10\x40\x08tiny.ram\1\0\4\x0a\2xy" EOS);
    RAM("past-c06-offset-outside-the-block", "\1" LIST "\0\0\0\0\0\0\x40\x08\x08tiny.ram");
    RAM("past-c06-offset-that-wraps", "\1" LIST "\xff\xff\xff\xff\xff\xff\xf0\x02\x08tiny.ram\0");
    RAM("past-c06-length-outside-the-block",
        "\1\0\0\0\0\0\0\x80\x04\x08tiny.ram\0\0\0\0\0\0\x80\0");
    RAM("past-c06-continues-no-block", "\1\0\0\0\0\0\0\x10\x22\0");
    RAM("past-c06-unknown-block", "\1\0\0\0\0\0\0\x40\x04\4nope\0\0\0\0\0\0\x40\0");
    RAM("past-c07-total-of-16-exabytes", "\1\xff\xff\xff\xff\xff\xff\xf0\x04\x08tiny.ram\xff");
    RAM("past-c08-block-listed-twice", "\1" LIST LIST);
    RAM("past-c15-delta-that-runs-over",
        "\1" LIST "\0\0\0\0\0\0\x10\x40\x08tiny.ram\1\0\4\xff\x1f\xff\x1f");
    st_be32(crc, crc32c(0, ready, 4));
    g_autoptr(GByteArray) a = g_byte_array_new();
    g_byte_array_append(a, (const uint8_t *)"\1", 1);
    g_byte_array_append(a, (const uint8_t *)ready, 4);
    g_byte_array_append(a, crc, 4);
    put("return-path", "good-ready", a->data, a->len);
    BACK("good-version-3", "\0\0\1\0\4\0\0\0\0");
    BACK("past-c16-length-beyond-the-type", "\1\0\1\xff\xff");
    BACK("past-c16-unknown-request",
         "\1\0\3\0\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    BACK("past-c16-text-too-long", "\1\0\x40\x10\x01xxxx");
    BACK("past-c14-checksum", "\1\0\x41\0\0\0\0\0\0");
}

/* ---- devices ---- */

static const unsigned machines[] = { 1, 5, 6 }; /* as in vmstate.c */

/* @which of the machines of the target. */
static void device_seed(Section *s, unsigned which, GHashTable *seen)
{
    const Record *r = s->desc->record;
    void *saved = g_malloc0(r->size);
    g_auto(ByteWriter) w;
    g_autofree char *name =
        g_strdup_printf("%s%s-%u", which == 1 ? "s390x-" : "", s->idstr, s->instance);

    byte_writer_init(&w);
    s->desc->ops->save(s->owner, saved);
    byte_writer_bytes(&w, s->idstr, strlen(s->idstr) + 1);
    byte_writer_u8(&w, (uint8_t)s->instance);
    byte_writer_u8(&w, (uint8_t)(STREAM_V4 | which << 4));
    record_encode(r, saved, STREAM_V4, &w);
    if (g_hash_table_add(seen, (gpointer)r) && w.len < 4096) {
        g_strdelimit(name, "/: ", '-');
        put("vmstate", name, w.data, w.len);
    }
    record_clear(r, saved);
    g_free(saved);
}

/* A ring whose addresses are the host's business: the guest's memory ends long before. */
static void past_device_seeds(MachineVm *m, unsigned which)
{
    g_autoptr(GPtrArray) all = machine_vm_sections(m);

    for (guint i = 0; i < all->len; i++) {
        Section *s = g_ptr_array_index(all, i);
        g_auto(ByteWriter) w;

        byte_writer_init(&w);
        byte_writer_bytes(&w, s->idstr, strlen(s->idstr) + 1);
        byte_writer_u8(&w, (uint8_t)s->instance);
        byte_writer_u8(&w, (uint8_t)(STREAM_V4 | which << 4));
        for (int k = 0; k < 3000; k++) {
            byte_writer_u8(&w, 0xff);
        }
        if (which == 1 && strstr(s->idstr, "virtio-rng")) {
            put("vmstate", "past-c04-ring-outside-memory-s390x", w.data, w.len);
        } else if (which) {
            continue;
        } else if (strstr(s->idstr, "virtio-rng") && g_str_has_prefix(s->idstr, "0000:00:0")) {
            put("vmstate", "past-c04-ring-outside-memory", w.data, w.len);
        } else if (!strcmp(s->idstr, "ps2kbd")) {
            put("vmstate", "past-c03-queue-index", w.data, 300);
        } else if (!strcmp(s->idstr, "hpet")) {
            put("vmstate", "past-c03-number-of-timers", w.data, 300);
        }
    }
}

int main(int argc, char **argv)
{
    corpus = argc > 1 ? argv[1] : ".";
    stream_seeds();
    other_seeds();
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (unsigned which = 0; which < G_N_ELEMENTS(machines); which++) {
        MachineVm *m = machine_vm_new(&machine_rows[machines[which]]);
        g_autoptr(GPtrArray) all = machine_vm_sections(m);
        for (guint i = 0; i < all->len; i++) {
            device_seed(g_ptr_array_index(all, i), which, seen);
        }
        past_device_seeds(m, which);
        machine_vm_free(m);
    }
    return 0;
}
