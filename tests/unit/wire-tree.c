/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See wire-tree.h. */
#include "wire-tree.h"
#include <string.h>
#include "migration/vmstate/codec-priv.h"

static WireNode *node_new(const Record *record, WireNode *parent)
{
    WireNode *n = g_new0(WireNode, 1);

    n->record = record;
    n->parent = parent;
    n->name = g_strdup(record->name);
    n->version = record->version;
    n->parts = g_array_new(FALSE, TRUE, sizeof(WirePart));
    n->subs = g_ptr_array_new_with_free_func((GDestroyNotify)wire_tree_free);
    return n;
}

void wire_tree_free(WireNode *n)
{
    for (guint i = 0; i < n->parts->len; i++) {
        WirePart *p = &g_array_index(n->parts, WirePart, i);

        if (p->node) {
            wire_tree_free(p->node);
        } else {
            g_byte_array_unref(p->bytes);
        }
    }
    g_array_unref(n->parts);
    g_ptr_array_unref(n->subs);
    g_free(n->name);
    g_free(n);
}

static void add_bytes(WireNode *n, const void *data, size_t len)
{
    WirePart *last = n->parts->len ? &g_array_index(n->parts, WirePart, n->parts->len - 1) : NULL;

    if (!last || !last->bytes) {
        WirePart part = { g_byte_array_new(), NULL };

        g_array_append_val(n->parts, part);
        last = &g_array_index(n->parts, WirePart, n->parts->len - 1);
    }
    g_byte_array_append(last->bytes, data, (guint)len);
}

static void add_node(WireNode *n, WireNode *child)
{
    WirePart part = { NULL, child };

    g_array_append_val(n->parts, part);
}

static WireNode *build(const Record *record, const void *saved, StreamFormat format,
                       WireNode *parent);

static void add_plain(WireNode *n, const Field *f, const void *saved)
{
    Field only[] = { *f, F_END };
    Record one = { .version = n->record->version, .size = n->record->size, .fields = only };
    g_auto(ByteWriter) w;

    byte_writer_init(&w);
    record_encode(&one, saved, STREAM_V3, &w); /* nothing around the field */
    add_bytes(n, w.data, w.len);
}

static void add_records(WireNode *n, const Field *f, const void *saved, StreamFormat format)
{
    const uint8_t *at = (const uint8_t *)saved + f->offset;
    GPtrArray *list = f->kind == FIELD_LIST ? *(GPtrArray *const *)at : NULL;

    for (guint i = 0; list && i < list->len; i++) {
        add_bytes(n, "\1", 1);
        add_node(n, build(f->record, g_ptr_array_index(list, i), format, n));
    }
    if (f->kind == FIELD_LIST) {
        add_bytes(n, "\0", 1);
        return;
    }
    for (uint32_t i = 0; i < field_count(f, saved); i++, at += f->size) {
        const void *inner = f->kind == FIELD_POINTER ? *(void *const *)at : at;

        if (f->kind == FIELD_POINTER && (!inner || format >= STREAM_V4)) {
            add_bytes(n, inner ? "1" : "0", 1);
        }
        if (inner) {
            add_node(n, build(f->record, inner, format, n));
        }
    }
}

static WireNode *build(const Record *record, const void *saved, StreamFormat format,
                       WireNode *parent)
{
    WireNode *n = node_new(record, parent);

    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        if ((f->flags & FIELD_LOCAL) || !field_present(f, saved, record->version)) {
            continue;
        }
        if (f->record) {
            add_records(n, f, saved, format);
        } else {
            add_plain(n, f, saved);
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        g_ptr_array_add(n->subs, build(*s, saved, format, n));
    }
    return n;
}

WireNode *wire_tree_new(const Record *record, const void *saved, StreamFormat format)
{
    return build(record, saved, format, NULL);
}

void wire_tree_write(const WireNode *n, StreamFormat format, ByteWriter *w)
{
    for (guint i = 0; i < n->parts->len; i++) {
        const WirePart *p = &g_array_index(n->parts, WirePart, i);

        if (p->node) {
            wire_tree_write(p->node, format, w);
        } else {
            byte_writer_bytes(w, p->bytes->data, p->bytes->len);
        }
    }
    for (guint i = 0; i < n->subs->len; i++) {
        const WireNode *sub = g_ptr_array_index(n->subs, i);

        byte_writer_u8(w, STREAM_SUBSECTION);
        byte_writer_str8(w, sub->name);
        byte_writer_be32(w, sub->version);
        wire_tree_write(sub, format, w);
    }
    if (format >= STREAM_V4) {
        byte_writer_u8(w, STREAM_RECORD_END);
    }
}

GPtrArray *wire_tree_children(const WireNode *node)
{
    GPtrArray *out = g_ptr_array_new();

    for (guint i = 0; i < node->parts->len; i++) {
        WirePart *p = &g_array_index(node->parts, WirePart, i);

        if (p->node) {
            g_ptr_array_add(out, p->node);
        }
    }
    return out;
}

