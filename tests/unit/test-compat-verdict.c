/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What scripts/vmstate-compat says of two records is what happens: for every kind of difference, a record is dumped in
 * its old and its new shape, and a state that was saved with the old one is loaded with the new one, in
 * both formats of the stream. Differences of whole machines are in tests/golden/test-dumps.py.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "migration/vmstate/codec.h"

typedef struct {
    uint32_t n;
    uint16_t w;
} In;

typedef struct {
    uint8_t a, u;
    uint16_t b;
    uint32_t c, e;
    uint64_t d;
    int32_t i;
    bool flag, sends, skips, has_x, has_y;
    uint32_t n, arr[4];
    uint8_t buf[8];
    In in;
    In *ptr;
    GPtrArray *list;
    uint32_t blob_n;
    uint8_t *blob;
    uint32_t x, y;
} S;

/* ---- shapes ---- */

#define RECORD(nm, ver, T, subs, ...)                                  \
    (&(const Record){ .name = nm,                                      \
                      .version = ver,                                  \
                      .min_version = ver,                              \
                      .size = sizeof(T),                               \
                      .fields = (const Field[]){ __VA_ARGS__, F_END }, \
                      .subsections = subs })
#define DEV(...)     RECORD("dev", 1, S, NULL, __VA_ARGS__)
#define SUBS(subs)   RECORD("dev", 1, S, subs, A, C)
#define LIST_OF(...) ((const Record *const[]){ __VA_ARGS__, NULL })
#define STRUCT_OF(r)                                                                       \
    {                                                                                      \
        .name = "in", .kind = FIELD_STRUCT, .offset = offsetof(S, in), .size = sizeof(In), \
        .record = r                                                                        \
    }
#define POINTER_OF(m, r)                                                                       \
    {                                                                                          \
        .name = "in", .kind = FIELD_POINTER, .offset = offsetof(S, m), .size = sizeof(void *), \
        .record = r                                                                            \
    }
#define LIST_TO(most, r)                                                                         \
    {                                                                                            \
        .name = "list", .kind = FIELD_LIST, .offset = offsetof(S, list), .size = sizeof(void *), \
        .max_len = most, .record = r                                                             \
    }
#define BLOB(most)                                                                   \
    F_U32(S, blob_n),                                                                \
    {                                                                                \
        .name = "blob", .kind = FIELD_VBUFFER, .offset = offsetof(S, blob),          \
        .size = sizeof(void *), .count_offset = offsetof(S, blob_n), .max_len = most \
    }
#define ARRAY(most, ...)                                                                        \
    {                                                                                           \
        .name = "arr", .kind = FIELD_U32, .offset = offsetof(S, arr), .size = 4, .count = most, \
        ##__VA_ARGS__                                                                           \
    }
#define VARIES .flags = FIELD_VARRAY, .count_offset = offsetof(S, n)
#define A      F_U8(S, a)
#define B      F_U16(S, b)
#define C      F_U32(S, c)
#define D      F_U64(S, d)

static const Record in_1_record = { .name = "in",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(In),
                                    .fields = (const Field[]){ F_U32(In, n), F_END } };
static const Record in_2_record = { .name = "in",
                                    .version = 2,
                                    .min_version = 2,
                                    .size = sizeof(In),
                                    .fields = (const Field[]){ F_U32(In, n),
                                                               F_U16(In, w, .since = 2), F_END } };
#define IN_1 (&in_1_record)
#define IN_2 (&in_2_record)

static bool needs_x(const void *saved)
{
    return ((const S *)saved)->x;
}
static bool needs_y(const void *saved)
{
    return ((const S *)saved)->y;
}
static bool sends(const void *saved)
{
    return ((const S *)saved)->sends;
}
static bool has_field(const void *saved, uint32_t version)
{
    return ((const S *)saved)->sends;
}
static bool not_skipped(const void *saved, uint32_t version)
{
    return !((const S *)saved)->skips;
}

#define SUBSECTION(nm, ver, need, has, gate_, ...)        \
    (&(const Record){ .name = nm,                         \
                      .version = ver,                     \
                      .min_version = 1,                   \
                      .size = sizeof(S),                  \
                      .needed = need,                     \
                      .gate = gate_,                      \
                      .has_present = true,                \
                      .present_offset = offsetof(S, has), \
                      .fields = (const Field[]){ __VA_ARGS__, F_END } })
