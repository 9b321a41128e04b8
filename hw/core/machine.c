/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines: finding one by name, defaults that depend on its version (compat) and on -global, CPU
 * topology, the default RAM, and reset.
 */
#include <inttypes.h>
#include <string.h>
#include "base/memory/backend.h"
#include "hw/core/machine.h"
#include "hw/core/numa.h"
#include "hw/core/types.h"

typedef struct {
    char *driver, *property, *value;
    bool used;
} Global;

/* What -global gathered, kept on the root object. */
typedef struct {
    Object obj;
    GPtrArray *list; /* Global */
} Globals;

static void global_free(gpointer p)
{
    Global *g = p;
    g_free(g->driver);
    g_free(g->property);
    g_free(g->value);
    g_free(g);
}

static void globals_init(Object *obj)
{
    ((Globals *)obj)->list = g_ptr_array_new_with_free_func(global_free);
}

static void globals_finalize(Object *obj)
{
    g_ptr_array_unref(((Globals *)obj)->list);
}

static void machine_init(Object *obj)
{
    Machine *m = (Machine *)obj;
    m->cpus = g_ptr_array_new();
    m->dump_guest_core = true;
    m->mem_merge = true;
    m->graphics = true;
    m->enable_defaults = true;
    m->splash_time_ms = m->reboot_timeout_ms = -1;
}

static void machine_finalize(Object *obj)
{
    Machine *m = (Machine *)obj;
    g_ptr_array_unref(m->cpus);
    g_free(m->cpu_type);
    g_free(m->boot_order);
    g_free(m->boot_once);
    g_clear_pointer(&m->acpi_tables, g_ptr_array_unref);
    g_free(m->boot_splash);
    g_clear_pointer(&m->cpu_props, g_variant_unref);
    g_clear_pointer(&m->numa, numa_free); /* its parts are in the RAM region */
    if (m->ram) {
        memory_region_clear(m->ram);
        g_free(m->ram);
    }
}

static const Property machine_props[] = {
    PROP(PROP_STR, Machine, kernel_file, "kernel", NULL, .description = "Linux kernel image file"),
    PROP(PROP_STR, Machine, initrd_file, "initrd", NULL,
         .description = "Linux initial ramdisk file"),
    PROP(PROP_STR, Machine, cmdline, "append", NULL, .description = "Linux kernel command line"),
    PROP(PROP_STR, Machine, dtb_file, "dtb", NULL, .description = "Linux kernel device tree file"),
    PROP(PROP_STR, Machine, firmware, "firmware", NULL, .description = "Firmware image"),
    PROP(PROP_STR, Machine, memory_backend, "memory-backend", NULL,
         .description = "id of the memory backend that is the guest's RAM"),
    PROP(PROP_BOOL, Machine, dump_guest_core, "dump-guest-core", "on",
         .description = "Include guest memory in a core dump"),
    PROP(PROP_BOOL, Machine, mem_merge, "mem-merge", "on",
         .description = "Enable/disable memory merge support"),
    PROP(PROP_BOOL, Machine, usb, "usb", "off", .description = "Set on/off to enable/disable usb"),
    PROP(PROP_BOOL, Machine, graphics, "graphics", "on",
         .description = "Set on/off to enable/disable graphics emulation"),
    PROP(PROP_BOOL, Machine, suppress_vmdesc, "suppress-vmdesc", "off",
         .description = "Set on to leave the description out of a migration stream"),
    PROP_END,
};

static const MachineOps machine_base_ops = { 0 };
/* Memory from 0 on, if any was asked for, and nothing else. */
static bool none_build(Machine *m, GError **error)
{
    if (m->ram) {
        memory_region_add(memory_system_region(device_vm(&m->dev)), 0, m->ram);
    }
    return true;
}
static const MachineOps none_ops = {
    .machine_name = "none",
    .description = "empty machine",
    .default_ram_id = "ram",
    .max_cpus = 1,
    .default_cpus = 1,
    .stream_version = 4,
    .build = none_build,
};

const TypeInfo hw_core_machine_types[] = {
    { .name = "machine",
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(Machine),
      .ops = &machine_base_ops,
      .props = machine_props,
      .init = machine_init,
      .finalize = machine_finalize },
    { .name = "none-machine", .parent = "machine", .ops = &none_ops },
    { .name = "ferry-globals",
      .parent = "object",
      .instance_size = sizeof(Globals),
      .init = globals_init,
      .finalize = globals_finalize },
};
const size_t hw_core_machine_types_n = G_N_ELEMENTS(hw_core_machine_types);

