/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -smbios: fields of structures of types 0-4, 11 and 17 by name, or a whole structure from a file.
 * A later option wins over an earlier one, key by key.
 */
#include <stdio.h>
#include <string.h>
#include "hw/core/device.h"
#include "smbios.h"

struct SmbiosOptions {
    GPtrArray *given;   /* GVariant a{sv}, in order */
    GPtrArray *strings; /* char *, of type 11 */
    GPtrArray *files;   /* GBytes */
};

/* Keys that a type has; numbers are marked by their limit after a colon. */
static const struct {
    unsigned type;
    const char *const keys[13];
} known[] = {
    { 0, { "vendor", "version", "date", "release", "uefi", NULL } },
    { 1, { "manufacturer", "product", "version", "serial", "uuid", "sku", "family", NULL } },
    { 2, { "manufacturer", "product", "version", "serial", "asset", "location", NULL } },
    { 3, { "manufacturer", "version", "serial", "asset", "sku", NULL } },
    { 4,
      { "sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed",
        "current-speed", "processor-family", NULL } },
    { 11, { "value", "path", NULL } },
    { 17, { "loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed", NULL } },
};
static const struct {
    const char *key;
    unsigned max;
} numbers[] = {
    { "max-speed", 65535 },
    { "current-speed", 65535 },
    { "processor-family", 255 },
    { "speed", 65535 },
};

SmbiosOptions *smbios_options_new(void)
{
    SmbiosOptions *o = g_new0(SmbiosOptions, 1);

    o->given = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    o->strings = g_ptr_array_new_with_free_func(g_free);
    o->files = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    return o;
}

void smbios_options_free(SmbiosOptions *o)
{
    g_ptr_array_unref(o->given);
    g_ptr_array_unref(o->strings);
    g_ptr_array_unref(o->files);
    g_free(o);
}

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, format, args);
    }
    va_end(args);
    return false;
}

/* ---- checks ---- */
static bool number_ok(const char *key, const char *text, unsigned max, GError **error)
{
    char *end = NULL;
    guint64 n = g_ascii_strtoull(text, &end, 0);

    if (!g_ascii_isdigit(*text) || *end || n > max) {
        return refuse(error, "%s=%s is not a number up to %u", key, text, max);
    }
    return true;
}

static bool release_ok(const char *text, GError **error)
{
    unsigned major, minor;
    char rest;

    if (sscanf(text, "%u.%u%c", &major, &minor, &rest) != 2 || major > 255 || minor > 255) {
        return refuse(error, "release=%s is not of the form MAJOR.MINOR, each up to 255", text);
    }
    return true;
}

static bool value_ok(const char *key, const char *text, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!strcmp(key, numbers[i].key)) {
            return number_ok(key, text, numbers[i].max, error);
        }
    }
    if (!strcmp(key, "release")) {
        return release_ok(text, error);
    }
    if (!strcmp(key, "uefi") && strcmp(text, "on") && strcmp(text, "off")) {
        return refuse(error, "uefi=%s is neither on nor off", text);
    }
    if (!strcmp(key, "uuid") && !g_uuid_string_is_valid(text)) {
        return refuse(error, "uuid=%s is no UUID", text);
    }
    return strlen(text) < 4096 || refuse(error, "%s is longer than 4095 bytes", key);
}

static const char *const *keys_of(unsigned type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].type == type) {
            return known[i].keys;
        }
    }
    return NULL;
}

/* ---- adding ---- */
/* A structure as it is: a header of 4 bytes with its length, and strings that end in two zeroes. */
static bool add_file(SmbiosOptions *o, const char *path, GError **error)
{
    char *data;
    gsize size;

    if (!g_file_get_contents(path, &data, &size, error)) {
        return false;
    }
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, size);
    const uint8_t *raw = (const uint8_t *)data;
    if (size < 6 || size > 65535 || raw[1] < 4 || raw[1] + 2u > size || raw[0] == 127 ||
        raw[size - 1] || raw[size - 2]) {
        return refuse(error, "file=%s holds no SMBIOS structure", path);
    }
    g_ptr_array_add(o->files, g_steal_pointer(&bytes));
    return true;
}

