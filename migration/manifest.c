/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manifests: making and comparing them. How they travel: manifest-wire.c. */
#include <inttypes.h>
#include <string.h>
#include "migration/manifest.h"
#include "migration-priv.h"

static void block_clear(gpointer p)
{
    g_free(((ManifestBlock *)p)->name);
}

static void subsection_clear(gpointer p)
{
    g_free(((ManifestSubsection *)p)->name);
    g_free(((ManifestSubsection *)p)->refused);
}

static void section_clear(gpointer p)
{
    g_free(((ManifestSection *)p)->name);
    g_array_unref(((ManifestSection *)p)->subsections);
}

Manifest *manifest_new(void)
{
    Manifest *m = g_new0(Manifest, 1);
    m->blocks = g_array_new(false, false, sizeof(ManifestBlock));
    g_array_set_clear_func(m->blocks, block_clear);
    m->sections = g_array_new(false, false, sizeof(ManifestSection));
    g_array_set_clear_func(m->sections, section_clear);
    m->features = g_ptr_array_new_with_free_func(g_free);
    m->ram_checksum = true;
    return m;
}

void manifest_free(Manifest *m)
{
    if (m) {
        g_free(m->machine);
        g_array_unref(m->blocks);
        g_array_unref(m->sections);
        g_ptr_array_unref(m->features);
        g_free(m);
    }
}

void manifest_add_block(Manifest *m, const char *name, uint64_t length, uint64_t max_length,
                        bool resizeable)
{
    ManifestBlock b = { g_strdup(name), length, max_length, resizeable };
    g_array_append_val(m->blocks, b);
}

ManifestSection *manifest_add_section(Manifest *m, const char *name, uint32_t instance,
                                      uint32_t version, uint32_t min_version)
{
    ManifestSection s = { g_strdup(name), instance, version, min_version,
                          g_array_new(false, false, sizeof(ManifestSubsection)) };
    g_array_set_clear_func(s.subsections, subsection_clear);
    g_array_append_val(m->sections, s);
    return &g_array_index(m->sections, ManifestSection, m->sections->len - 1);
}

static ManifestSubsection *find_subsection(const ManifestSection *section, const char *name)
{
    for (guint i = 0; i < section->subsections->len; i++) {
        ManifestSubsection *s = &g_array_index(section->subsections, ManifestSubsection, i);
        if (!strcmp(s->name, name)) {
            return s;
        }
    }
    return NULL;
}

void manifest_add_subsection(ManifestSection *section, const ManifestSubsection *sub)
{
    ManifestSubsection *known = find_subsection(section, sub->name);
    if (known) { /* another element of an array */
        known->sent |= sub->sent;
        known->idle &= sub->idle;
        return;
    }
    ManifestSubsection s = *sub;
    s.name = g_strdup(sub->name);
    s.refused = g_strdup(sub->refused);
    g_array_append_val(section->subsections, s);
}

void manifest_add_feature(Manifest *m, const char *name)
{
    g_ptr_array_add(m->features, g_strdup(name));
}

/* ---- this machine ---- */

static bool add_block(RamBlock *block, void *opaque)
{
    if (ram_block_migratable(block)) {
        manifest_add_block(opaque, ram_block_idstr(block), ram_block_used_length(block),
                           ram_block_max_length(block), ram_block_flags(block) & RAM_RESIZEABLE);
    }
    return true;
}

static void add_subsection(const SubsectionListed *row, void *opaque)
{
    const Record *r = row->record;
    bool refused = row->missing && r->policy == SUBSECTION_FAIL;
    ManifestSubsection s = { (char *)r->name, r->version, r->min_version,
                             row->sent,       row->idle,  refused ? (char *)row->missing : NULL };
    manifest_add_subsection(opaque, &s);
}

static bool add_section(Section *s, void *opaque)
{
    const Record *record = s->desc->record;
    if (record && !s->desc->unmigratable) {
        section_subsections(s, add_subsection,
                            manifest_add_section(opaque, s->idstr, s->instance, record->version,
                                                 record->min_version));
    }
    return true;
}

Manifest *manifest_of(Vm *vm)
{
    Migration *session = vm->migration;
    const MigrationHost *host = &session->host;
    g_auto(GStrv) features = host->cpu_features ? host->cpu_features(host->opaque) : NULL;
    Manifest *m = manifest_new();
    m->machine = g_strdup(host->machine_name);
    m->page_size = GUEST_PAGE_SIZE;
    m->ram_checksum = has_cap(session->caps, MIGRATION_CAP_RAM_CHECKSUM);
    ram_list_foreach(vm, add_block, m);
    section_foreach(vm, add_section, m);
    for (char **name = features; name && *name; name++) {
        manifest_add_feature(m, *name);
    }
    return m;
}

/* ---- comparing ---- */

G_GNUC_PRINTF(2, 3) static void problem(GPtrArray *out, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_ptr_array_add(out, g_strdup_vprintf(format, ap));
    va_end(ap);
}

