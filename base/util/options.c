/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options: text to a{sv}, and the typed reader. Nesting by dots is built with an intermediate tree
 * of hash tables, so that keys may come in any order.
 */
#include "base/util/options.h"

#include <string.h>

#include "base/util/error.h"
#include "base/util/size.h"

#define KEY_MAX 127

/* ---- text to dictionary ---- */

typedef struct Node {
    char *text;        /* a leaf, or */
    GPtrArray *keys;   /* the order of first mention, owned strings */
    GHashTable *below; /* key -> Node */
} Node;

static void node_free(Node *node)
{
    if (!node) {
        return;
    }
    g_free(node->text);
    g_clear_pointer(&node->keys, g_ptr_array_unref);
    g_clear_pointer(&node->below, g_hash_table_unref);
    g_free(node);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Node, node_free)

static Node *node_new_dict(void)
{
    Node *node = g_new0(Node, 1);

    node->keys = g_ptr_array_new_with_free_func(g_free);
    node->below = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)node_free);
    return node;
}

static void node_put(Node *dict, const char *key, Node *child)
{
    if (!g_hash_table_contains(dict->below, key)) {
        g_ptr_array_add(dict->keys, g_strdup(key));
    }
    g_hash_table_replace(dict->below, g_strdup(key), child);
}

static bool node_set(Node *root, const char *path, char *value, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    Node *dict = root;

    for (int i = 0; parts[i]; i++) {
        Node *child = g_hash_table_lookup(dict->below, parts[i]);

        if (!*parts[i]) {
            g_free(value);
            g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "invalid parameter '%s'",
                        path);
            return false;
        }
        if (!parts[i + 1]) {
            if (child && child->below) {
                break;
            }
            child = g_new0(Node, 1);
            child->text = value;
            node_put(dict, parts[i], child);
            return true;
        }
        if (!child) {
            child = node_new_dict();
            node_put(dict, parts[i], child);
        }
        if (!child->below) {
            break;
        }
        dict = child;
    }
    g_free(value);
    g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                "parameter '%s' is given both as a value and as a group", path);
    return false;
}

static GVariant *node_to_variant(const Node *node)
{
    GVariantBuilder builder;

    if (node->text) {
        return g_variant_new_string(node->text);
    }
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < node->keys->len; i++) {
        const char *key = g_ptr_array_index(node->keys, i);

        g_variant_builder_add(&builder, "{sv}", key,
                              node_to_variant(g_hash_table_lookup(node->below, key)));
    }
    return g_variant_builder_end(&builder);
}

/* Take "..." up to a single comma; doubled commas become one. */
static char *take_value(const char **at)
{
    GString *out = g_string_new(NULL);
    const char *p = *at;

    while (*p) {
        if (*p == ',') {
            if (p[1] != ',') {
                break;
            }
            p++;
        }
        g_string_append_c(out, *p++);
    }
    *at = *p ? p + 1 : p;
    return g_string_free(out, FALSE);
}

/* "hostfwd" becomes "hostfwd.2" when two came before. */
static char *list_key(const Node *root, char *key, const char *const *lists)
{
    char *numbered = key;

    if (lists && g_strv_contains(lists, key)) {
        const Node *list = g_hash_table_lookup(root->below, key);

        numbered = g_strdup_printf("%s.%u", key, list && list->keys ? list->keys->len : 0);
        g_free(key);
    }
    return numbered;
}

GVariant *options_parse(const char *text, const char *implied_key, GError **error)
{
    return options_parse_lists(text, implied_key, NULL, error);
}

GVariant *options_parse_lists(const char *text, const char *implied_key, const char *const *lists,
                              GError **error)
{
    g_autoptr(Node) root = node_new_dict();
    const char *p = text;

    if (!g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "options are not valid UTF-8");
        return NULL;
    }
    for (bool first = true; *p; first = false) {
        size_t len = strcspn(p, "=,");
        g_autofree char *key = NULL;

        if (p[len] == '=') {
            key = g_strndup(p, len);
            p += len + 1;
        } else if (first && implied_key) {
            key = g_strdup(implied_key);
        } else {
            g_autofree char *item = g_strndup(p, len);

            g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                        "expected '=' after parameter '%s'", item);
            return NULL;
        }
        if (!*key || strlen(key) > KEY_MAX) {
            g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                        "invalid parameter '%.*s' (1 to %d bytes)", KEY_MAX, key, KEY_MAX);
            return NULL;
        }
        key = list_key(root, key, lists);
        if (!node_set(root, key, take_value(&p), error)) {
            return NULL;
        }
    }
    return node_to_variant(root);
}

