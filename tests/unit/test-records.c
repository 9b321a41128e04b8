/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every record of every machine: it meets the registration rules, what it saves loads and is saved again
 * the same, and no way to take a subsection out of its place, cut it, rename it or send it to a
 * machine that lacks it is misread.
 */
#include <malloc.h>
#include <string.h>
#include "effort.h"
#include "record-case.h"
#include "records-kept.h"
#include "saved-fuzz.h"

/* ---- shape ---- */

static void check_shape(Case *c)
{
    g_autofree char *problem = record_check(c->record);

    if (problem) {
        FAIL(c, "malformed:", "%s", problem);
    }
    wire_check_marks(c->record);
}

/* EVIDENCE: MIG-WIRE-026 */
static void test_shapes(gconstpointer row)
{
    case_each(row, NULL, false, check_shape);
}

/* ---- round trips ---- */

/* Installs a saved form; what the device then saves is in @w. */
static void install_and_save(Case *c, const void *saved, ByteWriter *w)
{
    const SectionOps *ops = c->section->desc->ops;
    void *again = g_malloc0(c->record->size);

    ops->install(c->section->owner, saved);
    if (ops->installed) {
        ops->installed(c->section->owner);
    }
    ops->save(c->section->owner, again);
    case_encode(c, again, w);
    record_clear(c->record, again);
    g_free(again);
}

static bool same(const ByteWriter *a, const ByteWriter *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* The section's own version, as its header says it. */
static void check_versions(Case *c)
{
    static const uint32_t add[] = { 1, 256, 65536, 0x80000000u };
    g_auto(ByteWriter) w;

    case_encode(c, c->mine, &w);
    for (unsigned i = 0; i <= G_N_ELEMENTS(add); i++) {
        bool older = i == G_N_ELEMENTS(add);
        uint32_t version = older ? c->record->min_version - 1 : c->record->version + add[i];
        g_autofree void *loaded = g_malloc0(c->record->size);
        g_autofree char *words = g_strdup_printf("version %u is not supported", version);
        g_autoptr(GError) error = NULL;

        if (older && !c->record->min_version) {
            break;
        }
        if (case_load_as(c, c->record, version, w.data, w.len, loaded, &error) ||
            !strstr(error->message, words)) {
            FAIL(c, "taken, or refused in other words:", "version %u", version);
        }
        record_clear(c->record, loaded);
    }
}

static void check_round_trip(Case *c)
{
    const SectionOps *ops = c->section->desc->ops;
    g_autofree void *loaded = g_malloc0(c->record->size);
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) first, second = { 0 };

    c->as_machine = true;
    case_encode(c, c->mine, &first);
    if (!case_load(c, first.data, first.len, loaded, &error) ||
        (ops->check && !ops->check(c->section->owner, loaded, &error))) {
        FAIL(c, "its own state is refused:", "%s", error->message);
    }
    if (c->left_out) {
        FAIL(c, "of its own state", "%u subsections are left out", c->left_out);
    }
    install_and_save(c, loaded, &second);
    if (!same(&first, &second)) {
        FAIL(c, "another state is saved after it was loaded", " ");
    }
    record_clear(c->record, loaded);
}

/* Of a section in parts: what comes before its end is read, and nothing of it is kept. */
static bool is_part(const Case *c)
{
    return c->record == c->section->desc->start;
}

static void check_part(Case *c)
{
    g_autofree void *loaded = g_malloc0(c->record->size);
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) first, second;

    case_encode(c, c->mine, &first);
    if (!case_load(c, first.data, first.len, loaded, &error)) {
        FAIL(c, "its own part is refused:", "%s", error->message);
    }
    case_encode(c, loaded, &second);
    if (!same(&first, &second)) {
        FAIL(c, "a part is not what was sent", " ");
    }
    record_clear(c->record, loaded);
}

static void check_trip(Case *c)
{
    if (is_part(c)) {
        check_part(c);
    } else {
        check_round_trip(c);
    }
}

/* EVIDENCE: MIG-WIRE-027 */
static void test_round_trips(gconstpointer row)
{
    case_each(row, NULL, false, check_trip);
}

/* EVIDENCE: MIG-WIRE-004 */
static void test_versions(gconstpointer row)
{
    case_each(row, NULL, false, check_versions);
}

/* ---- subsections ---- */

