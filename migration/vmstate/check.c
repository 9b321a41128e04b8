/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registration checks: the rules that every record must meet, so that a stream can never be
 * ambiguous because of the way we described our own state.
 */
#include <string.h>
#include "migration/vmstate/registry.h"

static size_t kind_size(FieldKind kind)
{
    switch (kind) {
    case FIELD_U8:
    case FIELD_I8:
    case FIELD_BOOL: return 1;
    case FIELD_U16:
    case FIELD_I16: return 2;
    case FIELD_U32:
    case FIELD_I32: return 4;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_TIMER: return 8;
    default: return 0;
    }
}

static bool kind_has_record(FieldKind kind)
{
    return kind == FIELD_STRUCT || kind == FIELD_POINTER || kind == FIELD_LIST;
}

/* Names are copied into JSON and messages as they are. */
static bool plain(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!g_ascii_isprint(*p) || *p == '"' || *p == '\\') {
            return false;
        }
    }
    return *name && strlen(name) <= 255;
}

static char *field_check(const Record *record, const Field *f)
{
    size_t want = kind_size(f->kind);
    size_t n = f->count ? f->count : 1;
    if (!f->name || !plain(f->name)) {
        return g_strdup("a field has no plain name");
    }
    if (want && f->size != want) {
        return g_strdup_printf("field '%s' has %zu bytes, its kind has %zu", f->name, f->size,
                               want);
    }
    if (!f->size) {
        return g_strdup_printf("field '%s' has no size", f->name);
    }
    if (f->kind != FIELD_UNUSED && f->offset + f->size * n > record->size) {
        return g_strdup_printf("field '%s' lies outside the saved form", f->name);
    }
    if (kind_has_record(f->kind) != (f->record != NULL)) {
        return g_strdup_printf("field '%s': its kind and its record do not fit", f->name);
    }
    if (f->kind == FIELD_STRUCT && f->record->size != f->size) {
        return g_strdup_printf("field '%s' has %zu bytes, record '%s' has %zu", f->name, f->size,
                               f->record->name, f->record->size);
    }
    if ((f->kind == FIELD_VBUFFER || f->kind == FIELD_LIST) && !f->max_len) {
        return g_strdup_printf("field '%s' has no maximum length", f->name);
    }
    if ((f->flags & FIELD_VARRAY) && !f->count) {
        return g_strdup_printf("field '%s' has no maximum count", f->name);
    }
    if ((f->flags & FIELD_GATED) && !f->present) {
        return g_strdup_printf("field '%s' is gated, by nothing", f->name);
    }
    if (((f->flags & FIELD_VARRAY) || f->kind == FIELD_VBUFFER) &&
        f->count_offset + (f->count_bytes ? f->count_bytes : 4u) > record->size) {
        return g_strdup_printf("field '%s': its count lies outside the saved form", f->name);
    }
    return NULL;
}

static char *subsection_check(const Record *parent, const Record *sub)
{
    size_t len = strlen(parent->name);
    bool prefixed =
        !strncmp(sub->name, parent->name, len) && sub->name[len] == '/' && sub->name[len + 1];
    if (!prefixed && !sub->legacy_name) {
        return g_strdup_printf("subsection '%s' is not called '%s/...'", sub->name, parent->name);
    }
    if (!sub->needed) {
        return g_strdup_printf("subsection '%s' has no needed()", sub->name);
    }
    if (sub->size != parent->size) {
        return g_strdup_printf("subsection '%s' has another saved form than '%s'", sub->name,
                               parent->name);
    }
    return NULL;
}

/* Where the walk is: the record and those that enclose it. */
typedef struct Walk {
    const struct Walk *outer;
    const Record *record;
    GHashTable *seen; /* names of subsections reachable in this section */
    unsigned depth;
} Walk;

/*
 * Version 3 has no mark between the last field of a record and its subsections: one whose name
 * begins with that of an embedded record would be refused by that one as its own.
 */
static char *prefix_check(const Walk *w)
{
    const char *name = w->record->name;
    size_t n = strlen(name);
    for (const Walk *o = w->outer; o; o = o->outer) {
        for (const Record *const *s = o->record->subsections; s && *s; s++) {
            if (!strncmp((*s)->name, name, n) && (*s)->name[n] == '/' &&
                strcmp(o->record->name, name)) {
                return g_strdup_printf("subsection '%s' of '%s' would be taken for one of '%s'",
                                       (*s)->name, o->record->name, name);
            }
        }
    }
    return NULL;
}

static char *shape_check(const Walk *w)
{
    const Record *r = w->record;
    if (!r->name || !plain(r->name)) {
        return g_strdup("it has no plain name of 1 to 255 bytes");
    }
    if (r->min_version > r->version) {
        return g_strdup_printf("minimum version %u is above version %u", r->min_version,
                               r->version);
    }
    if (!r->size || !r->fields || w->depth > 16) {
        return g_strdup(r->size ? "it has no fields, or nests too deep" : "it has no size");
    }
    if (r->has_present && r->present_offset >= r->size) {
        return g_strdup("its mark of presence lies outside the saved form");
    }
    return NULL;
}

static char *check(const Walk *w);

static char *check_inner(const Walk *w, const Record *inner, bool is_field)
{
    Walk next = { w, inner, w->seen, w->depth + 1 };
    char *problem = check(&next);
    return problem || !is_field ? problem : prefix_check(&next);
}

static char *check(const Walk *w)
{
    const Record *r = w->record;
    char *problem = shape_check(w);
    for (const Field *f = r->fields; !problem && f->kind != FIELD_END; f++) {
        problem = field_check(r, f);
        if (!problem && f->record) {
            problem = check_inner(w, f->record, true);
        }
    }
    for (const Record *const *s = r->subsections; !problem && s && *s; s++) {
        problem = s - r->subsections < RECORD_SUBSECTIONS_MAX
                      ? subsection_check(r, *s)
                      : g_strdup_printf("it has more than %u subsections", RECORD_SUBSECTIONS_MAX);
        const Record *other = g_hash_table_lookup(w->seen, (*s)->name);
        if (!problem && other && other != *s) {
            problem = g_strdup_printf("subsection '%s' is reachable twice", (*s)->name);
        }
        if (!problem) {
            g_hash_table_insert(w->seen, (gpointer)(*s)->name, (gpointer)*s);
            problem = check_inner(w, *s, false);
        }
    }
    return problem;
}

char *record_check(const Record *record)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    Walk w = { NULL, record, seen, 0 };
    return check(&w);
}