/* ---- finding ---- */

typedef struct {
    const char *name, *target;
    const Type *found;
} Find;

static void match_machine(const Type *type, void *opaque)
{
    Find *f = opaque;
    const MachineOps *ops = type_ops(type);
    bool ours = !ops->target || !f->target || !strcmp(ops->target, f->target);
    if (ours && (!g_strcmp0(ops->machine_name, f->name) || !g_strcmp0(ops->alias, f->name))) {
        f->found = type;
    }
}

const Type *machine_find(const TypeRegistry *reg, const char *name, const char *target)
{
    Find f = { name, target, NULL };
    type_foreach(reg, "machine", false, match_machine, &f);
    return f.found;
}

Machine *machine_new(Vm *vm, const char *machine_name, GError **error)
{
    const Type *type = machine_find(vm->types, machine_name, NULL);
    if (!type) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "unsupported machine type: \"%s\"", machine_name);
        return NULL;
    }
    g_autoptr(Object) obj = object_new(vm, type_name(type), error);
    Machine *m = (Machine *)obj;
    const MachineOps *ops = machine_ops(m);
    vm->machine = m;
    m->ram_bytes = ops->default_ram_bytes;
    m->max_ram_bytes = m->ram_bytes;
    m->cpu_type = g_strdup(ops->default_cpu_type);
    if (!machine_apply_defaults(vm, obj, error) ||
        !object_add_child(vm->root, "machine", obj, error)) {
        vm->machine = NULL;
        return NULL;
    }
    object_container(vm->root, "/machine/unattached");
    object_container(vm->root, "/machine/peripheral");
    object_container(vm->root, "/machine/peripheral-anon");
    return m; /* the tree holds it */
}

/* ---- defaults: compat lists, then -global ---- */

static Globals *globals_of(Vm *vm)
{
    Object *obj = object_child(vm->root, "globals");
    if (!obj) {
        g_autoptr(Object) made = object_new(vm, "ferry-globals", NULL);
        object_add_child(vm->root, "globals", made, NULL);
        obj = made;
    }
    return (Globals *)obj;
}

bool machine_add_global(Vm *vm, const char *driver, const char *property, const char *value,
                        GError **error)
{
    if (!*driver || !*property) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "-global expects driver.property=value");
        return false;
    }
    Global *g = g_new0(Global, 1);
    g->driver = g_strdup(driver);
    g->property = g_strdup(property);
    g->value = g_strdup(value);
    g_ptr_array_add(globals_of(vm)->list, g);
    return true;
}

/* Compat lists may name a property that only some descendants of the driver have. */
static bool apply_compat(Object *obj, const CompatProp *list, GError **error)
{
    for (const CompatProp *c = list; c->driver; c++) {
        if (object_is_a(obj, c->driver) && type_find_property(obj->type, c->property) &&
            !object_set_str(obj, c->property, c->value, error)) {
            g_prefix_error(error, "compat '%s.%s=%s': ", c->driver, c->property, c->value);
            return false;
        }
    }
    return true;
}

bool machine_apply_defaults(Vm *vm, Object *obj, GError **error)
{
    Machine *m = vm_machine(vm);
    const CompatProp *const *lists = m ? machine_ops(m)->compat : NULL;
    guint n = 0;
    while (lists && lists[n]) {
        n++;
    }
    /* lists[0] is the machine's own step, the rest are newer ones: oldest wins, so it goes last */
    while (n > 0) {
        if (!apply_compat(obj, lists[--n], error)) {
            return false;
        }
    }
    if (!vm->root) {
        return true;
    }
    GPtrArray *globals = globals_of(vm)->list;
    for (guint i = 0; i < globals->len; i++) {
        Global *g = g_ptr_array_index(globals, i);
        if (object_is_a(obj, g->driver)) {
            g->used = true;
            if (!object_set_str(obj, g->property, g->value, error)) {
                g_prefix_error(error, "can't apply global %s.%s=%s: ", g->driver, g->property,
                               g->value);
                return false;
            }
        }
    }
    return true;
}

/* ---- topology ---- */

static unsigned product(const CpuTopology *t)
{
    return t->drawers * t->books * t->sockets * t->dies * t->clusters * t->modules * t->cores *
           t->threads;
}

