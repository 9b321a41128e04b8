/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reader refuses, rule by rule and in words: frames that are sealed well and wrong, items in the wrong place, and
 * items whose content breaks one rule. After each the same VM takes the good stream. (Damage by chance, and sections:
 * test-hostile-stream.c.)
 */
#include <stdio.h>
#include <string.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "tiny-vm.h"

/* ---- frames ---- */

#define LAST      (1u << 31)
#define UNCHECKED (1u << 30)
#define ABORT     (1u << 29)

/* One frame, sealed, whose head says @word. */
static void put_frame(GByteArray *out, uint64_t sequence, uint32_t word, const void *data, size_t n)
{
    uint8_t prefix[12], head[8];

    st_be64(prefix, sequence);
    st_be32(prefix + 8, word);
    st_be32(head, word);
    st_be32(head + 4, crc32c(crc32c(0, prefix, 12), data, word & UNCHECKED ? 0 : n));
    g_byte_array_append(out, head, 8);
    g_byte_array_append(out, data, (guint)n);
}

typedef enum {
    READ_WORD, /* an item of u32 */
    READ_NAME,
    READ_MUCH, /* more than any section may hold */
} Reading;

typedef struct {
    const char *rule;
    struct {
        uint32_t flags, n;
    } frames[2];
    bool may_be_unchecked;
    Reading reading;
    const char *data;  /* of the first frame; NULL: zeros */
    const char *words; /* NULL: it is taken */
} FrameRow;

static const FrameRow frame_rows[] = {
    { "one-frame", { { LAST, 4 } }, .words = NULL },
    { "two-frames", { { 0, 1 }, { LAST, 3 } }, .words = NULL },
    { "none-is-empty", { { LAST, 0 } }, .words = "frame 0: a length of 0 bytes, 1 to 1048576 are" },
    { "none-is-longer-than-a-mebibyte",
      { { LAST, STREAM_FRAME_MAX + 1 } },
      .words = "frame 0: a length of 1048577 bytes, 1 to 1048576 are allowed" },
    { "a-reason-is-no-longer-than-a-page",
      { { LAST | ABORT, 4097 } },
      .words = "frame 0: a length of 4097 bytes, 1 to 4096 are allowed" },
    { "a-reason-may-come-in-the-middle",
      { { 0, 1 }, { LAST | ABORT, 4096 } },
      .words = "source: " },
    { "a-checksum-covers-the-content",
      { { LAST | UNCHECKED, 4 } },
      .words =
          "frame 0: no checksum of its content: the source has capability 'ram-checksum' off" },
    { "unless-both-do-without", { { LAST | UNCHECKED, 4 } }, true, .words = NULL },
    { "frames-of-an-item-are-alike",
      { { UNCHECKED, 1 }, { LAST, 3 } },
      true,
      .words = "frame 1: one section has frames with and without checksum" },
    { "frames-of-an-item-are-alike-the-other-way",
      { { 0, 1 }, { LAST | UNCHECKED, 3 } },
      true,
      .words = "frame 1: one section has frames with and without checksum" },
    { "an-item-is-as-long-as-its-content",
      { { LAST, 3 }, { LAST, 4 } },
      .words = "the section ends before its content does" },
    { "and-no-longer", { { LAST, 5 } }, .words = "it goes on after its end" },
    { "and-ends-in-its-last-frame",
      { { 0, 4 }, { LAST, 1 } },
      .words = "it goes on after its end" },
    { "a-name-is-text",
      { { LAST, 4 } },
      .reading = READ_NAME,
      .data = "\3a\0b",
      .words = "a name contains a NUL" },
    { "a-name-may-be-any", { { LAST, 4 } }, .reading = READ_NAME, .data = "\3abc", .words = NULL },
    { "no-section-needs-more-than-64-mebibytes",
      { { LAST, 4 } },
      .reading = READ_MUCH,
      .words = "a section asks for more than 64 MiB at once" },
};

static bool read_item(StreamIn *in, Reading reading, GError **error)
{
    char name[256];
    uint32_t word;
    bool ok = reading == READ_WORD   ? stream_in_u32(in, &word, error)
              : reading == READ_NAME ? stream_in_str8(in, name, error)
                                     : stream_in_need(in, STREAM_ITEM_MAX + 1, error);

    return ok && stream_in_end(in, "it", error);
}

