/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options for what a board tells its guest: NUMA nodes, and (once the board is there) tables and
 * firmware files.
 */
#include <string.h>
#include "base/util/units.h"
#include "hw/core/firmware.h"
#include "hw/core/numa.h"
#include "system/keyval.h"
#include "system-priv.h"

static bool config_error(GError **error, const char *text)
{
    g_set_error_literal(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG, text);
    return false;
}

static GBytes *fw_cfg_bytes(GVariant *props, GError **error)
{
    const char *file = keyval_str(props, "file"), *text = keyval_str(props, "string");
    char *data;
    gsize size;
    if (!file == !text) {
        config_error(error, "exactly one of 'file' and 'string' is needed");
        return NULL;
    }
    if (text) {
        return g_bytes_new(text, strlen(text));
    }
    return g_file_get_contents(file, &data, &size, error) ? g_bytes_new_take(data, size) : NULL;
}

static bool apply_fw_cfg(Machine *m, const char *text, GError **error)
{
    static const char *const known[] = { "name", "file", "string", NULL };
    GVariant *parsed = keyval_parse(text, "name", error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    if (!props || !keyval_only(props, known, error)) {
        return false;
    }
    const char *name = keyval_str(props, "name");
    if (!name || !*name || strlen(name) > 55) {
        return config_error(error, "'name' of 1 to 55 bytes is needed");
    }
    if (!machine_ops(m)->add_fw_cfg) {
        return config_error(error, "this machine has no fw_cfg");
    }
    g_autoptr(GBytes) bytes = fw_cfg_bytes(props, error);
    return bytes && machine_ops(m)->add_fw_cfg(m, name, bytes, error);
}

/* Firmware runs what lies below genroms/. */
static bool apply_option_rom(System *sys, Machine *m, const char *text, GError **error)
{
    static const char *const known[] = { "romfile", NULL };
    GVariant *parsed = keyval_parse(text, "romfile", error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    if (!props || !keyval_only(props, known, error)) {
        return false;
    }
    const char *name = keyval_str(props, "romfile");
    if (!name || !*name) {
        return config_error(error, "the name of a file is needed");
    }
    if (!machine_ops(m)->add_fw_cfg) {
        return config_error(error, "this machine has no fw_cfg");
    }
    g_autofree char *path = firmware_find(sys->vm, name, error);
    g_autofree char *leaf = g_path_get_basename(name);
    g_autofree char *file = g_strconcat("genroms/", leaf, NULL);
    char *data;
    gsize size;
    if (!path || !g_file_get_contents(path, &data, &size, error)) {
        return false;
    }
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, size);
    if (size < 3 || size % 512 || size > 64 * KiB || memcmp(data, "\x55\xaa", 2)) {
        return config_error(
            error, "an option ROM begins with 55 aa and has up to 128 blocks of 512 bytes");
    }
    return machine_ops(m)->add_fw_cfg(m, file, bytes, error);
}

static bool apply_acpi_table(Machine *m, const char *text, GError **error)
{
    GVariant *parsed = keyval_parse(text, NULL, error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;

    if (props && !machine_ops(m)->add_acpi_table) {
        return config_error(error, "this machine has no ACPI tables");
    }
    return props && machine_ops(m)->add_acpi_table(m, props, error);
}

/* Keys may be repeated: the values of such a one are a list. */
static GVariant *smbios_values(const char *text, GError **error)
{
    GVariant *parsed = keyval_parse(text, NULL, error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    if (!props) {
        return NULL;
    }
    if (!keyval_all(text, "value", values, error)) {
        return NULL;
    }
    if (values->len < 2) {
        return g_steal_pointer(&props);
    }
    GVariantDict dict;
    g_variant_dict_init(&dict, props);
    g_variant_dict_insert_value(&dict, "value",
                                g_variant_new_strv((const char *const *)values->pdata,
                                                   values->len));
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static bool apply_smbios(Machine *m, const char *text, GError **error)
{
    g_autoptr(GVariant) props = smbios_values(text, error);

    if (props && !machine_ops(m)->add_smbios) {
        return config_error(error, "this machine has no SMBIOS tables");
    }
    return props && machine_ops(m)->add_smbios(m, props, error);
}

bool options_apply_numa(System *sys, Machine *m, GError **error)
{
    if (sys->cmd->numas->len && !m->smp.cpus && !machine_parse_smp(m, &(CpuTopology){ 0 }, error)) {
        return false;
    }
    for (guint i = 0; i < sys->cmd->numas->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->numas, i);
        GVariant *parsed = keyval_parse(arg->text, "type", error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;

        if (props && !machine_ops(m)->takes_numa) {
            config_error(error, "this machine has no NUMA nodes");
        }
        if (!props || !machine_ops(m)->takes_numa || !numa_add(m, props, error)) {
            g_prefix_error(error, "-numa %s: ", arg->text);
            return false;
        }
    }
    return true;
}

bool options_apply_fw_cfgs(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->smbios->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->smbios, i);
        if (!apply_smbios(vm_machine(sys->vm), arg->text, error)) {
            g_prefix_error(error, "-smbios %s: ", arg->text);
            return false;
        }
    }
    for (guint i = 0; i < sys->cmd->acpi_tables->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->acpi_tables, i);
        if (!apply_acpi_table(vm_machine(sys->vm), arg->text, error)) {
            g_prefix_error(error, "-acpitable %s: ", arg->text);
            return false;
        }
    }
    for (guint i = 0; i < sys->cmd->option_roms->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->option_roms, i);
        if (!apply_option_rom(sys, vm_machine(sys->vm), arg->text, error)) {
            g_prefix_error(error, "-option-rom %s: ", arg->text);
            return false;
        }
    }
    for (guint i = 0; i < sys->cmd->fw_cfgs->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->fw_cfgs, i);
        if (!apply_fw_cfg(vm_machine(sys->vm), arg->text, error)) {
            g_prefix_error(error, "-fw_cfg %s: ", arg->text);
            return false;
        }
    }
    return true;
}
