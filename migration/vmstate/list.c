/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The subsections that a section's stream may hold, at whatever depth: for the manifest. A compat property may switch
 * one off, and one may need something of the receiver; where either is so, the device's state is looked at.
 */
#include "codec-priv.h"
#include "migration/vmstate/registry.h"

/* Is there a choice in it that was made when the device was plugged? */
static bool has_fixed(const Record *record)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (f->record && ((f->flags & FIELD_FIXED) || has_fixed(f->record))) {
            return true;
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if (has_fixed(*s)) {
            return true;
        }
    }
    return false;
}

typedef struct {
    const Section *section;
    SubsectionVisit *visit;
    void *opaque;
    bool tell_idle;
} Listing;

/* Does what the device is like matter to its list? */
static bool depends_on_state(const Record *record)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        bool gated = (f->flags & FIELD_GATED) && !(f->flags & FIELD_FIXED);

        if (f->record && (gated || depends_on_state(f->record))) {
            return true;
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if ((*s)->gate || (*s)->supported || depends_on_state(*s)) {
            return true;
        }
    }
    return false;
}

static void list_record(const Listing *l, const Record *record, const void *saved, bool sent,
                        bool idle);

static void list_elements(const Listing *l, const Field *f, const void *saved, bool sent, bool idle)
{
    const uint8_t *at = (const uint8_t *)saved + f->offset;
    uint32_t n = f->kind == FIELD_STRUCT ? field_count(f, saved) : 0;

    for (uint32_t i = 0; i < n; i++) {
        list_record(l, f->record, at + i * f->size, sent, idle);
    }
    if (f->kind != FIELD_STRUCT || n < f->count) { /* others may be there later */
        list_record(l, f->record, NULL, sent, idle);
    }
}

static void list_subsection(const Listing *l, const Record *sub, const void *saved, bool sent,
                            bool idle)
{
    g_autoptr(GError) error = NULL;
    SubsectionListed row = { .record = sub, .sent = sent && subsection_known(sub, saved) };

    row.idle = idle || !row.sent || (l->tell_idle && saved && !sub->needed(saved));
    if (!row.sent && !sub->supported) {
        return; /* unknown here, as a receiver too */
    }
    if (sub->supported && !sub->supported(l->section->owner, &error)) {
        row.missing = error ? error->message : "it is not supported here";
    }
    l->visit(&row, l->opaque);
    list_record(l, sub, saved, row.sent, row.idle);
}

/* @saved NULL: nothing is known of the state. */
static void list_record(const Listing *l, const Record *record, const void *saved, bool sent,
                        bool idle)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (!f->record) {
            continue;
        }
        if (saved && field_present(f, saved, record->version)) {
            list_elements(l, f, saved, sent, idle);
        } else if (!saved || !(f->flags & FIELD_GATED)) {
            list_record(l, f->record, NULL, sent, idle);
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        list_subsection(l, *s, saved, sent, idle);
    }
}

void section_subsections(const Section *section, SubsectionVisit *visit, void *opaque)
{
    const Record *record = section->desc->record;
    const Listing listing = { section, visit, opaque, depends_on_state(record) };

    if (!listing.tell_idle && !has_fixed(record)) {
        list_record(&listing, record, NULL, true, false);
        return;
    }
    g_autofree void *saved = g_malloc0(record->size);
    section->desc->ops->save(section->owner, saved);
    list_record(&listing, record, saved, true, false);
    record_clear(record, saved);
}
