/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that become machine state: machine properties, CPU model, memory, topology, globals and
 * devices. The command line has been recognised as a whole before any of this runs.
 */
#include <inttypes.h>
#include <string.h>
#include "base/util/size.h"
#include "hw/core/firmware.h"
#include "system/keyval.h"
#include "system-priv.h"

static bool config_error(GError **error, const char *text)
{
    g_set_error_literal(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG, text);
    return false;
}

/* "name" of -machine/-M, the last one that gives it. */
static char *machine_name(const CmdLine *cmd, GError **error)
{
    char *name = NULL;
    for (guint i = 0; i < cmd->machine_props->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->machine_props, i);
        GVariant *parsed = keyval_parse(arg->text, "type", error);
        if (!parsed) {
            g_free(name);
            return NULL;
        }
        g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
        const char *type = keyval_str(props, "type");
        if (type) {
            g_free(name);
            name = g_strdup(type);
        }
    }
    return name ? name : g_strdup("");
}

typedef struct {
    const char *target, *found;
} DefaultMachine;

static void match_default(const Type *type, void *opaque)
{
    DefaultMachine *d = opaque;
    const MachineOps *ops = type_ops(type);
    if (ops->is_default && ops->target && !strcmp(ops->target, d->target)) {
        d->found = ops->machine_name;
    }
}

static Machine *make_machine(System *sys, GError **error)
{
    CmdLine *cmd = sys->cmd;
    g_autofree char *name = machine_name(cmd, error);
    if (!name) {
        return NULL;
    }
    if (!*name) {
        DefaultMachine d = { cmd->target, NULL };
        type_foreach(sys->vm->types, "machine", false, match_default, &d);
        if (!d.found) {
            config_error(error, "no machine was given and there is no default: use -machine, "
                                "'-machine help' lists them");
            return NULL;
        }
        return machine_new(sys->vm, d.found, error);
    }
    const Type *type = machine_find(sys->vm->types, name, cmd->target);
    if (!type) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-machine: unsupported machine type \"%s\": use '-machine help' to list "
                    "supported machines",
                    name);
        return NULL;
    }
    return machine_new(sys->vm, ((const MachineOps *)type_ops(type))->machine_name, error);
}

/* accel=a:b: the first that this program has. */
static bool find_accel(System *sys, const char *list)
{
    g_auto(GStrv) names = g_strsplit(list, ":", -1);
    for (char **n = names; *n; n++) {
        if (!strcmp(*n, "tcg") || !strcmp(*n, "qtest")) {
            sys->accel_qtest = **n == 'q';
            return true;
        }
    }
    return false;
}

static bool choose_accel(System *sys, const char *list, GError **error)
{
    if (find_accel(sys, list)) {
        return true;
    }
    g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                "accelerator '%s' is not available: tcg and qtest are", list);
    return false;
}

static bool machine_props(System *sys, Machine *m, GError **error)
{
    GVariantIter it;
    const char *key, *value;
    for (guint i = 0; i < sys->cmd->machine_props->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->machine_props, i);
        g_autoptr(GVariant) props = g_variant_ref_sink(keyval_parse(arg->text, "type", NULL));
        g_variant_iter_init(&it, props);
        GVariant *v;
        while (g_variant_iter_loop(&it, "{&sv}", &key, &v)) {
            value = g_variant_get_string(v, NULL);
            bool ok = !strcmp(key, "type")    ? true
                      : !strcmp(key, "accel") ? choose_accel(sys, value, error)
                                              : object_set_str(&m->dev.obj, key, value, error);
            if (!ok) {
                g_prefix_error(error, "-machine: ");
                g_variant_unref(v);
                return false;
            }
        }
    }
    return true;
}

/* One -accel, which is in force when @chosen: its options. */
static bool accel_values(System *sys, GVariant *props, GError **error)
{
    static const char *const known[] = { "accel",    "thread", "tb-size", "one-insn-per-tb",
                                         "split-wx", "jit",    NULL };
    const char *thread = keyval_str(props, "thread");
    bool single = !g_strcmp0(thread, "single");
    if (thread && !single && strcmp(thread, "multi")) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "thread: '%s' is neither single nor multi", thread);
        return false;
    }
    sys->exec.single_thread |= single;
    sys->exec.multi_thread |= thread && !single;
    return keyval_only(props, known, error) &&
           keyval_bool(props, "one-insn-per-tb", &sys->exec.one_insn, error) &&
           keyval_bool(props, "jit", &sys->exec.jit, error) &&
           keyval_uint(props, "tb-size", 4096, &sys->exec.tb_mib, error);
}