#define X       SUBSECTION("dev/x", 1, needs_x, has_x, NULL, F_U32(S, x))
#define X_WIDE  SUBSECTION("dev/x", 1, needs_x, has_x, NULL, F_U32(S, x), F_U16(S, b))
#define X_V2    SUBSECTION("dev/x", 2, needs_x, has_x, NULL, F_U32(S, x))
#define X_GATED SUBSECTION("dev/x", 1, needs_x, has_x, sends, F_U32(S, x))
#define Y       SUBSECTION("dev/y", 1, needs_y, has_y, NULL, F_U32(S, y))
#define MARKED                                     \
    DEV(A, F_BOOL(S, sends, .flags = FIELD_LOCAL), \
        F_U16(S, b, .present = has_field, .flags = FIELD_GATED), C)

/* ---- states ---- */

static void with_x(S *s)
{
    s->x = 7;
}
static void with_x_y(S *s)
{
    s->x = 7;
    s->y = 8;
}
static void a_is_2(S *s)
{
    s->a = 2;
}
static void four(S *s)
{
    s->n = 4;
}
static void skipping(S *s)
{
    s->skips = true;
}
static void no_pointer(S *s)
{
    g_clear_pointer(&s->ptr, g_free);
}
static void starts_with_0x30(S *s)
{
    s->in.n = s->ptr->n = 0x30000001;
}
static void more(S *s)
{
    s->blob_n = 6;
    g_ptr_array_add(s->list, g_memdup2(&(In){ 5, 6 }, sizeof(In)));
}

static S *state_new(void (*change)(S *s))
{
    S *s = g_new0(S, 1);

    *s = (S){ .a = 1,
              .u = 3,
              .b = 0x1234,
              .c = 0x01020304,
              .e = 0x0a0b0c0d,
              .d = 0x1122334455667788,
              .i = -3,
              .flag = true,
              .sends = true,
              .n = 2,
              .arr = { 9, 8, 7, 6 },
              .in = { 5, 6 },
              .blob_n = 3 };
    memcpy(s->buf, "abcdefgh", 8);
    s->ptr = g_memdup2(&s->in, sizeof(In));
    s->blob = g_memdup2("123456", 6);
    s->list = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(s->list, g_memdup2(&s->in, sizeof(In)));
    if (change) {
        change(s);
    }
    return s;
}

static void state_free(S *s)
{
    g_free(s->ptr);
    g_free(s->blob);
    g_ptr_array_unref(s->list);
    g_free(s);
}

/* ---- differences ---- */

typedef enum {
    LOADS,
    FAILS, /* refused, or misread */
    MAY_FAIL,
} Verdict;

typedef struct {
    const char *name;
    const Record *old, *new;
    Verdict verdict;
    const char *words;   /* vmstate-compat's */
    void (*state)(S *s); /* what shows it; NULL: any */
    Verdict v3;          /* what differs in version 3, if v3_differs */
    bool v3_differs, off_in_old, off_in_new;
    void (*mine)(S *s); /* of the destination */
} Difference;

