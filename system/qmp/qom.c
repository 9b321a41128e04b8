/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The object tree: listing, reading, writing, types; objects and devices that users make. */
#include <string.h>

#include "base/util/size.h"
#include "hw/core/device.h"
#include "system/system-priv.h"

static void not_found(GError **error, const char *format, const char *name)
{
    g_clear_error(error);
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, format, name);
}

static Object *resolve(QmpCall *call, Json *args, GError **error)
{
    const char *path = json_str(args, "path", "");
    Object *obj = object_resolve(call->vm, path, NULL);
    if (!obj) {
        not_found(error, "Device '%s' not found", path);
    }
    return obj;
}

static void add_view(const PropertyView *view, void *opaque)
{
    Json *item = json_object_new_object();
    json_add_str(item, "name", view->name);
    json_add_str(item, "type", view->type_name);
    json_object_array_add(opaque, item);
}

Json *qmp_qom_list(QmpCall *call, Json *args, GError **error)
{
    Object *obj = resolve(call, args, error);
    if (!obj) {
        return NULL;
    }
    Json *list = json_object_new_array();
    object_foreach_property(obj, add_view, list);
    return list;
}

Json *qmp_qom_get(QmpCall *call, Json *args, GError **error)
{
    const char *name = json_str(args, "property", "");
    Object *obj = resolve(call, args, error);
    if (!obj) {
        return NULL;
    }
    if (!strcmp(name, "type")) {
        return json_object_new_string(object_type_name(obj));
    }
    Object *child = object_child(obj, name);
    if (child) {
        g_autofree char *path = object_path(child);
        return json_object_new_string(path);
    }
    g_autoptr(GVariant) value = object_get(obj, name, error);
    return value ? json_from_variant(value) : NULL;
}

Json *qmp_qom_set(QmpCall *call, Json *args, GError **error)
{
    Object *obj = resolve(call, args, error);
    if (obj) {
        object_set(obj, json_str(args, "property", ""), json_to_variant(json_member(args, "value")),
                   error);
    }
    return NULL;
}

/* ---- types ---- */

static void add_type(const Type *type, void *opaque)
{
    Json *item = json_object_new_object();
    json_add_str(item, "name", type_name(type));
    if (type_parent(type)) {
        json_add_str(item, "parent", type_name(type_parent(type)));
    }
    if (type_is_abstract(type)) {
        json_add_bool(item, "abstract", true);
    }
    json_object_array_add(opaque, item);
}

Json *qmp_qom_list_types(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    type_foreach(call->vm->types, json_str(args, "implements", NULL),
                 json_flag(args, "abstract", false), add_type, list);
    return list;
}

static Json *default_value(const Property *p)
{
    uint64_t u;
    int64_t i;
    const char *text = p->default_str;
    switch (p->kind) {
    case PROP_BOOL:
    case PROP_BIT:
        return json_object_new_boolean(text && (!strcmp(text, "on") || !strcmp(text, "true")));
    case PROP_U8:
    case PROP_U16:
    case PROP_U32:
    case PROP_U64:
        return uint_parse(p->name, text ? text : "0", 0, UINT64_MAX, &u, NULL)
                   ? json_object_new_uint64(u)
                   : NULL;
    case PROP_I32:
    case PROP_I64:
        return int_parse(p->name, text ? text : "0", INT64_MIN, INT64_MAX, &i, NULL)
                   ? json_object_new_int64(i)
                   : NULL;
    case PROP_SIZE:
        return size_parse(p->name, text ? text : "0", &u, NULL) ? json_object_new_uint64(u) : NULL;
    case PROP_ENUM:
    case PROP_ONOFFAUTO: return text ? json_object_new_string(text) : NULL;
    default: return NULL;
    }
}

typedef struct {
    Json *list;
    GHashTable *seen;
    bool defaults;
} PropertyWalk;

static void add_property(const Property *p, void *opaque)
{
    static const char *const internal[] = { "realized",   "hotplugged", "hotpluggable",
                                            "parent_bus", "type",       NULL };
    PropertyWalk *w = opaque;
    if (!g_hash_table_add(w->seen, g_strdup(p->name)) || /* an ancestor's, overridden */
        (w->defaults && g_strv_contains(internal, p->name))) {
        return;
    }
    Json *item = json_object_new_object();
    json_add_str(item, "name", p->name);
    json_add_str(item, "type", property_type_name(p));
    json_add_str_opt(item, "description", p->description);
    Json *value = w->defaults ? default_value(p) : NULL;
    if (value) {
        json_add(item, "default-value", value);
    }
    json_object_array_add(w->list, item);
}

static void add_instance_property(const PropertyView *view, void *opaque)
{
    PropertyWalk *w = opaque;
    if (!g_str_has_prefix(view->type_name, "child<") &&
        g_hash_table_add(w->seen, g_strdup(view->name))) {
        Json *item = json_object_new_object();
        json_add_str(item, "name", view->name);
        json_add_str(item, "type", view->type_name);
        json_add_str_opt(item, "description", view->description);
        json_object_array_add(w->list, item);
    }
}

/* Static properties, and those that instances make for themselves (CPU features). */
static Json *list_properties(Vm *vm, const Type *type, bool defaults)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    PropertyWalk w = { json_object_new_array(), seen, defaults };
    type_foreach_property(type, add_property, &w);
    if (!type_is_abstract(type) && type_is_a(type, "cpu")) {
        g_autoptr(Object) obj = object_new(vm, type_name(type), NULL);
        if (obj) {
            object_foreach_property(obj, add_instance_property, &w);
        }
    }
    return w.list;
}

Json *qmp_qom_list_properties(QmpCall *call, Json *args, GError **error)
{
    const char *name = json_str(args, "typename", "");
    const Type *type = type_find(call->vm->types, name);
    if (!type) {
        not_found(error, "Class '%s' not found", name);
        return NULL;
    }
    return list_properties(call->vm, type, false);
}

Json *qmp_device_list_properties(QmpCall *call, Json *args, GError **error)
{
    const char *name = json_str(args, "typename", "");
    const Type *type = type_find(call->vm->types, name);
    if (!type) {
        not_found(error, "Device '%s' not found", name);
        return NULL;
    }
    if (!type_is_a(type, "device") || type_is_abstract(type)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    return list_properties(call->vm, type, true);
}

/* ---- making ---- */

Json *qmp_object_add(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(GVariant) props = g_variant_ref_sink(json_to_variant(args));
    objects_add(call->vm, props, error);
    return NULL;
}

Json *qmp_object_del(QmpCall *call, Json *args, GError **error)
{
    objects_del(call->vm, json_str(args, "id", ""), error);
    return NULL;
}

Json *qmp_device_add(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(GVariant) props = g_variant_ref_sink(json_to_variant(args));
    device_add_user(call->vm, props, true, error);
    return NULL;
}

Json *qmp_device_del(QmpCall *call, Json *args, GError **error)
{
    const char *id = json_str(args, "id", "");
    if (!device_find_by_id(call->vm, id)) {
        not_found(error, "Device '%s' not found", id);
        return NULL;
    }
    device_del_user(call->vm, id, error);
    return NULL;
}
