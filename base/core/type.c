/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The type registry: turns the rooms' const TypeInfo arrays into a sealed, searchable tree.
 * It is filled once at start-up by the composition root and is read-only from then on.
 */
#include "core-priv.h"

GQuark ferry_object_error_quark(void)
{
    return g_quark_from_static_string("ferry-object-error");
}

struct TypeRegistry {
    GHashTable *by_name; /* name (borrowed from TypeInfo) -> Type, owned */
    GPtrArray *sorted;   /* Type, borrowed, by name; filled by seal */
};

static const TypeInfo core_types[] = {
    { .name = "object", .abstract = true, .instance_size = sizeof(Object) },
    { .name = "container", .parent = "object", .instance_size = sizeof(Object) },
};

TypeRegistry *type_registry_new(void)
{
    TypeRegistry *reg = g_new0(TypeRegistry, 1);
    reg->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    reg->sorted = g_ptr_array_new();
    type_registry_add(reg, core_types, G_N_ELEMENTS(core_types));
    return reg;
}

void type_registry_free(TypeRegistry *reg)
{
    g_ptr_array_unref(reg->sorted);
    g_hash_table_unref(reg->by_name);
    g_free(reg);
}

void type_registry_add(TypeRegistry *reg, const TypeInfo *infos, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Type *type = g_new0(Type, 1);
        type->info = &infos[i];
        if (!g_hash_table_insert(reg->by_name, (gpointer)infos[i].name, type)) {
            g_error("type '%s' is registered twice", infos[i].name);
        }
    }
}

static void type_resolve(TypeRegistry *reg, Type *type)
{
    if (type->instance_size) {
        return;
    }
    const TypeInfo *info = type->info;
    if (info->parent) {
        Type *parent = g_hash_table_lookup(reg->by_name, info->parent);
        if (!parent) {
            g_error("type '%s' has the unknown parent '%s'", info->name, info->parent);
        }
        type_resolve(reg, parent);
        type->parent = parent;
        type->ops = parent->ops;
        type->instance_size = parent->instance_size;
    }
    if (info->ops) {
        type->ops = info->ops;
    }
    if (info->instance_size) {
        g_assert(info->instance_size >= type->instance_size);
        type->instance_size = info->instance_size;
    }
}

static int type_compare(gconstpointer a, gconstpointer b)
{
    const Type *ta = *(Type *const *)a, *tb = *(Type *const *)b;
    return strcmp(ta->info->name, tb->info->name);
}

void type_registry_seal(TypeRegistry *reg)
{
    GHashTableIter it;
    gpointer type;
    g_ptr_array_set_size(reg->sorted, 0);
    g_hash_table_iter_init(&it, reg->by_name);
    while (g_hash_table_iter_next(&it, NULL, &type)) {
        type_resolve(reg, type);
        g_ptr_array_add(reg->sorted, type);
    }
    g_ptr_array_sort(reg->sorted, type_compare);
}

const Type *type_find(const TypeRegistry *reg, const char *name)
{
    return g_hash_table_lookup(reg->by_name, name);
}

const char *type_name(const Type *type)
{
    return type->info->name;
}

const TypeInfo *type_info(const Type *type)
{
    return type->info;
}

const Type *type_parent(const Type *type)
{
    return type->parent;
}

const void *type_ops(const Type *type)
{
    return type->ops;
}

bool type_is_abstract(const Type *type)
{
    return type->info->abstract;
}

bool type_is_a(const Type *type, const char *ancestor)
{
    for (; type; type = type->parent) {
        if (!strcmp(type->info->name, ancestor) ||
            (type->info->interfaces && g_strv_contains(type->info->interfaces, ancestor))) {
            return true;
        }
    }
    return false;
}

void type_foreach(const TypeRegistry *reg, const char *ancestor, bool with_abstract,
                  void (*fn)(const Type *type, void *opaque), void *opaque)
{
    for (guint i = 0; i < reg->sorted->len; i++) {
        const Type *type = g_ptr_array_index(reg->sorted, i);
        if ((with_abstract || !type->info->abstract) && (!ancestor || type_is_a(type, ancestor))) {
            fn(type, opaque);
        }
    }
}

void type_foreach_property(const Type *type, void (*fn)(const Property *prop, void *opaque),
                           void *opaque)
{
    for (const Type *t = type; t; t = t->parent) {
        for (const Property *p = t->info->props; p && p->name; p++) {
            if (type_find_property(type, p->name) == p) { /* not hidden by a descendant's */
                fn(p, opaque);
            }
        }
    }
}

const Property *type_find_property(const Type *type, const char *name)
{
    for (; type; type = type->parent) {
        for (const Property *p = type->info->props; p && p->name; p++) {
            if (!strcmp(p->name, name)) {
                return p;
            }
        }
    }
    return NULL;
}
