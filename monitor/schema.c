/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Argument checking: one walk over the type tables, so that a handler sees only arguments of the
 * right shape. Messages and their order are those that QMP clients know: a missing or ill-typed
 * member before an unexpected one, members named by their path ("backend.data.addr").
 */
#include <string.h>

#include "monitor/json.h"
#include "monitor/schema.h"

G_DEFINE_QUARK(ferry - qmp - error - quark, qmp_error)

const char *qmp_error_class_name(const GError *error)
{
    static const char *const names[] = {
        [QMP_ERROR_GENERIC] = "GenericError",
        [QMP_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
        [QMP_ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [QMP_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
        [QMP_ERROR_KVM_MISSING_CAP] = "KVMMissingCap",
    };
    if (error->domain != QMP_ERROR || error->code < 0 || error->code >= (int)G_N_ELEMENTS(names)) {
        return names[QMP_ERROR_GENERIC];
    }
    return names[error->code];
}

static int command_cmp(const void *key, const void *row)
{
    return strcmp(key, ((const QmpCommand *)row)->name);
}

const QmpCommand *qmp_schema_command(const QmpSchema *schema, const char *name, unsigned targets)
{
    const QmpCommand *c =
        bsearch(name, schema->commands, schema->n_commands, sizeof(*c), command_cmp);
    return c && (c->targets & targets) ? c : NULL;
}

const QmpEvent *qmp_schema_event(const QmpSchema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_events; i++) {
        if (!strcmp(schema->events[i].name, name)) {
            return &schema->events[i];
        }
    }
    return NULL;
}

static bool check_value(const QmpSchema *schema, unsigned type, Json *value, const char *what,
                        GError **error);

static bool fail_type(GError **error, const char *what, const char *expected)
{
    g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                "Invalid parameter type for '%s', expected: %s", what, expected);
    return false;
}

static char *path_join(const char *what, const char *name)
{
    return what && *what ? g_strdup_printf("%s.%s", what, name) : g_strdup(name);
}

static bool check_builtin(const QmpType *type, Json *value, const char *what, GError **error)
{
    enum json_type is = json_object_get_type(value);
    switch (type->json) {
    case QMP_JSON_STR:
        if (is != json_type_string) {
            return fail_type(error, what, "string");
        }
        if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value)) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                        "Parameter '%s' contains a zero character", what);
            return false;
        }
        return true;
    case QMP_JSON_INT: return is == json_type_int || fail_type(error, what, "integer");
    case QMP_JSON_NUMBER:
        return is == json_type_int || is == json_type_double || fail_type(error, what, "number");
    case QMP_JSON_BOOL: return is == json_type_boolean || fail_type(error, what, "boolean");
    case QMP_JSON_NULL: return is == json_type_null || fail_type(error, what, "null");
    case QMP_JSON_ANY: return true;
    }
    return true;
}

static bool check_enum(const QmpType *type, Json *value, const char *what, GError **error)
{
    if (!json_object_is_type(value, json_type_string)) {
        return fail_type(error, what, "string");
    }
    const char *text = json_object_get_string(value);
    for (unsigned i = 0; i < type->n_members; i++) {
        if (!strcmp(type->members[i].name, text)) {
            return true;
        }
    }
    g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter '%s' does not accept value '%s'",
                what, text);
    return false;
}

static bool check_members(const QmpSchema *schema, const QmpType *type, Json *object,
                          const char *what, GError **error)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const QmpMember *m = &type->members[i];
        g_autofree char *path = path_join(what, m->name);
        Json *value = NULL;
        if (!json_object_object_get_ex(object, m->name, &value)) {
            if (m->optional) {
                continue;
            }
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter '%s' is missing", path);
            return false;
        }
        if (!check_value(schema, m->type, value, path, error)) {
            return false;
        }
    }
    return true;
}

static bool has_member(const QmpType *type, const char *name)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        if (!strcmp(type->members[i].name, name)) {
            return true;
        }
    }
    return false;
}

static const QmpType *variant_of(const QmpSchema *schema, const QmpType *type, Json *object)
{
    const char *tag = type->tag ? json_str(object, type->tag, NULL) : NULL;
    for (unsigned i = 0; tag && i < type->n_variants; i++) {
        if (!strcmp(type->variants[i].value, tag)) {
            return &schema->types[type->variants[i].type];
        }
    }
    return NULL;
}

static bool known_member(const QmpSchema *schema, const QmpType *type, Json *object,
                         const char *name)
{
    while (type && !has_member(type, name)) {
        type = variant_of(schema, type, object);
    }
    return type != NULL;
}

static bool check_object(const QmpSchema *schema, const QmpType *type, Json *object,
                         const char *what, bool open, GError **error)
{
    if (!json_object_is_type(object, json_type_object)) {
        return fail_type(error, what, "object");
    }
    if (!check_members(schema, type, object, what, error)) {
        return false;
    }
    /* A variant may be a union itself. */
    for (const QmpType *v = variant_of(schema, type, object); v;
         v = variant_of(schema, v, object)) {
        if (!check_members(schema, v, object, what, error)) {
            return false;
        }
    }
    if (open) {
        return true;
    }
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (!known_member(schema, type, object, key)) {
            g_autofree char *path = path_join(what, key);
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter '%s' is unexpected", path);
            return false;
        }
    }
    return true;
}

static bool check_array(const QmpSchema *schema, const QmpType *type, Json *value, const char *what,
                        GError **error)
{
    if (!json_object_is_type(value, json_type_array)) {
        return fail_type(error, what, "array");
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        g_autofree char *path = g_strdup_printf("%s[%zu]", what, i);
        if (!check_value(schema, type->element, json_object_array_get_idx(value, i), path, error)) {
            return false;
        }
    }
    return true;
}

/* Whether a branch of an alternate is the one for this JSON type. */
static bool branch_fits(const QmpType *branch, Json *value)
{
    switch (branch->meta) {
    case QMP_META_ARRAY: return json_object_is_type(value, json_type_array);
    case QMP_META_OBJECT: return json_object_is_type(value, json_type_object);
    case QMP_META_ENUM: return json_object_is_type(value, json_type_string);
    default: return check_builtin(branch, value, "", NULL);
    }
}

static bool check_alternate(const QmpSchema *schema, const QmpType *type, Json *value,
                            const char *what, GError **error)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        if (branch_fits(&schema->types[type->members[i].type], value)) {
            return check_value(schema, type->members[i].type, value, what, error);
        }
    }
    return fail_type(error, what, type->name);
}

static bool check_value(const QmpSchema *schema, unsigned index, Json *value, const char *what,
                        GError **error)
{
    const QmpType *type = &schema->types[index];
    switch (type->meta) {
    case QMP_META_BUILTIN: return check_builtin(type, value, what, error);
    case QMP_META_ENUM: return check_enum(type, value, what, error);
    case QMP_META_ARRAY: return check_array(schema, type, value, what, error);
    case QMP_META_OBJECT: return check_object(schema, type, value, what, false, error);
    case QMP_META_ALTERNATE: return check_alternate(schema, type, value, what, error);
    }
    return true;
}

bool qmp_schema_check_value(const QmpSchema *schema, unsigned type, Json *value, const char *what,
                            GError **error)
{
    return check_value(schema, type, value, what, error);
}

bool qmp_schema_check(const QmpSchema *schema, const QmpCommand *command, Json *args,
                      GError **error)
{
    g_autoptr(Json) none = args ? NULL : json_object_new_object();
    return check_object(schema, &schema->types[command->arg], args ? args : none, "", command->open,
                        error);
}