static const ManifestBlock *find_block(const Manifest *m, const char *name)
{
    for (guint i = 0; i < m->blocks->len; i++) {
        const ManifestBlock *b = &g_array_index(m->blocks, ManifestBlock, i);
        if (!strcmp(b->name, name)) {
            return b;
        }
    }
    return NULL;
}

static void compare_blocks(const Manifest *theirs, const Manifest *ours, GPtrArray *out)
{
    for (guint i = 0; i < theirs->blocks->len; i++) {
        const ManifestBlock *a = &g_array_index(theirs->blocks, ManifestBlock, i);
        const ManifestBlock *b = find_block(ours, a->name);
        if (!b) {
            problem(out, "there is no RAM block '%s' here", a->name);
        } else if (a->length != b->length && !b->resizeable) {
            problem(out, "RAM block '%s' has 0x%" PRIx64 " bytes there and 0x%" PRIx64 " here",
                    a->name, a->length, b->length);
        } else if (a->length != b->length && a->length > b->max_length) {
            problem(out,
                    "RAM block '%s' has 0x%" PRIx64 " bytes there, at most 0x%" PRIx64 " fit here",
                    a->name, a->length, b->max_length);
        }
    }
    for (guint i = 0; i < ours->blocks->len; i++) {
        const ManifestBlock *b = &g_array_index(ours->blocks, ManifestBlock, i);
        if (!find_block(theirs, b->name)) {
            problem(out, "RAM block '%s' (0x%" PRIx64 " bytes) is missing in the stream", b->name,
                    b->length);
        }
    }
}

static const ManifestSection *find_section(const Manifest *m, const ManifestSection *wanted)
{
    for (guint i = 0; i < m->sections->len; i++) {
        const ManifestSection *s = &g_array_index(m->sections, ManifestSection, i);
        if (s->instance == wanted->instance && !strcmp(s->name, wanted->name)) {
            return s;
        }
    }
    return NULL;
}

/* One that is idle may never be sent: whether it fits is asked when it comes. */
static void compare_subsections(const ManifestSection *theirs, const ManifestSection *ours,
                                GPtrArray *out)
{
    for (guint i = 0; i < theirs->subsections->len; i++) {
        const ManifestSubsection *a = &g_array_index(theirs->subsections, ManifestSubsection, i);
        const ManifestSubsection *b = find_subsection(ours, a->name);
        if (!a->sent || a->idle) {
            continue;
        }
        if (!b) {
            problem(out, "section '%s' instance %u: unknown subsection '%s'", theirs->name,
                    theirs->instance, a->name);
        } else if (a->version > b->version || a->version < b->min_version) {
            problem(out,
                    "section '%s' instance %u: subsection '%s' has version %u there, %u to %u are "
                    "known here",
                    theirs->name, theirs->instance, a->name, a->version, b->min_version,
                    b->version);
        } else if (b->refused) {
            problem(out, "section '%s' instance %u: subsection '%s' cannot be honoured: %s",
                    theirs->name, theirs->instance, a->name, b->refused);
        }
    }
}

static void compare_sections(const Manifest *theirs, const Manifest *ours, GPtrArray *out)
{
    for (guint i = 0; i < theirs->sections->len; i++) {
        const ManifestSection *a = &g_array_index(theirs->sections, ManifestSection, i);
        const ManifestSection *b = find_section(ours, a);
        if (!b) {
            problem(out, "unknown section '%s' instance %u: there is no such device here", a->name,
                    a->instance);
        } else if (a->version > b->version || a->version < b->min_version) {
            problem(out, "section '%s' has version %u there, %u to %u are known here", a->name,
                    a->version, b->min_version, b->version);
        } else {
            compare_subsections(a, b, out);
        }
    }
    for (guint i = 0; i < ours->sections->len; i++) {
        const ManifestSection *b = &g_array_index(ours->sections, ManifestSection, i);
        if (!find_section(theirs, b)) {
            problem(out, "section '%s' instance %u is missing in the stream", b->name, b->instance);
        }
    }
}

static void compare_features(const Manifest *theirs, const Manifest *ours, GPtrArray *out)
{
    for (guint i = 0; i < theirs->features->len; i++) {
        const char *name = g_ptr_array_index(theirs->features, i);
        if (!g_ptr_array_find_with_equal_func(ours->features, name, g_str_equal, NULL)) {
            problem(out, "CPU feature '%s' of the guest is missing here", name);
        }
    }
}

GPtrArray *manifest_problems(const Manifest *theirs, const Manifest *ours)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    if (theirs->machine && ours->machine && strcmp(theirs->machine, ours->machine)) {
        problem(out, "machine type received is '%s' and local is '%s'", theirs->machine,
                ours->machine);
        return out; /* as a stream is refused for its configuration, before anything else is read */
    }
    if (theirs->page_size != ours->page_size) {
        problem(out, "guest pages have %u bytes there and %u here", theirs->page_size,
                ours->page_size);
    }
    if (ours->ram_checksum && !theirs->ram_checksum) {
        problem(out, "the source has capability 'ram-checksum' off, and it is on here");
    }
    compare_blocks(theirs, ours, out);
    compare_sections(theirs, ours, out);
    compare_features(theirs, ours, out);
    return out;
}
