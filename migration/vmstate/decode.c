/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes -> saved form. Everything read is untrusted: lengths, counts and values are checked before
 * use, allocation is bounded by the record's declared maxima, and errors carry the path of records
 * and fields that leads to the offending byte.
 */
#include <inttypes.h>
#include "codec-priv.h"

#define MAX_NAME 255

GQuark ferry_vmstate_error_quark(void)
{
    return g_quark_from_static_string("ferry-vmstate-error");
}

typedef struct {
    StreamFormat format;
    ByteReader *r;
    const RecordHost *host; /* NULL: nobody asks what it can honour */
} Decode;

static bool decode_record(Decode *d, const Record *record, uint32_t version, void *saved,
                          const void *mine, GError **error);

static bool short_error(const Decode *d, GError **error)
{
    g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SHORT, "the data ends at byte %zu",
                d->r->failed_at);
    return false;
}

static bool value_error(GError **error, const char *text, uint64_t got, uint64_t limit)
{
    g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_VALUE,
                "value 0x%" PRIx64 " %s 0x%" PRIx64, got, text, limit);
    return false;
}

static bool field_is_signed(FieldKind kind)
{
    return kind == FIELD_I8 || kind == FIELD_I16 || kind == FIELD_I32 || kind == FIELD_I64;
}

/* Range check in the signedness of the kind; min and max hold the bits of either. */
static bool in_range(const Field *f, uint64_t v, GError **error)
{
    if (!f->min && !f->max) {
        return true;
    }
    bool low = field_is_signed(f->kind) ? (int64_t)v < (int64_t)f->min : v < f->min;
    bool high = field_is_signed(f->kind) ? (int64_t)v > (int64_t)f->max : v > f->max;
    return low    ? value_error(error, "is below the minimum", v, f->min)
           : high ? value_error(error, "is above the limit", v, f->max)
                  : true;
}

static uint64_t integer_at(const Field *f, const uint8_t *at)
{
    uint64_t v = 0;
    memcpy(&v, at, f->size);
    if (field_is_signed(f->kind) && f->size < 8) {
        unsigned shift = 64 - 8 * (unsigned)f->size;
        v = (uint64_t)((int64_t)(v << shift) >> shift);
    }
    return v;
}

static bool decode_integer(Decode *d, const Field *f, uint8_t *at, const uint8_t *mine,
                           GError **error)
{
    uint64_t v;
    switch (f->size) {
    case 1: v = byte_reader_u8(d->r); break;
    case 2: v = byte_reader_be16(d->r); break;
    case 4: v = byte_reader_be32(d->r); break;
    default: v = byte_reader_be64(d->r);
    }
    if (!byte_reader_ok(d->r)) {
        return short_error(d, error);
    }
    if (f->kind == FIELD_BOOL && v > 1) {
        return value_error(error, "is no boolean, above", v, 1);
    }
    memcpy(at, &v, f->size); /* little-endian host: the low bytes */
    v = integer_at(f, at);
    if (mine && (f->flags & FIELD_EQUAL) && v != integer_at(f, mine)) {
        return value_error(error, "differs from ours,", v, integer_at(f, mine));
    }
    if (mine && (f->flags & FIELD_AT_MOST) && (int64_t)v > (int64_t)integer_at(f, mine)) {
        return value_error(error, "is above ours,", v, integer_at(f, mine));
    }
    return in_range(f, v, error);
}

static bool decode_struct(Decode *d, const Record *record, void *at, const void *mine,
                          GError **error)
{
    return decode_record(d, record, record->version, at, mine, error);
}

/*
 * Version 3 puts the byte '0' where a NULL pointer's struct would be, and no mark before a struct,
 * so a struct must not begin with that byte. Version 4 marks both: '0', or '1' and the record.
 */