/* Several -accel are tried in order, the first that exists is taken. */
static bool accel_options(System *sys, GError **error)
{
    const char *last = NULL;
    bool chosen = false;
    sys->exec.jit = true;
    for (guint i = 0; i < sys->cmd->accels->len && !chosen; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->accels, i);
        GVariant *parsed = keyval_parse(arg->text, "accel", error);
        if (!parsed) {
            g_prefix_error(error, "-accel %s: ", arg->text);
            return false;
        }
        g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
        const char *name = keyval_str(props, "accel");
        if (!name) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "-accel %s: the accelerator's name is missing (tcg or qtest)", arg->text);
            return false;
        }
        last = arg->text;
        chosen = find_accel(sys, name);
        if (chosen && !accel_values(sys, props, error)) {
            g_prefix_error(error, "-accel %s: ", arg->text);
            return false;
        }
    }
    if (last && !chosen) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-accel %s: this accelerator is not available: tcg and qtest are", last);
        return false;
    }
    return true;
}

static bool icount_shift(System *sys, GVariant *props, GError **error)
{
    const char *shift = keyval_str(props, "shift");

    if (!shift || !strcmp(shift, "auto")) {
        sys->exec.icount_adapt = true;
        sys->exec.icount_shift = 3; /* to begin with */
        return true;
    }
    return keyval_uint(props, "shift", 10, &sys->exec.icount_shift, error);
}

/* -icount [shift=]N|auto[,align=on|off][,sleep=on|off] */
static bool icount_options(System *sys, GError **error)
{
    static const char *const known[] = { "shift", "align", "sleep", NULL };
    const CmdLine *cmd = sys->cmd;

    if (!cmd->icount) {
        return true;
    }
    GVariant *parsed = keyval_parse(cmd->icount, "shift", error);
    if (!parsed) {
        return false;
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
    sys->exec.icount = sys->exec.icount_sleep = true;
    if (!keyval_only(props, known, error) || !icount_shift(sys, props, error) ||
        !keyval_bool(props, "align", &sys->exec.icount_align, error) ||
        !keyval_bool(props, "sleep", &sys->exec.icount_sleep, error)) {
        return false;
    }
    if (sys->exec.icount_align && !keyval_str(props, "shift")) {
        return config_error(error, "'align' needs a 'shift'");
    }
    if (sys->exec.icount_align && !sys->exec.icount_sleep) {
        return config_error(error, "align=on and sleep=off exclude each other");
    }
    if (sys->exec.multi_thread) {
        return config_error(error, "vCPUs whose instructions are counted take turns: they cannot "
                                   "run at a time (-accel tcg,thread=multi)");
    }
    if (sys->accel_qtest) {
        return config_error(error, "there are no instructions to count under -accel qtest");
    }
    return true;
}

static bool parse_memory(Machine *m, const char *text, GError **error)
{
    static const char *const known[] = { "size", "slots", "maxmem", NULL };
    GVariant *parsed = keyval_parse(text, "size", error);
    if (!parsed) {
        return false;
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
    const char *size = keyval_str(props, "size"), *max = keyval_str(props, "maxmem");
    if (!keyval_only(props, known, error) ||
        (size && !size_parse_unit("size", size, 1 << 20, &m->ram_bytes, error)) ||
        (max && !size_parse_unit("maxmem", max, 1 << 20, &m->max_ram_bytes, error)) ||
        !keyval_uint(props, "slots", 256, &m->ram_slots, error)) {
        return false;
    }
    m->ram_bytes = (m->ram_bytes + 8191) & ~(uint64_t)8191;
    if (!max) {
        if (m->ram_slots) {
            return config_error(error, "'slots' needs 'maxmem'");
        }
        m->max_ram_bytes = m->ram_bytes;
    }
    if (m->max_ram_bytes < m->ram_bytes) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "invalid value of maxmem: maximum memory size (0x%" PRIx64
                    ") must be at least the initial memory size (0x%" PRIx64 ")",
                    m->max_ram_bytes, m->ram_bytes);
        return false;
    }
    return true;
}

static bool parse_smp(Machine *m, const char *text, GError **error)
{
    static const char *const known[] = { "cpus",     "maxcpus", "sockets", "dies",
                                         "clusters", "modules", "cores",   "threads",
                                         "books",    "drawers", NULL };
    CpuTopology t = { 0 };
    unsigned *const at[] = { &t.cpus,    &t.max_cpus, &t.sockets, &t.dies,  &t.clusters,
                             &t.modules, &t.cores,    &t.threads, &t.books, &t.drawers };
    GVariant *parsed = keyval_parse(text, "cpus", error);
    if (!parsed) {
        return false;
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
    if (!keyval_only(props, known, error)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        if (!keyval_uint(props, known[i], 1024, at[i], error)) {
            return false;
        }
        if (keyval_str(props, known[i]) && !*at[i]) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                        "Invalid CPU topology: CPU topology parameters must be greater than zero "
                        "(%s)",
                        known[i]);
            return false;
        }
    }
    return machine_parse_smp(m, &t, error);
}