typedef struct {
    WireNode *parent, *sub;
    guint at; /* in parent->subs */
    Case *c;
} Place;

static WireNode *take_out(const Place *p)
{
    return g_ptr_array_steal_index(p->parent->subs, p->at);
}

static void put_back(const Place *p)
{
    g_ptr_array_insert(p->parent->subs, (gint)p->at, p->sub);
}

/* Loads the tree as it is now; NULL: taken, else what the loader said. */
static char *verdict_as(const Place *p, const Record *record, void **out)
{
    Case *c = p->c;
    void *saved = g_malloc0(c->record->size);
    GError *error = NULL;
    char *words = NULL;
    g_auto(ByteWriter) w;

    case_write_tree(c, c->tree, &w);
    if (!case_load_as(c, record, record->version, w.data, w.len, saved, &error)) {
        words = g_strdup(error->message);
        g_error_free(error);
    }
    if (out && !words) {
        *out = saved;
    } else {
        record_clear(c->record, saved);
        g_free(saved);
    }
    return words;
}

/* A refusal begins with the path: of this record, or where it goes on after its end, of the section (in version 3 it may go
   on to the end of the stream: the reader of sections says which one it was in). */
static void assert_named(const Case *c, const char *said)
{
    g_autofree char *record = g_strdup_printf("'%s'", c->record->name);
    g_autofree char *section = g_strdup_printf("section '%s': ", c->section->idstr);

    bool at_end = c->format < STREAM_V4 && strstr(said, "the stream ends early");

    if (!g_str_has_prefix(said, record) && !g_str_has_prefix(said, section) && !at_end) {
        FAIL(c, "refused without its path:", "%s", said);
    }
}

static void expect_refusal(const Place *p, const char *what, const char *words)
{
    g_autofree char *said = verdict_as(p, p->c->record, NULL);

    if (!said) {
        FAIL(p->c, what, "of '%s' is taken", p->sub->name);
    }
    if (!strstr(said, words)) {
        FAIL(p->c, what, "of '%s' is refused with \"%s\", not \"%s\"", p->sub->name, said, words);
    }
    assert_named(p->c, said);
}

/* The same stream, with only this one's content not as it was. */
static void same_but_for_it(const Place *p, void *saved, const char *what)
{
    Case *c = p->c;
    g_auto(ByteWriter) theirs, ours;

    wire_mark_all(c->record, saved);
    WireNode *tree = wire_tree_new(c->record, saved, c->format);
    g_autoptr(GPtrArray) mine = wire_tree_parents(c->tree), other = wire_tree_parents(tree);
    WireNode *ours_parent = p->parent;
    guint index;
    g_assert_cmpuint(mine->len, ==, other->len);
    g_assert_true(g_ptr_array_find(mine, ours_parent, &index));
    WireNode *lost =
        g_ptr_array_steal_index(((WireNode *)g_ptr_array_index(other, index))->subs, p->at);
    WireNode *kept = take_out(p);
    case_write_tree(c, c->tree, &ours);
    case_write_tree(c, tree, &theirs);
    if (ours.len != theirs.len || memcmp(ours.data, theirs.data, ours.len)) {
        FAIL(c, what, "of '%s': something else was read", p->sub->name);
    }
    g_ptr_array_insert(p->parent->subs, (gint)p->at, kept);
    wire_tree_free(lost);
    wire_tree_free(tree);
}

static void deleted(const Place *p)
{
    void *saved = NULL;
    WireNode *sub = take_out(p);
    g_autofree char *said = verdict_as(p, p->c->record, &saved);

    g_ptr_array_insert(p->parent->subs, (gint)p->at, sub);
    if (said) {
        FAIL(p->c, "a stream without", "'%s' is refused: %s", p->sub->name, said);
    }
    if (sub->record->has_present) {
        same_but_for_it(p, saved, "the absence");
    }
    record_clear(p->c->record, saved);
    g_free(saved);
}

static void doubled(const Place *p)
{
    g_autofree char *words = g_strdup_printf("subsection '%s' comes twice", p->sub->name);

    put_back(p);
    expect_refusal(p, "the double", words);
    take_out(p);
}