static bool decode_pointer(Decode *d, const Field *f, uint8_t *at, GError **error)
{
    if (!byte_reader_left(d->r)) {
        byte_reader_u8(d->r);
        return short_error(d, error);
    }
    uint8_t mark = d->r->data[d->r->pos];
    if (mark == '0' || d->format >= STREAM_V4) {
        byte_reader_skip(d->r, 1);
    }
    if (mark == '0') {
        *(void **)at = NULL;
        return true;
    }
    if (mark != '1' && d->format >= STREAM_V4) {
        g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SYNTAX,
                    "expected '0' or '1' before a pointed-to record, found 0x%02x", mark);
        return false;
    }
    *(void **)at = g_malloc0(f->record->size);
    return decode_struct(d, f->record, *(void **)at, NULL, error);
}

static bool decode_list(Decode *d, const Field *f, uint8_t *at, GError **error)
{
    GPtrArray *list = g_ptr_array_new();
    *(GPtrArray **)at = list;
    for (;;) {
        uint8_t more = byte_reader_u8(d->r);
        if (!byte_reader_ok(d->r)) {
            return short_error(d, error);
        }
        if (more > 1) {
            g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SYNTAX,
                        "expected 0 or 1 before a list element, found 0x%02x", more);
            return false;
        }
        if (!more) {
            return true;
        }
        if (list->len >= f->max_len) {
            return value_error(error, "elements exceed the limit", list->len + 1u, f->max_len);
        }
        void *element = g_malloc0(f->record->size);
        g_ptr_array_add(list, element);
        if (!decode_struct(d, f->record, element, NULL, error)) {
            return false;
        }
    }
}

static bool decode_vbuffer(Decode *d, const Field *f, const void *saved, uint8_t *at,
                           GError **error)
{
    uint32_t n = count_of(f, saved);
    if (n > f->max_len) {
        return value_error(error, "bytes exceed the limit", n, f->max_len);
    }
    const uint8_t *data = byte_reader_borrow(d->r, n);
    if (!data) {
        return short_error(d, error);
    }
    *(uint8_t **)at = g_memdup2(data, n);
    return true;
}

static bool decode_element(Decode *d, const Field *f, void *saved, uint8_t *at, const uint8_t *mine,
                           GError **error)
{
    switch (f->kind) {
    case FIELD_BUFFER: return byte_reader_copy(d->r, at, f->size) || short_error(d, error);
    case FIELD_UNUSED: return byte_reader_skip(d->r, f->size) || short_error(d, error);
    case FIELD_STRUCT: return decode_struct(d, f->record, at, mine, error);
    case FIELD_POINTER: return decode_pointer(d, f, at, error);
    case FIELD_VBUFFER: return decode_vbuffer(d, f, saved, at, error);
    case FIELD_LIST: return decode_list(d, f, at, error);
    default: return decode_integer(d, f, at, mine, error);
    }
}

static bool decode_field(Decode *d, const Field *f, void *saved, const void *mine, GError **error)
{
    uint8_t *at = (uint8_t *)saved + f->offset;
    if (f->flags & FIELD_LOCAL) {
        if (mine) {
            memcpy(at, (const uint8_t *)mine + f->offset, f->size);
        }
        return true;
    }
    if ((f->flags & FIELD_VARRAY) && count_of(f, saved) > f->count) {
        return value_error(error, "elements exceed the limit", count_of(f, saved), f->count);
    }
    uint32_t n = field_count(f, saved);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *m = mine ? (const uint8_t *)mine + f->offset + i * f->size : NULL;
        if (!decode_element(d, f, saved, at + i * f->size, m, error)) {
            if (f->count) {
                g_prefix_error(error, "element %u: ", i);
            }
            return false;
        }
    }
    return true;
}

typedef enum {
    TAIL_OTHER, /* no subsection that this record has a say in */
    TAIL_OURS,  /* a subsection of it, whole in front of the reader */
    TAIL_ALIEN, /* of this record by its name, or (version 4) by its place, and unknown */
    TAIL_MORE,  /* it could be one, but the data ends first */
} Tail;

/* Do the first bytes of the name at @p, of which @have are there, agree with @name? */
static bool may_be(const uint8_t *p, size_t have, size_t len, const char *name)
{
    return strlen(name) == len && !memcmp(p, name, MIN(have, len));
}

