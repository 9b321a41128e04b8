/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instances: life, the object tree, and property access by name.
 */
#include <string.h>
#include "core-priv.h"

static void dyn_prop_free(gpointer p)
{
    DynProp *dyn = p;
    g_free(dyn->name);
    g_free(dyn->type_name);
    g_free(dyn);
}

static void init_chain(Object *obj, const Type *type)
{
    if (type->parent) {
        init_chain(obj, type->parent);
    }
    for (const Property *p = type->info->props; p && p->name; p++) {
        property_apply_default(obj, p);
    }
    if (type->info->init) {
        type->info->init(obj);
    }
}

Object *object_new(Vm *vm, const char *name, GError **error)
{
    const Type *type = type_find(vm->types, name);
    if (!type) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NO_TYPE, "unknown type '%s'",
                    name);
        return NULL;
    }
    if (type->info->abstract) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_ABSTRACT,
                    "type '%s' is abstract and cannot be created", name);
        return NULL;
    }
    Object *obj = g_malloc0(type->instance_size);
    obj->type = type;
    obj->vm = vm;
    obj->refs = 1;
    init_chain(obj, type);
    return obj;
}

Object *object_ref(Object *obj)
{
    g_atomic_int_inc(&obj->refs);
    return obj;
}

void object_unref(Object *obj)
{
    if (!obj || !g_atomic_int_dec_and_test(&obj->refs)) {
        return;
    }
    while (obj->children && obj->children->len) {
        object_unparent(g_ptr_array_index(obj->children, obj->children->len - 1));
    }
    for (const Type *t = obj->type; t; t = t->parent) {
        if (t->info->finalize) {
            t->info->finalize(obj);
        }
        for (const Property *p = t->info->props; p && p->name; p++) {
            property_clear(obj, p);
        }
    }
    g_clear_pointer(&obj->children, g_ptr_array_unref);
    g_clear_pointer(&obj->dynamic, g_hash_table_unref);
    g_clear_pointer(&obj->set_by_user, g_hash_table_unref);
    g_free(obj->name);
    g_free(obj);
}

const char *object_type_name(const Object *obj)
{
    return obj->type->info->name;
}

bool object_is_a(const Object *obj, const char *type_or_interface)
{
    return type_is_a(obj->type, type_or_interface);
}

/* ---- the tree ---- */

Object *object_child(const Object *parent, const char *name)
{
    for (guint i = 0; parent->children && i < parent->children->len; i++) {
        Object *child = g_ptr_array_index(parent->children, i);
        if (!strcmp(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

bool object_add_child(Object *parent, const char *name, Object *child, GError **error)
{
    g_assert(!child->parent);
    if (object_child(parent, name)) {
        g_autofree char *path = object_path(parent);
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_DUPLICATE,
                    "'%s' already has a child named '%s'", path, name);
        return false;
    }
    if (!parent->children) {
        parent->children = g_ptr_array_new();
    }
    child->name = g_strdup(name);
    child->parent = parent;
    g_ptr_array_add(parent->children, object_ref(child));
    return true;
}

void object_unparent(Object *obj)
{
    if (obj->parent) {
        g_ptr_array_remove(obj->parent->children, obj);
        obj->parent = NULL;
        g_clear_pointer(&obj->name, g_free);
        object_unref(obj);
    }
}

char *object_path(const Object *obj)
{
    GString *s = g_string_new(NULL);
    for (; obj->parent; obj = obj->parent) {
        g_string_prepend(s, obj->name);
        g_string_prepend_c(s, '/');
    }
    return g_string_free(s->len ? s : g_string_append_c(s, '/'), false);
}

/* A child, or what a link property of that name points to. */
static Object *step(Object *at, const char *name)
{
    Object *child = object_child(at, name);
    if (!child) {
        const Property *p = type_find_property(at->type, name);
        if (p && p->kind == PROP_LINK) {
            child = *(Object **)((uint8_t *)at + p->offset);
        }
    }
    return child;
}

static Object *walk(Object *at, char **parts)
{
    for (; at && *parts; parts++) {
        if (**parts) {
            at = step(at, *parts);
        }
    }
    return at;
}

/* Every place in the tree from which @parts leads somewhere. */
static Object *walk_anywhere(Object *at, char **parts, unsigned *matches)
{
    Object *found = walk(at, parts);
    *matches += found != NULL;
    for (guint i = 0; at->children && i < at->children->len; i++) {
        Object *below = walk_anywhere(g_ptr_array_index(at->children, i), parts, matches);
        found = found ? found : below;
    }
    return found;
}

Object *object_resolve(Vm *vm, const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    unsigned matches = 0;
    Object *obj = NULL;

    if (*path == '/') {
        obj = walk(vm->root, parts);
        matches = obj != NULL;
    } else if (*path) {
        obj = walk_anywhere(vm->root, parts, &matches);
    }
    if (matches != 1) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NOT_FOUND,
                    matches ? "path '%s' is ambiguous" : "no object at path '%s'", path);
        return NULL;
    }
    return obj;
}

Object *object_container(Object *from, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **p = parts; *p; p++) {
        if (!**p) {
            continue;
        }
        Object *next = object_child(from, *p);
        if (!next) {
            g_autoptr(Object) made = object_new(from->vm, "container", NULL);
            object_add_child(from, *p, made, NULL);
            next = made;
        }
        from = next;
    }
    return from;
}