static const Difference differences[] = {
    { "nothing", DEV(A, B, C), DEV(A, B, C), LOADS },
    { "width", DEV(A, C, D), DEV(A, FIELD_OF(FIELD_U64, S, d, .name = "c"), D), FAILS,
      "u32 became u64" },
    { "sign", DEV(A, C), DEV(A, F_I32(S, i, .name = "c")), LOADS, "the same bytes" },
    { "name", DEV(A, C), DEV(A, F_U32(S, e)), FAILS, "field 1 is 'e' in the new one" },
    { "order", DEV(C, F_U32(S, e)), DEV(F_U32(S, e), C), FAILS, "field 0 is 'e'" },
    { "lost-field", DEV(A, B, C), DEV(A, B), FAILS, "the new one does not read it" },
    { "added-field", DEV(A, B), DEV(A, B, C), FAILS, "nobody sends it" },
    { "added-field-of-a-later-version", RECORD("dev", 1, S, NULL, A, B),
      &(const Record){ .name = "dev",
                       .version = 2,
                       .min_version = 1,
                       .size = sizeof(S),
                       .fields = (const Field[]){ A, B, F_U32(S, c, .since = 2), F_END } },
      LOADS },
    { "too-new", RECORD("dev", 3, S, NULL, A), RECORD("dev", 2, S, NULL, A), FAILS,
      "version 3 is newer than 2" },
    { "too-old", RECORD("dev", 1, S, NULL, A), RECORD("dev", 2, S, NULL, A), FAILS,
      "version 1 is older than the minimum 2" },
    { "name-of-the-record", DEV(A, C), RECORD("other", 1, S, NULL, A, C), LOADS,
      "the name is not sent" },
    { "embedded-record-grows", DEV(A, STRUCT_OF(IN_1), C), DEV(A, STRUCT_OF(IN_2), C), FAILS,
      "in.w: the new one reads it" },
    { "embedded-record-shrinks", DEV(A, STRUCT_OF(IN_2), C), DEV(A, STRUCT_OF(IN_1), C), FAILS,
      "in.w: the new one does not" },
    { "record-becomes-field", DEV(A, STRUCT_OF(IN_1), C), DEV(A, F_U64(S, d, .name = "in"), C),
      FAILS, "a record became a plain field" },
    { "record-becomes-pointer", DEV(A, STRUCT_OF(IN_1), C), DEV(A, POINTER_OF(ptr, IN_1), C), FAILS,
      "struct became pointer", starts_with_0x30 },
    { "pointer-becomes-record", DEV(A, POINTER_OF(ptr, IN_1), C), DEV(A, STRUCT_OF(IN_1), C), FAILS,
      "pointer became struct", no_pointer },
    { "record-becomes-list", DEV(A, STRUCT_OF(IN_1), C), DEV(A, LIST_TO(4, IN_1), C), FAILS,
      "field 1 is 'list'" },
    { "listed-record-grows", DEV(A, LIST_TO(4, IN_1), C), DEV(A, LIST_TO(4, IN_2), C), FAILS,
      "list.w:" },
    { "elements", DEV(A, ARRAY(4), C), DEV(A, ARRAY(3), C), FAILS, "4 elements became 3" },
    { "most-elements", DEV(F_U32(S, n), ARRAY(4, VARIES), C), DEV(F_U32(S, n), ARRAY(3, VARIES), C),
      MAY_FAIL, "refused where there are more than 3", four },
    { "more-elements-possible", DEV(F_U32(S, n), ARRAY(3, VARIES), C),
      DEV(F_U32(S, n), ARRAY(4, VARIES), C), LOADS },
    { "number-of-elements-is-no-more-sent", DEV(F_U32(S, n), ARRAY(4, VARIES), C),
      DEV(F_U32(S, n), ARRAY(4), C), FAILS, "of a number that is sent" },
    { "elements-by-configuration", DEV(F_U32(S, n, .flags = FIELD_LOCAL), ARRAY(4, VARIES), C),
      DEV(F_U32(S, n, .flags = FIELD_LOCAL), ARRAY(4, VARIES), C), FAILS, "2 elements became 4",
      .mine = four },
    { "range-narrower", DEV(F_U8(S, a, .max = 5), C), DEV(F_U8(S, a, .max = 1), C), MAY_FAIL,
      "refused where it is not 0 to 1", a_is_2 },
    { "range-of-signed", DEV(F_I32(S, i), C), DEV(F_I32(S, i, .min = (uint64_t)-2, .max = 9), C),
      MAY_FAIL, "refused where it is not -2 to 9", .state = NULL },
    { "range-wider", DEV(F_U8(S, a, .max = 1), C), DEV(F_U8(S, a, .max = 5), C), LOADS },
    { "flag", DEV(A, C), DEV(F_BOOL(S, flag, .name = "a"), C), MAY_FAIL, "neither 0 nor 1",
      a_is_2 },
    { "no-flag", DEV(F_BOOL(S, flag), C), DEV(F_U8(S, u, .name = "flag"), C), LOADS,
      "bool became u8" },
    { "must-be-equal", DEV(A, C), DEV(F_U8(S, a, .flags = FIELD_EQUAL), C), MAY_FAIL,
      "is not equal to", a_is_2 },
    { "must-be-at-most", DEV(A, C), DEV(F_U8(S, a, .flags = FIELD_AT_MOST), C), MAY_FAIL,
      "is not at most to", a_is_2 },
    { "bytes", DEV(A, F_BUFFER(S, buf), C),
      DEV(A, { .name = "buf", .kind = FIELD_BUFFER, .offset = offsetof(S, buf), .size = 7 }, C),
      FAILS, "8 bytes became 7" },
    { "bytes-become-a-number", DEV(A, F_BUFFER(S, buf)), DEV(A, F_U64(S, d, .name = "buf")), FAILS,
      "buffer became u64" },
    { "longest-blob", DEV(A, BLOB(8), C), DEV(A, BLOB(4), C), MAY_FAIL,
      "refused where it is longer than 4", more },
    { "longest-list", DEV(A, LIST_TO(4, IN_1), C), DEV(A, LIST_TO(1, IN_1), C), MAY_FAIL,
      "refused where it is longer than 1", more },
    { "no-longer-used", DEV(A, B, C), DEV(A, F_UNUSED(2), C), LOADS, "the new one ignores it" },
    { "used-from-now-on", DEV(A, F_UNUSED(2), C), DEV(A, B, C), LOADS, "zero where" },
    { "unused-of-another-size", DEV(A, B, C), DEV(A, F_UNUSED(3), C), FAILS, "2 bytes became 3" },
    { "may-be-left-out", DEV(A, F_U16(S, b, .present = not_skipped), C), DEV(A, B, C), MAY_FAIL,
      "left out", skipping },
    { "unknown-subsection", SUBS(LIST_OF(X, Y)), SUBS(LIST_OF(Y)), MAY_FAIL,
      "dev/x: refused when it is sent", with_x },
    { "added-subsection", SUBS(LIST_OF(Y)), SUBS(LIST_OF(X, Y)), LOADS, "only the new one has it" },
    { "subsection-grows", SUBS(LIST_OF(X)), SUBS(LIST_OF(X_WIDE)), FAILS,
      "dev/x.b: the new one reads it", with_x },
    { "subsection-too-new", SUBS(LIST_OF(X_V2)), SUBS(LIST_OF(X)), FAILS, "version 2 is newer",
      with_x },
    { "order-of-subsections", SUBS(LIST_OF(X, Y)), SUBS(LIST_OF(Y, X)), MAY_FAIL,
      "whose order changed", with_x_y, .v3 = LOADS, .v3_differs = true },
    { "subsection-behind-a-property", SUBS(LIST_OF(X_GATED)), SUBS(LIST_OF(X_GATED)), MAY_FAIL,
      "dev/x: refused when it is sent", with_x, .off_in_new = true },
    { "field-behind-a-property", MARKED, MARKED, FAILS, "field 1 is 'c'", .off_in_new = true },
    { "field-behind-a-property-of-the-old", MARKED, MARKED, FAILS, "field 1 is 'b'",
      .off_in_old = true },
    { "both-behind-a-property", MARKED, MARKED, LOADS, .off_in_old = true, .off_in_new = true },
};

