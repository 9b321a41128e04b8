/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key-value strings and JSON of the command line. */
#include "system/keyval.h"
#include <string.h>
#include "base/util/size.h"
#include "monitor/json.h"
#include "system-priv.h"

typedef struct {
    char *key, *value;
} Pair;

static void pair_free(gpointer p)
{
    Pair *pair = p;
    g_free(pair->key);
    g_free(pair->value);
    g_free(pair);
}

/* Up to the next single comma; *@at moves behind it. */
static char *next_part(const char **at)
{
    GString *s = g_string_new(NULL);
    const char *p = *at;
    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                p++;
                break;
            }
            p++;
        }
        g_string_append_c(s, *p);
    }
    *at = p;
    return g_string_free(s, false);
}

static GPtrArray *split(const char *text, const char *implied, GError **error)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(pair_free);
    bool first = true;
    if (!g_utf8_validate(text, -1, NULL)) { /* properties are text */
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION, "it is not valid UTF-8");
        return NULL;
    }
    while (*text) {
        g_autofree char *part = next_part(&text);
        char *eq = strchr(part, '=');
        if (!*part && first && implied) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "the value of '%s' is empty", implied);
            return NULL;
        }
        if (eq == part) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "'%s' has no key before '='", part);
            return NULL;
        }
        if (*part) {
            Pair *pair = g_new(Pair, 1);
            if (eq) {
                *pair = (Pair){ g_strndup(part, (gsize)(eq - part)), g_strdup(eq + 1) };
            } else if (first && implied) {
                *pair = (Pair){ g_strdup(implied), g_strdup(part) };
            } else {
                *pair = (Pair){ g_strdup(part), g_strdup("on") };
            }
            g_ptr_array_add(pairs, pair);
        }
        first = false;
    }
    return g_steal_pointer(&pairs);
}

GVariant *keyval_parse(const char *text, const char *implied, GError **error)
{
    g_autoptr(GPtrArray) pairs = split(text, implied, error);
    if (!pairs) {
        return NULL;
    }
    GVariantDict dict;
    g_variant_dict_init(&dict, NULL);
    for (guint i = 0; i < pairs->len; i++) {
        Pair *pair = g_ptr_array_index(pairs, i);
        g_variant_dict_insert(&dict, pair->key, "s", pair->value);
    }
    return g_variant_dict_end(&dict);
}

bool keyval_all(const char *text, const char *key, GPtrArray *values, GError **error)
{
    g_autoptr(GPtrArray) pairs = split(text, NULL, error);
    for (guint i = 0; pairs && i < pairs->len; i++) {
        Pair *pair = g_ptr_array_index(pairs, i);
        if (!strcmp(pair->key, key)) {
            g_ptr_array_add(values, g_strdup(pair->value));
        }
    }
    return pairs != NULL;
}

static GVariant *parse_json(const char *text, GError **error)
{
    g_autoptr(Json) json = json_parse(text, error);
    if (!json) {
        return NULL;
    }
    if (!json_object_is_type(json, json_type_object)) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION, "expected a JSON object");
        return NULL;
    }
    return json_to_variant(json);
}

GVariant *keyval_or_json(const char *text, const char *implied, GError **error)
{
    return *text == '{' ? parse_json(text, error) : keyval_parse(text, implied, error);
}

/* Puts @value at the dotted path in @object, making dictionaries on the way. */
static bool nest(Json *object, const char *path, const char *value, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (char **p = parts; *p; p++) {
        if (!**p) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "key '%s' has an empty part", path);
            return false;
        }
        Json *below = json_member(object, *p);
        if (!p[1]) {
            if (below && json_object_is_type(below, json_type_object)) {
                break;
            }
            json_add_str(object, *p, value);
            return true;
        }
        if (!below) {
            json_add(object, *p, json_object_new_object());
            below = json_member(object, *p);
        }
        if (!json_object_is_type(below, json_type_object)) {
            break;
        }
        object = below;
    }
    g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                "key '%s' is both a value and a group", path);
    return false;
}

GVariant *keyval_parse_nested(const char *text, const char *implied, GError **error)
{
    if (*text == '{') {
        return parse_json(text, error);
    }
    g_autoptr(GPtrArray) pairs = split(text, implied, error);
    if (!pairs) {
        return NULL;
    }
    g_autoptr(Json) root = json_object_new_object();
    for (guint i = 0; i < pairs->len; i++) {
        Pair *pair = g_ptr_array_index(pairs, i);
        if (!nest(root, pair->key, pair->value, error)) {
            return NULL;
        }
    }
    return json_to_variant(root);
}

const char *keyval_str(GVariant *dict, const char *key)
{
    const char *s = NULL;
    g_variant_lookup(dict, key, "&s", &s);
    return s;
}

bool keyval_bool(GVariant *dict, const char *key, bool *out, GError **error)
{
    const char *s = keyval_str(dict, key);
    return !s || bool_parse(key, s, out, error);
}

bool keyval_uint(GVariant *dict, const char *key, unsigned max, unsigned *out, GError **error)
{
    uint64_t v;
    const char *s = keyval_str(dict, key);
    if (s && !uint_parse(key, s, 0, max, &v, error)) {
        return false;
    }
    *out = s ? (unsigned)v : *out;
    return true;
}

bool keyval_only(GVariant *dict, const char *const *known, GError **error)
{
    GVariantIter it;
    const char *key;
    g_variant_iter_init(&it, dict);
    while (g_variant_iter_next(&it, "{&sv}", &key, NULL)) {
        if (!g_strv_contains(known, key)) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "Invalid parameter '%s'", key);
            return false;
        }
    }
    return true;
}

GVariant *keyval_without(GVariant *dict, const char *const *keys)
{
    GVariantDict out;
    g_variant_dict_init(&out, dict);
    for (; *keys; keys++) {
        g_variant_dict_remove(&out, *keys);
    }
    return g_variant_dict_end(&out);
}
