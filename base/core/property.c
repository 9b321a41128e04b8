/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed access to the members that properties describe: parse, check the range, store, load.
 * Strings are accepted for every kind, so the command line, compat lists and QMP share this path.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include "base/util/size.h"
#include "core-priv.h"

/* Range and signedness of the integer kinds. */
static const struct {
    bool is_signed;
    uint64_t max; /* as unsigned */
    int64_t smin;
    const char *name;
} int_kinds[] = {
    [PROP_U8] = { false, UINT8_MAX, 0, "uint8" },
    [PROP_U16] = { false, UINT16_MAX, 0, "uint16" },
    [PROP_U32] = { false, UINT32_MAX, 0, "uint32" },
    [PROP_U64] = { false, UINT64_MAX, 0, "uint64" },
    [PROP_I32] = { true, INT32_MAX, INT32_MIN, "int32" },
    [PROP_I64] = { true, INT64_MAX, INT64_MIN, "int64" },
    [PROP_SIZE] = { false, UINT64_MAX, 0, "size" },
    [PROP_DEVFN] = { true, 255, -1, "str" },
};

static const char *const onoffauto_names[] = { "auto", "on", "off", NULL };

const char *property_type_name(const Property *prop)
{
    switch (prop->kind) {
    case PROP_BOOL:
    case PROP_BIT: return "bool";
    case PROP_ENUM:
    case PROP_CUSTOM: return prop->link_type ? prop->link_type : "str";
    case PROP_ONOFFAUTO: return "OnOffAuto";
    case PROP_LINK: return prop->link_type ? prop->link_type : "link<object>";
    case PROP_STR:
    case PROP_NAME:
    case PROP_MAC:
    case PROP_UUID: return "str";
    default: return int_kinds[prop->kind].name;
    }
}

static bool bad_value(GError **error, const Property *prop, const char *value, const char *expected)
{
    g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                "property '%s': invalid value '%s', expected %s", prop->name, value, expected);
    return false;
}

/* The value as the user typed it: a string without the quotes of GVariant's notation. */
static char *shown_value(GVariant *v)
{
    return g_variant_is_of_type(v, G_VARIANT_TYPE_STRING) ? g_variant_dup_string(v, NULL)
                                                          : g_variant_print(v, false);
}

static bool variant_to_bool(const Property *prop, GVariant *v, bool *out, GError **error)
{
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_BOOLEAN)) {
        *out = g_variant_get_boolean(v);
        return true;
    }
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_STRING)) {
        static const char *const yes[] = { "on", "yes", "true", "y", NULL };
        static const char *const no[] = { "off", "no", "false", "n", NULL };
        const char *s = g_variant_get_string(v, NULL);
        *out = g_strv_contains(yes, s);
        if (*out || g_strv_contains(no, s)) {
            return true;
        }
    }
    g_autofree char *shown = shown_value(v);
    return bad_value(error, prop, shown, "'on' or 'off'");
}

/* Any integer variant as sign + magnitude in 128 bits. */
static bool variant_to_wide(GVariant *v, __int128 *out)
{
    switch (g_variant_classify(v)) {
    case G_VARIANT_CLASS_BYTE: *out = g_variant_get_byte(v); return true;
    case G_VARIANT_CLASS_INT16: *out = g_variant_get_int16(v); return true;
    case G_VARIANT_CLASS_UINT16: *out = g_variant_get_uint16(v); return true;
    case G_VARIANT_CLASS_INT32: *out = g_variant_get_int32(v); return true;
    case G_VARIANT_CLASS_UINT32: *out = g_variant_get_uint32(v); return true;
    case G_VARIANT_CLASS_INT64: *out = g_variant_get_int64(v); return true;
    case G_VARIANT_CLASS_UINT64: *out = g_variant_get_uint64(v); return true;
    case G_VARIANT_CLASS_DOUBLE: {
        double d = g_variant_get_double(v);
        if (d != floor(d) || d < -0x1p63 || d >= 0x1p64) {
            return false;
        }
        *out = (__int128)d;
        return true;
    }
    default: return false;
    }
}

static bool parse_devfn(const char *s, __int128 *out)
{
    char *end;
    errno = 0;
    unsigned long slot = strtoul(s, &end, 16), fn = 0;
    if (end == s || errno || *s == '-') {
        return false;
    }
    if (*end == '.') {
        const char *f = end + 1;
        fn = strtoul(f, &end, 16);
        if (end == f) {
            return false;
        }
    }
    *out = (__int128)slot << 3 | fn;
    return *end == '\0' && slot < 32 && fn < 8;
}