/* Calls @fn with each embedded record and subsection, and where it lies. */
static size_t measure(const WireNode *n, StreamFormat format, size_t pos,
                      void (*fn)(const WireNode *node, size_t start, size_t end, void *opaque),
                      void *opaque)
{
    for (guint i = 0; i < n->parts->len; i++) {
        const WirePart *p = &g_array_index(n->parts, WirePart, i);
        size_t start = pos;

        if (p->node) {
            pos = measure(p->node, format, start, fn, opaque);
            fn(p->node, start, pos, opaque);
        } else {
            pos += p->bytes->len;
        }
    }
    for (guint i = 0; i < n->subs->len; i++) {
        const WireNode *sub = g_ptr_array_index(n->subs, i);
        size_t start = pos;

        pos = measure(sub, format, start + 1 + 1 + strlen(sub->name) + 4, fn, opaque);
        fn(sub, start, pos, opaque);
    }
    return pos + (format >= STREAM_V4);
}

static void mark_end(const WireNode *node, size_t start, size_t end, void *opaque)
{
    ((uint8_t *)opaque)[end] = 1;
}

void wire_tree_mark_ends(const WireNode *root, StreamFormat format, uint8_t *at)
{
    measure(root, format, 0, mark_end, at);
}

typedef struct {
    const WireNode *wanted;
    size_t *start, *end;
    bool found;
} Find;

static void is_wanted(const WireNode *node, size_t start, size_t end, void *opaque)
{
    Find *f = opaque;

    if (node == f->wanted) {
        *f->start = start;
        *f->end = end;
        f->found = true;
    }
}

void wire_tree_find(const WireNode *root, StreamFormat format, const WireNode *sub, size_t *start,
                    size_t *end)
{
    Find f = { sub, start, end, false };

    measure(root, format, 0, is_wanted, &f);
    g_assert_true(f.found);
}

typedef struct {
    size_t pos;
    bool found;
} Begins;

static void begins_at(const WireNode *node, size_t start, size_t end, void *opaque)
{
    Begins *b = opaque;
    const WireNode *parent = node->parent;

    b->found |= start == b->pos && g_ptr_array_find(parent->subs, node, NULL);
}

bool wire_tree_begins(const WireNode *root, StreamFormat format, size_t pos)
{
    Begins b = { pos, false };

    measure(root, format, 0, begins_at, &b);
    return b.found;
}

static void gather(WireNode *n, GPtrArray *out)
{
    g_autoptr(GPtrArray) children = wire_tree_children(n);

    if (n->subs->len) {
        g_ptr_array_add(out, n);
    }
    for (guint i = 0; i < children->len; i++) {
        gather(g_ptr_array_index(children, i), out);
    }
    for (guint i = 0; i < n->subs->len; i++) {
        gather(g_ptr_array_index(n->subs, i), out);
    }
}

GPtrArray *wire_tree_parents(WireNode *root)
{
    GPtrArray *out = g_ptr_array_new();

    gather(root, out);
    return out;
}

void wire_mark_all(const Record *record, void *saved)
{
    for (const Field *f = record->fields; f->kind != FIELD_END; f++) {
        for (uint32_t i = 0; f->kind == FIELD_STRUCT && i < MAX(f->count, 1u); i++) {
            wire_mark_all(f->record, (uint8_t *)saved + f->offset + i * f->size);
        }
    }
    for (const Record *const *s = record->subsections; s && *s; s++) {
        if ((*s)->has_present) {
            *((bool *)((uint8_t *)saved + (*s)->present_offset)) = true;
        }
        wire_mark_all(*s, saved);
    }
}

static bool is_legacy(const Record *parent, const Record *sub)
{
    size_t n = strlen(parent->name);

    return strncmp(sub->name, parent->name, n) || sub->name[n] != '/';
}

void wire_check_marks(const Record *r)
{
    for (const Field *f = r->fields; f->kind != FIELD_END; f++) {
        if (f->record) {
            wire_check_marks(f->record);
        }
    }
    for (const Record *const *s = r->subsections; s && *s; s++) {
        g_assert_cmpint((*s)->legacy_name, ==, is_legacy(r, *s)); /* none is marked for nothing */
        g_assert_nonnull((*s)->needed);
        wire_check_marks(*s);
    }
}

const Record *wire_record_without(const Record *r, const Record *lost, GPtrArray *arena)
{
    Record *copy = g_memdup2(r, sizeof(*r));
    GArray *fields = g_array_new(TRUE, TRUE, sizeof(Field)); /* FIELD_END is zero */
    GPtrArray *subs = g_ptr_array_new();

    for (const Field *f = r->fields; f->kind != FIELD_END; f++) {
        Field one = *f;

        one.record = f->record ? wire_record_without(f->record, lost, arena) : NULL;
        g_array_append_val(fields, one);
    }
    for (const Record *const *s = r->subsections; s && *s; s++) {
        if (*s != lost) {
            g_ptr_array_add(subs, (gpointer)wire_record_without(*s, lost, arena));
        }
    }
    g_ptr_array_add(subs, NULL);
    copy->subsections = (const Record *const *)subs->pdata;
    g_ptr_array_add(arena, g_ptr_array_free(subs, FALSE));
    copy->fields = (const Field *)(void *)fields->data;
    g_ptr_array_add(arena, g_array_free(fields, FALSE));
    g_ptr_array_add(arena, copy);
    return copy;
}

bool wire_reads_as(const ByteWriter *again, const ByteWriter *plain, const uint8_t *sent)
{
    if (again->len != plain->len) {
        return false;
    }
    for (size_t i = 0; i < again->len; i++) {
        if (again->data[i] != sent[i] && again->data[i] != plain->data[i]) {
            return false;
        }
    }
    return true;
}
