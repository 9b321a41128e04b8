/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a damaged or malicious stream does to a destination: an error in words, nothing installed, and
 * the next good stream is taken. The tiny VM's stream is cut and mutated at every place; bits that flip are test-flipped-bits.c's.
 */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/util/endian.h"
#include "effort.h"
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
    g_autoptr(GBytes) stream = vm_stream_seal(some);
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
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
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
    g_autoptr(GBytes) stream = vm_stream_seal(some);
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
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
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

/* ---- memory ---- */

#define HUGE_ITEM (24u << 20)
#define ALLOWED   (8u << 20)

/* Version 4 frames, correct each, of one item that begins with @head and goes on with @fill. */
static void write_huge(const char *path, GBytes *before, const void *head, size_t n, int fill)
{
    g_autoptr(Channel) c = channel_open_file(path, true, 0, NULL);
    g_autofree uint8_t *bytes = g_malloc(STREAM_FRAME_MAX);
    gsize len;
    const void *item = g_bytes_get_data(before, &len);
    StreamOut out;

    stream_out_init(&out, c, STREAM_V4);
    stream_out_header(&out, NULL);
    stream_out_bytes(&out, item, len, NULL);
    stream_out_end(&out, true, NULL);
    memset(bytes, fill, STREAM_FRAME_MAX);
    stream_out_bytes(&out, head, n, NULL);
    for (size_t done = 0; done < HUGE_ITEM; done += STREAM_FRAME_MAX) {
        stream_out_bytes(&out, bytes, STREAM_FRAME_MAX, NULL);
    }
    stream_out_end(&out, true, NULL);
    stream_out_clear(&out);
}

/* From now on no more than ALLOWED is to be had: what wants more ends this process. */
static void limit_memory(void)
{
    g_autofree char *statm = NULL;

    g_assert_true(g_file_get_contents("/proc/self/statm", &statm, NULL, NULL));
    rlim_t pages = g_ascii_strtoull(statm, NULL, 10);
    struct rlimit limit = { .rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ALLOWED,
                            .rlim_max = RLIM_INFINITY };
    g_assert_cmpint(setrlimit(RLIMIT_AS, &limit), ==, 0);
    g_assert_null(malloc(2 * ALLOWED));
}

typedef struct {
    const char *name, *head;
    size_t n;
    int fill;
} Huge;

/* EVIDENCE: MIG-WIRE-016 */
static void test_memory(gconstpointer arg)
{
    const Huge *h = arg;
    g_autoptr(GError) error = NULL;
    Tiny *src = tiny_new(), *dst = tiny_new();

    if (TEST_SANITIZED) {
        g_test_skip("a sanitizer takes the address space for itself");
    } else if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_test_trap_assert_passed();
    } else {
        g_autofree char *dir = g_dir_make_tmp("ferry-hostile-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(dir, "stream", NULL);
        g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
        g_autoptr(GPtrArray) items = vm_stream_items(v4);

        write_huge(path, g_ptr_array_index(items, 0), h->head, h->n, h->fill);
        g_autoptr(Channel) c = channel_open_file(path, false, 0, NULL);
        g_unlink(path);
        g_rmdir(dir);
        limit_memory();
        g_assert_false(vm_stream_load(dst->vm, c, &error));
        g_assert_cmpuint(channel_bytes_read(c), <, HUGE_ITEM);
        g_assert_nonnull(error);
    }
    tiny_free(src);
    tiny_free(dst);
}

#define HUGE(name_, bytes, fill_)              \
    {                                          \
        name_, bytes, sizeof(bytes) - 1, fill_ \
    }
static const Huge huge[] = {
    HUGE("a-manifest-of-16-exabytes", "\x09\0\0\0\x10\0\xff\xff\xff\xff", 0xff),
    HUGE("a-manifest-of-names", "\x09\0\0\0\x10\0\0\0\x10\0", 0x01),
    HUGE("a-manifest-of-long-names", "\x09\0\0\0\x10\0\0\0\x10\0", 0x7e),
    HUGE("a-manifest-of-subsections",
         "\x09\4\0\0\x10\0\0\0\0\0\0\0\0\1\1x\0\0\0\0\0\0\0\1\0\0\0\0\0\0\x40\0", 0),
    HUGE("a-section-of-no-end", "\x04\0\0\0\x05\4tiny\0\0\0\0\0\0\0\2", 0x00),
    HUGE("a-section-of-large-counts", "\x04\0\0\0\x05\4tiny\0\0\0\0\0\0\0\2", 0xff),
    HUGE("a-section-of-subsections", "\x04\0\0\0\x05\4tiny\0\0\0\0\0\0\0\2", 0x05),
    HUGE("a-command-of-64-kilobytes", "\x08\0\1\xff\xff", 0),
    HUGE("a-command-that-goes-on", "\x08\0\x0b\0\0", 0),
    HUGE("ram-of-16-exabytes", "\1\0\0\0\1\3ram\0\0\0\0\0\0\0\4\xff\xff\xff\xff\xff\xff\xf0\4",
         0xff),
    HUGE("ram-of-many-blocks", "\1\0\0\0\1\3ram\0\0\0\0\0\0\0\4\0\0\0\0\0\0\x40\4", 0x01),
    HUGE("ram-pages-of-no-block", "\2\0\0\0\1", 0x08),
    HUGE("no-item-at-all", "\xaa", 0),
    HUGE("an-end-mark-that-goes-on", "\0", 0),
};