/* EVIDENCE: MIG-WIRE-010, MIG-WIRE-012, MIG-WIRE-014, MIG-WIRE-015, MIG-WIRE-016 */
static void test_frames(gconstpointer data)
{
    const FrameRow *row = data;
    g_autofree uint8_t *content = g_malloc0(STREAM_FRAME_MAX + 1);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    StreamIn in;

    for (unsigned i = 0; i < 2 && row->frames[i].flags | row->frames[i].n; i++) {
        uint32_t n = row->frames[i].n;

        memcpy(content, row->data ? row->data : "\0\0\0", 4);
        put_frame(bytes, i, row->frames[i].flags | n, content, n);
    }
    g_autoptr(Channel) c = channel_new_buffer(bytes->data, bytes->len);
    stream_in_init(&in, c);
    in.format = STREAM_V4;
    in.may_be_unchecked = row->may_be_unchecked;
    bool ok = read_item(&in, row->reading, &error);
    if (ok != !row->words || (row->words && !g_str_has_prefix(error->message, row->words))) {
        g_error("'%s' is wanted: %s", row->words, error ? error->message : "taken");
    }
    g_assert_true(ok || in.buf->len <= STREAM_FRAME_MAX);
    stream_in_clear(&in);
}

/* ---- items ---- */

/* Of the tiny VM's stream: */
enum {
    CONFIGURATION,
    RAM_START,
    COMMAND,
    RAM_END,
    END_MARK = -2, /* from behind */
    DESCRIPTION = -1,
};

typedef struct {
    const char *rule;
    int at;       /* the item that is replaced */
    bool before;  /* it stays, behind the new one */
    bool nothing; /* and what follows up to the end mark is lost */
    const char *bytes;
    size_t n, pad; /* zeros behind them */
    const char *words;
} ItemRow;

#define BYTES(s) .bytes = (s), .n = sizeof(s) - 1
#define MANIFEST "\x09\0\0\0\x10\0"
#define NONE     "\0\0\0\0"
#define NAME     "\0\0\0\x0ctiny-machine"
#define RAM(s)   "\1\0\0\0\1\3ram\0\0\0\0\0\0\0\4" s "\0\0\0\0\0\0\0\x10\x7e\0\0\0\1"
#define BLOCK    "\x8tiny.ram"
#define PART(s)  "\2\0\0\0\1" s "\x7e\0\0\0\1"

