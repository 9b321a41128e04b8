/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of registration, one by one: a record that breaks any of them is named, with what is wrong, and a
 * machine with such a record does not start. (That no record of any machine breaks one: test-records.c.)
 */
#include <string.h>
#include "tiny-vm.h"

typedef struct {
    uint8_t byte;
} In;
typedef struct {
    uint8_t a, *bytes;
    uint32_t n, arr[4];
    In in;
    GPtrArray *list;
} S;

static bool never(const void *saved)
{
    return saved == NULL;
}
static bool never_at(const void *saved, uint32_t version)
{
    return saved == NULL;
}

/* ---- records, each with one thing wrong ---- */

#define FIELDS(...)        \
    (const Field[])        \
    {                      \
        __VA_ARGS__, F_END \
    }
#define SUBS(...)           \
    (const Record *const[]) \
    {                       \
        __VA_ARGS__, NULL   \
    }
#define A F_U8(S, a)
#define RECORD(nm, min_, size_, ...) \
    (&(const Record){ .name = nm, .version = 1, .min_version = min_, .size = size_, __VA_ARGS__ })
#define DEV(...) RECORD("dev", 1, sizeof(S), .fields = FIELDS(__VA_ARGS__))
#define OUTER(...) \
    RECORD("dev", 1, sizeof(S), .fields = FIELDS(A), .subsections = SUBS(__VA_ARGS__))
