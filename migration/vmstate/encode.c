/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved form -> bytes. Cannot fail: the saved form is our own. */
#include "codec-priv.h"

static void encode_integer(const Field *f, const uint8_t *at, ByteWriter *w)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (f->size) {
    case 1: byte_writer_u8(w, f->kind == FIELD_BOOL ? !!*at : *at); break;
    case 2:
        memcpy(&v16, at, 2);
        byte_writer_be16(w, v16);
        break;
    case 4:
        memcpy(&v32, at, 4);
        byte_writer_be32(w, v32);
        break;
    default: memcpy(&v64, at, 8); byte_writer_be64(w, v64);
    }
}

static void encode_list(const Field *f, const uint8_t *at, StreamFormat format, ByteWriter *w)
{
    GPtrArray *list = *(GPtrArray *const *)at;
    for (guint i = 0; list && i < list->len; i++) {
        byte_writer_u8(w, 1);
        record_encode(f->record, g_ptr_array_index(list, i), format, w);
    }
    byte_writer_u8(w, 0);
}

static void encode_element(const Field *f, const void *saved, const uint8_t *at,
                           StreamFormat format, ByteWriter *w)
{
    switch (f->kind) {
    case FIELD_BUFFER: byte_writer_bytes(w, at, f->size); break;
    case FIELD_UNUSED: byte_writer_zero(w, f->size); break;
    case FIELD_STRUCT: record_encode(f->record, at, format, w); break;
    case FIELD_POINTER:
        if (!*(void *const *)at) {
            byte_writer_u8(w, '0');
            break;
        }
        if (format >= STREAM_V4) {
            byte_writer_u8(w, '1');
        }
        record_encode(f->record, *(void *const *)at, format, w);
        break;
    case FIELD_VBUFFER:
        byte_writer_bytes(w, *(const uint8_t *const *)at, count_of(f, saved));
        break;
    case FIELD_LIST: encode_list(f, at, format, w); break;
    default: encode_integer(f, at, w);
    }
}

static void encode_body(const Record *record, const void *saved, StreamFormat format, ByteWriter *w)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if ((f->flags & FIELD_LOCAL) || !field_present(f, saved, record->version)) {
            continue;
        }
        uint32_t n = field_count(f, saved);
        const uint8_t *at = (const uint8_t *)saved + f->offset;
        for (uint32_t i = 0; i < n; i++) {
            encode_element(f, saved, at + i * f->size, format, w);
        }
    }
}

void record_encode(const Record *record, const void *saved, StreamFormat format, ByteWriter *w)
{
    encode_body(record, saved, format, w);
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if (subsection_wanted(*s, saved)) {
            byte_writer_u8(w, STREAM_SUBSECTION);
            byte_writer_str8(w, (*s)->name);
            byte_writer_be32(w, (*s)->version);
            record_encode(*s, saved, format, w);
        }
    }
    if (format >= STREAM_V4) {
        byte_writer_u8(w, STREAM_RECORD_END);
    }
}