/* ---- properties ---- */

static void remember_set(Object *obj, const char *name)
{
    if (!obj->set_by_user) {
        obj->set_by_user = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    g_hash_table_add(obj->set_by_user, g_strdup(name));
}

bool object_was_set(const Object *obj, const char *name)
{
    return obj->set_by_user && g_hash_table_contains(obj->set_by_user, name);
}

void object_add_property(Object *obj, const char *name, const char *type_name_,
                         GVariant *(*get)(Object *, const char *name, void *opaque),
                         bool (*set)(Object *, const char *name, GVariant *, void *opaque,
                                     GError **),
                         void *opaque)
{
    if (!obj->dynamic) {
        obj->dynamic = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, dyn_prop_free);
    }
    DynProp *dyn = g_new0(DynProp, 1);
    dyn->name = g_strdup(name);
    dyn->type_name = g_strdup(type_name_);
    dyn->get = get;
    dyn->set = set;
    dyn->opaque = opaque;
    g_hash_table_replace(obj->dynamic, dyn->name, dyn);
}

static bool no_property(const Object *obj, const char *name, GError **error)
{
    g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NO_PROPERTY,
                "Property '%s.%s' not found", object_type_name(obj), name);
    return false;
}

GVariant *object_get(Object *obj, const char *name, GError **error)
{
    const Property *prop = type_find_property(obj->type, name);
    if (prop) {
        return g_variant_take_ref(property_load(obj, prop));
    }
    DynProp *dyn = obj->dynamic ? g_hash_table_lookup(obj->dynamic, name) : NULL;
    if (dyn && dyn->get) {
        return g_variant_take_ref(dyn->get(obj, name, dyn->opaque));
    }
    Object *child = object_child(obj, name);
    if (child) {
        return g_variant_ref_sink(g_variant_new_take_string(object_path(child)));
    }
    if (!strcmp(name, "type")) {
        return g_variant_ref_sink(g_variant_new_string(object_type_name(obj)));
    }
    no_property(obj, name, error);
    return NULL;
}

bool object_set(Object *obj, const char *name, GVariant *value, GError **error)
{
    g_autoptr(GVariant) v = g_variant_ref_sink(value);
    const Property *prop = type_find_property(obj->type, name);
    DynProp *dyn = obj->dynamic ? g_hash_table_lookup(obj->dynamic, name) : NULL;
    bool ok;
    if (prop) {
        ok = property_store(obj, prop, v, error);
    } else if (dyn && dyn->set) {
        ok = dyn->set(obj, name, v, dyn->opaque, error);
    } else if (dyn || !strcmp(name, "type") || object_child(obj, name)) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_READ_ONLY,
                    "property '%s.%s' is read-only", object_type_name(obj), name);
        return false;
    } else {
        return no_property(obj, name, error);
    }
    if (ok) {
        remember_set(obj, name);
    }
    return ok;
}

bool object_set_str(Object *obj, const char *name, const char *value, GError **error)
{
    return object_set(obj, name, g_variant_new_string(value), error);
}

static void set_own(Object *obj, const char *name, GVariant *value)
{
    g_autoptr(GError) error = NULL;
    if (!object_set(obj, name, value, &error)) {
        g_error("%s", error->message);
    }
}

void object_set_bool(Object *obj, const char *name, bool value)
{
    set_own(obj, name, g_variant_new_boolean(value));
}

void object_set_u64(Object *obj, const char *name, uint64_t value)
{
    set_own(obj, name, g_variant_new_uint64(value));
}

typedef struct {
    void (*fn)(const PropertyView *view, void *opaque);
    void *opaque;
} ViewCall;

static void view_static(const Property *prop, void *opaque)
{
    ViewCall *call = opaque;
    PropertyView view = { prop->name, property_type_name(prop), prop->description,
                          !prop->read_only && (prop->set || prop->kind != PROP_CUSTOM) };
    call->fn(&view, call->opaque);
}

void object_foreach_property(Object *obj, void (*fn)(const PropertyView *view, void *opaque),
                             void *opaque)
{
    ViewCall call = { fn, opaque };
    PropertyView type_view = { "type", "string", NULL, false };
    fn(&type_view, opaque);
    type_foreach_property(obj->type, view_static, &call);
    if (obj->dynamic) {
        g_autoptr(GList) names =
            g_list_sort(g_hash_table_get_keys(obj->dynamic), (GCompareFunc)strcmp);
        for (GList *n = names; n; n = n->next) {
            DynProp *dyn = g_hash_table_lookup(obj->dynamic, n->data);
            PropertyView view = { dyn->name, dyn->type_name, NULL, dyn->set != NULL };
            fn(&view, opaque);
        }
    }
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        Object *child = g_ptr_array_index(obj->children, i);
        g_autofree char *t = g_strdup_printf("child<%s>", object_type_name(child));
        PropertyView view = { child->name, t, NULL, false };
        fn(&view, opaque);
    }
}
