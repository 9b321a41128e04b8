/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records as JSON: the VM description at the end of a stream, of what was sent. Names need no escaping: registration allows none that
 * would.
 */
#include "codec-priv.h"

const char *field_type_name(const Field *f)
{
    static const char *const names[] = {
        [FIELD_U8] = "uint8",      [FIELD_U16] = "uint16",     [FIELD_U32] = "uint32",
        [FIELD_U64] = "uint64",    [FIELD_I8] = "int8",        [FIELD_I16] = "int16",
        [FIELD_I32] = "int32",     [FIELD_I64] = "int64",      [FIELD_BOOL] = "bool",
        [FIELD_TIMER] = "timer",   [FIELD_BUFFER] = "buffer",  [FIELD_UNUSED] = "unused_buffer",
        [FIELD_STRUCT] = "struct", [FIELD_POINTER] = "struct", [FIELD_VBUFFER] = "buffer",
        [FIELD_LIST] = "qlist",
    };
    static const char *const equal_names[] = {
        [FIELD_U8] = "uint8 equal",   [FIELD_U16] = "uint16 equal", [FIELD_U32] = "uint32 equal",
        [FIELD_U64] = "uint64 equal", [FIELD_I8] = "int8 equal",    [FIELD_I16] = "int16 equal",
        [FIELD_I32] = "int32 equal",  [FIELD_I64] = "int64 equal",
    };
    if (f->wire_type) {
        return f->wire_type;
    }
    if ((f->flags & FIELD_EQUAL) && f->kind <= FIELD_I64) {
        return equal_names[f->kind];
    }
    return (f->flags & FIELD_AT_MOST) && f->kind == FIELD_I32 ? "int32 le" : names[f->kind];
}

/* Bytes on the wire of one element. */
static size_t wire_size(const Field *f, const void *saved, const uint8_t *at, StreamFormat format)
{
    g_auto(ByteWriter) w;
    byte_writer_init(&w);
    switch (f->kind) {
    case FIELD_STRUCT: record_encode(f->record, at, format, &w); break;
    case FIELD_POINTER:
        if (!*(void *const *)at) {
            return 1;
        }
        record_encode(f->record, *(void *const *)at, format, &w);
        return byte_writer_len(&w) + (format >= STREAM_V4);
    case FIELD_VBUFFER: return count_of(f, saved);
    case FIELD_LIST: {
        GPtrArray *list = *(GPtrArray *const *)at;
        for (guint i = 0; list && i < list->len; i++) {
            byte_writer_u8(&w, 1);
            record_encode(f->record, g_ptr_array_index(list, i), format, &w);
        }
        return byte_writer_len(&w) + 1;
    }
    default: return f->size;
    }
    return byte_writer_len(&w);
}

static void describe_one(const Field *f, const void *saved, const uint8_t *at, int index,
                         uint32_t merged, StreamFormat format, GString *out)
{
    g_string_append_printf(out, "{\"name\":\"%s\",", f->name);
    if (merged > 1) {
        g_string_append_printf(out, "\"array_len\":%u,", merged);
    } else if (index >= 0) {
        g_string_append_printf(out, "\"index\":%d,", index);
    }
    /* A pointer's record has a mark before it in version 4: scripts/stream-explain reads it. */
    const void *inner = f->kind == FIELD_POINTER ? *(void *const *)at : at;
    const char *type = !inner                                            ? "nullptr"
                       : f->kind == FIELD_POINTER && format >= STREAM_V4 ? "pointer"
                                                                         : field_type_name(f);
    g_string_append_printf(out, "\"type\":\"%s\",", type);
    if ((f->kind == FIELD_STRUCT || f->kind == FIELD_POINTER) && inner) {
        g_string_append(out, "\"struct\":{");
        record_describe(f->record, inner, format, out);
        g_string_append(out, "},");
    }
    g_string_append_printf(out, "\"size\":%zu}", wire_size(f, saved, at, format));
}

/* Is every saved form of the record laid out alike on the wire? */
static bool fixed_layout(const Record *record)
{
    if (record->subsections && record->subsections[0]) {
        return false;
    }
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (f->present || (f->flags & FIELD_VARRAY) || f->kind == FIELD_POINTER ||
            f->kind == FIELD_VBUFFER || f->kind == FIELD_LIST ||
            (f->kind == FIELD_STRUCT && !fixed_layout(f->record))) {
            return false;
        }
    }
    return true;
}

/* How many pointers from element @i on are NULL. */
static uint32_t null_run(const Field *f, const uint8_t *at, uint32_t i, uint32_t n)
{
    uint32_t k = 0;
    while (f->kind == FIELD_POINTER && i + k < n && !*(void *const *)(at + (i + k) * f->size)) {
        k++;
    }
    return k;
}

static void describe_field(const Field *f, const void *saved, StreamFormat format, GString *out)
{
    uint32_t n = field_count(f, saved);
    const uint8_t *at = (const uint8_t *)saved + f->offset;
    bool merge = f->kind == FIELD_STRUCT ? n > 1 && fixed_layout(f->record)
                                         : f->kind != FIELD_POINTER && f->kind != FIELD_LIST;
    if (merge) {
        if (n) {
            describe_one(f, saved, at, -1, n, format, out);
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i) {
            g_string_append_c(out, ',');
        }
        uint32_t nulls = null_run(f, at, i, n);
        describe_one(f, saved, at + i * f->size, f->count ? (int)i : -1, MAX(nulls, 1), format,
                     out);
        i += nulls > 1 ? nulls - 1 : 0;
    }
}

void record_describe(const Record *record, const void *saved, StreamFormat format, GString *out)
{
    const char *sep = "";
    g_string_append_printf(out, "\"vmsd_name\":\"%s\",\"version\":%u,\"fields\":[", record->name,
                           record->version);
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (!(f->flags & FIELD_LOCAL) && field_present(f, saved, record->version) &&
            field_count(f, saved)) {
            g_string_append(out, sep);
            describe_field(f, saved, format, out);
            sep = ",";
        }
    }
    g_string_append_c(out, ']');
    sep = ",\"subsections\":[";
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if (subsection_wanted(*s, saved)) {
            g_string_append(out, sep);
            g_string_append_c(out, '{');
            record_describe(*s, saved, format, out);
            g_string_append_c(out, '}');
            sep = ",";
        }
    }
    if (sep[1] == '\0') {
        g_string_append_c(out, ']');
    }
}