/* ---- sections in parts ---- */

typedef struct {
    uint32_t first, last;
} InParts;

static void parts_save(void *owner, void *saved)
{
    *(InParts *)saved = (InParts){ 3, 4 };
}

static void parts_install(void *owner, const void *saved)
{
}

static const Record parts_start = { .name = "in-parts",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(InParts),
                                    .fields =
                                        (const Field[]){ F_U32(InParts, first, .max = 9), F_END } };
static const Record parts_end = { .name = "in-parts",
                                  .version = 1,
                                  .min_version = 1,
                                  .size = sizeof(InParts),
                                  .fields =
                                      (const Field[]){ F_U32(InParts, last, .max = 9), F_END } };
static const SectionOps parts_ops = { .save = parts_save, .install = parts_install };
static const SectionDesc parts_section = { .record = &parts_end,
                                           .start = &parts_start,
                                           .ops = &parts_ops };

/* A part as an item: its record's one field, the record's end, the footer. */
static GBytes *part_item(uint8_t type, uint32_t version, uint32_t value)
{
    g_auto(ByteWriter) w;

    byte_writer_init(&w);
    byte_writer_u8(&w, type);
    byte_writer_be32(&w, 7);
    if (type == STREAM_SECTION_START || type == STREAM_SECTION_FULL) {
        byte_writer_str8(&w, "in-parts");
        byte_writer_be32(&w, 0);
        byte_writer_be32(&w, version);
    }
    byte_writer_be32(&w, value);
    byte_writer_u8(&w, STREAM_RECORD_END);
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_writer_be32(&w, 7);
    return g_bytes_new(w.data, w.len);
}

/* Words for what @order says, in front of the devices; S start, P part, E end, F whole, s and p and e with a
   value that is too great, V a start of another version. NULL: it is taken. */
static void expect_parts(Tiny *dst, GPtrArray *items, const char *order, const char *words)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GError) error = NULL;
    gsize n;

    for (guint i = 0; i < 4; i++) { /* behind the end of RAM */
        g_ptr_array_add(some, g_bytes_ref(g_ptr_array_index(items, i)));
    }
    for (const char *p = order; *p; p++) {
        char kind = g_ascii_toupper(*p);
        uint8_t type = kind == 'P'   ? STREAM_SECTION_PART
                       : kind == 'E' ? STREAM_SECTION_END
                       : kind == 'F' ? STREAM_SECTION_FULL
                                     : STREAM_SECTION_START;
        g_ptr_array_add(some, part_item(type, kind == 'V' ? 257 : 1, *p == kind ? 5 : 10));
    }
    for (guint i = 4; i < items->len; i++) {
        g_ptr_array_add(some, g_bytes_ref(g_ptr_array_index(items, i)));
    }
    g_autoptr(GBytes) stream = vm_stream_seal(some);
    const void *data = g_bytes_get_data(stream, &n);
    bool ok = tiny_load(dst, data, n, &error);
    if (ok != !words || (words && !strstr(error->message, words))) {
        g_error("%s: '%s', expected '%s'", order, error ? error->message : "taken",
                words ? words : "taken");
    }
}

/* EVIDENCE: MIG-WIRE-007, MIG-WIRE-023 */
static void test_parts(void)
{
    static const char *const cases[][2] = {
        { "SE", NULL },
        { "SPPE", NULL },
        { "", "section 'in-parts' instance 0 is missing" },
        { "E", "a part of section 7 comes before its start" },
        { "PSE", "a part of section 7 comes before its start" },
        { "S", "section 'in-parts' starts and does not end" },
        { "SP", "section 'in-parts' starts and does not end" },
        { "SSE", "section 'in-parts' instance 0 starts twice" },
        { "SES", "section 'in-parts' instance 0 starts twice" },
        { "SEE", "a part of section 'in-parts' comes after its end" },
        { "SEP", "a part of section 'in-parts' comes after its end" },
        { "F", "section 'in-parts' instance 0 must come in parts" },
        { "sE", "section 'in-parts' instance 0: 'in-parts', field 'first': value 0xa is above" },
        { "SpE", "section 'in-parts' instance 0: 'in-parts', field 'first': value 0xa is above" },
        { "Se", "section 'in-parts' instance 0: 'in-parts', field 'last': value 0xa is above" },
        { "VE", "section 'in-parts' instance 0: 'in-parts': version 257 is not supported" },
    };
    Tiny *src = tiny_new(), *dst = tiny_new();

    vm_lock(dst->vm);
    Section *section = section_register(dst->vm, NULL, &parts_section, 0, dst);
    vm_unlock(dst->vm);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_parts(dst, items, cases[i][0], cases[i][1]);
    }
    vm_lock(dst->vm);
    section_unregister(dst->vm, section);
    vm_unlock(dst->vm);
    tiny_free(src);
    tiny_free(dst);
}