static void renamed(const Place *p)
{
    char *name = p->sub->name;
    const char *record = p->parent->record->name;
    bool v4 = p->c->format >= STREAM_V4;
    g_autofree char *ours = g_strdup_printf("%s/of-another-build", record);
    g_autofree char *longer = g_strdup_printf("%s2", name);
    const char *const names[] = { ours, "stranger/part", longer, "x", "" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        bool prefixed = i == 0 || (i == 2 && !p->sub->record->legacy_name);
        g_autofree char *words =
            v4 || prefixed ? g_strdup_printf("unknown subsection '%s' of '%s'", names[i], record)
                           : g_strdup("");

        p->sub->name = (char *)names[i];
        expect_refusal(p, "another name", words);
        p->sub->name = name;
    }
}

static void reordered(const Place *p)
{
    gpointer *list = p->parent->subs->pdata;
    void *saved = NULL;

    if (p->at + 1 == p->parent->subs->len) {
        return;
    }
    list[p->at] = list[p->at + 1];
    list[p->at + 1] = p->sub;
    if (p->c->format >= STREAM_V4) {
        expect_refusal(p, "another order", "before which it belongs");
    } else {
        g_autofree char *said = verdict_as(p, p->c->record, &saved);
        if (said) {
            FAIL(p->c, "another order", "of '%s' is refused: %s", p->sub->name, said);
        }
    }
    list[p->at + 1] = list[p->at];
    list[p->at] = p->sub;
    if (saved) {
        same_but_for_it(p, saved, "another order");
        record_clear(p->c->record, saved);
        g_free(saved);
    }
}

#define CUTS 96 /* of one subsection */

/* What nobody can tell from the record alone, since none says how long it is (the frames of version 4 do): in version 3, cut
   off in front of its own subsections it is one that has none; in both, where those behind it are as long as what is
   lost, they are read in its place. */
static bool looks_whole(const Case *c, size_t whole, size_t end, size_t kept_to)
{
    g_autofree uint8_t *ends = g_malloc0(whole + 1);
    size_t filled_to = end + (end - kept_to);

    wire_tree_mark_ends(c->tree, c->format, ends);
    return (c->format < STREAM_V4 && wire_tree_begins(c->tree, c->format, kept_to)) ||
           (filled_to <= whole && ends[filled_to]);
}

/* Of its bytes only the first few come, then what follows it: each number of them, of a long one some. */
static void cut(const Place *p)
{
    Case *c = p->c;
    size_t start, end;
    g_auto(ByteWriter) whole;

    case_write_tree(c, c->tree, &whole);
    wire_tree_find(c->tree, c->format, p->sub, &start, &end);
    size_t len = end - start, step = g_test_slow() ? 1 : 1 + len / CUTS;
    for (size_t kept = 1; kept < len; kept += kept < 32 || len - kept < 32 ? 1 : step) {
        void *saved = g_malloc0(c->record->size);
        g_autofree uint8_t *bytes = g_malloc(whole.len);
        g_autoptr(GError) error = NULL;
        size_t n = whole.len - (len - kept);

        memcpy(bytes, whole.data, start + kept);
        memcpy(bytes + start + kept, whole.data + end, whole.len - end);
        if (!case_load(c, bytes, n, saved, &error)) {
            assert_named(c, error->message);
        } else if (!looks_whole(c, whole.len, end, start + kept)) {
            FAIL(c, "a cut", "of '%s' behind %zu of %zu bytes is taken", p->sub->name, kept, len);
        }
        record_clear(c->record, saved);
        g_free(saved);
    }
}

/* To @to, at its end. In version 3 one stream may stand for several places (the tail of the last
   record is that of the outer one): then it must mean the one that is right. */
static void moved(const Place *p, WireNode *to, const char *what)
{
    g_autofree char *words =
        g_strdup_printf("unknown subsection '%s' of '%s'", p->sub->name, to->record->name);
    void *saved = NULL;
    WireNode *sub = take_out(p);

    g_ptr_array_add(to->subs, sub);
    if (p->c->format >= STREAM_V4) {
        expect_refusal(p, what, words);
    } else {
        g_free(verdict_as(p, p->c->record, &saved));
    }
    g_ptr_array_steal_index(to->subs, to->subs->len - 1);
    g_ptr_array_insert(p->parent->subs, (gint)p->at, sub);
    if (saved) {
        same_but_for_it(p, saved, what);
        record_clear(p->c->record, saved);
        g_free(saved);
    }
}