/* "MODEL,+f,-f,f=v": the model's full type name, and defaults for every CPU of that type. */
static bool parse_cpu(Vm *vm, Machine *m, const char *text, GError **error)
{
    const MachineOps *ops = machine_ops(m);
    if (!ops->cpu_type_suffix) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-cpu: machine '%s' has no place for a CPU", ops->machine_name);
        return false;
    }
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    g_autofree char *full = g_strconcat(parts[0] ? parts[0] : "", ops->cpu_type_suffix, NULL);
    const Type *type = type_find(vm->types, full);
    if (!type || type_is_abstract(type)) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-cpu: unable to find CPU model '%s'", parts[0] ? parts[0] : "");
        return false;
    }
    g_free(m->cpu_type);
    m->cpu_type = g_steal_pointer(&full);
    /* +f and -f count after all f=v, the removals last. */
    for (int pass = 0; pass < 3; pass++) {
        for (char **p = parts + 1; *p; p++) {
            char *eq = strchr(*p, '=');
            bool plus = **p == '+', minus = **p == '-';
            if ((pass == 1) != plus || (pass == 2) != minus) {
                continue;
            }
            g_autofree char *key =
                eq ? g_strndup(*p, (gsize)(eq - *p)) : g_strdup(*p + (plus || minus));
            g_strdelimit(key, "_", '-');
            if (!**p) { /* a trailing comma */
                continue;
            }
            if (!*key) {
                g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                            "-cpu %s: '%s' names no feature", text, *p);
                return false;
            }
            if (!machine_add_global(vm, m->cpu_type, key,
                                    eq      ? eq + 1
                                    : minus ? "off"
                                            : "on",
                                    error)) {
                g_prefix_error(error, "-cpu: ");
                return false;
            }
        }
    }
    return true;
}

/* DRIVER.PROPERTY=VALUE, or driver=DRIVER,property=PROPERTY,value=VALUE. */
static bool add_global(Vm *vm, const char *text, GError **error)
{
    static const char *const known[] = { "driver", "property", "value", NULL };
    const char *eq = strchr(text, '='), *dot = strchr(text, '.');
    if (eq && dot && dot < eq) {
        g_autofree char *driver = g_strndup(text, (gsize)(dot - text));
        g_autofree char *prop = g_strndup(dot + 1, (gsize)(eq - dot - 1));
        return machine_add_global(vm, driver, prop, eq + 1, error);
    }
    GVariant *parsed = eq ? keyval_parse(text, NULL, NULL) : NULL;
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    if (!props || !keyval_only(props, known, NULL) || g_variant_n_children(props) != 3) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "'%s' is not of the form DRIVER.PROPERTY=VALUE", text);
        return false;
    }
    return machine_add_global(vm, keyval_str(props, "driver"), keyval_str(props, "property"),
                              keyval_str(props, "value"), error);
}

static bool add_globals(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->globals->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->globals, i);
        if (!add_global(sys->vm, arg->text, error)) {
            g_prefix_error(error, "-global: ");
            return false;
        }
    }
    return true;
}

/* Letters of boot devices, 'a' to 'p', each at most once. */
static bool check_boot_devices(const char *key, const char *letters, GError **error)
{
    uint32_t seen = 0;
    for (const char *p = letters ? letters : ""; *p; p++) {
        uint32_t bit = *p >= 'a' && *p <= 'p' ? 1u << (*p - 'a') : 0;
        if (!bit || (seen & bit)) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION, "%s=%s: '%c' is %s",
                        key, letters, *p, bit ? "given twice" : "no boot device ('a' to 'p')");
            return false;
        }
        seen |= bit;
    }
    return true;
}

/* Milliseconds; -1, where it is allowed, stays what it is: none. */
static bool boot_time(GVariant *props, const char *key, unsigned limit, int32_t *out,
                      GError **error)
{
    unsigned value = 0;
    const char *text = keyval_str(props, key);

    if (!text || !strcmp(text, "-1")) {
        return true;
    }
    if (!keyval_uint(props, key, limit, &value, error)) {
        return false;
    }
    *out = (int32_t)value;
    return true;
}