/* ---- what happens ---- */

static const Field *find(const Record *r, const char *name)
{
    for (const Field *f = r->fields; f->kind != FIELD_END; f++) {
        if (!strcmp(f->name, name)) {
            return f;
        }
    }
    return NULL;
}

static bool is_zero(const uint8_t *at, size_t n)
{
    return n == 0 || (!at[0] && !memcmp(at, at + 1, n - 1));
}

/* Has every field of the new shape the value that the field of this name had in the old one, else none? */
static bool means_the_same(const Record *old, const Record *new, const void *sent,
                           const void *loaded)
{
    const uint8_t *was = sent, *is = loaded;

    for (const Field *f = new->fields; f->kind != FIELD_END; f++) {
        const Field *o = find(old, f->name);
        size_t n = f->size * MAX(f->count, 1u);

        bool off = (f->flags & FIELD_GATED) && !f->present(loaded, 1);
        if (f->kind > FIELD_BUFFER || off || (f->flags & (FIELD_LOCAL | FIELD_VARRAY))) {
            continue;
        }
        if (o ? memcmp(was + o->offset, is + f->offset, n) : !is_zero(is + f->offset, n)) {
            return false;
        }
    }
    return true;
}

static bool really_loads(const Difference *d, StreamFormat format, void (*state)(S *s))
{
    static const uint8_t footer[] = { STREAM_FOOTER, 0, 0, 0, 77, STREAM_EOF };
    S *sent = state_new(state), *mine = state_new(d->mine), loaded = { 0 };
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;
    ByteReader r;

    sent->sends = !d->off_in_old;
    mine->sends = !d->off_in_new;
    byte_writer_init(&w);
    record_encode(d->old, sent, format, &w);
    size_t n = w.len;
    byte_writer_bytes(&w, footer, sizeof(footer));
    byte_reader_init(&r, w.data, w.len);
    bool ok = record_decode(d->new, d->old->version, format, &r, &loaded, mine, NULL, &error);
    ok = ok && byte_reader_pos(&r) == n && means_the_same(d->old, d->new, sent, &loaded);
    g_test_message("%s, version %d: %s", d->name, format,
                   ok      ? "loads"
                   : error ? error->message
                           : "misread");
    record_clear(d->new, &loaded);
    state_free(sent);
    state_free(mine);
    return ok;
}