static void moved_to_child(const Place *p)
{
    g_autoptr(GPtrArray) children = wire_tree_children(p->parent);

    for (guint i = 0; i < MIN(children->len, 20u); i++) {
        moved(p, g_ptr_array_index(children, i), "the move to a child");
    }
    for (guint i = 0; i < p->parent->subs->len; i++) {
        if (i != p->at) {
            moved(p, g_ptr_array_index(p->parent->subs, i), "the move to a sister");
        }
    }
}

static void moved_to_parent(const Place *p)
{
    for (WireNode *up = p->parent->parent; up; up = up->parent) {
        moved(p, up, "the move to a parent");
    }
}

static void unknown_there(const Place *p)
{
    g_autoptr(GPtrArray) arena = g_ptr_array_new_with_free_func(g_free);
    const Record *older = wire_record_without(p->c->record, p->sub->record, arena);
    g_autofree char *said = verdict_as(p, older, NULL);

    if (!said) {
        FAIL(p->c, "a build that lacks", "'%s' takes it", p->sub->name);
    }
    assert_named(p->c, said);
    if ((p->c->format >= STREAM_V4 || !p->sub->record->legacy_name) &&
        !strstr(said, p->sub->name)) {
        FAIL(p->c, "a build that lacks", "'%s' says: %s", p->sub->name, said);
    }
}

static void other_version(const Place *p)
{
    static const uint32_t add[] = { 1, 256, 65536, 0x80000000u };

    for (unsigned i = 0; i < G_N_ELEMENTS(add); i++) {
        g_autofree char *words = g_strdup_printf("'%s': version %u is not supported", p->sub->name,
                                                 p->sub->record->version + add[i]);

        p->sub->version += add[i];
        expect_refusal(p, "another version", words);
        p->sub->version -= add[i];
    }
}

static void (*const mutations[])(const Place *p) = {
    deleted,        doubled,         renamed,       reordered,     cut,
    moved_to_child, moved_to_parent, unknown_there, other_version,
};