GVariant *options_with(GVariant *dict, const char *key, GVariant *value)
{
    g_autoptr(GVariant) held = value ? g_variant_ref_sink(value) : NULL;
    GVariantBuilder builder;
    GVariantIter iter;
    const char *name;
    GVariant *item;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    if (dict) {
        g_variant_iter_init(&iter, dict);
        while (g_variant_iter_loop(&iter, "{&sv}", &name, &item)) {
            if (strcmp(name, key)) {
                g_variant_builder_add(&builder, "{sv}", name, item);
            }
        }
    }
    if (held) {
        g_variant_builder_add(&builder, "{sv}", key, held);
    }
    return g_variant_builder_end(&builder);
}

/* ---- the reader ---- */

void options_reader_init(OptionsReader *r, GVariant *dict, const char *prefix)
{
    *r = (OptionsReader){
        .dict = g_variant_ref_sink(dict),
        .taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .prefix = g_strdup(prefix ? prefix : ""),
    };
    if (!g_variant_is_of_type(dict, G_VARIANT_TYPE_VARDICT)) {
        g_set_error(&r->error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                    "parameter '%s' expects an object", r->prefix);
    }
}

void options_reader_clear(OptionsReader *r)
{
    g_clear_pointer(&r->dict, g_variant_unref);
    g_clear_pointer(&r->taken, g_hash_table_unref);
    g_clear_error(&r->error);
    g_clear_pointer(&r->prefix, g_free);
}

void options_reader_fail(OptionsReader *r, const char *key, const char *format, ...)
{
    g_autofree char *why = NULL;
    va_list args;

    if (r->error) {
        return;
    }
    va_start(args, format);
    why = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(&r->error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "parameter '%s%s' %s", r->prefix,
                key, why);
}

static GVariant *lookup(const OptionsReader *r, const char *key)
{
    if (!r->dict || !g_variant_is_of_type(r->dict, G_VARIANT_TYPE_VARDICT)) {
        return NULL;
    }
    return g_variant_lookup_value(r->dict, key, NULL);
}

bool options_reader_has(const OptionsReader *r, const char *key)
{
    g_autoptr(GVariant) value = lookup(r, key);

    return value != NULL;
}

GVariant *options_reader_value(OptionsReader *r, const char *key)
{
    if (r->error) {
        return NULL;
    }
    g_hash_table_add(r->taken, g_strdup(key));
    return lookup(r, key);
}

char *options_reader_str(OptionsReader *r, const char *key)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);

    if (!value) {
        return NULL;
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        options_reader_fail(r, key, "expects a string");
        return NULL;
    }
    return g_variant_dup_string(value, NULL);
}

bool options_reader_bool(OptionsReader *r, const char *key, bool fallback)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);
    bool out = fallback;

    if (!value) {
        return fallback;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
        return g_variant_get_boolean(value);
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        options_reader_fail(r, key, "expects a boolean");
        return fallback;
    }
    if (!bool_parse(key, g_variant_get_string(value, NULL), &out, NULL)) {
        options_reader_fail(r, key, "expects 'on' or 'off', not '%s'",
                            g_variant_get_string(value, NULL));
    }
    return out;
}