bool machine_parse_smp(Machine *m, const CpuTopology *given, GError **error)
{
    const MachineOps *ops = machine_ops(m);
    CpuTopology t = *given;
    t.drawers = MAX(t.drawers, 1u);
    t.books = MAX(t.books, 1u);
    t.dies = MAX(t.dies, 1u);
    t.clusters = MAX(t.clusters, 1u);
    t.modules = MAX(t.modules, 1u);
    unsigned total = t.max_cpus ? t.max_cpus : t.cpus;
    if (!total) {
        unsigned asked = MAX(t.sockets, 1u) * MAX(t.cores, 1u) * MAX(t.threads, 1u);
        total = asked > 1 ? asked * t.dies * t.clusters * t.modules * t.drawers * t.books
                          : MAX(ops->default_cpus, 1u);
    }
    /* What is not given follows from the total: cores take the rest, then sockets. */
    unsigned outer = t.drawers * t.books * t.dies * t.clusters * t.modules;
    if (!t.cores) {
        t.threads = MAX(t.threads, 1u);
        t.sockets = MAX(t.sockets, 1u);
        t.cores = MAX(total / (outer * t.sockets * t.threads), 1u);
    } else if (!t.sockets) {
        t.threads = MAX(t.threads, 1u);
        t.sockets = MAX(total / (outer * t.cores * t.threads), 1u);
    } else if (!t.threads) {
        t.threads = MAX(total / (outer * t.cores * t.sockets), 1u);
    }
    t.max_cpus = total;
    t.cpus = t.cpus ? t.cpus : total;
    if (product(&t) != t.max_cpus) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid CPU topology: product of the hierarchy must match maxcpus: "
                    "sockets (%u) * dies (%u) * modules (%u) * cores (%u) * threads (%u) "
                    "!= maxcpus (%u)",
                    t.sockets, t.dies, t.modules, t.cores, t.threads, t.max_cpus);
        return false;
    }
    if (t.cpus > t.max_cpus) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid CPU topology: maxcpus (%u) must be equal to or greater than smp (%u)",
                    t.max_cpus, t.cpus);
        return false;
    }
    if (t.max_cpus > MAX(ops->max_cpus, 1u)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u", t.max_cpus,
                    ops->machine_name, MAX(ops->max_cpus, 1u));
        return false;
    }
    m->smp = t;
    return true;
}

/* ---- building ---- */

/* Guest RAM: the user's backend, or a fresh block with the machine's name for it. */
static bool make_ram(Machine *m, GError **error)
{
    Vm *vm = device_vm(&m->dev);
    const MachineOps *ops = machine_ops(m);
    if (!m->ram_bytes || (!ops->default_ram_id && !m->memory_backend)) {
        return true;
    }
    m->ram = g_new0(MemoryRegion, 1);
    if (m->numa && numa_has_memory(m->numa)) {
        return numa_make_ram(m, error);
    }
    if (!m->memory_backend || !*m->memory_backend) {
        bool ok = memory_region_init_ram(m->ram, vm, &m->dev.obj, ops->default_ram_id, m->ram_bytes,
                                         error);
        if (!ok) {
            g_clear_pointer(&m->ram, g_free);
        }
        return ok;
    }
    RamBlock *block = memory_backend_claim(vm, m->memory_backend, m->ram_bytes, error);
    if (!block) {
        g_clear_pointer(&m->ram, g_free);
        return false;
    }
    memory_region_init_ram_block(m->ram, vm, &m->dev.obj, m->memory_backend, block, false);
    return true;
}

bool machine_build(Machine *m, GError **error)
{
    if (!m->smp.cpus && !machine_parse_smp(m, &(CpuTopology){ 0 }, error)) {
        return false;
    }
    bus_root(device_vm(&m->dev));
    return numa_finish(m, error) && make_ram(m, error) && machine_ops(m)->build(m, error);
}

bool machine_finish(Machine *m, GError **error)
{
    m->dev.realized = true;
    return !machine_ops(m)->done || machine_ops(m)->done(m, error);
}

void machine_reset(Vm *vm, ShutdownCause cause)
{
    Machine *m = vm_machine(vm);
    if (!m) {
        return;
    }
    bus_reset(bus_root(vm), cause == SHUTDOWN_SNAPSHOT_LOAD ? RESET_SNAPSHOT_LOAD
                            : cause == SHUTDOWN_NONE        ? RESET_COLD
                                                            : RESET_WARM);
    if (machine_ops(m)->reset) {
        machine_ops(m)->reset(m, cause);
    }
}
