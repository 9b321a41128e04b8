/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine types and CPUs. */
#include <string.h>
#include <unistd.h>

#include "hw/core/machine.h"
#include "qmp.h"

/* ---- machines ---- */

typedef struct {
    QmpHost *host;
    bool compat_props;
    Json *list;
} MachineWalk;

static void add_compat(Json *item, const MachineOps *ops)
{
    Json *list = json_object_new_array();
    for (unsigned i = 0; ops->compat && ops->compat[i]; i++) {
        for (const CompatProp *p = ops->compat[i]; p->driver; p++) {
            Json *prop = json_object_new_object();
            json_add_str(prop, "qom-type", p->driver);
            json_add_str(prop, "property", p->property);
            json_add_str(prop, "value", p->value);
            json_object_array_add(list, prop);
        }
    }
    json_add(item, "compat-props", list);
}

static void add_machine(const Type *type, void *opaque)
{
    MachineWalk *w = opaque;
    const MachineOps *ops = type_ops(type);
    if (!ops || !ops->machine_name || (ops->target && strcmp(ops->target, w->host->target))) {
        return;
    }
    Json *item = json_object_new_object();
    json_add_str(item, "name", ops->machine_name);
    json_add_str_opt(item, "alias", ops->alias);
    if (ops->is_default) {
        json_add_bool(item, "is-default", true);
    }
    json_add_uint(item, "cpu-max", ops->max_cpus ? ops->max_cpus : 1);
    json_add_bool(item, "hotpluggable-cpus", ops->has_hotpluggable_cpus);
    json_add_bool(item, "numa-mem-supported", ops->numa_mem_supported);
    json_add_bool(item, "deprecated", ops->deprecated != NULL);
    json_add_str_opt(item, "default-cpu-type", ops->default_cpu_type);
    json_add_str_opt(item, "default-ram-id", ops->default_ram_id);
    json_add_bool(item, "acpi", type_find_property(type, "acpi") != NULL);
    if (w->compat_props) {
        add_compat(item, ops);
    }
    json_object_array_add(w->list, item);
}

Json *qmp_query_machines(QmpCall *call, Json *args, GError **error)
{
    MachineWalk w = { qmp_host(call), json_flag(args, "compat-props", false),
                      json_object_new_array() };
    type_foreach(call->vm->types, "machine", false, add_machine, &w);
    return w.list;
}

Json *qmp_query_current_machine(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_object();
    Machine *m = vm_machine(call->vm);
    const Property *wakeup =
        m ? type_find_property(m->dev.obj.type, "wakeup-suspend-support") : NULL;
    json_add_bool(out, "wakeup-suspend-support",
                  wakeup ||
                      (m && machine_ops(m)->target && !strcmp(machine_ops(m)->target, "x86_64")));
    return out;
}

/* ---- CPUs ---- */

const char *qmp_cpu_suffix(const QmpHost *host)
{
    return !strcmp(host->target, "s390x")   ? "-s390x-cpu"
           : !strcmp(host->target, "ppc64") ? "-powerpc64-cpu"
                                            : "-x86_64-cpu";
}

