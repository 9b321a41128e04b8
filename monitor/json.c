/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON helpers: the writer gives replies the look that QMP clients know (a space after ':' and
 * ',', ASCII only), which json-c's own formats do not; conversions to and from GVariant.
 */
#include <string.h>

#include "framing-priv.h"
#include "monitor/json.h"
#include "monitor/schema.h"

static void write_unit(GString *out, gunichar c)
{
    if (c > 0xffff) {
        c -= 0x10000;
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

static void write_string(GString *out, const char *text, size_t len)
{
    static const char plain[] = "\b\f\n\r\t\"\\";
    static const char escape[] = "bfnrt\"\\";
    g_string_append_c(out, '"');
    for (const char *p = text, *end = text + len; p < end;) {
        const char *special = *p ? strchr(plain, *p) : NULL;
        if (special) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, escape[special - plain]);
            p++;
        } else if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f) {
            g_string_append_c(out, *p++);
        } else {
            gunichar c = *p ? g_utf8_get_char_validated(p, end - p) : 0;
            bool bad = c == (gunichar)-1 || c == (gunichar)-2;
            write_unit(out, bad ? 0xfffd : c);
            p = bad || !*p ? p + 1 : g_utf8_next_char(p);
        }
    }
    g_string_append_c(out, '"');
}

static void write_break(GString *out, bool pretty, int indent, bool first, bool last)
{
    if (pretty) {
        g_string_append_printf(out, "%s\n%*s", first || last ? "" : ",", indent * 4, "");
    } else if (!first && !last) {
        g_string_append(out, ", ");
    }
}

static void write_value(GString *out, Json *value, bool pretty, int indent)
{
    bool first = true;
    switch (json_object_get_type(value)) {
    case json_type_object: {
        g_string_append_c(out, '{');
        json_object_object_foreach(value, key, member)
        {
            write_break(out, pretty, indent + 1, first, false);
            first = false;
            write_string(out, key, strlen(key));
            g_string_append(out, ": ");
            write_value(out, member, pretty, indent + 1);
        }
        if (!first) {
            write_break(out, pretty, indent, false, true);
        }
        g_string_append_c(out, '}');
        break;
    }
    case json_type_array:
        g_string_append_c(out, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++, first = false) {
            write_break(out, pretty, indent + 1, first, false);
            write_value(out, json_object_array_get_idx(value, i), pretty, indent + 1);
        }
        if (!first) {
            write_break(out, pretty, indent, false, true);
        }
        g_string_append_c(out, ']');
        break;
    case json_type_string:
        write_string(out, json_object_get_string(value), json_object_get_string_len(value));
        break;
    default: g_string_append(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    }
}

void json_write(GString *out, Json *value, bool pretty)
{
    write_value(out, value, pretty, 0);
}

void json_add(Json *object, const char *name, Json *value)
{
    json_object_object_add(object, name, value);
}

void json_add_str(Json *object, const char *name, const char *value)
{
    json_add(object, name, json_object_new_string(value ? value : ""));
}

void json_add_str_opt(Json *object, const char *name, const char *value)
{
    if (value) {
        json_add_str(object, name, value);
    }
}

void json_add_int(Json *object, const char *name, int64_t value)
{
    json_add(object, name, json_object_new_int64(value));
}

void json_add_uint(Json *object, const char *name, uint64_t value)
{
    json_add(object, name, json_object_new_uint64(value));
}

void json_add_bool(Json *object, const char *name, bool value)
{
    json_add(object, name, json_object_new_boolean(value));
}

Json *json_member(Json *object, const char *name)
{
    Json *value = NULL;
    if (json_object_is_type(object, json_type_object)) {
        json_object_object_get_ex(object, name, &value);
    }
    return value;
}

bool json_has(Json *object, const char *name)
{
    return json_object_is_type(object, json_type_object) &&
           json_object_object_get_ex(object, name, NULL);
}

const char *json_str(Json *object, const char *name, const char *fallback)
{
    Json *value = json_member(object, name);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : fallback;
}

int64_t json_int(Json *object, const char *name, int64_t fallback)
{
    Json *value = json_member(object, name);
    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : fallback;
}

bool json_flag(Json *object, const char *name, bool fallback)
{
    Json *value = json_member(object, name);
    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : fallback;
}

static Json *from_container(GVariant *value)
{
    GVariantIter iter;
    g_variant_iter_init(&iter, value);
    bool dict = g_variant_is_of_type(value, G_VARIANT_TYPE_DICTIONARY);
    Json *out = dict ? json_object_new_object() : json_object_new_array();
    for (GVariant *child; (child = g_variant_iter_next_value(&iter)); g_variant_unref(child)) {
        if (dict) {
            g_autoptr(GVariant) key = g_variant_get_child_value(child, 0);
            g_autoptr(GVariant) member = g_variant_get_child_value(child, 1);
            g_autofree char *name = g_variant_is_of_type(key, G_VARIANT_TYPE_STRING)
                                        ? g_variant_dup_string(key, NULL)
                                        : g_variant_print(key, FALSE);
            json_add(out, name, json_from_variant(member));
        } else {
            json_object_array_add(out, json_from_variant(child));
        }
    }
    return out;
}

Json *json_from_variant(GVariant *value)
{
    if (!value) {
        return NULL;
    }
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN: return json_object_new_boolean(g_variant_get_boolean(value));
    case G_VARIANT_CLASS_BYTE: return json_object_new_int64(g_variant_get_byte(value));
    case G_VARIANT_CLASS_INT16: return json_object_new_int64(g_variant_get_int16(value));
    case G_VARIANT_CLASS_UINT16: return json_object_new_int64(g_variant_get_uint16(value));
    case G_VARIANT_CLASS_INT32: return json_object_new_int64(g_variant_get_int32(value));
    case G_VARIANT_CLASS_UINT32: return json_object_new_int64(g_variant_get_uint32(value));
    case G_VARIANT_CLASS_INT64: return json_object_new_int64(g_variant_get_int64(value));
    case G_VARIANT_CLASS_UINT64: return json_object_new_uint64(g_variant_get_uint64(value));
    case G_VARIANT_CLASS_DOUBLE: return json_object_new_double(g_variant_get_double(value));
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
        return json_object_new_string(g_variant_get_string(value, NULL));
    case G_VARIANT_CLASS_VARIANT: {
        g_autoptr(GVariant) inner = g_variant_get_variant(value);
        return json_from_variant(inner);
    }
    case G_VARIANT_CLASS_MAYBE: {
        g_autoptr(GVariant) inner = g_variant_get_maybe(value);
        return json_from_variant(inner);
    }
    case G_VARIANT_CLASS_TUPLE: return g_variant_n_children(value) ? from_container(value) : NULL;
    default: return from_container(value);
    }
}