/* The same of RAM. Items: 1 its start, 2 a command, 3 its end. EVIDENCE: MIG-WIRE-007, MIG-WIRE-030, MIG-WIRE-031,
   MIG-WIRE-032 */
static void test_parts_of_ram(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new();

    tiny_scribble(src);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    gsize start_len, end_len;
    const char *start = g_bytes_get_data(g_ptr_array_index(items, 1), &start_len);
    const char *end = g_bytes_get_data(g_ptr_array_index(items, 3), &end_len);

    expect(dst, items, 1, "", 0, "a part of section 1 comes before its start");
    expect(dst, items, 3, "", 0, "section 'ram' starts and does not end");
    expect(dst, items, 2, start, start_len, "section 'ram' instance 0 cannot come in parts");
    expect(dst, items, 2, end, end_len, "a part of section 'ram' comes after its end");
#define RAM(words, bytes)                                                      \
    expect(dst, items, 2, "\2\0\0\0\1" bytes "\0\0\0\0\0\0\0\x10\x7e\0\0\0\1", \
           sizeof("\2\0\0\0\1" bytes "\0\0\0\0\0\0\0\x10\x7e\0\0\0\1") - 1, words)
#define BLOCK "\x8tiny.ram"
    RAM("the RAM block list comes twice", "\0\0\0\0\0\0\x40\x04" BLOCK "\0\0\0\0\0\0\x40\0");
    RAM("outside RAM block 'tiny.ram'", "\0\0\0\0\0\0\x40\x02" BLOCK "\0");
    RAM("outside RAM block 'tiny.ram'", "\xff\xff\xff\xff\xff\xff\xf0\x02" BLOCK "\0");
    RAM("a zero page has the fill byte 0x55", "\0\0\0\0\0\0\0\x02" BLOCK "\x55");
    RAM("a page continues a RAM block", "\0\0\0\0\0\0\0\x22\0");
    RAM("encoding 2 and 1 bytes", "\0\0\0\0\0\0\0\x40" BLOCK "\2\0\1");
    RAM("encoding 1 and 0 bytes", "\0\0\0\0\0\0\0\x40" BLOCK "\1\0\0");
    RAM("encoding 1 and 4097 bytes", "\0\0\0\0\0\0\0\x40" BLOCK "\1\x10\1");
    RAM("a page's delta of 1 bytes is malformed", "\0\0\0\0\0\0\0\x40" BLOCK "\1\0\1\5");
    RAM("a page's delta of 3 bytes is malformed", "\0\0\0\0\0\0\0\x40" BLOCK "\1\0\3\0\0\0");
    RAM("unknown flags 0x6", "\0\0\0\0\0\0\0\6" BLOCK);
#undef RAM
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

/* Each byte of the list of blocks matters: length, name and total. EVIDENCE: MIG-WIRE-030 */
static void test_block_list(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new();

    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    gsize n;
    const uint8_t *start = g_bytes_get_data(g_ptr_array_index(items, 1), &n);
    for (gsize at = 5; at < n; at++) { /* from the section's name on */
        g_autofree uint8_t *bytes = g_memdup2(start, n);

        bytes[at] ^= 1;
        expect(dst, items, 1, bytes, n, "");
        expect(dst, items, 1, start, at, "");
    }
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
    g_test_add_data_func("/migration/hostile/version-4-cut-anywhere-installs-nothing",
                         GINT_TO_POINTER(4), test_every_cut);
    g_test_add_data_func("/migration/hostile/version-3-cut-anywhere-installs-nothing",
                         GINT_TO_POINTER(3), test_every_cut);
    g_test_add_func("/migration/hostile/mutated-streams-end-in-an-error-or-well", test_mutations);
    g_test_add_func("/migration/hostile/each-rule-is-enforced-in-words", test_rules);
    for (size_t i = 0; i < G_N_ELEMENTS(huge); i++) {
        g_autofree char *path =
            g_strdup_printf("/migration/hostile/little-memory-is-enough-to-refuse/%s",
                            huge[i].name);

        g_test_add_data_func(path, &huge[i], test_memory);
    }
    g_test_add_func("/migration/hostile/parts-of-a-section-come-in-order-and-all", test_parts);
    g_test_add_func("/migration/hostile/parts-of-ram-come-in-order-and-all", test_parts_of_ram);
    g_test_add_func("/migration/hostile/no-byte-of-the-block-list-is-idle", test_block_list);
    return g_test_run();
}
