/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects that users make (-object, object-add): they live at "/objects/ID". */
#include <string.h>

#include "qmp.h"

static bool set_properties(Object *obj, GVariant *options, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;
    bool ok = true;
    g_variant_iter_init(&iter, options);
    while (ok && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        if (strcmp(name, "qom-type") && strcmp(name, "id")) {
            ok = object_set(obj, name, value, error);
        }
        g_variant_unref(value);
    }
    return ok;
}

static bool id_well_formed(const char *id)
{
    bool ok = g_ascii_isalpha(id[0]);
    for (const char *p = id; ok && *p; p++) {
        ok = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    return ok;
}

bool user_object_add(Vm *vm, GVariant *options, GError **error)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(options);
    const char *type_text = NULL;
    const char *id = NULL;
    g_variant_lookup(owned, "qom-type", "&s", &type_text);
    g_variant_lookup(owned, "id", "&s", &id);
    if (!type_text || !id) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter '%s' is missing",
                    type_text ? "id" : "qom-type");
        return false;
    }
    const Type *type = type_find(vm->types, type_text);
    if (!type || !type_info(type)->user_creatable || type_is_abstract(type)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    type ? "object type '%s' cannot be made by users"
                         : "invalid object type: %s",
                    type_text);
        return false;
    }
    if (!id_well_formed(id)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'id' expects a letter followed by letters, digits, '-', '.', '_', "
                    "not '%s'",
                    id);
        return false;
    }
    Object *parent = object_container(vm->root, "objects");
    if (object_child(parent, id)) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_DUPLICATE,
                    "attempt to add duplicate property '%s' to object (type 'container')", id);
        return false;
    }
    g_autoptr(Object) obj = object_new(vm, type_text, error);
    /* In the tree before complete(), which may want to know its own id. */
    if (!obj || !set_properties(obj, owned, error) ||
        !object_add_child(parent, id, obj, error)) {
        return false;
    }
    bool (*complete)(Object *, GError **) = NULL;
    for (const Type *t = type; t && !complete; t = type_parent(t)) {
        complete = type_info(t)->complete;
    }
    if (complete && !complete(obj, error)) {
        object_unparent(obj);
        return false;
    }
    return true;
}

bool user_object_del(Vm *vm, const char *id, GError **error)
{
    Object *parent = object_child(vm->root, "objects");
    Object *obj = parent ? object_child(parent, id) : NULL;
    if (!obj) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "object '%s' not found", id);
        return false;
    }
    g_autoptr(GVariant) in_use = object_get(obj, "in-use", NULL);
    if (obj->refs > 1 ||
        (in_use && g_variant_is_of_type(in_use, G_VARIANT_TYPE_BOOLEAN) &&
         g_variant_get_boolean(in_use))) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "object '%s' is in use, can not be deleted",
                    id);
        return false;
    }
    object_unparent(obj);
    return true;
}
