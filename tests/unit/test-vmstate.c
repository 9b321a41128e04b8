/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vmstate codec: round trips in both formats, the rules for subsections, and refusal of
 * everything malformed.
 */
#include <string.h>
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"

typedef struct {
    uint8_t kind;
    int32_t level;
    bool has_extra;
    uint32_t extra;
} Inner;

static bool inner_needs_extra(const void *saved)
{
    return ((const Inner *)saved)->has_extra;
}
static const Record inner_extra = {
    .name = "inner/extra",
    .version = 1,
    .size = sizeof(Inner),
    .needed = inner_needs_extra,
    .has_present = true,
    .present_offset = offsetof(Inner, has_extra),
    .fields = (const Field[]){ F_U32(Inner, extra), F_END },
};
static const Record inner = {
    .name = "inner",
    .version = 1,
    .size = sizeof(Inner),
    .fields = (const Field[]){ F_U8(Inner, kind, .min = 1, .max = 9),
                               F_I32(Inner, level, .min = (uint64_t)-5, .max = 5), F_END },
    .subsections = (const Record *const[]){ &inner_extra, NULL },
};

typedef struct {
    uint16_t id;
    uint64_t regs[3];
    Inner in;
    Inner *ptr;
    uint32_t n;
    uint8_t *blob;
    GPtrArray *list;
    bool on, late;
    uint32_t late_value;
} Outer;

static bool outer_late(const void *saved)
{
    return ((const Outer *)saved)->late;
}
static const Record outer_late_rec = {
    .name = "outer/late",
    .version = 2,
    .min_version = 1,
    .size = sizeof(Outer),
    .needed = outer_late,
    .has_present = true,
    .present_offset = offsetof(Outer, late),
    .fields = (const Field[]){ F_U32(Outer, late_value), F_END },
};
static const Record outer = {
    .name = "outer",
    .version = 3,
    .min_version = 2,
    .size = sizeof(Outer),
    .fields = (const Field[]){ F_U16(Outer, id, .flags = FIELD_EQUAL),
                               F_ARRAY(FIELD_U64, Outer, regs),
                               F_STRUCT(Outer, in, inner),
                               { .name = "ptr",
                                 .kind = FIELD_POINTER,
                                 .offset = offsetof(Outer, ptr),
                                 .size = sizeof(void *),
                                 .record = &inner },
                               F_U32(Outer, n),
                               { .name = "blob",
                                 .kind = FIELD_VBUFFER,
                                 .offset = offsetof(Outer, blob),
                                 .size = sizeof(void *),
                                 .count_offset = offsetof(Outer, n),
                                 .max_len = 16 },
                               { .name = "list",
                                 .kind = FIELD_LIST,
                                 .offset = offsetof(Outer, list),
                                 .size = sizeof(void *),
                                 .record = &inner,
                                 .max_len = 2 },
                               F_UNUSED(3),
                               F_BOOL(Outer, on, .since = 3),
                               F_END },
    .subsections = (const Record *const[]){ &outer_late_rec, NULL },
};

static void fill(Outer *o)
{
    *o = (Outer){ .id = 7,
                  .regs = { 1, 2, UINT64_MAX },
                  .on = true,
                  .late = true,
                  .late_value = 0x05060500,
                  .n = 4 };
    o->in = (Inner){ .kind = 5, .level = -5, .has_extra = true, .extra = 0x06060606 };
    o->ptr = g_memdup2(&(Inner){ .kind = 6, .level = 5 }, sizeof(Inner));
    o->blob = g_memdup2("\x05\x06\x00\x05", 4);
    o->list = g_ptr_array_new();
    g_ptr_array_add(o->list, g_memdup2(&(Inner){ .kind = 1 }, sizeof(Inner)));
}

static void encode(const Outer *o, StreamFormat format, ByteWriter *w)
{
    byte_writer_init(w);
    record_encode(&outer, o, format, w);
}

static bool decode(const void *data, size_t n, StreamFormat format, Outer *o, size_t *used,
                   GError **error)
{
    ByteReader r;
    byte_reader_init(&r, data, n);
    memset(o, 0, sizeof(*o));
    bool ok = record_decode(&outer, 3, format, &r, o, &(Outer){ .id = 7 }, NULL, error);
    *used = byte_reader_pos(&r);
    return ok;
}

