/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects, types and properties.
 *
 * Everything a user can name (devices, machines, CPUs, memory backends, buses) is an Object of a
 * type described by one const TypeInfo. Rooms export arrays of TypeInfo; the composition root
 * registers them in the TypeRegistry of the Vm. Nothing registers itself.
 *
 * Property values travel as GVariant, so that the command line (strings), QMP (JSON) and compat
 * lists (strings) share one path. Home: the VM lock guards every function here that takes an
 * Object; the TypeRegistry is immutable after start-up.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_OBJECT_ERROR (ferry_object_error_quark())
GQuark ferry_object_error_quark(void);
typedef enum {
    FERRY_OBJECT_ERROR_NO_TYPE,     /* the type name is not known */
    FERRY_OBJECT_ERROR_ABSTRACT,    /* the type cannot be instantiated */
    FERRY_OBJECT_ERROR_NO_PROPERTY, /* the object has no property of that name */
    FERRY_OBJECT_ERROR_VALUE,       /* the value does not parse or is out of range */
    FERRY_OBJECT_ERROR_READ_ONLY,
    FERRY_OBJECT_ERROR_NOT_FOUND, /* no object at that path */
    FERRY_OBJECT_ERROR_DUPLICATE, /* the id is in use */
    FERRY_OBJECT_ERROR_STATE,     /* not now: realized, in use, ... */
} FerryObjectError;

typedef struct Object Object;
typedef struct TypeInfo TypeInfo;
typedef struct Type Type;
typedef struct TypeRegistry TypeRegistry;
typedef struct Property Property;
typedef struct Vm Vm;

/* How a property is stored in the instance and spelled by users. */
typedef enum {
    PROP_BOOL, /* bool */
    PROP_BIT,  /* one bit (Property.bit) of a uint64_t */
    PROP_U8,
    PROP_U16,
    PROP_U32,
    PROP_U64,
    PROP_I32,
    PROP_I64,
    PROP_SIZE,      /* uint64_t bytes; strings take K/M/G/T suffixes */
    PROP_STR,       /* char *, owned by the instance, NULL when unset */
    PROP_ENUM,      /* int, one of Property.choices (NULL-terminated list) */
    PROP_ONOFFAUTO, /* OnOffAuto: "on", "off", "auto" */
    PROP_LINK, /* Object *, borrowed with a reference; string is a path or id; Property.link_type */
    PROP_NAME, /* char *: id of a backend (chardev, netdev, drive); type name in link_type */
    PROP_MAC,  /* uint8_t[6] */
    PROP_UUID, /* uint8_t[16] */
    PROP_DEVFN,  /* int32_t: "slot[.fn]" or number, -1 = any */
    PROP_CUSTOM, /* Property.get / Property.set */
} PropKind;

typedef enum {
    ONOFFAUTO_AUTO,
    ONOFFAUTO_ON,
    ONOFFAUTO_OFF
} OnOffAuto;

typedef GVariant *(*PropGet)(Object *obj, const Property *prop);
typedef bool (*PropSet)(Object *obj, const Property *prop, GVariant *value, GError **error);

struct Property {
    const char *name;
    PropKind kind;
    uint8_t bit;                /* PROP_BIT */
    bool read_only;             /* set only by the device itself */
    bool settable_live;         /* may change after realize */
    size_t offset;              /* in the instance */
    const char *default_str;    /* parsed at instance creation; NULL: zero */
    uint64_t min, max;          /* integers: both 0 = the full range of the kind */
    const char *const *choices; /* PROP_ENUM */
    const char *link_type;      /* PROP_LINK, PROP_NAME; CUSTOM: the QOM type shown to users */
    const char *description;
    PropGet get; /* PROP_CUSTOM; also overrides the stored getter of any kind */
    PropSet set;
};

#define PROP_END     \
    {                \
        .name = NULL \
    }
#define PROP(kind_, T, field, name_, default_, ...)                                                \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(T, field), .default_str = (default_), \
        ##__VA_ARGS__                                                                              \
    }

struct TypeInfo {
    const char *name;   /* what users see: "virtio-rng-pci" */
    const char *parent; /* NULL only for "object" */
    const char *description;
    bool abstract;
    bool user_creatable;   /* -object / object-add (devices: see DeviceOps.user_creatable) */
    size_t instance_size;  /* 0: as the parent */
    const Property *props; /* PROP_END-terminated; NULL: none beyond the parent's */
    const void *ops;       /* const class struct, its layout fixed by the root of the family
                                 (DeviceOps, BusOps, MachineOps, ...); NULL: the parent's */
    const char *const *interfaces; /* extra names that object_is_a() answers to; NULL-terminated */
    void (*init)(Object *obj);     /* parents first; cannot fail */
    void (*finalize)(Object *obj); /* children first */
    /* -object types: called once all properties are set, may fail */
    bool (*complete)(Object *obj, GError **error);
};

