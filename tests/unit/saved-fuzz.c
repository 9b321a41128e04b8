/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See saved-fuzz.h. */
#include "saved-fuzz.h"
#include <string.h>
#include "migration/vmstate/codec-priv.h"

typedef struct {
    GRand *rand;
    unsigned at, want; /* leaves passed so far; the one to change */
    char *path;        /* what was changed, once it was */
    bool done;
} Fuzz;

static uint64_t any64(GRand *r)
{
    return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
}

/* Small, near a power of two, or anything. */
static uint64_t interesting(GRand *r)
{
    uint64_t bit = 1ull << g_rand_int_range(r, 0, 64);

    switch (g_rand_int_range(r, 0, 5)) {
    case 0: return (uint64_t)g_rand_int_range(r, 0, 8);
    case 1: return bit;
    case 2: return bit - 1;
    case 3: return ~0ull;
    default: return any64(r);
    }
}

static uint64_t within(GRand *r, const Field *f)
{
    uint64_t span = f->max - f->min;

    if (!f->min && !f->max) {
        return interesting(r);
    }
    return f->min + (span == UINT64_MAX ? any64(r) : interesting(r) % (span + 1));
}

static void put(uint8_t *at, size_t size, uint64_t v)
{
    memcpy(at, &v, size); /* little-endian host */
}

static void change_count(const Field *f, uint8_t *saved, uint32_t n)
{
    put(saved + f->count_offset, f->count_bytes ? f->count_bytes : 4, n);
}

static void change_list(Fuzz *z, const Field *f, uint8_t *at)
{
    GPtrArray **list = (GPtrArray **)at;

    if (!*list) {
        *list = g_ptr_array_new();
    }
    if ((*list)->len < f->max_len) {
        g_ptr_array_add(*list, g_malloc0(f->record->size));
    }
}

static void change_vbuffer(Fuzz *z, const Field *f, uint8_t *saved, uint8_t *at)
{
    uint32_t n = count_of(f, saved);
    uint8_t **data = (uint8_t **)at;

    g_free(*data);
    *data = n ? g_malloc(n) : NULL;
    for (uint32_t i = 0; i < n; i++) {
        (*data)[i] = (uint8_t)g_rand_int(z->rand);
    }
}

static void change_integer(Fuzz *z, const Field *f, uint8_t *at)
{
    uint64_t v = f->kind == FIELD_BOOL ? (uint64_t)g_rand_boolean(z->rand)
                 : f->kind == FIELD_TIMER
                     ? (g_rand_boolean(z->rand) ? UINT64_MAX : any64(z->rand) >> 20)
                     : within(z->rand, f);

    put(at, f->size, v);
}

static void change(Fuzz *z, const Field *f, uint8_t *saved, uint8_t *at)
{
    switch (f->kind) {
    case FIELD_UNUSED: break;
    case FIELD_BUFFER:
        for (size_t i = 0; i < f->size; i++) {
            at[i] = (uint8_t)g_rand_int(z->rand);
        }
        break;
    case FIELD_VBUFFER: change_vbuffer(z, f, saved, at); break;
    case FIELD_LIST: change_list(z, f, at); break;
    default: change_integer(z, f, at);
    }
}

static void walk(Fuzz *z, const Record *record, uint8_t *saved);

static void visit(Fuzz *z, const Record *record, const Field *f, uint8_t *saved, uint8_t *at)
{
    void *inner = f->kind == FIELD_STRUCT ? at : f->kind == FIELD_POINTER ? *(void **)at : NULL;

    if (inner) {
        walk(z, f->record, inner);
    } else if (f->kind != FIELD_POINTER && z->at++ == z->want && z->rand) {
        change(z, f, saved, at);
        g_snprintf(z->path, 256, "%s.%s", record->name, f->name);
        z->done = true;
    }
}

/* A count that others rely on keeps its meaning: the array that it counts is never longer than allowed,
   and a buffer has as many bytes. */
static bool is_count(const Record *record, const Field *f)
{
    for (const Field *g = record->fields; g->kind != FIELD_END; g++) {
        if (g->kind == FIELD_VBUFFER && g->count_offset == f->offset) {
            return true;
        }
    }
    return false;
}

static void clamp_counts(const Record *record, uint8_t *saved)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if ((f->flags & FIELD_VARRAY) && count_of(f, saved) > f->count) {
            change_count(f, saved, count_of(f, saved) % (f->count + 1));
        }
    }
}

static void walk(Fuzz *z, const Record *record, uint8_t *saved)
{
    for (const Field *f = record->fields; f->kind != FIELD_END && !z->done; f++) {
        if ((f->flags & FIELD_LOCAL) || !field_present(f, saved, record->version) ||
            is_count(record, f)) {
            continue;
        }
        uint32_t n = field_count(f, saved);
        for (uint32_t i = 0; i < n && !z->done; i++) {
            visit(z, record, f, saved, saved + f->offset + i * f->size);
        }
    }
    if (z->done) {
        clamp_counts(record, saved);
    }
    for (const Record *const *s = record->subsections; s && *s && !z->done; s++) {
        walk(z, *s, saved);
        if (z->done && (*s)->has_present) {
            *((bool *)(saved + (*s)->present_offset)) = true;
        }
    }
}

unsigned saved_leaves(const Record *record, const void *saved)
{
    Fuzz z = { .want = UINT_MAX };

    walk(&z, record, (uint8_t *)saved);
    return z.at;
}

const char *saved_change(GRand *rand, const Record *record, void *saved, unsigned leaf,
                         char path[256])
{
    Fuzz z = { .rand = rand, .want = leaf, .path = path };

    path[0] = '\0';
    walk(&z, record, saved);
    return path;
}

static void clamp_one(const Field *f, uint8_t *at)
{
    bool is_signed = f->kind >= FIELD_I8 && f->kind <= FIELD_I64;
    uint64_t v = 0;

    if (f->kind == FIELD_STRUCT) {
        saved_clamp(f->record, at);
    } else if (f->min || f->max) {
        memcpy(&v, at, f->size);
        if (is_signed && f->size < 8) {
            v = (uint64_t)((int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size));
        }
        if (is_signed ? (int64_t)v < (int64_t)f->min || (int64_t)v > (int64_t)f->max
                      : v < f->min || v > f->max) {
            put(at, f->size, f->min);
        }
    }
}

void saved_clamp(const Record *record, void *saved)
{
    clamp_counts(record, saved);
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        for (uint32_t i = 0; i < MAX(f->count, 1u); i++) {
            clamp_one(f, (uint8_t *)saved + f->offset + i * f->size);
        }
        uint8_t **data = (uint8_t **)(void *)((uint8_t *)saved + f->offset);
        if (f->kind == FIELD_VBUFFER && !*data) {
            *data = g_malloc0(count_of(f, saved));
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        saved_clamp(*s, saved);
    }
}