/* EVIDENCE: MIG-WIRE-020 */
static void test_round_trip(gconstpointer arg)
{
    StreamFormat format = GPOINTER_TO_INT(arg);
    Outer a, b;
    size_t used;
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w, again;
    fill(&a);
    encode(&a, format, &w);
    byte_writer_u8(&w, STREAM_FOOTER);
    g_assert_true(decode(w.data, w.len, format, &b, &used, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(used, ==, w.len - 1);
    encode(&b, format, &again);
    g_assert_cmpmem(again.data, again.len, w.data, w.len - 1);
    g_assert_cmpuint(b.late_value, ==, 0x05060500);
    g_assert_true(b.in.has_extra);
    record_clear(&outer, &a);
    record_clear(&outer, &b);
}

/* Every proper prefix runs short and says so; a retry with all bytes succeeds. */
static void test_short(gconstpointer arg)
{
    StreamFormat format = GPOINTER_TO_INT(arg);
    Outer a, b;
    size_t used;
    g_auto(ByteWriter) w;
    fill(&a);
    encode(&a, format, &w);
    for (size_t n = 0; n < w.len; n++) {
        g_autoptr(GError) error = NULL;
        bool ok = decode(w.data, n, format, &b, &used, &error);
        g_assert_false(ok);
        g_assert_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SHORT);
        record_clear(&outer, &b);
    }
    record_clear(&outer, &a);
}

/* EVIDENCE: one flipped byte never crashes, and a version 4 stream never misplaces its end. */
/* EVIDENCE: MIG-WIRE-021 */
static void test_flips(void)
{
    Outer a, b;
    size_t used;
    g_auto(ByteWriter) w;
    fill(&a);
    encode(&a, STREAM_V4, &w);
    for (size_t at = 0; at < w.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            g_autoptr(GError) error = NULL;
            w.data[at] ^= (uint8_t)(1 << bit);
            if (decode(w.data, w.len, STREAM_V4, &b, &used, &error)) {
                g_auto(ByteWriter) again;
                encode(&b, STREAM_V4, &again);
                g_assert_cmpuint(used, ==, again.len);
            } else {
                g_assert_nonnull(error);
            }
            record_clear(&outer, &b);
            w.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    record_clear(&outer, &a);
}

static void append_subsection(ByteWriter *w, const char *name, bool v4)
{
    byte_writer_u8(w, STREAM_SUBSECTION);
    byte_writer_str8(w, name);
    byte_writer_be32(w, 1);
    byte_writer_be32(w, 0);
    if (v4) {
        byte_writer_u8(w, STREAM_RECORD_END);
    }
}

static void expect_subsection(StreamFormat format, const char *name, const char *message)
{
    Inner in = { .kind = 1 }, out = { 0 };
    ByteReader r;
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;
    byte_writer_init(&w);
    record_encode(&inner, &in, STREAM_V3, &w);
    append_subsection(&w, name, format == STREAM_V4);
    byte_writer_u8(&w, format == STREAM_V4 ? STREAM_RECORD_END : STREAM_FOOTER);
    byte_reader_init(&r, w.data, w.len);
    bool ok = record_decode(&inner, 1, format, &r, &out, NULL, NULL, &error);
    if (message) {
        g_assert_false(ok);
        g_assert_nonnull(strstr(error->message, message));
    } else {
        g_assert_no_error(error);
        g_assert_true(ok);
    }
}

/* EVIDENCE: MIG-WIRE-022 */
static void test_subsection_rules(void)
{
    expect_subsection(STREAM_V3, "inner/extra", NULL);
    expect_subsection(STREAM_V4, "inner/extra", NULL);
    expect_subsection(STREAM_V3, "inner/other", "unknown subsection 'inner/other' of 'inner'");
    expect_subsection(STREAM_V4, "inner/other", "unknown subsection 'inner/other' of 'inner'");
    /* not ours by name: version 3 leaves it to the enclosing record, version 4 has no doubt */
    expect_subsection(STREAM_V3, "inner-ext/x", NULL);
    expect_subsection(STREAM_V3, "outer/late", NULL);
    expect_subsection(STREAM_V4, "outer/late", "unknown subsection 'outer/late' of 'inner'");
}

/* A child whose name begins its parent's, and names with every separator that there ever was. */
typedef struct {
    uint8_t byte;
    bool has[5];
} Card;
typedef struct {
    Card in;
    bool has[5];
} Board;
static bool never(const void *saved)
{
    return saved == NULL;
}
#define LEGACY(T, id, n, nm, legacy)                                     \
    static const Record id = { .name = nm,                               \
                               .version = 1,                             \
                               .size = sizeof(T),                        \
                               .needed = never,                          \
                               .has_present = true,                      \
                               .present_offset = offsetof(T, has) + (n), \
                               .legacy_name = (legacy),                  \
                               .fields = (const Field[]){ F_UNUSED(4), F_END } }
LEGACY(Card, card_slash, 0, "card/x", false);
LEGACY(Card, card_dash, 1, "card-full", true);
LEGACY(Card, card_none, 2, "cardx", true);
static const Record card = {
    .name = "card",
    .version = 1,
    .size = sizeof(Card),
    .fields = (const Field[]){ F_U8(Card, byte), F_END },
    .subsections = (const Record *const[]){ &card_slash, &card_dash, &card_none, NULL },
};
LEGACY(Board, board_slash, 0, "card-board/x", false);
LEGACY(Board, board_dash, 1, "card-board-full", true);
LEGACY(Board, board_low, 2, "card_board", true);
LEGACY(Board, board_dot, 3, "card.board", true);
LEGACY(Board, board_other, 4, "something else", true);
static const Record board = {
    .name = "card-board",
    .version = 1,
    .size = sizeof(Board),
    .fields = (const Field[]){ F_STRUCT(Board, in, card), F_END },
    .subsections = (const Record *const[]){ &board_slash, &board_dash, &board_low, &board_dot,
                                            &board_other, NULL },
};

/* The child, a subsection of that name, and the end; in version 4 it is inside the child, or behind it. */
static char *load_board(StreamFormat format, const char *name, bool inside, Board *out, bool *left)
{
    ByteReader r;
    GError *error = NULL;
    g_auto(ByteWriter) w;
    bool v4 = format == STREAM_V4;

    byte_writer_init(&w);
    byte_writer_u8(&w, 5); /* data, whatever it looks like */
    for (int record = 0; record < 2; record++) {
        if (record == !inside) {
            append_subsection(&w, name, v4);
        }
        if (v4) {
            byte_writer_u8(&w, STREAM_RECORD_END);
        }
    }
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_reader_init(&r, w.data, w.len);
    *out = (Board){ 0 };
    bool ok = record_decode(&board, 1, format, &r, out, NULL, NULL, &error);
    *left = ok && byte_reader_left(&r) > 1;
    char *said = ok ? NULL : g_strdup(error->message);
    g_clear_error(&error);
    return said;
}

static bool *mark_of(Board *b, const char *name)
{
    for (unsigned i = 0; i < 5; i++) {
        const Record *mine = board.subsections[i], *its = i < 3 ? card.subsections[i] : NULL;
        if (!strcmp(mine->name, name)) {
            return &b->has[i];
        }
        if (its && !strcmp(its->name, name)) {
            return &b->in.has[i];
        }
    }
    return NULL;
}

/* EVIDENCE: MIG-WIRE-022, MIG-WIRE-026 */
static void test_separators(void)
{
    static const char *const names[] = { "card/x",       "card-full",       "cardx",
                                         "card-board/x", "card-board-full", "card_board",
                                         "card.board",   "something else" };
    static const struct {
        const char *name, *refused; /* NULL: left for the section's end to refuse */
    } strangers[] = {
        { "card/y", "unknown subsection 'card/y' of 'card'" },
        { "card-board/y", "unknown subsection 'card-board/y' of 'card-board'" },
        { "card-fuller", NULL },
        { "card", NULL },
        { "card_boar", NULL },
        { "card-board", NULL },
        { "card/", NULL },
    };
    Board b;
    bool left;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        bool childs = i < 3;
        for (int at = 0; at < 3; at++) { /* version 3, version 4 behind and inside the child */
            StreamFormat format = at ? STREAM_V4 : STREAM_V3;
            bool right = !at || childs == (at == 2);
            g_autofree char *said = load_board(format, names[i], at == 2, &b, &left);
            g_assert_cmpint(said == NULL, ==, right);
            g_assert_false(left);
            g_assert_true(!right || *mark_of(&b, names[i]));
            g_assert_true(right || strstr(said, names[i]));
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(strangers); i++) {
        g_autofree char *v3 = load_board(STREAM_V3, strangers[i].name, false, &b, &left);
        g_assert_cmpint(left, ==, !strangers[i].refused);
        g_assert_true(!strangers[i].refused || strstr(v3, strangers[i].refused));
        g_autofree char *v4 = load_board(STREAM_V4, strangers[i].name, false, &b, &left);
        g_assert_nonnull(v4);
        g_assert_nonnull(strstr(v4, "of 'card-board'"));
    }
}

static void expect_outer_error(Outer *o, int code, const char *message)
{
    Outer b;
    size_t used;
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;
    encode(o, STREAM_V4, &w);
    g_assert_false(decode(w.data, w.len, STREAM_V4, &b, &used, &error));
    g_assert_error(error, FERRY_VMSTATE_ERROR, code);
    g_assert_nonnull(strstr(error->message, message));
    record_clear(&outer, &b);
}

/* EVIDENCE: MIG-WIRE-023 */
static void test_values(void)
{
    Outer o;
    fill(&o);
    o.id = 8;
    expect_outer_error(&o, FERRY_VMSTATE_ERROR_VALUE, "'outer', field 'id': value 0x8 differs");
    o.id = 7;
    o.in.level = -6;
    expect_outer_error(&o, FERRY_VMSTATE_ERROR_VALUE,
                       "'outer', field 'in': 'inner', field 'level': value");
    o.in.level = 0;
    o.in.kind = 0;
    expect_outer_error(&o, FERRY_VMSTATE_ERROR_VALUE, "field 'kind'");
    o.in.kind = 1;
    g_free(o.blob);
    o.n = 17;
    o.blob = g_malloc0(17);
    expect_outer_error(&o, FERRY_VMSTATE_ERROR_VALUE, "field 'blob'");
    o.n = 0;
    for (int i = 0; i < 2; i++) {
        g_ptr_array_add(o.list, g_memdup2(&(Inner){ .kind = 1 }, sizeof(Inner)));
    }
    expect_outer_error(&o, FERRY_VMSTATE_ERROR_VALUE, "field 'list'");
    record_clear(&outer, &o);
}

/* ---- marks and counts ---- */

typedef struct {
    uint16_t n, numbers[4];
    Inner *ptr;
    GPtrArray *list;
} Marked;
#define MARKED(nm, ...)                                                             \
    {                                                                               \
        .name = nm, .version = 1, .size = sizeof(Marked), .fields = (const Field[]) \
        {                                                                           \
            __VA_ARGS__, F_END                                                      \
        }                                                                           \
    }
static const Record counted =
    MARKED("counted", F_U16(Marked, n),
           F_ARRAY(FIELD_U16, Marked, numbers, .flags = FIELD_VARRAY,
                   .count_offset = offsetof(Marked, n), .count_bytes = 2));
static const Record pointing = MARKED("pointing", { .name = "ptr",
                                                    .kind = FIELD_POINTER,
                                                    .offset = offsetof(Marked, ptr),
                                                    .size = sizeof(void *),
                                                    .record = &inner });
static const Record listing = MARKED("listing", { .name = "list",
                                                  .kind = FIELD_LIST,
                                                  .offset = offsetof(Marked, list),
                                                  .size = sizeof(void *),
                                                  .record = &inner,
                                                  .max_len = 2 });

/* What stands where a mark or a count is wanted. EVIDENCE: MIG-WIRE-023 */
static void test_marks(void)
{
    static const struct {
        const Record *record;
        const char *bytes;
        size_t n;
        const char *words; /* NULL: it is taken, with the end behind it */
    } rows[] = {
        { &counted, "\0\1\0\7\6", 5, NULL },
        { &counted, "\0\4\0\1\0\2\0\3\0\4\6", 11, NULL },
        { &counted, "\0\5\0\1\0\2\0\3\0\4\0\5\6", 13,
          "'counted', field 'numbers': value 0x5 elements exceed the limit 0x4" },
        { &pointing, "0\6", 2, NULL },
        { &pointing, "1\5\0\0\0\0\6\6", 8, NULL },
        { &pointing, "2\5\0\0\0\0\6\6", 8,
          "'pointing', field 'ptr': expected '0' or '1' before a pointed-to record, found 0x32" },
        { &pointing, "\5\0\0\0\0\6\6", 7,
          "'pointing', field 'ptr': expected '0' or '1' before a pointed-to record, found 0x05" },
        { &listing, "\0\6", 2, NULL },
        { &listing, "\1\5\0\0\0\0\6\0\6", 9, NULL },
        { &listing, "\2\5\0\0\0\0\6\0\6", 9,
          "'listing', field 'list': expected 0 or 1 before a list element, found 0x02" },
        { &listing, "\1\5\0\0\0\0\6\1\5\0\0\0\0\6\1\5\0\0\0\0\6\0\6", 23,
          "'listing', field 'list': value 0x3 elements exceed the limit 0x2" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Marked out = { 0 };
        ByteReader r;
        g_autoptr(GError) error = NULL;

        byte_reader_init(&r, rows[i].bytes, rows[i].n);
        bool ok = record_decode(rows[i].record, 1, STREAM_V4, &r, &out, NULL, NULL, &error);
        g_assert_cmpstr(ok ? NULL : error->message, ==, rows[i].words);
        g_assert_true(!ok || !byte_reader_left(&r));
        record_clear(rows[i].record, &out);
    }
}

/* ---- what this process can honour ---- */

static bool has_ability(void *owner, GError **error)
{
    if (!*(bool *)owner) {
        g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_UNSUPPORTED, "no ability");
    }
    return *(bool *)owner;
}

static void note_warning(void *opaque, const char *subsection, const char *why)
{
    g_string_append_printf(opaque, "%s: %s", subsection, why);
}

/* Returns whether the stream was taken; @extra: whether the subsection came through. */
static bool decode_with(bool able, SubsectionPolicy policy, bool *extra, GString *said)
{
    Record sub = inner_extra, rec = inner;
    const Record *const subs[] = { &sub, NULL };
    Inner in = { .kind = 1, .has_extra = true, .extra = 7 }, out = { 0 };
    RecordHost host = { &able, note_warning, said };
    ByteReader r;
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;

    sub.supported = has_ability;
    sub.policy = policy;
    rec.subsections = subs;
    byte_writer_init(&w);
    record_encode(&rec, &in, STREAM_V4, &w);
    byte_reader_init(&r, w.data, w.len);
    bool ok = record_decode(&rec, 1, STREAM_V4, &r, &out, NULL, &host, &error);
    *extra = out.has_extra;
    if (error) {
        g_assert_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_UNSUPPORTED);
        g_string_append(said, error->message);
    }
    return ok;
}

/* EVIDENCE: MIG-WIRE-028 */
static void test_abilities(void)
{
    g_autoptr(GString) said = g_string_new(NULL);
    bool extra;

    g_assert_true(decode_with(true, SUBSECTION_FAIL, &extra, said) && extra);
    g_assert_true(decode_with(true, SUBSECTION_WARN, &extra, said) && extra);
    g_assert_cmpstr(said->str, ==, "");
    g_assert_true(decode_with(false, SUBSECTION_WARN, &extra, said) && !extra);
    g_assert_cmpstr(said->str, ==, "inner/extra: no ability");
    g_string_truncate(said, 0);
    g_assert_false(decode_with(false, SUBSECTION_FAIL, &extra, said));
    g_assert_cmpstr(said->str, ==,
                    "'inner': subsection 'inner/extra' cannot be honoured: no ability");
}

static void test_versions(void)
{
    static const uint32_t bad[] = { 0, 1, 4, 257, 0x80000003, UINT32_MAX };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        Outer b = { 0 };
        uint8_t zero[128] = { 0 };
        ByteReader r;
        g_autoptr(GError) error = NULL;
        byte_reader_init(&r, zero, sizeof(zero));
        g_assert_false(record_decode(&outer, bad[i], STREAM_V4, &r, &b, NULL, NULL, &error));
        g_assert_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_VERSION);
    }
}

