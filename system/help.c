/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "help" as a value: -machine help, -cpu help, -device help, -device X,help, -object help, ... */
#include <stdio.h>
#include <string.h>
#include "backend/chardev/chardev.h"
#include "base/util/log.h"
#include "base/util/trace.h"
#include "system-priv.h"

static bool is_help(const char *text)
{
    return !strcmp(text, "help") || !strcmp(text, "?");
}

static bool wants_help(GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        Arg *arg = g_ptr_array_index(list, i);
        if (is_help(arg->text) || !strcmp(arg->text, "type=help")) {
            return true;
        }
    }
    return false;
}

static void print_machine(const Type *type, void *opaque)
{
    const CmdLine *cmd = opaque;
    const MachineOps *ops = type_ops(type);
    if (ops->target && strcmp(ops->target, cmd->target)) {
        return;
    }
    if (ops->alias) {
        printf("%-20s %s (alias of %s)\n", ops->alias, ops->description, ops->machine_name);
    }
    printf("%-20s %s%s%s\n", ops->machine_name, ops->description,
           ops->is_default ? " (default)" : "", ops->deprecated ? " (deprecated)" : "");
}

static void print_cpu(const Type *type, void *opaque)
{
    const char *suffix = opaque, *name = type_name(type);
    if (g_str_has_suffix(name, suffix)) {
        printf("  %-20.*s %s\n", (int)(strlen(name) - strlen(suffix)), name,
               type_info(type)->description ? type_info(type)->description : "");
    }
}

typedef struct {
    DeviceCategory category;
    bool titled;
} DeviceHelp;

static void print_device(const Type *type, void *opaque)
{
    DeviceHelp *h = opaque;
    const DeviceOps *ops = type_ops(type);
    if (!ops->user_creatable || ops->category != h->category || type_is_a(type, "machine")) {
        return;
    }
    if (!h->titled) {
        printf("%s%s:\n", h->category ? "\n" : "", device_category_title(h->category));
        h->titled = true;
    }
    printf("name \"%s\"", type_name(type));
    if (ops->bus_type) {
        printf(", bus %s", ops->bus_type);
    }
    if (ops->alias) {
        printf(", alias \"%s\"", ops->alias);
    }
    if (type_info(type)->description) {
        printf(", desc \"%s\"", type_info(type)->description);
    }
    printf("\n");
}

static void print_property(const Property *prop, void *opaque)
{
    g_autofree char *left = g_strdup_printf("  %s=<%s>", prop->name, property_type_name(prop));
    printf("%-30s %s%s%s%s%s\n", left, prop->description ? "- " : "",
           prop->description ? prop->description : "", prop->default_str ? " (default: " : "",
           prop->default_str ? prop->default_str : "", prop->default_str ? ")" : "");
}

static bool device_help(const CmdLine *cmd, Vm *vm, bool *handled, GError **error)
{
    for (guint i = 0; i < cmd->devices->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->devices, i);
        if (is_help(arg->text)) {
            for (int c = 0; c < DEVICE_CATEGORY_COUNT; c++) {
                DeviceHelp h = { (DeviceCategory)c, false };
                type_foreach(vm->types, "device", false, print_device, &h);
            }
            *handled = true;
            return true;
        }
        if (!g_str_has_suffix(arg->text, ",help") && !g_str_has_suffix(arg->text, ",?")) {
            continue;
        }
        g_autofree char *name = g_strndup(arg->text, strcspn(arg->text, ","));
        const Type *type = type_find(vm->types, name);
        if (!type || !type_is_a(type, "device")) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "-device %s: '%s' is not a valid device model name", arg->text, name);
            return false;
        }
        printf("%s options:\n", name);
        type_foreach_property(type, print_property, NULL);
        *handled = true;
    }
    return true;
}

static void print_object(const Type *type, void *opaque)
{
    if (type_info(type)->user_creatable && !type_is_a(type, "device")) {
        printf("  %s\n", type_name(type));
    }
}

static void print_trace_point(const TracePoint *point, void *opaque)
{
    printf("%s\n", point->name);
}

/* "X,help" in a list of X: what X is, or NULL. */
static char *help_subject(GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        Arg *arg = g_ptr_array_index(list, i);
        if (g_str_has_suffix(arg->text, ",help") || g_str_has_suffix(arg->text, ",?")) {
            const char *name = arg->text;
            name += g_str_has_prefix(name, "type=")       ? 5
                    : g_str_has_prefix(name, "qom-type=") ? 9
                                                          : 0;
            return g_strndup(name, strcspn(name, ","));
        }
    }
    return NULL;
}

static bool property_help(const CmdLine *cmd, Vm *vm, bool *handled, GError **error)
{
    g_autofree char *machine = help_subject(cmd->machine_props);
    g_autofree char *object = machine ? NULL : help_subject(cmd->objects);
    const Type *type = machine  ? machine_find(vm->types, machine, cmd->target)
                       : object ? type_find(vm->types, object)
                                : NULL;
    if (!machine && !object) {
        return true;
    }
    if (!type || (object && !type_info(type)->user_creatable)) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    machine ? "-machine: unsupported machine type \"%s\""
                            : "-object: invalid object type '%s'",
                    machine ? machine : object);
        return false;
    }
    printf("%s options:\n", machine ? machine : object);
    type_foreach_property(type, print_property, NULL);
    *handled = true;
    return true;
}

/* Options that have few values and one word to say about them. */
static bool short_help(const CmdLine *cmd)
{
    if (cmd->display && is_help(cmd->display)) {
        printf("Available display backend types:\nnone\n");
    } else if (cmd->vga && is_help(cmd->vga)) {
        printf("none                 no graphic card (default)\n");
    } else if (wants_help(cmd->netdevs)) {
        printf("Available netdev backend types:\nuser\n");
    } else {
        return false;
    }
    return true;
}

bool help_requested(const CmdLine *cmd, Vm *vm, bool *handled, GError **error)
{
    *handled = true;
    if (wants_help(cmd->machine_props)) {
        printf("Supported machines are:\n");
        type_foreach(vm->types, "machine", false, print_machine, (void *)cmd);
        return true;
    }
    if (cmd->cpu && is_help(cmd->cpu)) {
        g_autofree char *suffix = g_strdup_printf("-%s-cpu", cmd->target);
        printf("Available CPUs:\n");
        type_foreach(vm->types, "cpu", false, print_cpu, suffix);
        return true;
    }
    if (wants_help(cmd->accels)) {
        printf("Accelerators supported:\ntcg\nqtest\n");
        return true;
    }
    if (wants_help(cmd->objects)) {
        printf("List of user creatable objects:\n");
        type_foreach(vm->types, NULL, false, print_object, NULL);
        return true;
    }
    if (wants_help(cmd->chardevs)) {
        printf("Available chardev backend types:\n");
        for (int k = 0; k < CHARDEV_KIND__COUNT; k++) {
            printf("  %s\n", chardev_kind_name((ChardevKind)k));
        }
        return true;
    }
    if (cmd->log_items && is_help(cmd->log_items)) {
        printf("Log items (comma separated):\n");
        for (const LogItem *item = log_items(); item->name; item++) {
            printf("%-16s %s\n", item->name, item->help);
        }
        return true;
    }
    if (wants_help(cmd->traces)) {
        trace_foreach(print_trace_point, NULL);
        return true;
    }
    if (short_help(cmd)) {
        return true;
    }
    *handled = false;
    if (!property_help(cmd, vm, handled, error) || *handled) {
        return *handled;
    }
    return device_help(cmd, vm, handled, error);
}
