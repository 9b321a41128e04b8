/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer of query-qmp-schema, made from the same tables that dispatch uses. Types that users
 * have no business knowing by name are numbered, in the order in which commands and events reach
 * them; only those that are reached from what this guest offers are listed.
 */
#include <string.h>

#include "monitor/json.h"
#include "monitor/schema.h"

typedef struct {
    const QmpSchema *schema;
    int *number;   /* by type index; -1 not reached yet */
    GArray *order; /* unsigned: type indexes in order of reaching */
    Json *out;
} Walk;

/* The name of a type in the answer; the caller owns it. */
static char *walk_ref(Walk *w, unsigned index)
{
    const QmpType *type = &w->schema->types[index];
    if (w->number[index] < 0) {
        w->number[index] = (int)w->order->len;
        g_array_append_val(w->order, index);
    }
    if (type->meta == QMP_META_BUILTIN) {
        return g_strdup(type->name);
    }
    if (type->meta == QMP_META_ARRAY) {
        g_autofree char *element = walk_ref(w, type->element);
        return g_strdup_printf("[%s]", element);
    }
    return g_strdup_printf("%d", w->number[index]);
}

static void add_ref(Walk *w, Json *object, const char *name, unsigned index)
{
    g_autofree char *ref = walk_ref(w, index);
    json_add_str(object, name, ref);
}

static void add_features(Json *object, const char *const *features)
{
    if (features) {
        Json *list = json_object_new_array();
        for (; *features; features++) {
            json_object_array_add(list, json_object_new_string(*features));
        }
        json_add(object, "features", list);
    }
}

static Json *entity(Walk *w, const char *name, const char *meta)
{
    Json *e = json_object_new_object();
    json_add_str(e, "name", name);
    json_add_str(e, "meta-type", meta);
    json_object_array_add(w->out, e);
    return e;
}

static void add_object(Walk *w, Json *e, const QmpType *type)
{
    Json *members = json_object_new_array();
    for (unsigned i = 0; i < type->n_members; i++) {
        Json *m = json_object_new_object();
        json_add_str(m, "name", type->members[i].name);
        if (type->members[i].optional) {
            json_add(m, "default", NULL);
        }
        add_ref(w, m, "type", type->members[i].type);
        add_features(m, type->members[i].features);
        json_object_array_add(members, m);
    }
    json_add(e, "members", members);
    if (type->tag) {
        json_add_str(e, "tag", type->tag);
        Json *variants = json_object_new_array();
        for (unsigned i = 0; i < type->n_variants; i++) {
            Json *v = json_object_new_object();
            json_add_str(v, "case", type->variants[i].value);
            add_ref(w, v, "type", type->variants[i].type);
            json_object_array_add(variants, v);
        }
        json_add(e, "variants", variants);
    }
}

static void add_enum(Json *e, const QmpType *type)
{
    Json *members = json_object_new_array();
    Json *values = json_object_new_array();
    for (unsigned i = 0; i < type->n_members; i++) {
        Json *m = json_object_new_object();
        json_add_str(m, "name", type->members[i].name);
        add_features(m, type->members[i].features);
        json_object_array_add(members, m);
        json_object_array_add(values, json_object_new_string(type->members[i].name));
    }
    json_add(e, "members", members);
    json_add(e, "values", values);
}

static void add_type(Walk *w, unsigned index)
{
    static const char *const json_names[] = {
        [QMP_JSON_STR] = "string",   [QMP_JSON_INT] = "int",   [QMP_JSON_NUMBER] = "number",
        [QMP_JSON_BOOL] = "boolean", [QMP_JSON_NULL] = "null", [QMP_JSON_ANY] = "value",
    };
    static const char *const metas[] = {
        [QMP_META_BUILTIN] = "builtin",     [QMP_META_ENUM] = "enum",
        [QMP_META_ARRAY] = "array",         [QMP_META_OBJECT] = "object",
        [QMP_META_ALTERNATE] = "alternate",
    };
    const QmpType *type = &w->schema->types[index];
    g_autofree char *name = walk_ref(w, index);
    Json *e = entity(w, name, metas[type->meta]);
    add_features(e, type->features);
    switch (type->meta) {
    case QMP_META_BUILTIN: json_add_str(e, "json-type", json_names[type->json]); break;
    case QMP_META_ENUM: add_enum(e, type); break;
    case QMP_META_ARRAY: add_ref(w, e, "element-type", type->element); break;
    case QMP_META_OBJECT: add_object(w, e, type); break;
    case QMP_META_ALTERNATE: {
        Json *members = json_object_new_array();
        for (unsigned i = 0; i < type->n_members; i++) {
            Json *m = json_object_new_object();
            add_ref(w, m, "type", type->members[i].type);
            json_object_array_add(members, m);
        }
        json_add(e, "members", members);
        break;
    }
    }
}

Json *qmp_schema_introspect(const QmpSchema *schema, unsigned targets)
{
    Walk w = { .schema = schema, .out = json_object_new_array() };
    w.number = g_new(int, schema->n_types);
    w.order = g_array_new(FALSE, FALSE, sizeof(unsigned));
    for (size_t i = 0; i < schema->n_types; i++) {
        w.number[i] = -1;
    }
    g_free(walk_ref(&w, 0)); /* the empty object is "0" */
    for (size_t i = 0; i < schema->n_commands; i++) {
        const QmpCommand *c = &schema->commands[i];
        if (c->targets & targets) {
            Json *e = entity(&w, c->name, "command");
            add_ref(&w, e, "arg-type", c->arg);
            add_ref(&w, e, "ret-type", c->ret);
            if (c->oob) {
                json_add_bool(e, "allow-oob", true);
            }
            add_features(e, c->features);
        }
    }
    for (size_t i = 0; i < schema->n_events; i++) {
        const QmpEvent *v = &schema->events[i];
        if (v->targets & targets) {
            Json *e = entity(&w, v->name, "event");
            add_ref(&w, e, "arg-type", v->arg);
            add_features(e, v->features);
        }
    }
    for (unsigned i = 0; i < w.order->len; i++) { /* grows while it is walked */
        add_type(&w, g_array_index(w.order, unsigned, i));
    }
    g_array_free(w.order, TRUE);
    g_free(w.number);
    return w.out;
}
