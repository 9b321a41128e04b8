/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Manifests as JSON: query-migrate-manifest, -dump-manifest FILE, and -migrate-check, which compares two such
 * files as a destination compares what a source announces.
 */
#include <stdio.h>
#include <string.h>
#include "monitor/json.h"
#include "keyval.h"
#include "system-priv.h"

/* ---- out ---- */

static Json *subsections_to_json(const ManifestSection *section)
{
    Json *out = json_object_new_array();
    for (guint i = 0; i < section->subsections->len; i++) {
        const ManifestSubsection *s = &g_array_index(section->subsections, ManifestSubsection, i);
        Json *row = json_object_new_object();
        json_add_str(row, "name", s->name);
        json_add_uint(row, "version", s->version);
        json_add_uint(row, "minimum-version", s->min_version);
        json_add_bool(row, "sent", s->sent);
        json_add_bool(row, "idle", s->idle);
        if (s->refused) {
            json_add_str(row, "refused", s->refused);
        }
        json_object_array_add(out, row);
    }
    return out;
}

Json *manifest_to_json(const Manifest *m)
{
    Json *out = json_object_new_object(), *blocks = json_object_new_array(),
         *sections = json_object_new_array(), *features = json_object_new_array();
    json_add_str(out, "machine", m->machine);
    json_add_uint(out, "page-size", m->page_size);
    json_add_bool(out, "ram-checksum", m->ram_checksum);
    for (guint i = 0; i < m->blocks->len; i++) {
        const ManifestBlock *b = &g_array_index(m->blocks, ManifestBlock, i);
        Json *row = json_object_new_object();
        json_add_str(row, "name", b->name);
        json_add_uint(row, "length", b->length);
        json_add_uint(row, "max-length", b->max_length);
        json_add_bool(row, "resizeable", b->resizeable);
        json_object_array_add(blocks, row);
    }
    for (guint i = 0; i < m->sections->len; i++) {
        const ManifestSection *s = &g_array_index(m->sections, ManifestSection, i);
        Json *row = json_object_new_object();
        json_add_str(row, "name", s->name);
        json_add_uint(row, "instance", s->instance);
        json_add_uint(row, "version", s->version);
        json_add_uint(row, "minimum-version", s->min_version);
        json_add(row, "subsections", subsections_to_json(s));
        json_object_array_add(sections, row);
    }
    for (guint i = 0; i < m->features->len; i++) {
        json_object_array_add(features, json_object_new_string(g_ptr_array_index(m->features, i)));
    }
    json_add(out, "ram-blocks", blocks);
    json_add(out, "sections", sections);
    json_add(out, "cpu-features", features);
    return out;
}

bool system_dump_manifest(System *sys, GError **error)
{
    g_autoptr(Manifest) m = manifest_of(sys->vm);
    g_autoptr(Json) json = manifest_to_json(m);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, json, true);
    g_string_append_c(text, '\n');
    if (!g_file_set_contents(sys->cmd->dump_manifest, text->str, (gssize)text->len, error)) {
        g_prefix_error(error, "-dump-manifest: ");
        return false;
    }
    return true;
}

/* ---- in ---- */

/* The member of that kind; NULL + error. */
static Json *want(Json *object, const char *name, enum json_type type, GError **error)
{
    Json *value = json_member(object, name);
    if (!value || !json_object_is_type(value, type)) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE, "'%s' is %s", name,
                    value ? "of another type" : "missing");
        return NULL;
    }
    return value;
}

static bool want_u64(Json *object, const char *name, uint64_t max, uint64_t *out, GError **error)
{
    Json *value = want(object, name, json_type_int, error);
    if (!value) {
        return false;
    }
    *out = json_object_get_uint64(value);
    if (json_object_get_int64(value) < 0 || *out > max) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                    "'%s' is %s, at most %" G_GUINT64_FORMAT " is allowed", name,
                    json_object_get_string(value), max);
        return false;
    }
    return true;
}

/* Each row of the list @name goes @into something: a manifest, or one of its sections. */
typedef bool ReadRow(void *into, Json *row, GError **error);

static bool read_rows(void *into, Json *object, const char *name, ReadRow *read, GError **error)
{
    Json *list = want(object, name, json_type_array, error);
    bool ok = list;
    for (size_t i = 0; ok && i < json_object_array_length(list); i++) {
        ok = read(into, json_object_array_get_idx(list, i), error);
    }
    return ok;
}

