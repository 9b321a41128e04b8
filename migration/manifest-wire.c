/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest in the stream (version 4): what the source is about to send, said before any RAM. The
 * destination compares it with its own and answers with everything that does not fit, not just the
 * first of it. With the flag "only" that is all: a preflight, after which both sides are as before.
 *
 *   09, u8 flags, u32 page size,
 *   u32 n, n RAM blocks {u8 length, name, u64 bytes},
 *   u32 n, n sections {u8 length, name, u32 instance, u32 version},
 *   u32 n, n CPU features {u8 length, name}
 *   u32 n, n subsections {u32 which of the sections, u8 length, name, u32 version, u8 1: idle}
 *
 * What depends on the state at the switchover is checked when it comes.
 */
#include <string.h>
#include "base/util/trace.h"
#include "migration/manifest.h"
#include "migration-priv.h"

#define MANIFEST_ONLY      1u
#define MANIFEST_UNCHECKED 2u /* RAM comes without checksum */
#define MANIFEST_SUBS      4u /* a list of subsections comes as well; early builds had none */
#define MANIFEST_FLAGS     (MANIFEST_ONLY | MANIFEST_UNCHECKED | MANIFEST_SUBS)
#define MAX_ROWS           4096u
#define MAX_SUBSECTIONS    16384u
#define MAX_OF_ONE         1024u
#define MAX_TEXT           3500 /* of the answer */

TRACE_POINT(migration_problem);

/* ---- source ---- */

static bool put_str(StreamOut *out, const char *s, GError **error)
{
    size_t n = MIN(strlen(s), 255u);
    return stream_out_u8(out, (uint8_t)n, error) && stream_out_bytes(out, s, n, error);
}

static bool put_blocks(const Manifest *m, StreamOut *out, GError **error)
{
    bool ok = stream_out_u32(out, m->blocks->len, error);
    for (guint i = 0; ok && i < m->blocks->len; i++) {
        const ManifestBlock *b = &g_array_index(m->blocks, ManifestBlock, i);
        ok = put_str(out, b->name, error) && stream_out_u64(out, b->length, error);
    }
    return ok;
}

static bool put_sections(const Manifest *m, StreamOut *out, GError **error)
{
    bool ok = stream_out_u32(out, m->sections->len, error);
    for (guint i = 0; ok && i < m->sections->len; i++) {
        const ManifestSection *s = &g_array_index(m->sections, ManifestSection, i);
        ok = put_str(out, s->name, error) && stream_out_u32(out, s->instance, error) &&
             stream_out_u32(out, s->version, error);
    }
    return ok;
}

static bool put_features(const Manifest *m, StreamOut *out, GError **error)
{
    bool ok = stream_out_u32(out, m->features->len, error);
    for (guint i = 0; ok && i < m->features->len; i++) {
        ok = put_str(out, g_ptr_array_index(m->features, i), error);
    }
    return ok;
}

static guint count_sent(const Manifest *m)
{
    guint n = 0;
    for (guint i = 0; i < m->sections->len; i++) {
        const GArray *subs = g_array_index(m->sections, ManifestSection, i).subsections;
        for (guint k = 0; k < subs->len; k++) {
            n += g_array_index(subs, ManifestSubsection, k).sent;
        }
    }
    return n;
}

static bool put_subsections(const Manifest *m, StreamOut *out, GError **error)
{
    bool ok = stream_out_u32(out, count_sent(m), error);
    for (guint i = 0; ok && i < m->sections->len; i++) {
        const GArray *subs = g_array_index(m->sections, ManifestSection, i).subsections;
        for (guint k = 0; ok && k < subs->len; k++) {
            const ManifestSubsection *s = &g_array_index(subs, ManifestSubsection, k);
            ok = !s->sent ||
                 (stream_out_u32(out, i, error) && put_str(out, s->name, error) &&
                  stream_out_u32(out, s->version, error) && stream_out_u8(out, s->idle, error));
        }
    }
    return ok;
}

/* Of the very blocks that the session has listed; NULL + error when they are others by now. */
static Manifest *current(Migration *m, GError **error)
{
    vm_lock(m->vm);
    const char *changed = m->out->ram ? ram_save_disturbed(m->out->ram) : NULL;
    Manifest *manifest = changed ? NULL : manifest_of(m->vm);
    vm_unlock(m->vm);
    if (changed) {
        g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM, changed);
    }
    return manifest;
}

bool save_manifest(Migration *m, StreamOut *out, bool only, GError **error)
{
    g_autoptr(Manifest) manifest = current(m, error);
    if (!manifest) {
        return false;
    }
    unsigned flags = MANIFEST_SUBS | (only ? MANIFEST_ONLY : 0) |
                     (manifest->ram_checksum ? 0 : MANIFEST_UNCHECKED);
    return stream_out_u8(out, STREAM_MANIFEST, error) &&
           stream_out_u8(out, (uint8_t)flags, error) &&
           stream_out_u32(out, manifest->page_size, error) && put_blocks(manifest, out, error) &&
           put_sections(manifest, out, error) && put_features(manifest, out, error) &&
           put_subsections(manifest, out, error) && stream_out_end(out, true, error);
}