static void check_subsections(Case *c)
{
    g_autoptr(GPtrArray) parents = wire_tree_parents(c->tree);
    g_autofree char *whole = verdict_as(&(Place){ .c = c }, c->record, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    if (whole) {
        FAIL(c, "with all its subsections it is refused:", "%s", whole);
    }
    for (guint i = 0; i < parents->len; i++) {
        WireNode *parent = g_ptr_array_index(parents, i);

        if (!g_hash_table_add(seen, (gpointer)parent->record) && i % 16) {
            continue; /* one of many alike */
        }
        for (guint at = 0; at < parent->subs->len; at++) {
            Place p = { parent, g_ptr_array_index(parent->subs, at), at, c };

            for (unsigned m = 0; m < G_N_ELEMENTS(mutations); m++) {
                mutations[m](&p);
            }
        }
    }
}

/* EVIDENCE: MIG-WIRE-021, MIG-WIRE-022, MIG-WIRE-025 */
static void test_subsections(gconstpointer row)
{
    static GHashTable *once;

    once = once ? once : g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    case_each(row, once, false, check_subsections);
}

/* ---- any byte behind an embedded record ---- */

/* Where the first embedded record ends. */
static size_t after_first_record(const Case *c)
{
    size_t at = 0;

    for (guint i = 0; i < c->tree->parts->len; i++) {
        const WirePart *part = &g_array_index(c->tree->parts, WirePart, i);

        if (part->node) {
            g_auto(ByteWriter) w;

            case_write_tree(c, part->node, &w);
            return at + w.len;
        }
        at += part->bytes->len;
    }
    return SIZE_MAX;
}

/* What is taken must be what was sent. */
static void check_bytes(Case *c, const ByteWriter *plain, const uint8_t *bytes, size_t at)
{
    void *saved = g_malloc0(c->record->size);
    g_autoptr(GError) error = NULL;

    if (case_decode(c, bytes, plain->len, saved, &error)) {
        g_auto(ByteWriter) again;

        wire_mark_all(c->record, saved);
        WireNode *tree = wire_tree_new(c->record, saved, c->format);
        case_write_tree(c, tree, &again);
        if (!wire_reads_as(&again, plain, bytes)) {
            FAIL(c, "byte", "%zu with 0x%02x is misread", at, bytes[at]);
        }
        wire_tree_free(tree);
    } else {
        assert_named(c, error->message);
    }
    record_clear(c->record, saved);
    g_free(saved);
}

#define DECODED (8u << 20) /* bytes, for the positions of one record and one value */

/* Where values are put: all places behind the first embedded record, but in a large record (without -m slow) only those
   where a record has just ended, and the three bytes that follow, and every so many others. */
static uint8_t *places(const Case *c, size_t len, size_t stride)
{
    uint8_t *chosen = g_malloc0(len + 4);
    size_t first = after_first_record(c);
    g_autofree uint8_t *ends = g_malloc0(len + 4);

    wire_tree_mark_ends(c->tree, c->format, ends);
    for (size_t at = first, n = 0; at < len; at++) {
        bool end = ends[at] && n++ % (1 + stride / 64) == 0;

        chosen[at] |= (at - first) % stride == 0;
        for (size_t k = 0; k < 4; k++) {
            chosen[at + k] |= end;
        }
    }
    return chosen;
}

static void check_bytes_behind(Case *c)
{
    static const uint8_t values[] = { 5, 6, 0 };
    static const size_t runs[] = { 1, 8 };
    g_auto(ByteWriter) plain;

    case_write_tree(c, c->tree, &plain);
    uint64_t all = (uint64_t)plain.len * plain.len, budget = (uint64_t)test_effort(DECODED);
    size_t stride = g_test_slow() ? 1 : 1 + all / budget;
    g_autofree uint8_t *chosen = places(c, plain.len, stride);
    for (size_t at = 0; at < plain.len; at++) {
        for (unsigned i = 0; chosen[at] && i < G_N_ELEMENTS(values) * G_N_ELEMENTS(runs); i++) {
            size_t n = MIN(runs[i / G_N_ELEMENTS(values)], plain.len - at);
            g_autofree uint8_t *bytes = g_memdup2(plain.data, plain.len);

            memset(bytes + at, values[i % G_N_ELEMENTS(values)], n);
            check_bytes(c, &plain, bytes, at);
        }
    }
}

/* EVIDENCE: MIG-WIRE-021, MIG-WIRE-022 */
static void test_bytes_behind(gconstpointer row)
{
    static GHashTable *once;

    once = once ? once : g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    case_each(row, once, false, check_bytes_behind);
}

/* ---- fuzzed states ---- */

static void restore(Case *c)
{
    c->section->desc->ops->install(c->section->owner, c->mine);
    if (c->section->desc->ops->installed) {
        c->section->desc->ops->installed(c->section->owner);
    }
}

static bool may_change(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(not_kept); i++) {
        if (g_pattern_match_simple(not_kept[i].path, path)) {
            return true;
        }
    }
    return false;
}

/* Once a device made something else of it, that stays: it is a state of its own. */
static void check_stays(Case *c, const ByteWriter *first, const char *path)
{
    const SectionOps *ops = c->section->desc->ops;
    void *loaded = g_malloc0(c->record->size);
    g_autoptr(GError) error = NULL;

    if (!case_decode(c, first->data, first->len, loaded, &error) ||
        (ops->check && !ops->check(c->section->owner, loaded, &error))) {
        FAIL(c, "does not take back what it made of", "%s: %s", path, error->message);
    }
    g_auto(ByteWriter) second;
    install_and_save(c, loaded, &second);
    if (!same(first, &second)) {
        FAIL(c, "changes each time that it moves:", "%s", path);
    }
    record_clear(c->record, loaded);
    g_free(loaded);
}

/* Installs what was loaded; what is saved then must be it. */
static void check_installed(Case *c, const ByteWriter *sent, const void *loaded, const char *path)
{
    g_auto(ByteWriter) first;

    install_and_save(c, loaded, &first);
    if (!same(&first, sent)) {
        if (!may_change(path)) {
            g_test_message("%s: taken, and is not as it was sent: %s", c->record->name, path);
            g_test_fail(); /* and on: a new device has several */
        }
        check_stays(c, &first, path);
    }
    restore(c);
}