static const ItemRow item_rows[] = {
    /* the manifest */
    { "a-manifests-flags-are-known", COMMAND - 1, true, BYTES("\x09\x08\0\0\x10\0" NONE NONE NONE),
      .words = "the manifest has the unknown flags 0x08" },
    { "a-manifest-has-so-many-blocks", COMMAND - 1, true, BYTES(MANIFEST "\0\0\x10\1"),
      .words = "the manifest lists 4097 RAM blocks, at most 4096 are allowed" },
    { "a-manifest-has-so-many-sections", COMMAND - 1, true, BYTES(MANIFEST NONE "\0\0\x10\1"),
      .words = "the manifest lists 4097 sections, at most 4096 are allowed" },
    { "a-manifest-has-so-many-features", COMMAND - 1, true, BYTES(MANIFEST NONE NONE "\0\0\x10\1"),
      .words = "the manifest lists 4097 CPU features, at most 4096 are allowed" },
    { "a-manifest-has-so-many-subsections", COMMAND - 1, true,
      BYTES("\x09\4\0\0\x10\0" NONE NONE NONE "\0\0\x40\1"),
      .words = "the manifest lists 16385 subsections, at most 16384 are allowed" },
    { "a-subsection-is-of-a-listed-section", COMMAND - 1, true,
      BYTES("\x09\4\0\0\x10\0" NONE NONE NONE "\0\0\0\1" NONE "\1x\0\0\0\1\0"),
      .words = "the manifest has a subsection of section 0 of 0, flags 0x00" },
    { "a-subsections-flags-are-known", COMMAND - 1, true,
      BYTES("\x09\4\0\0\x10\0" NONE "\0\0\0\1\1x" NONE "\0\0\0\1" NONE "\0\0\0\1" NONE
            "\1x\0\0\0\1\2"),
      .words = "the manifest has a subsection of section 0 of 1, flags 0x02" },
    { "a-manifest-comes-before-ram", COMMAND, true, BYTES(MANIFEST NONE NONE NONE),
      .words = "a manifest comes where none may be" },
    { "a-manifest-ends", COMMAND - 1, true, BYTES(MANIFEST NONE NONE NONE "\0"),
      .words = "the manifest goes on after its end" },
    /* the configuration */
    { "a-configuration-has-known-parts", CONFIGURATION, BYTES("\7" NAME "\5\1x\0\0\0\1\6\6"),
      .words = "subsection 'x' version 1 of the configuration is unknown" },
    { "in-known-versions", CONFIGURATION,
      BYTES("\7" NAME "\5\x12"
            "configuration/uuid\0\0\0\2"),
      .pad = 16,
      .words = "subsection 'configuration/uuid' version 2 of the configuration is unknown" },
    { "that-end", CONFIGURATION,
      BYTES("\7" NAME "\5\x12"
            "configuration/uuid\0\0\0\1"),
      .pad = 18, .words = "expected a subsection or the end of 'configuration/uuid', found 0x00" },
    { "a-configuration-ends", CONFIGURATION, BYTES("\7" NAME "\4"),
      .words = "expected a subsection or the end of 'configuration', found 0x04" },
    { "and-nothing-follows", CONFIGURATION, BYTES("\7" NAME "\6\6"),
      .words = "the configuration goes on after its end" },
    { "what-must-be-on-here-too-is-there", CONFIGURATION,
      BYTES("\7" NAME "\5\x1a"
            "configuration/capabilities\0\0\0\1\0\0\0\1\7multifd\6\6"),
      .words = "the source uses capability 'multifd', which is not supported here" },
    /* RAM */
    { "ram-is-of-the-version-that-is-known", RAM_START,
      BYTES("\1\0\0\0\1\3ram\0\0\0\0\0\0\0\5" NONE),
      .words = "section 'ram' version 5 is not supported, 4 is" },
    { "ram-is-one", RAM_START, BYTES("\1\0\0\0\1\3ram\0\0\0\1\0\0\0\4" NONE),
      .words = "section 'ram' instance 1 cannot come in parts" },
    { "a-block-is-listed-once", RAM_START,
      BYTES(RAM("\0\0\0\0\0\0\x80\4" BLOCK "\0\0\0\0\0\0\x40\0" BLOCK "\0\0\0\0\0\0\x40\0")),
      .words = "RAM block 'tiny.ram' is listed twice" },
    { "blocks-make-up-the-total", RAM_START,
      BYTES(RAM("\0\0\0\0\0\0\x30\4" BLOCK "\0\0\0\0\0\0\x40\0")),
      .words = "RAM block 'tiny.ram' has 0x4000 bytes, 0x3000 are left of the total" },
    { "a-block-is-as-long-as-here", RAM_START,
      BYTES(RAM("\0\0\0\0\0\0\x30\4" BLOCK "\0\0\0\0\0\0\x30\0")),
      .words = "RAM block 'tiny.ram' has 0x3000 bytes there and 0x4000 here" },
    { "a-listed-block-is-here", RAM_START,
      BYTES(RAM("\0\0\0\0\0\0\x40\4\x8tony.ram\0\0\0\0\0\0\x40\0")),
      .words = "there is no RAM block 'tony.ram' here" },
    { "every-block-is-listed", RAM_START, BYTES(RAM("")),
      .words = "RAM block 'tiny.ram' (0x4000 bytes) is missing in the stream" },
    { "a-part-ends-with-nothing-else", COMMAND, BYTES(PART("\0\0\0\0\0\0\x10\x10")),
      .words = "a RAM record has the unknown flags 0x1010" },
    { "a-flush-is-of-no-page", COMMAND,
      BYTES(PART("\0\0\0\0\0\0\x12\0"
                 "\0\0\0\0\0\0\0\x10")),
      .words = "a RAM record has the unknown flags 0x1200" },
    { "there-is-ram", RAM_START, .nothing = true, BYTES("\0"),
      .words = "the stream ends without any RAM" },
    /* the end */
    { "a-description-follows-the-end-mark", DESCRIPTION, BYTES("\7\0\0\0\0"),
      .words = "expected the VM description, found 0x07" },
    { "a-description-is-of-a-size", DESCRIPTION, BYTES("\6\4\0\0\1"),
      .words = "the VM description has 67108865 bytes" },
    { "a-description-ends", DESCRIPTION, BYTES("\6\0\0\0\1xx"),
      .words = "the VM description goes on after its end" },
    { "the-end-mark-is-alone", END_MARK, BYTES("\0\0"),
      .words = "the end mark goes on after its end" },
};