/* The head of every instance. Fields are private to base/core. */
struct Object {
    const Type *type;
    Vm *vm; /* borrowed */
    int refs;
    char *name;              /* name in the parent, NULL while detached */
    Object *parent;          /* borrowed */
    GPtrArray *children;     /* owned refs, in order of adding; NULL when none */
    GHashTable *dynamic;     /* name -> DynProp, see object_add_property */
    GHashTable *set_by_user; /* names set explicitly (so that defaults and compat can ask) */
};

/* ---- types ---- */
TypeRegistry *type_registry_new(void);
void type_registry_free(TypeRegistry *reg);
/* Adds @n infos. A duplicate name or missing parent at type_registry_seal() is a bug (asserts). */
void type_registry_add(TypeRegistry *reg, const TypeInfo *infos, size_t n);
void type_registry_seal(TypeRegistry *reg);
/* NULL if unknown. */
const Type *type_find(const TypeRegistry *reg, const char *name);
const char *type_name(const Type *type);
const TypeInfo *type_info(const Type *type);
const Type *type_parent(const Type *type);
bool type_is_a(const Type *type, const char *ancestor_or_interface);
bool type_is_abstract(const Type *type);
/* The nearest ops along the parent chain. */
const void *type_ops(const Type *type);
/* Calls @fn for every type that is_a @ancestor (NULL: all), sorted by name. */
void type_foreach(const TypeRegistry *reg, const char *ancestor, bool with_abstract,
                  void (*fn)(const Type *type, void *opaque), void *opaque);
/* Calls @fn for each static property, own first, then the parents'. */
void type_foreach_property(const Type *type, void (*fn)(const Property *prop, void *opaque),
                           void *opaque);
const Property *type_find_property(const Type *type, const char *name);
/* The type name users see for a property ("uint32", "bool", "str", "link<x>", "size", ...). */
const char *property_type_name(const Property *prop);

/* ---- instances ---- */
/* A new detached object with defaults applied, one reference. */
Object *object_new(Vm *vm, const char *type_name, GError **error);
Object *object_ref(Object *obj);
void object_unref(Object *obj);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Object, object_unref)
const char *object_type_name(const Object *obj);
bool object_is_a(const Object *obj, const char *type_or_interface);
static inline const void *object_ops(const Object *obj)
{
    return type_ops(obj->type);
}

/* The tree. object_add_child takes a new reference; fails when the name is taken. */
bool object_add_child(Object *parent, const char *name, Object *child, GError **error);
/* Removes from the parent and drops its reference. */
void object_unparent(Object *obj);
Object *object_child(const Object *parent, const char *name);
/* Absolute ("/machine/unattached/x") or, with a leading non-slash, a partial path that must match
   exactly one object. NULL + error otherwise. Borrowed. */
Object *object_resolve(Vm *vm, const char *path, GError **error);
/* Creates "container" objects as needed. Borrowed. */
Object *object_container(Object *from, const char *path);
char *object_path(const Object *obj); /* absolute; owned by the caller */

/* ---- properties ---- */
GVariant *object_get(Object *obj, const char *name, GError **error); /* full reference */
/* @value: 'b', any integer type, 's' (strings are parsed for every kind), 'd'. Consumes floating. */
bool object_set(Object *obj, const char *name, GVariant *value, GError **error);
bool object_set_str(Object *obj, const char *name, const char *value, GError **error);
bool object_was_set(const Object *obj, const char *name);
/* A property of one instance only (e.g. CPU features); get/set may be NULL. Strings are copied. */
void object_add_property(Object *obj, const char *name, const char *type_name,
                         GVariant *(*get)(Object *, const char *name, void *opaque),
                         bool (*set)(Object *, const char *name, GVariant *, void *opaque,
                                     GError **),
                         void *opaque);
typedef struct {
    const char *name;
    const char *type_name;   /* "child<x>" and "link<x>" included */
    const char *description; /* may be NULL */
    bool writable;
} PropertyView;
/* Every property and child of the instance. */
void object_foreach_property(Object *obj, void (*fn)(const PropertyView *view, void *opaque),
                             void *opaque);
/* Convenience for the properties of one's own code: asserts the name exists. */
void object_set_bool(Object *obj, const char *name, bool value);
void object_set_u64(Object *obj, const char *name, uint64_t value);