GVariant *json_to_variant(Json *value)
{
    GVariantBuilder b;
    switch (json_object_get_type(value)) {
    case json_type_boolean: return g_variant_new_boolean(json_object_get_boolean(value));
    case json_type_int: {
        int64_t n = json_object_get_int64(value);
        uint64_t u = json_object_get_uint64(value);
        return n >= 0 && u > INT64_MAX ? g_variant_new_uint64(u) : g_variant_new_int64(n);
    }
    case json_type_double: return g_variant_new_double(json_object_get_double(value));
    case json_type_string: return g_variant_new_string(json_object_get_string(value));
    case json_type_array:
        g_variant_builder_init(&b, G_VARIANT_TYPE("av"));
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_variant_builder_add(&b, "v", json_to_variant(json_object_array_get_idx(value, i)));
        }
        return g_variant_builder_end(&b);
    case json_type_object:
        g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
        {
            json_object_object_foreach(value, key, member)
            {
                g_variant_builder_add(&b, "{sv}", key, json_to_variant(member));
            }
        }
        return g_variant_builder_end(&b);
    default: return g_variant_new_tuple(NULL, 0);
    }
}

Json *json_parse(const char *text, GError **error)
{
    g_autoptr(JsonFramer) framer = json_framer_new();
    bool complete = false;
    Json *value = NULL;
    GError *local = NULL;
    size_t len = strlen(text);
    size_t used = json_framer_feed(framer, text, len, &complete, &value, &local);
    if (!complete) {
        used = json_framer_feed(framer, "\n", 1, &complete, &value, &local);
        used = len;
    }
    if (!complete && !local) {
        g_set_error(&local, QMP_ERROR, QMP_ERROR_GENERIC,
                    "JSON parse error, unexpected end of input");
    } else if (!local && strspn(text + used, " \t\r\n") != len - used) {
        g_set_error(&local, QMP_ERROR, QMP_ERROR_GENERIC, "JSON parse error, stray '%c'",
                    text[used + strspn(text + used, " \t\r\n")]);
    }
    if (local) {
        json_unref(value);
        g_propagate_error(error, local);
        return NULL;
    }
    return value;
}