static GBytes *changed(GPtrArray *items, const ItemRow *row)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    guint at = row->at < 0 ? items->len - (guint)-row->at : (guint)row->at;
    g_autofree uint8_t *bytes = g_malloc0(row->n + row->pad);

    memcpy(bytes, row->bytes, row->n);
    for (guint i = 0; i < items->len; i++) {
        if (i == at) {
            g_ptr_array_add(some, g_bytes_new(bytes, row->n + row->pad));
        }
        if (i < at || (!row->nothing && (i > at || row->before))) {
            g_ptr_array_add(some, g_bytes_ref(g_ptr_array_index(items, i)));
        }
    }
    return vm_stream_seal(some);
}

static void expect_refused(Tiny *dst, GBytes *stream, const char *words)
{
    g_autoptr(GError) error = NULL;
    gsize n;
    const void *data = g_bytes_get_data(stream, &n);
    bool ok = tiny_load(dst, data, n, &error);

    if (ok || !g_str_has_prefix(error->message, words)) {
        g_error("'%s' is wanted: %s", words, ok ? "taken" : error->message);
    }
}

static void assert_takes(Tiny *dst, GBytes *stream, const Tiny *src)
{
    g_autoptr(GError) error = NULL;
    gsize n;
    const void *data = g_bytes_get_data(stream, &n);

    g_assert_true(tiny_load(dst, data, n, &error));
    g_assert_no_error(error);
    g_assert_true(tiny_same(dst, src));
}