static bool parse_boot(Machine *m, const char *text, GError **error)
{
    static const char *const known[] = { "order",  "once",        "menu",           "strict",
                                         "splash", "splash-time", "reboot-timeout", NULL };
    GVariant *parsed = keyval_parse(text, "order", error);
    if (!parsed) {
        return false;
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(parsed);
    m->boot_order = g_strdup(keyval_str(props, "order"));
    m->boot_once = g_strdup(keyval_str(props, "once"));
    m->boot_splash = g_strdup(keyval_str(props, "splash"));
    return keyval_only(props, known, error) && check_boot_devices("order", m->boot_order, error) &&
           check_boot_devices("once", m->boot_once, error) &&
           keyval_bool(props, "menu", &m->boot_menu, error) &&
           keyval_bool(props, "strict", &m->boot_strict, error) &&
           boot_time(props, "splash-time", 0xffff, &m->splash_time_ms, error) &&
           boot_time(props, "reboot-timeout", 0xffff, &m->reboot_timeout_ms, error);
}

static bool kernel_options(const CmdLine *cmd, Machine *m, GError **error)
{
    const struct {
        const char *value, *prop;
    } rows[] = {
        { cmd->kernel, "kernel" }, { cmd->initrd, "initrd" }, { cmd->append, "append" },
        { cmd->dtb, "dtb" },       { cmd->bios, "firmware" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value && !object_set_str(&m->dev.obj, rows[i].prop, rows[i].value, error)) {
            return false;
        }
    }
    const MachineOps *ops = machine_ops(m);
    if (m->kernel_file && !ops->boots_kernel) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-kernel: machine '%s' cannot boot a kernel", ops->machine_name);
        return false;
    }
    if (m->dtb_file && !ops->takes_dtb) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-dtb: machine '%s' takes no device tree", ops->machine_name);
        return false;
    }
    if (m->initrd_file && !m->kernel_file) {
        return config_error(error, "-initrd only makes sense with -kernel");
    }
    if (m->cmdline && !m->kernel_file) {
        return config_error(error, "-append only makes sense with -kernel");
    }
    return true;
}

/* When the machine is there, whose compat lists and -global hold for them as for devices. */
static bool apply_objects(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->objects->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->objects, i);
        GVariant *parsed = keyval_or_json(arg->text, "qom-type", error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
        if (!props || !objects_add(sys->vm, props, error)) {
            g_prefix_error(error, "-object %s: ", arg->text);
            return false;
        }
    }
    return true;
}

bool options_apply_machine(System *sys, GError **error)
{
    CmdLine *cmd = sys->cmd;
    if (!options_apply_rtc(sys, error) || !add_globals(sys, error)) {
        return false;
    }
    Machine *m = make_machine(sys, error);
    if (!m || !apply_objects(sys, error) || !machine_props(sys, m, error) ||
        !accel_options(sys, error)) {
        return false;
    }
    m->enable_defaults = !cmd->nodefaults;
    m->firmware_optional = sys->accel_qtest;
    for (guint i = 0; i < cmd->data_dirs->len; i++) {
        firmware_add_dir(sys->vm, ((Arg *)g_ptr_array_index(cmd->data_dirs, i))->text);
    }
    if (cmd->nographic || !g_strcmp0(cmd->display, "none")) {
        m->graphics = m->graphics && !cmd->nographic;
    }
    if (cmd->memory && !parse_memory(m, cmd->memory, error)) {
        g_prefix_error(error, "-m: ");
        return false;
    }
    if (m->memory_backend && *m->memory_backend && !cmd->memory) {
        m->ram_bytes = memory_backend_size(sys->vm, m->memory_backend);
        if (!m->ram_bytes) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                        "-machine: memory-backend: there is no memory backend '%s'",
                        m->memory_backend);
            return false;
        }
        m->max_ram_bytes = m->ram_bytes;
    }
    if (!icount_options(sys, error)) {
        g_prefix_error(error, "-icount %s: ", cmd->icount);
        return false;
    }
    if (cmd->smp && !parse_smp(m, cmd->smp, error)) {
        g_prefix_error(error, "-smp: ");
        return false;
    }
    if (cmd->boot && !parse_boot(m, cmd->boot, error)) {
        g_prefix_error(error, "-boot: ");
        return false;
    }
    return options_apply_numa(sys, m, error) && kernel_options(cmd, m, error) &&
           (!cmd->cpu || parse_cpu(sys->vm, m, cmd->cpu, error));
}

bool options_apply_devices(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->devices->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->devices, i);
        GVariant *parsed = keyval_or_json(arg->text, "driver", error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
        if (!props || !device_add_user(sys->vm, props, false, error)) {
            g_prefix_error(error, "-device %s: ", arg->text);
            return false;
        }
    }
    return true;
}