static void test_description(void)
{
    Inner in = { .kind = 1, .has_extra = true };
    g_autoptr(GString) s = g_string_new(NULL);
    record_describe(&inner, &in, STREAM_V3, s);
    g_assert_cmpstr(s->str, ==,
                    "\"vmsd_name\":\"inner\",\"version\":1,\"fields\":["
                    "{\"name\":\"kind\",\"type\":\"uint8\",\"size\":1},"
                    "{\"name\":\"level\",\"type\":\"int32\",\"size\":4}],\"subsections\":["
                    "{\"vmsd_name\":\"inner/extra\",\"version\":1,\"fields\":["
                    "{\"name\":\"extra\",\"type\":\"uint32\",\"size\":4}]}]");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int f = STREAM_V3; f <= STREAM_V4; f++) {
        g_autofree char *rt = g_strdup_printf("/vmstate/v%d/load-of-save-is-the-same-bytes", f);
        g_autofree char *sh = g_strdup_printf("/vmstate/v%d/every-prefix-asks-for-more", f);
        g_test_add_data_func(rt, GINT_TO_POINTER(f), test_round_trip);
        g_test_add_data_func(sh, GINT_TO_POINTER(f), test_short);
    }
    g_test_add_func("/vmstate/v4/a-flipped-bit-never-shifts-the-end", test_flips);
    g_test_add_func("/vmstate/subsections-are-taken-refused-or-left-by-name",
                    test_subsection_rules);
    g_test_add_func("/vmstate/names-with-any-separator-are-taken-by-whom-they-belong-to",
                    test_separators);
    g_test_add_func("/vmstate/values-out-of-range-name-their-path", test_values);
    g_test_add_func("/vmstate/v4/marks-and-counts-are-what-they-may-be", test_marks);
    g_test_add_func("/vmstate/what-cannot-be-honoured-is-refused-or-told", test_abilities);
    g_test_add_func("/vmstate/version-257-is-not-version-1", test_versions);
    g_test_add_func("/vmstate/a-description-says-what-was-sent", test_description);
    return g_test_run();
}