/* ---- what is said ---- */

static void write_dump(const char *path, StreamFormat format, bool new)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "{\"vmschkmachine\":{\"Name\":\"m\",\"stream_version\":%d}", format);
    for (size_t i = 0; i < G_N_ELEMENTS(differences); i++) {
        const Difference *d = &differences[i];
        const Record *r = new ? d->new : d->old;
        S *s = state_new(new ? d->mine : NULL);

        s->sends = new ? !d->off_in_new : !d->off_in_old;
        g_string_append_printf(
            text,
            ",\n\"<%s>\":{\"version_id\":%u,\"minimum_version_id\":%u,\"Description\":", d->name,
            r->version, r->min_version);
        record_dump(r, s, text, 0);
        g_string_append_c(text, '}');
        state_free(s);
    }
    g_string_append_c(text, '}');
    g_assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
}

/* All lines of scripts/vmstate-compat on all differences. */
static char **ask(StreamFormat format)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-compat-XXXXXX", NULL);
    g_autofree char *old = g_build_filename(dir, "old", NULL),
                    *new = g_build_filename(dir, "new", NULL);
    g_autofree char *tool =
        g_build_filename(g_getenv("G_TEST_SRCDIR"), "../../scripts/vmstate-compat", NULL);
    const char *const argv[] = { tool, old, new, NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    int status;

    write_dump(old, format, false);
    write_dump(new, format, true);
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status,
                 &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 1 << 8); /* some do not load */
    g_unlink(old);
    g_unlink(new);
    g_rmdir(dir);
    return g_strsplit(out, "\n", -1);
}

static Verdict said(char **lines, const Difference *d, const char *words)
{
    g_autofree char *name = g_strdup_printf(": <%s>", d->name);
    Verdict v = LOADS;
    bool found = !words;

    for (char **l = lines; *l; l++) {
        if (strstr(*l, name)) {
            bool bad = g_str_has_prefix(*l, "refused:") || g_str_has_prefix(*l, "misread:");

            v = bad ? FAILS : g_str_has_prefix(*l, "may be:") && v == LOADS ? MAY_FAIL : v;
            found = found || strstr(*l, words);
        }
    }
    if (!found) {
        g_error("vmstate-compat says nothing like '%s' of '%s'", words, d->name);
    }
    return v;
}

static void check(char **lines, const Difference *d, StreamFormat format)
{
    bool other = format < STREAM_V4 && d->v3_differs;
    Verdict expected = other ? d->v3 : d->verdict;
    Verdict v = said(lines, d, other ? NULL : d->words);

    if (v != expected) {
        g_error("vmstate-compat says %d of '%s' in version %d, not %d", v, d->name, format,
                expected);
    }
    if (v == MAY_FAIL && d->state) {
        g_assert_true(really_loads(d, format, NULL)); /* and another state may not */
    }
    if (really_loads(d, format, d->state) != (v == LOADS)) {
        g_error("'%s' in version %d: vmstate-compat says %d, and it is not so", d->name, format, v);
    }
}

static void test_verdicts(gconstpointer format)
{
    g_auto(GStrv) lines = ask(GPOINTER_TO_INT(format));

    for (size_t i = 0; i < G_N_ELEMENTS(differences); i++) {
        check(lines, &differences[i], GPOINTER_TO_INT(format));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/compat/version-3-loads-what-the-comparison-says", GINT_TO_POINTER(3),
                         test_verdicts);
    g_test_add_data_func("/compat/version-4-loads-what-the-comparison-says", GINT_TO_POINTER(4),
                         test_verdicts);
    return g_test_run();
}