/* ... with "<record's name>/" and something behind it? */
static bool may_be_ours(const uint8_t *p, size_t have, size_t len, const Record *record)
{
    size_t n = strlen(record->name);
    return len > n + 1 && !memcmp(p, record->name, MIN(have, n)) && (have <= n || p[n] == '/');
}

/*
 * What stands at the reader's byte 05. No more bytes are asked for than the answer needs: in version 3
 * they may be data, with nothing behind them. *@sub: with OURS, its row in the record's list.
 */
static Tail peek_subsection(const Decode *d, const Record *record, const void *mine, unsigned *sub)
{
    size_t left = byte_reader_left(d->r);
    const uint8_t *p = d->r->data + d->r->pos;
    if (left < 2) {
        return TAIL_MORE;
    }
    size_t len = p[1], have = MIN(left - 2, len);
    for (*sub = 0; record->subsections && record->subsections[*sub]; ++*sub) {
        const Record *s = record->subsections[*sub];
        bool ours = s->supported || subsection_known(s, mine);
        if (ours && may_be(p + 2, have, len, s->name)) {
            return left < 2 + len + 4 ? TAIL_MORE : TAIL_OURS;
        }
    }
    if (d->format < STREAM_V4 && !may_be_ours(p + 2, have, len, record)) {
        return TAIL_OTHER;
    }
    return have < len ? TAIL_MORE : TAIL_ALIEN;
}

/* The name that stands there, fit for a message. */
static char *peek_name(const Decode *d)
{
    const uint8_t *p = d->r->data + d->r->pos;
    g_autofree char *raw = g_strndup((const char *)p + 2, p[1]);
    return g_strescape(raw, NULL);
}

/* Can this process do what the subsection tells? If not, *@why says what is missing, and its policy what that means. */
static bool ask_host(const Decode *d, const Record *sub, char **why, GError **error)
{
    g_autoptr(GError) missing = NULL;
    if (!d->host || !sub->supported || sub->supported(d->host->owner, &missing)) {
        return true;
    }
    *why = g_strdup(missing ? missing->message : "it is not supported here");
    if (sub->policy == SUBSECTION_WARN) {
        return true;
    }
    g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_UNSUPPORTED,
                "subsection '%s' cannot be honoured: %s", sub->name, *why);
    return false;
}

/* Reads past a subsection as if it had not come: what it holds goes into a copy, and with that away. */
static bool leave_out(Decode *d, const Record *sub, uint32_t version, const void *saved,
                      const void *mine, GError **error)
{
    g_autofree void *copy = g_memdup2(saved, sub->size);
    bool ok = decode_record(d, sub, version, copy, mine, error);
    record_clear(sub, copy); /* nothing of its own was there before */
    return ok;
}

static bool load_subsection(Decode *d, const Record *sub, void *saved, const void *mine,
                            GError **error)
{
    g_autofree char *why = NULL;
    byte_reader_skip(d->r, 2 + strlen(sub->name));
    uint32_t version = byte_reader_be32(d->r);
    if (!ask_host(d, sub, &why, error)) {
        return false;
    }
    if (why) {
        if (!leave_out(d, sub, version, saved, mine, error)) {
            return false;
        }
        d->host->warn(d->host->opaque, sub->name, why);
        return true;
    }
    if (!decode_record(d, sub, version, saved, mine, error)) {
        return false;
    }
    if (sub->has_present) {
        *((bool *)((uint8_t *)saved + sub->present_offset)) = true;
    }
    return true;
}

G_GNUC_PRINTF(3, 4)
static bool tail_error(GError **error, FerryVmstateError code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, FERRY_VMSTATE_ERROR, code, text);
    return false;
}

/* Each at most once, and in version 4 in the order of the record's list: one state, one stream. */
static bool in_order(const Decode *d, const Record *record, uint64_t seen, unsigned sub,
                     GError **error)
{
    const char *name = record->subsections[sub]->name;
    if (seen >> sub & 1) {
        return tail_error(error, FERRY_VMSTATE_ERROR_SUBSECTION, "subsection '%s' comes twice",
                          name);
    }
    if (d->format >= STREAM_V4 && seen >> sub) {
        unsigned later = sub + 1 + (unsigned)__builtin_ctzll(seen >> (sub + 1));
        return tail_error(error, FERRY_VMSTATE_ERROR_SUBSECTION,
                          "subsection '%s' comes after '%s', before which it belongs", name,
                          record->subsections[later]->name);
    }
    return true;
}

