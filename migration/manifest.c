/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest: what the source is about to send, said before any RAM (version 4). The destination
 * compares it with what it has and answers with everything that does not fit, not just the first of
 * it. With the flag "only" that is all: a preflight, after which both sides are as before.
 *
 *   09, u8 flags, u32 page size,
 *   u32 n, n RAM blocks {u8 length, name, u64 bytes},
 *   u32 n, n sections {u8 length, name, u32 instance, u32 version},
 *   u32 n, n CPU features {u8 length, name}
 *
 * Subsections depend on the state at the switchover, and are checked when they come.
 */
#include <inttypes.h>
#include <string.h>
#include "migration-priv.h"

#define MANIFEST_ONLY 1u
#define MAX_ROWS      4096u
#define MAX_TEXT      3500 /* of the answer */

/* ---- source ---- */

typedef struct {
    StreamOut *out;
    GError **error;
    uint32_t n; /* counted in the first walk */
    bool count, ok;
} Writer;

static bool put_str(StreamOut *out, const char *s, GError **error)
{
    size_t n = MIN(strlen(s), 255u);
    return stream_out_u8(out, (uint8_t)n, error) && stream_out_bytes(out, s, n, error);
}

static bool put_block(RamBlock *block, void *opaque)
{
    Writer *w = opaque;
    if (!ram_block_migratable(block)) {
        return true;
    }
    w->n += w->count;
    w->ok = w->count || (put_str(w->out, ram_block_idstr(block), w->error) &&
                         stream_out_u64(w->out, ram_block_used_length(block), w->error));
    return w->ok;
}

static bool put_section(Section *s, void *opaque)
{
    Writer *w = opaque;
    if (!s->desc->record || s->desc->unmigratable) {
        return true;
    }
    w->n += w->count;
    w->ok = w->count ||
            (put_str(w->out, s->idstr, w->error) && stream_out_u32(w->out, s->instance, w->error) &&
             stream_out_u32(w->out, s->desc->record->version, w->error));
    return w->ok;
}

static bool put_blocks(Vm *vm, StreamOut *out, GError **error)
{
    Writer w = { out, error, 0, true, true };
    ram_list_foreach(vm, put_block, &w);
    w.count = false;
    w.ok = stream_out_u32(out, w.n, error);
    if (w.ok) {
        ram_list_foreach(vm, put_block, &w);
    }
    return w.ok;
}

static bool put_sections(Vm *vm, StreamOut *out, GError **error)
{
    Writer w = { out, error, 0, true, true };
    section_foreach(vm, put_section, &w);
    w.count = false;
    w.ok = stream_out_u32(out, w.n, error);
    if (w.ok) {
        section_foreach(vm, put_section, &w);
    }
    return w.ok;
}

static char **cpu_features(Migration *m)
{
    char **names = m->host.cpu_features ? m->host.cpu_features(m->host.opaque) : NULL;
    return names ? names : g_new0(char *, 1);
}

static bool put_features(Migration *m, StreamOut *out, GError **error)
{
    g_auto(GStrv) names = cpu_features(m);
    bool ok = stream_out_u32(out, g_strv_length(names), error);
    for (char **name = names; ok && *name; name++) {
        ok = put_str(out, *name, error);
    }
    return ok;
}

/* Into the stream's buffer only, so that the VM lock is never held over a slow channel. */
bool save_manifest(Migration *m, StreamOut *out, bool only, GError **error)
{
    vm_lock(m->vm);
    const char *changed = m->out->ram ? ram_save_disturbed(m->out->ram) : NULL;
    if (changed) {
        g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM, changed);
    }
    bool ok = !changed && stream_out_u8(out, STREAM_MANIFEST, error) &&
              stream_out_u8(out, only ? MANIFEST_ONLY : 0, error) &&
              stream_out_u32(out, GUEST_PAGE_SIZE, error) && put_blocks(m->vm, out, error) &&
              put_sections(m->vm, out, error) && put_features(m, out, error);
    vm_unlock(m->vm);
    return ok && stream_out_end(out, true, error);
}

/* ---- destination ---- */

typedef struct {
    Incoming *in;
    GString *problems;
    unsigned n;
} Reader;

G_GNUC_PRINTF(2, 3) static void problem(Reader *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    r->n++;
    if (r->problems->len + strlen(text) <= MAX_TEXT) {
        g_string_append_printf(r->problems, "%s%s", r->problems->len ? "; " : "", text);
    }
}

static bool get_count(Reader *r, const char *what, uint32_t *n, GError **error)
{
    if (!stream_in_u32(&r->in->in, n, error)) {
        return false;
    }
    if (*n > MAX_ROWS) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the manifest lists %u %s, at most %u are allowed", *n, what, MAX_ROWS);
        return false;
    }
    return true;
}