static bool string_to_wide(const Property *prop, const char *s, __int128 *out)
{
    char *end;
    if (prop->kind == PROP_SIZE) {
        uint64_t bytes;
        g_autoptr(GError) local = NULL;
        if (!size_parse(prop->name, s, &bytes, &local)) {
            return false;
        }
        *out = bytes;
        return true;
    }
    if (prop->kind == PROP_DEVFN) {
        return parse_devfn(s, out);
    }
    bool neg = *s == '-';
    const char *digits = neg ? s + 1 : s;
    if (!g_ascii_isdigit(*digits)) {
        return false;
    }
    errno = 0;
    uint64_t mag = strtoull(digits, &end, 0);
    *out = neg ? -(__int128)mag : (__int128)mag;
    return !errno && *end == '\0';
}

static bool variant_to_int(const Property *prop, GVariant *v, uint64_t *out, GError **error)
{
    bool is_signed = int_kinds[prop->kind].is_signed;
    __int128 lo = is_signed ? int_kinds[prop->kind].smin : 0, hi = int_kinds[prop->kind].max, wide;
    if (prop->min || prop->max) {
        lo = is_signed ? (__int128)(int64_t)prop->min : (__int128)prop->min;
        hi = is_signed ? (__int128)(int64_t)prop->max : (__int128)prop->max;
    }
    bool ok = g_variant_is_of_type(v, G_VARIANT_TYPE_STRING)
                  ? string_to_wide(prop, g_variant_get_string(v, NULL), &wide)
                  : variant_to_wide(v, &wide);
    if (!ok || wide < lo || wide > hi) {
        g_autofree char *shown = shown_value(v);
        g_autofree char *want =
            is_signed ? g_strdup_printf("an integer from %" PRId64 " to %" PRId64, (int64_t)lo,
                                        (int64_t)hi)
                      : g_strdup_printf("%s from %" PRIu64 " to %" PRIu64,
                                        prop->kind == PROP_SIZE ? "a size" : "an integer",
                                        (uint64_t)lo, (uint64_t)hi);
        return bad_value(error, prop, shown, want);
    }
    *out = (uint64_t)wide;
    return true;
}

static bool variant_to_string(const Property *prop, GVariant *v, const char **out, GError **error)
{
    if (!g_variant_is_of_type(v, G_VARIANT_TYPE_STRING)) {
        g_autofree char *shown = shown_value(v);
        return bad_value(error, prop, shown, "a string");
    }
    *out = g_variant_get_string(v, NULL);
    return true;
}

static bool store_choice(void *member, const Property *prop, const char *const *choices,
                         const char *s, GError **error)
{
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], s)) {
            *(int *)member = i;
            return true;
        }
    }
    g_autofree char *list = g_strjoinv(", ", (char **)choices);
    g_autofree char *want = g_strdup_printf("one of: %s", list);
    return bad_value(error, prop, s, want);
}

/* "52:54:00:12:34:56" or a UUID: hex pairs, separators where @sep_at says. */
static bool parse_hex_bytes(const char *s, uint8_t *out, size_t n, char sep, const char *uuid_seps)
{
    uint8_t bytes[16];
    for (size_t i = 0; i < n; i++) {
        bool want_sep = i && (uuid_seps ? strchr(uuid_seps, 'a' + (int)i) != NULL : true);
        if (want_sep && *s++ != sep) {
            return false;
        }
        int h = g_ascii_xdigit_value(s[0]), l = h < 0 ? -1 : g_ascii_xdigit_value(s[1]);
        if (l < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(h << 4 | l);
        s += 2;
    }
    if (*s) {
        return false;
    }
    memcpy(out, bytes, n);
    return true;
}

static bool store_string_kind(Object *obj, const Property *prop, void *member, const char *s,
                              GError **error)
{
    switch (prop->kind) {
    case PROP_STR:
    case PROP_NAME:
        g_free(*(char **)member);
        *(char **)member = g_strdup(s);
        return true;
    case PROP_ENUM: return store_choice(member, prop, prop->choices, s, error);
    case PROP_MAC:
        return parse_hex_bytes(s, member, 6, ':', NULL) ||
               bad_value(error, prop, s, "a MAC address such as 52:54:00:12:34:56");
    case PROP_UUID:
        return parse_hex_bytes(s, member, 16, '-', "egik") ||
               bad_value(error, prop, s, "a UUID such as 01234567-89ab-cdef-0123-456789abcdef");
    case PROP_LINK: {
        Object *target = *s ? object_resolve(obj->vm, s, error) : NULL;
        if (*s && !target) {
            return false;
        }
        if (target) {
            object_ref(target);
        }
        if (*(Object **)member) {
            object_unref(*(Object **)member);
        }
        *(Object **)member = target;
        return true;
    }
    default: g_assert_not_reached();
    }
}

bool property_store(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    void *member = (uint8_t *)obj + prop->offset;
    uint64_t n;
    bool b;
    const char *s;

    if (prop->set || prop->kind == PROP_CUSTOM) {
        if (!prop->set) {
            g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_READ_ONLY,
                        "property '%s' is read-only", prop->name);
            return false;
        }
        return prop->set(obj, prop, value, error);
    }
    switch (prop->kind) {
    case PROP_BOOL: return variant_to_bool(prop, value, member, error);
    case PROP_BIT:
        if (!variant_to_bool(prop, value, &b, error)) {
            return false;
        }
        *(uint64_t *)member =
            (*(uint64_t *)member & ~(1ULL << prop->bit)) | ((uint64_t)b << prop->bit);
        return true;
    case PROP_ONOFFAUTO:
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
            *(int *)member = g_variant_get_boolean(value) ? ONOFFAUTO_ON : ONOFFAUTO_OFF;
            return true;
        }
        return variant_to_string(prop, value, &s, error) &&
               store_choice(member, prop, onoffauto_names, s, error);
    case PROP_U8:
    case PROP_U16:
    case PROP_U32:
    case PROP_U64:
    case PROP_I32:
    case PROP_I64:
    case PROP_SIZE:
    case PROP_DEVFN:
        if (!variant_to_int(prop, value, &n, error)) {
            return false;
        }
        switch (prop->kind) {
        case PROP_U8: *(uint8_t *)member = (uint8_t)n; break;
        case PROP_U16: *(uint16_t *)member = (uint16_t)n; break;
        case PROP_U32:
        case PROP_I32:
        case PROP_DEVFN: *(uint32_t *)member = (uint32_t)n; break;
        default: *(uint64_t *)member = n;
        }
        return true;
    default:
        return variant_to_string(prop, value, &s, error) &&
               store_string_kind(obj, prop, member, s, error);
    }
}