Device *qmp_cpu_device(Vm *vm, int64_t index, GError **error)
{
    Machine *m = vm_machine(vm);
    guint n = m && m->cpus ? m->cpus->len : 0;
    if (index < 0 || index >= n || !g_ptr_array_index(m->cpus, index)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return g_ptr_array_index(m->cpus, index);
}

CpuState *qmp_cpu_state(QmpHost *host, int64_t index, GError **error)
{
    if (!host->engine || index < 0 || index >= engine_cpu_count(host->engine)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return engine_cpu(host->engine, (unsigned)index);
}

/* Where the CPU of an index sits: ids that the target has, from the -smp topology. */
static Json *cpu_props(const QmpHost *host, const Machine *m, unsigned index)
{
    const CpuTopology *t = &m->smp;
    Json *props = json_object_new_object();
    unsigned threads = MAX(t->threads, 1u), cores = MAX(t->cores, 1u);
    unsigned dies = MAX(t->dies, 1u) * MAX(t->clusters, 1u) * MAX(t->modules, 1u);
    if (!strcmp(host->target, "s390x")) {
        unsigned socket = index / cores, sockets = MAX(t->sockets, 1u), books = MAX(t->books, 1u);
        json_add_uint(props, "core-id", index);
        json_add_uint(props, "socket-id", socket % sockets);
        json_add_uint(props, "drawer-id", socket / sockets / books);
        json_add_uint(props, "book-id", socket / sockets % books);
        return props;
    }
    if (!strcmp(host->target, "ppc64")) {
        json_add_uint(props, "core-id", index / threads * threads);
        return props;
    }
    json_add_uint(props, "core-id", index / threads % cores);
    json_add_uint(props, "thread-id", index % threads);
    if (MAX(t->dies, 1u) > 1) {
        json_add_uint(props, "die-id", index / (threads * cores) % dies);
    }
    json_add_uint(props, "socket-id", index / (threads * cores * dies));
    return props;
}

/* Possible CPUs that are not plugged in leave gaps, which the engine's count has not. */
static CpuState *cpu_of_device(const QmpHost *host, const Device *dev)
{
    for (unsigned i = 0; host->engine && i < engine_cpu_count(host->engine); i++) {
        if (engine_cpu(host->engine, i)->owner == dev) {
            return engine_cpu(host->engine, i);
        }
    }
    return NULL;
}

Json *qmp_query_cpus_fast(QmpCall *call, Json *args, GError **error)
{
    QmpHost *host = qmp_host(call);
    Machine *m = vm_machine(call->vm);
    Json *list = json_object_new_array();
    for (guint i = 0; m && m->cpus && i < m->cpus->len; i++) {
        Device *dev = g_ptr_array_index(m->cpus, i);
        if (!dev) {
            continue;
        }
        CpuState *cpu = cpu_of_device(host, dev);
        g_autofree char *path = object_path(&dev->obj);
        Json *item = json_object_new_object();
        Json *props = cpu_props(host, m, i);
        if (!strcmp(host->target, "ppc64")) {
            json_add_uint(props, "thread-id", i % MAX(m->smp.threads, 1u));
        }
        json_add_int(item, "thread-id",
                     cpu && cpu->host_thread_id ? cpu->host_thread_id : getpid());
        json_add(item, "props", props);
        json_add_str(item, "qom-path", path);
        json_add_uint(item, "cpu-index", i);
        json_add_str(item, "target", host->target);
        if (!strcmp(host->target, "s390x")) {
            json_add_str(item, "cpu-state", cpu && cpu->halted ? "stopped" : "operating");
            json_add_bool(item, "dedicated", false);
            json_add_str(item, "entitlement", "medium");
        }
        json_object_array_add(list, item);
    }
    return list;
}

Json *qmp_query_hotpluggable_cpus(QmpCall *call, Json *args, GError **error)
{
    QmpHost *host = qmp_host(call);
    Machine *m = vm_machine(call->vm);
    if (!m || !machine_ops(m)->has_hotpluggable_cpus) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "machine does not support hot-plugging CPUs");
        return NULL;
    }
    bool by_core = !strcmp(host->target, "ppc64");
    unsigned step = by_core ? MAX(m->smp.threads, 1u) : 1;
    Json *list = json_object_new_array();
    for (unsigned i = MAX(m->smp.max_cpus, 1u) / step; i-- > 0;) {
        unsigned index = i * step;
        Device *dev = m->cpus && index < m->cpus->len ? g_ptr_array_index(m->cpus, index) : NULL;
        Json *item = json_object_new_object();
        json_add(item, "props", cpu_props(host, m, index));
        json_add_uint(item, "vcpus-count", step);
        if (dev) {
            /* A core is the parent of its threads. */
            Object *shown = by_core && dev->obj.parent ? dev->obj.parent : &dev->obj;
            g_autofree char *path = object_path(shown);
            json_add_str(item, "qom-path", path);
        }
        json_add_str(item, "type", m->cpu_type);
        json_object_array_add(list, item);
    }
    return list;
}

