/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -dump-vmstate: all that a machine's stream could ever hold, as JSON for scripts/vmstate-compat. Everything that
 * decides what goes over the wire, or is refused, is in it; nothing else is, so that the dump of a released
 * machine type stays what it is. What a compat property switches off is left out. Names need no escaping:
 * registration allows none that would.
 */
#include <inttypes.h>
#include "base/core/vm.h"
#include "codec-priv.h"
#include "migration/vmstate/registry.h"

static const char *const kind_names[] = {
    [FIELD_U8] = "u8",         [FIELD_U16] = "u16",         [FIELD_U32] = "u32",
    [FIELD_U64] = "u64",       [FIELD_I8] = "i8",           [FIELD_I16] = "i16",
    [FIELD_I32] = "i32",       [FIELD_I64] = "i64",         [FIELD_BOOL] = "bool",
    [FIELD_TIMER] = "timer",   [FIELD_BUFFER] = "buffer",   [FIELD_UNUSED] = "unused",
    [FIELD_STRUCT] = "struct", [FIELD_POINTER] = "pointer", [FIELD_VBUFFER] = "vbuffer",
    [FIELD_LIST] = "list",
};

static bool field_dumped(const Field *f, const Record *record, const void *saved)
{
    bool off = (f->flags & FIELD_GATED) && saved && !f->present(saved, record->version);
    return !(f->flags & FIELD_LOCAL) && !off;
}

/* Is the array's length the machine's own, never sent? */
static bool count_is_local(const Record *record, const Field *f)
{
    for (const Field *c = record->fields; c->kind != FIELD_END; c++) {
        if (c->offset == f->count_offset && (c->flags & FIELD_LOCAL)) {
            return true;
        }
    }
    return false;
}

/* Bytes of the fields on the wire, without what varies (pointers, lists, buffers of any length). */
static size_t fixed_bytes(const Record *record, const void *saved)
{
    size_t n = 0;
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (field_dumped(f, record, saved)) {
            const uint8_t *at = saved ? (const uint8_t *)saved + f->offset : NULL;
            size_t one = f->kind == FIELD_STRUCT    ? fixed_bytes(f->record, at)
                         : f->kind >= FIELD_POINTER ? 0
                                                    : f->size;
            n += one * MAX(f->count, 1u);
        }
    }
    return n;
}

static void dump_limits(const Field *f, bool varies, GString *out)
{
    if (f->min || f->max) {
        g_string_append_printf(out, ",\"min\":\"0x%" PRIx64 "\",\"max\":\"0x%" PRIx64 "\"", f->min,
                               f->max);
    }
    if (f->max_len) {
        g_string_append_printf(out, ",\"max_len\":%u", f->max_len);
    }
    if (varies) {
        g_string_append(out, ",\"varies\":true");
    }
    if (f->flags & (FIELD_EQUAL | FIELD_AT_MOST)) {
        g_string_append_printf(out, ",\"must_be\":\"%s\"",
                               f->flags & FIELD_EQUAL ? "equal" : "at most");
    }
}

static void dump_field(const Record *record, const Field *f, const void *saved, GString *out,
                       unsigned indent)
{
    const uint8_t *at = saved ? (const uint8_t *)saved + f->offset : NULL;
    const void *inner = f->kind == FIELD_STRUCT ? at : NULL;
    bool varies = f->flags & FIELD_VARRAY, exists = f->present && !(f->flags & FIELD_GATED);
    uint32_t num = f->count;

    if (varies && saved && count_is_local(record, f)) {
        num = field_count(f, saved);
        varies = false;
    }
    g_string_append_printf(out,
                           "%*s{\"field\":\"%s\",\"version_id\":%u,\"type\":\"%s\","
                           "\"field_exists\":%s,\"size\":%zu,\"num\":%u,\"kind\":\"%s\"",
                           (int)indent, "", f->name, f->since, field_type_name(f),
                           exists ? "true" : "false",
                           f->kind == FIELD_STRUCT    ? fixed_bytes(f->record, inner)
                           : f->kind >= FIELD_POINTER ? 0
                                                      : f->size,
                           num, kind_names[f->kind]);
    dump_limits(f, varies, out);
    if (f->record) {
        g_string_append(out, ",\"Description\":");
        record_dump(f->record, inner, out, indent + 2);
    }
    g_string_append_c(out, '}');
}

void record_dump(const Record *record, const void *saved, GString *out, unsigned indent)
{
    const char *sep = "\n";
    bool some = false;
    g_string_append_printf(out,
                           "{\"name\":\"%s\",\"version_id\":%u,\"minimum_version_id\":%u,"
                           "\"Fields\":[",
                           record->name, record->version, record->min_version);
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (field_dumped(f, record, saved)) {
            g_string_append(out, sep);
            dump_field(record, f, saved, out, indent + 2);
            sep = ",\n";
        }
    }
    g_string_append(out, "]");
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if (subsection_known(*s, saved)) {
            g_string_append(out, some ? ",\n" : ",\"Subsections\":[");
            record_dump(*s, saved, out, indent + 2);
            some = true;
        }
    }
    g_string_append(out, some ? "]}" : "}");
}

/* ---- a whole machine ---- */

typedef struct {
    GString *text;
    GHashTable *seen; /* idstr */
    Vm *vm;
} Dump;

/* All devices of one name have one description. */
static bool append_instance(Section *s, void *opaque)
{
    const Section *first = ((void **)opaque)[0];
    GString *text = ((void **)opaque)[1];
    if (s->desc->record && !strcmp(s->idstr, first->idstr)) {
        g_string_append_printf(text, "%s%u", text->str[text->len - 1] == '[' ? "" : ",",
                               s->instance);
    }
    return true;
}

static bool dump_section(Section *s, void *opaque)
{
    Dump *d = opaque;
    const Record *r = s->desc->record;
    void *each[] = { s, d->text };
    if (!r || !g_hash_table_add(d->seen, s->idstr)) {
        return true;
    }
    g_autofree void *saved = g_malloc0(r->size);
    s->desc->ops->save(s->owner, saved);
    g_string_append_printf(d->text,
                           ",\n  \"%s\":{\"Name\":\"%s\",\"instance_id\":%u,\"version_id\":%u,"
                           "\"minimum_version_id\":%u,\"instances\":[",
                           s->idstr, s->idstr, s->instance, r->version, r->min_version);
    section_foreach(d->vm, append_instance, each);
    g_string_append_printf(d->text, "],\"optional\":%s,\"Description\":",
                           r->needed || s->desc->unmigratable ? "true" : "false");
    record_dump(r, saved, d->text, 4);
    if (s->desc->start) {
        g_string_append(d->text, ",\"Start\":");
        record_dump(s->desc->start, NULL, d->text, 4);
    }
    g_string_append_c(d->text, '}');
    record_clear(r, saved);
    return true;
}

void vmstate_dump(Vm *vm, const char *machine_name, unsigned stream_version, GString *out)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    Dump d = { out, seen, vm };
    g_string_append_printf(out, "{\n  \"vmschkmachine\":{\"Name\":\"%s\",\"stream_version\":%u}",
                           machine_name, stream_version);
    section_foreach(vm, dump_section, &d);
    g_string_append(out, "\n}\n");
}