static char *format_uuid(const uint8_t *u)
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                           u[12], u[13], u[14], u[15]);
}

GVariant *property_load(Object *obj, const Property *prop)
{
    const void *member = (uint8_t *)obj + prop->offset;
    const uint8_t *u = member;

    if (prop->get) {
        return prop->get(obj, prop);
    }
    switch (prop->kind) {
    case PROP_BOOL: return g_variant_new_boolean(*(const bool *)member);
    case PROP_BIT: return g_variant_new_boolean(*(const uint64_t *)member >> prop->bit & 1);
    case PROP_U8: return g_variant_new_uint64(*u);
    case PROP_U16: return g_variant_new_uint64(*(const uint16_t *)member);
    case PROP_U32: return g_variant_new_uint64(*(const uint32_t *)member);
    case PROP_U64:
    case PROP_SIZE: return g_variant_new_uint64(*(const uint64_t *)member);
    case PROP_I32: return g_variant_new_int64(*(const int32_t *)member);
    case PROP_I64: return g_variant_new_int64(*(const int64_t *)member);
    case PROP_STR:
    case PROP_NAME:
        return g_variant_new_string(*(char *const *)member ? *(char *const *)member : "");
    case PROP_ENUM: return g_variant_new_string(prop->choices[*(const int *)member]);
    case PROP_ONOFFAUTO: return g_variant_new_string(onoffauto_names[*(const int *)member]);
    case PROP_MAC:
        return g_variant_new_take_string(
            g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", u[0], u[1], u[2], u[3], u[4], u[5]));
    case PROP_UUID: return g_variant_new_take_string(format_uuid(u));
    case PROP_DEVFN: {
        int32_t devfn = *(const int32_t *)member;
        return g_variant_new_take_string(
            devfn < 0 ? g_strdup("-1") : g_strdup_printf("%02x.%x", devfn >> 3, devfn & 7));
    }
    case PROP_LINK: {
        Object *target = *(Object *const *)member;
        return g_variant_new_take_string(target ? object_path(target) : g_strdup(""));
    }
    case PROP_CUSTOM: break;
    }
    return g_variant_new_string("");
}

void property_apply_default(Object *obj, const Property *prop)
{
    if (prop->default_str) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) v = g_variant_ref_sink(g_variant_new_string(prop->default_str));
        if (prop->kind == PROP_DEVFN && !strcmp(prop->default_str, "-1")) {
            *(int32_t *)((uint8_t *)obj + prop->offset) = -1;
        } else if (!property_store(obj, prop, v, &error)) {
            g_error("bad default of %s.%s: %s", object_type_name(obj), prop->name, error->message);
        }
    }
}

void property_clear(Object *obj, const Property *prop)
{
    void *member = (uint8_t *)obj + prop->offset;
    if (prop->set && prop->get) {
        return; /* stored by the device in its own way */
    }
    if (prop->kind == PROP_STR || prop->kind == PROP_NAME) {
        g_clear_pointer((char **)member, g_free);
    } else if (prop->kind == PROP_LINK) {
        g_clear_pointer((Object **)member, object_unref);
    }
}