/* ---- CPU models ---- */

typedef struct {
    Vm *vm;
    const char *suffix;
    Json *list;
} ModelWalk;

static Json *string_list(Object *obj, const char *property)
{
    g_autoptr(GVariant) value = obj ? object_get(obj, property, NULL) : NULL;
    Json *json = value ? json_from_variant(value) : NULL;
    if (json_object_is_type(json, json_type_array)) {
        return json;
    }
    json_unref(json);
    return json_object_new_array();
}

static void add_model(const Type *type, void *opaque)
{
    ModelWalk *w = opaque;
    const char *name = type_name(type);
    if (!g_str_has_suffix(name, w->suffix)) {
        return;
    }
    g_autofree char *model = g_strndup(name, strlen(name) - strlen(w->suffix));
    g_autoptr(Object) obj = object_new(w->vm, name, NULL);
    Json *item = json_object_new_object();
    json_add_str(item, "name", model);
    json_add_str(item, "typename", name);
    json_add(item, "unavailable-features", string_list(obj, "unavailable-features"));
    json_add_bool(item, "static", !strcmp(model, "base") || g_str_has_suffix(model, "-base"));
    json_add_bool(item, "migration-safe", strcmp(model, "max") && strcmp(model, "host"));
    json_add_bool(item, "deprecated", false);
    json_object_array_add(w->list, item);
}

Json *qmp_query_cpu_definitions(QmpCall *call, Json *args, GError **error)
{
    ModelWalk w = { call->vm, qmp_cpu_suffix(qmp_host(call)), json_object_new_array() };
    type_foreach(call->vm->types, "cpu", false, add_model, &w);
    return w.list;
}

static void add_bool_feature(const PropertyView *view, void *opaque)
{
    void **pair = opaque;
    static const char *const not_features[] = {
        "realized", "hotplugged", "hotpluggable", "start-powered-off", "check", "enforce", NULL
    };
    if (strcmp(view->type_name, "bool") || g_strv_contains(not_features, view->name)) {
        return;
    }
    g_autoptr(GVariant) value = object_get(pair[0], view->name, NULL);
    if (value) {
        json_add(pair[1], view->name, json_from_variant(value));
    }
}

/* Static: named "base" where the target has such a model, all features spelled out. */
Json *qmp_query_cpu_model_expansion(QmpCall *call, Json *args, GError **error)
{
    Json *model = json_member(args, "model");
    Json *props = json_member(model, "props");
    const char *name = json_str(model, "name", "");
    const char *suffix = qmp_cpu_suffix(qmp_host(call));
    if (!strcmp(suffix, "-s390x-cpu")) {
        return qmp_s390_cpu_expansion(args, error);
    }
    g_autofree char *full = g_strconcat(name, suffix, NULL);
    const Type *type = type_find(call->vm->types, full);
    if (!type || type_is_abstract(type)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "The CPU definition '%s' is unknown.",
                    name);
        return NULL;
    }
    g_autoptr(Object) obj = object_new(call->vm, full, error);
    if (!obj) {
        return NULL;
    }
    if (props && !json_object_is_type(props, json_type_object)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Invalid parameter type for 'model.props', expected: object");
        return NULL;
    }
    if (props) {
        json_object_object_foreach(props, key, value)
        {
            if (!object_set(obj, key, json_to_variant(value), error)) {
                return NULL;
            }
        }
    }
    Json *features = json_object_new_object();
    void *pair[2] = { obj, features };
    object_foreach_property(obj, add_bool_feature, pair);
    g_autofree char *base = g_strconcat("base", suffix, NULL);
    bool is_static = !strcmp(json_str(args, "type", ""), "static");
    Json *shown = json_object_new_object();
    json_add_str(shown, "name", is_static && type_find(call->vm->types, base) ? "base" : name);
    json_add(shown, "props", features);
    Json *out = json_object_new_object();
    json_add(out, "model", shown);
    return out;
}