/* EVIDENCE: MIG-WIRE-003, MIG-WIRE-030, MIG-WIRE-031, MIG-WIRE-050, MIG-WIRE-013, MIG-WIRE-006 */
static void test_item(gconstpointer data)
{
    const ItemRow *row = data;
    Tiny *src = tiny_new(), *dst = tiny_new();

    tiny_scribble(src);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    g_autoptr(GBytes) bad = changed(items, row);
    expect_refused(dst, bad, row->words);
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

/* More of one section than are looked through. */
static void test_many_of_one(void)
{
    static const char head[] =
        "\x09\4\0\0\x10\0" NONE "\0\0\0\1\4tiny" NONE "\0\0\0\1" NONE "\0\0\4\1";
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Tiny *src = tiny_new(), *dst = tiny_new();

    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    g_byte_array_append(bytes, (const uint8_t *)head, sizeof(head) - 1);
    for (unsigned i = 0; i <= 1024; i++) {
        uint8_t row[] = { 0, 0, 0, 0, 2, (uint8_t)(1 + i / 255), (uint8_t)(1 + i % 255),
                          0, 0, 0, 1, 1 };

        g_byte_array_append(bytes, row, sizeof(row));
    }
    ItemRow row = {
        .at = RAM_START, .before = true, .bytes = (char *)bytes->data, .n = bytes->len
    };
    g_autoptr(GBytes) bad = changed(items, &row);
    expect_refused(dst, bad,
                   "the manifest lists 1025 subsections of one section, at most 1024 are allowed");
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

/* More problems than a message has room for: it says how many it leaves out. EVIDENCE: MIG-WIRE-051 */
static void test_many_problems(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    Tiny *src = tiny_new(), *dst = tiny_new();
    unsigned told = 0, more = 0,
             all = 200 + 4; /* the tiny VM's block and its sections are missing */
    gsize n;

    g_byte_array_append(bytes, (const uint8_t *)MANIFEST "\0\0\0\xc8", 10);
    for (unsigned i = 0; i < 200; i++) {
        char row[1 + 30 + 8] = { 30 };

        g_snprintf(row + 1, 31, "a-block-that-is-not-there-%04u", i);
        row[37] = 0x10; /* 4096 bytes */
        g_byte_array_append(bytes, (uint8_t *)row, sizeof(row));
    }
    g_byte_array_append(bytes, (const uint8_t *)NONE NONE, 8);
    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    ItemRow row = {
        .at = RAM_START, .before = true, .bytes = (char *)bytes->data, .n = bytes->len
    };
    g_autoptr(GBytes) bad = changed(items, &row);
    const void *data = g_bytes_get_data(bad, &n);
    g_assert_false(tiny_load(dst, data, n, &error));
    g_autofree char *head =
        g_strdup_printf("%u problems before the start: there is no RAM block", all);
    g_assert_true(g_str_has_prefix(error->message, head));
    g_assert_cmpuint(strlen(error->message), <, 4096);
    for (const char *p = error->message; (p = strchr(p, ';')); p++) {
        told++; /* one behind each */
    }
    g_assert_cmpint(sscanf(strrchr(error->message, ';'), "; and %u more", &more), ==, 1);
    g_assert_cmpuint(told, >, 10);
    g_assert_cmpuint(told + more, ==, all);
    assert_takes(dst, v4, src);
    tiny_free(src);
    tiny_free(dst);
}

/* PINGs behind the configuration; OPEN_RETURN_PATH before the second one. EVIDENCE: MIG-WIRE-006 */
static void test_ping(void)
{
    static const struct {
        const char *ping;
        size_t n;
        const char *words;
    } rows[] = {
        { "\x08\0\2\0\4cook", 9, "PING of 4 bytes without a return path" },
        { "\x08\0\2\0\0", 5, "PING of 0 bytes on a return path" },
        { "\x08\0\2\0\5cookie", 10, "PING of 5 bytes on a return path" },
        { "\x08\0\2\0\4cook", 9, "the stream ends without any RAM" },
    };
    Tiny *src = tiny_new(), *dst = tiny_new();

    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

        g_ptr_array_add(some, g_bytes_ref(g_ptr_array_index(items, CONFIGURATION)));
        if (i) {
            g_ptr_array_add(some, g_bytes_new_static("\x08\0\1\0\0", 5));
        }
        g_ptr_array_add(some, g_bytes_new_static(rows[i].ping, rows[i].n));
        g_ptr_array_add(some, g_bytes_new_static("", 1)); /* the end mark */
        g_autoptr(GBytes) stream = vm_stream_seal(some);
        expect_refused(dst, stream, rows[i].words);
    }
    tiny_free(src);
    tiny_free(dst);
}

/* Version 3 has no manifest, and no frames to tell where an item ends. */
static void test_version_3(void)
{
    static const char manifest[] = "QEVM\0\0\0\3\7" NAME MANIFEST NONE NONE NONE;
    Tiny *src = tiny_new(), *dst = tiny_new();

    g_autoptr(GBytes) v3 = tiny_save(src, STREAM_V3),
                      bad = g_bytes_new_static(manifest, sizeof(manifest) - 1);
    expect_refused(dst, bad, "a manifest comes where none may be");
    assert_takes(dst, v3, src);
    tiny_free(src);
    tiny_free(dst);
}

/* Both sides do without checksums of RAM: those of everything else stay. EVIDENCE: MIG-WIRE-014 */
static void test_only_ram_unchecked(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new();

    g_autoptr(GBytes) v4 = tiny_save(src, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    vm_lock(dst->vm);
    g_assert_true(migration_caps_set(dst->vm, 0, 1ull << MIGRATION_CAP_RAM_CHECKSUM, NULL));
    vm_unlock(dst->vm);
    for (guint victim = 1; victim < items->len - 1; victim++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        bool ram = victim == RAM_END;

        g_byte_array_append(bytes, g_bytes_get_data(v4, NULL), 8);
        for (guint i = 0; i < items->len; i++) {
            gsize n;
            const void *data = g_bytes_get_data(g_ptr_array_index(items, i), &n);

            put_frame(bytes, i, LAST | (i == victim ? UNCHECKED : 0) | (uint32_t)n, data, n);
        }
        bool ok = tiny_load(dst, bytes->data, bytes->len, &error);
        g_assert_cmpint(ok, ==, ram);
        g_assert_true(ok || strstr(error->message, "something other than RAM comes without"));
    }
    tiny_free(src);
    tiny_free(dst);
}

/* ---- the order of installing ---- */

typedef struct {
    GString *log;
    char name;
} Logged;

static void logged_save(void *owner, void *saved)
{
    *(uint8_t *)saved = 0;
}
static void logged_install(void *owner, const void *saved)
{
    Logged *l = owner;
    g_string_append_c(l->log, l->name);
}
static void logged_installed(void *owner)
{
    Logged *l = owner;
    g_string_append_c(l->log, g_ascii_toupper(l->name));
}

static const Field logged_fields[] = {
    { .name = "x", .kind = FIELD_U8, .offset = 0, .size = 1 },
    F_END,
};
static const Record logged_record = {
    .name = "logged", .version = 1, .min_version = 1, .size = 1, .fields = logged_fields
};
static const SectionOps logged_ops = { .save = logged_save,
                                       .install = logged_install,
                                       .installed = logged_installed };
static const SectionDesc logged_low = { .record = &logged_record, .ops = &logged_ops },
                         logged_bus = { .record = &logged_record,
                                        .ops = &logged_ops,
                                        .priority = SECTION_PRIORITY_PCI_BUS },
                         logged_cpu = { .record = &logged_record,
                                        .ops = &logged_ops,
                                        .priority = SECTION_PRIORITY_CPU };

/* Whatever order the stream has; and nothing looks at its lines before all are there. EVIDENCE: MIG-WIRE-024 */
static void test_order_of_installing(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    Logged owners[] = { { log, 'a' }, { log, 'b' }, { log, 'c' } };
    const SectionDesc *const descs[] = { &logged_low, &logged_cpu, &logged_bus };
    Section *sections[3];
    Tiny *t = tiny_new();
    gsize n;

    vm_lock(t->vm);
    for (unsigned i = 0; i < 3; i++) {
        sections[i] = section_register(t->vm, NULL, descs[i], i, &owners[i]);
    }
    vm_unlock(t->vm);
    g_autoptr(GBytes) v4 = tiny_save(t, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    for (guint i = RAM_END + 1, last = items->len - 3; i < last; i++, last--) {
        gpointer other = items->pdata[i]; /* the devices, the other way round */
        items->pdata[i] = items->pdata[last];
        items->pdata[last] = other;
    }
    g_autoptr(GBytes) turned = vm_stream_seal(items);
    for (unsigned i = 0; i < 2; i++) {
        const void *data = g_bytes_get_data(i ? turned : v4, &n);

        g_string_truncate(log, 0);
        g_assert_true(tiny_load(t, data, n, NULL));
        g_assert_cmpstr(log->str, ==, "bcaBCA");
    }
    vm_lock(t->vm);
    for (unsigned i = 0; i < 3; i++) {
        section_unregister(t->vm, sections[i]);
    }
    vm_unlock(t->vm);
    tiny_free(t);
}

/* ---- sections in parts ---- */

#define IN_PARTS 9 /* one more than may be under way */

static const SectionDesc in_parts = { .record = &logged_record,
                                      .start = &logged_record,
                                      .ops = &logged_ops };

static GBytes *start_item(uint32_t id, uint32_t instance)
{
    g_auto(ByteWriter) w;

    byte_writer_init(&w);
    byte_writer_u8(&w, STREAM_SECTION_START);
    byte_writer_be32(&w, id);
    byte_writer_str8(&w, "logged");
    byte_writer_be32(&w, instance);
    byte_writer_be32(&w, 1);
    byte_writer_u8(&w, 0);
    byte_writer_u8(&w, STREAM_RECORD_END);
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_writer_be32(&w, id);
    return g_bytes_new(w.data, w.len);
}

/* Behind the end of RAM, starts of @n sections; @same: all of one number. */
static void expect_starts(Tiny *t, GPtrArray *items, unsigned n, bool same, const char *words)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (guint i = 0; i <= RAM_END; i++) {
        g_ptr_array_add(some, g_bytes_ref(g_ptr_array_index(items, i)));
    }
    for (unsigned i = 0; i < n; i++) {
        g_ptr_array_add(some, start_item(same ? 50 : 50 + i, i));
    }
    g_ptr_array_add(some, g_bytes_new_static("", 1)); /* the end mark */
    g_autoptr(GBytes) stream = vm_stream_seal(some);
    expect_refused(t, stream, words);
}

/* EVIDENCE: MIG-WIRE-007 */
static void test_starts(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    Logged owner = { log, 'a' };
    Section *sections[IN_PARTS];
    Tiny *t = tiny_new();

    g_autoptr(GBytes) v4 = tiny_save(t, STREAM_V4);
    g_autoptr(GPtrArray) items = vm_stream_items(v4);
    vm_lock(t->vm);
    for (unsigned i = 0; i < IN_PARTS; i++) {
        sections[i] = section_register(t->vm, NULL, &in_parts, i, &owner);
    }
    vm_unlock(t->vm);
    expect_starts(t, items, 1, false, "section 'logged' starts and does not end");
    expect_starts(t, items, 2, true, "section 'logged' instance 1 starts twice");
    expect_starts(t, items, IN_PARTS - 1, false, "section 'logged' starts and does not end");
    expect_starts(t, items, IN_PARTS, false, "section 'logged' instance 8 cannot come in parts");
    vm_lock(t->vm);
    for (unsigned i = 0; i < IN_PARTS; i++) {
        section_unregister(t->vm, sections[i]);
    }
    vm_unlock(t->vm);
    tiny_free(t);
}

/* ---- sections that may stay at home ---- */

static void idle_save(void *owner, void *saved)
{
    memcpy(saved, owner, sizeof(uint32_t));
}

static void idle_install(void *owner, const void *saved)
{
    memcpy(owner, saved, sizeof(uint32_t));
}

static bool idle_needed(const void *saved)
{
    return *(const uint32_t *)saved != 0;
}

static const Record idle_record = {
    .name = "idle",
    .version = 1,
    .min_version = 1,
    .size = sizeof(uint32_t),
    .fields =
        (const Field[]){ { .name = "word", .kind = FIELD_U32, .size = sizeof(uint32_t) }, F_END },
    .needed = idle_needed,
};
static const SectionOps idle_ops = { .save = idle_save, .install = idle_install };
static const SectionDesc idle_section = { .record = &idle_record, .ops = &idle_ops };

/* A device that nobody has used sends nothing, and is not missed; one that has been used does. EVIDENCE: MIG-WIRE-008 */
static void test_stays_at_home(void)
{
    Tiny *t = tiny_new();
    uint32_t word = 0;

    vm_lock(t->vm);
    Section *section = section_register(t->vm, NULL, &idle_section, 0, &word);
    vm_unlock(t->vm);
    for (unsigned used = 0; used < 2; used++) {
        g_autoptr(GError) error = NULL;
        gsize n;

        word = used;
        g_autoptr(GBytes) v4 = tiny_save(t, STREAM_V4);
        g_autoptr(GPtrArray) items = vm_stream_items(v4);
        unsigned sent = 0;
        for (guint i = 0; i < items->len; i++) {
            const uint8_t *item = g_bytes_get_data(g_ptr_array_index(items, i), &n);
            sent += item[0] == STREAM_SECTION_FULL && n > 10 && !memcmp(item + 5, "\4idle", 5);
        }
        g_assert_cmpuint(sent, ==, used);
        word = 7 * used;
        const void *data = g_bytes_get_data(v4, &n);
        g_assert_true(tiny_load(t, data, n, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(word, ==, used);
    }
    vm_lock(t->vm);
    section_unregister(t->vm, section);
    vm_unlock(t->vm);
    tiny_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(frame_rows); i++) {
        g_autofree char *path =
            g_strdup_printf("/migration/stream-rules/frames/%s", frame_rows[i].rule);
        g_test_add_data_func(path, &frame_rows[i], test_frames);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(item_rows); i++) {
        g_autofree char *path =
            g_strdup_printf("/migration/stream-rules/items/%s", item_rows[i].rule);
        g_test_add_data_func(path, &item_rows[i], test_item);
    }
    g_test_add_func("/migration/stream-rules/items/a-section-has-so-many-subsections",
                    test_many_of_one);
    g_test_add_func("/migration/stream-rules/a-section-that-nobody-needs-stays-at-home",
                    test_stays_at_home);
    g_test_add_func("/migration/stream-rules/problems-that-are-not-told-are-counted",
                    test_many_problems);
    g_test_add_func("/migration/stream-rules/items/a-ping-has-a-cookie-and-a-way-back", test_ping);
    g_test_add_func("/migration/stream-rules/items/version-3-has-no-manifest", test_version_3);
    g_test_add_func("/migration/stream-rules/only-ram-may-come-without-checksum",
                    test_only_ram_unchecked);
    g_test_add_func("/migration/stream-rules/sections-in-parts-are-few-and-have-numbers",
                    test_starts);
    g_test_add_func("/migration/stream-rules/sections-are-installed-in-order-of-priority",
                    test_order_of_installing);
    return g_test_run();
}