/* ---- destination ---- */

static bool check_count(uint32_t n, const char *what, uint32_t max, GError **error)
{
    if (n > max) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the manifest lists %u %s, at most %u are allowed", n, what, max);
        return false;
    }
    return true;
}

static bool get_count(StreamIn *s, const char *what, uint32_t max, uint32_t *n, GError **error)
{
    return stream_in_u32(s, n, error) && check_count(*n, what, max, error);
}

static bool get_blocks(StreamIn *s, Manifest *m, GError **error)
{
    uint32_t n;
    if (!get_count(s, "RAM blocks", MAX_ROWS, &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char name[256];
        uint64_t length;
        if (!stream_in_str8(s, name, error) || !stream_in_u64(s, &length, error)) {
            return false;
        }
        manifest_add_block(m, name, length, length, false);
    }
    return true;
}

static bool get_sections(StreamIn *s, Manifest *m, GError **error)
{
    uint32_t n;
    if (!get_count(s, "sections", MAX_ROWS, &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char name[256];
        uint32_t instance, version;
        if (!stream_in_str8(s, name, error) || !stream_in_u32(s, &instance, error) ||
            !stream_in_u32(s, &version, error)) {
            return false;
        }
        manifest_add_section(m, name, instance, version, version);
    }
    return true;
}

static bool get_features(StreamIn *s, Manifest *m, GError **error)
{
    uint32_t n;
    if (!get_count(s, "CPU features", MAX_ROWS, &n, error)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        char name[256];
        if (!stream_in_str8(s, name, error)) {
            return false;
        }
        manifest_add_feature(m, name);
    }
    return true;
}

static bool get_subsection(StreamIn *s, Manifest *m, GError **error)
{
    char name[256];
    uint32_t section, version;
    uint8_t idle;
    if (!stream_in_u32(s, &section, error) || !stream_in_str8(s, name, error) ||
        !stream_in_u32(s, &version, error) || !stream_in_u8(s, &idle, error)) {
        return false;
    }
    if (section >= m->sections->len || idle > 1) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the manifest has a subsection of section %u of %u, flags 0x%02x", section,
                    m->sections->len, idle);
        return false;
    }
    ManifestSection *of = &g_array_index(m->sections, ManifestSection, section);
    ManifestSubsection sub = { name, version, version, true, idle, NULL };
    /* Finding each takes as long as there are others. */
    if (!check_count(of->subsections->len + 1, "subsections of one section", MAX_OF_ONE, error)) {
        return false;
    }
    manifest_add_subsection(of, &sub);
    return true;
}

static bool get_subsections(StreamIn *s, Manifest *m, GError **error)
{
    uint32_t n;
    bool ok = get_count(s, "subsections", MAX_SUBSECTIONS, &n, error);
    for (uint32_t i = 0; ok && i < n; i++) {
        ok = get_subsection(s, m, error);
    }
    return ok;
}

static bool read_manifest(StreamIn *s, Manifest *m, bool *only, GError **error)
{
    uint8_t flags;
    if (!stream_in_u8(s, &flags, error) || !stream_in_u32(s, &m->page_size, error)) {
        return false;
    }
    if (flags & ~MANIFEST_FLAGS) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the manifest has the unknown flags 0x%02x", flags);
        return false;
    }
    *only = flags & MANIFEST_ONLY;
    m->ram_checksum = !(flags & MANIFEST_UNCHECKED);
    return get_blocks(s, m, error) && get_sections(s, m, error) && get_features(s, m, error) &&
           (!(flags & MANIFEST_SUBS) || get_subsections(s, m, error)) &&
           stream_in_end(s, "the manifest", error);
}

/* All problems in one text; true: there are none. */
static bool fits(Incoming *in, const Manifest *theirs, GError **error)
{
    vm_lock(in->m->vm);
    g_autoptr(Manifest) ours = manifest_of(in->m->vm);
    vm_unlock(in->m->vm);
    g_autoptr(GPtrArray) problems = manifest_problems(theirs, ours);
    g_autoptr(GString) text = g_string_new(NULL);
    guint untold = 0;
    for (guint i = 0; i < problems->len; i++) {
        const char *p = g_ptr_array_index(problems, i);
        trace(migration_problem, "%s", p);
        if (text->len + strlen(p) <= MAX_TEXT) {
            g_string_append_printf(text, "%s%s", i ? "; " : "", p);
        } else {
            untold++;
        }
    }
    if (untold) { /* a message has its limit: the manifests have them all */
        g_string_append_printf(text, "; and %u more", untold);
    }
    if (problems->len) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "%u problem%s before the start: %s", problems->len,
                    problems->len > 1 ? "s" : "", text->str);
    }
    return !problems->len;
}

bool load_manifest(Incoming *in, GError **error)
{
    g_autoptr(Manifest) theirs = manifest_new();
    if (!read_manifest(&in->in, theirs, &in->preflight, error) || !fits(in, theirs, error)) {
        return false;
    }
    if (in->return_path) { /* a source that is gone shows when we read on */
        return_send(in->channel, in->in.format, RETURN_MANIFEST_OK, NULL, 0, NULL);
    }
    return true;
}