static bool read_block(void *into, Json *row, GError **error)
{
    uint64_t length, max;
    Json *name = want(row, "name", json_type_string, error);
    if (!name || !want_u64(row, "length", INT64_MAX, &length, error) ||
        !want_u64(row, "max-length", INT64_MAX, &max, error) ||
        !want(row, "resizeable", json_type_boolean, error)) {
        return false;
    }
    manifest_add_block(into, json_object_get_string(name), length, max,
                       json_flag(row, "resizeable", false));
    return true;
}

static bool read_subsection(void *into, Json *row, GError **error)
{
    uint64_t version, min;
    Json *name = want(row, "name", json_type_string, error);
    Json *refused = json_member(row, "refused");
    if (!name || !want_u64(row, "version", UINT32_MAX, &version, error) ||
        !want_u64(row, "minimum-version", UINT32_MAX, &min, error) ||
        !want(row, "sent", json_type_boolean, error) ||
        !want(row, "idle", json_type_boolean, error) ||
        (refused && !want(row, "refused", json_type_string, error))) {
        return false;
    }
    ManifestSubsection s = { (char *)json_object_get_string(name),
                             (uint32_t)version,
                             (uint32_t)min,
                             json_flag(row, "sent", false),
                             json_flag(row, "idle", false),
                             refused ? (char *)json_object_get_string(refused) : NULL };
    manifest_add_subsection(into, &s);
    return true;
}

static bool read_section(void *into, Json *row, GError **error)
{
    uint64_t instance, version, min;
    Json *name = want(row, "name", json_type_string, error);
    if (!name || !want_u64(row, "instance", UINT32_MAX, &instance, error) ||
        !want_u64(row, "version", UINT32_MAX, &version, error) ||
        !want_u64(row, "minimum-version", UINT32_MAX, &min, error)) {
        return false;
    }
    ManifestSection *section =
        manifest_add_section(into, json_object_get_string(name), (uint32_t)instance,
                             (uint32_t)version, (uint32_t)min);
    return read_rows(section, row, "subsections", read_subsection, error);
}

static bool read_feature(void *into, Json *row, GError **error)
{
    if (!json_object_is_type(row, json_type_string)) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                    "a CPU feature is no string");
        return false;
    }
    manifest_add_feature(into, json_object_get_string(row));
    return true;
}

static bool read_manifest(Manifest *m, Json *json, GError **error)
{
    uint64_t page_size;
    Json *machine = want(json, "machine", json_type_string, error);
    if (!machine || !want_u64(json, "page-size", UINT32_MAX, &page_size, error) ||
        !want(json, "ram-checksum", json_type_boolean, error)) {
        return false;
    }
    m->machine = g_strdup(json_object_get_string(machine));
    m->page_size = (uint32_t)page_size;
    m->ram_checksum = json_flag(json, "ram-checksum", true);
    return read_rows(m, json, "ram-blocks", read_block, error) &&
           read_rows(m, json, "sections", read_section, error) &&
           read_rows(m, json, "cpu-features", read_feature, error);
}

static Manifest *manifest_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(Manifest) m = manifest_new();
    if (!g_file_get_contents(path, &text, NULL, error)) {
        return NULL;
    }
    g_autoptr(Json) json = json_parse(text, error);
    if (!json || !json_object_is_type(json, json_type_object) || !read_manifest(m, json, error)) {
        if (json && error && !*error) {
            g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE, "it is no object");
        }
        g_prefix_error(error, "'%s' is not a manifest: ", path);
        return NULL;
    }
    return g_steal_pointer(&m);
}

/* ---- -migrate-check source=A,destination=B ---- */

int system_migrate_check(const char *spec, GError **error)
{
    const char *source = NULL, *destination = NULL;
    g_autoptr(GVariant) words = keyval_parse(spec, NULL, error);
    if (!words) {
        return 2;
    }
    g_variant_lookup(words, "source", "&s", &source);
    g_variant_lookup(words, "destination", "&s", &destination);
    if (!source || !destination) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                    "-migrate-check needs source=FILE,destination=FILE");
        return 2;
    }
    g_autoptr(Manifest) theirs = manifest_read(source, error);
    g_autoptr(Manifest) ours = theirs ? manifest_read(destination, error) : NULL;
    if (!ours) {
        return 2;
    }
    g_autoptr(GPtrArray) problems = manifest_problems(theirs, ours);
    for (guint i = 0; i < problems->len; i++) {
        printf("%s\n", (const char *)g_ptr_array_index(problems, i));
    }
    return problems->len ? 1 : 0;
}