/*
 * Subsections, then the record's end. Version 3: rules 1 to 3 of the design (exact name; our prefix
 * means ours and unknown; anything else belongs to the enclosing record).
 */
static bool decode_tail(Decode *d, const Record *record, void *saved, const void *mine,
                        GError **error)
{
    uint64_t seen = 0; /* RECORD_SUBSECTIONS_MAX bits */
    for (;;) {
        if (!byte_reader_left(d->r)) {
            byte_reader_u8(d->r);
            return short_error(d, error);
        }
        uint8_t byte = d->r->data[d->r->pos];
        if (byte == STREAM_RECORD_END && d->format >= STREAM_V4) {
            return byte_reader_skip(d->r, 1);
        }
        if (byte != STREAM_SUBSECTION) {
            return d->format < STREAM_V4 ||
                   tail_error(error, FERRY_VMSTATE_ERROR_SYNTAX,
                              "expected a subsection or the end of '%s', found 0x%02x",
                              record->name, byte);
        }
        unsigned sub;
        g_autofree char *name = NULL;
        switch (peek_subsection(d, record, mine, &sub)) {
        case TAIL_OTHER: return true;
        case TAIL_MORE:
            byte_reader_skip(d->r, byte_reader_left(d->r) + 1);
            return short_error(d, error);
        case TAIL_ALIEN:
            name = peek_name(d);
            return tail_error(error, FERRY_VMSTATE_ERROR_SUBSECTION,
                              "unknown subsection '%s' of '%s'", name, record->name);
        case TAIL_OURS: break;
        }
        if (!in_order(d, record, seen, sub, error) ||
            !load_subsection(d, record->subsections[sub], saved, mine, error)) {
            return false;
        }
        seen |= 1ull << sub;
    }
}

static bool decode_record(Decode *d, const Record *record, uint32_t version, void *saved,
                          const void *mine, GError **error)
{
    if (version > record->version || version < record->min_version) {
        g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_VERSION,
                    "'%s': version %u is not supported (%u to %u are)", record->name, version,
                    record->min_version, record->version);
        return false;
    }
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if (field_present(f, saved, version) && !decode_field(d, f, saved, mine, error)) {
            g_prefix_error(error, "'%s', field '%s': ", record->name, f->name);
            return false;
        }
    }
    if (!decode_tail(d, record, saved, mine, error)) {
        g_prefix_error(error, "'%s': ", record->name);
        return false;
    }
    return true;
}

bool record_decode(const Record *record, uint32_t version, StreamFormat format, ByteReader *r,
                   void *saved, const void *mine, const RecordHost *host, GError **error)
{
    Decode d = { format, r, host };
    return decode_record(&d, record, version, saved, mine, error);
}

static void clear_element(const Field *f, uint8_t *at)
{
    if (f->kind == FIELD_STRUCT) {
        record_clear(f->record, at);
    } else if (f->kind == FIELD_POINTER && *(void **)at) {
        record_clear(f->record, *(void **)at);
        g_clear_pointer((void **)at, g_free);
    } else if (f->kind == FIELD_VBUFFER) {
        g_clear_pointer((void **)at, g_free);
    } else if (f->kind == FIELD_LIST && *(GPtrArray **)at) {
        GPtrArray *list = *(GPtrArray **)at;
        for (guint i = 0; i < list->len; i++) {
            record_clear(f->record, g_ptr_array_index(list, i));
            g_free(g_ptr_array_index(list, i));
        }
        g_ptr_array_unref(list);
        *(GPtrArray **)at = NULL;
    }
}

void record_clear(const Record *record, void *saved)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        uint32_t n = f->count ? f->count : 1;
        for (uint32_t i = 0; i < n && f->kind != FIELD_UNUSED; i++) {
            clear_element(f, (uint8_t *)saved + f->offset + i * f->size);
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        record_clear(*s, saved);
    }
}