#define BARE_SUB(nm, ...) RECORD(nm, 1, sizeof(S), .fields = FIELDS(F_U32(S, n)), __VA_ARGS__)
#define SUB(nm, ...)      BARE_SUB(nm, .needed = never, ##__VA_ARGS__)
#define INNER(nm, min_)   RECORD(nm, min_, sizeof(In), .fields = FIELDS(F_U8(In, byte)))
#define INNER_SUB(nm, ...) \
    RECORD(nm, 1, sizeof(In), .needed = never, .fields = FIELDS(F_U8(In, byte)), ##__VA_ARGS__)
#define ODD INNER_SUB("odd", .legacy_name = true)
#define WITH_SUB \
    RECORD("part", 1, sizeof(In), .fields = FIELDS(F_U8(In, byte)), .subsections = SUBS(ODD))
#define F(...)                   \
    {                            \
        .name = "f", __VA_ARGS__ \
    }
#define IN_OF(rec) \
    F(.kind = FIELD_STRUCT, .offset = offsetof(S, in), .size = sizeof(In), .record = (rec))
#define LIST    F(.kind = FIELD_LIST, .size = sizeof(void *), .record = INNER("part", 1))
#define TEXT32  "0123456789abcdef0123456789abcdef"
#define TEXT256 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32 TEXT32

static const Record shared = { .name = "part",
                               .version = 1,
                               .size = sizeof(In),
                               .fields = FIELDS(F_U8(In, byte)),
                               .subsections = SUBS(ODD) };

typedef struct {
    const char *rule;
    const Record *record;
    const char *words; /* NULL: nothing is wrong */
} Row;

static const Row rows[] = {
    { "all-is-well", OUTER(SUB("dev/x"), SUB("dev/y")), NULL },
    { "a-record-has-a-name", RECORD(NULL, 1, sizeof(S), .fields = FIELDS(A)), "no plain name" },
    { "a-name-is-not-empty", RECORD("", 1, sizeof(S), .fields = FIELDS(A)), "no plain name" },
    { "a-name-has-no-quote", RECORD("a\"b", 1, sizeof(S), .fields = FIELDS(A)), "no plain name" },
    { "a-name-fits-its-length", RECORD(TEXT256, 1, sizeof(S), .fields = FIELDS(A)),
      "it has no plain name of 1 to 255 bytes" },
    { "the-minimum-is-at-most-the-version", RECORD("dev", 2, sizeof(S), .fields = FIELDS(A)),
      "minimum version 2 is above version 1" },
    { "a-record-has-a-size", RECORD("dev", 1, 0, .fields = FIELDS(A)), "it has no size" },
    { "a-record-has-fields", RECORD("dev", 1, sizeof(S), .fields = NULL), "it has no fields" },
    { "a-mark-of-presence-is-inside",
      OUTER(SUB("dev/x", .has_present = true, .present_offset = sizeof(S))),
      "its mark of presence lies outside the saved form" },
    { "a-field-has-a-name", DEV({ .kind = FIELD_U8, .size = 1 }), "a field has no plain name" },
    { "a-field-is-as-wide-as-its-kind", DEV(F(.kind = FIELD_U32, .size = 2)),
      "field 'f' has 2 bytes, its kind has 4" },
    { "a-field-has-a-size", DEV(F(.kind = FIELD_BUFFER)), "field 'f' has no size" },
    { "a-field-is-inside", DEV(F(.kind = FIELD_U8, .size = 1, .offset = sizeof(S))),
      "field 'f' lies outside the saved form" },
    { "all-elements-are-inside", DEV(F(.kind = FIELD_U32, .size = 4, .count = sizeof(S) / 4 + 1)),
      "field 'f' lies outside the saved form" },
    { "a-struct-has-a-record", DEV(F(.kind = FIELD_STRUCT, .size = 1)),
      "its kind and its record do not fit" },
    { "an-integer-has-none", DEV(F(.kind = FIELD_U8, .size = 1, .record = &shared)),
      "its kind and its record do not fit" },
    { "a-struct-is-as-large-as-its-record",
      DEV(F(.kind = FIELD_STRUCT, .size = 2, .record = &shared)),
      "field 'f' has 2 bytes, record 'part' has 1" },
    { "bytes-of-any-number-have-a-limit", DEV(F(.kind = FIELD_VBUFFER, .size = sizeof(void *))),
      "field 'f' has no maximum length" },
    { "a-list-has-a-limit", DEV(LIST), "field 'f' has no maximum length" },
    { "an-array-of-any-number-has-a-limit",
      DEV(F(.kind = FIELD_U32, .size = 4, .flags = FIELD_VARRAY)),
      "field 'f' has no maximum count" },
    { "what-is-gated-has-a-gate", DEV(F(.kind = FIELD_U8, .size = 1, .flags = FIELD_GATED)),
      "field 'f' is gated, by nothing" },
    { "a-gate-is-enough",
      DEV(F(.kind = FIELD_U8, .size = 1, .flags = FIELD_GATED, .present = never_at)), NULL },
    { "a-count-is-inside",
      DEV(F(.kind = FIELD_U32, .size = 4, .count = 1, .flags = FIELD_VARRAY,
            .count_offset = sizeof(S) - 3)),
      "field 'f': its count lies outside the saved form" },
    { "a-subsection-is-called-after-its-record", OUTER(SUB("dev-x")),
      "subsection 'dev-x' is not called 'dev/...'" },
    { "a-leaf-has-a-name", OUTER(SUB("dev/")), "subsection 'dev/' is not called 'dev/...'" },
    { "an-exception-is-marked", OUTER(SUB("dev-x", .legacy_name = true)), NULL },
    { "a-subsection-says-when-it-is-needed", OUTER(BARE_SUB("dev/x", .needed = NULL)),
      "subsection 'dev/x' has no needed()" },
    { "a-subsection-shares-the-saved-form", OUTER(INNER_SUB("dev/x")),
      "subsection 'dev/x' has another saved form than 'dev'" },
    { "no-name-is-reachable-twice", OUTER(SUB("dev/x"), SUB("dev/x")),
      "subsection 'dev/x' is reachable twice" },
    { "nor-once-in-a-field",
      RECORD("dev", 1, sizeof(S), .fields = FIELDS(IN_OF(&shared)),
             .subsections = SUBS(SUB("odd", .legacy_name = true))),
      "subsection 'odd' is reachable twice" },
    { "nor-in-two-records-of-fields", DEV(IN_OF(&shared), IN_OF(WITH_SUB)),
      "subsection 'odd' is reachable twice" },
    { "two-fields-of-one-record-are-well", DEV(IN_OF(&shared), IN_OF(&shared)), NULL },
    { "no-embedded-record-would-take-it",
      RECORD("dev-part", 1, sizeof(S), .fields = FIELDS(IN_OF(INNER("dev", 1))),
             .subsections = SUBS(SUB("dev/x", .legacy_name = true))),
      "subsection 'dev/x' of 'dev-part' would be taken for one of 'dev'" },
    { "a-subsections-own-are-looked-at",
      OUTER(SUB("dev/x", .subsections = SUBS(BARE_SUB("dev/x/y", .needed = NULL)))),
      "subsection 'dev/x/y' has no needed()" },
    { "embedded-ones-are-looked-at", DEV(IN_OF(INNER("part", 3))),
      "minimum version 3 is above version 1" },
};

/* EVIDENCE: MIG-WIRE-026 */
static void test_rule(gconstpointer data)
{
    const Row *row = data;
    g_autofree char *problem = record_check(row->record);

    if (row->words ? !problem || !strstr(problem, row->words) : !!problem) {
        g_error("'%s' is wanted: %s", row->words, problem);
    }
}

/* ---- at the start ---- */

/* Ends this process. */
static void register_it(const SectionDesc *desc)
{
    Tiny *t = tiny_new();

    vm_lock(t->vm);
    section_register(t->vm, NULL, desc, 0, t);
}

static void assert_refused(const SectionDesc *desc)
{
    if (g_test_subprocess()) {
        register_it(desc);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*record 'dev' is malformed: it has no size*");
}

/* EVIDENCE: MIG-WIRE-026 */
static void test_start(void)
{
    assert_refused(&(const SectionDesc){ .record = RECORD("dev", 1, 0, .fields = FIELDS(A)) });
}

static void test_start_in_parts(void)
{
    assert_refused(&(const SectionDesc){ .record = DEV(A),
                                         .start = RECORD("dev", 1, 0, .fields = FIELDS(A)) });
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("/record-rules/%s", rows[i].rule);

        g_test_add_data_func(name, &rows[i], test_rule);
    }
    g_test_add_func("/record-rules/no-machine-starts-with-a-malformed-record", test_start);
    g_test_add_func("/record-rules/nor-with-a-malformed-start-of-a-section", test_start_in_parts);
    return g_test_run();
}