static bool add_string_file(SmbiosOptions *o, const char *path, GError **error)
{
    char *data;

    if (!g_file_get_contents(path, &data, NULL, error)) {
        return false;
    }
    g_ptr_array_add(o->strings, data);
    return true;
}

static bool add_value(SmbiosOptions *o, unsigned type, const char *key, GVariant *value,
                      GError **error)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
        g_autofree const char **list = g_variant_get_strv(value, NULL);

        for (const char **p = list; *p; p++) {
            g_ptr_array_add(o->strings, g_strdup(*p));
        }
        return type == 11 || refuse(error, "'%s' is given more than once", key);
    }
    const char *text = g_variant_get_string(value, NULL);
    if (type == 11) {
        if (!strcmp(key, "path")) {
            return add_string_file(o, text, error);
        }
        g_ptr_array_add(o->strings, g_strdup(text));
        return true;
    }
    return value_ok(key, text, error);
}

bool smbios_options_add(SmbiosOptions *o, GVariant *values, GError **error)
{
    const char *type_text = NULL, *file = NULL, *key;
    GVariantIter it;
    GVariant *value;

    if (g_variant_lookup(values, "file", "&s", &file)) {
        return g_variant_n_children(values) == 1 ? add_file(o, file, error)
                                                 : refuse(error, "'file' takes no other parameter");
    }
    if (!g_variant_lookup(values, "type", "&s", &type_text)) {
        return refuse(error, "one of 'type' and 'file' is needed");
    }
    if (!number_ok("type", type_text, 127, error)) {
        return false;
    }
    unsigned type = g_ascii_strtoull(type_text, NULL, 0);
    const char *const *keys = keys_of(type);
    if (!keys) {
        return refuse(error, "fields of structures of type %u cannot be set (0-4, 11 and 17 can)",
                      type);
    }
    g_variant_iter_init(&it, values);
    while (g_variant_iter_loop(&it, "{&sv}", &key, &value)) {
        if (!strcmp(key, "type")) {
            continue;
        }
        if (!g_strv_contains(keys, key)) {
            refuse(error, "invalid parameter '%s' of type %u", key, type);
            g_variant_unref(value);
            return false;
        }
        if (!add_value(o, type, key, value, error)) {
            g_variant_unref(value);
            return false;
        }
    }
    g_ptr_array_add(o->given, g_variant_ref_sink(values));
    return true;
}

/* ---- looking up ---- */
static bool is_type(GVariant *given, unsigned type)
{
    const char *text = NULL;

    g_variant_lookup(given, "type", "&s", &text);
    return text && g_ascii_strtoull(text, NULL, 0) == type;
}

const char *smbios_option(const SmbiosOptions *o, unsigned type, const char *key, const char *def)
{
    const char *text = NULL;

    for (guint i = o ? o->given->len : 0; i-- > 0;) {
        GVariant *given = g_ptr_array_index(o->given, i);

        if (is_type(given, type) && g_variant_lookup(given, key, "&s", &text)) {
            return text;
        }
    }
    return def;
}

unsigned smbios_option_number(const SmbiosOptions *o, unsigned type, const char *key, unsigned def)
{
    const char *text = smbios_option(o, type, key, NULL);

    return text ? g_ascii_strtoull(text, NULL, 0) : def;
}

bool smbios_option_given(const SmbiosOptions *o, unsigned type)
{
    for (guint i = 0; o && i < o->given->len; i++) {
        if (is_type(g_ptr_array_index(o->given, i), type)) {
            return true;
        }
    }
    return false;
}

GPtrArray *smbios_option_strings(const SmbiosOptions *o)
{
    return o ? o->strings : NULL;
}

GPtrArray *smbios_option_files(const SmbiosOptions *o)
{
    return o ? o->files : NULL;
}

bool smbios_option_replaced(const SmbiosOptions *o, unsigned type)
{
    for (guint i = 0; o && i < o->files->len; i++) {
        if (*(const uint8_t *)g_bytes_get_data(g_ptr_array_index(o->files, i), NULL) == type) {
            return true;
        }
    }
    return false;
}