static void compare_block(Reader *r, const char *name, uint64_t length)
{
    RamBlock *block = ram_block_find(r->in->m->vm, name);
    if (!block || !ram_block_migratable(block)) {
        problem(r, "there is no RAM block '%s' here", name);
        return;
    }
    uint64_t used = ram_block_used_length(block), max = ram_block_max_length(block);
    bool fits = length == used || ((ram_block_flags(block) & RAM_RESIZEABLE) && length <= max);
    if (!fits) {
        problem(r, "RAM block '%s' has 0x%" PRIx64 " bytes there and 0x%" PRIx64 " here", name,
                length, used);
    }
}

static bool get_blocks(Reader *r, GError **error)
{
    StreamIn *s = &r->in->in;
    uint32_t n;
    if (!get_count(r, "RAM blocks", &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char name[256];
        uint64_t length;
        if (!stream_in_str8(s, name, error) || !stream_in_u64(s, &length, error)) {
            return false;
        }
        compare_block(r, name, length);
    }
    return true;
}

static void compare_section(Reader *r, const char *idstr, uint32_t instance, uint32_t version,
                            GHashTable *seen)
{
    Section *s = section_find(r->in->m->vm, idstr, instance);
    if (!s || !s->desc->record) {
        problem(r, "unknown section '%s' instance %u: there is no such device here", idstr,
                instance);
        return;
    }
    g_hash_table_add(seen, s);
    const Record *record = s->desc->record;
    if (version > record->version || version < record->min_version) {
        problem(r, "section '%s' has version %u there, %u to %u are known here", idstr, version,
                record->min_version, record->version);
    }
}

typedef struct {
    Reader *r;
    GHashTable *seen;
} Unseen;

static bool report_unseen(Section *s, void *opaque)
{
    Unseen *u = opaque;
    if (s->desc->record && !s->desc->unmigratable && !g_hash_table_contains(u->seen, s)) {
        problem(u->r, "section '%s' instance %u is missing in the stream", s->idstr, s->instance);
    }
    return true;
}

static bool get_sections(Reader *r, GError **error)
{
    StreamIn *s = &r->in->in;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    uint32_t n;
    if (!get_count(r, "sections", &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char idstr[256];
        uint32_t instance, version;
        if (!stream_in_str8(s, idstr, error) || !stream_in_u32(s, &instance, error) ||
            !stream_in_u32(s, &version, error)) {
            return false;
        }
        compare_section(r, idstr, instance, version, seen);
    }
    Unseen u = { r, seen };
    section_foreach(r->in->m->vm, report_unseen, &u);
    return true;
}

static bool get_features(Reader *r, GError **error)
{
    g_auto(GStrv) ours = cpu_features(r->in->m);
    uint32_t n;
    if (!get_count(r, "CPU features", &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char name[256];
        if (!stream_in_str8(&r->in->in, name, error)) {
            return false;
        }
        if (!g_strv_contains((const char *const *)ours, name)) {
            problem(r, "CPU feature '%s' of the guest is missing here", name);
        }
    }
    return true;
}

static bool read_manifest(Reader *r, GError **error)
{
    StreamIn *s = &r->in->in;
    uint8_t flags;
    uint32_t page_size;
    if (!stream_in_u8(s, &flags, error) || !stream_in_u32(s, &page_size, error)) {
        return false;
    }
    if (flags & ~MANIFEST_ONLY) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the manifest has the unknown flags 0x%02x", flags);
        return false;
    }
    r->in->preflight = flags & MANIFEST_ONLY;
    if (page_size != GUEST_PAGE_SIZE) {
        problem(r, "guest pages have %u bytes there and %u here", page_size,
                (unsigned)GUEST_PAGE_SIZE);
    }
    return get_blocks(r, error) && get_sections(r, error) && get_features(r, error);
}

bool load_manifest(Incoming *in, GError **error)
{
    Reader r = { .in = in, .problems = g_string_new(NULL) };
    /* All of it is in memory before anything is looked up under the VM lock. */
    bool ok = stream_in_whole_item(&in->in, error);
    if (ok) {
        vm_lock(in->m->vm);
        ok = read_manifest(&r, error);
        vm_unlock(in->m->vm);
    }
    ok = ok && stream_in_end(&in->in, "the manifest", error);
    if (ok && r.n) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "%u problem%s before the start: %s", r.n, r.n > 1 ? "s" : "", r.problems->str);
        ok = false;
    }
    g_string_free(r.problems, true);
    if (ok && in->return_path) { /* a source that is gone shows when we read on */
        return_send(in->channel, in->in.format, RETURN_MANIFEST_OK, NULL, 0, NULL);
    }
    return ok;
}
