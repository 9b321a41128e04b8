/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User-created objects: -object, object-add and object-del; they live in "/objects". */
#include <string.h>
#include "system-priv.h"

static bool set_props(Object *obj, GVariant *props, GError **error)
{
    GVariantIter it;
    const char *key;
    GVariant *value;
    g_variant_iter_init(&it, props);
    while (g_variant_iter_loop(&it, "{&sv}", &key, &value)) {
        if (strcmp(key, "qom-type") && strcmp(key, "id") && !object_set(obj, key, value, error)) {
            g_variant_unref(value);
            return false;
        }
    }
    return true;
}

static bool complete(Object *obj, GError **error)
{
    for (const Type *t = obj->type; t; t = type_parent(t)) {
        if (type_info(t)->complete) {
            return type_info(t)->complete(obj, error);
        }
    }
    return true;
}

bool objects_add(Vm *vm, GVariant *props, GError **error)
{
    const char *qom_type = NULL, *id = NULL;
    g_variant_lookup(props, "qom-type", "&s", &qom_type);
    g_variant_lookup(props, "id", "&s", &id);
    if (!qom_type || !id) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "Parameter '%s' is missing", qom_type ? "id" : "qom-type");
        return false;
    }
    const Type *type = type_find(vm->types, qom_type);
    if (!type || type_is_abstract(type) || !type_info(type)->user_creatable) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION, "object type '%s' %s",
                    qom_type, type ? "cannot be created by users" : "is not known");
        return false;
    }
    g_autoptr(Object) obj = object_new(vm, qom_type, error);
    Object *at = object_container(vm->root, "/objects");
    if (!obj || !machine_apply_defaults(vm, obj, error) || !set_props(obj, props, error) ||
        !object_add_child(at, id, obj, error)) {
        return false;
    }
    if (!complete(obj, error)) {
        object_unparent(obj);
        return false;
    }
    return true;
}

bool objects_del(Vm *vm, const char *id, GError **error)
{
    Object *obj = object_child(object_container(vm->root, "/objects"), id);
    if (!obj) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NOT_FOUND,
                    "object '%s' not found", id);
        return false;
    }
    if (obj->refs > 1) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_STATE,
                    "object '%s' is in use, can not be deleted", id);
        return false;
    }
    object_unparent(obj);
    return true;
}