/* A non-negative integer of whatever width JSON gave it. */
static bool variant_uint(GVariant *value, uint64_t *out)
{
    int64_t i;

    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BYTE: *out = g_variant_get_byte(value); return true;
    case G_VARIANT_CLASS_UINT16: *out = g_variant_get_uint16(value); return true;
    case G_VARIANT_CLASS_UINT32: *out = g_variant_get_uint32(value); return true;
    case G_VARIANT_CLASS_UINT64: *out = g_variant_get_uint64(value); return true;
    case G_VARIANT_CLASS_INT16: i = g_variant_get_int16(value); break;
    case G_VARIANT_CLASS_INT32: i = g_variant_get_int32(value); break;
    case G_VARIANT_CLASS_INT64: i = g_variant_get_int64(value); break;
    default: return false;
    }
    *out = (uint64_t)i;
    return i >= 0;
}

uint64_t options_reader_uint(OptionsReader *r, const char *key, uint64_t min, uint64_t max,
                             uint64_t fallback)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);
    uint64_t out = fallback;
    bool good;

    if (!value) {
        return fallback;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        good = uint_parse(key, g_variant_get_string(value, NULL), min, max, &out, NULL);
    } else {
        good = variant_uint(value, &out) && out >= min && out <= max;
    }
    if (!good) {
        g_autofree char *shown = g_variant_print(value, FALSE);

        options_reader_fail(r, key,
                            "expects an integer from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                            ", not %s",
                            min, max, shown);
        return fallback;
    }
    return out;
}

uint64_t options_reader_size(OptionsReader *r, const char *key, uint64_t fallback)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);
    uint64_t out = fallback;
    bool good;

    if (!value) {
        return fallback;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        good = size_parse(key, g_variant_get_string(value, NULL), &out, NULL);
    } else {
        good = variant_uint(value, &out);
    }
    if (!good || out > INT64_MAX) {
        g_autofree char *shown = g_variant_print(value, FALSE);

        options_reader_fail(r, key, "expects a size in bytes, not %s", shown);
        return fallback;
    }
    return out;
}

int options_reader_enum(OptionsReader *r, const char *key, const char *const *choices, int fallback)
{
    g_autofree char *text = options_reader_str(r, key);
    g_autofree char *all = NULL;

    if (!text) {
        return fallback;
    }
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(text, choices[i])) {
            return i;
        }
    }
    all = g_strjoinv(", ", (char **)choices);
    options_reader_fail(r, key, "does not accept value '%s' (one of: %s)", text, all);
    return fallback;
}

GVariant *options_reader_dict(OptionsReader *r, const char *key)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);

    if (!value) {
        return NULL;
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        options_reader_fail(r, key, "expects an object");
        return NULL;
    }
    return g_steal_pointer(&value);
}

GPtrArray *options_reader_list(OptionsReader *r, const char *key)
{
    g_autoptr(GVariant) value = options_reader_value(r, key);
    g_autoptr(GPtrArray) out = NULL;

    if (!value) {
        return NULL;
    }
    out = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        gsize n = g_variant_n_children(value);

        for (gsize i = 0; i < n; i++) {
            g_autofree char *name = g_strdup_printf("%" G_GSIZE_FORMAT, i);
            GVariant *item = g_variant_lookup_value(value, name, NULL);

            if (!item) {
                options_reader_fail(r, key, "is a list and lacks element %s", name);
                return NULL;
            }
            g_ptr_array_add(out, item);
        }
        return g_steal_pointer(&out);
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY)) {
        options_reader_fail(r, key, "expects a list");
        return NULL;
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(value, i);

        g_ptr_array_add(out, g_variant_is_of_type(item, G_VARIANT_TYPE_VARIANT)
                                 ? g_variant_get_variant(item)
                                 : g_variant_ref(item));
    }
    return g_steal_pointer(&out);
}

void options_reader_require(OptionsReader *r, const char *key)
{
    if (!options_reader_has(r, key)) {
        options_reader_fail(r, key, "is missing");
    }
}

bool options_reader_finish(OptionsReader *r, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *item;

    if (!r->error) {
        g_variant_iter_init(&iter, r->dict);
        while (g_variant_iter_next(&iter, "{&sv}", &name, &item)) {
            if (!r->error && !g_hash_table_contains(r->taken, name)) {
                options_reader_fail(r, name, "is unexpected");
            }
            g_variant_unref(item);
        }
    }
    if (r->error) {
        g_propagate_error(error, g_steal_pointer(&r->error));
        return false;
    }
    return true;
}