/* The record alone, with every subsection: what is read is what was written. */
static void check_codec(Case *c, void *saved, const char *path)
{
    void *loaded = g_malloc0(c->record->size);
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) sent, again = { 0 };

    wire_mark_all(c->record, saved);
    WireNode *tree = wire_tree_new(c->record, saved, c->format);
    case_write_tree(c, tree, &sent);
    wire_tree_free(tree);
    if (case_decode(c, sent.data, sent.len, loaded, &error)) {
        wire_mark_all(c->record, loaded);
        tree = wire_tree_new(c->record, loaded, c->format);
        case_write_tree(c, tree, &again);
        wire_tree_free(tree);
        if (again.len != sent.len || memcmp(again.data, sent.data, again.len)) {
            FAIL(c, "does not come back as sent:", "%s", path);
        }
    } else if (!*error->message) {
        FAIL(c, "is refused without words:", "%s", path);
    }
    record_clear(c->record, loaded);
    g_free(loaded);
}

/* With the device: what it takes is what it has. */
static void check_fuzzed(Case *c, GRand *rand, unsigned leaf)
{
    const SectionOps *ops = c->section->desc->ops;
    void *saved = g_malloc0(c->record->size), *loaded = g_malloc0(c->record->size);
    char path[256];
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) sent;

    ops->save(c->section->owner, saved);
    saved_change(rand, c->record, saved, leaf, path);
    case_encode(c, saved, &sent);
    if (is_part(c)) {
        check_codec(c, saved, path);
        record_clear(c->record, saved);
        g_free(saved);
        g_free(loaded);
        return;
    }
    c->as_machine = true;
    if (case_decode(c, sent.data, sent.len, loaded, &error) &&
        (!ops->check || ops->check(c->section->owner, loaded, &error))) {
        if (!c->left_out) {
            check_installed(c, &sent, loaded, path);
        }
    }
    c->as_machine = false;
    if (error && !*error->message) {
        FAIL(c, "is refused without words:", "%s", path);
    }
    if (g_rand_int_range(rand, 0, 4) == 0) {
        check_codec(c, saved, path);
    }
    record_clear(c->record, saved);
    record_clear(c->record, loaded);
    g_free(saved);
    g_free(loaded);
}

static void check_all_fuzzed(Case *c)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(17);
    g_auto(ByteWriter) w;

    case_encode(c, c->mine, &w);
    unsigned leaves = saved_leaves(c->record, c->mine);
    unsigned tries = MIN(leaves, (unsigned)(g_test_slow() ? 3000 : 200000 / w.len + 20));
    tries = g_test_slow() ? tries : MIN(tries, test_effort(250));
    for (unsigned i = 0; i < tries; i++) {
        unsigned leaf = leaves > tries ? (unsigned)g_rand_int_range(rand, 0, (gint32)leaves) : i;

        for (unsigned k = 0; k < 4; k++) {
            check_fuzzed(c, rand, leaf);
        }
    }
}

/* EVIDENCE: MIG-WIRE-027 */
static void test_fuzzed(gconstpointer row)
{
    static GHashTable *once;

    if (TEST_SANITIZED &&
        !g_test_slow()) { /* minutes; the fuzz target `vmstate` does the same under the sanitizers */
        g_test_skip("in a sanitized build only with -m slow");
        return;
    }
    once = once ? once : g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    case_each(row, once, true, check_all_fuzzed);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(gconstpointer row);
    } tests[] = {
        { "every-record-meets-the-rules", test_shapes },
        { "what-is-saved-loads-and-is-saved-again-the-same", test_round_trips },
        { "another-version-is-refused-and-257-is-not-1", test_versions },
        { "a-subsection-out-of-its-place-is-refused-by-name", test_subsections },
        { "no-byte-behind-an-embedded-record-is-misread", test_bytes_behind },
        { "any-state-comes-back-the-same-or-is-refused", test_fuzzed },
    };

    g_test_init(&argc, &argv, NULL);
    mallopt(M_MMAP_THRESHOLD,
            64 << 20); /* large records come and go many times: no fresh pages for each */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    for (size_t m = 0; m < machine_rows_n; m++) {
        for (size_t t = 0; t < G_N_ELEMENTS(tests); t++) {
            g_autofree char *path =
                g_strdup_printf("/records/%s%s%s/%s", machine_rows[m].name,
                                machine_rows[m].variant ? "-" : "",
                                machine_rows[m].variant ? machine_rows[m].variant : "",
                                tests[t].name);

            g_test_add_data_func(path, &machine_rows[m], tests[t].fn);
        }
    }
    return g_test_run();
}
